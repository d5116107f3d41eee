//! `perilune repl`: a prompt, on its own machine or on a running program.
//!
//! `own.rs` and `attached.rs` are the two things that can be talked to;
//! `input.rs` is where lines come from, with `editor.rs` for a terminal.

mod target;
mod own;
mod complete;
mod render;
mod layout;
mod attached;
mod event;
mod inspect;
mod chunk;
mod input;
mod editor;
mod history;

use std::cell::RefCell;
use std::io::Write;
use std::rc::Rc;

use lexopt::Arg;

use crate::command::{Arguments, Command, Failure, Outcome, say, unexpected};
use crate::engine::Engine;
use crate::entry::ExitCode;
use attached::Attached;
use input::{Input, Line};
use own::Own;
use target::{Answer, Shared, Target};

/// `repl`
pub const COMMAND: Command = Command {
    name: "repl",
    arguments: "[--attach [PID]]",
    summary: "prompt for Lua, on its own or in a running program",
    details: "  --attach [PID]   evaluate in a program that was started with `perilune run --live`;\n                   \
              without PID, in the only one there is\n\n\
              At the prompt, `:help` lists what it knows besides Lua.\n",
    run,
};

/// Whom to talk to.
#[derive(Debug, PartialEq)]
enum Wanted {
    Own,
    Only,
    Process(u32),
}

fn run(arguments: Arguments<'_>) -> Outcome {
    let target: Shared = match parse(arguments)? {
        Wanted::Own => Rc::new(RefCell::new(Own::new().map_err(Failure::Failed)?)),
        Wanted::Only => Rc::new(RefCell::new(Attached::to_the_only_one()?)),
        Wanted::Process(pid) => Rc::new(RefCell::new(Attached::to_process(pid)?)),
    };
    let mut input = Input::open(&target);
    if input.is_interactive() {
        say(&format!("{}\n:help lists the commands, Ctrl-D leaves\n", target.borrow().greeting()));
    }
    converse(&target, &mut input);
    Ok(ExitCode::SUCCESS)
}

fn parse(arguments: Arguments<'_>) -> Result<Wanted, Failure> {
    let mut parser = arguments.parser();
    let mut wanted = Wanted::Own;
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("attach") => {
                wanted = Wanted::Only;
                if let Some(pid) = parser.optional_value() {
                    wanted = Wanted::Process(process_id(&pid)?);
                }
            }
            Arg::Value(pid) if wanted == Wanted::Only => wanted = Wanted::Process(process_id(&pid)?),
            other => return Err(unexpected(other)),
        }
    }
    Ok(wanted)
}

fn process_id(text: &std::ffi::OsStr) -> Result<u32, Failure> {
    let number = text.to_str().and_then(|text| text.parse().ok());
    number.ok_or_else(|| Failure::Usage(format!("'--attach' takes a process id, not '{}'", text.display())))
}

/// Whether somebody can type and see.
pub fn is_possible() -> bool {
    Input::is_possible()
}

/// Prompts on a machine that exists already, and shows results as `lua` does.
pub fn run_on(engine: Engine) {
    let target: Shared = Rc::new(RefCell::new(Own::printing(engine)));
    converse(&target, &mut Input::open(&target));
}

/// Reads, evaluates and prints until the input or the target ends, and leaves the target.
fn converse(target: &Shared, input: &mut Input) {
    loop {
        let source = match input.read(target) {
            Line::Text(source) => source,
            Line::Cleared => continue,
            Line::End => break,
        };
        let answer = answer(&mut *target.borrow_mut(), &source);
        match answer {
            Answer::Shown(text) => show(&mut std::io::stdout(), &text),
            Answer::Failed(text) => show(&mut std::io::stderr(), &text),
            Answer::Leave => break,
        }
        if target.borrow().has_ended() {
            break;
        }
    }
    target.borrow_mut().leave();
}

fn answer(target: &mut dyn Target, source: &[u8]) -> Answer {
    match source.trim_ascii().strip_prefix(b":") {
        // A label is the one chunk that begins with a colon.
        Some(command) if !command.starts_with(b":") => {
            let command = String::from_utf8_lossy(command);
            let (name, argument) = command.split_once(char::is_whitespace).unwrap_or((&command, ""));
            target::command(target, name, argument.trim())
        }
        _ if source.trim_ascii().is_empty() => Answer::Shown(Vec::new()),
        _ => target.evaluate(source),
    }
}

/// Writes lines. Nobody can be told that the output is closed.
fn show(out: &mut dyn Write, text: &[u8]) {
    if !text.is_empty() {
        let end: &[u8] = if text.ends_with(b"\n") { b"" } else { b"\n" };
        out.write_all(text).and_then(|()| out.write_all(end)).and_then(|()| out.flush()).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;

    fn parsed(text: &str) -> Result<Wanted, Failure> {
        let line: Vec<OsString> = text.split(' ').map(OsString::from).collect();
        parse(Arguments { line: &line, start: 2 })
    }

    #[test]
    fn whom_to_attach_to() {
        assert_eq!(parsed("perilune repl").expect("valid"), Wanted::Own);
        assert_eq!(parsed("perilune repl --attach").expect("valid"), Wanted::Only);
        assert_eq!(parsed("perilune repl --attach 17").expect("valid"), Wanted::Process(17));
        assert_eq!(parsed("perilune repl --attach=17").expect("valid"), Wanted::Process(17));
        assert!(matches!(parsed("perilune repl --attach app.lua"), Err(Failure::Usage(_))));
        assert!(matches!(parsed("perilune repl 17"), Err(Failure::Usage(_))));
    }
}
