//! `perilune`: the stand-alone interpreter and the tools around it.
#![cfg_attr(all(target_os = "linux", target_env = "gnu", not(test)), no_main)]

mod entry;
mod bench;
mod command;
mod help;
mod run;
mod interpreter;
mod option;
mod engine;
mod interactive;
mod interrupt;
mod repl;
mod sessions;
mod limits;
mod perf_map;
mod stats;
mod live;
mod tour;
mod check;
mod dis;
mod lsp;
mod dap;

use std::ffi::OsString;

use command::Arguments;
use entry::ExitCode;

fn main() -> ExitCode {
    let line: Vec<OsString> = std::env::args_os().collect();
    if let Some(command) = line.get(1).and_then(|name| command::find(name)) {
        return command.invoke(Arguments { line: &line, start: 2 });
    }
    match line.get(1).and_then(|argument| argument.to_str()) {
        Some("--help") => finish(help::overview()),
        Some("--version") => finish(help::version()),
        _ => run::run_as_lua(&line),
    }
}

fn finish(outcome: command::Outcome) -> ExitCode {
    outcome.unwrap_or(ExitCode::FAILURE)
}
