//! The collector: incremental marking in three colours, sweeping by block; and generations,
//! which are the same marks kept from one collection to the next (`generational`).
//! `docs/gc.md` describes it as a whole.
//!
//! This module may use `unsafe`: it reads every object. The bargain: the roots
//! name everything in use, stores into objects go through the barrier, and
//! stacks, which have none, are traced again before marking ends. Nothing
//! here recurses on data.
#![allow(unsafe_code)]

mod finalize;
mod generational;
mod prefetch;
mod settle;
pub(crate) mod sweep;
mod threads;
mod trace;
mod verify;
mod weak;

use crate::cache::Cache;
use crate::heap::{BLACK, GREY, Heap, WHITES};
use crate::object::{Header, ProtoObject, Table, Thread, Upvalue};
use crate::value::{Slot, tag};

/// Bytes of allocation between two steps.
const STEP: isize = 16 * 1024;
/// Bytes that are allocated at least between two cycles: each has a price that does not depend on the heap.
const CYCLE_MIN: usize = 256 * 1024;
/// Objects written to while marking went on that are looked at again without interruption.
const MANY: usize = 512;
/// How often longer lists of them are worked off in pieces first.
const ROUNDS: u8 = 4;

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
    /// Looking for objects to be finalized; from here to `Clear` see `settle`.
    Separate,
    /// Marking what those hold on to.
    Revive,
    /// Removing weak keys.
    Clear,
    Sweep,
}

