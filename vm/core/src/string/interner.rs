//! The set of interned strings. It holds them weakly: the sweeper removes dead ones.
//!
//! It grows piece by piece: what was in the smaller table moves while further strings come in, so
//! that no string waits for millions of others. Until all have moved, a search looks at both.
//!
//! This module may use `unsafe`; the bargain is that of `string`, and that members are live.
#![allow(unsafe_code)]

use super::str_bytes;
use crate::object::Str;

/// Stands for no string; the hash that is equal to it is stored as another one.
const VACANT: u32 = 0;
/// Slots of the smaller table that are looked at for each new string. Four would do: the larger one
/// is half full when as many strings came in as the smaller one held.
const MOVED_AT_ONCE: usize = 8;
/// Slots of the smaller table that go back to the system together.
const RETURNED_AT_ONCE: usize = 1 << 16;

/// The set.
pub(crate) struct Interner {
    table: Slots,
    /// The table that is being left; empty between two times of growth.
    left: Slots,
    count: usize,
}

/// A hash table with linear probing. The hashes stand apart, so that a search looks at few cache lines.
#[derive(Default)]
struct Slots {
    /// Hash of the string in each slot, [`VACANT`] when there never was one.
    hashes: Vec<u32>,
    /// Addresses of the strings; as numbers, of which the system has large pieces of zeros ready.
    slots: Vec<usize>,
    mask: usize,
}

impl Interner {
    pub(crate) fn new() -> Interner {
        Interner { table: Slots::new(256), left: Slots::default(), count: 0 }
    }

    #[inline(always)]
    pub(crate) fn find(&self, bytes: &[u8], hash: u32) -> Option<*mut Str> {
        let hash = hash.max(1);
        let mut at = hash as usize & self.table.mask;
        loop {
            let found = self.table.hashes[at];
            if found == VACANT {
                break;
            }
            // SAFETY: strings leave the set before they are freed.
            if found == hash && unsafe { str_bytes(self.table.string(at)) == bytes } {
                return Some(self.table.string(at));
            }
            at = (at + 1) & self.table.mask;
        }
        if self.left.hashes.is_empty() { None } else { self.find_left(bytes, hash) }
    }

    #[cold]
    fn find_left(&self, bytes: &[u8], hash: u32) -> Option<*mut Str> {
        let is_it = |string: *mut Str| {
            // SAFETY: as in `find`.
            !string.is_null() && unsafe { str_bytes(string) == bytes }
        };
        let at = self.left.search(hash, |found, string| found == hash && is_it(string))?;
        Some(self.left.string(at))
    }

    pub(crate) fn insert(&mut self, string: *mut Str) {
        // Half of it stays vacant: a search that finds nothing ends at a vacant slot.
        if self.count * 2 >= self.table.slots.len() {
            self.grow();
        }
        if !self.left.hashes.is_empty() {
            self.move_some(MOVED_AT_ONCE);
        }
        // SAFETY: the string is live.
        self.table.place(unsafe { (*string).header.aux }.max(1), string);
        self.count += 1;
    }

    #[cold]
    fn grow(&mut self) {
        // Nothing is left as a rule; see `MOVED_AT_ONCE`.
        self.move_some(self.left.slots.len());
        let larger = Slots::new(self.table.slots.len() * 2);
        self.left = std::mem::replace(&mut self.table, larger);
    }

    /// Moves what is in the last slots of the smaller table, and gives those slots back.
    #[cold]
    fn move_some(&mut self, count: usize) {
        for _ in 0..count {
            let (Some(hash), Some(string)) = (self.left.hashes.pop(), self.left.slots.pop()) else { break };
            if string != 0 {
                self.table.place(hash, string as *mut Str);
            }
        }
        if self.left.slots.len() % RETURNED_AT_ONCE < MOVED_AT_ONCE {
            self.left.hashes.shrink_to_fit();
            self.left.slots.shrink_to_fit();
        }
    }

