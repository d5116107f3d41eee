//! `perilune`: the stand-alone interpreter and the tools around it.
#![forbid(unsafe_code)]

mod interpreter;
mod option;
mod repl;
mod tool;
mod engine;

use std::process::ExitCode;

fn main() -> ExitCode {
    let line: Vec<Vec<u8>> = std::env::args_os().map(std::ffi::OsString::into_encoded_bytes).collect();
    match line.get(1).map(Vec::as_slice) {
        Some(b"run") => tool::run(&line[2..]),
        Some(b"dis") => tool::dis(&line[2..]),
        Some(b"check") => tool::check(&line[2..]),
        Some(b"lsp") => tool::lsp(&line[2..]),
        _ => interpreter::run(&line, perilune_vm::Options::default()),
    }
}
