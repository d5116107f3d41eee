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

/// Groups of an empty set: the library's names fill half of it.
const FIRST_GROUPS: usize = 256;
/// Slots of a group.
const SLOTS: usize = 7;
/// Strings for each group, above which the set grows.
const LOAD: usize = 5;
/// Words of a group.
const WORDS: usize = SLOTS + 1;
/// The mark of a slot without a string.
const VACANT: u8 = 0;
/// Bits of an entry that are an address, without the zeros at its end.
const ADDRESS_BITS: u32 = 43;
/// Zeros at the end of an address.
const ALIGNMENT: u32 = 4;
/// Bits of a hash that count: an entry has all but those of the mark.
const HASH_BITS: u32 = u64::BITS - ADDRESS_BITS + u8::BITS;
/// Groups of the smaller table that go back to the system together.
const RETURNED_AT_ONCE: usize = 1 << 13;
/// A byte of each slot's mark.
const EACH_SLOT: u64 = 0x0001_0101_0101_0101;

/// The set.
pub(crate) struct Interner {
    table: Groups,
    /// The table that is being left; empty between two times of growth.
    left: Groups,
    count: usize,
}

/// A hash table of groups, each a cache line: a word with a byte for each slot, the mark, and seven entries. The last byte
/// of the word counts the strings that have this group on their way to another one, as it was full when they came (as in
/// Folly's F14); at [`u8::MAX`] it is no longer known how many.
#[derive(Default)]
struct Groups {
    /// The groups begin at `first`, where a cache line does.
    words: Vec<u64>,
    first: usize,
    count: usize,
    mask: usize,
}

/// The bits of a hash that count; the lower ones are no [`VACANT`].
#[derive(Clone, Copy, PartialEq, Eq)]
struct Hash(u32);

/// Where a string is: the group and the slot.
#[derive(Clone, Copy)]
struct Place {
    group: usize,
    slot: usize,
}

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

    /// The group where a search begins. The bits of the mark come last: they shall tell apart what is near.
    #[inline(always)]
    fn home(self, mask: usize) -> usize {
        (self.rest() | u32::from(self.mark()) << (HASH_BITS - u8::BITS)) as usize & mask
    }
}

impl Interner {
    pub(crate) fn new() -> Interner {
        Interner { table: Groups::new(FIRST_GROUPS), left: Groups::default(), count: 0 }
    }

    #[inline(always)]
    pub(crate) fn find(&self, bytes: &[u8], hash: u32) -> Option<*mut Str> {
        let hash = Hash::new(hash);
        // SAFETY: strings leave the set before they are freed.
        let is_it = |entry| unsafe { same_short(str_bytes(string_of(entry)), bytes) };
        if let Some(place) = self.table.search::<false>(hash, is_it) {
            return Some(string_of(self.table.group(place.group)[1 + place.slot]));
        }
        if self.left.count == 0 { None } else { self.find_left(bytes, hash) }
    }

    #[cold]
    fn find_left(&self, bytes: &[u8], hash: Hash) -> Option<*mut Str> {
        // SAFETY: as in `find`.
        let place = self.left.search::<true>(hash, |entry| unsafe { str_bytes(string_of(entry)) == bytes })?;
        Some(string_of(self.left.group(place.group)[1 + place.slot]))
    }

    pub(crate) fn insert(&mut self, string: *mut Str) {
        if self.count >= self.table.count * LOAD {
            self.grow();
        }
        if self.left.count > 0 {
            self.move_some(1);
        }
        // SAFETY: the string is live.
        self.table.place(Hash::new(unsafe { (*string).header.aux }), string);
        self.count += 1;
    }

    #[cold]
    fn grow(&mut self) {
        // Nothing is left as a rule: so many strings came in that all groups were moved.
        self.move_some(self.left.count);
        let larger = Groups::new(self.table.count * 2);
        self.left = std::mem::replace(&mut self.table, larger);
    }

    /// Moves what is in the last groups of the smaller table, and gives those groups back.
    #[cold]
    fn move_some(&mut self, count: usize) {
        for _ in 0..count.min(self.left.count) {
            self.left.count -= 1;
            let group = *self.left.group(self.left.count);
            for slot in 0..SLOTS {
                let mark = mark_of(group[0], slot);
                if mark != VACANT {
                    let entry = group[1 + slot];
                    self.table.place(hash_of(mark, entry), string_of(entry));
                }
            }
        }
        if self.left.count % RETURNED_AT_ONCE == 0 {
            self.left.words.truncate(self.left.first + self.left.count * WORDS);
            self.left.words.shrink_to_fit();
        }
    }

