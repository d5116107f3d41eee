//! How control, loop state and "the top" pass from one instruction to the next.

use super::{Fault, Layout, Located};
use crate::{effect, instruction::Instruction, op::Op, pace::Pace, proto::Proto};

/// Checks jumps, loops and runs "up to the top" of a function whose
/// instructions were checked one by one.
pub(super) fn check(proto: &Proto, layout: &Layout, pace: &mut Pace<'_>) -> Result<(), Located> {
    let landings = landings(proto, layout, pace)?;
    check_top(layout, &landings, pace)?;
    check_numeric_loops(proto, layout, pace)?;
    check_generic_loops(layout, &landings, pace)?;
    check_returns(proto, layout, pace)?;
    check_end(layout)
}

/// For every word, whether some jump lands there.
fn landings(proto: &Proto, layout: &Layout, pace: &mut Pace<'_>) -> Result<Vec<bool>, Located> {
    let mut landings = vec![false; proto.code.len()];
    for &(pc, instruction) in &layout.instructions {
        pace.step()?;
        if let Some(target) = target(layout, pc, instruction).map_err(|fault| (Some(pc), fault))? {
            // `vararg_prep` moves the frame, so it may run only once.
            if target == 0 && proto.is_vararg {
                return Err((Some(pc), Fault::Vararg));
            }
            landings[target] = true;
        }
    }
    Ok(landings)
}

fn target(layout: &Layout, pc: usize, instruction: Instruction) -> Result<Option<usize>, Fault> {
    if instruction.op() == Op::LoadFalseSkip {
        let skipped = layout
            .at(pc as i64 + 1)
            .is_some_and(|next| next.words() == 1);
        let lands = layout.at(pc as i64 + 2).is_some();
        return if skipped && lands {
            Ok(Some(pc + 2))
        } else {
            Err(Fault::Skip)
        };
    }
    let Some(target) = instruction.jump_target(pc) else {
        return Ok(None);
    };
    if layout.at(target).is_none() {
        return Err(Fault::Target(target));
    }
    let goes_back = target < (pc + instruction.words()) as i64;
    // Only the opcodes of loops poll, so only they may go backwards.
    let must_go_back = matches!(instruction.op(), Op::Loop | Op::ForLoop | Op::TForLoop);
    match goes_back == must_go_back {
        true => Ok(Some(target as usize)),
        false => Err(Fault::Direction(target)),
    }
}

/// Values "up to the top" pass from one instruction to the very next.
fn check_top(layout: &Layout, landings: &[bool], pace: &mut Pace<'_>) -> Result<(), Located> {
    let mut left: Option<u8> = None;
    for &(pc, instruction) in &layout.instructions {
        pace.step()?;
        let taken = effect::open_operands(instruction);
        match (left, taken) {
            (None, None) => {}
            (Some(from), Some(base)) if base <= u16::from(from) && !landings[pc] => {}
            (Some(_), None) => return Err((Some(pc), Fault::TopUnused)),
            _ => return Err((Some(pc), Fault::TopMissing)),
        }
        left = effect::open_results(instruction);
    }
    Ok(())
}

/// A numeric loop: its body is the words from `start` up to its `for_loop` at `end`.
struct NumericLoop {
    start: usize,
    end: usize,
    base: u8,
    exit: i64,
}

/// The interpreter trusts what `for_prep` left in a loop's registers, so its
/// `for_loop` must be reached through it, and nothing between may change them.
fn check_numeric_loops(proto: &Proto, layout: &Layout, pace: &mut Pace<'_>) -> Result<(), Located> {
    let mut loops: Vec<NumericLoop> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut innermost: Vec<Option<usize>> = vec![None; proto.code.len()];
    for &(pc, instruction) in &layout.instructions {
        pace.step()?;
        innermost[pc] = open.last().copied();
        if let Instruction::ForLoop { a, .. } = instruction {
            let closed = open.pop().map(|i| &mut loops[i]);
            let pair = closed.filter(|it| {
                it.base == a
                    && it.exit == pc as i64 + 2
                    && instruction.jump_target(pc) == Some(it.start as i64)
            });
            pair.ok_or((Some(pc), Fault::ForPair))?.end = pc;
        }
        for &i in &open {
            pace.step()?;
            check_state(proto, loops[i].base, instruction).map_err(|fault| (Some(pc), fault))?;
        }
        if let Instruction::ForPrep { a: base, .. } = instruction {
            let exit = instruction.jump_target(pc).unwrap_or(-1);
            open.push(loops.len());
            loops.push(NumericLoop {
                start: pc + 2,
                end: 0,
                base,
                exit,
            });
        }
    }
    match open.last() {
        Some(&i) => Err((Some(loops[i].start - 2), Fault::ForPair)),
        None => check_entries(layout, &loops, &innermost, pace),
    }
}

