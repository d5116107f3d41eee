//! Which registers an instruction touches, those its operands only imply included.
//!
//! The verifier bounds them; the namer asks who wrote one.

use crate::{instruction::Instruction, op::Kind};
use std::ops::Range;

/// The end of a range that has no upper bound: a call may write every register
/// above its base, because the callee's frame stands there.
pub const UNBOUNDED: u16 = u16::MAX;

/// The end of a run of `count1 - 1` values that begins at `first`. With a count
/// of 0 the run goes up to the top, which is at least `first`.
fn counted(first: u16, count1: u8) -> u16 {
    first + u16::from(count1).saturating_sub(1)
}

/// The number of registers a frame must have for the instruction.
pub fn extent(instruction: Instruction) -> u16 {
    let named = instruction
        .operands()
        .filter_map(|(operand, value)| match operand.kind {
            Kind::Out | Kind::In | Kind::InOut => Some(value as u16 + 1),
            _ => None,
        });
    named.max().unwrap_or(0).max(run_end(instruction))
}

/// The end of the registers that a `Base` operand or the row's text implies.
fn run_end(instruction: Instruction) -> u16 {
    use Instruction as I;
    match instruction {
        I::LoadNil { a, b } => u16::from(a) + u16::from(b) + 1,
        I::Method { a, .. } => u16::from(a) + 3,
        I::SetList { a, b, c, .. } => counted(u16::from(a) + u16::from(c), b),
        I::Concat { a, b } => u16::from(a) + u16::from(b),
        I::ForPrep { a, .. } | I::ForLoop { a, .. } | I::TForPrep { a, .. } => u16::from(a) + 4,
        I::TForCall { a, c } => u16::from(a) + 4 + u16::from(c).max(4),
        I::TForLoop { a, .. } => u16::from(a) + 5,
        I::Call { a, b, c } => {
            let arguments = counted(u16::from(a) + 2, b);
            arguments.max(counted(u16::from(a), c))
        }
        I::TailCall { a, b, .. } => counted(u16::from(a) + 2, b),
        I::Return { a, b, .. } => counted(u16::from(a), b),
        I::Vararg { a, c } => counted(u16::from(a), c),
        I::Close { a } => u16::from(a) + 1,
        _ => 0,
    }
}

/// The registers an instruction may change.
pub fn writes(instruction: Instruction) -> Range<u16> {
    use Instruction as I;
    match instruction {
        I::LoadNil { a, b } => u16::from(a)..u16::from(a) + u16::from(b) + 1,
        I::Method { a, .. } => u16::from(a)..u16::from(a) + 3,
        I::Concat { a, b } => u16::from(a)..u16::from(a) + u16::from(b),
        I::ForPrep { a, .. } | I::ForLoop { a, .. } => u16::from(a)..u16::from(a) + 4,
        I::TForCall { a, .. } => u16::from(a) + 4..UNBOUNDED,
        I::TForLoop { a, .. } => u16::from(a) + 2..u16::from(a) + 3,
        I::Call { a, .. } | I::TailCall { a, .. } => u16::from(a)..UNBOUNDED,
        I::Vararg { a, c: 0 } => u16::from(a)..UNBOUNDED,
        I::Vararg { a, c } => u16::from(a)..counted(u16::from(a), c),
        _ => named_write(instruction),
    }
}

fn named_write(instruction: Instruction) -> Range<u16> {
    let written = |kind| matches!(kind, Kind::Out | Kind::InOut);
    match instruction
        .operands()
        .find(|(operand, _)| written(operand.kind))
    {
        Some((_, register)) => register as u16..register as u16 + 1,
        None => 0..0,
    }
}

/// The base of the values an instruction leaves "up to the top".
pub fn open_results(instruction: Instruction) -> Option<u8> {
    match instruction {
        Instruction::Call { a, c: 0, .. } | Instruction::Vararg { a, c: 0 } => Some(a),
        _ => None,
    }
}

/// The base of the values an instruction takes "up to the top".
pub fn open_operands(instruction: Instruction) -> Option<u16> {
    match instruction {
        Instruction::Call { a, b: 0, .. } | Instruction::TailCall { a, b: 0, .. } => {
            Some(u16::from(a) + 2)
        }
        Instruction::Return { a, b: 0, .. } => Some(u16::from(a)),
        Instruction::SetList { a, b: 0, c, .. } => Some(u16::from(a) + u16::from(c)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::Op;

    #[test]
    fn every_row_with_a_base_has_a_run() {
        for &op in Op::ALL {
            let (mut first, mut extra) = (op as u32, 0);
            for operand in op.info().operands {
                let value = if operand.kind == Kind::Base { 5 } else { 3 };
                operand.put(value, &mut first, &mut extra).unwrap();
            }
            let has_base = op
                .info()
                .operands
                .iter()
                .any(|operand| operand.kind == Kind::Base);
            let instruction = Instruction::decode(first, extra).unwrap();
            assert!(!has_base || run_end(instruction) > 5, "{op:?}");
        }
    }

    #[test]
    fn a_call_needs_room_for_its_header_and_arguments() {
        assert_eq!(extent(Instruction::Call { a: 3, b: 1, c: 1 }), 5);
        assert_eq!(extent(Instruction::Call { a: 3, b: 3, c: 1 }), 7);
        assert_eq!(extent(Instruction::Call { a: 3, b: 1, c: 9 }), 11);
        assert_eq!(extent(Instruction::TForCall { a: 3, c: 2 }), 11);
        assert_eq!(writes(Instruction::Call { a: 3, b: 1, c: 1 }), 3..UNBOUNDED);
    }
}