/// State and parameters of the collector.
pub struct Gc {
    /// Percent of the live bytes at which the next cycle starts.
    pub pause: usize,
    /// Work per allocated byte, in percent of the usual.
    pub step_multiplier: usize,
    /// Percent by which memory grows from one collection of the young objects to the next; 0 for what is usual.
    pub minor: usize,
    /// Percent by which memory grows from one collection of all objects to the next, in generational mode; 0 for what is
    /// usual.
    pub major: usize,
    /// Whether objects that survived a collection are old: black until all are collected.
    pub(crate) generational: bool,
    /// Whether a cycle has ended, but steps go on because finalizers are due.
    finalizes: bool,
    /// When so many bytes are in use, the next cycle no longer waits for them.
    finalizes_until: Option<usize>,
    /// Bytes that the last cycle kept for finalizers alone, and the next will mostly free.
    kept_for_finalizers: usize,
    /// Whether automatic steps are off; see [`Heap::stop`].
    pub stopped: bool,
    /// The machine is being closed: what is made from now on has no finalizer.
    pub(crate) closing: bool,
    /// The colour of new objects.
    pub(crate) white: u8,
    /// The colour of objects that marking has not reached, to the end of the sweep.
    unreached: u8,
    /// [`crate::heap::REVIVED`] while objects are marked for the sake of finalizers.
    revived: u8,
    pub(crate) phase: Phase,
    pub(crate) grey_again: Vec<*mut Header>,
    pub(crate) threads: Vec<*mut Thread>,
    pub(crate) protos: Vec<*mut ProtoObject>,
    pub(crate) finalizable: Vec<*mut Header>,
    /// Coroutines that had open variables.
    pub(crate) with_variables: Vec<*mut Thread>,
    pub(crate) grey: Vec<*mut Header>,
    /// Objects that are referred to; whether they are marked is to be looked up.
    referred: prefetch::Queue<16>,
    /// Grey objects that are to be traced next.
    traced_next: prefetch::Queue<8>,
    /// Big tables of which a part is traced.
    slices: Vec<trace::Slice>,
    /// Running coroutines, to be looked at again by the next collection of young objects.
    carried: Vec<*mut Header>,
    /// How often `grey_again` was worked off in pieces in this cycle.
    rounds: u8,
    /// Bytes in use after the last collection of all objects.
    survived: usize,
    /// A collection of the young objects is under way.
    is_minor: bool,
    /// A collection that the program asked for: arrays give back what they do not use.
    trims: bool,
    /// Collections under torture.
    tormented: u32,
    finalization: finalize::Finalization,
    /// When marking uses threads.
    pub(crate) threads_used: threads::Threads,
    /// Tables of which values are to be removed.
    weak_values: Vec<*mut Table>,
    /// Tables whose values hang on their keys.
    weak_keys: Vec<*mut Table>,
    /// Tables whose values do not.
    all_weak: Vec<*mut Table>,
    /// Values by the key that they wait for.
    waiting: weak::Waiting,
    /// Whether values are to be noted there.
    notes: bool,
    /// Of the tables in `weak_keys`: how many were looked through for that, and are to be.
    noted: usize,
    to_note: usize,
    /// Entries of the last of those tables from which dead keys were removed.
    cleared: u32,
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
            minor: 0,
            major: 0,
            generational: false,
            finalizes: false,
            finalizes_until: None,
            kept_for_finalizers: 0,
            stopped: false,
            closing: false,
            white: 1,
            unreached: 1,
            revived: 0,
            phase: Phase::Pause,
            grey_again: Vec::new(),
            threads: Vec::new(),
            protos: Vec::new(),
            finalizable: Vec::new(),
            with_variables: Vec::new(),
            grey: Vec::new(),
            referred: prefetch::Queue::new(),
            traced_next: prefetch::Queue::new(),
            slices: Vec::new(),
            carried: Vec::new(),
            rounds: 0,
            survived: 0,
            is_minor: false,
            trims: false,
            tormented: 0,
            finalization: finalize::Finalization::default(),
            threads_used: threads::Threads::default(),
            weak_values: Vec::new(),
            weak_keys: Vec::new(),
            all_weak: Vec::new(),
            waiting: weak::Waiting::default(),
            notes: false,
            noted: 0,
            to_note: 0,
            cleared: 0,
            atomic: false,
            sweep_block: 0,
            sweep_end: 0,
            sweep_large: 0,
        }
    }

    /// Whether a reached object that is given one that is not must be noted.
    #[inline(always)]
    pub(crate) fn marks(&self) -> bool {
        self.phase == Phase::Propagate || self.generational
    }
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
        if std::mem::take(&mut self.gc.finalizes) {
            self.wait_for_next_cycle();
            return !self.gc.finalizes;
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
        self.start(roots);
        self.mark_on_threads(roots);
        while self.gc.phase != Phase::Pause {
            self.advance(roots);
        }
        self.wait_for_next_cycle();
    }

    /// As [`Heap::full`], and gives back what arrays have too much.
    pub fn full_and_trim(&mut self, roots: &mut dyn Roots) {
        self.gc.trims = true;
        self.full(roots);
        self.objects.release_spare(usize::MAX);
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
        // Finalizers are called after steps, so these go on until all are, or too much is in use again.
        let used = self.used();
        if self.has_finalizers() && used < *self.gc.finalizes_until.get_or_insert(used.saturating_mul(2)) {
            self.gc.finalizes = true;
            return self.set_debt(-STEP);
        }
        self.gc.finalizes_until = None;
        if self.gc.generational {
            return self.wait_for_next_generation();
        }
        let pause = self.gc.pause;
        let lasting = used.saturating_sub(self.gc.kept_for_finalizers);
        let threshold = (lasting / 100).saturating_mul(pause).max(used.saturating_add(CYCLE_MIN));
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
            Phase::Separate | Phase::Revive | Phase::Clear => self.settle_some(roots),
            Phase::Sweep => self.sweep_some(),
        }
    }

    fn propagate(&mut self, roots: &mut dyn Roots) -> usize {
        if let Some(cost) = self.trace_some(roots) {
            return cost;
        }
        if self.mark_due() {
            return 1024;
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
        if let Some(cost) = self.note_waiting() {
            return cost;
        }
        self.finish_marking(roots);
        8192
    }

    /// Traces an object or a part of one, if there is one to be traced; gives the cost.
    #[inline]
    fn trace_some(&mut self, roots: &mut dyn Roots) -> Option<usize> {
        if let Some(object) = self.next_grey() {
            return Some(self.trace(object, roots));
        }
        let slice = self.gc.slices.pop()?;
        // SAFETY: the table was marked in this cycle.
        Some(unsafe { self.trace_slice(slice) })
    }

    /// The next object to trace.
    #[inline(always)]
    fn next_grey(&mut self) -> Option<*mut Header> {
        loop {
            if let Some(object) = self.gc.grey.pop() {
                // SAFETY: marked objects are live.
                unsafe { prefetch::prefetch_parts(object) };
                if let Some(first) = self.gc.traced_next.exchange(object) {
                    return Some(first);
                }
            } else if let Some(object) = self.gc.traced_next.take() {
                return Some(object);
            } else {
                let object = self.gc.referred.take()?;
                self.mark(object);
            }
        }
    }

    /// Marks what is referred to by what was traced.
    pub(crate) fn mark_referred(&mut self) {
        while let Some(object) = self.gc.referred.take() {
            self.mark(object);
        }
    }

    /// Marks what a traced object refers to, a little later.
    #[inline(always)]
    fn mark_soon(&mut self, object: *mut Header) {
        prefetch::prefetch_at(object);
        if let Some(first) = self.gc.referred.exchange(object) {
            self.mark(first);
        }
    }

    /// Whether marking has not reached an object.
    #[inline(always)]
    pub(crate) fn is_unreached(&self, object: *mut Header) -> bool {
        // SAFETY: the collector only asks about objects that are not freed yet.
        unsafe { (*object).mark & self.gc.unreached != 0 }
    }

    #[inline]
    pub(crate) fn mark(&mut self, object: *mut Header) {
        // SAFETY: everything reachable is not freed.
        unsafe {
            if (*object).mark & self.gc.unreached == 0 {
                return;
            }
            if u64::from((*object).kind) == tag::STRING {
                (*object).mark = BLACK;
            } else {
                (*object).mark = GREY | self.gc.revived;
                self.gc.grey.push(object);
            }
        }
    }

    #[inline]
    fn mark_slot(&mut self, value: Slot) {
        if value.is_collectable() {
            self.mark_soon(value.as_ptr());
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
        if self.gc.is_minor {
            self.shapes.keep_new_keys();
        }
        self.shapes.cycle += 1;
        self.shapes.marking = true;
        self.gc.kept_for_finalizers = 0;
        self.gc.phase = Phase::Propagate;
        self.gc.unreached = self.gc.white;
        self.gc.rounds = 0;
        self.gc.notes = false;
        self.forget_marked_due();
        self.mark_roots(roots);
    }

    fn mark_roots(&mut self, roots: &mut dyn Roots) {
        roots.trace(&mut Marker { heap: self });
        self.own_strings().for_each(|string| self.mark(string.cast()));
    }

    fn drain(&mut self, roots: &mut dyn Roots) {
        while self.trace_some(roots).is_some() {}
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
        while self.mark_variables_of_dead_threads() {
            self.drain(roots);
        }
        self.clear_weak_values();
        self.gc.grey_again = std::mem::take(&mut self.gc.carried);
        self.gc.atomic = false;
        self.gc.white ^= WHITES;
        self.bytes.fill(std::ptr::null_mut());
        self.gc.phase = Phase::Separate;
        self.begin_to_settle();
        if !self.gc.is_minor {
            self.objects.note_idle();
        }
        self.gc.sweep_block = 0;
        self.gc.sweep_end = self.objects.blocks.len();
        self.gc.sweep_large = 0;
    }

    /// An open variable lives on in its closures when its coroutine does not. False when there was none to mark.
    fn mark_variables_of_dead_threads(&mut self) -> bool {
        let mut found = false;
        for at in 0..self.gc.with_variables.len() {
            let thread = self.gc.with_variables[at];
            if !self.is_unreached(thread.cast()) {
                continue;
            }
            // SAFETY: threads in the list, their variables and stacks are not freed yet.
            unsafe {
                let mut open: *mut Upvalue = (*thread).open;
                while !open.is_null() {
                    let value = *(*open).location;
                    let is_used = !self.is_unreached(open.cast());
                    if is_used && value.is_collectable() && self.is_unreached(value.as_ptr()) {
                        found = true;
                        self.mark_slot(value);
                    }
                    open = (*open).next;
                }
            }
        }
        found
    }

    fn detach_dead_threads(&mut self) {
        let unreached = self.gc.unreached;
        self.gc.with_variables.retain(|&thread| {
            // SAFETY: as in `mark_variables_of_dead_threads`.
            unsafe {
                if (*thread).header.mark & unreached == 0 {
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
        let unreached = self.gc.unreached;
        self.gc.protos.retain(|&proto| {
            // SAFETY: functions in the list are not freed yet, nor are tables that caches name.
            unsafe {
                if (*proto).header.mark & unreached != 0 {
                    return false;
                }
                let forget = |cache: &mut Cache| {
                    let holder = cache.holder;
                    let is_dead = !holder.is_null() && (*holder).header.mark & unreached != 0;
                    let adds = !is_minor && cache.kind == crate::cache::kind::ADD;
                    if is_dead || adds && !shapes.is_marked(cache.next_shape) {
                        *cache = Cache { misses: cache.misses, ..Cache::EMPTY };
                    }
                };
                std::slice::from_raw_parts_mut((*proto).caches, (*proto).n_caches as usize).iter_mut().for_each(forget);
                let ways = &mut (*(*proto).cold).ways;
                ways.iter_mut().flatten().flat_map(|ways| ways.records_mut()).for_each(forget);
            }
            true
        });
    }
}

#[cfg(test)]
mod tests;
