//! The hooks of introspection: how a tool watches, stops and changes a running machine.
//!
//! The machine knows no tool. It has a place for one [`Observer`], which is
//! asked when something happens that somebody waits for: the attention word is
//! raised, a flagged instruction is about to run, a step ends, an error is
//! raised. All of these are safepoints: the running coroutine's state stands on
//! its stack, and the observer may read and change everything before it lets
//! the program go on.
//!
//! `unsafe`: stacks and objects are reached by address. The bargain: nothing
//! here keeps an address across a point where Lua runs, unless a root names it.
#![allow(unsafe_code)]

mod aside;
pub mod condition;
mod step;
mod flags;
mod frames;
mod scope;
mod expression;
mod redefine;
mod advise;
mod feedback;

pub use perilune_compile::chunk_id;

pub use flags::{FlagPlan, Here, Loaded};
pub use feedback::{FunctionFeedback, SiteFeedback, Stage};
pub use frames::{CoroutineInfo, CoroutineState, FrameInfo, FrameKey, Place, Position, Variable};
pub use expression::Expression;
pub use redefine::{Conflict, NewText, Outcome, Plan, Revision, TextDefinition};
pub use scope::Scope;
pub use step::StepKind;

pub(crate) use step::{STEP, Stepping};

use crate::error::Error;
use crate::interp::Flow;
use crate::object::Thread;
use crate::value::{Slot, tag};
use crate::vm::Vm;
use std::sync::atomic::{AtomicU64, Ordering};

/// What an observer wants after it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The program goes on.
    Go,
    /// The program goes on with this error.
    Raise(String),
}

/// Somebody who watches the machine. While one of these runs, the machine has no
/// observer: code that it evaluates is not watched.
pub trait Observer {
    /// The attention word was raised; the program is between two instructions.
    fn attention(&mut self, vm: &mut Vm) -> Verdict;

    /// A flagged instruction is about to run.
    fn flagged(&mut self, vm: &mut Vm) -> Verdict {
        let _ = vm;
        Verdict::Go
    }

    /// The step that [`Vm::step`] asked for has ended.
    fn stepped(&mut self, vm: &mut Vm) -> Verdict {
        let _ = vm;
        Verdict::Go
    }

    /// An error was raised and nothing is unwound yet; `caught` says whether the program expects it.
    /// Only called when [`Vm::watch_errors`] asked for it.
    fn raised(&mut self, vm: &mut Vm, caught: bool) {
        let _ = (vm, caught);
    }

    /// A text was loaded.
    fn loaded(&mut self, vm: &mut Vm, chunk_name: &[u8], text: &[u8], code: Loaded) {
        let _ = (vm, chunk_name, text, code);
    }

    /// The program is over. The last that the observer hears.
    fn ended(&mut self, vm: &mut Vm, exit_code: i32) {
        let _ = (vm, exit_code);
    }
}

/// A value that an observer keeps alive, see [`crate::Ctx::pin`].
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Pin {
    place: usize,
    owner: Owner,
}

/// Tells the pins of one machine from those of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Owner(u64);

