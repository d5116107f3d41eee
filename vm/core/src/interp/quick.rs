//! Quick forms that can be told from the code alone, and the one that a product of floats gets.
//!
//! The others are written by the loop, when it sees what they are for.

use perilune_isa::{BREAKPOINT, Form, Op, word};

/// Code that runs, made from code that was loaded: pairs of instructions are done at once.
pub(crate) fn running(loaded: &[u32]) -> Box<[u32]> {
    let mut code: Box<[u32]> = loaded.into();
    fuse(&mut code);
    code
}

/// Writes the forms of pairs into code without quick forms, but for pairs whose second instruction has a breakpoint.
pub(crate) fn fuse(code: &mut [u32]) {
    let mut pc = 0;
    while let Some(op) = code.get(pc).and_then(|first| word::op(*first)) {
        let next = pc + op.words();
        if op == Op::Move && code.get(next).is_some_and(|second| plain(*second) == Some(Op::Move)) {
            code[pc] = word::with_form(code[pc], Form::MoveMove);
            pc = next + 1;
        } else {
            pc = next;
        }
    }
}

/// The opcode of an instruction without a breakpoint.
fn plain(first: u32) -> Option<Op> {
    word::op(first).filter(|_| first & BREAKPOINT == 0)
}

/// The form of a product of floats: together with the sum behind it, when that adds something to the product.
#[cold]
pub(super) fn product(product: u32, next: u32) -> Form {
    let takes = plain(next) == Some(Op::Add) && [word::b(next), word::c(next)].contains(&word::a(product));
    if takes { Form::MulAddFloats } else { Form::MulFloats }
}

#[cfg(test)]
mod tests {
    use super::*;
    use perilune_isa::{Instruction, assemble};

    fn code(body: &str) -> Vec<u32> {
        assemble(&format!("function\nstack 9\nparams 9\ncode\n{body}\nend")).unwrap().code
    }

    fn form(word: u32) -> Form {
        Form::from_byte(word as u8 & !BREAKPOINT as u8).unwrap()
    }

    #[test]
    fn moves_are_made_in_pairs() {
        let loaded = code("move r0, r1\nmove r1, r2\nmove r2, r3\nload_nil r4, 0\nmove r5, r6\nmove r6, r7\nreturn0");
        let fused = running(&loaded);
        let forms: Vec<_> = fused.iter().map(|word| form(*word)).collect();
        assert_eq!(
            forms,
            [Form::MoveMove, Form::Move, Form::Move, Form::LoadNil, Form::MoveMove, Form::Move, Form::Return0]
        );
        let decoded = |code: &[u32]| code.iter().map(|word| Instruction::decode(*word, 0)).collect::<Vec<_>>();
        assert_eq!(decoded(&fused), decoded(&loaded));
    }

    #[test]
    fn a_pair_never_hides_a_breakpoint() {
        let mut loaded = code("move r0, r1\nmove r1, r2\nmove r2, r3\nreturn0");
        loaded[1] |= BREAKPOINT;
        let fused = running(&loaded);
        assert_eq!([form(fused[0]), form(fused[1])], [Form::Move, Form::MoveMove]);
        assert_ne!(fused[1] & BREAKPOINT, 0);
        let sums = code("mul r0, r1, r2\nadd r3, r4, r0\nadd r3, r4, r5\nreturn0");
        assert_eq!(product(sums[0], sums[1]), Form::MulAddFloats);
        assert_eq!(product(sums[0], sums[1] | BREAKPOINT), Form::MulFloats);
        assert_eq!(product(sums[0], sums[2]), Form::MulFloats);
    }
}
