//! How much a client may ask before it is answered.

use std::sync::{Condvar, Mutex, PoisonError};

use crate::wire::lock;

/// Requests of one client that may wait for their answers.
const REQUESTS: usize = 256;
/// Bytes of them.
const BYTES: usize = 64 << 20;

/// Counts unanswered requests, so that no more are read than can be kept.
#[derive(Default)]
pub(super) struct Window {
    used: Mutex<Used>,
    changed: Condvar,
}

#[derive(Default)]
struct Used {
    requests: usize,
    bytes: usize,
    is_closed: bool,
}

impl Window {
    /// Waits until another request may be read; `false` when there shall be none.
    pub fn wait_until_open(&self) -> bool {
        let mut used = lock(&self.used);
        while !used.is_closed && (used.requests >= REQUESTS || used.bytes >= BYTES) {
            used = self.changed.wait(used).unwrap_or_else(PoisonError::into_inner);
        }
        !used.is_closed
    }

    /// Counts a request of so many bytes.
    pub fn take(&self, size: usize) {
        let mut used = lock(&self.used);
        used.requests += 1;
        used.bytes += size;
    }

    /// Counts its answer.
    pub fn give_back(&self, size: usize) {
        let mut used = lock(&self.used);
        used.requests -= 1;
        used.bytes -= size;
        drop(used);
        self.changed.notify_all();
    }

    /// Ends all waiting.
    pub fn close(&self) {
        lock(&self.used).is_closed = true;
        self.changed.notify_all();
    }
}
