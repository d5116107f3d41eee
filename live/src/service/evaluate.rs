//! Evaluating text in the program: with a frame's variables, a module's, or only the globals.

use std::rc::Rc;
use std::sync::atomic::Ordering;

use perilune_vm::inspect::{FrameKey, Observer, Scope, Verdict};
use perilune_vm::{Ctx, Vm};

use super::Service;
use super::handle::Handle;
use super::link::Link;
use super::value;
use crate::endpoint::{ClientId, Urgency};
use crate::protocol::{Code, Evaluate, EvaluateContext, EvaluateResult, Failure, Lookup, State, Value};

/// Chunk name of evaluated text.
pub(super) const CHUNK: &[u8] = b"=(evaluation)";
/// The error that ends code whose end somebody wants, as PUC Lua's interpreter words it.
pub(super) const INTERRUPTED: &str = "interrupted!";
/// Most values that an evaluation answers with.
const MAX_VALUES: usize = 250;

/// Ends an evaluation when a client asks for it, and the session when the program ends in it.
struct Interrupter(Rc<Link>);

impl Observer for Interrupter {
    fn attention(&mut self, _: &mut Vm) -> Verdict {
        self.0.pass_over();
        if self.0.is_urgent() { Verdict::Raise(INTERRUPTED.into()) } else { Verdict::Go }
    }

    fn ended(&mut self, vm: &mut Vm, exit_code: i32) {
        self.0.end(vm, exit_code);
    }
}

pub(super) fn failed(message: impl Into<String>) -> Failure {
    Failure::new(Code::EvaluationFailed, message)
}

pub(super) fn out_of_memory() -> Failure {
    failed("not enough memory")
}

impl Service {
    pub(super) fn evaluate(&mut self, vm: &mut Vm, client: ClientId, params: Evaluate) -> Result<EvaluateResult, Failure> {
        let frame = params.frame.map(|id| self.frame_key(id)).transpose()?;
        let scope = self.frame_scope(vm, frame, &params.text)?;
        let statements = params.context == EvaluateContext::Repl;
        let result = self.run(vm, &scope, frame, &params.text, statements, |ctx, count| {
            let first = ctx.top() as i32 - count as i32 + 1;
            (0..count.min(MAX_VALUES)).map(|at| pin_value(ctx, first + at as i32)).collect::<Vec<_>>()
        });
        vm.end_scope(scope);
        vm.flush_output();
        let name = is_expression_name(&params.text).then(|| params.text.trim().to_owned());
        let values = result?;
        let single = values.len() == 1;
        let values = values.into_iter().map(|found| self.keep(vm, client, found, if single { name.clone() } else { None })).collect();
        Ok(EvaluateResult { values })
    }

    pub(super) fn frame_key(&self, id: u64) -> Result<FrameKey, Failure> {
        self.handles.frame(id).ok_or_else(|| Failure::new(Code::StaleId, format!("there is no frame {id}")))
    }

    /// The variables of a frame, and those of its module that the text mentions.
    pub(super) fn frame_scope(&self, vm: &mut Vm, frame: Option<FrameKey>, text: &str) -> Result<Scope, Failure> {
        match frame {
            None => Ok(Scope::default()),
            Some(frame) => match vm.frame_scope(frame) {
                Ok(Some(mut scope)) => {
                    for name in mentioned(text) {
                        vm.add_module_name(frame, &mut scope, name.as_bytes());
                    }
                    Ok(scope)
                }
                Ok(None) => Err(Failure::new(Code::StaleId, "the frame is gone")),
                Err(_) => Err(out_of_memory()),
            },
        }
    }

