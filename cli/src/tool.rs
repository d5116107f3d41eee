//! The subcommands. A usage error is one line and exit code 2.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::interpreter;

const PROGRAM: &[u8] = b"perilune";

fn misused(usage: &str) -> ExitCode {
    interpreter::show(PROGRAM, format!("usage: perilune {usage}").as_bytes());
    ExitCode::from(2)
}

/// `perilune run [--jit=off] FILE [ARGS]`: runs a file.
pub fn run(arguments: &[Vec<u8>]) -> ExitCode {
    const USAGE: &str = "run [--jit=off] FILE [ARGS…]";
    let arguments = match arguments.split_first() {
        Some((first, rest)) if first == b"--jit=off" => rest,
        Some((first, _)) if first.starts_with(b"-") => return misused(USAGE),
        _ => arguments,
    };
    if arguments.is_empty() {
        return misused(USAGE);
    }
    let line = [&[PROGRAM.to_vec(), b"--".to_vec()], arguments].concat();
    interpreter::run(&line, perilune_vm::Options::default())
}

/// `perilune lsp`: the language server on standard input and output.
pub fn lsp(arguments: &[Vec<u8>]) -> ExitCode {
    if !arguments.is_empty() {
        return misused("lsp");
    }
    match perilune_lsp::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// The chunk in a file, or a message that says why there is none.
fn compile(path: &[u8]) -> Result<perilune_isa::Chunk, Vec<u8>> {
    let text = String::from_utf8_lossy(path);
    let source = std::fs::read(path_of(path)).map_err(|error| format!("cannot read {text}: {error}"))?;
    let name = [b"@", path].concat();
    perilune_compile::compile(perilune_stdlib::strip_shebang(&source), &name).map_err(|error| error.message)
}

#[cfg(unix)]
fn path_of(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    std::ffi::OsStr::from_bytes(bytes).into()
}

#[cfg(not(unix))]
fn path_of(bytes: &[u8]) -> PathBuf {
    String::from_utf8_lossy(bytes).into_owned().into()
}

/// `perilune dis FILE`: shows the instructions of a file.
pub fn dis(arguments: &[Vec<u8>]) -> ExitCode {
    let [path] = arguments else {
        return misused("dis FILE");
    };
    match compile(path) {
        Ok(chunk) => {
            print!("{}", perilune_isa::disassemble(&chunk.0));
            ExitCode::SUCCESS
        }
        Err(message) => {
            interpreter::show(PROGRAM, &message);
            ExitCode::FAILURE
        }
    }
}

/// `perilune check FILE…`: says whether files compile.
pub fn check(arguments: &[Vec<u8>]) -> ExitCode {
    if arguments.is_empty() {
        return misused("check FILE…");
    }
    let mut code = ExitCode::SUCCESS;
    for path in arguments {
        if let Err(message) = compile(path) {
            interpreter::show(PROGRAM, &message);
            code = ExitCode::FAILURE;
        }
    }
    code
}
