//! Conditions that the machine looks at itself, before it asks anybody whether a flagged instruction stops.
//!
//! Such a condition only reads: variables, fields and constants, compared and computed with. It calls nothing, not
//! even a metamethod, so whether it is evaluated once or twice makes no difference. What it cannot tell so, it leaves
//! to whoever is asked. Both tiers look at it; compiled code has it beside the instruction.
//!
//! `unsafe`: registers and upvalues are read in place. The bargain is that of `inspect`: a condition is for one place
//! in one definition, which is pinned as long as it is used, and so are its constants.
#![allow(unsafe_code)]

use super::flags::{is_return, running_op};
use super::scope::{Names, Origin, variables_at};
use super::{Inspection, Pin};
use crate::arith::{self, Outcome};
use crate::interp::slow::equal_fast;
pub use crate::meta::Event;
use crate::object::{Closure, Header, ProtoObject, Table, flag};
use crate::stack;
use crate::string;
use crate::table;
use crate::tier;
use crate::value::{Slot, tag};
use crate::vm::Vm;
use perilune_compile::ast::{Ast, BinaryOp, Expr, ExprId, List, UnaryOp};
use perilune_isa::{Const, Proto};

/// Conditions in a row are no deeper than this.
const MAX_DEPTH: u32 = 60;
/// Arguments of a call.
const MAX_ARGUMENTS: usize = 4;
/// Places with conditions; beyond that all are made anew.
const MAX_PLACES: usize = 1000;

/// An expression that only reads.
pub enum Term {
    /// A constant; an object lives as long as the condition.
    Constant(Slot),
    /// A register of the frame.
    Register(u8),
    /// An upvalue of the function.
    Upvalue(u8),
    /// `a[b]`
    Index(Box<[Term; 2]>),
    /// `#a`
    Length(Box<Term>),
    /// An operator of arithmetic or on bits.
    Arith(Event, Box<[Term; 2]>),
    /// The same with one operand.
    Unary(Event, Box<Term>),
    /// A comparison.
    Compare(Comparison, Box<[Term; 2]>),
    /// `not a`
    Not(Box<Term>),
    /// `a and b`
    And(Box<[Term; 2]>),
    /// `a or b`
    Or(Box<[Term; 2]>),
    /// `f(...)`, where the function is a native that can be called without a frame.
    Call(Box<Term>, Box<[Term]>),
    /// `a:name(...)`, likewise.
    Method(Box<Term>, Slot, Box<[Term]>),
}

impl Term {
    /// The constant, if nothing is equal to it but itself.
    pub fn identity(&self) -> Option<Slot> {
        let Term::Constant(value) = self else { return None };
        let is_unique = match value.tag {
            tag::NIL | tag::FALSE | tag::TRUE => true,
            // SAFETY: the tag says that it is a string.
            tag::STRING => unsafe { (*value.as_ptr::<Header>()).flags & flag::SHORT != 0 },
            _ => false,
        };
        is_unique.then_some(*value)
    }
}

/// What is asked of two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
}

/// What the machine knows of a flagged instruction.
pub(crate) struct Guard {
    definition: Pin,
    constants: Vec<Pin>,
    /// It stops only if one of these is true, or cannot be told; `None` when there is more to it.
    conditions: Option<Box<[Term]>>,
}

/// The guards, by definition and pc.
pub(crate) type Guards = std::collections::HashMap<(*mut ProtoObject, u32), Guard>;

/// Makes terms of a tree.
struct Builder<'a> {
    vm: &'a mut Vm,
    ast: &'a Ast,
    proto: &'a Proto,
    names: &'a Names,
    constants: &'a mut Vec<Pin>,
}