    /// Runs text as an expression list, or else as statements, and hands its values to `take`.
    pub(super) fn run<T>(
        &mut self,
        vm: &mut Vm,
        scope: &Scope,
        frame: Option<FrameKey>,
        text: &str,
        statements: bool,
        take: impl FnOnce(&mut Ctx<'_>, usize) -> T,
    ) -> Result<T, Failure> {
        let extra = frame.and_then(|frame| vm.extra_arguments(frame)).unwrap_or_default();
        self.guarded(vm, |ctx| {
            let expression = format!("return {text}\n");
            if let Err(message) = ctx.load_in(scope, expression.as_bytes(), CHUNK, 1) {
                let as_statements = if statements { ctx.load_in(scope, text.as_bytes(), CHUNK, 1) } else { Err(message) };
                as_statements.map_err(failed)?;
            }
            let bottom = ctx.top() - 1;
            for argument in &extra {
                ctx.push_place(argument.place);
            }
            ctx.call(extra.len() as u32, None).map_err(|_| ()).or_else(|()| Err(failed(error_message(ctx))))?;
            Ok(take(ctx, ctx.top() - bottom))
        })
    }

    /// Runs Lua beside the program; clients can interrupt it.
    pub(super) fn guarded<T>(&mut self, vm: &mut Vm, run: impl FnOnce(&mut Ctx<'_>) -> Result<T, Failure>) -> Result<T, Failure> {
        vm.set_observer(Some(Box::new(Interrupter(self.link.clone()))));
        self.interruption.begin_evaluation();
        if self.link.is_urgent() {
            // It came after what is evaluated, but before anybody could see that this runs.
            self.interruption.wake(Urgency::Urgent);
        }
        let result = vm.aside(run);
        self.interruption.end_evaluation();
        vm.set_observer(None);
        if self.link.take_passed_over() {
            // What came meanwhile waits in the queue.
            vm.attention().store(1, Ordering::Relaxed);
        }
        result.map_err(|_| out_of_memory())?
    }

    /// Gives a described value a reference, so that its children can be asked for.
    pub(super) fn keep(&mut self, vm: &mut Vm, client: ClientId, found: Found, name: Option<String>) -> Value {
        let mut value = found.value;
        if let Some(pin) = found.pin {
            let is_of_stop = self.state == State::Stopped;
            value.reference = self.handles.add(vm, client, is_of_stop, Handle::Value { pin, name });
        }
        value
    }

    /// The value of a name (or names with dots) that code at a place of a source sees.
    pub(super) fn lookup(&mut self, vm: &mut Vm, client: ClientId, params: Lookup) -> Result<EvaluateResult, Failure> {
        let parts: Vec<&str> = params.expression.split('.').map(str::trim).collect();
        if !parts.iter().all(|part| value::is_name(part.as_bytes())) {
            return Err(failed("only names with dots between them can be looked up"));
        }
        let chunks = self.sources.chunk_names(vm, &params.source);
        if chunks.is_empty() {
            return Err(failed(format!("{} is not loaded", params.source)));
        }
        for chunk in &chunks {
            let mut found = Ok(None);
            for scope in vm.scopes_at(chunk, params.position.line) {
                if matches!(found, Ok(None)) && scope.has(parts[0].as_bytes()) {
                    found = self.follow(vm, &scope, &parts);
                }
                vm.end_scope(scope);
            }
            if let Some(found) = found? {
                return Ok(EvaluateResult { values: vec![self.keep(vm, client, found, Some(params.expression))] });
            }
        }
        match self.follow(vm, &Scope::default(), &parts)? {
            Some(found) if found.value.kind != "nil" => Ok(EvaluateResult { values: vec![self.keep(vm, client, found, Some(params.expression))] }),
            _ => Err(failed(format!("{} has no value now", params.expression))),
        }
    }

    /// A variable and fields of it, through `__index` tables but never by a call.
    fn follow(&mut self, vm: &mut Vm, scope: &Scope, parts: &[&str]) -> Result<Option<Found>, Failure> {
        self.guarded(vm, |ctx| {
            ctx.load_in(scope, format!("return {}", parts[0]).as_bytes(), CHUNK, 1).map_err(failed)?;
            ctx.call(0, Some(1)).map_err(|_| failed("the variable cannot be read"))?;
            for part in &parts[1..] {
                if !raw_field(ctx, part.as_bytes()) {
                    return Ok(None);
                }
            }
            let top = ctx.top() as i32;
            Ok(Some(pin_value(ctx, top)))
        })
    }
}

/// Replaces the value on top by a field of it; false when it is no table or the chain needs a call.
fn raw_field(ctx: &mut Ctx<'_>, name: &[u8]) -> bool {
    for _ in 0..100 {
        if ctx.kind(-1) != perilune_vm::Kind::Table {
            return false;
        }
        ctx.raw_get_field(-1, name);
        if !ctx.is_nil(-1) {
            ctx.remove(-2);
            return true;
        }
        ctx.pop(1);
        if !ctx.metafield(-1, b"__index") {
            ctx.push_nil();
            ctx.remove(-2);
            return true;
        }
        ctx.remove(-2);
    }
    false
}

/// A described value, kept alive when it has children.
pub(super) struct Found {
    pub(super) value: Value,
    pub(super) pin: Option<perilune_vm::inspect::Pin>,
}

pub(super) fn pin_value(ctx: &mut Ctx<'_>, index: i32) -> Found {
    let value = value::describe(ctx, index);
    let pin = value::has_children(ctx, index).then(|| ctx.pin(index));
    Found { value, pin }
}

/// Text of the error that a call ended with.
pub(super) fn error_message(ctx: &mut Ctx<'_>) -> String {
    ctx.push_error();
    match ctx.value(-1) {
        perilune_vm::Value::Str(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        _ => {
            let top = ctx.top() as i32;
            format!("error object: {}", value::text(ctx, top))
        }
    }
}

/// The names that a text mentions, strings and comments included: they only decide what is looked for.
pub(super) fn mentioned(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| value::is_name(word.as_bytes()))
}

/// Whether a text is a name or a chain of fields, so that it can be extended.
fn is_expression_name(text: &str) -> bool {
    text.trim().split('.').all(|part| value::is_name(part.as_bytes()))
}
