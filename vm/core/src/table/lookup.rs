//! One table of cache records for all sites that see many shapes.
//!
//! A record is found by shape and key. Records name keys and tables that they do
//! not keep alive, so the collector empties the table before it frees anything.
//!
//! This module may use `unsafe`; the bargain is that of `table`.
#![allow(unsafe_code)]

use super::{is_dictionary, prop_get, prop_set};
use crate::cache::{Cache, REST_KNOWN, kind};
use crate::heap::Heap;
use crate::object::{Str, Table};
use crate::string::is_short;
use crate::value::Slot;

/// Records for each of reading and writing, once there is one; a power of two.
const RECORDS: usize = 1024;

#[derive(Clone, Copy)]
struct Record {
    key: *mut Str,
    cache: Cache,
}

const EMPTY: Record = Record { key: std::ptr::null_mut(), cache: Cache::EMPTY };

/// The records of a heap.
pub struct Lookups {
    reads: Vec<Record>,
    writes: Vec<Record>,
}

impl Lookups {
    pub(crate) fn new() -> Lookups {
        Lookups { reads: vec![EMPTY], writes: vec![EMPTY] }
    }

    fn keep_read(&mut self, record: Record) {
        keep(&mut self.reads, record);
    }

    fn keep_write(&mut self, record: Record) {
        keep(&mut self.writes, record);
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.reads.fill(EMPTY);
        self.writes.fill(EMPTY);
    }
}

fn keep(records: &mut Vec<Record>, record: Record) {
    records.resize(RECORDS, EMPTY);
    let at = place(records, record.cache.shape, record.key);
    records[at] = record;
}

#[inline(always)]
fn place(records: &[Record], shape: u32, key: *mut Str) -> usize {
    let mixed = (key as usize >> 4) ^ (shape as usize).wrapping_mul(0x9E37_79B1);
    (mixed ^ mixed >> 10) & (records.len() - 1)
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
            let shape = (*t).header.aux;
            let record = &self.lookups.reads[place(&self.lookups.reads, shape, key)];
            let hit = record.key == key && record.cache.shape == shape;
            if hit && let Some(value) = self.answer(&record.cache, t) {
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
            self.lookups.keep_read(Record { key, cache });
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
            let shape = (*t).header.aux;
            let record = &self.lookups.writes[place(&self.lookups.writes, shape, key)];
            if record.key == key && record.cache.shape == shape {
                let cache = record.cache;
                if self.store_by(&cache, t, value) {
                    return true;
                }
            }
            if is_dictionary(t) || !is_short(key) {
                return false;
            }
            let mut cache = Cache::EMPTY;
            if !self.cache_set(t, key, &mut cache) {
                return false;
            }
            self.lookups.keep_write(Record { key, cache });
            self.store_by(&cache, t, value)
        }
    }

    unsafe fn store_by(&mut self, cache: &Cache, t: *mut Table, value: Slot) -> bool {
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
                kind::ADD if current && !value.is_nil() && u32::from(cache.slot) < (*t).props_cap => {
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
