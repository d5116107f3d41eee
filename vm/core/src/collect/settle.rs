//! What is left to do when the program's objects are marked, in pieces while the program runs:
//! finding the objects to be finalized, marking what these hold on to, and removing weak keys.
//!
//! Objects that are not reached when marking ends have the colour of the last cycle, while new ones get
//! the next colour. The program cannot get at one of them: values are removed from weak tables when
//! marking ends, an entry with a weak key is found only by who has the key, and traversals pass over
//! entries whose keys are not reached. So what is decided here does not change under way, and no
//! barrier is needed. What is marked on account of a finalizer stays hidden until all of it is. No cell is given out again before the weak keys are removed.
//!
//! This module may use `unsafe`; the bargain is that of `collect`.
#![allow(unsafe_code)]

use super::{Marker, Phase, Roots};
use crate::heap::{Heap, REVIVED};
use crate::object::{Header, Table, Thread};
use crate::stack;
use crate::table::{SLICE, hash_used};

/// Only coroutines that sleep are left to be traced.
struct Sleepers;

impl Roots for Sleepers {
    fn trace(&mut self, _marker: &mut Marker<'_>) {}

    fn trace_thread(&mut self, thread: *mut Thread, marker: &mut Marker<'_>, atomic: bool) {
        // SAFETY: the collector passes coroutines that are not freed.
        unsafe { stack::trace(thread, stack::extent(thread), marker, atomic) };
    }
}

impl Heap {
    /// Sets out from the end of marking.
    pub(super) fn begin_to_settle(&mut self) {
        let finalization = &mut self.gc.finalization;
        (finalization.looked_at, finalization.kept, finalization.marked) = (0, 0, 0);
    }

    /// Whether it is decided which objects the program reaches, but not all is done that follows from it.
    #[inline(always)]
    pub(crate) fn settles(&self) -> bool {
        matches!(self.gc.phase, Phase::Separate | Phase::Revive | Phase::Clear)
    }

    /// Whether entries whose keys are not reached are being removed.
    pub(crate) fn clears(&self) -> bool {
        self.gc.phase == Phase::Clear
    }

    /// Whether nothing that the program sees refers to an object: to be asked between the end of marking
    /// and the sweep.
    pub(crate) fn is_hidden(&self, object: *mut Header) -> bool {
        let hidden = if self.gc.phase == Phase::Clear { 0 } else { REVIVED };
        // SAFETY: nothing is freed before the sweep.
        unsafe { (*object).mark & (self.gc.unreached | hidden) != 0 }
    }

    /// Does what is left to do before the sweep, if that is under way. Afterwards an object that is not
    /// freed is in use or dead for good.
    pub(crate) fn settle(&mut self) {
        while self.settles() {
            self.settle_some(&mut Sleepers);
        }
    }

    /// One piece of it; gives its cost.
    pub(super) fn settle_some(&mut self, roots: &mut dyn Roots) -> usize {
        match self.gc.phase {
            Phase::Separate => self.separate_some(),
            Phase::Revive => self.revive_some(roots),
            _ => self.clear_some(),
        }
    }

    /// Marks what objects hold on to that are to be finalized.
    fn revive_some(&mut self, roots: &mut dyn Roots) -> usize {
        if let Some(cost) = self.trace_some(roots) {
            self.gc.kept_for_finalizers += cost;
            return cost;
        }
        if self.mark_found() || self.mark_variables_of_dead_threads() {
            return 1024;
        }
        self.detach_dead_threads();
        self.forget_dead_in_caches();
        if !self.gc.is_minor {
            self.shapes.sweep();
        }
        let unreached = self.gc.unreached;
        // SAFETY: tables that classes name are not freed yet.
        self.shapes.forget_dead_classes(|table| unsafe { (*table).header.mark & unreached != 0 });
        self.shapes.marking = false;
        self.gc.notes = false;
        self.gc.revived = 0;
        self.gc.cleared = 0;
        self.gc.weak_keys.append(&mut self.gc.all_weak);
        self.gc.phase = Phase::Clear;
        8192
    }

    fn clear_some(&mut self) -> usize {
        // Tables that only objects to be finalized hold on to.
        if let Some(t) = self.gc.weak_values.pop() {
            // SAFETY: the tables in the lists are marked.
            return 64 + unsafe { self.clear_values(t) } * 9;
        }
        if let Some(&t) = self.gc.weak_keys.last() {
            return self.clear_keys_of(t);
        }
        if self.gc.waiting.shrink() {
            return 4096;
        }
        self.make_due();
        self.gc.phase = Phase::Sweep;
        1024
    }

    /// A piece of the last table in the list.
    fn clear_keys_of(&mut self, t: *mut Table) -> usize {
        let from = self.gc.cleared;
        // SAFETY: the tables in the list are marked.
        unsafe {
            let used = hash_used((*t).hash);
            let end = used.min(from.saturating_add(SLICE as u32));
            self.clear_keys(t, from..end);
            self.gc.cleared = end;
            if end >= used {
                self.gc.weak_keys.pop();
                self.gc.cleared = 0;
            }
            64 + end.saturating_sub(from) as usize * 40
        }
    }
}
