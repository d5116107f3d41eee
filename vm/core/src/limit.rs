//! Limits of a machine: memory, instructions, time, and a stop from another thread.
//!
//! Each limit ends what runs in one of two ways, see [`OnLimit`]. Instructions
//! are counted by the copy of the loop that runs hooks, so the same program
//! ends at the same instruction, whatever would be compiled. Time and stops
//! from outside come by the attention word, which code polls anyway, so they
//! cost nothing until they happen.

mod watcher;

use crate::error::Error;
use crate::value::{Slot, tag};
use crate::vm::Vm;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use watcher::Watcher;

/// What happens when a limit is met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnLimit {
    /// A Lua error. It can be caught, but not evaded: while the limit is exceeded it is raised again,
    /// wherever the program goes: at the next instruction where those are limited, at the next call of a Lua
    /// function or round of a loop after a deadline, and at the next allocation without memory.
    #[default]
    Error,
    /// The host's call ends, and the program does not see it: no handler, `__close` method or
    /// finalizer runs, and coroutines that were under way are dead.
    Stop,
}

/// Why a call of the host was stopped, see [`Vm::stopped`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The memory limit.
    Memory,
    /// The instruction limit.
    Instructions,
    /// The deadline.
    Deadline,
    /// [`StopHandle::stop`].
    Host,
    /// A native function panicked; the panic goes on to the host.
    Panic,
}

impl Stop {
    /// The message of the error.
    pub const fn message(self) -> &'static str {
        match self {
            Stop::Memory => "not enough memory",
            Stop::Instructions => "instruction limit exceeded",
            Stop::Deadline => "deadline exceeded",
            Stop::Host => "stopped",
            Stop::Panic => "a native function panicked",
        }
    }
}

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.message())
    }
}

/// Bits of the word that other threads set.
const DEADLINE: u32 = 1;
const STOP: u32 = 2;
/// Set by the machine itself: a stop is on its way to the host.
const PENDING: u32 = 4;

/// Steps of a native that are counted at once.
const QUANTUM: u64 = 1 << 14;

/// The words by which other threads reach a machine.
#[derive(Clone, Debug)]
struct Signals {
    attention: Arc<AtomicU32>,
    requests: Arc<AtomicU32>,
}

impl Signals {
    fn request(&self, bits: u32) {
        self.requests.fetch_or(bits, Ordering::SeqCst);
        self.attention.store(1, Ordering::SeqCst);
    }
}

/// Stops a machine from any thread, see [`Vm::stop_handle`].
#[derive(Clone, Debug)]
pub struct StopHandle(Signals);

impl StopHandle {
    /// Ends what the machine runs, as [`OnLimit::Stop`] does. A machine that runs nothing stops at
    /// its next call, unless [`StopHandle::withdraw`] comes first.
    pub fn stop(&self) {
        self.0.request(STOP);
    }

    /// Takes a stop back that has not been obeyed yet.
    pub fn withdraw(&self) {
        self.0.requests.fetch_and(!STOP, Ordering::SeqCst);
    }
}

/// Tells a native that reads the machine's strings in a long loop when to give up.
///
/// A loop that only holds its [`crate::Ctx`] calls [`crate::Ctx::work`] instead.
pub struct Patience {
    requests: Arc<AtomicU32>,
    interruption: Arc<AtomicU32>,
    left: u64,
    spent: u64,
    /// The loop was told to end, and its result is none.
    ended: bool,
}

impl Patience {
    /// Never asks to give up, for loops without a machine.
    pub fn endless() -> Patience {
        Patience { requests: Arc::default(), interruption: Arc::default(), left: u64::MAX, spent: 0, ended: false }
    }

    /// Counts steps; false when the loop has to end, and [`crate::Ctx::settle`] says why.
    #[inline]
    pub fn step(&mut self, steps: usize) -> bool {
        self.spent = self.spent.saturating_add(steps as u64);
        let asked = self.requests.load(Ordering::Relaxed) | self.interruption.load(Ordering::Relaxed);
        self.ended |= asked != 0 || self.spent > self.left;
        !self.ended
    }

    /// Counts the steps of a loop over large data piece by piece; each piece is worth a look at the clock.
    pub fn pieces<'a, T>(&mut self, data: &'a [T]) -> impl Iterator<Item = &'a [T]> {
        data.chunks(1 << 20).take_while(|piece| self.step(piece.len() / 16))
    }
}

/// What a machine knows of its limits.
pub(crate) struct State {
    signals: Signals,
    watcher: Option<Watcher>,
    on_memory: OnLimit,
    on_instructions: OnLimit,
    on_deadline: OnLimit,
    counting: bool,
    /// Instructions left while they are counted.
    pub(crate) left: u64,
    /// Steps of natives that are not counted yet.
    work: u64,
    pending: Option<Stop>,
    stopped: Option<Stop>,
    /// Calls of the host under way.
    depth: u32,
}