    /// Takes a string out.
    pub(crate) fn remove(&mut self, string: *mut Str) {
        // SAFETY: the caller removes before it frees.
        let hash = Hash::new(unsafe { (*string).header.aux });
        let is_it = |entry| string_of(entry) == string;
        if let Some(place) = self.table.search::<false>(hash, is_it) {
            self.table.remove(hash, place);
            self.count -= 1;
        } else if self.left.count > 0 && let Some(place) = self.left.search::<true>(hash, is_it) {
            // Groups on the way may be gone: their counts stay, and searches go further than they need.
            self.left.clear(place);
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

#[inline(always)]
fn mark_of(marks: u64, slot: usize) -> u8 {
    (marks >> (slot * 8)) as u8
}

/// How many strings went past a group.
#[inline(always)]
fn passed(marks: u64) -> u8 {
    (marks >> (SLOTS * 8)) as u8
}

/// The highest bit of each slot's byte that is zero, and maybe of slots after the first such one.
#[inline(always)]
fn zero_bytes(marks: u64) -> u64 {
    marks.wrapping_sub(EACH_SLOT) & !marks & (EACH_SLOT << 7)
}

impl Groups {
    /// So many groups, a power of two.
    fn new(count: usize) -> Groups {
        let words = vec![0_u64; (count + 1) * WORDS - 1];
        prefer_huge_pages(words.as_ptr().cast(), size_of_val(&*words));
        // An allocation is aligned as its words are, so this is below `WORDS`.
        let first = words.as_ptr().align_offset(WORDS * size_of::<u64>()).min(WORDS - 1);
        Groups { words, first, count, mask: count - 1 }
    }

    /// A group that was not given back.
    #[inline(always)]
    fn group(&self, index: usize) -> &[u64; WORDS] {
        debug_assert!(index < self.count);
        // SAFETY: `first + count * WORDS` words are there.
        unsafe { &*self.words.as_ptr().add(self.first + index * WORDS).cast() }
    }

    #[inline(always)]
    fn group_mut(&mut self, index: usize) -> &mut [u64; WORDS] {
        debug_assert!(index < self.count);
        // SAFETY: as above.
        unsafe { &mut *self.words.as_mut_ptr().add(self.first + index * WORDS).cast() }
    }

    /// The place of a string of whose entry `is_it` says yes. Of a table that is being left, groups that were given back
    /// count as full.
    #[inline(always)]
    fn search<const IS_LEFT: bool>(&self, hash: Hash, is_it: impl Fn(u64) -> bool) -> Option<Place> {
        let marks = u64::from(hash.mark()) * EACH_SLOT;
        let mut index = hash.home(self.mask);
        for _ in 0..=self.mask {
            if IS_LEFT && index >= self.count {
                // The first groups may hold what found no place in the last ones.
                index = 0;
            }
            let group = self.group(index);
            let mut found = zero_bytes(group[0] ^ marks);
            while found != 0 {
                let slot = (found.trailing_zeros() / 8) as usize;
                let entry = group[1 + slot];
                if (entry >> ADDRESS_BITS) as u32 == hash.rest() && mark_of(group[0], slot) == hash.mark() && is_it(entry) {
                    return Some(Place { group: index, slot });
                }
                found &= found - 1;
            }
            if passed(group[0]) == 0 {
                return None;
            }
            index = (index + 1) & self.mask;
        }
        None
    }

    fn place(&mut self, hash: Hash, string: *mut Str) {
        let address = string as u64 >> ALIGNMENT;
        debug_assert!(address < 1 << ADDRESS_BITS && string as u64 % (1 << ALIGNMENT) == 0, "an address of a cell");
        let mut index = hash.home(self.mask);
        loop {
            let group = self.group_mut(index);
            let vacant = zero_bytes(group[0]);
            if vacant != 0 {
                let slot = (vacant.trailing_zeros() / 8) as usize;
                group[0] |= u64::from(hash.mark()) << (slot * 8);
                group[1 + slot] = address | u64::from(hash.rest()) << ADDRESS_BITS;
                return;
            }
            if passed(group[0]) != u8::MAX {
                group[0] += 1 << (SLOTS * 8);
            }
            index = (index + 1) & self.mask;
        }
    }

    fn clear(&mut self, place: Place) {
        let group = self.group_mut(place.group);
        group[0] &= !(0xff << (place.slot * 8));
        group[1 + place.slot] = 0;
    }

    /// Takes the string with this hash out of its place.
    fn remove(&mut self, hash: Hash, place: Place) {
        self.clear(place);
        let mut index = hash.home(self.mask);
        while index != place.group {
            let group = self.group_mut(index);
            if passed(group[0]) != u8::MAX {
                group[0] -= 1 << (SLOTS * 8);
            }
            index = (index + 1) & self.mask;
        }
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