impl Vm {
    /// The running coroutine stands at a flagged instruction that stops if one of these conditions is true. Says
    /// whether the machine can look at all of them: it does not ask the observer then, here and in compiled code, while
    /// all are false. [`Vm::flag`] ends this.
    pub fn rule_out(&mut self, conditions: &[&str]) -> bool {
        let Some((proto, pc)) = self.place() else { return false };
        if let Some(guard) = self.inspection.guards.get(&(proto, pc)) {
            return guard.conditions.is_some();
        }
        if self.inspection.guards.len() >= MAX_PLACES {
            self.clear_guards();
        }
        let mut constants = Vec::new();
        let terms = if ends_module(proto, pc) {
            None
        } else {
            conditions.iter().map(|text| self.condition(proto, pc as usize, text.as_bytes(), &mut constants)).collect::<Option<Box<[Term]>>>()
        };
        let is_possible = terms.is_some();
        let definition = self.add_pin(Slot::object(proto, tag::PROTO));
        self.inspection.guards.insert((proto, pc), Guard { definition, constants, conditions: terms });
        if is_possible {
            // SAFETY: a live function. Its code was made without the conditions.
            unsafe { self.drop_native(&[proto]) };
        }
        is_possible
    }

    /// Whether condition `index` of those that were ruled out here is true; `None` when the machine cannot tell.
    pub fn is_ruled_in(&mut self, index: usize) -> Option<bool> {
        let (term, base) = (std::ptr::from_ref(self.guard()?.get(index)?), self.frame());
        // SAFETY: the running frame is of the function that the conditions are for; they stay while they are looked at.
        unsafe { holds(self, base, &*term) }
    }

    /// Whether the flagged instruction under way surely does not stop.
    pub(crate) fn does_not_stop(&mut self) -> bool {
        let Some(conditions) = self.guard() else { return false };
        let (conditions, base) = (std::ptr::from_ref(conditions), self.frame());
        // SAFETY: as above.
        unsafe { (*conditions).iter().all(|term| holds(self, base, term) == Some(false)) }
    }

    /// Forgets all conditions.
    pub(super) fn clear_guards(&mut self) {
        let guards = std::mem::take(&mut self.inspection.guards);
        let protos: Vec<_> = guards.iter().filter(|(_, guard)| guard.conditions.is_some()).map(|((proto, _), _)| *proto).collect();
        // SAFETY: the pins keep the functions alive. Their code refers to the conditions.
        unsafe { self.drop_native(&protos) };
        for guard in guards.into_values() {
            guard.constants.into_iter().chain([guard.definition]).for_each(|pin| self.unpin(pin));
        }
    }

    /// The conditions of the instruction under way.
    fn guard(&self) -> Option<&[Term]> {
        self.inspection.guards.get(&self.place()?)?.conditions.as_deref()
    }

    /// Register 0 of the running frame.
    fn frame(&self) -> *const Slot {
        // SAFETY: the running thread is live.
        unsafe { (*self.thread).stack.add((*self.thread).base as usize) }
    }

    /// The Lua function on top, and the pc of the instruction that comes next or is under way.
    fn place(&self) -> Option<(*mut ProtoObject, u32)> {
        // SAFETY: the running thread is live.
        unsafe {
            let thread = self.thread;
            if (*thread).base == 0 {
                return None;
            }
            let callee = stack::frame(thread, (*thread).base).callee;
            let pc = (*thread).pc.checked_sub(1)?;
            (callee.tag == tag::CLOSURE).then(|| ((*callee.as_ptr::<Closure>()).proto, pc))
        }
    }

    fn condition(&mut self, object: *mut ProtoObject, pc: usize, text: &[u8], constants: &mut Vec<Pin>) -> Option<Term> {
        let (ast, root) = perilune_compile::expression(text)?;
        // SAFETY: the code of the running frame.
        let proto = unsafe { &(*(*object).cold).proto };
        let names = variables_at(proto, pc);
        Builder { vm: self, ast: &ast, proto, names: &names, constants }.build(root, 0)
    }

    /// Whether a name that a function does not have is a global and can become nothing else while its code stays what it is.
    fn is_global(&mut self, proto: &Proto, name: &[u8]) -> bool {
        if proto.line_defined == 0 {
            return true;
        }
        if self.inspection.modules.get(&*proto.source).is_some_and(|module| module.get(name).is_some()) {
            return false;
        }
        let is_declared = self.protos_of(&proto.source).any(|other| {
            // SAFETY: the list holds live objects.
            let other = unsafe { &(*(*other).cold).proto };
            let is_main = other.line_defined == 0;
            other.upvalues.iter().any(|upvalue| *upvalue.name == *name) || is_main && other.locals.iter().any(|local| *local.name == *name)
        });
        !is_declared && self.module_constant(&proto.source, name).is_none()
    }
}

