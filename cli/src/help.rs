//! `perilune help [COMMAND]`, `--help` and `--version`.

use std::fmt::Write;

use crate::command::{Arguments, COMMANDS, Command, Failure, Outcome, find, output};

/// `help`
pub const COMMAND: Command = Command {
    name: "help",
    arguments: "[COMMAND]",
    summary: "say what perilune, or one of its commands, does",
    details: "",
    run,
};

/// Name and version of this program, and of the language it runs.
pub const VERSION: &str = concat!("Perilune ", env!("CARGO_PKG_VERSION"), " (Lua 5.4)");

fn run(arguments: Arguments<'_>) -> Outcome {
    match arguments.rest() {
        [] => overview(),
        [name] => match find(name) {
            Some(command) => show(command),
            None => Err(Failure::Usage(format!("no command is called '{}'; there are {}", name.display(), names()))),
        },
        _ => Err(Failure::Usage("one command at a time".into())),
    }
}

fn names() -> String {
    let names: Vec<&str> = COMMANDS.iter().map(|command| command.name).collect();
    names.join(", ")
}

/// What there is.
pub fn overview() -> Outcome {
    let mut text = format!("{VERSION}: run Lua programs, and look into them and change them while they run.\n\n");
    text.push_str("  perilune [options] FILE [ARGS]    run a program, with the options of lua\n");
    text.push_str("  perilune COMMAND [ARGS]\n\nCommands:\n");
    for command in COMMANDS {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {:<9} {}", command.name, command.summary);
    }
    text.push_str("\nOptions of lua: -e STAT, -i, -l MOD, -l NAME=MOD, -v, -E, -W, --, -\n");
    text.push_str("Besides: --help, --version\n\n`perilune help COMMAND` says more about a command.\n");
    output(&text)
}

/// What a command does, with its options.
pub fn show(command: &Command) -> Outcome {
    let Command { summary, details, .. } = command;
    let space = if details.is_empty() { "" } else { "\n" };
    output(&format!("usage: {}\n\n{summary}\n{space}{details}", command.usage()))
}

/// `--version`
pub fn version() -> Outcome {
    output(&format!("{VERSION}\n"))
}
