//! One table of cache records for all sites that see many shapes.
//!
//! A record is found by shape and key. Records name keys and tables that they do
//! not keep alive, so the collector empties the table before it frees anything.
//!
//! This module may use `unsafe`; the bargain is that of `table`.
#![allow(unsafe_code)]

use super::{is_dictionary, prop_get, prop_set, reserve_prop};
use crate::cache::{Cache, REST_KNOWN, kind};
use crate::heap::Heap;
use crate::object::{Str, Table};
use crate::string::is_short;
use crate::value::Slot;

/// Records for each of reading and writing, once there is one; a power of two.
const RECORDS: usize = 1024;

/// What is known of a key in tables of a shape. Compiled code reads and writes by records as well.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Record {
    /// The key; null when there is no record.
    pub key: *mut Str,
    /// What is known, for the shape that it names.
    pub cache: Cache,
}

const EMPTY: Record = Record { key: std::ptr::null_mut(), cache: Cache::EMPTY };

/// Records for reading, or for writing.
#[repr(C)]
pub struct Lookup {
    /// The first of them.
    pub first: *const Record,
    /// Their number less one.
    pub mask: usize,
    records: Box<[Record]>,
}

/// The records of a heap.
pub struct Lookups {
    /// For reading.
    pub reads: Lookup,
    /// For writing.
    pub writes: Lookup,
}

// SAFETY: `first` is the address of `records`, which stay where they are.
unsafe impl Send for Lookup {}

impl Lookup {
    fn new(count: usize) -> Lookup {
        let records = vec![EMPTY; count].into_boxed_slice();
        Lookup { first: records.as_ptr(), mask: count - 1, records }
    }

    fn keep(&mut self, record: Record) {
        if self.records.len() < RECORDS {
            *self = Lookup::new(RECORDS);
        }
        self.records[place(record.cache.shape, record.key) & self.mask] = record;
    }

    /// The record for a key in tables of a shape, if there is one.
    #[inline(always)]
    fn find(&self, shape: u32, key: *mut Str) -> Option<&Cache> {
        let record = &self.records[place(shape, key) & self.mask];
        (record.key == key && record.cache.shape == shape).then_some(&record.cache)
    }
}

impl Lookups {
    pub(crate) fn new() -> Lookups {
        Lookups { reads: Lookup::new(1), writes: Lookup::new(1) }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.reads.records.fill(EMPTY);
        self.writes.records.fill(EMPTY);
    }
}

/// The product of this and a shape spreads shapes over the records.
pub const SPREAD: u32 = 0x9E37_79B1;
/// Bits of a key's address that are the same for all.
pub const KEY_SHIFT: u32 = 4;
/// Upper bits come down by so many.
pub const FOLD: u32 = 10;

#[inline(always)]
fn place(shape: u32, key: *mut Str) -> usize {
    let mixed = (key as usize >> KEY_SHIFT) as u32 ^ shape.wrapping_mul(SPREAD);
    (mixed ^ mixed >> FOLD) as usize
}

impl Heap {
    /// `t[key]` with what `__index` tables say, to a slot; false when it takes more to find out.
    ///
    /// # Safety
    /// `t` and `key` are live, and the slot can be written to.
    #[inline(always)]
    pub unsafe fn look_up(&mut self, t: *mut Table, key: *mut Str, to: *mut Slot) -> bool {
        // SAFETY: live by contract; records for the table's shape hold for the table.
        unsafe {
            if let Some(cache) = self.lookups.reads.find((*t).header.aux, key)
                && let Some(value) = self.answer(cache, t)
            {
                (*to).payload = value.payload;
                (*to).tag = value.tag;
                return true;
            }
            self.look_up_anew(t, key, to)
        }
    }

    #[cold]
    #[inline(never)]
    unsafe fn look_up_anew(&mut self, t: *mut Table, key: *mut Str, to: *mut Slot) -> bool {
        // SAFETY: as `look_up`.
        unsafe {
            if is_dictionary(t) || !is_short(key) {
                return false;
            }
            let mut cache = Cache::EMPTY;
            if !self.cache_get(t, key, &mut cache) {
                return false;
            }
            self.lookups.reads.keep(Record { key, cache });
            let Some(value) = self.answer(&cache, t) else { return false };
            *to = value;
            true
        }
    }

    #[inline(always)]
    unsafe fn answer(&self, cache: &Cache, t: *mut Table) -> Option<Slot> {
        // SAFETY: as `look_up`; a holder that died was forgotten.
        unsafe {
            let current = cache.epoch == self.meta_epoch;
            match cache.kind {
                kind::OWN => {
                    let value = prop_get(t, usize::from(cache.slot));
                    let known = !value.is_nil() || (*t).meta.is_null() || current && cache.next_shape == REST_KNOWN;
                    known.then_some(value)
                }
                kind::CHAIN if current && (*cache.holder).header.aux == cache.next_shape => {
                    let value = prop_get(cache.holder, usize::from(cache.slot));
                    (!value.is_nil()).then_some(value)
                }
                kind::ABSENT if current => Some(Slot::NIL),
                _ => None,
            }
        }
    }

    /// `t[key] = value` if a record tells how; whether it was done.
    ///
    /// # Safety
    /// All are live.
    #[inline(never)]
    pub unsafe fn look_up_to_set(&mut self, t: *mut Table, key: *mut Str, value: Slot) -> bool {
        // SAFETY: as `look_up`.
        unsafe {
            if let Some(cache) = self.lookups.writes.find((*t).header.aux, key).copied()
                && self.store_by(&cache, t, value)
            {
                return true;
            }
            if is_dictionary(t) || !is_short(key) {
                return false;
            }
            let mut cache = Cache::EMPTY;
            if !self.cache_set(t, key, &mut cache) {
                return false;
            }
            self.lookups.writes.keep(Record { key, cache });
            self.store_by(&cache, t, value)
        }
    }

    /// Stores a field as a record for the table's shape says; whether it did.
    ///
    /// # Safety
    /// As [`Heap::look_up`].
    pub(crate) unsafe fn store_by(&mut self, cache: &Cache, t: *mut Table, value: Slot) -> bool {
        // SAFETY: as `look_up`.
        unsafe {
            let slot = usize::from(cache.slot);
            let current = cache.epoch == self.meta_epoch;
            match cache.kind {
                kind::OWN => {
                    let plain = (*t).meta.is_null() || current && cache.next_shape == REST_KNOWN;
                    if !plain && prop_get(t, slot).is_nil() {
                        return false;
                    }
                }
                kind::ADD if current && !value.is_nil() => {
                    if u32::from(cache.slot) >= (*t).props_cap && reserve_prop(self, t).is_err() {
                        return false;
                    }
                    (*t).header.aux = cache.next_shape;
                }
                _ => return false,
            }
            prop_set(t, slot, value);
            self.barrier(t.cast(), value);
            true
        }
    }
}