impl Default for Owner {
    fn default() -> Owner {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Owner(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// A number as `tostring` writes it.
pub fn float_text(value: f64) -> String {
    String::from_utf8_lossy(&crate::number::format_float(value)).into_owned()
}

/// The frames of a coroutine, innermost first.
///
/// # Safety
/// As [`crate::debug::activations`].
pub(crate) unsafe fn frames_on(thread: *mut Thread) -> Vec<crate::debug::Activation> {
    // SAFETY: as promised.
    unsafe { crate::debug::activations(thread).collect() }
}

/// The observer. It stays with the thread that set it: elsewhere the machine has none.
#[derive(Default)]
pub(crate) struct Bound(Option<(std::thread::ThreadId, Box<dyn Observer>)>);

impl Bound {
    fn of(observer: Option<Box<dyn Observer>>) -> Bound {
        Bound(observer.map(|observer| (std::thread::current().id(), observer)))
    }

    fn is_here(&self) -> bool {
        self.0.as_ref().is_some_and(|(thread, _)| *thread == std::thread::current().id())
    }

    pub(crate) fn is_none(&self) -> bool {
        !self.is_here()
    }

    fn take(&mut self) -> Option<Box<dyn Observer>> {
        if self.is_here() { self.0.take().map(|(_, observer)| observer) } else { None }
    }

    /// Puts the observer back after it was asked, unless it has set another one.
    fn give_back(&mut self, observer: Box<dyn Observer>) {
        if self.0.is_none() {
            *self = Bound::of(Some(observer));
        }
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        if !self.is_here() {
            // It may hold what only its own thread may drop.
            std::mem::forget(self.0.take());
        }
    }
}

/// State of introspection in a machine.
#[derive(Default)]
pub(crate) struct Inspection {
    pub(crate) observer: Bound,
    pub(crate) stepping: Option<Stepping>,
    pub(crate) watch_errors: bool,
    /// The instruction at which the program already stood: coroutine, base, pc.
    pub(crate) stood_at: Option<(*mut Thread, u32, u32)>,
    pub(crate) pins: Vec<Slot>,
    free_pins: Vec<usize>,
    owner: Owner,
    pub(crate) spare: Option<*mut Thread>,
    /// What is looked at before the observer is asked at flagged instructions.
    guards: condition::Guards,
    /// Variables of main functions that have returned, by chunk name.
    pub(crate) modules: std::collections::HashMap<Box<[u8]>, redefine::Module>,
}

impl Vm {
    /// Sets or removes the observer, which is asked on this thread only.
    pub fn set_observer(&mut self, observer: Option<Box<dyn Observer>>) {
        self.inspection.observer = Bound::of(observer);
    }

    /// Tells the observer that the program is over, and removes it.
    pub fn end_observation(&mut self, exit_code: i32) {
        self.flush_output();
        if let Some(mut observer) = self.inspection.observer.take() {
            observer.ended(self, exit_code);
        }
    }

    /// Hands over what was written to standard output.
    pub fn flush_output(&mut self) {
        let _ = std::io::Write::flush(&mut self.out);
    }

    /// Whether errors are shown to the observer where they are raised.
    pub fn watch_errors(&mut self, wanted: bool) {
        self.inspection.watch_errors = wanted;
    }

    /// Text of the error under way.
    pub fn error_text(&mut self) -> String {
        let error = self.error;
        match error.tag {
            // SAFETY: the tag says it is a string.
            tag::STRING => unsafe { String::from_utf8_lossy(crate::string::str_bytes(error.as_ptr())).into_owned() },
            tag::INT => error.as_int().to_string(),
            tag::FLOAT => error.as_float().to_string(),
            _ => format!("(error object is a {} value)", String::from_utf8_lossy(&self.type_name(error))),
        }
    }

    fn observe(&mut self, ask: impl FnOnce(&mut dyn Observer, &mut Vm) -> Verdict) -> Result<(), Error> {
        let Some(mut observer) = self.inspection.observer.take() else { return Ok(()) };
        let identity = self.attention_ptr();
        let verdict = ask(&mut *observer, self);
        self.assert_same(identity);
        self.inspection.observer.give_back(observer);
        match verdict {
            Verdict::Go => Ok(()),
            Verdict::Raise(message) => Err(self.error_here(message)),
        }
    }

    /// A machine that runs cannot be exchanged for another one, and there is no way back from it.
    fn assert_same(&self, identity: *const std::sync::atomic::AtomicU32) {
        if self.attention_ptr() != identity {
            std::process::abort();
        }
    }

    /// Answers a raised attention word at a safepoint.
    pub(crate) fn attend(&mut self) -> Result<(), Error> {
        self.lower_attention();
        self.check_requests()?;
        self.inspection.stood_at = None;
        self.observe(|observer, vm| observer.attention(vm))
    }

    /// As `attend`, after a jump: the instruction that comes next is the one that counts.
    #[cold]
    #[inline(never)]
    pub(crate) fn attend_at_jump(&mut self) -> Result<Flow, Error> {
        // SAFETY: the running thread is live; a saved pc is one past the instruction.
        unsafe { (*self.thread).pc += 1 };
        self.attend()?;
        // SAFETY: as above.
        unsafe { (*self.thread).pc -= 1 };
        if self.heap.debt >= 0 {
            self.collect_anywhere()?;
        }
        Ok(Flow::Reload)
    }

    /// A flagged instruction is about to run.
    #[cold]
    #[inline(never)]
    pub(crate) fn at_breakpoint(&mut self) -> Result<Flow, Error> {
        let stood_here = self.inspection.stood_at.take() == Some(self.standing());
        if stood_here || self.inspection.observer.is_none() || self.does_not_stop() {
            return Ok(Flow::Next);
        }
        self.retain_module();
        // SAFETY: the running thread is live.
        let hooked = unsafe { (*self.thread).hook_state != 0 };
        self.observe(|observer, vm| observer.flagged(vm))?;
        // SAFETY: as above.
        if unsafe { (*self.thread).hook_state != 0 } == hooked { Ok(Flow::Next) } else { Ok(self.again()) }
    }

    /// The instruction under way runs again, without stopping once more.
    pub(crate) fn again(&mut self) -> Flow {
        self.inspection.stood_at = Some(self.standing());
        // SAFETY: the running thread stands one past the instruction.
        unsafe { (*self.thread).pc -= 1 };
        Flow::Reload
    }

    fn standing(&self) -> (*mut Thread, u32, u32) {
        // SAFETY: the running thread is live.
        unsafe { (self.thread, (*self.thread).base, (*self.thread).pc) }
    }

    /// Shows an error to the observer before anything is unwound.
    pub(crate) fn show_error(&mut self) {
        if !self.inspection.watch_errors || self.error_skips_handlers {
            return;
        }
        let Some(mut observer) = self.inspection.observer.take() else { return };
        let (error, caught) = (self.error, self.is_caught());
        let identity = self.attention_ptr();
        observer.raised(self, caught);
        self.assert_same(identity);
        self.error = error;
        self.inspection.observer.give_back(observer);
    }

    pub(crate) fn show_loaded(&mut self, chunk_name: &[u8], text: &[u8], function: Slot) {
        let Some(mut observer) = self.inspection.observer.take() else { return };
        let identity = self.attention_ptr();
        observer.loaded(self, chunk_name, text, Loaded::of(function));
        self.assert_same(identity);
        self.inspection.observer.give_back(observer);
    }

    pub(crate) fn add_pin(&mut self, value: Slot) -> Pin {
        let inspection = &mut self.inspection;
        let place = inspection.free_pins.pop().unwrap_or(inspection.pins.len());
        match inspection.pins.get_mut(place) {
            Some(pinned) => *pinned = value,
            None => inspection.pins.push(value),
        }
        Pin { place, owner: inspection.owner }
    }

    /// Lets go of a kept value. The pin of another machine is only dropped.
    pub fn unpin(&mut self, pin: Pin) {
        if pin.owner != self.inspection.owner {
            return;
        }
        if let Some(place) = self.inspection.pins.get_mut(pin.place) {
            *place = Slot::NIL;
            self.inspection.free_pins.push(pin.place);
        }
    }

    /// The kept value; nil for the pin of another machine.
    pub(crate) fn pinned(&self, pin: &Pin) -> Slot {
        let pinned = self.inspection.pins.get(pin.place).filter(|_| pin.owner == self.inspection.owner);
        pinned.copied().unwrap_or(Slot::NIL)
    }

    /// The object of a kind that a pin keeps; null for the pin of another machine.
    fn pinned_object<T>(&self, pin: &Pin, kind: u64) -> *mut T {
        let slot = self.pinned(pin);
        if slot.tag & 0xff == kind { slot.as_ptr() } else { std::ptr::null_mut() }
    }

    pub(crate) fn trace_inspection(&self, marker: &mut crate::collect::Marker<'_>) {
        for pin in &self.inspection.pins {
            marker.slot(*pin);
        }
        if let Some(stepping) = &self.inspection.stepping {
            marker.object(stepping.thread);
        }
        if let Some(spare) = self.inspection.spare {
            marker.object(spare);
        }
        for module in self.inspection.modules.values() {
            module.trace(marker);
        }
    }
}
