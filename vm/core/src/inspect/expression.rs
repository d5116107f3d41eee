//! Expressions that are evaluated again and again in the frames of one definition.
//!
//! Such an expression is compiled once, for the variables that the definition
//! has at one instruction. Each evaluation makes a closure of the code, over
//! those variables of the frame that the text mentions. Whether a name is a
//! variable of the module or a global is looked at each time: it may change.
//!
//! `unsafe`: closures and registers are reached by address. The bargain is that
//! of `inspect`; the definition is pinned, so no other one gets its address.
#![allow(unsafe_code)]

use std::sync::Arc;
use super::scope::{MAX_NAMES, Names, Origin, Scope, compile_in, variables_at};
use super::{FrameKey, Pin};
use crate::api::Ctx;
use crate::debug::{Activation, proto_of};
use crate::error::Error;
use crate::object::{Closure, ProtoObject};
use crate::value::{Slot, tag};
use crate::vm::Vm;
use perilune_isa::instruction::instructions;
use perilune_isa::{Op, Proto};

/// A compiled expression. It keeps code alive until [`Vm::release`].
#[derive(Debug)]
pub struct Expression {
    definition: Pin,
    pc: usize,
    code: Pin,
    variables: Vec<Origin>,
    /// Names that are no variables of the frame, and what they were.
    free: Vec<(Arc<[u8]>, Free)>,
    takes_extra: bool,
}

/// What a name is that the frame does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Free {
    /// A variable of the module.
    Variable,
    /// A compile-time constant of the module.
    Constant,
    /// A global.
    Global,
}

impl Expression {
    /// Whether it looks at the extra arguments of the frame.
    pub fn takes_extra(&self) -> bool {
        self.takes_extra
    }
}

impl Vm {
    /// Compiles the expression list `text` for frames of this one's function that stand where it stands.
    /// `words` are the names that it mentions, and may be more.
    ///
    /// # Errors
    /// The message of the compiler, or of the memory limit; or the frame is none of a Lua function.
    pub fn prepare(&mut self, frame: FrameKey, text: &[u8], words: &[&[u8]], chunk_name: &[u8]) -> Result<Expression, String> {
        let Some((_, at)) = self.activation_of(frame) else { return Err("the frame is gone".into()) };
        let Some(proto) = proto_of(at.frame.callee) else { return Err("the frame has no code".into()) };
        let body = [b"return ", text, b"\n"].concat();
        let mut names = variables_at(proto, at.pc);
        names.retain(|(name, _)| **name == *b"_ENV" || words.contains(&&**name));
        let free = self.free_names(proto, &names, words, &body, chunk_name)?;
        let of_module = free.iter().filter(|(_, what)| *what != Free::Global);
        names.extend(of_module.map(|(name, _)| (name.clone(), Origin::Module(name.clone()))));
        names.truncate(MAX_NAMES);
        let is_const = |name: &[u8]| free.iter().any(|(known, what)| **known == *name && *what == Free::Constant);
        let compiled = compile_names(&names, &body, chunk_name, is_const)?;
        let origin = |upvalue: &perilune_isa::UpvalueDesc| match names.get(usize::from(upvalue.index)) {
            Some((_, origin)) if upvalue.in_stack => origin.clone(),
            _ => Origin::Globals,
        };
        let variables = compiled.upvalues.iter().map(origin).collect();
        let takes_extra = instructions(&compiled.code).any(|(_, instruction)| instruction.op() == Op::Vararg);
        let code = crate::proto::load(&mut self.heap, compiled, false).map_err(|_| "not enough memory")?;
        let code = self.add_pin(Slot::object(code, tag::PROTO));
        let definition = self.add_pin(Slot::object(definition_of(&at), tag::PROTO));
        Ok(Expression { definition, pc: at.pc, code, variables, free, takes_extra })
    }

    /// Lets go of an expression.
    pub fn release(&mut self, expression: Expression) {
        self.unpin(expression.definition);
        self.unpin(expression.code);
    }

