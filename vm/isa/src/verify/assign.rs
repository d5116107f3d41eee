//! That registers hold values when they are read.
//!
//! A register that nothing was stored to may hold words of a frame that was
//! there before, which are no values. So every register that is read must have been
//! written on every way to the instruction. A call leaves such words above its
//! base: what is there counts as unwritten afterwards. For the same reason no call
//! may be made over a variable that a closure shares or that waits to be closed.

use super::{Fault, Layout, Located};
use crate::{
    effect,
    instruction::Instruction,
    op::Kind,
    pace::Pace,
    proto::Proto,
};
use std::ops::Range;

/// A set of registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Set([u64; 4]);

impl Set {
    const ALL: Set = Set([u64::MAX; 4]);

    /// The registers below a bound, which may lie beyond the last.
    fn below(end: u16) -> Set {
        let word = |first: u16| match end.saturating_sub(first) {
            0 => 0,
            count @ 1..64 => (1 << count) - 1,
            _ => u64::MAX,
        };
        Set([word(0), word(64), word(128), word(192)])
    }

    fn range(range: Range<u16>) -> Set {
        Set::below(range.end).and_not(Set::below(range.start))
    }

    fn one(register: u8) -> Set {
        Set::range(u16::from(register)..u16::from(register) + 1)
    }

    fn zip(self, other: Set, join: impl Fn(u64, u64) -> u64) -> Set {
        Set(std::array::from_fn(|i| join(self.0[i], other.0[i])))
    }

    fn and(self, other: Set) -> Set {
        self.zip(other, |a, b| a & b)
    }

    fn or(self, other: Set) -> Set {
        self.zip(other, |a, b| a | b)
    }

    fn and_not(self, other: Set) -> Set {
        self.zip(other, |a, b| a & !b)
    }

    /// The lowest member.
    fn first(self) -> Option<u8> {
        let word = self.0.iter().position(|&word| word != 0)?;
        Some((word * 64) as u8 + self.0[word].trailing_zeros() as u8)
    }
}

/// What is known before an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    /// Registers written on every way here.
    written: Set,
    /// Registers that some way here left shared with a closure or waiting to be closed.
    open: Set,
}

impl State {
    const UNREACHED: State = State { written: Set::ALL, open: Set([0; 4]) };

    fn join(self, other: State) -> State {
        State { written: self.written.and(other.written), open: self.open.or(other.open) }
    }
}

/// Checks a function whose instructions and jumps were checked.
pub(super) fn check(proto: &Proto, layout: &Layout, pace: &mut Pace<'_>) -> Result<(), Located> {
    let count = layout.instructions.len();
    let mut states = vec![State::UNREACHED; count];
    let mut reached = vec![false; count];
    states[0] = State { written: Set::below(u16::from(proto.params)), open: Set::default() };
    reached[0] = true;
    let mut pending = vec![0];
    while let Some(at) = pending.pop() {
        pace.step()?;
        let (pc, instruction) = layout.instructions[at];
        let open_base = at.checked_sub(1).and_then(|before| effect::open_results(layout.instructions[before].1));
        let before = states[at];
        check_one(proto, instruction, open_base, before).map_err(|fault| (Some(pc), fault))?;
        for (next, after) in successors(proto, layout, at, before).into_iter().flatten() {
            let joined = if reached[next] { states[next].join(after) } else { after };
            if !reached[next] || joined != states[next] {
                (states[next], reached[next]) = (joined, true);
                pending.push(next);
            }
        }
    }
    Ok(())
}

fn check_one(proto: &Proto, instruction: Instruction, open_base: Option<u8>, before: State) -> Result<(), Fault> {
    let unwritten = reads(proto, instruction, open_base).and_not(before.written);
    if let Some(register) = unwritten.first() {
        return Err(Fault::Unwritten(register));
    }
    let from = match instruction {
        Instruction::Call { a, .. } => u16::from(a),
        Instruction::TForCall { a, .. } => u16::from(a) + 4,
        _ => return Ok(()),
    };
    match before.open.and_not(Set::below(from)).first() {
        Some(register) => Err(Fault::Overlaid(register)),
        None => Ok(()),
    }
}