impl State {
    pub(crate) fn new(attention: Arc<AtomicU32>) -> State {
        State {
            signals: Signals { attention, requests: Arc::new(AtomicU32::new(0)) },
            watcher: None,
            on_memory: OnLimit::Error,
            on_instructions: OnLimit::Error,
            on_deadline: OnLimit::Error,
            counting: false,
            left: 0,
            work: 0,
            pending: None,
            stopped: None,
            depth: 0,
        }
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.depth == 0
    }

    pub(crate) fn is_counting(&self) -> bool {
        self.counting
    }

    /// Takes an instruction from those that are left; false, and none taken, where [`Vm::count_instruction`] has
    /// to decide. Nothing is left when instructions are not counted.
    #[inline(always)]
    pub(crate) fn take_one(&mut self) -> bool {
        let takes = self.left != 0 && self.pending.is_none();
        self.left -= u64::from(takes);
        takes
    }

    /// A stop is on its way: no Lua code may run.
    pub(crate) fn is_stopping(&self) -> bool {
        self.pending.is_some()
    }
}

impl Vm {
    /// Limits the bytes that the heap keeps; `usize::MAX` for no limit. As many again may be in
    /// use while one native function or instruction runs.
    ///
    /// ```
    /// use perilune_vm::{OnLimit, Options, Vm};
    /// let mut vm = Vm::new(Options::default());
    /// vm.set_memory_limit(1 << 20, OnLimit::Error);
    /// let text = vec![b'x'; 4 << 20];
    /// assert!(vm.with(|ctx| ctx.push_bytes(&text)).is_err());
    /// ```
    pub fn set_memory_limit(&mut self, bytes: usize, then: OnLimit) {
        self.limits.on_memory = then;
        self.heap.set_limit(bytes);
    }

    /// Limits the instructions that run from now on; `None` for no limit. Long library functions
    /// count their steps. Code is interpreted while a limit is set, so that a program ends at the same
    /// instruction each time.
    pub fn set_instruction_limit(&mut self, instructions: Option<u64>, then: OnLimit) {
        let limits = &mut self.limits;
        limits.on_instructions = then;
        limits.counting = instructions.is_some();
        limits.left = instructions.unwrap_or(0);
        limits.work = 0;
        self.mark_limited(limits_threads(&self.limits));
    }

    /// Instructions that may still run; `None` without a limit.
    pub fn instructions_left(&self) -> Option<u64> {
        self.limits.counting.then_some(self.limits.left)
    }

    /// Sets the time until which code may run; `None` for no limit. A deadline that has passed stays
    /// in force until another one is set. A small thread waits for it.
    ///
    /// # Errors
    /// The operating system has no thread to give; there is no deadline then.
    pub fn set_deadline(&mut self, deadline: Option<Instant>, then: OnLimit) -> std::io::Result<()> {
        let limits = &mut self.limits;
        limits.watcher = None;
        limits.signals.requests.fetch_and(!DEADLINE, Ordering::SeqCst);
        limits.on_deadline = then;
        if let Some(deadline) = deadline {
            let signals = limits.signals.clone();
            limits.watcher = Some(Watcher::start(deadline, move || signals.request(DEADLINE))?);
        }
        Ok(())
    }

    /// As [`Vm::set_deadline`], so long from now; no limit if that is beyond all time.
    ///
    /// # Errors
    /// As [`Vm::set_deadline`].
    pub fn set_time_limit(&mut self, time: Duration, then: OnLimit) -> std::io::Result<()> {
        self.set_deadline(Instant::now().checked_add(time), then)
    }

    /// A handle by which any thread can stop this machine.
    pub fn stop_handle(&self) -> StopHandle {
        StopHandle(self.limits.signals.clone())
    }

    /// Why the last call of the host ended with an error that the program did not see; `None` when
    /// it returned, or failed by a Lua error.
    pub fn stopped(&self) -> Option<Stop> {
        self.limits.stopped
    }

    /// The error for a limit that is exceeded.
    #[cold]
    fn limit_error(&mut self, stop: Stop, then: OnLimit) -> Error {
        match then {
            OnLimit::Error => self.error_here(stop.message()),
            OnLimit::Stop => self.begin_stop(stop),
        }
    }

    /// Whether an allocation that fails is to stop the machine.
    pub(crate) fn stops_without_memory(&self) -> bool {
        self.limits.on_memory == OnLimit::Stop
    }

    /// From here on no Lua code runs until the host's call has ended.
    #[cold]
    pub(crate) fn begin_stop(&mut self, stop: Stop) -> Error {
        let text = [self.position(0).as_slice(), stop.message().as_bytes()].concat();
        self.error = match stop {
            Stop::Memory => self.memory_message,
            _ => self.heap.string(&text).map_or(self.memory_message, |text| Slot::object(text, tag::STRING)),
        };
        self.error_skips_handlers = true;
        if self.limits.depth == 0 {
            self.limits.stopped = Some(stop);
        } else if self.limits.pending.is_none() {
            self.limits.pending = Some(stop);
            self.limits.signals.request(PENDING);
            self.mark_limited(true);
        }
        Error::new()
    }

