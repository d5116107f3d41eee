//! The collector: incremental marking in three colours, sweeping by block; and generations,
//! which are the same marks kept from one collection to the next (`generational`).
//! `docs/gc.md` describes it as a whole.
//!
//! This module may use `unsafe`: it reads every object. The bargain: the roots
//! name everything in use, stores into objects go through the barrier, and
//! stacks, which have none, are traced again before marking ends. Nothing
//! here recurses on data.
#![allow(unsafe_code)]

mod generational;
pub(crate) mod sweep;
mod trace;
mod verify;

use std::collections::VecDeque;

use crate::heap::{BLACK, GREY, Heap, WHITES};
use crate::meta::Event;
use crate::object::{Header, ProtoObject, Table, Thread, Upvalue, flag};
use crate::value::{Slot, tag};

/// Bytes of allocation between two steps.
const STEP: isize = 16 * 1024;
/// Bytes that are allocated at least between two cycles: each has a price that does not depend on the heap.
const CYCLE_MIN: usize = 256 * 1024;
/// Objects written to while marking went on that are looked at again without interruption.
const MANY: usize = 512;
/// How often longer lists of them are worked off in pieces first.
const ROUNDS: u8 = 4;
/// How often the keys of big weak tables are looked at in pieces before.
const KEY_ROUNDS: u8 = 2;

/// What the virtual machine holds on to.
pub trait Roots {
    /// Marks everything that is in use without being referred to by the heap.
    fn trace(&mut self, marker: &mut Marker<'_>);
    /// Marks the values on a coroutine's stack; `atomic` when nothing runs until marking
    /// is complete, so that the unused part may be cleared.
    fn trace_thread(&mut self, thread: *mut Thread, marker: &mut Marker<'_>, atomic: bool);
}

/// Given to [`Roots`] to mark with.
pub struct Marker<'a> {
    heap: &'a mut Heap,
}

impl Marker<'_> {
    /// Marks what a slot refers to.
    #[inline]
    pub fn slot(&mut self, value: Slot) {
        if value.is_collectable() {
            self.heap.mark(value.as_ptr());
        }
    }

