//! Tables: raw access with the exact semantics of the language.
//!
//! This module may use `unsafe`: tables are plain data with storage beside
//! them. The bargain: table, key and value pointers are live; the array has
//! `array_len` and the properties as many initialised elements as the shape
//! has keys; integer keys up to `array_len` are never in the hash with a value,
//! and neither is `array_len + 1`.
//!
//! What metatables do to accesses is the interpreter's business; here is only
//! what keeps caches honest when metatables change (`cache`).
#![allow(unsafe_code)]

mod cache;
mod hash;
pub(crate) mod lookup;

pub use cache::become_meta;
pub(crate) use cache::{WATCHED, set_meta};
pub(crate) use hash::{Entry, entry as hash_entry, used as hash_used};

use std::sync::atomic::Ordering;
use crate::heap::block::SIZES;
use crate::heap::{Heap, OutOfMemory};
use crate::object::{Str, Table, flag};
use crate::shape::{DICTIONARY, MAX_PROPS};
use crate::string::is_short;
use crate::value::{Slot, tag};

/// Why a value cannot be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetError {
    /// The key is nil.
    NilKey,
    /// The key is not a number.
    NanKey,
    /// No memory.
    Memory,
}

impl From<OutOfMemory> for SetError {
    fn from(_: OutOfMemory) -> SetError {
        SetError::Memory
    }
}

/// The key given to [`next`] is not in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidKey;

/// Reads element `at` of array or property storage.
///
/// # Safety
/// The element is within the storage and initialised.
#[inline(always)]
pub(crate) unsafe fn load(storage: *mut u8, at: usize) -> Slot {
    // SAFETY: by contract; payloads grow upwards and tags downwards.
    unsafe {
        Slot { payload: *storage.cast::<u64>().add(at), tag: u64::from(*storage.sub(1 + at)) }
    }
}

/// Writes element `at` of array or property storage.
///
/// # Safety
/// The element is within the storage.
#[inline(always)]
pub(crate) unsafe fn store(storage: *mut u8, at: usize, value: Slot) {
    // SAFETY: as for `load`.
    unsafe {
        *storage.cast::<u64>().add(at) = value.payload;
        *storage.sub(1 + at) = value.tag as u8;
    }
}

/// # Safety
/// As for [`load`].
#[inline(always)]
unsafe fn is_nil(storage: *mut u8, at: usize) -> bool {
    // SAFETY: by contract.
    unsafe { *storage.sub(1 + at) == tag::NIL as u8 }
}

/// Element `index` (from 0) of the array part.
///
/// # Safety
/// `index < array_len`.
#[inline(always)]
pub unsafe fn array_get(t: *mut Table, index: usize) -> Slot {
    // SAFETY: by contract.
    unsafe { load((*t).array, index) }
}

/// Stores into the array part, without barrier.
///
/// # Safety
/// `index < array_len`.
#[inline(always)]
pub unsafe fn array_set(t: *mut Table, index: usize, value: Slot) {
    // SAFETY: by contract.
    unsafe { store((*t).array, index, value) }
}

/// Moves elements within the array part, without barrier.
///
/// # Safety
/// Both ranges are below `array_len`.
pub unsafe fn array_shift(t: *mut Table, from: usize, to: usize, count: usize) {
    // SAFETY: by contract; payloads stand upwards from the pointer, tags downwards.
    unsafe {
        let payloads = (*t).array.cast::<u64>();
        std::ptr::copy(payloads.add(from), payloads.add(to), count);
        std::ptr::copy((*t).array.sub(from + count), (*t).array.sub(to + count), count);
    }
}

/// The property in a slot.
///
/// # Safety
/// The shape has more than `slot` keys.
#[inline(always)]
pub unsafe fn prop_get(t: *mut Table, slot: usize) -> Slot {
    // SAFETY: by contract.
    unsafe { load((*t).props, slot) }
}

/// Stores a property, without barrier.
///
/// # Safety
/// `slot < props_cap`.
#[inline(always)]
pub unsafe fn prop_set(t: *mut Table, slot: usize, value: Slot) {
    // SAFETY: by contract.
    unsafe { store((*t).props, slot, value) }
}

/// Whether string keys live in the side hash.
///
/// # Safety
/// `t` is live.
#[inline(always)]
pub unsafe fn is_dictionary(t: *const Table) -> bool {
    // SAFETY: live by contract.
    unsafe { (*t).header.flags & flag::DICTIONARY != 0 }
}

/// The slot of a short string among the properties, whatever its value.
///
/// # Safety
/// `t` and `key` are live, `key` is short.
#[inline(always)]
pub unsafe fn find_prop(heap: &Heap, t: *mut Table, key: *mut Str) -> Option<u16> {
    // SAFETY: live by contract. The shape of dictionaries is empty.
    unsafe { heap.shapes.get((*t).header.aux).find(key) }
}

/// Floats with the value of an integer become that integer; booleans lose their payload.
#[inline(always)]
pub fn normalise(key: Slot) -> Slot {
    match key.tag {
        tag::FLOAT => {
            let float = key.as_float();
            let limit = 9_223_372_036_854_775_808.0;
            if float >= -limit && float < limit && float.trunc() == float {
                return Slot::int(float as i64);
            }
            key
        }
        tag::FALSE | tag::TRUE => Slot { payload: 0, tag: key.tag },
        _ => key,
    }
}

