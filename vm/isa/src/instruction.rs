//! An instruction with its operands taken apart, and back into words.

use crate::{
    op::{Kind, Op, Operand},
    word,
};

/// The type of an operand, by field and kind.
macro_rules! operand_type {
    (b, SImm) => {
        i8
    };
    (c, SImm) => {
        i8
    };
    (e, Jump) => {
        i32
    };
    (a, $kind:ident) => {
        u8
    };
    (b, $kind:ident) => {
        u8
    };
    (c, $kind:ident) => {
        u8
    };
    (bx, $kind:ident) => {
        u16
    };
    (sbx, $kind:ident) => {
        i16
    };
    (sj, $kind:ident) => {
        i32
    };
    (e, $kind:ident) => {
        u32
    };
    (cache, $kind:ident) => {
        u16
    };
    (key, $kind:ident) => {
        u16
    };
}

/// Reads an operand from the two words.
macro_rules! read_operand {
    (b, SImm, $w:expr, $e:expr) => {
        word::sb($w)
    };
    (c, SImm, $w:expr, $e:expr) => {
        word::sc($w)
    };
    (e, Jump, $w:expr, $e:expr) => {
        $e as i32
    };
    (sj, $kind:ident, $w:expr, $e:expr) => {
        word::get_sj($w)
    };
    (e, $kind:ident, $w:expr, $e:expr) => {
        $e
    };
    (cache, $kind:ident, $w:expr, $e:expr) => {
        word::cache($e)
    };
    (key, $kind:ident, $w:expr, $e:expr) => {
        word::key($e)
    };
    ($field:ident, $kind:ident, $w:expr, $e:expr) => {
        word::$field($w)
    };
}

/// An operand's bits at its place in (first word, extra word).
macro_rules! place_operand {
    (a, $value:expr) => {
        (($value as u8 as u32) << 8, 0)
    };
    (b, $value:expr) => {
        (($value as u8 as u32) << 16, 0)
    };
    (c, $value:expr) => {
        (($value as u8 as u32) << 24, 0)
    };
    (bx, $value:expr) => {
        (($value as u32) << 16, 0)
    };
    (sbx, $value:expr) => {
        (($value as u16 as u32) << 16, 0)
    };
    (sj, $value:expr) => {
        (($value as u32) << 8, 0)
    };
    (e, $value:expr) => {
        (0, $value as u32)
    };
    (cache, $value:expr) => {
        (0, $value as u32)
    };
    (key, $value:expr) => {
        (0, ($value as u32) << 16)
    };
}

macro_rules! define_instruction {
    ($($variant:ident $mnemonic:literal ($($field:ident : $kind:ident),*) $doc:literal;)*) => {
        /// One instruction with typed operands.
        #[allow(missing_docs)]
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Instruction {
            $(#[doc = $doc] $variant { $($field: operand_type!($field, $kind),)* },)*
        }

        impl Instruction {
            /// The opcode.
            pub const fn op(self) -> Op {
                match self { $(Instruction::$variant { .. } => Op::$variant,)* }
            }

            /// Takes an instruction apart. `extra` is ignored when it has no extra word;
            /// a breakpoint flag is ignored; `None` when there is no such opcode.
            pub const fn decode(first: u32, extra: u32) -> Option<Instruction> {
                let _ = extra;
                let Some(op) = word::op(first) else { return None };
                Some(match op {
                    $(Op::$variant => Instruction::$variant {
                        $($field: read_operand!($field, $kind, first, extra),)*
                    },)*
                })
            }

            /// The first word and the extra word, which is 0 when there is none.
            pub const fn encode(self) -> (u32, u32) {
                match self {
                    $(Instruction::$variant { $($field,)* } => {
                        #[allow(unused_mut)]
                        let mut words = (Op::$variant as u32, 0u32);
                        $(
                            let bits: (u32, u32) = place_operand!($field, $field);
                            words.0 |= bits.0;
                            words.1 |= bits.1;
                        )*
                        words
                    })*
                }
            }
        }
    };
}
for_each_instruction!(define_instruction);

impl Instruction {
    /// Decodes the instruction that begins at `pc`; `None` past the end, for an
    /// unknown opcode, or when the extra word is missing.
    pub fn at(code: &[u32], pc: usize) -> Option<Instruction> {
        let first = *code.get(pc)?;
        let extra = match word::op(first)?.words() {
            1 => 0,
            _ => *code.get(pc + 1)?,
        };
        Instruction::decode(first, extra)
    }

    /// Appends the instruction's words to `code`.
    pub fn append_to(self, code: &mut Vec<u32>) {
        let (first, extra) = self.encode();
        code.push(first);
        if self.op().words() == 2 {
            code.push(extra);
        }
    }

    /// The length in words.
    pub fn words(self) -> usize {
        self.op().words()
    }

    /// The operands with their values, in the order of the table.
    pub fn operands(self) -> impl Iterator<Item = (Operand, i64)> {
        let (first, extra) = self.encode();
        let operands = self.op().info().operands.iter();
        operands.map(move |operand| (*operand, operand.get(first, extra)))
    }

    /// The word a jump goes to when it is taken, for an instruction at `pc`.
    /// It may lie outside the code when the code is not verified.
    pub fn jump_target(self, pc: usize) -> Option<i64> {
        let (_, offset) = self
            .operands()
            .find(|(operand, _)| operand.kind == Kind::Jump)?;
        Some((pc + self.words()) as i64 + offset)
    }
}

/// The instructions of verified code with the index of their first word.
pub fn instructions(code: &[u32]) -> impl Iterator<Item = (usize, Instruction)> + '_ {
    let mut pc = 0;
    std::iter::from_fn(move || {
        let at = pc;
        let instruction = Instruction::at(code, at)?;
        pc += instruction.words();
        Some((at, instruction))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instruction_survives_encoding() {
        for &op in Op::ALL {
            let (mut first, mut extra) = (op as u32, 0);
            for (i, operand) in op.info().operands.iter().enumerate() {
                operand.put(i as i64 + 1, &mut first, &mut extra).unwrap();
            }
            let instruction = Instruction::decode(first, extra).unwrap();
            assert_eq!(instruction.op(), op);
            assert_eq!(instruction.encode(), (first, extra), "{op:?}");
        }
    }

    #[test]
    fn signed_operands_keep_their_sign() {
        let back = Instruction::ForLoop { a: 3, e: -9 };
        let (first, extra) = back.encode();
        assert_eq!(Instruction::decode(first, extra), Some(back));
        let less = Instruction::LtImm {
            a: 1,
            b: -128,
            c: 1,
            e: 4,
        };
        let (first, extra) = less.encode();
        assert_eq!(Instruction::decode(first, extra), Some(less));
    }
}