impl Inspection {
    /// The conditions of a function's instructions, for the compiler.
    pub(crate) fn conditions_of(&self, proto: *mut ProtoObject) -> Vec<(u32, &[Term])> {
        let guards = self.guards.iter().filter(|((definition, _), _)| *definition == proto);
        guards.filter_map(|((_, pc), guard)| Some((*pc, guard.conditions.as_deref()?))).collect()
    }
}

impl Builder<'_> {
    fn build(&mut self, id: ExprId, depth: u32) -> Option<Term> {
        if depth > MAX_DEPTH {
            return None;
        }
        let ast = self.ast;
        let string = |id| Const::Str(ast.strings.text(id).into());
        Some(match ast.exprs[id.0 as usize].kind {
            Expr::Nil => Term::Constant(Slot::NIL),
            Expr::True => Term::Constant(Slot::bool(true)),
            Expr::False => Term::Constant(Slot::bool(false)),
            Expr::Int(value) => Term::Constant(Slot::int(value)),
            Expr::Float(value) => Term::Constant(Slot::float(value)),
            Expr::Str(id) => self.constant(&string(id))?,
            Expr::Name(id) => self.name(ast.strings.text(id))?,
            Expr::Paren(inner) => self.build(inner, depth + 1)?,
            Expr::Field { object, name } => Term::Index(Box::new([self.build(object, depth + 1)?, self.constant(&string(name.text))?])),
            Expr::Index { object, key } => Term::Index(self.two(object, key, depth)?),
            Expr::Unary { op, operand } => {
                let operand = self.build(operand, depth + 1)?;
                match op {
                    UnaryOp::Not => Term::Not(Box::new(operand)),
                    UnaryOp::Len => Term::Length(Box::new(operand)),
                    UnaryOp::Neg => match operand {
                        Term::Constant(value) if value.is_number() => Term::Constant(number(Event::Unm, value, value)?),
                        operand => Term::Unary(Event::Unm, Box::new(operand)),
                    },
                    UnaryOp::BNot => Term::Unary(Event::BNot, Box::new(operand)),
                }
            }
            Expr::Binary { op, lhs, rhs } => {
                let operands = self.two(lhs, rhs, depth)?;
                binary(op, operands)?
            }
            Expr::Call { callee, args } => {
                let callee = Box::new(self.build(callee, depth + 1)?);
                Term::Call(callee, self.arguments(args, depth)?)
            }
            Expr::Method { object, name, args } => {
                let object = Box::new(self.build(object, depth + 1)?);
                let Term::Constant(name) = self.constant(&string(name.text))? else { return None };
                Term::Method(object, name, self.arguments(args, depth)?)
            }
            Expr::Vararg | Expr::Function(_) | Expr::Table { .. } => return None,
        })
    }

    fn arguments(&mut self, list: List<ExprId>, depth: u32) -> Option<Box<[Term]>> {
        let arguments = &self.ast[list];
        // The last one would give all of its results.
        let is_call = |id: &ExprId| matches!(self.ast.exprs[id.0 as usize].kind, Expr::Call { .. } | Expr::Method { .. });
        if arguments.len() > MAX_ARGUMENTS || arguments.last().is_some_and(is_call) {
            return None;
        }
        arguments.iter().map(|id| self.build(*id, depth + 1)).collect()
    }

    fn two(&mut self, first: ExprId, second: ExprId, depth: u32) -> Option<Box<[Term; 2]>> {
        Some(Box::new([self.build(first, depth + 1)?, self.build(second, depth + 1)?]))
    }

    fn constant(&mut self, value: &Const) -> Option<Term> {
        let value = crate::proto::constant(&mut self.vm.heap, value).ok()?;
        if value.is_collectable() {
            self.constants.push(self.vm.add_pin(value));
        }
        Some(Term::Constant(value))
    }

    fn name(&mut self, name: &[u8]) -> Option<Term> {
        let find = |name: &[u8]| self.names.iter().find(|(known, _)| **known == *name).map(|(_, origin)| origin);
        match find(name) {
            Some(Origin::Register(register)) => Some(Term::Register(*register)),
            Some(Origin::Upvalue(index)) => u8::try_from(*index).ok().map(Term::Upvalue),
            Some(Origin::Constant(index)) => self.constant(&self.proto.named.get(*index)?.value),
            Some(_) => None,
            None if name == b"_ENV" => Some(Term::Constant(Slot::object(self.vm.globals, tag::TABLE))),
            None if self.vm.is_global(self.proto, name) => {
                let globals = self.name(b"_ENV")?;
                Some(Term::Index(Box::new([globals, self.constant(&Const::Str(name.into()))?])))
            }
            None => None,
        }
    }
}

