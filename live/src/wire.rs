//! Lines of the live protocol on a byte stream.
//!
//! What both ends share: reading lines under hard limits, telling good
//! messages from bad ones, and writing without ever blocking the caller.
//! Nothing here knows what a message means.

mod line;
mod message;
mod names;
mod outbox;
mod stream;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use line::{LineError, LineReader};
pub use message::{FromProgram, TooLong, encode, read_from_program, read_request};
pub use names::{tagged_names, unit_names};
pub(crate) use outbox::{Outbox, Push};
pub(crate) use stream::{Address, Stream};

/// Locks, whether or not a thread panicked with the lock held: what is guarded
/// here is changed in single steps and is whole at every one.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