/// `t[key]`, raw.
///
/// # Safety
/// `t` and `key` are live.
#[inline]
pub unsafe fn get(t: *mut Table, key: Slot, heap: &Heap) -> Slot {
    // SAFETY: live by contract.
    unsafe {
        match key.tag {
            tag::STRING => get_str(heap, t, key.as_ptr()),
            tag::INT => get_int(t, key.as_int()),
            tag::NIL => Slot::NIL,
            _ => match normalise(key) {
                key if key.tag == tag::INT => get_int(t, key.as_int()),
                key => get_hash(heap, t, key),
            },
        }
    }
}

/// `t[key]` for an integer, raw.
///
/// # Safety
/// `t` is live.
#[inline]
pub unsafe fn get_int(t: *mut Table, key: i64) -> Slot {
    let index = (key as u64).wrapping_sub(1);
    // SAFETY: live by contract; the index is checked.
    unsafe {
        if index < u64::from((*t).array_len) {
            return load((*t).array, index as usize);
        }
        if (*t).hash.is_null() {
            return Slot::NIL;
        }
        let key = Slot::int(key);
        match hash::find((*t).hash, key, int_code(key)) {
            Some(at) => (*hash::entry((*t).hash, at)).value,
            None => Slot::NIL,
        }
    }
}

