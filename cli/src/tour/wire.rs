//! A server as a child process: JSON messages with a `Content-Length`, as both protocols frame them.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use super::{Seen, surprise};

/// How long any answer may take.
pub const LIMIT: Duration = Duration::from_secs(30);
/// Longest message that is read.
const LENGTH_MAX: usize = 64 << 20;

/// A server and its messages. It is killed when this is dropped.
pub struct Peer {
    command: &'static str,
    child: Child,
    input: Option<ChildStdin>,
    messages: Receiver<Json>,
}

impl Peer {
    /// Starts this very program with a command.
    pub fn start(command: &'static str, directory: &Path) -> Seen<Peer> {
        let cannot = |error: std::io::Error| surprise(format!("`perilune {command}` to start"), error.to_string());
        let program = std::env::current_exe().map_err(cannot)?;
        let mut child = Command::new(program)
            .arg(command)
            .current_dir(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(cannot)?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (sender, messages) = mpsc::channel();
        let peer = Peer { command, child, input, messages };
        if let Some(output) = output {
            std::thread::spawn(move || forward(BufReader::new(output), &sender));
        }
        Ok(peer)
    }

    /// Sends a message.
    pub fn send(&mut self, message: &Json) -> Seen<()> {
        let body = message.to_string();
        let framed = format!("Content-Length: {}\r\n\r\n{body}", body.len());
        let input = self.input.as_mut().ok_or_else(|| surprise("an open connection", "a closed one"))?;
        input
            .write_all(framed.as_bytes())
            .and_then(|()| input.flush())
            .map_err(|error| surprise(format!("`perilune {}` to read", self.command), error.to_string()))
    }

    /// The next message, if it comes before the deadline.
    pub fn receive(&mut self, wanted: &str, deadline: Instant) -> Seen<Json> {
        let left = deadline.saturating_duration_since(Instant::now());
        self.messages.recv_timeout(left).map_err(|error| match error {
            RecvTimeoutError::Timeout => surprise(wanted, format!("nothing for {} s", LIMIT.as_secs())),
            RecvTimeoutError::Disconnected => surprise(wanted, format!("the end of `perilune {}`", self.command)),
        })
    }

    /// Closes the input and waits for the process, which must end well.
    pub fn finish(&mut self) -> Seen<()> {
        self.input = None;
        let wanted = format!("`perilune {}` to end with exit code 0", self.command);
        let deadline = Instant::now() + LIMIT;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => return Err(surprise(wanted, status.to_string())),
                Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(5)),
                Ok(None) => return Err(surprise(wanted, "a process that goes on")),
                Err(error) => return Err(surprise(wanted, error.to_string())),
            }
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // One that has ended already cannot be killed, and need not be.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn forward(mut output: impl BufRead, messages: &Sender<Json>) {
    while let Some(message) = read(&mut output) {
        if messages.send(message).is_err() {
            return;
        }
    }
}

fn read(output: &mut impl BufRead) -> Option<Json> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.trim().parse().ok()?,
            None if line.trim_end().is_empty() => break,
            _ => {}
        }
    }
    if length > LENGTH_MAX {
        return None;
    }
    let mut body = vec![0; length];
    output.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}
