//! The commands of `perilune`: their names, how they are used, and how their failures are told.
//!
//! This table is the one place that knows them; `help.rs` and the messages of
//! bad usage are made from it. Each command is a file of its own.

use std::ffi::{OsStr, OsString};
use std::io::Write;

use crate::entry::ExitCode;

/// A command.
pub struct Command {
    /// Its name on the command line.
    pub name: &'static str,
    /// What follows the name.
    pub arguments: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// What its options mean, and what else is to be known.
    pub details: &'static str,
    /// Does it; the whole command line and the index of the first argument are given.
    pub run: fn(Arguments<'_>) -> Outcome,
}

/// The command line of a command.
#[derive(Clone, Copy)]
pub struct Arguments<'a> {
    /// Everything, the program's name and the command's included.
    pub line: &'a [OsString],
    /// Where the command's arguments begin.
    pub start: usize,
}

impl<'a> Arguments<'a> {
    /// What follows the command's name.
    pub fn rest(self) -> &'a [OsString] {
        &self.line[self.start..]
    }

    /// A parser of what follows the command's name.
    pub fn parser(self) -> lexopt::Parser {
        lexopt::Parser::from_args(self.rest().iter().cloned())
    }
}

/// How a command ends.
pub type Outcome = Result<ExitCode, Failure>;

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub enum Failure {
    /// The command line is wrong: exit code 2.
    Usage(String),
    /// Something else is: exit code 1.
    Failed(String),
}

impl From<lexopt::Error> for Failure {
    fn from(error: lexopt::Error) -> Failure {
        Failure::Usage(error.to_string())
    }
}

/// All commands, in the order in which help lists them.
pub const COMMANDS: &[Command] = &[
    crate::run::COMMAND,
    crate::repl::COMMAND,
    crate::sessions::COMMAND,
    crate::tour::COMMAND,
    crate::check::COMMAND,
    crate::dis::COMMAND,
    crate::bench::COMMAND,
    crate::lsp::COMMAND,
    crate::dap::COMMAND,
    crate::help::COMMAND,
];

/// The command of this name.
pub fn find(name: &OsStr) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| name == command.name)
}

impl Command {
    /// The command line in general, as usage messages show it.
    pub fn usage(&self) -> String {
        let space = if self.arguments.is_empty() { "" } else { " " };
        format!("perilune {}{space}{}", self.name, self.arguments)
    }

    /// Does the command and tells of its failure.
    pub fn invoke(&self, arguments: Arguments<'_>) -> ExitCode {
        let asks_for_help = matches!(arguments.rest(), [only] if only == "--help" || only == "-h");
        let outcome = if asks_for_help { crate::help::show(self) } else { (self.run)(arguments) };
        match outcome {
            Ok(code) => code,
            Err(Failure::Usage(wrong)) => {
                complain(&format!("{}: {wrong} (usage: {})", self.name, self.usage()));
                ExitCode::from(2)
            }
            Err(Failure::Failed(message)) => {
                complain(&format!("{}: {message}", self.name));
                ExitCode::FAILURE
            }
        }
    }
}

/// Refuses what a parser met that the command does not take.
pub fn unexpected(argument: lexopt::Arg<'_>) -> Failure {
    argument.unexpected().into()
}

/// One line on standard error, after the program's name.
pub fn complain(message: &str) {
    // Nobody can be told that standard error is closed.
    writeln!(std::io::stderr(), "perilune: {message}").ok();
}

/// Writes text to standard output, as a conversation does: when nobody reads any more, the input ends, too.
pub fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).ok();
}

/// Writes to standard output. A closed pipe ends the command without noise, as its reader wants no more.
pub fn output(text: &str) -> Outcome {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::Failed(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}
