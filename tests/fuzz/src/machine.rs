//! Machines for foreign code: the whole library but what reaches outside, and every limit set.

use perilune_vm::{Ctx, Error, Next, Options, Torture, Vm};
use std::sync::{Arc, Mutex, PoisonError};

/// What may not be reached by code that nobody wrote.
const OUTSIDE: &str = "io = nil os = nil require = nil package = nil dofile = nil loadfile = nil debug.debug = nil
    local clock = 0 os = { clock = function() clock = clock + 1 return clock end, time = function() return 1 end }";

/// Most bytes that a program may print.
pub const OUTPUT_MAX: usize = 16 << 20;

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What it printed.
    pub output: Vec<u8>,
    /// The error that ended it, if one did.
    pub error: Option<Vec<u8>>,
}

/// A machine and what its programs printed.
pub struct Machine {
    vm: Vm,
    output: Arc<Mutex<Vec<u8>>>,
}

/// Calls its argument.
fn chunk(_: &mut Ctx<'_>, state: u32) -> Result<Next, Error> {
    Ok(if state == 0 { Next::Call { args: 0, results: Some(0), state: 1 } } else { Next::Return(0) })
}

impl Machine {
    /// A machine with these limits.
    ///
    /// # Panics
    /// When the limits do not suffice to open the library.
    pub fn new(options: Options) -> Machine {
        let mut vm = Vm::new(Options { instructions: None, torture: Torture::None, ..options });
        let output = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&output);
        let opened = vm.with(|ctx| {
            perilune_stdlib::open(ctx)?;
            ctx.push_globals();
            ctx.push_host(Box::new(sink), 0)?;
            ctx.push_native("fuzz.print", print, 1)?;
            ctx.raw_set_field(-2, b"print")?;
            ctx.load(OUTSIDE.as_bytes(), b"=outside", b"t").expect("the prelude compiles");
            ctx.call(0, Some(0))?;
            ctx.set_top(0);
            Ok(())
        });
        assert!(opened.is_ok(), "the library opens");
        vm.set_torture(options.torture);
        vm.set_instruction_limit(options.instructions, options.on_limit);
        Machine { vm, output }
    }

    /// The machine itself.
    pub fn vm(&mut self) -> &mut Vm {
        &mut self.vm
    }

    /// Runs a chunk, text or binary.
    pub fn run(&mut self, source: &[u8], name: &[u8]) -> Outcome {
        let mut error = None;
        let result = self.vm.with(|ctx| {
            if ctx.load(source, name, b"bt").is_err() {
                error = Some(message(ctx));
            } else {
                // As many calls stand below a chunk as in the reference, which has limits for them.
                ctx.push_native("fuzz.chunk", chunk, 0)?;
                ctx.insert(-2);
                ctx.call(1, Some(0))?;
            }
            ctx.set_top(0);
            Ok(())
        });
        if result.is_err() {
            error = self.vm.with(|ctx| { let text = message(ctx); ctx.set_top(0); Ok(text) }).ok();
        }
        Outcome { output: std::mem::take(&mut *self.output.lock().unwrap_or_else(PoisonError::into_inner)), error }
    }

    /// Asserts that the heap is sound.
    ///
    /// # Panics
    /// When it is not.
    #[track_caller]
    pub fn verify(&mut self) {
        if let Err(why) = self.vm.verify() {
            panic!("the heap is unsound: {why}");
        }
    }
}

/// The error on the top, as text.
fn message(ctx: &mut Ctx<'_>) -> Vec<u8> {
    match ctx.bytes(-1) {
        Some(text) => text.to_vec(),
        None => format!("(error object is a {} value)", ctx.kind(-1).name()).into_bytes(),
    }
}

/// `print` for strings and numbers; other values show as their type, because addresses differ from run to run.
fn print(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let mut line = Vec::new();
    for index in 1..=ctx.top() as i32 {
        if index > 1 {
            line.push(b'\t');
        }
        match ctx.kind(index) {
            perilune_vm::Kind::Nil => line.extend_from_slice(b"nil"),
            perilune_vm::Kind::Bool => line.extend_from_slice(if ctx.to_bool(index) { b"true" } else { b"false" }),
            perilune_vm::Kind::Str | perilune_vm::Kind::Int | perilune_vm::Kind::Float => {
                let text = ctx.check_bytes(index)?.to_vec();
                line.extend_from_slice(&text);
            }
            other => line.extend_from_slice(other.name().as_bytes()),
        }
    }
    line.push(b'\n');
    ctx.upvalue(1);
    if let Some(output) = ctx.host_mut::<Arc<Mutex<Vec<u8>>>>(-1) {
        let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
        line.truncate(OUTPUT_MAX - output.len());
        output.extend_from_slice(&line);
    }
    Ok(Next::Return(0))
}
