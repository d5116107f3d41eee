//! What can happen to a session. Everything arrives in one queue, at one thread.

use perilune_live::protocol::Event;

use crate::envelope::{Incoming, Malformed};
use crate::session::Session;
use crate::transport::FrameError;

/// One thing that happened.
pub enum Input {
    /// The client said something.
    Message(Incoming),
    /// The client said something that is no message.
    Malformed(Malformed),
    /// The client is gone, or cannot be understood any more.
    ClientGone(Option<FrameError>),
    /// The program told something.
    Live(Event),
    /// The connection to the program ended.
    LiveGone,
    /// Something about the child with this number.
    Child(u64, ChildInput),
    /// Work on another thread is done; this is what follows from it.
    Completed(Completion),
}

/// What follows from work that is done.
pub type Completion = Box<dyn FnOnce(&mut Session) + Send>;

/// The child's streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    /// The protocol's name.
    pub fn category(self) -> &'static str {
        match self {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
        }
    }
}

/// What happens to a child process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChildInput {
    /// It wrote text.
    Wrote(Stream, String),
    /// What it had written to a stream when that was asked for has been told.
    Drained(Stream),
    /// It ended and waits to be reaped.
    Exited,
}
