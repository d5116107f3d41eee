//! `perilune run`: runs a file, and lets others reach it while it runs.

use std::ffi::OsStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lexopt::Arg;
use perilune_jit::Baseline;
use perilune_live::endpoint::{Listen, ProgramInfo};
use perilune_live::service;
use perilune_vm::tier::Eagerness;

use crate::command::{Arguments, Command, Failure, Outcome, complain, unexpected};
use crate::engine::{Engine, Message};
use crate::entry::ExitCode;
use crate::interpreter;
use crate::limits::{self, Limits};
use crate::option::Options;
use crate::perf_map;

/// `run`
pub const COMMAND: Command = Command {
    name: "run",
    arguments: "[--jit=off|on|eager] [--stats] [--perf-map] [--live[=ADDR]] [--wait] [LIMITS] FILE [ARGS…]",
    summary: "run a file; with --live, so that tools can reach it",
    details: "  --jit=off      interpret only\n  \
              --jit=on       compile what is hot (the default)\n  \
              --jit=eager    compile every function at its first call\n  \
              --stats        say on standard error, at the end, what was compiled\n  \
              --perf-map     name compiled functions for `perf`, in /tmp/perf-PID.map\n  \
              --live         open an endpoint for `perilune repl --attach`, `perilune dap` and editors\n  \
              --live=ADDR    the endpoint's address: unix (the default), PORT on the loopback interface, or HOST:PORT\n  \
              --wait         wait for a client before the first instruction; needs --live\n\n  \
              --max-memory=SIZE       bytes that the program may keep, with K, M or G for larger units\n  \
              --max-instructions=N    instructions that it may run; it is interpreted then\n  \
              --deadline=DURATION     time that it may take, as 500ms, 2s, 1.5s or 3m\n  \
              --on-limit=stop|error   end it there with exit code 124 (the default), or raise a Lua error\n\n\
              FILE may be `-` for standard input. PERILUNE_JIT sets what --jit does.\n",
    run,
};

/// How a program is run.
#[derive(Debug, Default, PartialEq)]
pub struct Mode {
    /// What is compiled to machine code.
    pub jit: Jit,
    /// Whether tools can reach the program, and where.
    pub live: Option<Live>,
    /// How much it may use.
    pub limits: Limits,
    /// Whether it is said at the end what was compiled.
    pub stats: bool,
    /// Whether compiled functions are named for `perf`.
    pub perf_map: bool,
}

/// What is compiled to machine code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Jit {
    /// Nothing.
    Off,
    /// What is hot.
    #[default]
    On,
    /// Everything, at its first call.
    Eager,
}

/// The endpoint of a program that tools can reach.
#[derive(Debug, Default, PartialEq)]
pub struct Live {
    /// Where it listens.
    pub address: Listen,
    /// Whether the first instruction waits for a client.
    pub waits: bool,
}

impl Mode {
    /// A machine that is run in this way.
    ///
    /// # Errors
    /// What keeps the library or the endpoint from opening.
    pub fn start(&self, no_environment: bool) -> Result<Engine, Message> {
        let mut engine = Engine::new(perilune_vm::Options::default(), no_environment)?;
        if let Some(eagerness) = self.jit.eagerness() {
            engine.vm().set_tier(Box::new(Baseline::new()), eagerness);
        }
        if self.perf_map {
            engine.vm().set_code_listener(Some(perf_map::open()?));
        }
        if self.live.is_none() {
            engine.raise_interrupts();
            engine.obey_interrupts();
        }
        self.limits.impose(engine.vm())?;
        Ok(engine)
    }
}

/// What Ctrl-C reaches while the endpoint opens.
enum Interruptible {
    NotYet { asked: bool },
    Open(service::Interrupt),
}

impl Interruptible {
    fn interrupt(&mut self) {
        match self {
            Interruptible::NotYet { asked } => *asked = true,
            Interruptible::Open(interrupt) => interrupt(),
        }
    }

    fn open(&mut self, interrupt: service::Interrupt) {
        if let Interruptible::NotYet { asked: true } = self {
            interrupt();
        }
        *self = Interruptible::Open(interrupt);
    }
}

fn lock(shared: &Mutex<Interruptible>) -> MutexGuard<'_, Interruptible> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Live {
    /// Opens the endpoint of a machine that is about to run `script`.
    ///
    /// # Errors
    /// What keeps the endpoint from opening.
    pub fn open(&self, engine: &mut Engine, script: &[u8], arguments: &[Vec<u8>]) -> Result<(), Message> {
        let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let settings = service::Settings {
            listen: self.address,
            wait: self.waits,
            program: ProgramInfo { program: lossy(script).into(), args: arguments.iter().map(|argument| lossy(argument)).collect() },
            terminate: Box::new(|vm| {
                vm.flush_output();
                perilune_stdlib::flush_all();
                std::process::exit(service::TERMINATED)
            }),
        };
        // Who finds the endpoint may interrupt the program at once.
        let early = Arc::new(Mutex::new(Interruptible::NotYet { asked: false }));
        let shared = Arc::clone(&early);
        engine.pass_interrupts(move || lock(&shared).interrupt());
        let interrupt = service::open(engine.vm(), settings).map_err(|error| error.to_string().into_bytes())?;
        lock(&early).open(interrupt);
        Ok(())
    }
}

impl Jit {
    /// When functions are compiled, if at all.
    pub fn eagerness(self) -> Option<Eagerness> {
        match self {
            Jit::Off => None,
            Jit::On => Some(Eagerness::Hot),
            Jit::Eager => Some(Eagerness::Eager),
        }
    }

