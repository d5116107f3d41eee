//! Filling inline caches, and what keeps them right when metatables change.
//!
//! A cache trusts the receiver's shape for the metatable's class, and the epoch
//! for everything that classes do not say: a write to a `__` key of a
//! metatable, a key added to a table in the middle of an `__index` chain, or
//! another metatable for such a table, starts a new epoch. Tables of both
//! sorts have watched shapes, for which no cache lets a write pass by here.
//!
//! This module may use `unsafe`; the bargain is that of `table`.
#![allow(unsafe_code)]

use super::{InvalidKey, find_prop, get_str, is_dictionary, prop_get};
use crate::cache::{Cache, REST_KNOWN, kind};
use crate::heap::Heap;
use crate::meta::Event;
use crate::object::{Str, Table, flag};
use crate::shape::{CLASS_NONE, CLASS_POLY, MAX_PROPS};
use crate::string::{is_short, str_bytes};
use crate::value::{Slot, tag};

/// Flag of tables in the middle of an `__index` chain that a cache went along.
pub(crate) const WATCHED: u8 = 64;
/// Flag of metatables whose class is that of their `__index`.
pub(crate) const BY_VALUE: u8 = 128;
/// Longest `__index` chain that a cache goes along.
const MAX_CHAIN: usize = 8;

/// A key of a metatable is about to be written.
#[inline]
pub(super) unsafe fn watch(heap: &mut Heap, meta: *mut Table, key: *mut Str) {
    // SAFETY: live by contract of the caller.
    unsafe {
        if !str_bytes(key).starts_with(b"__") {
            return;
        }
        (*meta).absent_events = 0;
        heap.new_epoch();
        if (*meta).header.flags & BY_VALUE != 0 {
            let index = get_str(heap, meta, heap.event_names[Event::Index as usize]);
            heap.shapes.distrust_index_class(index.as_ptr());
            (*meta).header.flags &= !BY_VALUE;
        }
    }
}

unsafe fn become_watched(heap: &mut Heap, t: *mut Table) {
    // SAFETY: live by contract of the callers.
    unsafe {
        if !is_dictionary(t) {
            (*t).header.aux = heap.shapes.watched((*t).header.aux);
        }
    }
}

/// From now on writes to `__` keys of the table are watched.
///
/// # Safety
/// `t` is live.
pub unsafe fn become_meta(heap: &mut Heap, t: *mut Table) {
    // SAFETY: live by contract.
    unsafe {
        if (*t).header.flags & flag::IS_META == 0 {
            (*t).header.flags |= flag::IS_META;
            become_watched(heap, t);
        }
    }
}

/// From now on additions of keys to the table are watched.
///
/// # Safety
/// `t` is live.
pub unsafe fn become_holder(heap: &mut Heap, t: *mut Table) {
    // SAFETY: live by contract.
    unsafe {
        if (*t).header.flags & WATCHED == 0 {
            (*t).header.flags |= WATCHED;
            become_watched(heap, t);
        }
    }
}

/// Sets the metatable and the shape that goes with it.
pub(crate) unsafe fn set_meta(heap: &mut Heap, t: *mut Table, meta: *mut Table) {
    // SAFETY: live by contract of the caller.
    unsafe {
        let class = if meta.is_null() { CLASS_NONE } else { class_of(heap, meta) };
        (*t).meta = meta;
        if !is_dictionary(t) {
            (*t).header.aux = heap.shapes.with_class((*t).header.aux, class);
        }
        if (*t).header.flags & (flag::IS_META | WATCHED) != 0 {
            heap.new_epoch();
        }
    }
}

unsafe fn class_of(heap: &mut Heap, meta: *mut Table) -> u32 {
    // SAFETY: live by contract of the caller.
    unsafe {
        if let Some(class) = heap.shapes.known_class(meta) {
            return class;
        }
        let index = only_index(heap, meta);
        become_meta(heap, meta);
        match index {
            Some(index) if index != meta => {
                let class = heap.shapes.index_class(index);
                if class != CLASS_POLY {
                    (*meta).header.flags |= BY_VALUE;
                }
                class
            }
            _ => heap.shapes.exact_class(meta),
        }
    }
}

/// What `__index` holds, when that is a table and the only field.
unsafe fn only_index(heap: &Heap, meta: *mut Table) -> Option<*mut Table> {
    // SAFETY: live by contract of the caller.
    unsafe {
        if is_dictionary(meta) || !(*meta).hash.is_null() {
            return None;
        }
        let shape = heap.shapes.get((*meta).header.aux);
        if shape.count != 1 || shape.key(0) != heap.event_names[Event::Index as usize] {
            return None;
        }
        let index = prop_get(meta, 0);
        (index.tag == tag::TABLE).then(|| index.as_ptr())
    }
}

/// What a search along `__index` came to.
enum Found {
    Holder(*mut Table, u16),
    Nowhere,
}

