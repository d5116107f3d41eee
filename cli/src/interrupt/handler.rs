//! A handler for Ctrl-C that needs no thread: what it does is a few stores.
//!
//! This module may use `unsafe`: a signal handler runs between any two instructions of
//! the program. The bargain: it touches atomics alone, so it never waits for what it interrupted.
#![allow(unsafe_code)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use signal_hook::consts::SIGINT;

use super::{ARMED, ASKED};

/// Ctrl-C during an evaluation (`state` is armed) sets both words; any other one does what it always does.
pub(super) fn install(state: Arc<AtomicU8>, interruption: Arc<AtomicU32>, attention: Arc<AtomicU32>) {
    let action = move || {
        if state.compare_exchange(ARMED, ASKED, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            interruption.store(1, Ordering::Relaxed);
            attention.store(1, Ordering::Relaxed);
        } else {
            signal_hook::low_level::emulate_default_handler(SIGINT).ok();
        }
    };
    // SAFETY: atomics are async-signal-safe, and `emulate_default_handler` is documented to be.
    // The words were allocated before, and the registry, which is never emptied, keeps them.
    // Without a handler Ctrl-C ends the process, which is what a person expects at the least.
    unsafe { signal_hook::low_level::register(SIGINT, action) }.ok();
}