    /// Marks an object; null is fine.
    #[inline]
    pub fn object<T>(&mut self, object: *mut T) {
        if !object.is_null() {
            self.heap.mark(object.cast());
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    Pause,
    Propagate,
    Sweep,
}

/// State and parameters of the collector.
pub struct Gc {
    /// Percent of the live bytes at which the next cycle starts.
    pub pause: usize,
    /// Work per allocated byte, in percent of the usual.
    pub step_multiplier: usize,
    /// Percent by which memory grows from one collection of the young objects to the next.
    pub minor: usize,
    /// Percent by which memory grows from one collection of all objects to the next, in generational mode.
    pub major: usize,
    /// Whether objects that survived a collection are old: black until all are collected.
    pub(crate) generational: bool,
    /// Whether automatic steps are off; see [`Heap::stop`].
    pub stopped: bool,
    /// The machine is being closed: what is made from now on has no finalizer.
    pub(crate) closing: bool,
    pub(crate) white: u8,
    pub(crate) phase: Phase,
    pub(crate) grey_again: Vec<*mut Header>,
    pub(crate) threads: Vec<*mut Thread>,
    pub(crate) protos: Vec<*mut ProtoObject>,
    pub(crate) finalizable: Vec<*mut Header>,
    /// Coroutines that had open variables.
    pub(crate) with_variables: Vec<*mut Thread>,
    pub(crate) grey: Vec<*mut Header>,
    /// Big tables of which a part is traced.
    slices: Vec<trace::Slice>,
    /// Running coroutines, to be looked at again by the next collection of young objects.
    carried: Vec<*mut Header>,
    /// How often `grey_again` was worked off in pieces in this cycle.
    rounds: u8,
    /// How often big tables with weak keys were looked through in pieces once more.
    key_rounds: u8,
    /// Bytes in use after the last collection of all objects.
    survived: usize,
    /// A collection of the young objects is under way.
    is_minor: bool,
    /// A collection that the program asked for: arrays give back what they do not use.
    trims: bool,
    /// Collections under torture.
    tormented: u32,
    pending: VecDeque<Slot>,
    weak_values: Vec<*mut Table>,
    weak_keys: Vec<*mut Table>,
    all_weak: Vec<*mut Table>,
    /// While ephemerons converge: values by the key that they wait for.
    waiting: Option<trace::Waiting>,
    atomic: bool,
    sweep_block: usize,
    sweep_end: usize,
    sweep_large: usize,
}

impl Gc {
    pub(crate) fn new() -> Gc {
        Gc {
            pause: 200,
            step_multiplier: 100,
            minor: 20,
            major: 100,
            generational: false,
            stopped: false,
            closing: false,
            white: 1,
            phase: Phase::Pause,
            grey_again: Vec::new(),
            threads: Vec::new(),
            protos: Vec::new(),
            finalizable: Vec::new(),
            with_variables: Vec::new(),
            grey: Vec::new(),
            slices: Vec::new(),
            carried: Vec::new(),
            rounds: 0,
            key_rounds: 0,
            survived: 0,
            is_minor: false,
            trims: false,
            tormented: 0,
            pending: VecDeque::new(),
            weak_values: Vec::new(),
            weak_keys: Vec::new(),
            all_weak: Vec::new(),
            waiting: None,
            atomic: false,
            sweep_block: 0,
            sweep_end: 0,
            sweep_large: 0,
        }
    }
}

fn is_white(object: *mut Header) -> bool {
    // SAFETY: the collector only asks about objects that are not freed yet.
    unsafe { (*object).mark & WHITES != 0 }
}

impl Heap {
    /// Does a piece of a collection in proportion to the debt; true when a cycle ended.
    pub fn step(&mut self, roots: &mut dyn Roots) -> bool {
        if self.gc.stopped {
            self.set_debt(isize::MIN / 4);
            return false;
        }
        if self.torture > 0 {
            return self.torture_step(roots);
        }
        if self.gc.generational {
            self.generational_step(roots);
            return true;
        }
        let debt = self.debt.max(0).saturating_add(STEP) as usize;
        self.work(roots, debt.saturating_mul(4).saturating_mul(self.gc.step_multiplier.max(25)) / 100)
    }

    fn torture_step(&mut self, roots: &mut dyn Roots) -> bool {
        if self.gc.generational {
            self.tormented_generation(roots);
            return true;
        }
        if self.in_pieces {
            self.advance(roots);
            self.wait_for_next_cycle();
            return self.gc.phase == Phase::Pause;
        }
        self.full(roots);
        true
    }

    /// As [`Heap::step`] for `collectgarbage("step", n)`: works as after allocating `bytes`,
    /// also when stopped.
    pub fn step_bytes(&mut self, roots: &mut dyn Roots, bytes: usize) -> bool {
        let ended = if self.gc.generational {
            self.generational_step(roots);
            true
        } else {
            self.work(roots, bytes.saturating_mul(4))
        };
        if self.gc.stopped {
            self.set_debt(isize::MIN / 4);
        }
        ended
    }

    fn work(&mut self, roots: &mut dyn Roots, budget: usize) -> bool {
        let mut budget = budget;
        loop {
            let done = self.advance(roots);
            if self.gc.phase == Phase::Pause {
                self.wait_for_next_cycle();
                return true;
            }
            if done >= budget {
                self.set_debt(-STEP);
                return false;
            }
            budget -= done;
        }
    }

    /// Completes the cycle under way, if any, and does a whole one.
    pub fn full(&mut self, roots: &mut dyn Roots) {
        if self.gc.generational {
            self.collect_old(roots);
            return self.wait_for_next_cycle();
        }
        while self.gc.phase != Phase::Pause {
            self.advance(roots);
        }
        self.advance(roots);
        while self.gc.phase != Phase::Pause {
            self.advance(roots);
        }
        self.wait_for_next_cycle();
    }

    /// As [`Heap::full`], and gives back what arrays have too much.
    pub fn full_and_trim(&mut self, roots: &mut dyn Roots) {
        self.gc.trims = true;
        self.full(roots);
        self.gc.trims = false;
    }

    /// Turns automatic collection off.
    pub fn stop(&mut self) {
        self.gc.stopped = true;
        self.set_debt(isize::MIN / 4);
    }

    /// Turns automatic collection on again.
    pub fn restart(&mut self) {
        self.gc.stopped = false;
        self.set_debt(0);
    }

    fn wait_for_next_cycle(&mut self) {
        if self.gc.stopped {
            return self.set_debt(isize::MIN / 4);
        }
        if self.torture > 0 {
            return self.set_debt(isize::MIN / 4);
        }
        if self.gc.generational {
            return self.wait_for_next_generation();
        }
        let pause = self.gc.pause;
        let used = self.used();
        let threshold = (used / 100).saturating_mul(pause).max(used.saturating_add(CYCLE_MIN));
        self.set_debt(used as isize - threshold.min(isize::MAX as usize / 4) as isize);
    }

    /// One indivisible piece of work; gives its cost in bytes.
    fn advance(&mut self, roots: &mut dyn Roots) -> usize {
        match self.gc.phase {
            Phase::Pause => {
                self.start(roots);
                1024
            }
            Phase::Propagate => self.propagate(roots),
            Phase::Sweep => self.sweep_some(),
        }
    }

    fn propagate(&mut self, roots: &mut dyn Roots) -> usize {
        if let Some(object) = self.gc.grey.pop() {
            return self.trace(object, roots);
        }
        if let Some(slice) = self.gc.slices.pop() {
            // SAFETY: the table was marked in this cycle.
            return unsafe { self.trace_slice(slice) };
        }
        if self.gc.grey_again.len() > MANY && self.gc.rounds < ROUNDS {
            self.gc.rounds += 1;
            self.gc.grey = std::mem::take(&mut self.gc.grey_again);
            // A running coroutine would come back at once.
            self.gc.grey.retain(|&object| {
                // SAFETY: what was written to is marked, hence not freed.
                let runs = unsafe { trace::runs(object) };
                if runs {
                    self.gc.grey_again.push(object);
                }
                !runs
            });
            return 1024;
        }
        if self.gc.key_rounds < KEY_ROUNDS {
            self.gc.key_rounds += 1;
            if self.look_for_reached_keys() {
                return 1024;
            }
        }
        self.finish_marking(roots);
        8192
    }

    #[inline]
    pub(crate) fn mark(&mut self, object: *mut Header) {
        // SAFETY: everything reachable is not freed.
        unsafe {
            if (*object).mark & WHITES == 0 {
                return;
            }
            if u64::from((*object).kind) == tag::STRING {
                (*object).mark = BLACK;
            } else {
                (*object).mark = GREY;
                self.gc.grey.push(object);
            }
        }
    }

    #[inline]
    fn mark_slot(&mut self, value: Slot) {
        if value.is_collectable() {
            self.mark(value.as_ptr());
        }
    }

    fn start(&mut self, roots: &mut dyn Roots) {
        self.gc.grey.clear();
        self.gc.grey_again.clear();
        self.gc.slices.clear();
        self.begin_marking(roots);
    }

    /// Starts from the roots, besides what is grey already.
    fn begin_marking(&mut self, roots: &mut dyn Roots) {
        self.shapes.cycle += 1;
        self.shapes.marking = true;
        self.gc.phase = Phase::Propagate;
        (self.gc.rounds, self.gc.key_rounds) = (0, 0);
        self.mark_roots(roots);
    }

    fn mark_roots(&mut self, roots: &mut dyn Roots) {
        roots.trace(&mut Marker { heap: self });
        for at in 0..Event::COUNT {
            self.mark(self.event_names[at].cast());
        }
        for at in 0..self.gc.pending.len() {
            self.mark_slot(self.gc.pending[at]);
        }
    }

    fn drain(&mut self, roots: &mut dyn Roots) {
        loop {
            if let Some(object) = self.gc.grey.pop() {
                self.trace(object, roots);
            } else if let Some(slice) = self.gc.slices.pop() {
                // SAFETY: the table was marked in this cycle.
                unsafe { self.trace_slice(slice) };
            } else {
                return;
            }
        }
    }

    /// The part of a cycle that must not be interrupted.
    fn finish_marking(&mut self, roots: &mut dyn Roots) {
        self.gc.atomic = true;
        self.mark_roots(roots);
        self.drain(roots);
        for object in std::mem::take(&mut self.gc.grey_again) {
            // SAFETY: these are marked, hence not freed.
            if unsafe { (*object).mark } == GREY {
                self.trace(object, roots);
            }
        }
        self.drain(roots);
        self.mark_variables_of_dead_threads(roots);
        self.converge(roots);
        self.clear_weak_values();
        if self.separate_finalizable() {
            for at in 0..self.gc.pending.len() {
                self.mark_slot(self.gc.pending[at]);
            }
            self.drain(roots);
            self.mark_variables_of_dead_threads(roots);
            self.converge(roots);
            self.clear_weak_values();
        }
        self.clear_weak_keys();
        self.detach_dead_threads();
        self.forget_dead_in_caches();
        if !self.gc.is_minor {
            self.shapes.sweep();
        }
        self.shapes.forget_dead_classes(|table| is_white(table.cast()));
        self.gc.weak_values.clear();
        self.gc.weak_keys.clear();
        self.gc.all_weak.clear();
        self.gc.grey_again = std::mem::take(&mut self.gc.carried);
        self.gc.atomic = false;
        self.shapes.marking = false;
        self.gc.white ^= WHITES;
        self.gc.phase = Phase::Sweep;
        self.gc.sweep_block = 0;
        self.gc.sweep_end = self.objects.blocks.len();
        self.gc.sweep_large = 0;
    }

    /// An open variable lives on in its closures when its coroutine does not.
    fn mark_variables_of_dead_threads(&mut self, roots: &mut dyn Roots) {
        loop {
            let mut found = false;
            for at in 0..self.gc.with_variables.len() {
                let thread = self.gc.with_variables[at];
                if !is_white(thread.cast()) {
                    continue;
                }
                // SAFETY: threads in the list, their variables and stacks are not freed yet.
                unsafe {
                    let mut open: *mut Upvalue = (*thread).open;
                    while !open.is_null() {
                        let value = *(*open).location;
                        if !is_white(open.cast()) && value.is_collectable() && is_white(value.as_ptr()) {
                            found = true;
                            self.mark_slot(value);
                        }
                        open = (*open).next;
                    }
                }
            }
            if !found {
                return;
            }
            self.drain(roots);
        }
    }

    fn detach_dead_threads(&mut self) {
        self.gc.with_variables.retain(|&thread| {
            // SAFETY: as in `mark_variables_of_dead_threads`.
            unsafe {
                if !is_white(thread.cast()) {
                    (*thread).has_variables = !(*thread).open.is_null();
                    return (*thread).has_variables;
                }
                let mut open: *mut Upvalue = (*thread).open;
                while !open.is_null() {
                    (*open).closed = *(*open).location;
                    (*open).location = &raw mut (*open).closed;
                    open = std::mem::replace(&mut (*open).next, std::ptr::null_mut());
                }
                (*thread).open = std::ptr::null_mut();
            }
            false
        });
    }

    fn forget_dead_in_caches(&mut self) {
        self.lookups.clear();
        let shapes = &self.shapes;
        // Which shapes are in use is known only when everything was looked at.
        let is_minor = self.gc.is_minor;
        self.gc.protos.retain(|&proto| {
            if is_white(proto.cast()) {
                return false;
            }
            // SAFETY: the proto is live, and so are its caches.
            unsafe {
                for at in 0..(*proto).n_caches as usize {
                    let cache = (*proto).caches.add(at);
                    let holder = (*cache).holder;
                    let is_dead = !holder.is_null() && is_white(holder.cast());
                    let adds = !is_minor && (*cache).kind == crate::cache::kind::ADD;
                    if is_dead || adds && !shapes.is_marked((*cache).next_shape) {
                        let misses = (*cache).misses;
                        *cache = crate::cache::Cache { misses, ..crate::cache::Cache::EMPTY };
                    }
                }
            }
            true
        });
    }

    /// Objects with finalizers that nothing reaches wait for their call from now on,
    /// those marked for finalization last before those marked first. False when there are none.
    fn separate_finalizable(&mut self) -> bool {
        let mut dead = Vec::new();
        self.gc.finalizable.retain(|&object| {
            let is_dead = is_white(object);
            if is_dead {
                dead.push(object);
            }
            !is_dead
        });
        for &object in dead.iter().rev() {
            // SAFETY: not freed yet, and about to be marked.
            let kind = unsafe { (*object).kind };
            self.gc.pending.push_back(Slot::object(object, u64::from(kind)));
        }
        !dead.is_empty()
    }

    /// The next object to finalize. It may be given a finalizer again.
    pub fn next_finalizer(&mut self) -> Option<Slot> {
        let object = self.gc.pending.pop_front()?;
        // SAFETY: pending objects are roots.
        unsafe { (*object.as_ptr::<Header>()).flags &= !flag::FINALIZABLE };
        Some(object)
    }

    /// Whether [`Heap::next_finalizer`] has something to give.
    #[inline]
    pub fn has_finalizers(&self) -> bool {
        !self.gc.pending.is_empty()
    }

    /// Has every object with a finalizer finalized, because the state closes.
    pub fn all_finalizers(&mut self) {
        self.gc.closing = true;
        for object in std::mem::take(&mut self.gc.finalizable).into_iter().rev() {
            // SAFETY: objects in the list are not freed.
            let kind = unsafe { (*object).kind };
            self.gc.pending.push_back(Slot::object(object, u64::from(kind)));
        }
    }
}

#[cfg(test)]
mod tests;