    /// The error of a stop that is under way.
    pub(crate) fn stop_again(&mut self) -> Result<(), Error> {
        match self.limits.pending {
            Some(stop) => Err(self.begin_stop(stop)),
            None => Ok(()),
        }
    }

    /// A call of the host begins.
    pub(crate) fn begin_host_call(&mut self) {
        if self.limits.depth == 0 {
            self.limits.stopped = None;
        }
        self.limits.depth += 1;
    }

    /// A call of the host is over; the outermost one is where a stop arrives.
    pub(crate) fn end_host_call(&mut self) {
        self.limits.depth -= 1;
        if self.limits.depth == 0
            && let Some(stop) = self.limits.pending.take()
        {
            self.limits.stopped = Some(stop);
            self.limits.signals.requests.fetch_and(!PENDING, Ordering::SeqCst);
            self.mark_limited(limits_threads(&self.limits));
        }
    }

    /// Has the collector work at the next safepoint: the end of a round, or the entry of a function.
    #[cold]
    pub(crate) fn collect_soon(&self) {
        self.limits.signals.attention.store(1, Ordering::SeqCst);
    }

    /// Lowers the attention word; it is raised again by what is still asked for.
    pub(crate) fn lower_attention(&self) {
        let signals = &self.limits.signals;
        signals.attention.store(0, Ordering::SeqCst);
        if signals.requests.load(Ordering::SeqCst) != 0 {
            signals.attention.store(1, Ordering::SeqCst);
        }
    }

    /// Raises what other threads have asked for.
    pub(crate) fn check_requests(&mut self) -> Result<(), Error> {
        let requests = self.limits.signals.requests.load(Ordering::SeqCst);
        if requests == 0 {
            return Ok(());
        }
        self.stop_again()?;
        if requests & STOP != 0 {
            self.limits.signals.requests.fetch_and(!STOP, Ordering::SeqCst);
            return Err(self.begin_stop(Stop::Host));
        }
        if requests & DEADLINE != 0 {
            return Err(self.limit_error(Stop::Deadline, self.limits.on_deadline));
        }
        Ok(())
    }

    /// The error where an allocation was given up because of a request.
    #[cold]
    pub(crate) fn given_up(&mut self) -> Error {
        // A stop that is taken back only now is obeyed already.
        self.check_requests().err().unwrap_or_else(|| self.begin_stop(Stop::Host))
    }

    /// What [`crate::heap::Heap::requests`] is to be.
    pub(crate) fn requests(&self) -> Arc<AtomicU32> {
        Arc::clone(&self.limits.signals.requests)
    }

    /// Before an instruction that is counted.
    pub(crate) fn count_instruction(&mut self) -> Result<(), Error> {
        self.stop_again()?;
        if self.limits.counting { self.charge(1) } else { Ok(()) }
    }

    fn charge(&mut self, steps: u64) -> Result<(), Error> {
        match self.limits.left.checked_sub(steps) {
            Some(left) => {
                self.limits.left = left;
                Ok(())
            }
            None => {
                self.limits.left = 0;
                Err(self.limit_error(Stop::Instructions, self.limits.on_instructions))
            }
        }
    }

    /// Counts steps of a native; each is about as long as an instruction.
    #[inline]
    pub(crate) fn work(&mut self, steps: usize) -> Result<(), Error> {
        self.limits.work = self.limits.work.saturating_add(steps as u64);
        if self.limits.work < QUANTUM { Ok(()) } else { self.poll_native() }
    }

    /// Inside a native that takes long: requests of tools wait for its end, but limits hold.
    pub(crate) fn poll_native(&mut self) -> Result<(), Error> {
        let steps = std::mem::take(&mut self.limits.work);
        if self.limits.counting {
            self.charge(steps)?;
        }
        if !self.attention_raised() {
            return Ok(());
        }
        self.obey()
    }

    fn obey(&mut self) -> Result<(), Error> {
        if self.interruption.swap(0, Ordering::Relaxed) != 0 {
            return Err(self.error_here("interrupted!"));
        }
        self.check_requests()
    }

    pub(crate) fn patience(&self) -> Patience {
        Patience {
            requests: Arc::clone(&self.limits.signals.requests),
            interruption: Arc::clone(&self.interruption),
            left: if self.limits.counting { self.limits.left } else { u64::MAX },
            spent: 0,
            ended: false,
        }
    }

    /// Counts the steps without looking at limits.
    pub(crate) fn count_patience(&mut self, patience: &Patience) {
        self.limits.work = self.limits.work.saturating_add(patience.spent);
    }

    pub(crate) fn settle_patience(&mut self, patience: &Patience) -> Result<(), Error> {
        self.count_patience(patience);
        if !patience.ended {
            return self.work(0);
        }
        self.poll_native()?;
        // The word that raises attention may be written after the request, and a request be taken back after
        // the loop has seen it: its result is none in any case.
        self.obey()?;
        Err(self.given_up())
    }
}

/// Whether coroutines have to run in the loop that counts.
fn limits_threads(limits: &State) -> bool {
    limits.counting || limits.pending.is_some()
}
