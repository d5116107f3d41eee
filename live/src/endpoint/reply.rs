//! The right to answer one request.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::connection::Connection;
use super::hub::Hub;
use crate::protocol::{Code, Failure, MAX_LINE};
use crate::wire::{TooLong, encode};

/// Answers one request, once. Dropped unanswered, it says that the program ended.
///
/// Answering never blocks, and does nothing when the client is gone.
pub struct Reply {
    connection: Arc<Connection>,
    hub: Arc<Hub>,
    id: u64,
    /// Bytes of the request, which the connection counts until it is answered.
    size: usize,
    is_answered: bool,
}

/// An answer on the wire, with a result that is not yet JSON.
#[derive(Serialize)]
struct Answer<'a, T> {
    id: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a Failure>,
}

impl Reply {
    pub(super) fn new(connection: Arc<Connection>, hub: Arc<Hub>, id: u64, size: usize) -> Reply {
        Reply { connection, hub, id, size, is_answered: false }
    }

    /// Answers with a result.
    ///
    /// A result that does not fit into a line is answered with a failure instead.
    pub fn ok<T: Serialize>(mut self, result: &T) {
        match result_line(self.id, result) {
            Ok(line) => self.send(line),
            Err(_) => self.fail(too_long()),
        }
    }

    /// Answers with a failure.
    pub fn fail(mut self, failure: Failure) {
        self.send_failure(failure);
    }

    fn send_failure(&mut self, failure: Failure) {
        if let Some(line) = failure_line(self.id, failure) {
            self.send(line);
        }
    }

    fn send(&mut self, line: Arc<Vec<u8>>) {
        self.is_answered = true;
        // What an evaluation wrote comes before its result.
        self.hub.flush_output();
        self.connection.say(line);
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if !self.is_answered {
            self.send_failure(Failure::new(Code::Ended, "the program ended before it could answer"));
        }
        self.connection.window().give_back(self.size);
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The line of a result.
pub(super) fn result_line<T: Serialize>(id: u64, result: &T) -> Result<Arc<Vec<u8>>, TooLong> {
    encode(&Answer { id, result: Some(result), error: None })
}

/// The line of a failure; without its refusals and most of its text if it would be too long.
pub(super) fn failure_line(id: u64, failure: Failure) -> Option<Arc<Vec<u8>>> {
    let line = |failure: &Failure| encode(&Answer::<()> { id, result: None, error: Some(failure) });
    line(&failure)
        .or_else(|_| {
            let message = failure.message.chars().take(1000).collect::<String>();
            line(&Failure::new(failure.code, message))
        })
        .ok()
}

fn too_long() -> Failure {
    Failure::new(
        Code::InvalidRequest,
        format!("the result is longer than {MAX_LINE} bytes: ask for less at a time"),
    )
}