impl Heap {
    /// Fills a cache for reading `t[key]`, if that is possible.
    ///
    /// A hit of `CHAIN` or `ABSENT` needs the epoch besides the shapes; a nil
    /// read by a hit of `OWN` or `CHAIN` counts as a miss if there is a metatable
    /// (for `OWN`: unless the rest is known, which needs the epoch).
    ///
    /// # Safety
    /// `t` and `key` are live.
    pub unsafe fn cache_get(&mut self, t: *mut Table, key: *mut Str, cache: &mut Cache) -> bool {
        // SAFETY: live by contract.
        unsafe {
            if is_dictionary(t) || !is_short(key) {
                return false;
            }
            if let Some(slot) = find_prop(self, t, key) {
                let own = !prop_get(t, usize::from(slot)).is_nil() || (*t).meta.is_null();
                let nothing_else = !own && matches!(self.search_chain(t, key), Ok(Found::Nowhere));
                if own || nothing_else {
                    self.fill(cache, t, kind::OWN, slot);
                    cache.next_shape = if nothing_else { REST_KNOWN } else { 0 };
                }
                return own || nothing_else;
            }
            match self.search_chain(t, key) {
                Ok(Found::Holder(holder, slot)) => {
                    self.fill(cache, t, kind::CHAIN, slot);
                    cache.holder = holder;
                    cache.next_shape = (*holder).header.aux;
                }
                Ok(Found::Nowhere) => self.fill(cache, t, kind::ABSENT, 0),
                Err(InvalidKey) => return false,
            }
            true
        }
    }

    /// Fills a cache for reading `s[key]` for strings, whose metatable is `meta`, if that is possible.
    /// A hit needs the epoch, the shape of the holder, and a value that is not nil.
    ///
    /// # Safety
    /// `meta` and `key` are live.
    pub unsafe fn cache_method(&mut self, meta: *mut Table, key: *mut Str, cache: &mut Cache) -> bool {
        // SAFETY: live by contract.
        unsafe {
            become_meta(self, meta);
            let index = self.metamethod(meta, Event::Index);
            let holder = index.as_ptr::<Table>();
            if index.tag != tag::TABLE || is_dictionary(holder) || !is_short(key) {
                return false;
            }
            let Some(slot) = find_prop(self, holder, key) else { return false };
            let (epoch, next_shape) = (self.meta_epoch, (*holder).header.aux);
            *cache = Cache { shape: 0, slot, kind: kind::OF_STRING, misses: cache.misses, next_shape, epoch, holder };
            true
        }
    }

    /// The metatable of all values of a type changes.
    pub(crate) fn new_type_meta(&mut self) {
        self.new_epoch();
    }

    /// Fills a cache for writing `t[key]`, if that is possible.
    ///
    /// A hit of `OWN` that would overwrite nil counts as a miss if there is a
    /// metatable (unless the rest is known). A hit of `ADD` needs the epoch, `slot < props_cap`, and a barrier for the value.
    ///
    /// # Safety
    /// `t` and `key` are live.
    pub unsafe fn cache_set(&mut self, t: *mut Table, key: *mut Str, cache: &mut Cache) -> bool {
        // SAFETY: live by contract.
        unsafe {
            if is_dictionary(t) || !is_short(key) {
                return false;
            }
            let id = (*t).header.aux;
            let shape = self.shapes.get(id);
            let (count, class, watched) = (shape.count, shape.class, shape.watched);
            if let Some(slot) = shape.find(key) {
                if watched && str_bytes(key).starts_with(b"__") {
                    return false;
                }
                let no_newindex = self.shapes.is_reliable(class) && self.metamethod((*t).meta, Event::NewIndex).is_nil();
                self.fill(cache, t, kind::OWN, slot);
                cache.next_shape = if no_newindex { REST_KNOWN } else { 0 };
                return true;
            }
            let may_add = !watched && count < MAX_PROPS && (count < 16 || !count.is_power_of_two());
            if !may_add || !self.shapes.is_reliable(class) || self.shapes.is_crowded(id, key) {
                return false;
            }
            if !self.metamethod((*t).meta, Event::NewIndex).is_nil() {
                return false;
            }
            self.fill(cache, t, kind::ADD, count as u16);
            cache.next_shape = self.shapes.add(id, key);
            true
        }
    }

    unsafe fn fill(&self, cache: &mut Cache, t: *mut Table, kind: u8, slot: u16) {
        // SAFETY: live by contract of the callers.
        cache.shape = unsafe { (*t).header.aux };
        cache.slot = slot;
        cache.kind = kind;
        cache.next_shape = 0;
        cache.epoch = self.meta_epoch;
        cache.holder = std::ptr::null_mut();
    }

    /// Looks along the `__index` tables of `t`, which lacks the key, and has
    /// everything on the way watched. An error says that caches cannot tell.
    unsafe fn search_chain(&mut self, t: *mut Table, key: *mut Str) -> Result<Found, InvalidKey> {
        // SAFETY: live by contract of the caller; so is what live tables refer to.
        unsafe {
            let mut at = t;
            for _ in 0..MAX_CHAIN {
                let class = self.shapes.get((*at).header.aux).class;
                if !self.shapes.is_reliable(class) {
                    return Err(InvalidKey);
                }
                let index: Slot = self.metamethod((*at).meta, Event::Index);
                if index.is_nil() {
                    return Ok(Found::Nowhere);
                }
                at = index.as_ptr();
                if index.tag != tag::TABLE || is_dictionary(at) {
                    return Err(InvalidKey);
                }
                if let Some(slot) = find_prop(self, at, key) {
                    let is_nil = prop_get(at, usize::from(slot)).is_nil();
                    return if is_nil { Err(InvalidKey) } else { Ok(Found::Holder(at, slot)) };
                }
                become_holder(self, at);
            }
            Err(InvalidKey)
        }
    }
}