/// Whether a main function returns here: the machine looks after its variables then, whatever a condition says.
fn ends_module(proto: *mut ProtoObject, pc: u32) -> bool {
    // SAFETY: the function of the running frame, which stands at one of its instructions.
    let (word, line) = unsafe { (*(*proto).code.add(pc as usize), (*(*proto).cold).proto.line_defined) };
    line == 0 && running_op(word).is_some_and(is_return)
}

fn binary(op: BinaryOp, mut operands: Box<[Term; 2]>) -> Option<Term> {
    use BinaryOp as B;
    let event = match op {
        B::And => return Some(Term::And(operands)),
        B::Or => return Some(Term::Or(operands)),
        B::Eq => return Some(Term::Compare(Comparison::Equal, operands)),
        B::Ne => return Some(Term::Not(Box::new(Term::Compare(Comparison::Equal, operands)))),
        B::Lt => return Some(Term::Compare(Comparison::Less, operands)),
        B::Le => return Some(Term::Compare(Comparison::LessEqual, operands)),
        B::Gt | B::Ge => {
            operands.reverse();
            return Some(Term::Compare(if op == B::Gt { Comparison::Less } else { Comparison::LessEqual }, operands));
        }
        B::Concat => return None,
        B::Add => Event::Add,
        B::Sub => Event::Sub,
        B::Mul => Event::Mul,
        B::Div => Event::Div,
        B::IDiv => Event::IDiv,
        B::Mod => Event::Mod,
        B::Pow => Event::Pow,
        B::BAnd => Event::BAnd,
        B::BOr => Event::BOr,
        B::BXor => Event::BXor,
        B::Shl => Event::Shl,
        B::Shr => Event::Shr,
    };
    Some(Term::Arith(event, operands))
}

/// Whether a term is true in a frame; `None` when only a call would tell.
///
/// # Safety
/// `base` is register 0 of a live frame of the function that the term is for.
pub(crate) unsafe fn holds(vm: &mut Vm, base: *const Slot, term: &Term) -> Option<bool> {
    // SAFETY: as promised.
    unsafe { value(vm, base, term) }.map(|value| !value.is_falsy())
}

