//! The thread that waits for a deadline.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

/// Waits for a deadline; the thread ends with this.
pub(super) struct Watcher {
    ended: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

/// As much as one timer needs.
const STACK: usize = 64 * 1024;

impl Watcher {
    /// Calls `expire` at `deadline`, unless this is dropped before.
    pub fn start(deadline: Instant, expire: impl FnOnce() + Send + 'static) -> std::io::Result<Watcher> {
        let ended = Arc::new((Mutex::new(false), Condvar::new()));
        let shared = Arc::clone(&ended);
        let thread =
            std::thread::Builder::new().name("perilune deadline".into()).stack_size(STACK).spawn(move || {
                if wait(&shared, deadline) {
                    expire();
                }
            })?;
        Ok(Watcher { ended, thread: Some(thread) })
    }
}

/// True at the deadline, false when the watcher is dropped before.
fn wait((ended, changed): &(Mutex<bool>, Condvar), deadline: Instant) -> bool {
    let mut guard = ended.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if *guard || left.is_zero() {
            return !*guard;
        }
        guard = changed.wait_timeout(guard, left).unwrap_or_else(PoisonError::into_inner).0;
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        *self.ended.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.ended.1.notify_all();
        if let Some(thread) = self.thread.take() {
            // A watcher that panicked has nothing more to say.
            thread.join().ok();
        }
    }
}