/// Must agree with `hash::hash_key`, but needs no heap.
#[inline(always)]
fn int_code(key: Slot) -> u32 {
    ((key.payload ^ key.tag << 56).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u32
}

/// `t[key]` for a string, raw.
///
/// # Safety
/// `t` and `key` are live.
#[inline]
pub unsafe fn get_str(heap: &Heap, t: *mut Table, key: *mut Str) -> Slot {
    // SAFETY: live by contract; `find_prop` gives slots of the shape.
    unsafe {
        if is_short(key) && !is_dictionary(t) {
            return match find_prop(heap, t, key) {
                Some(slot) => load((*t).props, usize::from(slot)),
                None => Slot::NIL,
            };
        }
        get_hash(heap, t, Slot::object(key, tag::STRING))
    }
}

unsafe fn get_hash(heap: &Heap, t: *mut Table, key: Slot) -> Slot {
    // SAFETY: live by contract of the callers.
    unsafe {
        if (*t).hash.is_null() {
            return Slot::NIL;
        }
        match hash::find((*t).hash, key, hash::hash_key(heap, key)) {
            Some(at) => (*hash::entry((*t).hash, at)).value,
            None => Slot::NIL,
        }
    }
}

/// `t[key] = value`, raw.
///
/// # Safety
/// All are live.
#[inline]
pub unsafe fn set(heap: &mut Heap, t: *mut Table, key: Slot, value: Slot) -> Result<(), SetError> {
    // SAFETY: live by contract.
    unsafe {
        match key.tag {
            tag::STRING => Ok(set_str(heap, t, key.as_ptr(), value)?),
            tag::INT => Ok(set_int(heap, t, key.as_int(), value)?),
            tag::NIL => Err(SetError::NilKey),
            _ => match normalise(key) {
                key if key.tag == tag::INT => Ok(set_int(heap, t, key.as_int(), value)?),
                key if key.tag == tag::FLOAT && key.as_float().is_nan() => Err(SetError::NanKey),
                key => Ok(set_hash(heap, t, key, value)?),
            },
        }
    }
}

/// `t[key] = value` for an integer, raw.
///
/// # Safety
/// All are live.
#[inline]
pub unsafe fn set_int(heap: &mut Heap, t: *mut Table, key: i64, value: Slot) -> Result<(), OutOfMemory> {
    let index = (key as u64).wrapping_sub(1);
    // SAFETY: live by contract; the index is checked.
    unsafe {
        let len = u64::from((*t).array_len);
        if index < len {
            store((*t).array, index as usize, value);
            if value.is_nil() {
                if index + 1 == len {
                    shrink(t);
                }
                return Ok(());
            }
            heap.barrier(t.cast(), value);
            return Ok(());
        }
        if index == len && !value.is_nil() {
            return append(heap, t, value);
        }
        set_hash(heap, t, Slot::int(key), value)
    }
}

/// `t[start + 1], t[start + 2], … = values`, for a constructor. Nils between the others become elements
/// of the array part, so that `#{1, nil, 3}` is 3 as in the reference.
///
/// # Safety
/// All are live.
pub unsafe fn set_list(heap: &mut Heap, t: *mut Table, start: u32, values: &[Slot]) -> Result<(), OutOfMemory> {
    let needed = values.iter().rposition(|value| !value.is_nil()).map_or(0, |last| start + last as u32 + 1);
    // SAFETY: live by contract; the array has room for what is stored.
    unsafe {
        let old_len = (*t).array_len;
        let len = old_len.max(needed);
        resize(heap, t, len, 0)?;
        // Between the elements and the list lie nils, or what the constructor gave a key.
        for at in old_len..start.min(len) {
            let value = get_int(t, i64::from(at) + 1);
            store((*t).array, at as usize, value);
            heap.barrier(t.cast(), value);
        }
        for (at, value) in (start..len).zip(values) {
            store((*t).array, at as usize, *value);
            heap.barrier(t.cast(), *value);
        }
        (*t).array_len = len;
        shrink(t);
        if !(*t).hash.is_null() && (*hash::head((*t).hash)).int_keys > 0 {
            let stale = if needed > 0 { old_len } else { start };
            (stale..start + values.len() as u32).for_each(|at| forget_int(t, i64::from(at) + 1));
            return migrate(heap, t);
        }
        Ok(())
    }
}

/// Drops the nils at the end of the array part: each drop was paid by an append.
unsafe fn shrink(t: *mut Table) {
    // SAFETY: elements below `array_len` are initialised.
    unsafe {
        let mut len = (*t).array_len as usize;
        while len > 0 && is_nil((*t).array, len - 1) {
            len -= 1;
        }
        (*t).array_len = len as u32;
    }
}

/// Stores at `array_len + 1`.
#[inline]
unsafe fn append(heap: &mut Heap, t: *mut Table, value: Slot) -> Result<(), OutOfMemory> {
    // SAFETY: live by contract of the callers.
    unsafe {
        let len = (*t).array_len;
        if len == (*t).array_cap {
            return append_growing(heap, t, value);
        }
        store((*t).array, len as usize, value);
        (*t).array_len = len + 1;
        heap.barrier(t.cast(), value);
        if !(*t).hash.is_null() && (*hash::head((*t).hash)).int_keys > 0 {
            forget_int(t, i64::from(len) + 1);
            return migrate(heap, t);
        }
        Ok(())
    }
}

/// Stores at `array_len + 1` when that needs nothing else; whether it did. Without barrier.
///
/// # Safety
/// `t` is live.
#[inline(always)]
pub unsafe fn append_fast(t: *mut Table, index: u64, value: Slot) -> bool {
    // SAFETY: live by contract; there is room.
    unsafe {
        let len = (*t).array_len;
        let fits = index == u64::from(len) && len < (*t).array_cap && value.tag != tag::NIL;
        if !fits || !(*t).hash.is_null() || may_intercept(t) {
            return false;
        }
        store((*t).array, len as usize, value);
        (*t).array_len = len + 1;
        true
    }
}

/// Whether a store of a new key may be the business of `__newindex`, as far as the metatable's notes tell.
#[inline(always)]
unsafe fn may_intercept(t: *mut Table) -> bool {
    // SAFETY: live by contract of the caller.
    unsafe {
        let meta = (*t).meta;
        !meta.is_null() && (*meta).absent_events & Table::NO_NEW_INDEX == 0
    }
}

/// The key may be in the hash: removed, or left by a migration that ran out of memory.
#[cold]
unsafe fn forget_int(t: *mut Table, key: i64) {
    let key = Slot::int(key);
    // SAFETY: live by contract of the caller; entries found are in use.
    unsafe {
        if let Some(at) = hash::find((*t).hash, key, int_code(key)) {
            bury(hash::entry((*t).hash, at));
        }
    }
}

/// Empties the entry of an integer key that is in the array now: a traversal
/// must not find it, or it would go on here when the array shrinks.
unsafe fn bury(entry: *mut Entry) {
    // SAFETY: the entry is in use, by contract of the callers.
    unsafe { *entry = Entry { key: Slot { payload: 0, tag: hash::DEAD_KEY }, value: Slot::NIL } }
}

#[cold]
unsafe fn append_growing(heap: &mut Heap, t: *mut Table, value: Slot) -> Result<(), OutOfMemory> {
    // SAFETY: live by contract of the callers.
    unsafe {
        let cap = (*t).array_cap;
        let key = i64::from((*t).array_len) + 1;
        if cap >= 64 {
            let used = (0..cap as usize).filter(|&at| !is_nil((*t).array, at)).count();
            if used <= cap as usize / 2 {
                // A queue that moved on: what is left of it belongs into the hash.
                rebuild(heap, t, Some(key), Count::Always)?;
                return store_after_rebuild(heap, t, key, value);
            }
        }
        grow_array(heap, t, if cap == 0 { 4 } else { cap.checked_mul(2).ok_or(OutOfMemory)? })?;
        append(heap, t, value)
    }
}

/// Moves integer keys that continue the array out of the hash.
#[cold]
unsafe fn migrate(heap: &mut Heap, t: *mut Table) -> Result<(), OutOfMemory> {
    // SAFETY: live by contract of the callers; entries found are in use.
    unsafe {
        if (*hash::head((*t).hash)).int_keys == 0 {
            return Ok(());
        }
        loop {
            let key = Slot::int(i64::from((*t).array_len) + 1);
            let Some(at) = hash::find((*t).hash, key, int_code(key)) else { break };
            let entry = hash::entry((*t).hash, at);
            if (*entry).value.is_nil() {
                break;
            }
            if (*t).array_len == (*t).array_cap {
                grow_array(heap, t, (*t).array_cap.checked_mul(2).ok_or(OutOfMemory)?.max(4))?;
            }
            store((*t).array, (*t).array_len as usize, (*entry).value);
            (*t).array_len += 1;
            bury(entry);
        }
        Ok(())
    }
}

/// Bytes of storage for `cap` elements, and where its pointer is.
#[inline(always)]
fn storage_layout(cap: u32) -> (usize, usize) {
    let tags = (cap as usize + 7) & !7;
    (tags + cap as usize * 8, tags)
}

/// Largest cell that has storage behind its table.
const LARGEST_WITH_STORAGE: usize = 256;

/// Where a table in one cell with its storage has what, in bytes from its first.
pub(crate) struct Placement {
    /// Bytes of all.
    pub bytes: usize,
    /// What [`Table::array`] leads to; 0 for null.
    pub array: usize,
    /// The same for [`Table::props`].
    pub props: usize,
}

/// How a table with room for so many array items and properties is placed in one cell, if they are few.
#[inline(always)]
pub(crate) fn placement(n_array: u32, n_props: u32) -> Option<Placement> {
    let (array_bytes, array_tags) = storage_layout(n_array);
    let (props_bytes, props_tags) = storage_layout(n_props);
    let array = size_of::<Table>() + array_tags;
    let props = size_of::<Table>() + array_bytes + props_tags;
    let bytes = size_of::<Table>() + array_bytes + props_bytes;
    let placement =
        Placement { bytes, array: if n_array > 0 { array } else { 0 }, props: if n_props > 0 { props } else { 0 } };
    (bytes <= LARGEST_WITH_STORAGE).then_some(placement)
}

/// Whether storage lies in the table's own cell.
#[inline(always)]
unsafe fn is_within(t: *mut Table, storage: *mut u8) -> bool {
    // SAFETY: live by contract of the callers.
    let cell = unsafe { SIZES[usize::from((*t).header.class)] } as usize;
    (storage as usize).wrapping_sub(t as usize) < cell
}

unsafe fn new_storage(heap: &mut Heap, cap: u32) -> Result<*mut u8, OutOfMemory> {
    if cap == 0 {
        return Ok(std::ptr::null_mut());
    }
    let (bytes, tags) = storage_layout(cap);
    // SAFETY: the tags lie within the buffer.
    Ok(unsafe { heap.alloc_raw(bytes)?.add(tags) })
}

/// Frees array or property storage of a table, unless it goes with the table.
#[inline(always)]
unsafe fn free_storage(heap: &mut Heap, t: *mut Table, storage: *mut u8, cap: u32) {
    // SAFETY: the storage was made by `new_storage` for this capacity, or is part of a table's cell.
    unsafe {
        if !storage.is_null() && !is_within(t, storage) {
            let (bytes, tags) = storage_layout(cap);
            heap.free_raw(storage.sub(tags), bytes);
        }
    }
}

/// Storage of another capacity with the first `len` elements of the old one, which is freed.
unsafe fn resize_storage(
    heap: &mut Heap,
    t: *mut Table,
    old: *mut u8,
    old_cap: u32,
    len: u32,
    cap: u32,
) -> Result<*mut u8, OutOfMemory> {
    // SAFETY: `len` is within both capacities.
    unsafe {
        let new = new_storage(heap, cap)?;
        if len > 0 {
            let len = len as usize;
            std::ptr::copy_nonoverlapping(old, new, len * 8);
            std::ptr::copy_nonoverlapping(old.sub(len), new.sub(len), len);
        }
        free_storage(heap, t, old, old_cap);
        Ok(new)
    }
}

unsafe fn grow_array(heap: &mut Heap, t: *mut Table, cap: u32) -> Result<(), OutOfMemory> {
    // SAFETY: live by contract of the callers.
    unsafe {
        (*t).array = resize_storage(heap, t, (*t).array, (*t).array_cap, (*t).array_len, cap)?;
        (*t).array_cap = cap;
    }
    Ok(())
}

unsafe fn grow_props(heap: &mut Heap, t: *mut Table, cap: u32) -> Result<(), OutOfMemory> {
    // SAFETY: live by contract of the callers.
    unsafe {
        let count = heap.shapes.get((*t).header.aux).count;
        (*t).props = resize_storage(heap, t, (*t).props, (*t).props_cap, count, cap)?;
        (*t).props_cap = cap;
    }
    Ok(())
}

/// Makes room for more properties, ahead of a cached transition.
///
/// # Safety
/// `t` is live and not a dictionary.
pub unsafe fn reserve_prop(heap: &mut Heap, t: *mut Table) -> Result<(), OutOfMemory> {
    // SAFETY: live by contract.
    unsafe {
        let count = heap.shapes.get((*t).header.aux).count;
        if count == (*t).props_cap {
            grow_props(heap, t, if count == 0 { 4 } else { count * 2 })?;
        }
    }
    Ok(())
}

/// Makes room for so many array items and properties (a hint: never shrinks).
///
/// # Safety
/// `t` is live.
pub unsafe fn resize(heap: &mut Heap, t: *mut Table, n_array: u32, n_props: u32) -> Result<(), OutOfMemory> {
    // SAFETY: live by contract.
    unsafe {
        if n_array > (*t).array_cap {
            grow_array(heap, t, n_array)?;
        }
        if n_props > (*t).props_cap && n_props <= MAX_PROPS && !is_dictionary(t) {
            grow_props(heap, t, n_props)?;
        }
    }
    Ok(())
}

/// `t[key] = value` for a string, raw.
///
/// # Safety
/// All are live.
#[inline]
pub unsafe fn set_str(heap: &mut Heap, t: *mut Table, key: *mut Str, value: Slot) -> Result<(), OutOfMemory> {
    // SAFETY: live by contract.
    unsafe {
        if (*t).header.flags & flag::IS_META != 0 {
            cache::watch(heap, t, key);
        }
        if !is_short(key) || is_dictionary(t) {
            if (*t).header.flags & WATCHED != 0 {
                heap.new_epoch();
            }
            return set_hash(heap, t, Slot::object(key, tag::STRING), value);
        }
        if let Some(slot) = find_prop(heap, t, key) {
            store((*t).props, usize::from(slot), value);
            heap.barrier(t.cast(), value);
            return Ok(());
        }
        if value.is_nil() {
            return Ok(());
        }
        add_prop(heap, t, key, value)
    }
}

unsafe fn add_prop(heap: &mut Heap, t: *mut Table, key: *mut Str, value: Slot) -> Result<(), OutOfMemory> {
    // SAFETY: live by contract of the caller.
    unsafe {
        if (*t).header.flags & WATCHED != 0 {
            heap.new_epoch();
        }
        let shape = (*t).header.aux;
        let count = heap.shapes.get(shape).count;
        if count >= MAX_PROPS || heap.shapes.is_crowded(shape, key) || is_mostly_deleted(t, count) {
            become_dictionary(heap, t)?;
            return set_hash(heap, t, Slot::object(key, tag::STRING), value);
        }
        reserve_prop(heap, t)?;
        store((*t).props, count as usize, value);
        (*t).header.aux = heap.shapes.add(shape, key);
        heap.barrier(t.cast(), Slot::object(key, tag::STRING));
        heap.barrier(t.cast(), value);
        Ok(())
    }
}

/// Looked at only when the count is a power of two, so that it costs little per addition.
unsafe fn is_mostly_deleted(t: *mut Table, count: u32) -> bool {
    if count < 16 || !count.is_power_of_two() {
        return false;
    }
    // SAFETY: the shape has `count` keys.
    let gone = (0..count as usize).filter(|&slot| unsafe { is_nil((*t).props, slot) }).count();
    gone >= count as usize / 2
}

/// Moves the properties to the side hash, for good.
unsafe fn become_dictionary(heap: &mut Heap, t: *mut Table) -> Result<(), OutOfMemory> {
    // SAFETY: live by contract of the callers.
    unsafe {
        let shape = (*t).header.aux;
        let count = heap.shapes.get(shape).count;
        let needed = hash::used((*t).hash) + count + 1;
        let new = hash::create(heap, (needed + needed / 4).next_power_of_two())?;
        for slot in 0..count {
            let value = load((*t).props, slot as usize);
            if !value.is_nil() {
                let key = heap.shapes.get(shape).key(slot);
                hash::insert(new, Slot::object(key, tag::STRING), heap.hash_of(key), value);
                heap.barrier(t.cast(), Slot::object(key, tag::STRING));
            }
        }
        for at in 0..hash::used((*t).hash) {
            let entry = hash::entry((*t).hash, at);
            if !is_vacant(heap, entry) {
                hash::insert(new, (*entry).key, hash::hash_key(heap, (*entry).key), (*entry).value);
            }
        }
        hash::destroy(heap, (*t).hash);
        free_storage(heap, t, (*t).props, (*t).props_cap);
        (*t).hash = new;
        (*t).props = std::ptr::null_mut();
        (*t).props_cap = 0;
        (*t).header.aux = DICTIONARY;
        (*t).header.flags |= flag::DICTIONARY;
        if (*t).header.flags & (flag::IS_META | WATCHED) != 0 {
            heap.new_epoch();
        }
        heap.reordered(t);
        Ok(())
    }
}

unsafe fn set_hash(heap: &mut Heap, t: *mut Table, key: Slot, value: Slot) -> Result<(), OutOfMemory> {
    // SAFETY: live by contract of the callers; entries found are in use.
    unsafe {
        let code = hash::hash_key(heap, key);
        if let Some(at) = hash::find((*t).hash, key, code) {
            let entry = hash::entry((*t).hash, at);
            (*entry).value = value;
            heap.barrier(t.cast(), (*entry).key);
            heap.barrier(t.cast(), value);
            return Ok(());
        }
        if value.is_nil() {
            return Ok(());
        }
        let is_full = (*t).hash.is_null() || (*hash::head((*t).hash)).used == (*hash::head((*t).hash)).capacity;
        if is_full {
            let int = (key.tag == tag::INT).then(|| key.as_int());
            rebuild(heap, t, int, if int.is_some() { Count::IfWorth } else { Count::IfIntegers })?;
            if let Some(key) = int {
                return store_after_rebuild(heap, t, key, value);
            }
            insert_new(heap, t, key, code, value);
            return migrate(heap, t);
        }
        insert_new(heap, t, key, code, value);
        Ok(())
    }
}

/// There is room for the key, which is not there.
unsafe fn insert_new(heap: &mut Heap, t: *mut Table, key: Slot, code: u32, value: Slot) {
    // SAFETY: live by contract of the callers.
    unsafe {
        hash::insert((*t).hash, key, code, value);
        heap.barrier(t.cast(), key);
        heap.barrier(t.cast(), value);
    }
}

/// Stores an integer key for which [`rebuild`] made room somewhere.
unsafe fn store_after_rebuild(heap: &mut Heap, t: *mut Table, key: i64, value: Slot) -> Result<(), OutOfMemory> {
    let index = (key as u64).wrapping_sub(1);
    // SAFETY: live by contract of the callers.
    unsafe {
        if index < u64::from((*t).array_len) {
            store((*t).array, index as usize, value);
            heap.barrier(t.cast(), value);
            return migrate_if_any(heap, t);
        }
        if index == u64::from((*t).array_len) && index < u64::from((*t).array_cap) {
            return append(heap, t, value);
        }
        let key = Slot::int(key);
        insert_new(heap, t, key, int_code(key), value);
        migrate_if_any(heap, t)
    }
}

unsafe fn migrate_if_any(heap: &mut Heap, t: *mut Table) -> Result<(), OutOfMemory> {
    // SAFETY: live by contract of the callers.
    unsafe { if (*t).hash.is_null() { Ok(()) } else { migrate(heap, t) } }
}

/// Counts integer keys by power of two, and says how long the array part should
/// be: the largest power of two of which more than half would be used.
struct Census {
    by_log: [u32; 64],
    total: u32,
}

impl Census {
    fn count(&mut self, key: i64) {
        if key >= 1 {
            let log = if key == 1 { 0 } else { 64 - (key as u64 - 1).leading_zeros() as usize };
            self.by_log[log.min(63)] += 1;
            self.total += 1;
        }
    }

    fn array_size(&self) -> u32 {
        let (mut size, mut below) = (0, 0_u64);
        for log in 0..31 {
            if u64::from(self.total) <= (1_u64 << log) / 2 {
                break;
            }
            below += u64::from(self.by_log[log]);
            if below > (1_u64 << log) / 2 {
                size = 1 << log;
            }
        }
        size
    }
}

/// Items of an array that is counted anew only when the hash has many integers, and not for each that finds no room.
const LONG: u32 = 1024;
/// Items of a long array that may be counted for each integer in the hash, or be skipped by one that goes into the array.
const COUNTED_PER_KEY: u32 = 64;

/// When [`rebuild`] counts integer keys.
#[derive(Clone, Copy)]
enum Count {
    Always,
    /// When the array is short, or the hash has many of them.
    IfWorth,
    /// The same, when the hash has any.
    IfIntegers,
}

/// Integers that are keys in the hash.
unsafe fn integer_keys(t: *mut Table) -> u32 {
    // SAFETY: live by contract of the caller.
    unsafe {
        let is_one = |at: &u32| {
            let entry = hash::entry((*t).hash, *at);
            (*entry).key.tag == tag::INT && !(*entry).value.is_nil()
        };
        (0..hash::used((*t).hash)).filter(is_one).count() as u32
    }
}

/// Makes a new hash with room for one more key; `extra` is that key when it is an
/// integer. When they are counted, integer keys are distributed anew between array and hash.
#[cold]
unsafe fn rebuild(heap: &mut Heap, t: *mut Table, extra: Option<i64>, count: Count) -> Result<(), OutOfMemory> {
    // SAFETY: live by contract of the callers. Both new parts are allocated
    // before either old one is given up.
    unsafe {
        let old = (*t).hash;
        let old_used = hash::used(old);
        let is_long = (*t).array_len >= LONG;
        let near = (*t).array_len.saturating_add(COUNTED_PER_KEY).min((*t).array_cap);
        let is_near = is_long && extra.is_some_and(|extra| (1..=i64::from(near)).contains(&extra));
        let is_worth = || !is_long || integer_keys(t) >= (*t).array_len / COUNTED_PER_KEY;
        let recount = match count {
            Count::Always => true,
            Count::IfWorth => is_near || is_worth(),
            Count::IfIntegers => old_used > 0 && (*hash::head(old)).int_keys > 0 && is_worth(),
        };
        let size = match recount {
            false => (*t).array_len,
            true if is_near => (*t).array_cap,
            true => best_array_size(t, extra),
        };
        // Elements up to `fit` are or come to be in the array.
        let fit = if recount { size } else { (*t).array_len };
        let fits = |key: Slot| key.tag == tag::INT && (key.payload.wrapping_sub(1)) < u64::from(fit);
        let mut in_hash = 1;
        let mut array_len = (*t).array_len.min(fit);
        for at in 0..old_used {
            let entry = hash::entry(old, at);
            if is_vacant(heap, entry) {
                continue;
            }
            if fits((*entry).key) {
                array_len = array_len.max((*entry).key.payload as u32);
            } else {
                in_hash += 1;
            }
        }
        if let Some(extra) = extra.filter(|&extra| fits(Slot::int(extra))) {
            array_len = array_len.max(extra as u32);
        }
        in_hash += ((array_len.min((*t).array_len))..(*t).array_len)
            .filter(|&at| !is_nil((*t).array, at as usize))
            .count() as u32;
        in_hash -= u32::from(extra.is_some_and(|extra| fits(Slot::int(extra))));
        let capacity = if extra.is_some() && in_hash <= 4 {
            // As small as in the reference: a list that is filled in order but with nils must come
            // to be counted anew as soon as there, for programs take `#` of such lists.
            in_hash.next_power_of_two()
        } else {
            (in_hash + in_hash / 3).next_power_of_two().max(4)
        };
        let capacity = if is_long && extra.is_some() { capacity.max((array_len / COUNTED_PER_KEY).next_power_of_two()) } else { capacity };
        let new = if in_hash == 0 { std::ptr::null_mut() } else { hash::create(heap, capacity)? };
        let cap = if recount { size.max(array_len) } else { (*t).array_cap };
        let is_new_array = cap > (*t).array_cap || array_len < (*t).array_len;
        let array = if is_new_array {
            match new_storage(heap, cap) {
                Ok(array) => array,
                Err(error) => {
                    hash::destroy(heap, new);
                    return Err(error);
                }
            }
        } else {
            (*t).array
        };
        let old_len = (*t).array_len;
        if is_new_array {
            for at in 0..old_len.min(array_len) as usize {
                store(array, at, load((*t).array, at));
            }
        }
        for at in old_len..array_len {
            store(array, at as usize, Slot::NIL);
        }
        for at in 0..old_used {
            let entry = hash::entry(old, at);
            if is_vacant(heap, entry) {
                continue;
            }
            if fits((*entry).key) {
                store(array, (*entry).key.payload as usize - 1, (*entry).value);
            } else {
                hash::insert(new, (*entry).key, hash::hash_key(heap, (*entry).key), (*entry).value);
            }
        }
        for at in array_len..old_len {
            let value = load((*t).array, at as usize);
            if !value.is_nil() {
                let key = Slot::int(i64::from(at) + 1);
                hash::insert(new, key, int_code(key), value);
            }
        }
        if is_new_array {
            free_storage(heap, t, (*t).array, (*t).array_cap);
            (*t).array = array;
            (*t).array_cap = cap;
        }
        (*t).array_len = array_len;
        if extra.is_none_or(|extra| !fits(Slot::int(extra))) {
            shrink(t);
        }
        hash::destroy(heap, old);
        (*t).hash = new;
        heap.reordered(t);
        Ok(())
    }
}

unsafe fn best_array_size(t: *mut Table, extra: Option<i64>) -> u32 {
    // SAFETY: live by contract of the caller.
    unsafe {
        let mut census = Census { by_log: [0; 64], total: 0 };
        for at in 0..(*t).array_len {
            if !is_nil((*t).array, at as usize) {
                census.count(i64::from(at) + 1);
            }
        }
        for at in 0..hash::used((*t).hash) {
            let entry = hash::entry((*t).hash, at);
            if (*entry).key.tag == tag::INT && !(*entry).value.is_nil() {
                census.count((*entry).key.as_int());
            }
        }
        if let Some(extra) = extra {
            census.count(extra);
        }
        census.array_size()
    }
}

/// The key and value after `key`, from the start for nil: array, properties in
/// order of their addition, then the hash.
///
/// # Safety
/// `t` and `key` are live.
pub unsafe fn next(heap: &Heap, t: *mut Table, key: Slot) -> Result<Option<(Slot, Slot)>, InvalidKey> {
    // SAFETY: live by contract; positions stay within the parts.
    unsafe {
        let normal = normalise(key);
        if normal.tag != key.tag {
            // As in PUC Lua: the key of the table is the integer.
            return Err(InvalidKey);
        }
        let (array, prop, entry) = position_after(heap, t, normal)?;
        for at in array..(*t).array_len as usize {
            if !is_nil((*t).array, at) {
                return Ok(Some((Slot::int(at as i64 + 1), load((*t).array, at))));
            }
        }
        let shape = heap.shapes.get((*t).header.aux);
        for slot in prop..shape.count {
            if !is_nil((*t).props, slot as usize) {
                let key = Slot::object(shape.key(slot), tag::STRING);
                heap.traversed.store(slot, Ordering::Relaxed);
                return Ok(Some((key, load((*t).props, slot as usize))));
            }
        }
        for at in entry..hash::used((*t).hash) {
            let entry = hash::entry((*t).hash, at);
            if !(*entry).value.is_nil() && !has_lost_key(heap, entry) {
                heap.traversed.store(at, Ordering::Relaxed);
                return Ok(Some(((*entry).key, (*entry).value)));
            }
        }
        Ok(None)
    }
}

/// Whether nothing that the program sees, but the entry, refers to its key.
#[inline(always)]
unsafe fn has_lost_key(heap: &Heap, entry: *mut Entry) -> bool {
    // SAFETY: the entry is in use, by contract of the callers.
    let key = unsafe { (*entry).key };
    heap.settles() && key.is_collectable() && key.tag != tag::STRING && heap.is_hidden(key.as_ptr())
}

/// Whether an entry need not be kept: it was removed, or the collector is about to remove it.
unsafe fn is_vacant(heap: &Heap, entry: *mut Entry) -> bool {
    // SAFETY: the entry is in use, by contract of the callers.
    unsafe { (*entry).value.is_nil() || heap.clears() && has_lost_key(heap, entry) }
}

/// Where the three parts go on after a key.
unsafe fn position_after(heap: &Heap, t: *mut Table, key: Slot) -> Result<(usize, u32, u32), InvalidKey> {
    const END: usize = usize::MAX;
    // SAFETY: live by contract of the caller.
    unsafe {
        if key.is_nil() {
            return Ok((0, 0, 0));
        }
        let is_int = key.tag == tag::INT;
        if is_int && key.payload.wrapping_sub(1) < u64::from((*t).array_len) {
            return Ok((key.payload as usize, 0, 0));
        }
        let guess = heap.traversed.load(Ordering::Relaxed);
        if key.tag == tag::STRING && is_short(key.as_ptr()) && !is_dictionary(t) {
            let shape = heap.shapes.get((*t).header.aux);
            if guess < shape.count && shape.key(guess) == key.as_ptr() {
                return Ok((END, guess + 1, 0));
            }
            let slot = find_prop(heap, t, key.as_ptr()).ok_or(InvalidKey)?;
            return Ok((END, u32::from(slot) + 1, 0));
        }
        if guess < hash::used((*t).hash) {
            let known = (*hash::entry((*t).hash, guess)).key;
            if known.tag == key.tag && known.payload == key.payload {
                return Ok((END, u32::MAX, guess + 1));
            }
        }
        let code = hash::hash_key(heap, key);
        let found = hash::find((*t).hash, key, code).or_else(|| hash::find_dead((*t).hash, key, code));
        if let Some(at) = found {
            return Ok((END, u32::MAX, at + 1));
        }
        // The array may have shrunk below a key that was removed during the traversal.
        let is_trimmed = (*t).header.flags & flag::TRIMMED != 0;
        let room = if is_trimmed { u32::MAX } else { (*t).array_cap };
        if is_int && key.payload.wrapping_sub(1) < u64::from(room) {
            return Ok((END, 0, 0));
        }
        Err(InvalidKey)
    }
}

/// A border, as `#t` without metamethods.
///
/// # Safety
/// `t` is live.
#[inline]
pub unsafe fn len(t: *mut Table) -> i64 {
    // SAFETY: live by contract.
    unsafe {
        let len = (*t).array_len as usize;
        if len == 0 {
            // Key 1 would have gone to the array.
            return 0;
        }
        if !is_nil((*t).array, len - 1) {
            return len as i64;
        }
        border_within(t, len)
    }
}

#[cold]
unsafe fn border_within(t: *mut Table, len: usize) -> i64 {
    // SAFETY: live by contract of the caller.
    unsafe {
        // Invariant: `low` is 0 or the key of a value, `high` the key of a nil.
        let (mut low, mut high) = (0, len);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if is_nil((*t).array, middle - 1) {
                high = middle;
            } else {
                low = middle;
            }
        }
        low as i64
    }
}