/// The value of a term.
unsafe fn value(vm: &mut Vm, base: *const Slot, term: &Term) -> Option<Slot> {
    // SAFETY: as promised for `holds`.
    unsafe {
        match term {
            Term::Constant(value) => Some(*value),
            Term::Register(register) => Some(Slot::read(base.add(usize::from(*register)))),
            Term::Upvalue(index) => {
                let closure = (*base.sub(2)).as_ptr::<Closure>();
                let upvalue = *(*closure).upvalues.add(usize::from(*index));
                Some(Slot::read((*upvalue).location))
            }
            Term::Index(operands) => {
                let (object, key) = (value(vm, base, &operands[0])?, value(vm, base, &operands[1])?);
                index(vm, object, key)
            }
            Term::Length(operand) => {
                let object = value(vm, base, operand)?;
                match object.tag {
                    tag::STRING => Some(Slot::int(string::str_bytes(object.as_ptr()).len() as i64)),
                    tag::TABLE => {
                        let t = object.as_ptr::<Table>();
                        vm.heap.metamethod((*t).meta, Event::Len).is_nil().then(|| Slot::int(table::len(t)))
                    }
                    _ => None,
                }
            }
            Term::Arith(event, operands) => {
                let (x, y) = (value(vm, base, &operands[0])?, value(vm, base, &operands[1])?);
                number(*event, x, y)
            }
            Term::Unary(event, operand) => {
                let x = value(vm, base, operand)?;
                number(*event, x, x)
            }
            Term::Compare(comparison, operands) => {
                let (x, y) = (value(vm, base, &operands[0])?, value(vm, base, &operands[1])?);
                compare(vm, *comparison, x, y).map(Slot::bool)
            }
            Term::Call(callee, arguments) => {
                let callee = value(vm, base, callee)?;
                call(vm, base, callee, None, arguments)
            }
            Term::Method(object, name, arguments) => {
                let object = value(vm, base, object)?;
                let callee = index(vm, object, *name)?;
                call(vm, base, callee, Some(object), arguments)
            }
            Term::Not(operand) => holds(vm, base, operand).map(|holds| Slot::bool(!holds)),
            Term::And(operands) => {
                let first = value(vm, base, &operands[0])?;
                if first.is_falsy() { Some(first) } else { value(vm, base, &operands[1]) }
            }
            Term::Or(operands) => {
                let first = value(vm, base, &operands[0])?;
                if first.is_falsy() { value(vm, base, &operands[1]) } else { Some(first) }
            }
        }
    }
}

/// The result of a native that only computes something.
unsafe fn call(vm: &mut Vm, base: *const Slot, callee: Slot, object: Option<Slot>, arguments: &[Term]) -> Option<Slot> {
    // What it makes is garbage when the condition has been looked at, so the collector is let work now and then.
    if callee.tag != tag::NATIVE || vm.heap.should_step() {
        return None;
    }
    let (mut values, mut n) = ([Slot::NIL; 1 + MAX_ARGUMENTS], 0);
    if let Some(object) = object {
        (values[0], n) = (object, 1);
    }
    for argument in arguments {
        // SAFETY: as promised for `holds`.
        values[n] = unsafe { value(vm, base, argument) }?;
        n += 1;
    }
    // SAFETY: the tag says that it is a native; nothing is collected before it has done its work.
    unsafe { vm.compute_with(callee, &values[..n]) }
}

fn number(event: Event, x: Slot, y: Slot) -> Option<Slot> {
    match arith::arith(event, x, y) {
        Outcome::Value(value) => Some(value),
        _ => None,
    }
}

unsafe fn index(vm: &mut Vm, mut object: Slot, key: Slot) -> Option<Slot> {
    if object.tag == tag::STRING {
        // SAFETY: the metatable of strings.
        object = unsafe { vm.heap.metamethod(vm.metatable(object), Event::Index) };
    }
    if object.tag != tag::TABLE {
        return None;
    }
    let t = object.as_ptr::<Table>();
    // SAFETY: the tag says that it is a table.
    unsafe {
        let mut found = Slot::NIL;
        // Compiled code has the records that are made so.
        if key.tag == tag::STRING && vm.get_by_name(t, key.as_ptr(), &raw mut found) {
            return Some(found);
        }
        Some(tier::find_item(vm, t, key.payload, key.tag)).filter(|found| found.tag != tier::UNKNOWN.tag)
    }
}

unsafe fn compare(vm: &mut Vm, comparison: Comparison, x: Slot, y: Slot) -> Option<bool> {
    // SAFETY: the tags say what they are.
    unsafe {
        let texts = || (string::str_bytes(x.as_ptr()), string::str_bytes(y.as_ptr()));
        let are_strings = x.tag == tag::STRING && y.tag == tag::STRING;
        match comparison {
            Comparison::Equal => equal_fast(x, y).or_else(|| {
                let is_plain = |value: Slot, vm: &mut Vm| vm.heap.metamethod(vm.metatable(value), Event::Eq).is_nil();
                (is_plain(x, vm) && is_plain(y, vm)).then_some(false)
            }),
            Comparison::Less if are_strings => Some(texts().0 < texts().1),
            Comparison::LessEqual if are_strings => Some(texts().0 <= texts().1),
            Comparison::Less => arith::less(x, y),
            Comparison::LessEqual => arith::less_equal(x, y),
        }
    }
}
