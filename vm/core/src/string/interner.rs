//! The set of interned strings. It holds them weakly: the sweeper removes dead ones.
//!
//! It grows piece by piece: what was in the smaller table moves while further strings come in, so
//! that no string waits for millions of others. Until all have moved, a search looks at both.
//!
//! This module may use `unsafe`; the bargain is that of `string`, and that members are live.
#![allow(unsafe_code)]

use super::{same_short, str_bytes};
use crate::heap::huge::prefer_huge_pages;
use crate::object::Str;

/// Slots of an empty set: the library's names fill less than half of them.
const FIRST_SLOTS: usize = 1024;
/// The mark of a slot that never had a string.
const VACANT: u8 = 0;
/// Bits of an entry that are an address, without the zeros at its end.
const ADDRESS_BITS: u32 = 43;
/// Zeros at the end of an address.
const ALIGNMENT: u32 = 4;
/// Bits of a hash that count: an entry has all but those of the mark.
const HASH_BITS: u32 = u64::BITS - ADDRESS_BITS + u8::BITS;
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

/// A hash table with linear probing. What a search looks at first is small, as there are more strings than a processor
/// keeps at hand: a byte for each slot.
#[derive(Default)]
struct Slots {
    /// Lower bits of the hash of the string in each slot, [`VACANT`] when there never was one.
    marks: Vec<u8>,
    /// Address of the string and the other bits of its hash; 0 when it was taken out of a table that is being left.
    entries: Vec<u64>,
    mask: usize,
}

/// The bits of a hash that count; the lower ones are no [`VACANT`].
#[derive(Clone, Copy, PartialEq, Eq)]
struct Hash(u32);

impl Hash {
    #[inline(always)]
    fn new(hash: u32) -> Hash {
        let hash = hash & ((1 << HASH_BITS) - 1);
        Hash(hash | u32::from(hash as u8 == VACANT))
    }

    #[inline(always)]
    fn mark(self) -> u8 {
        self.0 as u8
    }

    /// The bits that are not in the mark.
    #[inline(always)]
    fn rest(self) -> u32 {
        self.0 >> u8::BITS
    }

    /// The slot where a search begins. The bits of the mark come last: they shall tell apart what is near.
    #[inline(always)]
    fn home(self, mask: usize) -> usize {
        (self.rest() | u32::from(self.mark()) << (HASH_BITS - u8::BITS)) as usize & mask
    }
}

impl Interner {
    pub(crate) fn new() -> Interner {
        Interner { table: Slots::new(FIRST_SLOTS), left: Slots::default(), count: 0 }
    }

    #[inline(always)]
    pub(crate) fn find(&self, bytes: &[u8], hash: u32) -> Option<*mut Str> {
        let hash = Hash::new(hash);
        let mut at = hash.home(self.table.mask);
        loop {
            let mark = self.table.marks[at];
            if mark == VACANT {
                break;
            }
            if mark == hash.mark() {
                let entry = self.table.entries[at];
                if (entry >> ADDRESS_BITS) as u32 == hash.rest() {
                    let string = string_of(entry);
                    // SAFETY: strings leave the set before they are freed.
                    let found = unsafe { str_bytes(string) };
                    if found.len() == bytes.len() && same_short(found, bytes) {
                        return Some(string);
                    }
                }
            }
            at = (at + 1) & self.table.mask;
        }
        if self.left.marks.is_empty() { None } else { self.find_left(bytes, hash) }
    }

    #[cold]
    fn find_left(&self, bytes: &[u8], hash: Hash) -> Option<*mut Str> {
        let is_it = |string: *mut Str| {
            // SAFETY: as in `find`.
            !string.is_null() && unsafe { str_bytes(string) == bytes }
        };
        let at = self.left.search(hash, is_it)?;
        Some(string_of(self.left.entries[at]))
    }

    pub(crate) fn insert(&mut self, string: *mut Str) {
        // Half of it stays vacant: a search that finds nothing ends at a vacant slot.
        if self.count * 2 >= self.table.entries.len() {
            self.grow();
        }
        if !self.left.marks.is_empty() {
            self.move_some(MOVED_AT_ONCE);
        }
        // SAFETY: the string is live.
        self.table.place(Hash::new(unsafe { (*string).header.aux }), string);
        self.count += 1;
    }

