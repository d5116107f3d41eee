//! The virtual machine as the interpreter uses it: text in, success or a message out.

use perilune_vm::{Ctx, Error, Kind, Next, Torture, Vm};

/// Makes the machine collect all the time, as [`Torture`] reads it; for the project's tests.
const TORTURE: &str = "PERILUNE_TORTURE";

use crate::interrupt::{self, Interrupts};

/// What went wrong, as the user is to see it: the message and, if the error has one, its traceback.
pub type Message = Vec<u8>;

/// A virtual machine with the standard library.
pub struct Engine {
    vm: Vm,
    interrupts: Option<Interrupts>,
}

/// Where the registry keeps the functions that run a chunk, whatever happens to the globals.
const RUNNER: &[u8] = b"perilune.runner";
const HANDLER: &[u8] = b"perilune.handler";

impl Engine {
    /// Makes a machine; `no_environment` keeps the library from reading environment variables.
    pub fn new(options: perilune_vm::Options, no_environment: bool) -> Result<Engine, Message> {
        let mut engine = Engine { vm: Vm::new(options), interrupts: None };
        engine.with(|ctx| {
            if no_environment {
                ctx.push_registry();
                ctx.push_bool(true);
                ctx.raw_set_field(-2, b"LUA_NOENV")?;
                ctx.pop(1);
            }
            perilune_stdlib::open(ctx)?;
            keep_runner(ctx)
        })?;
        engine.vm.set_torture(torture());
        Ok(engine)
    }

    /// Lets Ctrl-C stop what runs. Whoever watches the machine raises the error.
    pub fn obey_interrupts(&mut self) {
        self.interrupts = Some(Interrupts::of(&self.vm));
    }

    /// As `obey_interrupts`, by a call on another thread, and before anything runs.
    pub fn pass_interrupts(&mut self, action: impl Fn() + Send + 'static) {
        self.interrupts = Some(Interrupts::calling_from_now(action));
    }

    /// The error for Ctrl-C is raised by an observer of its own.
    pub fn raise_interrupts(&mut self) {
        interrupt::observe(&mut self.vm);
    }

    /// The machine itself, for what reaches into it from outside.
    pub fn vm(&mut self) -> &mut Vm {
        &mut self.vm
    }

    /// Checks the heap when the machine is tortured, for the project's tests.
    pub fn verify(&mut self) -> Result<(), Message> {
        match torture() {
            Torture::None => Ok(()),
            _ => self.vm.verify().map_err(|why| format!("the heap is unsound: {why}").into_bytes()),
        }
    }

