//! Packing operands into instruction words and reading them back.
//!
//! Which fields an instruction has is the table's knowledge, not this file's.

use crate::op::{Form, Op};

/// A word with three byte operands.
pub const fn abc(op: Op, a: u8, b: u8, c: u8) -> u32 {
    op as u32 | (a as u32) << 8 | (b as u32) << 16 | (c as u32) << 24
}

/// A word with a byte and an unsigned 16-bit operand.
pub const fn abx(op: Op, a: u8, bx: u16) -> u32 {
    op as u32 | (a as u32) << 8 | (bx as u32) << 16
}

/// A word with a byte and a signed 16-bit operand.
pub const fn asbx(op: Op, a: u8, sbx: i16) -> u32 {
    abx(op, a, sbx as u16)
}

/// A word with a signed 24-bit operand; bits above the 24th are lost.
pub const fn sj(op: Op, offset: i32) -> u32 {
    op as u32 | (offset as u32) << 8
}

/// The lowest byte: the opcode with its breakpoint flag.
pub const fn op_byte(word: u32) -> u8 {
    word as u8
}

/// The opcode, whether or not it carries the breakpoint flag; that of the instruction when it is a quick form.
pub const fn op(word: u32) -> Option<Op> {
    match Form::from_byte(word as u8 & 0x7f) {
        Some(form) => Some(form.general()),
        None => None,
    }
}

/// The word with another form of its instruction, and its breakpoint flag as it is.
pub const fn with_form(word: u32, form: Form) -> u32 {
    word & !0x7f | form as u32
}

/// Operand `a`.
pub const fn a(word: u32) -> u8 {
    (word >> 8) as u8
}

/// Operand `b`.
pub const fn b(word: u32) -> u8 {
    (word >> 16) as u8
}

/// Operand `c`.
pub const fn c(word: u32) -> u8 {
    (word >> 24) as u8
}

/// Operand `b`, signed.
pub const fn sb(word: u32) -> i8 {
    b(word) as i8
}

/// Operand `c`, signed.
pub const fn sc(word: u32) -> i8 {
    c(word) as i8
}

/// Operand `bx`.
pub const fn bx(word: u32) -> u16 {
    (word >> 16) as u16
}

/// Operand `sbx`.
pub const fn sbx(word: u32) -> i16 {
    bx(word) as i16
}

/// Operand `sj`.
pub const fn get_sj(word: u32) -> i32 {
    word as i32 >> 8
}

/// The extra word of a cached instruction.
pub const fn cache_key(cache: u16, key: u16) -> u32 {
    cache as u32 | (key as u32) << 16
}

/// The cache index in an extra word.
pub const fn cache(extra: u32) -> u16 {
    extra as u16
}

/// The key's constant index in an extra word.
pub const fn key(extra: u32) -> u16 {
    (extra >> 16) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_back_as_they_went_in() {
        let word = abc(Op::Add, 1, 254, 0x83);
        assert_eq!(
            (op(word), a(word), b(word), c(word)),
            (Some(Op::Add), 1, 254, 0x83)
        );
        assert_eq!((sb(word), sc(word)), (-2, -125));
        assert_eq!(sbx(asbx(Op::LoadInt, 3, -7)), -7);
        assert_eq!(bx(abx(Op::LoadK, 3, 65535)), 65535);
        for offset in [0, 1, -1, (1 << 23) - 1, -(1 << 23)] {
            assert_eq!(get_sj(sj(Op::Jump, offset)), offset);
        }
        let extra = cache_key(7, 65535);
        assert_eq!((cache(extra), key(extra)), (7, 65535));
    }
}