    fn parse(text: &OsStr) -> Option<Jit> {
        match text.to_str()? {
            "off" => Some(Jit::Off),
            "on" => Some(Jit::On),
            "eager" => Some(Jit::Eager),
            _ => None,
        }
    }

    /// What `PERILUNE_JIT` asks for.
    ///
    /// # Errors
    /// What is wrong with its value.
    pub fn from_environment() -> Result<Jit, String> {
        match std::env::var_os("PERILUNE_JIT") {
            None => Ok(Jit::default()),
            Some(value) => Jit::parse(&value)
                .ok_or_else(|| format!("PERILUNE_JIT is '{}'; it takes 'off', 'on' or 'eager'", value.display())),
        }
    }
}

/// `perilune run …`
fn run(arguments: Arguments<'_>) -> Outcome {
    let (mode, file) = parse(arguments)?;
    let line = bytes(arguments.line);
    let options = Options {
        script: Some(file),
        script_is_stdin: line[file] == b"-",
        ..Options::default()
    };
    Ok(interpreter::run(&line, &options, mode))
}

/// `perilune [options] FILE …`, as `lua`.
pub fn run_as_lua(line: &[std::ffi::OsString]) -> ExitCode {
    match Jit::from_environment() {
        Ok(jit) => interpreter::run_line(&bytes(line), Mode { jit, ..Mode::default() }),
        Err(wrong) => {
            complain(&wrong);
            ExitCode::from(2)
        }
    }
}

fn bytes(line: &[std::ffi::OsString]) -> Vec<Vec<u8>> {
    line.iter().map(|argument| argument.as_encoded_bytes().to_vec()).collect()
}

/// The mode, and where the file stands in the command line.
fn parse(arguments: Arguments<'_>) -> Result<(Mode, usize), Failure> {
    let mut parser = arguments.parser();
    let mut jit = Jit::from_environment().map_err(Failure::Usage)?;
    let mut live = None;
    let mut waits = false;
    let mut limits = Limits::default();
    let (mut stats, mut perf_map) = (false, false);
    loop {
        let argument = parser.next()?.ok_or_else(|| Failure::Usage("a file is missing".into()))?;
        match argument {
            Arg::Long("jit") => {
                let value = parser.value()?;
                jit = Jit::parse(&value).ok_or_else(|| {
                    Failure::Usage(format!("'--jit' takes 'off', 'on' or 'eager', not '{}'", value.display()))
                })?;
            }
            Arg::Long("live") => live = Some(Live { address: address(parser.optional_value())?, waits: false }),
            Arg::Long("wait") => waits = true,
            Arg::Long("stats") => stats = true,
            Arg::Long("perf-map") => perf_map = true,
            Arg::Long(name) if let Some(missing) = limits::missing(name) => {
                let name = name.to_owned();
                let value = parser.value().map_err(|_| Failure::Usage(missing))?;
                limits.read(&name, &value.to_string_lossy()).map_err(Failure::Usage)?;
            }
            Arg::Value(_) => break,
            other => return Err(unexpected(other)),
        }
    }
    if waits && live.is_none() {
        return Err(Failure::Usage("'--wait' waits for a client, so it needs '--live'".into()));
    }
    let live = live.map(|live| Live { waits, ..live });
    let left = parser.raw_args()?.count();
    Ok((Mode { jit, live, limits, stats, perf_map }, arguments.line.len() - left - 1))
}

fn address(value: Option<std::ffi::OsString>) -> Result<Listen, Failure> {
    let Some(value) = value else { return Ok(Listen::Unix) };
    let wrong = || Failure::Usage(format!("'--live' takes 'unix', 'PORT' or 'HOST:PORT', not '{}'", value.display()));
    value.to_str().ok_or_else(wrong)?.parse().map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;

    fn parsed(text: &str) -> Result<(Mode, usize), String> {
        let line: Vec<OsString> = text.split(' ').map(OsString::from).collect();
        parse(Arguments { line: &line, start: 2 }).map_err(|failure| match failure {
            Failure::Usage(wrong) | Failure::Failed(wrong) => wrong,
        })
    }

    #[test]
    fn options_end_at_the_file() {
        let (mode, file) = parsed("perilune run --jit=eager --live --wait a.lua --live=x").expect("valid options");
        assert_eq!(mode, Mode { jit: Jit::Eager, live: Some(Live { address: Listen::Unix, waits: true }), ..Mode::default() });
        assert_eq!(file, 5);
    }

    #[test]
    fn a_double_hyphen_ends_options() {
        let (mode, file) = parsed("perilune run --jit=off -- -a.lua x").expect("valid options");
        assert_eq!((mode.jit, file), (Jit::Off, 4));
    }

    #[test]
    fn addresses_are_taken_or_refused() {
        let (mode, _) = parsed("perilune run --live=127.0.0.1:8080 a").expect("valid options");
        assert_eq!(mode.live.map(|live| live.address), Some(Listen::Tcp(([127, 0, 0, 1], 8080).into())));
        let wrong = parsed("perilune run --live=/tmp/x a").expect_err("no address");
        assert_eq!(wrong, "'--live' takes 'unix', 'PORT' or 'HOST:PORT', not '/tmp/x'");
    }

    #[test]
    fn waiting_needs_a_way_to_come() {
        let wrong = parsed("perilune run --wait a.lua").expect_err("nobody can come");
        assert_eq!(wrong, "'--wait' waits for a client, so it needs '--live'");
    }
}