/// The registers that must hold values.
fn reads(proto: &Proto, instruction: Instruction, open_base: Option<u8>) -> Set {
    use Instruction as I;
    // What stands below the values "up to the top" and belongs to the same run.
    let run = |first: u16, count1: u8| match (count1, open_base) {
        (0, Some(end)) => Set::range(first..u16::from(end)),
        _ => Set::range(first..first + u16::from(count1).saturating_sub(1)),
    };
    let named = instruction.operands().filter(|(operand, _)| matches!(operand.kind, Kind::In | Kind::InOut));
    let named = named.fold(Set::default(), |set, (_, register)| set.or(Set::one(register as u8)));
    let implied = match instruction {
        I::SetList { a, b, c, .. } => run(u16::from(a) + u16::from(c), b),
        I::Concat { a, b } => Set::range(u16::from(a)..u16::from(a) + u16::from(b)),
        I::ForPrep { a, .. } | I::ForLoop { a, .. } | I::TForCall { a, .. } => Set::range(u16::from(a)..u16::from(a) + 3),
        I::TForPrep { a, .. } => Set::range(u16::from(a)..u16::from(a) + 4),
        I::TForLoop { a, .. } => Set::one(a + 4),
        I::Call { a, b, .. } | I::TailCall { a, b, .. } => Set::one(a).or(run(u16::from(a) + 2, b)),
        I::Return { a, b, .. } => run(u16::from(a), b),
        // A closure may share the variable that it is stored to.
        I::Closure { a, bx } => captured(proto, bx).and_not(Set::one(a)),
        _ => Set::default(),
    };
    named.or(implied)
}

fn captured(proto: &Proto, child: u16) -> Set {
    let upvalues = proto.children[usize::from(child)].upvalues.iter();
    // Whether the others exist is checked with the child.
    let variables = upvalues.filter(|up| up.in_stack && up.index < proto.max_stack);
    variables.fold(Set::default(), |set, up| set.or(Set::one(up.index)))
}

/// The instructions that may follow, and what is known before them.
fn successors(proto: &Proto, layout: &Layout, at: usize, before: State) -> [Option<(usize, State)>; 2] {
    use Instruction as I;
    let (pc, instruction) = layout.instructions[at];
    let after = State { written: before.written.or(writes(instruction)).and_not(clobbers(instruction)), ..before };
    let after = State { open: opened(proto, instruction, before.open), ..after };
    let index = |pc: i64| layout.starts[pc as usize].map(|index| index as usize);
    let jump = instruction.jump_target(pc).and_then(index);
    let next = (at + 1 < layout.instructions.len()).then_some(at + 1);
    let (jumped, passed) = match instruction {
        I::Return { .. } | I::Return0 {} | I::Return1 { .. } | I::TailCall { .. } => return [None, None],
        I::LoadFalseSkip { .. } => return [index(pc as i64 + 2).map(|to| (to, after)), None],
        I::TForPrep { .. } | I::Jump { .. } | I::Loop { .. } => return [jump.map(|to| (to, after)), None],
        I::TestSet { .. } | I::ForLoop { .. } | I::TForLoop { .. } => (after, before),
        I::ForPrep { .. } => (before, after),
        _ => (after, after),
    };
    [jump.map(|to| (to, jumped)), next.map(|to| (to, passed))]
}

/// The registers that hold values afterwards, where the instruction does what it is for.
fn writes(instruction: Instruction) -> Set {
    use Instruction as I;
    match instruction {
        I::Method { a, .. } => Set::one(a).or(Set::one(a + 2)),
        I::ForPrep { a, .. } | I::ForLoop { a, .. } => Set::one(a + 3),
        I::TForCall { .. } | I::Call { .. } | I::TailCall { .. } | I::Vararg { c: 0, .. } => Set::default(),
        I::Concat { a, .. } => Set::one(a),
        _ => Set::range(effect::writes(instruction)),
    }
    .or(results(instruction))
}

/// What a call puts where its frame was.
fn results(instruction: Instruction) -> Set {
    match instruction {
        Instruction::Call { a, c, .. } => Set::range(u16::from(a)..u16::from(a) + u16::from(c).saturating_sub(1)),
        Instruction::TForCall { a, c } => Set::range(u16::from(a) + 4..u16::from(a) + 4 + u16::from(c)),
        _ => Set::default(),
    }
}

/// The registers that hold no values afterwards.
fn clobbers(instruction: Instruction) -> Set {
    let from = match instruction {
        Instruction::Call { a, .. } => u16::from(a),
        Instruction::TForCall { a, .. } => u16::from(a) + 4,
        _ => return Set::default(),
    };
    Set::ALL.and_not(Set::below(from)).and_not(results(instruction))
}

fn opened(proto: &Proto, instruction: Instruction, open: Set) -> Set {
    match instruction {
        Instruction::Closure { bx, .. } => open.or(captured(proto, bx)),
        Instruction::Tbc { a } => open.or(Set::one(a)),
        Instruction::TForPrep { a, .. } => open.or(Set::one(a + 3)),
        Instruction::Close { a } => open.and(Set::below(u16::from(a))),
        _ => open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_cover_all_registers() {
        assert_eq!(Set::below(256), Set::ALL);
        assert_eq!(Set::range(60..70).first(), Some(60));
        assert_eq!(Set::range(64..65), Set::one(64));
        assert_eq!(Set::one(255).and_not(Set::below(255)).first(), Some(255));
        assert_eq!(Set::below(0).first(), None);
    }
}
