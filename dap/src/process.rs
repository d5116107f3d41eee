//! The program as a child process: its start, its output, its end.
//!
//! The child is not reaped before its owner says so, so its number cannot have
//! passed to another process when a signal is sent.

use std::io::{self, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::SyncSender;
use std::thread;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::input::{ChildInput, Input, Stream};

/// A child process with a process group of its own.
#[derive(Debug)]
pub struct Child {
    child: std::process::Child,
    pid: Pid,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself.
    Code(i32),
    /// Somebody killed it.
    Signal(i32),
}

impl Child {
    /// Starts it. What happens to it arrives as inputs that bear its number.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn start(number: u64, mut command: Command, inputs: &SyncSender<Input>) -> io::Result<Child> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn()?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| io::Error::other("the process has no valid number"))?;
        let pipes = (child.stdout.take(), child.stderr.take());
        let child = Child { child, pid };
        child.watch(pipes, &Teller { number, inputs: inputs.clone() }).inspect_err(|_| child.kill())?;
        Ok(child)
    }

    fn watch(
        &self,
        (stdout, stderr): (Option<impl Read + Send + 'static>, Option<impl Read + Send + 'static>),
        teller: &Teller,
    ) -> io::Result<()> {
        pump(Stream::Stdout, stdout, teller.clone())?;
        pump(Stream::Stderr, stderr, teller.clone())?;
        let (pid, teller) = (self.pid, teller.clone());
        thread::Builder::new().name("wait".to_owned()).spawn(move || {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            while matches!(waitid(WaitId::Pid(pid), options), Err(rustix::io::Errno::INTR)) {}
            teller.tell(ChildInput::Exited);
        })?;
        Ok(())
    }

    /// The operating system's number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks the process and its children to end.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Ends the process and its children.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        // A group that is gone is what was wanted.
        let _ = kill_process_group(self.pid, signal);
    }

    /// How it ended. Waits until it has.
    pub fn reap(&mut self) -> Exit {
        self.child.wait().map_or(Exit::Code(-1), Exit::of)
    }
}

impl Exit {
    fn of(status: ExitStatus) -> Exit {
        match (status.code(), status.signal()) {
            (Some(code), _) => Exit::Code(code),
            (None, Some(signal)) => Exit::Signal(signal),
            (None, None) => Exit::Code(-1),
        }
    }

    /// As shells tell it.
    pub fn code(self) -> i32 {
        match self {
            Exit::Code(code) => code,
            Exit::Signal(signal) => 128 + signal,
        }
    }
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Exit::Code(code) => write!(f, "with exit code {code}"),
            Exit::Signal(signal) => write!(f, "by signal {signal}{}", name_of(*signal)),
        }
    }
}

fn name_of(signal: i32) -> &'static str {
    const NAMED: &[(Signal, &str)] = &[
        (Signal::HUP, " (SIGHUP)"),
        (Signal::INT, " (SIGINT)"),
        (Signal::QUIT, " (SIGQUIT)"),
        (Signal::ILL, " (SIGILL)"),
        (Signal::ABORT, " (SIGABRT)"),
        (Signal::BUS, " (SIGBUS)"),
        (Signal::FPE, " (SIGFPE)"),
        (Signal::KILL, " (SIGKILL)"),
        (Signal::SEGV, " (SIGSEGV)"),
        (Signal::PIPE, " (SIGPIPE)"),
        (Signal::TERM, " (SIGTERM)"),
    ];
    NAMED.iter().find(|(named, _)| named.as_raw() == signal).map_or("", |(_, name)| name)
}

/// Ends a process that is not a child of ours but is known to be there.
pub fn signal_other(pid: u32, urgency: Urgency) {
    let signal = match urgency {
        Urgency::Polite => Signal::TERM,
        Urgency::Final => Signal::KILL,
    };
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // One that is gone is what was wanted.
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// Whether a process is asked to end or made to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// Asked.
    Polite,
    /// Made to.
    Final,
}