/// Whether [`trim`] has something to do.
///
/// # Safety
/// `t` is live.
pub(crate) unsafe fn would_trim(t: *mut Table) -> bool {
    // SAFETY: live by contract.
    let (len, cap) = unsafe { ((*t).array_len, (*t).array_cap) };
    storage_layout(cap).0 > crate::heap::block::LARGEST && cap - len >= cap / 32
}

/// Gives back room of a long array that it does not use, if there is memory to do so.
///
/// # Safety
/// `t` is live.
pub(crate) unsafe fn trim(heap: &mut Heap, t: *mut Table) {
    // SAFETY: live by contract; the elements below `array_len` stay.
    unsafe {
        let (len, cap) = ((*t).array_len, (*t).array_cap);
        if !would_trim(t) {
            return;
        }
        if let Ok(array) = resize_storage(heap, t, (*t).array, cap, len, len.max(4)) {
            (*t).array = array;
            (*t).array_cap = len.max(4);
            (*t).header.flags |= flag::TRIMMED;
        }
    }
}

/// Elements beyond which a table is traced in slices.
pub(crate) const SLICE: usize = 4096;

/// Whether an object is a table that is traced in slices.
///
/// # Safety
/// `object` is live.
pub(crate) unsafe fn is_big(object: *mut crate::object::Header) -> bool {
    // SAFETY: live by contract; the kind says whether it is a table.
    unsafe {
        u64::from((*object).kind) == tag::TABLE && {
            let t = object.cast::<Table>();
            (*t).array_len as usize > SLICE || hash::used((*t).hash) as usize > SLICE
        }
    }
}

