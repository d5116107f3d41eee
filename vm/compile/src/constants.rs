//! Constants of a function, each once.

use perilune_isa::Const;
use crate::text::Shared;
use perilune_syntax::ast::StrId;
use perilune_syntax::hash_seed;
use std::hash::Hasher;

/// A constant, comparable: floats by their bits, strings by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Constant {
    Nil,
    True,
    False,
    Int(i64),
    Float(u64),
    Str(StrId),
}

const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// So many constants are searched one by one.
const FEW: usize = 8;

/// No constant is in a slot.
const EMPTY: u32 = u32::MAX;

/// Constants in order of first use.
#[derive(Default)]
pub(crate) struct Constants {
    list: Vec<Constant>,
    /// Open addressing over the list; the load stays below a half. Empty as long as there are few.
    slots: Vec<u32>,
    seed: u64,
}

impl Constants {
    pub(crate) fn add(&mut self, constant: Constant) -> u32 {
        if self.list.len() > FEW {
            return self.add_to_many(constant);
        }
        if let Some(index) = self.list.iter().position(|known| *known == constant) {
            return index as u32;
        }
        self.list.push(constant);
        self.list.len() as u32 - 1
    }

    fn add_to_many(&mut self, constant: Constant) -> u32 {
        if self.list.len() * 2 >= self.slots.len() {
            self.grow();
        }
        let slot = self.slot(&constant);
        if self.slots[slot] == EMPTY {
            self.slots[slot] = self.list.len() as u32;
            self.list.push(constant);
        }
        self.slots[slot]
    }

    /// Where a constant is, or belongs.
    fn slot(&self, constant: &Constant) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = hash(self.seed, constant) as usize & mask;
        while self.slots[slot] != EMPTY && self.list[self.slots[slot] as usize] != *constant {
            slot = (slot + 1) & mask;
        }
        slot
    }

    fn grow(&mut self) {
        let size = (self.list.len() * 4).next_power_of_two();
        self.seed = hash_seed();
        self.slots.clear();
        self.slots.resize(size, EMPTY);
        for at in 0..self.list.len() {
            let slot = self.slot(&self.list[at]);
            self.slots[slot] = at as u32;
        }
    }

    /// Forgets all of them.
    pub(crate) fn clear(&mut self) {
        self.list.clear();
        self.slots.clear();
    }

    /// The string behind a constant, if it is one.
    pub(crate) fn string(&self, index: u32) -> Option<StrId> {
        match self.list[index as usize] {
            Constant::Str(id) => Some(id),
            _ => None,
        }
    }

    pub(crate) fn finish(&self, texts: &mut Shared<'_>) -> Vec<Const> {
        let value = |constant: &Constant| match *constant {
            Constant::Nil => Const::Nil,
            Constant::True => Const::True,
            Constant::False => Const::False,
            Constant::Int(i) => Const::Int(i),
            Constant::Float(bits) => Const::Float(f64::from_bits(bits)),
            Constant::Str(id) => Const::Str(texts.get(id)),
        };
        self.list.iter().map(value).collect()
    }
}

fn hash(seed: u64, constant: &Constant) -> u32 {
    let word = match *constant {
        Constant::Nil => 1,
        Constant::True => 2,
        Constant::False => 3,
        Constant::Int(value) => value as u64,
        Constant::Float(bits) => bits.rotate_left(17),
        Constant::Str(id) => u64::from(id.0) << 32,
    };
    let product = u128::from(word ^ seed) * u128::from(FACTOR);
    ((product >> 64) as u64 ^ product as u64) as u32
}

/// Multiply and rotate: keys are a few machine words that nobody chooses to collide.
#[derive(Default)]
pub(crate) struct MixHasher(u64);

impl Hasher for MixHasher {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 29)
    }

    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.write_u64(u64::from_le_bytes(*word));
        }
        self.write_u64(rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)));
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(FACTOR);
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }
}
