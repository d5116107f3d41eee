//! What the values in an error message are called in the program.
//!
//! The names are found as the reference implementation finds them: an active
//! local first, else the instruction that must have set the register. Nothing
//! is remembered at run time for this.

use crate::{
    effect,
    instruction::{Instruction, instructions},
    op::Op,
    proto::{Const, LocalVar, Proto},
};

/// What kind of variable a name belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NameKind {
    /// A field of `_ENV`.
    Global,
    /// A local variable.
    Local,
    /// A method called with `:`.
    Method,
    /// A field of a table.
    Field,
    /// A local variable of an enclosing function.
    Upvalue,
    /// A string constant.
    Constant,
}

impl NameKind {
    /// The word used in messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            NameKind::Global => "global",
            NameKind::Local => "local",
            NameKind::Method => "method",
            NameKind::Field => "field",
            NameKind::Upvalue => "upvalue",
            NameKind::Constant => "constant",
        }
    }
}

/// A kind of variable and its name.
pub type Name = (NameKind, Vec<u8>);

/// The name of the local variable that is active in a register at `pc`.
pub fn local_name(proto: &Proto, pc: usize, register: u8) -> Option<&[u8]> {
    let mut here = proto.locals.iter().filter(|local| local.is_active(pc));
    let innermost = here.rfind(|local| local.register == register);
    innermost.map(|local| &*local.name)
}

/// The `n`-th local variable active at `pc`, counted from 1 in order of declaration.
pub fn nth_local(proto: &Proto, n: usize, pc: usize) -> Option<&LocalVar> {
    proto
        .locals
        .iter()
        .filter(|local| local.is_active(pc))
        .nth(n.checked_sub(1)?)
}

/// The name of an upvalue; `None` when there is none or it was stripped.
pub fn upvalue_name(proto: &Proto, index: usize) -> Option<&[u8]> {
    let name = &*proto.upvalues.get(index)?.name;
    (!name.is_empty()).then_some(name)
}

/// The lines that have code, in ascending order. The preparation of a vararg
/// function does not count.
pub fn active_lines(proto: &Proto) -> Vec<u32> {
    let prepares = matches!(
        Instruction::at(&proto.code, 0),
        Some(Instruction::VarargPrep { .. })
    );
    let mut lines: Vec<u32> = proto
        .lines
        .iter()
        .skip(usize::from(prepares))
        .copied()
        .collect();
    lines.sort_unstable();
    lines.dedup();
    lines
}

/// What the value in a register is called, for the instruction at `pc` that reads it.
pub fn register_name(proto: &Proto, pc: usize, register: u8) -> Option<Name> {
    let Setter {
        pc: setter,
        register,
    } = match basic_name(proto, pc, register) {
        Basic::Named(kind, name) => return Some((kind, name)),
        Basic::SetBy(setter) => setter?,
    };
    match Instruction::at(&proto.code, setter)? {
        Instruction::GetUpTable { b, key, .. } => {
            let table = upvalue_name(proto, usize::from(b));
            Some((access_kind(table), constant_name(proto, usize::from(key))))
        }
        Instruction::GetField { b, key, .. } => {
            let kind = register_access_kind(proto, setter, b);
            Some((kind, constant_name(proto, usize::from(key))))
        }
        Instruction::GetIndex { b, c, .. } => {
            let kind = register_access_kind(proto, setter, b);
            Some((kind, key_name(proto, setter, c)))
        }
        Instruction::GetInt { .. } => Some((NameKind::Field, b"integer index".to_vec())),
        Instruction::Method { a, key, .. } if a == register => {
            Some((NameKind::Method, constant_name(proto, usize::from(key))))
        }
        _ => None,
    }
}

/// What the instruction at `pc` calls: how the callee is named, and the name.
pub fn called_name(proto: &Proto, pc: usize) -> Option<(&'static str, Vec<u8>)> {
    let instruction = Instruction::at(&proto.code, pc)?;
    match instruction {
        Instruction::Call { a, .. } | Instruction::TailCall { a, .. } => {
            let (kind, name) = register_name(proto, pc, a)?;
            Some((kind.as_str(), name))
        }
        Instruction::TForCall { .. } => Some(("for iterator", b"for iterator".to_vec())),
        _ => Some(("metamethod", event(instruction.op())?.into())),
    }
}

/// What the value that the instruction at `pc` indexes is called.
pub fn key_name_of_instruction(proto: &Proto, pc: usize) -> Option<Name> {
    match Instruction::at(&proto.code, pc)? {
        Instruction::GetUpTable { b, .. }
        | Instruction::SetUpTable { b, .. }
        | Instruction::SetUpTableK { b, .. } => Some((
            NameKind::Upvalue,
            upvalue_name(proto, usize::from(b))?.to_vec(),
        )),
        Instruction::GetField { b, .. }
        | Instruction::SetField { b, .. }
        | Instruction::SetFieldK { b, .. }
        | Instruction::GetIndex { b, .. }
        | Instruction::SetIndex { b, .. }
        | Instruction::SetIndexK { b, .. }
        | Instruction::GetInt { b, .. }
        | Instruction::SetInt { b, .. }
        | Instruction::Method { b, .. } => register_name(proto, pc, b),
        _ => None,
    }
}

