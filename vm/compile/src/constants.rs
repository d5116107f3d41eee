//! Constants of a function, each once.

use perilune_isa::Const;
use crate::text::Shared;
use perilune_syntax::ast::StrId;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

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

/// Constants in order of first use.
#[derive(Default)]
pub(crate) struct Constants {
    list: Vec<Constant>,
    index: HashMap<Constant, u32, BuildHasherDefault<MixHasher>>,
}

impl Constants {
    pub(crate) fn add(&mut self, constant: Constant) -> u32 {
        let next = self.list.len() as u32;
        let index = *self.index.entry(constant).or_insert(next);
        if index == next {
            self.list.push(constant);
        }
        index
    }

    /// Forgets all of them.
    pub(crate) fn clear(&mut self) {
        self.list.clear();
        self.index.clear();
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

/// Multiply and rotate: keys are a few machine words that nobody chooses to collide.
#[derive(Default)]
pub(crate) struct MixHasher(u64);

impl Hasher for MixHasher {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 29)
    }

    fn write(&mut self, bytes: &[u8]) {
        for word in bytes.chunks(8) {
            self.write_u64(word.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)));
        }
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_i64(&mut self, value: i64) {
        self.write_u64(value as u64);
    }

    fn write_isize(&mut self, value: isize) {
        self.write_u64(value as u64);
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }
}
