//! `perilune tour`: a guided demonstration on a program that runs.
//!
//! It has no view of the machine: it starts `perilune lsp` and `perilune dap`
//! as an editor would, speaks their protocols, and believes only what they
//! answer. Each step checks what it shows; the first surprise ends the tour.

mod print;
mod wire;
mod lsp;
mod dap;
mod workspace;
mod steps;

use std::io::{BufRead, IsTerminal};
use std::time::Instant;

use lexopt::Arg;

use crate::command::{Arguments, Command, Failure, Outcome, unexpected};
use crate::entry::ExitCode;
use dap::Dap;
use lsp::Lsp;
use print::Printer;
use workspace::Workspace;

/// `tour`
pub const COMMAND: Command = Command {
    name: "tour",
    arguments: "[--pause]",
    summary: "show, on a program that runs, what perilune can do",
    details: "  --pause   wait for Enter between the steps\n\n\
              It ends by itself; the exit code is 0 when everything was as it should be.\n",
    run,
};

/// What a step was to show, and what was there instead.
#[derive(Debug)]
pub struct Surprise {
    expected: String,
    came: String,
}

/// The result of a part of a step.
pub type Seen<T> = Result<T, Surprise>;

/// Says what was expected and what came.
pub fn surprise(expected: impl Into<String>, came: impl Into<String>) -> Surprise {
    Surprise { expected: expected.into(), came: came.into() }
}

/// Everything that steps share.
pub struct Tour {
    print: Printer,
    workspace: Workspace,
    lsp: Lsp,
    /// The debug adapter, once a program runs.
    dap: Option<Dap>,
    /// Where the program stands.
    stop: Option<Stop>,
}

/// Where the program stands.
#[derive(Clone, Copy, Debug)]
pub struct Stop {
    thread: i64,
    frame: i64,
}

impl Tour {
    /// The debug adapter of a step that comes after the launch.
    fn dap(&mut self) -> Seen<&mut Dap> {
        self.dap.as_mut().ok_or_else(|| surprise("a program that was launched", "none"))
    }

    /// The stop of a step that comes after the breakpoint.
    fn stop(&self) -> Seen<Stop> {
        self.stop.ok_or_else(|| surprise("a program that stands", "one that runs"))
    }
}

fn run(arguments: Arguments<'_>) -> Outcome {
    let mut parser = arguments.parser();
    let mut pauses = false;
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("pause") => pauses = true,
            other => return Err(unexpected(other)),
        }
    }
    let began = Instant::now();
    let print = Printer::new(std::io::stdout().is_terminal());
    let mut tour = prepare(print).map_err(|surprise| failure("the preparation", &surprise))?;
    for (number, step) in steps::STEPS.iter().enumerate() {
        if pauses && number > 0 {
            wait_for_enter(&tour.print);
        }
        tour.print.heading(number + 1, steps::STEPS.len(), step.title);
        tour.print.sentence(step.about);
        tour.print.protocol(step.protocol);
        (step.run)(&mut tour).map_err(|surprise| failure(&format!("step {} ({})", number + 1, step.title), &surprise))?;
    }
    tour.print.farewell(began.elapsed());
    Ok(ExitCode::SUCCESS)
}

fn prepare(print: Printer) -> Seen<Tour> {
    let workspace = Workspace::new()?;
    print.welcome(workspace.root());
    let lsp = Lsp::start(&workspace)?;
    Ok(Tour { print, workspace, lsp, dap: None, stop: None })
}

fn failure(place: &str, surprise: &Surprise) -> Failure {
    Failure::Failed(format!("{place} expected {}\n  and got {}", surprise.expected, surprise.came))
}

fn wait_for_enter(print: &Printer) {
    print.invitation();
    // At the end of the input nobody waits.
    std::io::stdin().lock().read_line(&mut String::new()).ok();
}