    /// Gives the native interface to an action; the window is as before when it ends.
    pub fn with<T>(&mut self, action: impl FnOnce(&mut Ctx<'_>) -> Result<T, Error>) -> Result<T, Message> {
        let mut message = Vec::new();
        let result = self.vm.with(|ctx| {
            let top = ctx.top();
            let result = action(ctx);
            if result.is_err() {
                // Where a call fails, the error is on the window already; where memory runs out, it is not.
                ctx.push_error();
                message = top_bytes(ctx);
            }
            ctx.set_top(top);
            result
        });
        result.map_err(|_| message)
    }

    /// Whether this text is a chunk; the message says why it is not.
    pub fn check(&mut self, source: &[u8], name: &[u8]) -> Result<(), Message> {
        self.with(|ctx| match ctx.load(source, name, b"t") {
            Ok(()) => Ok(Ok(())),
            Err(_) => Ok(Err(top_bytes(ctx))),
        })?
    }

    /// Runs a chunk with strings as its arguments.
    pub fn run(&mut self, source: &[u8], name: &[u8], arguments: &[Vec<u8>]) -> Result<(), Message> {
        self.evaluate(source, name, arguments, |_, _| Ok(Ok(())))
    }

    /// Runs a chunk and hands its results over: they are the topmost values, as many as `show` is told.
    pub fn evaluate<T>(
        &mut self,
        source: &[u8],
        name: &[u8],
        arguments: &[Vec<u8>],
        show: impl FnOnce(&mut Ctx<'_>, usize) -> Result<Result<T, Message>, Error>,
    ) -> Result<T, Message> {
        let push = |ctx: &mut Ctx<'_>| {
            for argument in arguments {
                ctx.push_bytes(argument)?;
            }
            Ok(Ok(arguments.len()))
        };
        self.evaluate_on(source, name, push, show)
    }

    /// As [`Engine::evaluate`], on the arguments that `push` pushes.
    fn evaluate_on<T>(
        &mut self,
        source: &[u8],
        name: &[u8],
        push: impl FnOnce(&mut Ctx<'_>) -> Result<Result<usize, Message>, Error>,
        show: impl FnOnce(&mut Ctx<'_>, usize) -> Result<Result<T, Message>, Error>,
    ) -> Result<T, Message> {
        let _armed = self.interrupts.as_ref().map(Interrupts::arm);
        self.with(|ctx| {
            if ctx.load(source, name, b"bt").is_err() {
                return Ok(Err(top_bytes(ctx)));
            }
            let count = match push(ctx)? {
                Ok(count) => count,
                Err(message) => return Ok(Err(message)),
            };
            match protected_call(ctx, count)? {
                Ok(count) => show(ctx, count),
                Err(message) => Ok(Err(message)),
            }
        })?
    }

    /// Runs a file, or standard input.
    pub fn run_file(&mut self, path: Option<&[u8]>) -> Result<(), Message> {
        let (source, name) = self.with(|ctx| Ok(perilune_stdlib::read_chunk(ctx, path)))??;
        self.run(&source, &name, &[])
    }

    /// Runs a file, or standard input, with what is in the global `arg` by now as its arguments.
    pub fn run_script(&mut self, path: Option<&[u8]>) -> Result<(), Message> {
        let (source, name) = self.with(|ctx| Ok(perilune_stdlib::read_chunk(ctx, path)))??;
        self.evaluate_on(&source, &name, push_script_arguments, |_, _| Ok(Ok(())))
    }

    /// Requires a module into a global.
    pub fn require(&mut self, global: &[u8], module: &[u8]) -> Result<(), Message> {
        let _armed = self.interrupts.as_ref().map(Interrupts::arm);
        self.with(|ctx| {
            ctx.push_globals();
            ctx.raw_get_field(-1, b"require");
            ctx.push_bytes(module)?;
            let count = match protected_call(ctx, 1)? {
                Ok(count) => count,
                Err(message) => return Ok(Err(message)),
            };
            let results = ctx.top() - count;
            ctx.load_prelude(b"local globals, name, value = ... globals[name] = value", b"=(command line)")?;
            ctx.push_globals();
            ctx.push_bytes(global)?;
            ctx.push_copy(results as i32 + 1);
            Ok(protected_call(ctx, 3)?.map(|_| ()))
        })?
    }

    /// Hands over what was written and is still in a buffer.
    pub fn flush(&mut self) {
        self.with(|ctx| {
            ctx.out().flush().ok();
            Ok(())
        })
        .ok();
        perilune_stdlib::flush_all();
    }

    /// Closes the machine: finalizers run, and buffers are handed over. It is of no use afterwards.
    pub fn close(&mut self) {
        self.vm.close();
        self.flush();
    }
}

/// Calls the function below the last `arguments` values; its results take their place.
///
/// The message of a Lua error has a traceback; whatever is left above the function is the caller's to drop.
pub fn protected_call(ctx: &mut Ctx<'_>, arguments: usize) -> Result<Result<usize, Message>, Error> {
    let function = (ctx.top() - arguments) as i32;
    push_kept(ctx, RUNNER);
    ctx.insert(function);
    push_kept(ctx, HANDLER);
    ctx.insert(function + 2);
    ctx.call(arguments as u32 + 2, None)?;
    let succeeded = ctx.to_bool(function);
    if !succeeded {
        return Ok(Err(top_bytes(ctx)));
    }
    ctx.remove(function);
    Ok(Ok(ctx.top() + 1 - function as usize))
}

fn push_script_arguments(ctx: &mut Ctx<'_>) -> Result<Result<usize, Message>, Error> {
    ctx.push_globals();
    ctx.raw_get_field(-1, b"arg");
    ctx.remove(-2);
    if ctx.kind(-1) != Kind::Table {
        return Ok(Err(b"'arg' is not a table".to_vec()));
    }
    let (list, count) = (ctx.top() as i32, ctx.len_raw(-1));
    if !ctx.check_stack(count as usize) {
        return Ok(Err(b"stack overflow (too many arguments to script)".to_vec()));
    }
    for index in 1..=count {
        ctx.raw_get_int(list, index);
    }
    ctx.remove(list);
    Ok(Ok(count as usize))
}

fn torture() -> Torture {
    std::env::var(TORTURE).ok().and_then(|text| text.parse().ok()).unwrap_or_default()
}

fn top_bytes(ctx: &mut Ctx<'_>) -> Message {
    ctx.bytes(-1).unwrap_or(b"(error object is not a string)").to_vec()
}

fn push_kept(ctx: &mut Ctx<'_>, key: &[u8]) {
    ctx.push_registry();
    ctx.raw_get_field(-1, key);
    ctx.remove(-2);
}

/// Keeps `xpcall`, and the handler with `debug.traceback` as its upvalue, in the registry.
fn keep_runner(ctx: &mut Ctx<'_>) -> Result<(), Error> {
    ctx.push_registry();
    ctx.push_globals();
    ctx.raw_get_field(-1, b"xpcall");
    ctx.raw_set_field(-3, RUNNER)?;
    ctx.raw_get_field(-1, b"debug");
    ctx.raw_get_field(-1, b"traceback");
    ctx.push_native("perilune.handler", handle, 1)?;
    ctx.raw_set_field(-4, HANDLER)
}

/// Turns an error value into a message with a traceback; a value's `__tostring` makes the whole message.
fn handle(ctx: &mut Ctx<'_>, state: u32) -> Result<Next, Error> {
    const CONVERTED: u32 = 1;
    const TRACED: u32 = 2;
    if state == TRACED || state == CONVERTED && ctx.kind(-1) == Kind::Str {
        return Ok(Next::Return(1));
    }
    ctx.set_top(1);
    if !matches!(ctx.kind(1), Kind::Str | Kind::Int | Kind::Float) {
        if state == 0 && ctx.metafield(1, b"__tostring") {
            ctx.push_copy(1);
            return Ok(Next::Call { args: 1, results: Some(1), state: CONVERTED });
        }
        let message = format!("(error object is a {} value)", ctx.kind(1).name());
        ctx.push_bytes(message.as_bytes())?;
        ctx.replace(1);
    }
    ctx.check_bytes(1)?;
    ctx.upvalue(1);
    ctx.push_copy(1);
    // Neither `traceback` nor this handler is to be seen.
    ctx.push_int(2);
    Ok(Next::Call { args: 2, results: Some(1), state: TRACED })
}