fn check_state(proto: &Proto, base: u8, instruction: Instruction) -> Result<(), Fault> {
    let state = u16::from(base)..u16::from(base) + 3;
    let written = effect::writes(instruction);
    if written.start < state.end && state.start < written.end {
        return Err(Fault::ForState(base));
    }
    if let Instruction::Closure { bx, .. } = instruction {
        let child = &proto.children[usize::from(bx)];
        let captured = child.upvalues.iter().filter(|up| up.in_stack);
        if captured
            .into_iter()
            .any(|up| state.contains(&u16::from(up.index)))
        {
            return Err(Fault::ForState(base));
        }
    }
    Ok(())
}

/// Loops nest, so a jump that stays inside the innermost loop around its target
/// stays inside all of them.
fn check_entries(
    layout: &Layout,
    loops: &[NumericLoop],
    innermost: &[Option<usize>],
    pace: &mut Pace<'_>,
) -> Result<(), Located> {
    for &(pc, instruction) in &layout.instructions {
        pace.step()?;
        let target = match instruction.op() {
            Op::LoadFalseSkip => Some(pc as i64 + 2),
            _ => instruction.jump_target(pc),
        };
        let Some(target) = target else { continue };
        let Some(around) = innermost[target as usize] else {
            continue;
        };
        if !(loops[around].start..=loops[around].end).contains(&pc) {
            return Err((Some(pc), Fault::IntoLoop(target)));
        }
    }
    Ok(())
}

fn check_generic_loops(layout: &Layout, landings: &[bool], pace: &mut Pace<'_>) -> Result<(), Located> {
    let mut previous = None;
    for &(pc, instruction) in &layout.instructions {
        pace.step()?;
        let target = instruction.jump_target(pc).unwrap_or(-1);
        let fits = match instruction {
            Instruction::TForPrep { a, .. } => is_tfor_call(layout.at(target), a),
            Instruction::TForCall { a, .. } => {
                matches!(layout.at(pc as i64 + 1), Some(Instruction::TForLoop { a: other, .. }) if other == a)
            }
            Instruction::TForLoop { a, .. } => {
                is_tfor_call(previous, a) && !landings[pc] && is_prep_of(layout, target - 2, a, pc)
            }
            _ => true,
        };
        if !fits {
            return Err((Some(pc), Fault::GenericFor));
        }
        previous = Some(instruction);
    }
    Ok(())
}

fn is_tfor_call(instruction: Option<Instruction>, base: u8) -> bool {
    matches!(instruction, Some(Instruction::TForCall { a, .. }) if a == base)
}

/// Whether a `tfor_prep` at `pc` leads to the `tfor_call` right before `tfor_loop`.
fn is_prep_of(layout: &Layout, pc: i64, base: u8, tfor_loop: usize) -> bool {
    match layout.at(pc) {
        Some(prep @ Instruction::TForPrep { a, .. }) => {
            a == base && prep.jump_target(pc as usize) == Some(tfor_loop as i64 - 1)
        }
        _ => false,
    }
}

/// Variables that are captured or to be closed are closed by every return.
fn check_returns(proto: &Proto, layout: &Layout, pace: &mut Pace<'_>) -> Result<(), Located> {
    let captures = |child: u16| proto.children[usize::from(child)].upvalues.iter().any(|up| up.in_stack);
    let mut opens = false;
    for &(_, instruction) in &layout.instructions {
        pace.step()?;
        opens |= match instruction {
            Instruction::Tbc { .. } | Instruction::TForPrep { .. } => true,
            Instruction::Closure { bx, .. } => captures(bx),
            _ => false,
        };
    }
    let leaves_open = |instruction| match instruction {
        Instruction::Return { c, .. } | Instruction::TailCall { c, .. } => c == 0,
        Instruction::Return0 {} | Instruction::Return1 { .. } => true,
        _ => false,
    };
    let mut returns = layout.instructions.iter().filter(|&&(_, instruction)| leaves_open(instruction));
    match returns.next() {
        Some(&(pc, _)) if opens => Err((Some(pc), Fault::Unclosed)),
        _ => Ok(()),
    }
}

fn check_end(layout: &Layout) -> Result<(), Located> {
    let Some(&(pc, last)) = layout.instructions.last() else {
        return Err((None, Fault::Empty));
    };
    match last.op() {
        Op::Return | Op::Return0 | Op::Return1 | Op::TailCall | Op::Jump | Op::Loop => Ok(()),
        _ => Err((Some(pc), Fault::FallsOff)),
    }
}
