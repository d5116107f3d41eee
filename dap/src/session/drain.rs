//! What has to wait until the child's output is told.
//!
//! The child writes into pipes and speaks over a connection, and nothing orders
//! the two but this: when something arrives over the connection, what was
//! written before is in the pipes. So whatever must come after it asks both
//! pumps to empty them, and waits for both to say that they did.

use std::collections::VecDeque;

use super::Session;
use crate::input::Stream;

/// What is to be done then.
type Then = Box<dyn FnOnce(&mut Session) + Send>;

/// What waits, the oldest first.
#[derive(Default)]
pub struct Drains {
    waiting: VecDeque<Then>,
    /// How often each stream was emptied that nobody has made use of.
    emptied: [usize; 2],
}

impl Drains {
    /// Notes that a stream was emptied; what has waited for it.
    fn note(&mut self, stream: Stream) -> Option<Then> {
        self.emptied[stream as usize] += 1;
        if self.emptied.contains(&0) {
            return None;
        }
        self.emptied = self.emptied.map(|count| count - 1);
        self.waiting.pop_front()
    }

    /// All that waits.
    pub(super) fn into_waiting(self) -> impl Iterator<Item = Then> {
        self.waiting.into_iter()
    }
}

impl Session {
    /// Does something after all output is told that the child has written by now; at once without a child.
    pub(super) fn after_output(&mut self, then: impl FnOnce(&mut Session) + Send + 'static) {
        match &self.ending.child {
            Some(child) => {
                self.ending.drains.waiting.push_back(Box::new(then));
                child.drain();
            }
            None => then(self),
        }
    }

    pub(super) fn on_drained(&mut self, stream: Stream) {
        if let Some(then) = self.ending.drains.note(stream) {
            then(self);
        }
    }
}
