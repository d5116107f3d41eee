//! `perilune check`: what is wrong in files, without running them.
//!
//! The findings are the language server's, and what only the compiler knows.
//! `check/collect.rs` finds the files, `check/finding.rs` the faults, and
//! `check/show.rs` writes them down.

mod collect;
mod finding;
mod show;

use std::io::IsTerminal;
use std::path::PathBuf;

use lexopt::{Arg, ValueExt};

use crate::command::{Arguments, Command, Failure, Outcome, complain, output, unexpected};
use crate::entry::ExitCode;
use finding::Finding;

/// `check`
pub const COMMAND: Command = Command {
    name: "check",
    arguments: "[--format=text|json] PATH…",
    summary: "show what is wrong in files and folders, without running them",
    details: "  --format=json   findings as a list of objects, lines and columns (in bytes) from 1\n\n\
        Exit code: 0 without errors (there may be warnings), 1 with some, 2 if a path cannot be read.\n",
    run,
};

/// How findings are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Text,
    Json,
}

fn run(arguments: Arguments<'_>) -> Outcome {
    let mut parser = arguments.parser();
    let (mut format, mut paths) = (Format::Text, Vec::new());
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("format") => format = parser.value()?.parse_with(format_named)?,
            Arg::Value(path) => paths.push(PathBuf::from(path)),
            other => return Err(unexpected(other)),
        }
    }
    if paths.is_empty() {
        return Err(Failure::Usage("a path is missing".into()));
    }
    let files = collect::files(&paths);
    files.unreadable.iter().for_each(|message| complain(&format!("check: {message}")));
    let findings = finding::all(&files);
    let is_colored = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
    output(&match format {
        Format::Text => show::text(&findings, is_colored),
        Format::Json => show::json(&findings),
    })?;
    Ok(exit_code(&findings, files.unreadable.is_empty()))
}

fn format_named(name: &str) -> Result<Format, String> {
    match name {
        "text" => Ok(Format::Text),
        "json" => Ok(Format::Json),
        _ => Err("'text' or 'json' expected".into()),
    }
}

fn exit_code(findings: &[Finding], is_all_read: bool) -> ExitCode {
    match findings.iter().any(Finding::is_error) {
        _ if !is_all_read => ExitCode::from(2),
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    }
}
