//! One method per instruction, so that a consumer that forgets one does not compile.

use crate::instruction::Instruction;

macro_rules! define_visit {
    ($($variant:ident $mnemonic:literal ($($field:ident : $kind:ident),*) $doc:literal;)*) => {
        /// Something done to every instruction. The methods bear the names of the opcodes.
        #[allow(non_snake_case)]
        pub trait Visit {
            /// What every method answers.
            type Output;
            $(
                #[doc = $doc]
                fn $variant(&mut self $(, $field: operand_type!($field, $kind))*) -> Self::Output;
            )*
        }

        /// Calls the visitor's method for a decoded instruction.
        pub fn dispatch<V: Visit>(instruction: Instruction, visitor: &mut V) -> V::Output {
            match instruction {
                $(Instruction::$variant { $($field),* } => visitor.$variant($($field),*),)*
            }
        }
    };
}
for_each_instruction!(define_visit);

/// Decodes an instruction and calls the visitor's method for it; `None` when
/// there is no such opcode. `extra` is ignored when there is no extra word.
pub fn visit<V: Visit>(first: u32, extra: u32, visitor: &mut V) -> Option<V::Output> {
    Some(dispatch(Instruction::decode(first, extra)?, visitor))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sum;

    macro_rules! sum_operands {
        ($($variant:ident $mnemonic:literal ($($field:ident : $kind:ident),*) $doc:literal;)*) => {
            #[allow(non_snake_case)]
            impl Visit for Sum {
                type Output = (&'static str, i64);
                $(fn $variant(&mut self $(, $field: operand_type!($field, $kind))*) -> Self::Output {
                    ($mnemonic, 0 $(+ i64::from($field))*)
                })*
            }
        };
    }
    for_each_instruction!(sum_operands);

    #[test]
    fn a_visitor_receives_decoded_operands() {
        let (first, extra) = Instruction::EqImm {
            a: 7,
            b: -3,
            c: 1,
            e: -40,
        }
        .encode();
        assert_eq!(visit(first, extra, &mut Sum), Some(("eq_imm", -35)));
        assert_eq!(visit(0x7f, 0, &mut Sum), None);
    }
}
