//! Distinct byte strings by number: names and string constants.

use crate::ast::StrId;
use std::sync::Arc;

/// Byte strings, each kept once. Open addressing over ids; the load stays below a half.
#[derive(Default)]
pub(crate) struct Interner {
    strings: Vec<Arc<[u8]>>,
    hashes: Vec<u32>,
    slots: Vec<u32>,
}

const EMPTY: u32 = u32::MAX;

impl Interner {
    /// The id of `text`, which is copied when it is new.
    pub(crate) fn intern(&mut self, text: &[u8]) -> StrId {
        if self.strings.len() * 2 >= self.slots.len() {
            self.grow();
        }
        let hash = hash(text);
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        while self.slots[slot] != EMPTY {
            let id = self.slots[slot];
            if self.hashes[id as usize] == hash && *self.strings[id as usize] == *text {
                return StrId(id);
            }
            slot = (slot + 1) & mask;
        }
        let id = self.strings.len() as u32;
        self.slots[slot] = id;
        self.strings.push(text.into());
        self.hashes.push(hash);
        StrId(id)
    }

    /// The text of `id`.
    pub(crate) fn text(&self, id: StrId) -> &[u8] {
        &self.strings[id.0 as usize]
    }

    /// All texts, by id.
    pub(crate) fn into_strings(self) -> Vec<Arc<[u8]>> {
        self.strings
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

/// Multiply-and-rotate over words of eight bytes, the last of which may overlap; the high half is the better
/// mixed one.
fn hash(text: &[u8]) -> u32 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |state: u64, word: u64| (state ^ word).wrapping_mul(FACTOR).rotate_left(29);
    let half = |bytes: &[u8; 4]| u64::from(u32::from_le_bytes(*bytes));
    let mut state = text.len() as u64;
    if let Some(last) = text.last_chunk::<8>() {
        for word in text.as_chunks::<8>().0 {
            state = mix(state, u64::from_le_bytes(*word));
        }
        state = mix(state, u64::from_le_bytes(*last));
    } else if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        state = mix(state, half(first) | half(last) << 32);
    } else if let (Some(first), Some(last)) = (text.first(), text.last()) {
        state = mix(state, u64::from(*first) | u64::from(text[text.len() / 2]) << 8 | u64::from(*last) << 16);
    }
    (state.wrapping_mul(FACTOR) >> 32) as u32
}
