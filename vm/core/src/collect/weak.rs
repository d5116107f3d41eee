//! Weak tables and ephemerons.
//!
//! When everything that the roots reach is marked, weak keys are looked through in pieces, and each
//! value whose key is not reached is noted under that key. From then on tracing a key marks what was
//! noted under it, so that marking ends without another look at any of these tables.
//! Keys that stay unreached are taken out in pieces after that (`settle`): nobody can ask for them.
//! Weak values must be gone when the program goes on.
//!
//! This module may use `unsafe`; the bargain is that of `collect`.
#![allow(unsafe_code)]

use super::prefetch::{AHEAD, prefetch};
use super::trace::{Slice, Weak, prop_count};
use crate::heap::Heap;
use crate::object::{Header, Table, flag};
use crate::shape::NumberMap;
use crate::table::{SLICE, clear_entry, hash_entry, hash_used, is_big, load, store};
use crate::value::{Slot, tag};
use std::ops::Range;

/// The values that wait for each key.
#[derive(Default)]
pub(super) struct Waiting {
    /// The last link of each key's chain, in several maps so that none takes long to grow.
    last: Vec<NumberMap<u32>>,
    /// Values, each with the link before it; [`FIRST`] before the first. In parts that are never moved.
    links: Vec<Vec<(Slot, u32)>>,
}

/// Stands for no link.
const FIRST: u32 = u32::MAX;
/// Maps among which the keys are distributed.
const MAPS: usize = 128;
/// Links in a part.
const PART: usize = 4096;
/// Parts that are given back together.
const RETURNED_AT_ONCE: usize = 8;

/// The map for a key. The last one gets twice as many as the first, so that they grow one after the other.
fn map_of(key: u64) -> usize {
    let fraction = (key.wrapping_mul(0xD6E8_FEB8_6659_FD93) >> 40) as f32 / (1 << 24) as f32;
    (((1.0 + fraction).log2() * MAPS as f32) as usize).min(MAPS - 1)
}

impl Waiting {
    fn add(&mut self, key: u64, value: Slot) {
        if self.last.is_empty() {
            self.last.resize_with(MAPS, NumberMap::default);
        }
        if self.links.last().is_none_or(|part| part.len() == PART) {
            self.links.push(Vec::with_capacity(PART));
        }
        let at = self.links.len() - 1;
        let link = (at * PART + self.links[at].len()) as u32;
        let before = self.last[map_of(key)].insert(key, link).unwrap_or(FIRST);
        self.links[at].push((value, before));
    }

    /// Takes the chain of a key.
    fn take(&mut self, key: u64) -> u32 {
        self.last[map_of(key)].remove(&key).unwrap_or(FIRST)
    }

    /// Gives a piece of the memory back; false when there is none.
    pub(super) fn shrink(&mut self) -> bool {
        if self.last.pop().is_some() {
            return true;
        }
        self.links.truncate(self.links.len().saturating_sub(RETURNED_AT_ONCE));
        !self.links.is_empty()
    }
}

impl Heap {
    /// Marks the values whose keys are reached. The others are noted under their keys, once it comes to that.
    pub(super) unsafe fn trace_ephemerons(&mut self, t: *mut Table, entries: Range<u32>) {
        // SAFETY: the table is live, and has these entries; keys with values are not freed.
        unsafe {
            for at in entries.clone() {
                if at + AHEAD < entries.end {
                    let ahead = hash_entry((*t).hash, at + AHEAD);
                    prefetch((*ahead).key);
                    prefetch((*ahead).value);
                }
                let entry = hash_entry((*t).hash, at);
                let (key, value) = ((*entry).key, (*entry).value);
                if value.is_nil() {
                    clear_entry(entry);
                } else if key.tag == tag::STRING || !key.is_collectable() || !self.is_unreached(key.as_ptr()) {
                    self.mark_slot(key);
                    self.mark_slot(value);
                } else if self.gc.notes && value.is_collectable() && self.is_unreached(value.as_ptr()) {
                    self.gc.waiting.add(key.payload, value);
                }
            }
        }
    }

    /// A key was reached: so are the values that waited for it.
    #[inline]
    pub(super) fn release_waiting(&mut self, key: *mut Header) {
        if !self.gc.waiting.links.is_empty() {
            self.release_noted(key);
        }
    }

