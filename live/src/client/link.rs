//! What a client's threads share: who waits for which answer.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::Shutdown;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::value::RawValue;

use super::{ClientError, Handler};
use crate::protocol::{Code, Envelope, Failure, MAX_LINE, Request};
use crate::wire::{
    FromProgram, LineError, LineReader, Outbox, Push, Stream, encode, lock, read_from_program,
};

/// A result that is not yet read, or the program's failure.
type Outcome = Result<Box<RawValue>, Failure>;

/// A connection as all threads see it.
pub(super) struct Link {
    stream: Stream,
    outbox: Outbox,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    last_id: u64,
    answers: HashMap<u64, Sender<Outcome>>,
    /// A failure that belongs to no request: it explains the end that follows.
    reason: Option<Reason>,
    is_over: bool,
}

/// Why the connection ended, when there was a word about it.
#[derive(Clone)]
enum Reason {
    Failed(Failure),
    Protocol(String),
}

/// Closes the link when the last client is dropped; the threads do not count.
#[derive(Debug)]
pub(super) struct Owner(pub Arc<Link>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Link {
    /// Starts the two threads of a connection.
    pub fn start(stream: Stream, handler: impl Handler) -> io::Result<Arc<Link>> {
        let link = Arc::new(Link { stream, outbox: Outbox::default(), waiting: Mutex::default() });
        let guard = Guard(link.clone());
        let writing = link.clone();
        thread::Builder::new().name("live-client-write".to_string()).spawn(move || {
            writing.outbox.write_to(&writing.stream);
            // A stream that cannot be written to is of no use to the reader either.
            writing.stream.shutdown(Shutdown::Both);
        })?;
        let reader = thread::Builder::new().name("live-client-read".to_string());
        reader.spawn(move || read_all(guard, handler))?;
        Ok(link)
    }

    /// Ends the connection now.
    pub fn close(&self) {
        lock(&self.waiting).is_over = true;
        self.outbox.close();
        self.stream.shutdown(Shutdown::Both);
    }

    pub fn is_closed(&self) -> bool {
        lock(&self.waiting).is_over
    }

    /// Asks and waits.
    pub fn exchange(
        &self,
        request: Request,
        timeout: Option<Duration>,
    ) -> Result<Box<RawValue>, ClientError> {
        let (id, answer) = self.register()?;
        let sent = self.send(Envelope { id, request });
        let outcome = sent.and_then(|()| match timeout {
            None => answer.recv().map_err(|_| self.end()),
            Some(timeout) => answer.recv_timeout(timeout).map_err(|error| match error {
                RecvTimeoutError::Timeout => ClientError::Timeout,
                RecvTimeoutError::Disconnected => self.end(),
            }),
        });
        // Answered requests are gone already; of the others nobody waits any more.
        lock(&self.waiting).answers.remove(&id);
        outcome?.map_err(ClientError::Failed)
    }

    fn register(&self) -> Result<(u64, Receiver<Outcome>), ClientError> {
        let mut waiting = lock(&self.waiting);
        if waiting.is_over {
            drop(waiting);
            return Err(self.end());
        }
        waiting.last_id += 1;
        let (id, (sender, receiver)) = (waiting.last_id, mpsc::channel());
        waiting.answers.insert(id, sender);
        Ok((id, receiver))
    }

    fn send(&self, envelope: Envelope) -> Result<(), ClientError> {
        let line = encode(&envelope).map_err(|_| {
            let message = format!("the request is longer than {MAX_LINE} bytes");
            ClientError::Failed(Failure::new(Code::InvalidRequest, message))
        })?;
        match self.outbox.push(line) {
            Push::Queued => Ok(()),
            Push::Ended => Err(self.end()),
            Push::Overflowing => {
                self.close();
                Err(self.end())
            }
        }
    }

    /// Why there is no answer.
    fn end(&self) -> ClientError {
        match lock(&self.waiting).reason.clone() {
            Some(Reason::Failed(failure)) => ClientError::Failed(failure),
            Some(Reason::Protocol(message)) => ClientError::Protocol(message),
            None => ClientError::Closed,
        }
    }

    fn answer(&self, id: u64, outcome: Outcome) {
        let mut waiting = lock(&self.waiting);
        match (waiting.answers.remove(&id), outcome) {
            // Whoever gave up waiting has no receiver any more.
            (Some(sender), outcome) => drop(sender.send(outcome)),
            (None, Err(failure)) if id == 0 => waiting.reason = Some(Reason::Failed(failure)),
            (None, _) => {}
        }
    }

    fn blame(&self, message: String) {
        lock(&self.waiting).reason = Some(Reason::Protocol(message));
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("stream", &self.stream).finish_non_exhaustive()
    }
}

/// Whatever ends the reader, a handler's panic included, everybody who waits is told.
struct Guard(Arc<Link>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.close();
        lock(&self.0.waiting).answers.clear();
    }
}

fn read_all(guard: Guard, mut handler: impl Handler) {
    let link = &guard.0;
    let mut lines = LineReader::new(&link.stream);
    loop {
        match lines.next_line(MAX_LINE).map(|line| line.map(read_from_program)) {
            Ok(Some(Ok(FromProgram::Answer { id, outcome }))) => link.answer(id, outcome),
            Ok(Some(Ok(FromProgram::Event(event)))) => handler.event(event),
            Ok(Some(Ok(FromProgram::Unknown))) => {}
            Ok(Some(Err(message))) => {
                link.blame(message);
                break;
            }
            Err(error @ LineError::TooLong(_)) => {
                link.blame(error.to_string());
                break;
            }
            Ok(None) | Err(LineError::Io(_)) => break,
        }
    }
    drop(guard);
    handler.closed();
}