/// The event of the metamethod an instruction may call, without its underscores.
fn event(op: Op) -> Option<&'static str> {
    Some(match op {
        Op::GetUpTable | Op::GetField | Op::GetIndex | Op::GetInt | Op::Method => "index",
        Op::SetUpTable | Op::SetUpTableK | Op::SetField | Op::SetFieldK => "newindex",
        Op::SetIndex | Op::SetIndexK | Op::SetInt => "newindex",
        Op::Add | Op::AddK | Op::KAdd | Op::AddImm => "add",
        Op::Sub | Op::SubK | Op::KSub | Op::SubImm => "sub",
        Op::Mul | Op::MulK | Op::KMul => "mul",
        Op::Div | Op::DivK | Op::KDiv => "div",
        Op::IDiv | Op::IDivK => "idiv",
        Op::Mod | Op::ModK => "mod",
        Op::Pow | Op::PowK => "pow",
        Op::BAnd | Op::BAndK => "band",
        Op::BOr | Op::BOrK => "bor",
        Op::BXor | Op::BXorK => "bxor",
        Op::Shl | Op::ShlK => "shl",
        Op::Shr | Op::ShrK => "shr",
        Op::Neg => "unm",
        Op::BNot => "bnot",
        Op::Len => "len",
        Op::Concat => "concat",
        Op::Eq => "eq",
        Op::Lt | Op::LtImm | Op::GtImm => "lt",
        Op::Le | Op::LeImm | Op::GeImm => "le",
        Op::Close | Op::Return => "close",
        _ => return None,
    })
}

/// The instruction that set a register, and the register.
struct Setter {
    pc: usize,
    register: u8,
}

/// A name found without looking at table accesses, or who set the register.
enum Basic {
    Named(NameKind, Vec<u8>),
    SetBy(Option<Setter>),
}

fn basic_name(proto: &Proto, mut pc: usize, mut register: u8) -> Basic {
    // Every turn goes to a lower register and an earlier instruction.
    loop {
        if let Some(name) = local_name(proto, pc, register) {
            return Basic::Named(NameKind::Local, name.to_vec());
        }
        let Some(setter) = find_setter(proto, pc, register) else {
            return Basic::SetBy(None);
        };
        match Instruction::at(&proto.code, setter) {
            Some(Instruction::Move { a, b }) if b < a => (pc, register) = (setter, b),
            Some(Instruction::GetUpvalue { b, .. }) => {
                let name = upvalue_name(proto, usize::from(b)).unwrap_or(b"?");
                return Basic::Named(NameKind::Upvalue, name.to_vec());
            }
            Some(Instruction::LoadK { bx, .. }) => return load_name(proto, usize::from(bx)),
            Some(Instruction::LoadKX { e, .. }) => return load_name(proto, e as usize),
            _ => {
                return Basic::SetBy(Some(Setter {
                    pc: setter,
                    register,
                }));
            }
        }
    }
}

fn load_name(proto: &Proto, constant: usize) -> Basic {
    match proto.constants.get(constant) {
        Some(Const::Str(name)) => Basic::Named(NameKind::Constant, name.to_vec()),
        _ => Basic::SetBy(None),
    }
}

/// The last instruction before `until` that set a register, unless that
/// depends on a jump.
fn find_setter(proto: &Proto, until: usize, register: u8) -> Option<usize> {
    let mut setter = None;
    let mut conditional_until = 0;
    for (pc, instruction) in instructions(&proto.code).take_while(|&(pc, _)| pc < until) {
        if effect::writes(instruction).contains(&u16::from(register)) {
            setter = (pc >= conditional_until).then_some(pc);
        }
        if let Some(target) = forward_jump(instruction, pc).filter(|&target| target <= until) {
            conditional_until = conditional_until.max(target);
        }
    }
    setter
}

/// Where a jump that is not part of a loop goes.
fn forward_jump(instruction: Instruction, pc: usize) -> Option<usize> {
    match instruction.op() {
        Op::ForPrep | Op::ForLoop | Op::TForPrep | Op::TForLoop | Op::Loop => None,
        _ => usize::try_from(instruction.jump_target(pc)?).ok(),
    }
}

fn constant_name(proto: &Proto, index: usize) -> Vec<u8> {
    match proto.constants.get(index) {
        Some(Const::Str(name)) => name.to_vec(),
        _ => b"?".to_vec(),
    }
}