/// Tells the session what happens to the child.
#[derive(Clone)]
struct Teller {
    number: u64,
    inputs: SyncSender<Input>,
}

impl Teller {
    /// Whether the session is still there.
    fn tell(&self, input: ChildInput) -> bool {
        self.inputs.send(Input::Child(self.number, input)).is_ok()
    }
}

fn pump(stream: Stream, pipe: Option<impl Read + Send + 'static>, teller: Teller) -> io::Result<()> {
    let Some(mut pipe) = pipe else { return Ok(()) };
    thread::Builder::new().name(format!("{stream:?}")).spawn(move || {
        let mut decoder = Decoder::default();
        let mut buffer = [0; 8192];
        loop {
            let text = match pipe.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Ok(0) | Err(_) => break,
                Ok(read) => decoder.decode(&buffer[..read]),
            };
            if !text.is_empty() && !teller.tell(ChildInput::Wrote(stream, text)) {
                return;
            }
        }
        let rest = decoder.finish();
        if !rest.is_empty() {
            teller.tell(ChildInput::Wrote(stream, rest));
        }
        teller.tell(ChildInput::PipeClosed);
    })?;
    Ok(())
}

/// Text of bytes that arrive in pieces; what is no UTF-8 is replaced.
#[derive(Debug, Default)]
struct Decoder {
    /// The beginning of a character whose end has not arrived.
    rest: Vec<u8>,
}

impl Decoder {
    fn decode(&mut self, bytes: &[u8]) -> String {
        self.rest.extend_from_slice(bytes);
        let is_whole = |chunk: &std::str::Utf8Chunk<'_>| chunk.invalid().is_empty();
        let last = self.rest.utf8_chunks().last();
        // Only what could still become a character may wait.
        let waiting = match last {
            Some(chunk) if !is_whole(&chunk) && may_continue(chunk.invalid()) => chunk.invalid().len(),
            _ => 0,
        };
        let rest = self.rest.split_off(self.rest.len() - waiting);
        let text = String::from_utf8_lossy(&self.rest).into_owned();
        self.rest = rest;
        text
    }

    fn finish(self) -> String {
        String::from_utf8_lossy(&self.rest).into_owned()
    }
}

/// Whether bytes at the end of the input are the beginning of a character.
fn may_continue(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(pieces: &[&[u8]]) -> Vec<String> {
        let mut decoder = Decoder::default();
        let mut texts: Vec<String> = pieces.iter().map(|piece| decoder.decode(piece)).collect();
        texts.push(decoder.finish());
        texts
    }

    #[test]
    fn characters_may_arrive_in_pieces() {
        assert_eq!(decode(&["ä".as_bytes()]), ["ä", ""]);
        assert_eq!(decode(&[b"a\xc3", b"\xa4b"]), ["a", "äb", ""]);
        assert_eq!(decode(&[b"\xf0", b"\x9f", b"\x98", b"\x80"]), ["", "", "", "😀", ""]);
    }

    #[test]
    fn what_is_no_text_is_replaced() {
        assert_eq!(decode(&[b"a\xffb"]), ["a\u{fffd}b", ""]);
        assert_eq!(decode(&[b"\xc3", b"x"]), ["", "\u{fffd}x", ""]);
        assert_eq!(decode(&[b"a\xf0\x9f"]), ["a", "\u{fffd}"]);
        assert_eq!(decode(&[b"\x80"]), ["\u{fffd}", ""]);
    }

    #[test]
    fn ends_are_told_as_shells_do() {
        assert_eq!((Exit::Code(3).code(), Exit::Code(3).to_string()), (3, "with exit code 3".to_owned()));
        assert_eq!((Exit::Signal(9).code(), Exit::Signal(9).to_string()), (137, "by signal 9 (SIGKILL)".to_owned()));
    }
}
