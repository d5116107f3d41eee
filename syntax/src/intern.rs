//! Distinct byte strings by number: names and string constants.

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

use crate::ast::StrId;

/// Byte strings, one behind the other in one buffer.
#[derive(Debug, Default)]
pub struct Strings {
    bytes: Vec<u8>,
    places: Vec<Place>,
}

/// Where a string is. A short one is told from others by its head and length alone.
#[derive(Clone, Copy, Debug)]
struct Place {
    head: u64,
    start: u32,
    len: u32,
}

impl Strings {
    /// The bytes with this id.
    pub fn text(&self, id: StrId) -> &[u8] {
        let place = self.places[id.0 as usize];
        &self.bytes[place.start as usize..][..place.len as usize]
    }

    /// How many strings there are; their ids are the numbers below.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The id of `text`, if it is among them.
    pub fn find(&self, text: &[u8]) -> Option<StrId> {
        let found = self.places.iter().position(|place| place.head == head(text) && self.is_at(place, text))?;
        Some(StrId(found as u32))
    }

    /// Whether `text`, which begins as the string at `place`, is that string.
    fn is_at(&self, place: &Place, text: &[u8]) -> bool {
        let len = place.len as usize;
        len == text.len() && (len <= 8 || self.bytes[place.start as usize..][..len] == *text)
    }
}

/// Byte strings, each kept once. Open addressing over ids; the load stays below a half.
#[derive(Default)]
pub(crate) struct Interner {
    pub(crate) strings: Strings,
    hashes: Vec<u32>,
    slots: Vec<u32>,
    seed: u64,
}

const EMPTY: u32 = u32::MAX;

impl Interner {
    /// The id of `text`, which is copied when it is new.
    pub(crate) fn intern(&mut self, text: &[u8]) -> StrId {
        self.intern_headed(text, head(text))
    }

    /// As [`Interner::intern`], when [`head`] of the text is known.
    #[inline]
    pub(crate) fn intern_headed(&mut self, text: &[u8], head: u64) -> StrId {
        if self.hashes.len() * 2 >= self.slots.len() {
            self.grow();
        }
        let hash = hash(self.seed, text, head);
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        loop {
            let id = self.slots[slot];
            if id == EMPTY {
                return self.insert(text, head, hash, slot);
            }
            let place = &self.strings.places[id as usize];
            if place.head == head && self.strings.is_at(place, text) {
                return StrId(id);
            }
            slot = (slot + 1) & mask;
        }
    }

    fn insert(&mut self, text: &[u8], head: u64, hash: u32, slot: usize) -> StrId {
        let id = self.hashes.len() as u32;
        self.slots[slot] = id;
        let Strings { bytes, places } = &mut self.strings;
        places.push(Place { head, start: bytes.len() as u32, len: text.len() as u32 });
        bytes.extend_from_slice(text);
        self.hashes.push(hash);
        StrId(id)
    }

    /// With room for the strings of a text of so many bytes, unless it is a long one.
    pub(crate) fn with_room(bytes: usize) -> Interner {
        let expected = (bytes / 64).clamp(16, 1 << 12);
        let mut interner = Interner { slots: vec![EMPTY; (expected * 2).next_power_of_two()], seed: hash_seed(), ..Interner::default() };
        interner.hashes.reserve(expected);
        interner.strings.places.reserve(expected);
        interner.strings.bytes.reserve(expected * 8);
        interner
    }

    fn grow(&mut self) {
        let size = (self.slots.len() * 2).max(64);
        self.slots.clear();
        self.slots.resize(size, EMPTY);
        for (id, hash) in self.hashes.iter().enumerate() {
            let mut slot = *hash as usize & (size - 1);
            while self.slots[slot] != EMPTY {
                slot = (slot + 1) & (size - 1);
            }
            self.slots[slot] = id as u32;
        }
    }
}

/// The first eight bytes, the first of them lowest; zeros behind a shorter text.
pub(crate) fn head(text: &[u8]) -> u64 {
    if let Some(first) = text.first_chunk::<8>() {
        return u64::from_le_bytes(*first);
    }
    text.iter().rev().fold(0, |head, byte| head << 8 | u64::from(*byte))
}

/// A number that differs from process to process, so that no text can be written whose strings or constants all
/// fall into one place of a table.
pub fn hash_seed() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    *SEED.get_or_init(|| RandomState::new().hash_one(0))
}

/// Multiply-and-rotate over words of eight bytes, the last of which may overlap; the high half is the better
/// mixed one.
#[inline]
fn hash(seed: u64, text: &[u8], head: u64) -> u32 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |state: u64, word: u64| (state ^ word).wrapping_mul(FACTOR).rotate_left(29);
    let mut state = mix(seed ^ text.len() as u64, head);
    if text.len() > 8 {
        for word in text[8..].as_chunks::<8>().0 {
            state = mix(state, u64::from_le_bytes(*word));
        }
        if let Some(last) = text.last_chunk::<8>() {
            state = mix(state, u64::from_le_bytes(*last));
        }
    }
    (state.wrapping_mul(FACTOR) >> 32) as u32
}