    /// The variables of a frame for an expression, to be ended with [`Vm::end_scope`]; `None` when the
    /// expression has to be prepared anew for it.
    ///
    /// # Errors
    /// The memory limit.
    pub fn expression_scope(&mut self, expression: &Expression, frame: FrameKey) -> Result<Option<Scope>, Error> {
        let Some((thread, at)) = self.activation_of(frame) else { return Ok(None) };
        let Some(proto) = proto_of(at.frame.callee) else { return Ok(None) };
        if self.pinned(&expression.definition).as_ptr() != definition_of(&at) || expression.pc != at.pc {
            return Ok(None);
        }
        for (name, was) in &expression.free {
            // Constants do not come and go but by loading and redefining.
            if self.is_module_variable(proto, name)? != (*was == Free::Variable) {
                return Ok(None);
            }
        }
        let mut scope = Scope::default();
        for origin in &expression.variables {
            match self.cell_of(&mut scope, (thread, frame.coroutine), &at, origin) {
                Ok(cell) => self.push_cell(&mut scope, cell),
                Err(error) => {
                    self.end_scope(scope);
                    return Err(error);
                }
            }
        }
        Ok(Some(scope))
    }

    /// Names that the text uses as variables and the frame does not have, and what they are.
    fn free_names(&mut self, proto: &Proto, names: &Names, words: &[&[u8]], body: &[u8], chunk_name: &[u8]) -> Result<Vec<(Arc<[u8]>, Free)>, String> {
        // Of words that are taken for variables, those become upvalues that are.
        let mut all = names.clone();
        for word in words {
            if all.len() < MAX_NAMES && !all.iter().any(|(name, _)| **name == **word) {
                all.push(((*word).into(), Origin::Globals));
            }
        }
        let compiled = compile_names(&all, body, chunk_name, |_| false)?;
        let mut free = Vec::new();
        for upvalue in &compiled.upvalues {
            if all.iter().any(|(name, origin)| *origin == Origin::Globals && *name == upvalue.name) {
                let what = match self.is_module_variable(proto, &upvalue.name).map_err(|_| "not enough memory")? {
                    true => Free::Variable,
                    false if self.module_constant(&proto.source, &upvalue.name).is_some() => Free::Constant,
                    false => Free::Global,
                };
                free.push((upvalue.name.clone(), what));
            }
        }
        Ok(free)
    }

    /// Whether a name that a function does not have is a variable of its module.
    fn is_module_variable(&mut self, proto: &Proto, name: &[u8]) -> Result<bool, Error> {
        if proto.line_defined == 0 {
            return Ok(false);
        }
        let found = self.module_variable(&proto.source, name).map(|found| found.is_some());
        found.map_err(|_| self.memory_error())
    }
}

impl Ctx<'_> {
    /// Pushes a function that evaluates an expression with these variables of a frame.
    ///
    /// # Errors
    /// The message of the memory limit.
    pub fn push_expression(&mut self, expression: &Expression, scope: &Scope) -> Result<(), String> {
        let code = self.vm.pinned_object::<ProtoObject>(&expression.code, tag::PROTO);
        let cells = self.vm.cells(scope);
        // SAFETY: the pin keeps the code alive.
        if code.is_null() || cells.len() != usize::from(unsafe { (*code).n_upvalues }) {
            return Err("the expression is not for this scope".into());
        }
        // SAFETY: as above, and it has so many upvalues.
        unsafe { self.vm.close_over(code, &cells) }.map(|function| self.push(function)).map_err(|_| "not enough memory".into())
    }
}

fn definition_of(at: &Activation) -> *mut ProtoObject {
    // SAFETY: whoever asks has seen that it is a Lua function.
    unsafe { (*at.frame.callee.as_ptr::<Closure>()).proto }
}

fn compile_names(names: &Names, body: &[u8], chunk_name: &[u8], is_const: impl Fn(&[u8]) -> bool) -> Result<Proto, String> {
    let names: Vec<_> = names.iter().map(|(name, origin)| (&**name, matches!(origin, Origin::Constant(_)) || is_const(name))).collect();
    compile_in(&names, body, chunk_name, 1)
}
