//! The reference implementation, when the environment says where it is.

use crate::machine::{OUTPUT_MAX, Outcome};
use std::io::Write;
use std::process::{Command, Stdio};

/// Names the binary of PUC Lua 5.4 that programs are compared with.
pub const VARIABLE: &str = "PERILUNE_REFERENCE";

/// Runs a program by the reference, if there is one.
///
/// # Panics
/// When the binary that the environment names does not run.
pub fn run(program: &str) -> Option<Outcome> {
    let path = std::env::var_os(VARIABLE)?;
    let mut child = Command::new(path)
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the reference starts");
    child.stdin.take().expect("a pipe").write_all(program.as_bytes()).expect("the reference reads");
    let mut output = child.wait_with_output().expect("the reference ends");
    output.stdout.truncate(OUTPUT_MAX);
    let text = output.stderr.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let message = text.splitn(2, |&byte| byte == b':').nth(1).map(|rest| rest.trim_ascii_start().to_vec());
    Some(Outcome { output: output.stdout, error: if output.status.success() { None } else { message } })
}
