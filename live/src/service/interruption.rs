//! The words that end what runs: long natives look at one, loops at the other.
//!
//! A client may only end code that runs for a client; a signal ends whatever
//! runs. Both use the machine's word for natives, so its value says which.

use std::sync::{Arc, Mutex};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use perilune_vm::Vm;

use crate::endpoint::Urgency;
use crate::wire::lock;

/// A client wants the code that runs for a client to end.
const CLIENT: u32 = 1;
/// A signal wants the program to end.
const SIGNAL: u32 = 2;

/// What other threads set.
pub(super) struct Interruption {
    attention: Arc<AtomicU32>,
    word: Arc<AtomicU32>,
    /// Whether code of a client runs; locked while the word is changed for that.
    evaluating: Mutex<bool>,
    /// Whether a signal came that the service has not seen.
    signalled: AtomicBool,
}

impl Interruption {
    pub(super) fn new(vm: &Vm) -> Interruption {
        let signalled = AtomicBool::new(false);
        Interruption { attention: vm.attention(), word: vm.interruption(), evaluating: Mutex::default(), signalled }
    }

    /// Something was queued.
    pub(super) fn wake(&self, urgency: Urgency) {
        let evaluating = lock(&self.evaluating);
        if urgency == Urgency::Urgent && *evaluating {
            self.word.fetch_or(CLIENT, Ordering::SeqCst);
        }
        drop(evaluating);
        self.attention.store(1, Ordering::SeqCst);
    }

    /// The signal came; it is queued next.
    pub(super) fn signal(&self) {
        self.signalled.store(true, Ordering::SeqCst);
        self.word.fetch_or(SIGNAL, Ordering::SeqCst);
    }

    /// Whether the program has yet to be ended for the signal: a native of its own may have raised the error.
    pub(super) fn take_signal(&self) -> bool {
        self.signalled.store(false, Ordering::SeqCst);
        self.word.swap(0, Ordering::SeqCst) & SIGNAL != 0
    }

    /// Code of a client begins to run.
    pub(super) fn begin_evaluation(&self) {
        *lock(&self.evaluating) = true;
    }

    /// It has ended; if for a signal, that is still to end the program.
    pub(super) fn end_evaluation(&self) {
        let mut evaluating = lock(&self.evaluating);
        *evaluating = false;
        let left = if self.signalled.load(Ordering::SeqCst) { SIGNAL } else { 0 };
        self.word.store(left, Ordering::SeqCst);
    }
}
