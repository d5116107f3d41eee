//! Instructions one by one: opcodes, operands, registers, caches.

use super::{Fault, Layout, Located};
use crate::{
    effect,
    instruction::Instruction,
    op::{BREAKPOINT, Kind, Op},
    pace::Pace,
    proto::{Const, Proto},
    word,
};

/// Decodes a function's code and checks every instruction for itself.
pub(super) fn check(proto: &Proto, pace: &mut Pace<'_>) -> Result<Layout, Located> {
    let code = &proto.code;
    let mut layout = Layout {
        instructions: Vec::new(),
        starts: vec![None; code.len()],
    };
    let mut caches = 0;
    let mut pc = 0;
    while pc < code.len() {
        pace.step()?;
        let instruction = decode(code, pc).map_err(|fault| (Some(pc), fault))?;
        let checked = check_instruction(proto, pc, instruction, &mut caches);
        checked.map_err(|fault| (Some(pc), fault))?;
        layout.starts[pc] = Some(layout.instructions.len() as u32);
        layout.instructions.push((pc, instruction));
        pc += instruction.words();
    }
    if layout.instructions.is_empty() {
        return Err((None, Fault::Empty));
    }
    if caches != u32::from(proto.caches) {
        return Err((None, Fault::CacheCount(proto.caches)));
    }
    Ok(layout)
}

fn decode(code: &[u32], pc: usize) -> Result<Instruction, Fault> {
    let first = code[pc];
    if first & BREAKPOINT != 0 {
        return Err(Fault::Breakpoint);
    }
    let byte = word::op_byte(first);
    let op = Op::from_byte(byte).ok_or(Fault::Opcode(byte))?;
    let extra = match op.words() {
        1 => 0,
        _ => *code.get(pc + 1).ok_or(Fault::Truncated)?,
    };
    let instruction = Instruction::decode(first, extra).ok_or(Fault::Opcode(byte))?;
    match instruction.encode() == (first, extra) {
        true => Ok(instruction),
        false => Err(Fault::UnusedBits),
    }
}

fn check_instruction(
    proto: &Proto,
    pc: usize,
    instruction: Instruction,
    caches: &mut u32,
) -> Result<(), Fault> {
    let registers = effect::extent(instruction);
    if registers > u16::from(proto.max_stack) {
        return Err(Fault::Registers(registers));
    }
    for (operand, value) in instruction.operands() {
        if operand.kind == Kind::Cache {
            if value != i64::from(*caches) {
                return Err(Fault::CacheOrder(value as u16));
            }
            *caches += 1;
        }
        if !operand_exists(proto, operand.kind, value) {
            return Err(Fault::Operand(operand.kind, value));
        }
    }
    check_special(proto, pc, instruction)
}

fn operand_exists(proto: &Proto, kind: Kind, value: i64) -> bool {
    let index = usize::try_from(value).ok();
    let constant = index.and_then(|i| proto.constants.get(i));
    let below = |count: usize| index.is_some_and(|i| i < count);
    match kind {
        Kind::Const => constant.is_some(),
        Kind::Number => matches!(constant, Some(Const::Int(_) | Const::Float(_))),
        Kind::Key => matches!(constant, Some(Const::Str(_))),
        Kind::Up => below(proto.upvalues.len()),
        Kind::Proto => below(proto.children.len()),
        Kind::Flag => value <= 1,
        Kind::Out | Kind::In | Kind::InOut => below(usize::from(proto.max_stack)),
        // A base is bounded by its run, a jump by `flow`, a cache by its order.
        Kind::Base | Kind::Jump | Kind::Cache => true,
        Kind::Imm | Kind::SImm | Kind::Count1 => true,
    }
}

fn check_special(proto: &Proto, pc: usize, instruction: Instruction) -> Result<(), Fault> {
    use Instruction as I;
    match instruction {
        I::Concat { b, .. } if b < 2 => Err(Fault::Count(b)),
        I::TForCall { c: 0, .. } => Err(Fault::Count(0)),
        I::Vararg { .. } if !proto.is_vararg => Err(Fault::Vararg),
        I::VarargPrep { a } if pc != 0 || !proto.is_vararg || a != proto.params => {
            Err(Fault::Vararg)
        }
        I::VarargPrep { .. } => Ok(()),
        _ if pc == 0 && proto.is_vararg => Err(Fault::Vararg),
        _ => Ok(()),
    }
}
