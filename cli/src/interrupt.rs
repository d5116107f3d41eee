//! Ctrl-C: the first one asks what runs to stop with an error, a second one ends the process.
//!
//! Outside an evaluation the signal means what it always means.

#[cfg(unix)]
mod handler;

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use perilune_vm::Vm;
use perilune_vm::inspect::{Observer, Verdict};

const IDLE: u8 = 0;
const ARMED: u8 = 1;
const ASKED: u8 = 2;

/// What Ctrl-C does during evaluations.
pub struct Interrupts {
    state: Arc<AtomicU8>,
}

/// An evaluation is under way as long as this lives.
pub struct Armed(Arc<AtomicU8>);

impl Drop for Armed {
    fn drop(&mut self) {
        self.0.store(IDLE, Ordering::Relaxed);
    }
}

impl Interrupts {
    /// Ctrl-C asks this machine for an error; its observer raises it.
    pub fn of(vm: &Vm) -> Interrupts {
        let state = Arc::new(AtomicU8::new(IDLE));
        #[cfg(unix)]
        handler::install(Arc::clone(&state), vm.interruption(), vm.attention());
        Interrupts { state }
    }

    /// Ctrl-C calls this, on a thread of its own.
    pub fn calling(action: impl Fn() + Send + 'static) -> Interrupts {
        Interrupts::calling_in(IDLE, action)
    }

    /// As `calling`, and as if an evaluation had begun already.
    pub fn calling_from_now(action: impl Fn() + Send + 'static) -> Interrupts {
        Interrupts::calling_in(ARMED, action)
    }

    fn calling_in(state: u8, action: impl Fn() + Send + 'static) -> Interrupts {
        let state = Arc::new(AtomicU8::new(state));
        listen(Arc::clone(&state), action);
        Interrupts { state }
    }

    /// Begins an evaluation.
    pub fn arm(&self) -> Armed {
        self.state.store(ARMED, Ordering::Relaxed);
        Armed(Arc::clone(&self.state))
    }
}

#[cfg(unix)]
fn listen(state: Arc<AtomicU8>, action: impl Fn() + Send + 'static) {
    use signal_hook::consts::SIGINT;
    // Without a listener Ctrl-C ends the process, which is what a person expects at the least.
    let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGINT]) else { return };
    std::thread::spawn(move || {
        for signal in signals.forever() {
            let before = state.compare_exchange(ARMED, ASKED, Ordering::Relaxed, Ordering::Relaxed);
            match before {
                Ok(_) => action(),
                Err(_) => {
                    signal_hook::low_level::emulate_default_handler(signal).ok();
                }
            }
        }
    });
}

#[cfg(not(unix))]
fn listen(_: Arc<AtomicU8>, _: impl Fn() + Send + 'static) {}

/// Gives a machine that nobody else watches an observer that raises the error.
pub fn observe(vm: &mut Vm) {
    let word = vm.interruption();
    vm.set_observer(Some(Box::new(Interruption(word))));
}

/// Turns the word into an error.
struct Interruption(Arc<AtomicU32>);

impl Observer for Interruption {
    fn attention(&mut self, _: &mut Vm) -> Verdict {
        match self.0.swap(0, Ordering::Relaxed) {
            0 => Verdict::Go,
            _ => Verdict::Raise("interrupted!".into()),
        }
    }
}