/// Removes entry `at` on behalf of the collector; the key object may go away.
///
/// # Safety
/// The entry is in use.
pub(crate) unsafe fn clear_entry(entry: *mut Entry) {
    // SAFETY: by contract.
    unsafe {
        (*entry).value = Slot::NIL;
        if (*entry).key.is_collectable() {
            (*entry).key.tag = hash::DEAD_KEY;
        }
    }
}

/// Frees the storage of a table that dies.
///
/// # Safety
/// The table is not used any more.
pub(crate) unsafe fn release(heap: &mut Heap, t: *mut Table) {
    // SAFETY: by contract nobody uses the storage.
    unsafe {
        free_storage(heap, t, (*t).array, (*t).array_cap);
        free_storage(heap, t, (*t).props, (*t).props_cap);
        hash::destroy(heap, (*t).hash);
    }
}

/// The buffers that belong to a table and are not in its cell, with their sizes.
///
/// # Safety
/// `t` is live.
pub(crate) unsafe fn buffers(t: *mut Table) -> Vec<(*mut u8, usize)> {
    let mut found = Vec::new();
    // SAFETY: live by contract, and so is its storage.
    unsafe {
        for (storage, cap) in [((*t).array, (*t).array_cap), ((*t).props, (*t).props_cap)] {
            if !storage.is_null() && !is_within(t, storage) {
                let (bytes, tags) = storage_layout(cap);
                found.push((storage.sub(tags), bytes));
            }
        }
        if !(*t).hash.is_null() {
            found.push(((*t).hash, hash::bytes((*hash::head((*t).hash)).capacity)));
        }
    }
    found
}

#[cfg(test)]
mod tests;
