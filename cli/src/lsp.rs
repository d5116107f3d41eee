//! `perilune lsp`: the language server, on standard input and output.

use crate::command::{Arguments, Command, Failure, Outcome, unexpected};
use crate::entry::ExitCode;

/// `lsp`
pub const COMMAND: Command = Command {
    name: "lsp",
    arguments: "",
    summary: "serve the Language Server Protocol on standard input and output",
    details: "Programs of the editor's workspace that run with `perilune run --live` are found by themselves.\n",
    run,
};

fn run(arguments: Arguments<'_>) -> Outcome {
    let mut parser = arguments.parser();
    while let Some(argument) = parser.next()? {
        match argument {
            // Editors name the transport; it is the only one.
            lexopt::Arg::Long("stdio") => {}
            other => return Err(unexpected(other)),
        }
    }
    perilune_lsp::run().map_err(|error| Failure::Failed(error.to_string()))?;
    Ok(ExitCode::SUCCESS)
}
