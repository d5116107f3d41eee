//! Lines on their way out.
//!
//! Whoever has something to say pushes it here and goes on; one thread writes.
//! A peer that does not read makes the queue grow up to a limit, never the
//! pusher wait.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use super::lock;

/// Bytes that may wait for a peer that does not read.
const LIMIT: usize = 64 << 20;

/// Bytes that are written at once when they are several lines.
const BATCH: usize = 64 << 10;

/// A queue of lines for one connection.
#[derive(Default)]
pub(crate) struct Outbox {
    queue: Mutex<Queue>,
    changed: Condvar,
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Push {
    Queued,
    /// Too much waits already: the peer does not read.
    Overflowing,
    /// The outbox takes no more.
    Ended,
}

#[derive(Default)]
struct Queue {
    lines: VecDeque<Arc<Vec<u8>>>,
    /// Of all lines that are not written yet, the one in the writer's hand included.
    bytes: usize,
    phase: Phase,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Open,
    /// What is queued is still written, nothing is added.
    Finishing,
    Closed,
}

impl Outbox {
    /// Queues a line, if the peer is there and keeps up.
    pub fn push(&self, line: Arc<Vec<u8>>) -> Push {
        let mut queue = lock(&self.queue);
        if queue.phase != Phase::Open {
            return Push::Ended;
        }
        if queue.bytes + line.len() > LIMIT {
            return Push::Overflowing;
        }
        queue.bytes += line.len();
        queue.lines.push_back(line);
        drop(queue);
        self.changed.notify_all();
        Push::Queued
    }

    /// Bytes that wait to be written.
    pub fn waiting(&self) -> usize {
        lock(&self.queue).bytes
    }

    /// Takes no more lines; the writer ends after the last one.
    pub fn finish(&self) {
        let mut queue = lock(&self.queue);
        if queue.phase == Phase::Open {
            queue.phase = Phase::Finishing;
        }
        drop(queue);
        self.changed.notify_all();
    }

    /// Takes no more lines and forgets those that wait.
    pub fn close(&self) {
        let mut queue = lock(&self.queue);
        queue.phase = Phase::Closed;
        queue.lines.clear();
        queue.bytes = 0;
        drop(queue);
        self.changed.notify_all();
    }

    /// Waits until everything is written or nothing more will be; `false` when time is up.
    pub fn wait_written(&self, until: Instant) -> bool {
        let mut queue = lock(&self.queue);
        while queue.bytes > 0 {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let woken = self.changed.wait_timeout(queue, left);
            queue = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Writes what is queued until the outbox is finished or closed or the
    /// stream fails: the body of the writer thread. The outbox is closed at the end.
    pub fn write_to(&self, mut stream: impl Write) {
        let mut together = Vec::new();
        loop {
            let lines = self.next();
            let bytes: &[u8] = match lines.as_slice() {
                [] => break,
                [line] => line,
                lines => {
                    together.clear();
                    lines.iter().for_each(|line| together.extend_from_slice(line));
                    &together
                }
            };
            if stream.write_all(bytes).is_err() {
                break;
            }
            self.written(bytes.len());
        }
        self.close();
    }

    /// Takes the next line, and those after it as long as all are short
    /// together: a call of the system costs more than a copy.
    fn next(&self) -> Vec<Arc<Vec<u8>>> {
        let mut queue = lock(&self.queue);
        while queue.lines.is_empty() && queue.phase == Phase::Open {
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        let mut lines = Vec::from_iter(queue.lines.pop_front());
        let mut bytes = lines.first().map_or(0, |line| line.len());
        while let Some(line) = queue.lines.pop_front_if(|line| bytes + line.len() <= BATCH) {
            bytes += line.len();
            lines.push(line);
        }
        lines
    }

    fn written(&self, bytes: usize) {
        let mut queue = lock(&self.queue);
        queue.bytes = queue.bytes.saturating_sub(bytes);
        drop(queue);
        self.changed.notify_all();
    }
}