/// The name of a key in a register: only a constant tells.
fn key_name(proto: &Proto, pc: usize, register: u8) -> Vec<u8> {
    match basic_name(proto, pc, register) {
        Basic::Named(NameKind::Constant, name) => name,
        _ => b"?".to_vec(),
    }
}

fn register_access_kind(proto: &Proto, pc: usize, table: u8) -> NameKind {
    match basic_name(proto, pc, table) {
        Basic::Named(NameKind::Local | NameKind::Upvalue, name) => access_kind(Some(&name)),
        _ => NameKind::Field,
    }
}

fn access_kind(table: Option<&[u8]>) -> NameKind {
    match table {
        Some(b"_ENV") => NameKind::Global,
        _ => NameKind::Field,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::assemble;

    /// Names what the last call of a body calls.
    #[track_caller]
    fn check(body: &str, expected: &str) {
        let header = "upvalue \"_ENV\" stack 0\nupvalue \"up\" stack 1\n\
            const string \"name\"\nconst int 1\nlocal \"loc\" r0 0 90\nlocal \"_ENV\" r1 0 90";
        // Locals reach beyond the code, which only the verifier minds.
        let proto = assemble(&format!("function\n{header}\ncode\n{body}\nend")).unwrap();
        let calls = instructions(&proto.code).filter(|(_, it)| it.op() == Op::Call);
        let (pc, _) = calls.last().unwrap();
        let found = called_name(&proto, pc);
        let found = found.map(|(kind, name)| format!("{kind} {}", String::from_utf8_lossy(&name)));
        assert_eq!(found.as_deref().unwrap_or("none"), expected, "\n{body}");
    }

    #[test]
    fn a_callee_is_called_what_the_source_calls_it() {
        check("call r0, 1, 1", "local loc");
        check("move r5, r0\ncall r5, 1, 1", "local loc");
        check("get_upvalue r5, u1\ncall r5, 1, 1", "upvalue up");
        check("get_up_table r5, u0, k0\ncall r5, 1, 1", "global name");
        check("get_up_table r5, u1, k0\ncall r5, 1, 1", "field name");
        check("get_field r5, r0, k0\ncall r5, 1, 1", "field name");
        check("get_field r5, r1, k0\ncall r5, 1, 1", "global name");
        check("method r5, r0, k0\ncall r5, 2, 1", "method name");
        check("get_int r5, r0, 3\ncall r5, 1, 1", "field integer index");
        check(
            "load_k r6, k0\nget_index r5, r0, r6\ncall r5, 1, 1",
            "field name",
        );
        check("get_index r5, r0, r0\ncall r5, 1, 1", "field ?");
        check("load_k r5, k0\ncall r5, 1, 1", "constant name");
        check("load_k r5, k1\ncall r5, 1, 1", "none");
        check("call r4, 1, 3\ncall r5, 1, 1", "none");
    }

    #[test]
    fn a_value_chosen_by_a_jump_has_no_name() {
        check(
            "get_up_table r5, u0, k0\ntest r5, 1, out\nmove r5, r0\nout: call r5, 1, 1",
            "none",
        );
        check(
            "test r5, 1, out\nmove r6, r0\nout: get_up_table r5, u0, k0\ncall r5, 1, 1",
            "global name",
        );
    }

    #[test]
    fn an_indexed_value_has_a_name() {
        let text = "function\nconst string \"x\"\nupvalue \"up\" stack 0\ncode\n\
            get_up_table r0, u0, k0\nget_field r1, r0, k0\nadd_imm r1, r1, 1\nend";
        let proto = assemble(text).unwrap();
        assert_eq!(
            key_name_of_instruction(&proto, 0),
            Some((NameKind::Upvalue, b"up".to_vec()))
        );
        assert_eq!(
            key_name_of_instruction(&proto, 2),
            Some((NameKind::Field, b"x".to_vec()))
        );
        assert_eq!(key_name_of_instruction(&proto, 4), None);
        assert_eq!(
            called_name(&proto, 4),
            Some(("metamethod", b"add".to_vec()))
        );
        assert_eq!(
            register_name(&proto, 4, 1),
            Some((NameKind::Field, b"x".to_vec()))
        );
    }

    #[test]
    fn locals_are_counted_while_active() {
        let text = "function\nlocal \"a\" r0 0 3\nlocal \"b\" r1 1 2\nlocal \"c\" r1 2 3\ncode\n\
            [4] move r0, r0\n[2] move r0, r0\n[4] return0\nend";
        let proto = assemble(text).unwrap();
        let name = |n, pc| nth_local(&proto, n, pc).map(|local| local.name.to_vec());
        assert_eq!(name(2, 0), None);
        assert_eq!(name(2, 1), Some(b"b".to_vec()));
        assert_eq!(name(2, 2), Some(b"c".to_vec()));
        assert_eq!(name(0, 2), None);
        assert_eq!(local_name(&proto, 2, 1), Some(&b"c"[..]));
        assert_eq!(active_lines(&proto), [2, 4]);
    }
}