    fn release_noted(&mut self, key: *mut Header) {
        let mut at = self.gc.waiting.take(key as u64);
        while at != FIRST {
            let (value, before) = self.gc.waiting.links[at as usize / PART][at as usize % PART];
            self.mark_slot(value);
            at = before;
        }
    }

    /// Notes what waits in the tables with weak keys that were traced until now, a piece of it; gives the
    /// cost, or nothing when it is done. Tables that are traced from here on note it then.
    pub(super) fn note_waiting(&mut self) -> Option<usize> {
        if !self.gc.notes {
            self.gc.notes = true;
            (self.gc.noted, self.gc.to_note) = (0, self.gc.weak_keys.len());
        }
        let mut cost = 0;
        while self.gc.noted < self.gc.to_note && cost < SLICE {
            let table = self.gc.weak_keys[self.gc.noted];
            self.gc.noted += 1;
            cost += 32;
            // SAFETY: the tables in the list are marked.
            unsafe {
                if is_big(table.cast()) {
                    self.gc.slices.push(Slice { table, weak: Weak::Keys, entry: 0, item: usize::MAX });
                    break;
                }
                let used = hash_used((*table).hash);
                self.trace_ephemerons(table, 0..used);
                cost += used as usize;
            }
        }
        (cost > 0).then_some(cost * 40)
    }

    /// Whether a weak reference is to be removed. Strings are values, so they are kept.
    #[inline]
    fn is_cleared(&mut self, value: Slot) -> bool {
        if value.tag == tag::STRING {
            self.mark(value.as_ptr());
            return false;
        }
        value.is_collectable() && self.is_unreached(value.as_ptr())
    }

    /// Removes values from all tables in which they are weak; the tables are not looked at again.
    pub(super) fn clear_weak_values(&mut self) {
        while let Some(t) = self.gc.weak_values.pop() {
            // SAFETY: the tables in the list are marked.
            unsafe { self.clear_values(t) };
        }
    }

    /// Removes the values that were not reached. Of keys that are weak as well, strings stay with their values.
    pub(super) unsafe fn clear_values(&mut self, t: *mut Table) -> usize {
        // SAFETY: live by contract of the callers; positions stay within the parts.
        unsafe {
            let (n_props, n_entries) = (prop_count(self, t), hash_used((*t).hash));
            self.clear_storage((*t).props, n_props);
            self.clear_storage((*t).array, (*t).array_len as usize);
            for at in 0..n_entries {
                if at + AHEAD < n_entries {
                    let ahead = hash_entry((*t).hash, at + AHEAD);
                    prefetch((*ahead).key);
                    prefetch((*ahead).value);
                }
                let entry = hash_entry((*t).hash, at);
                if self.is_cleared((*entry).value) {
                    clear_entry(entry);
                } else if !(*entry).value.is_nil() && (*entry).key.tag == tag::STRING {
                    self.mark((*entry).key.as_ptr());
                }
            }
            if (*t).header.flags & flag::IS_META != 0 {
                self.new_epoch();
                (*t).absent_events = 0;
            }
            n_props + (*t).array_len as usize + n_entries as usize
        }
    }

    unsafe fn clear_storage(&mut self, storage: *mut u8, count: usize) {
        for at in 0..count {
            // SAFETY: elements below the count are initialised.
            unsafe {
                if at + (AHEAD as usize) < count {
                    prefetch(load(storage, at + AHEAD as usize));
                }
                if self.is_cleared(load(storage, at)) {
                    store(storage, at, Slot::NIL);
                }
            }
        }
    }

    /// Removes entries whose keys were not reached.
    pub(super) unsafe fn clear_keys(&mut self, t: *mut Table, entries: Range<u32>) {
        // SAFETY: live by contract of the callers, and the table has these entries.
        unsafe {
            for at in entries.clone() {
                if at + AHEAD < entries.end {
                    prefetch((*hash_entry((*t).hash, at + AHEAD)).key);
                }
                let entry = hash_entry((*t).hash, at);
                if (*entry).value.is_nil() || self.is_cleared((*entry).key) {
                    clear_entry(entry);
                }
            }
        }
    }
}
