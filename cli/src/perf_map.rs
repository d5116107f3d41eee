//! `perilune run --perf-map`: names for code that no file has, as `perf report` looks for them
//! (Linux, `tools/perf/Documentation/jit-interface.txt`): lines of address, length and name, the numbers in hexadecimal.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use perilune_vm::tier::{Listener, Placed};

use crate::engine::Message;

/// Writes the map of this process.
///
/// # Errors
/// What keeps the file from being written.
pub fn open() -> Result<Listener, Message> {
    let path = format!("/tmp/perf-{}.map", std::process::id());
    std::fs::remove_file(&path).ok();
    // Nobody else's file or link is followed: the name is known to all.
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    let mut file = file.map_err(|error| format!("cannot write {path}: {error}").into_bytes())?;
    Ok(Box::new(move |placed| write(&mut file, placed)))
}

/// One line at once, as the process may end in any way. What cannot be written is left out.
fn write(file: &mut File, placed: Placed<'_>) {
    let name = placed.source.strip_prefix(b"@").or(placed.source.strip_prefix(b"=")).unwrap_or(b"(text)");
    let name: String = String::from_utf8_lossy(name).chars().filter(|c| !c.is_control()).collect();
    let line = if placed.line == 0 { format!("{name} (main chunk)") } else { format!("{name}:{}", placed.line) };
    file.write_all(format!("{:x} {:x} lua {line}\n", placed.address, placed.length).as_bytes()).ok();
}
