//! `perilune dis`: the listing of a file's code.

use std::ffi::OsString;
use std::path::Path;

use lexopt::Arg;

use crate::command::{Arguments, Command, Failure, Outcome, output, unexpected};

/// `dis`
pub const COMMAND: Command = Command {
    name: "dis",
    arguments: "[--native] FILE",
    summary: "list the instructions of a file",
    details: "  --native   machine code beside the instructions\n",
    run,
};

fn run(arguments: Arguments<'_>) -> Outcome {
    let mut parser = arguments.parser();
    let mut native = false;
    let mut file: Option<OsString> = None;
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("native") => native = true,
            Arg::Value(path) if file.is_none() => file = Some(path),
            other => return Err(unexpected(other)),
        }
    }
    let file = file.ok_or_else(|| Failure::Usage("a file is missing".into()))?;
    if native {
        return Err(Failure::Usage("'--native' needs a machine-code compiler, and this build has none".into()));
    }
    let chunk = compile(Path::new(&file)).map_err(Failure::Failed)?;
    output(&perilune_isa::disassemble(&chunk.0))
}

/// The chunk in a file, or a message that says why there is none.
pub fn compile(path: &Path) -> Result<perilune_isa::Chunk, String> {
    let source = std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let name = [b"@", path.as_os_str().as_encoded_bytes()].concat();
    perilune_compile::compile(perilune_stdlib::strip_shebang(&source), &name)
        .map_err(|error| String::from_utf8_lossy(&error.message).into_owned())
}