    #[cold]
    fn grow(&mut self) {
        // Nothing is left as a rule; see `MOVED_AT_ONCE`.
        self.move_some(self.left.entries.len());
        let larger = Slots::new(self.table.entries.len() * 2);
        self.left = std::mem::replace(&mut self.table, larger);
    }

    /// Moves what is in the last slots of the smaller table, and gives those slots back.
    #[cold]
    fn move_some(&mut self, count: usize) {
        for _ in 0..count {
            let (Some(mark), Some(entry)) = (self.left.marks.pop(), self.left.entries.pop()) else { break };
            if entry != 0 {
                self.table.place(hash_of(mark, entry), string_of(entry));
            }
        }
        if self.left.entries.len() % RETURNED_AT_ONCE < MOVED_AT_ONCE {
            self.left.marks.shrink_to_fit();
            self.left.entries.shrink_to_fit();
        }
    }

    /// Takes a string out.
    pub(crate) fn remove(&mut self, string: *mut Str) {
        // SAFETY: the caller removes before it frees.
        let hash = Hash::new(unsafe { (*string).header.aux });
        if let Some(at) = self.table.search(hash, |found| found == string) {
            self.table.close_gap(at);
            self.count -= 1;
        } else if let Some(at) = self.left.search(hash, |found| found == string) {
            // The mark stays, for searches to pass; nothing else moves in a table that is being left.
            self.left.entries[at] = 0;
            self.count -= 1;
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.count
    }
}

/// The string of an entry.
#[inline(always)]
fn string_of(entry: u64) -> *mut Str {
    ((entry & ((1 << ADDRESS_BITS) - 1)) << ALIGNMENT) as *mut Str
}

fn hash_of(mark: u8, entry: u64) -> Hash {
    Hash(((entry >> ADDRESS_BITS) as u32) << u8::BITS | u32::from(mark))
}

impl Slots {
    /// So many slots, a power of two.
    fn new(size: usize) -> Slots {
        let (marks, entries) = (vec![VACANT; size], vec![0_u64; size]);
        prefer_huge_pages(marks.as_ptr(), size);
        prefer_huge_pages(entries.as_ptr().cast(), size_of_val(&*entries));
        Slots { marks, entries, mask: size - 1 }
    }

    /// The slot with a string of which `is_it` says yes. Slots that were given back count as taken by others.
    #[inline(always)]
    fn search(&self, hash: Hash, is_it: impl Fn(*mut Str) -> bool) -> Option<usize> {
        let mut at = hash.home(self.mask);
        for _ in 0..=self.marks.len() {
            if at >= self.marks.len() {
                // The first slots may hold what found no place in the last ones.
                at = 0;
            }
            let mark = *self.marks.get(at)?;
            if mark == VACANT {
                return None;
            }
            if mark == hash.mark() && is_it(string_of(self.entries[at])) {
                return Some(at);
            }
            at += 1;
        }
        None
    }

    fn place(&mut self, hash: Hash, string: *mut Str) {
        let address = string as u64 >> ALIGNMENT;
        debug_assert!(address < 1 << ADDRESS_BITS && string as u64 % (1 << ALIGNMENT) == 0, "an address of a cell");
        let mut at = hash.home(self.mask);
        while self.marks[at] != VACANT {
            at = (at + 1) & self.mask;
        }
        self.marks[at] = hash.mark();
        self.entries[at] = address | u64::from(hash.rest()) << ADDRESS_BITS;
    }

    /// Empties a slot and moves what follows, so that no mark of what was there is needed.
    fn close_gap(&mut self, mut gap: usize) {
        let mut at = gap;
        loop {
            at = (at + 1) & self.mask;
            let mark = self.marks[at];
            if mark == VACANT {
                break;
            }
            let home = hash_of(mark, self.entries[at]).home(self.mask);
            if at.wrapping_sub(home) & self.mask >= at.wrapping_sub(gap) & self.mask {
                self.marks[gap] = mark;
                self.entries[gap] = self.entries[at];
                gap = at;
            }
        }
        self.marks[gap] = VACANT;
        self.entries[gap] = 0;
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
