//! What instructions have seen: kinds of operands and results, one record for each word of code.
//!
//! Nothing is recorded by fast paths. An instruction that compiled code leaves to the interpreter is looked at
//! before and after: so the first rounds fill the record, and whatever does not fit widens it.

use crate::value::{Slot, tag};
use perilune_isa::instruction::Instruction;
use perilune_isa::op::Kind;

/// What was seen in one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Nothing yet.
    Unseen,
    /// Integers alone.
    Int,
    /// Floats alone.
    Float,
    /// Integers and floats.
    Number,
    /// Also something else.
    Any,
}

/// What one instruction has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    operands: u16,
    result: u8,
}

const INT: u16 = 1;
const FLOAT: u16 = 2;
const OTHER: u16 = 4;
/// [`Seen`]'s result when there were several kinds; one kind is its tag plus one.
const SEVERAL: u8 = 255;

impl Seen {
    /// The kinds of operand number `n` among those that are read.
    pub fn operand(self, n: usize) -> Class {
        match self.operands >> (4 * n) & 7 {
            0 => Class::Unseen,
            INT => Class::Int,
            FLOAT => Class::Float,
            3 => Class::Number,
            _ => Class::Any,
        }
    }

    /// Whether the instruction was looked at.
    pub fn is_empty(self) -> bool {
        self == Seen::default()
    }

    /// The tag that all results had; `None` when there were none or several, or they were nil.
    pub fn result(self) -> Option<u64> {
        (self.result > 1 && self.result != SEVERAL).then(|| u64::from(self.result) - 1)
    }

    /// Whether there were results.
    pub fn has_result(self) -> bool {
        self.result != 0
    }

    /// Takes note of a value of operand number `n`.
    pub(crate) fn note_operand(&mut self, n: usize, value: Slot) {
        let class = match value.tag {
            tag::INT => INT,
            tag::FLOAT => FLOAT,
            _ => OTHER,
        };
        self.operands |= class << (4 * n);
    }

    /// Takes note of a result.
    pub(crate) fn note_result(&mut self, value: Slot) {
        let kind = value.tag.min(100) as u8 + 1;
        self.result = if self.result == 0 || self.result == kind { kind } else { SEVERAL };
    }
}

/// The registers whose values are noted before an instruction: what it reads, and the start, limit and step of a loop.
pub(crate) fn operands(instruction: Instruction) -> [Option<u8>; 3] {
    if let Instruction::ForPrep { a, .. } = instruction {
        return [Some(a), Some(a + 1), Some(a + 2)];
    }
    let mut read = instruction.operands().filter(|(operand, _)| operand.kind == Kind::In);
    std::array::from_fn(|_| read.next().map(|(_, register)| register as u8))
}

/// The register whose value is noted afterwards.
pub(crate) fn result(instruction: Instruction) -> Option<u8> {
    instruction.operands().find(|(operand, _)| operand.kind == Kind::Out).map(|(_, register)| register as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_only_widen() {
        let mut seen = Seen::default();
        assert_eq!((seen.operand(0), seen.result()), (Class::Unseen, None));
        seen.note_operand(1, Slot::int(1));
        assert_eq!((seen.operand(0), seen.operand(1)), (Class::Unseen, Class::Int));
        seen.note_operand(1, Slot::float(1.0));
        assert_eq!(seen.operand(1), Class::Number);
        seen.note_operand(1, Slot::NIL);
        assert_eq!(seen.operand(1), Class::Any);
        seen.note_result(Slot::NIL);
        assert_eq!((seen.result(), seen.has_result()), (None, true));
        let mut seen = Seen::default();
        seen.note_result(Slot::float(1.0));
        assert_eq!(seen.result(), Some(tag::FLOAT));
        seen.note_result(Slot::int(1));
        assert_eq!((seen.result(), seen.has_result()), (None, true));
    }
}
