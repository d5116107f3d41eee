//! The program as a child process: its start and its end.
//!
//! The child is not reaped before its owner says so, so its number cannot have
//! passed to another process when a signal is sent.

mod pump;

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::SyncSender;
use std::thread;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::input::{ChildInput, Input, Stream};
use pump::Pump;

/// A child process with a process group of its own.
#[derive(Debug)]
pub struct Child {
    child: std::process::Child,
    pid: Pid,
    pumps: Vec<Pump>,
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
        let stdout = child.stdout.take().map(OwnedFd::from);
        let stderr = child.stderr.take().map(OwnedFd::from);
        let mut child = Child { child, pid, pumps: Vec::new() };
        let teller = Teller { number, inputs: inputs.clone() };
        let watched = child.watch([(Stream::Stdout, stdout), (Stream::Stderr, stderr)], &teller);
        watched.inspect_err(|_| child.kill())?;
        Ok(child)
    }

    fn watch(&mut self, pipes: [(Stream, Option<OwnedFd>); 2], teller: &Teller) -> io::Result<()> {
        for (stream, pipe) in pipes {
            let pipe = pipe.ok_or_else(|| io::Error::other("the process has no pipe"))?;
            self.pumps.push(Pump::start(stream, pipe, teller.clone())?);
        }
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

    /// Has all that it wrote so far told, and then for each of its streams that it is.
    pub fn drain(&self) {
        for pump in &self.pumps {
            pump.drain();
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_told_as_shells_do() {
        assert_eq!((Exit::Code(3).code(), Exit::Code(3).to_string()), (3, "with exit code 3".to_owned()));
        assert_eq!((Exit::Signal(9).code(), Exit::Signal(9).to_string()), (137, "by signal 9 (SIGKILL)".to_owned()));
    }
}