    /// Takes a string out.
    pub(crate) fn remove(&mut self, string: *mut Str) {
        // SAFETY: the caller removes before it frees.
        let hash = unsafe { (*string).header.aux }.max(1);
        if let Some(at) = self.table.search(hash, |_, found| found == string) {
            self.table.close_gap(at);
            self.count -= 1;
        } else if let Some(at) = self.left.search(hash, |_, found| found == string) {
            // The hash stays, for searches to pass; nothing else moves in a table that is being left.
            self.left.slots[at] = 0;
            self.count -= 1;
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.count
    }
}

impl Slots {
    /// So many slots, a power of two.
    fn new(size: usize) -> Slots {
        Slots { hashes: vec![VACANT; size], slots: vec![0; size], mask: size - 1 }
    }

    #[inline(always)]
    fn string(&self, at: usize) -> *mut Str {
        self.slots[at] as *mut Str
    }

    /// The slot of which `is_it` says yes. Slots that were given back count as taken by others.
    fn search(&self, hash: u32, is_it: impl Fn(u32, *mut Str) -> bool) -> Option<usize> {
        let mut at = hash as usize & self.mask;
        for _ in 0..=self.hashes.len() {
            if at >= self.hashes.len() {
                // The first slots may hold what found no place in the last ones.
                at = 0;
            }
            let found = *self.hashes.get(at)?;
            if found == VACANT {
                return None;
            }
            if is_it(found, self.string(at)) {
                return Some(at);
            }
            at += 1;
        }
        None
    }

    fn place(&mut self, hash: u32, string: *mut Str) {
        let mut at = hash as usize & self.mask;
        while self.hashes[at] != VACANT {
            at = (at + 1) & self.mask;
        }
        self.hashes[at] = hash;
        self.slots[at] = string as usize;
    }

    /// Empties a slot and moves what follows, so that no mark of what was there is needed.
    fn close_gap(&mut self, mut gap: usize) {
        let mut at = gap;
        loop {
            at = (at + 1) & self.mask;
            let moved = self.hashes[at];
            if moved == VACANT {
                break;
            }
            let home = moved as usize & self.mask;
            if at.wrapping_sub(home) & self.mask >= at.wrapping_sub(gap) & self.mask {
                self.hashes[gap] = moved;
                self.slots[gap] = self.slots[at];
                gap = at;
            }
        }
        self.hashes[gap] = VACANT;
        self.slots[gap] = 0;
    }
}

#[cfg(test)]
mod tests {
    use crate::heap::Heap;
    use crate::object::Str;
    use crate::string::{hash_bytes, str_bytes};

    const SEED: u64 = 11;

    fn find(heap: &Heap, text: &str) -> Option<*mut Str> {
        heap.strings.find(text.as_bytes(), hash_bytes(SEED, text.as_bytes()))
    }

    #[test]
    fn every_string_is_found_at_every_moment_of_growth() {
        let mut heap = Heap::new(SEED);
        let mut all: Vec<*mut Str> = Vec::new();
        for i in 0..5_000_usize {
            all.push(heap.string(format!("text {i}").as_bytes()).unwrap());
            if i % 50 == 0 || i.is_power_of_two() {
                for (at, &string) in all.iter().enumerate() {
                    assert_eq!(find(&heap, &format!("text {at}")), Some(string), "{at} after {i}");
                }
            }
            assert_eq!(heap.string(format!("text {}", i / 2).as_bytes()), Ok(all[i / 2]));
        }
    }

    #[test]
    fn strings_leave_while_the_set_grows() {
        for every in [1, 2, 3, 7] {
            let mut heap = Heap::new(SEED);
            let mut gone = 0;
            for i in 0..4_000_usize {
                heap.string(format!("text {i}").as_bytes()).unwrap();
                while gone * every < i {
                    let text = format!("text {gone}");
                    heap.strings.remove(find(&heap, &text).unwrap());
                    assert_eq!(find(&heap, &text), None);
                    gone += 1;
                }
                // SAFETY: nothing is collected here.
                let last = find(&heap, &format!("text {i}")).map(|string| unsafe { str_bytes(string) });
                assert_eq!(last, Some(format!("text {i}").as_bytes()).filter(|_| gone <= i));
            }
            assert!((gone..4_000).all(|i| find(&heap, &format!("text {i}")).is_some()));
        }
    }
}
