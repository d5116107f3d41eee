//! What breakpoints evaluate at their hits: conditions, and the expressions of log messages.
//!
//! A hit may be one of millions, so an expression is compiled once for each
//! place in the code that its breakpoint stands for.

use std::rc::Rc;

use perilune_vm::inspect::{Expression, FrameKey, Scope};
use perilune_vm::{Ctx, Vm};

use super::Service;
use super::evaluate::{CHUNK, error_message, failed, mentioned, out_of_memory};
use super::value;
use crate::protocol::Failure;

/// Most expressions that one breakpoint keeps: it stands for few places, and a log message has few expressions.
const MAX_KEPT: usize = 32;

/// The compiled expressions of a breakpoint.
#[derive(Default)]
pub(super) struct Kept(Vec<(Box<str>, Rc<Expression>)>);

impl Kept {
    /// Lets go of all of them.
    pub(super) fn clear(&mut self, vm: &mut Vm) {
        for (_, expression) in self.0.drain(..) {
            release(vm, expression);
        }
    }

    /// The expression for a frame, and the frame's variables for it.
    fn of(&mut self, vm: &mut Vm, frame: FrameKey, text: &str) -> Result<(Rc<Expression>, Scope), Failure> {
        for (_, expression) in self.0.iter().filter(|(known, _)| **known == *text) {
            if let Some(scope) = vm.expression_scope(expression, frame).map_err(|_| out_of_memory())? {
                return Ok((expression.clone(), scope));
            }
        }
        let words: Vec<&[u8]> = mentioned(text).map(str::as_bytes).collect();
        let expression = Rc::new(vm.prepare(frame, text.as_bytes(), &words, CHUNK).map_err(failed)?);
        if self.0.len() == MAX_KEPT {
            let (_, oldest) = self.0.remove(0);
            release(vm, oldest);
        }
        self.0.push((text.into(), expression.clone()));
        match vm.expression_scope(&expression, frame) {
            Ok(Some(scope)) => Ok((expression, scope)),
            Ok(None) | Err(_) => Err(out_of_memory()),
        }
    }
}

fn release(vm: &mut Vm, expression: Rc<Expression>) {
    // Nothing is let go of while it is evaluated.
    if let Ok(expression) = Rc::try_unwrap(expression) {
        vm.release(expression);
    }
}

impl Service {
    /// Whether a condition of breakpoint `at` is true in a frame.
    pub(super) fn holds(&mut self, vm: &mut Vm, at: usize, frame: FrameKey, condition: &str) -> Result<bool, String> {
        self.in_frame(vm, at, frame, condition, |ctx, count| count > 0 && ctx.to_bool(ctx.top() as i32 - count as i32 + 1))
    }

    /// The values of an expression of breakpoint `at` as text; a string without quotes.
    pub(super) fn display(&mut self, vm: &mut Vm, at: usize, frame: FrameKey, expression: &str) -> Result<String, String> {
        self.in_frame(vm, at, frame, expression, |ctx, count| {
            let first = ctx.top() as i32 - count as i32 + 1;
            let show = |at: i32, ctx: &mut Ctx<'_>| match ctx.value(at) {
                perilune_vm::Value::Str(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                _ => value::text(ctx, at),
            };
            (first..first + count as i32).map(|at| show(at, ctx)).collect::<Vec<_>>().join(", ")
        })
    }

    fn in_frame<T>(&mut self, vm: &mut Vm, at: usize, frame: FrameKey, text: &str, take: impl FnOnce(&mut Ctx<'_>, usize) -> T) -> Result<T, String> {
        let (expression, scope) = self.breakpoints.kept(at).of(vm, frame, text).map_err(|failure| failure.message)?;
        let extra = if expression.takes_extra() { vm.extra_arguments(frame).unwrap_or_default() } else { Vec::new() };
        let result = self.guarded(vm, |ctx| {
            let bottom = ctx.top();
            ctx.push_expression(&expression, &scope).map_err(failed)?;
            for argument in &extra {
                ctx.push_place(argument.place);
            }
            ctx.call(extra.len() as u32, None).map_err(|_| ()).or_else(|()| Err(failed(error_message(ctx))))?;
            Ok(take(ctx, ctx.top() - bottom))
        });
        vm.end_scope(scope);
        result.map_err(|failure| failure.message)
    }
}
