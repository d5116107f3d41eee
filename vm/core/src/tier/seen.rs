//! What instructions have seen: kinds of operands and results, one record for each word of code.
//!
//! Nothing is recorded by fast paths. An instruction that compiled code leaves to the interpreter is looked at
//! before and after: so the first rounds fill the record, and whatever does not fit widens it.
//!
//! `unsafe`: a native that is called is looked at. The bargain: it is a value in a register of a live frame.
#![allow(unsafe_code)]

use crate::object::{Closure, Native};
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

/// What was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callee {
    /// Nothing that was looked at.
    Unseen,
    /// The function itself that calls, alone.
    Itself,
    /// Lua functions alone.
    Lua,
    /// One native function, by its number among those of the machine.
    Native(u32),
    /// Several of them.
    Several,
}

/// What one instruction has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    operands: u16,
    result: u8,
    callee: u16,
    misses: u16,
}

const INT: u16 = 1;
const FLOAT: u16 = 2;
const OTHER: u16 = 4;
/// [`Seen`]'s result when there were several kinds; one kind is its tag plus one.
const SEVERAL: u8 = 255;
/// Among the operands: a metamethod decided.
const METAMETHOD: u16 = 1 << 15;
const CALLED_LUA: u16 = 1;
const CALLED_ITSELF: u16 = 2;
/// The number of a native is added to this.
const CALLED_NATIVE: u16 = 3;
const CALLED_SEVERAL: u16 = u16::MAX;

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

    /// Whether all results were nil.
    pub fn has_nil(self) -> bool {
        self.result == tag::NIL as u8 + 1
    }

    /// How often machine code left the instruction to the interpreter, as it was not made for what it met; at most 65,535.
    pub fn misses(self) -> u16 {
        self.misses
    }

    /// Takes note that machine code left the instruction to the interpreter.
    pub(crate) fn note_miss(&mut self) {
        self.misses = self.misses.saturating_add(1);
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

    /// Whether an operand was no number.
    pub fn has_other_operand(self) -> bool {
        self.operands & (OTHER | OTHER << 4 | OTHER << 8) != 0
    }

    /// Whether a metamethod decided what the instruction does, which was a function of Lua.
    pub fn has_metamethod(self) -> bool {
        self.operands & METAMETHOD != 0
    }

    /// What a call has called.
    pub fn callee(self) -> Callee {
        match self.callee {
            0 => Callee::Unseen,
            CALLED_ITSELF => Callee::Itself,
            CALLED_LUA => Callee::Lua,
            CALLED_SEVERAL => Callee::Several,
            native => Callee::Native(u32::from(native - CALLED_NATIVE)),
        }
    }

    /// Takes note of what is called by a function.
    pub(crate) fn note_callee(&mut self, value: Slot, caller: *const Closure) {
        let kind = match value.tag {
            tag::CLOSURE if value.as_ptr::<Closure>().cast_const() == caller => CALLED_ITSELF,
            tag::CLOSURE => CALLED_LUA,
            // SAFETY: the tag says what it is.
            tag::NATIVE => u16::try_from(unsafe { (*value.as_ptr::<Native>()).id })
                .map_or(CALLED_SEVERAL, |id| id.saturating_add(CALLED_NATIVE)),
            _ => CALLED_SEVERAL,
        };
        self.callee = match self.callee {
            0 => kind,
            known if known == kind => kind,
            CALLED_LUA | CALLED_ITSELF if matches!(kind, CALLED_LUA | CALLED_ITSELF) => CALLED_LUA,
            _ => CALLED_SEVERAL,
        };
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

    /// Takes note of what a metamethod returned, when that is a result.
    pub(crate) fn note_metamethod(&mut self, result: Option<Slot>) {
        self.operands |= METAMETHOD;
        if let Some(result) = result {
            self.note_result(result);
        }
    }

    /// Takes note of a result.
    pub(crate) fn note_result(&mut self, value: Slot) {
        let kind = value.tag.min(100) as u8 + 1;
        self.result = if self.result == 0 || self.result == kind { kind } else { SEVERAL };
    }
}

/// The register of what a call calls.
pub(crate) fn callee(instruction: Instruction) -> Option<u8> {
    if let Instruction::Call { a, .. } | Instruction::TailCall { a, .. } = instruction { Some(a) } else { None }
}

/// The registers whose values are noted before an instruction: what it reads, the start, limit and step of a loop, and
/// the first arguments of a call.
pub(crate) fn operands(instruction: Instruction) -> [Option<u8>; 3] {
    if let Instruction::ForPrep { a, .. } = instruction {
        return [Some(a), Some(a + 1), Some(a + 2)];
    }
    if let Instruction::Call { a, b, .. } = instruction {
        return std::array::from_fn(|n| (usize::from(b) > n + 1).then(|| a + 2 + n as u8));
    }
    let mut read = instruction.operands().filter(|(operand, _)| operand.kind == Kind::In);
    std::array::from_fn(|_| read.next().map(|(_, register)| register as u8))
}

/// The register whose value is noted afterwards.
pub(crate) fn result(instruction: Instruction) -> Option<u8> {
    if let Instruction::Call { a, c: 2, .. } = instruction {
        return Some(a);
    }
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
