//! Objects with finalizers (manual 2.5.3).
//!
//! This module may use `unsafe`; the bargain is that of `collect`.
#![allow(unsafe_code)]

use super::Phase;
use super::prefetch::{AHEAD, prefetch_at};
use crate::heap::{Heap, REVIVED};
use crate::object::{Header, flag};
use crate::value::Slot;
use std::collections::VecDeque;

/// Objects that are looked at together.
const AT_ONCE: usize = 512;

/// Objects on their way to their finalizers.
#[derive(Default)]
pub(super) struct Finalization {
    /// What each collection found, in the order of registration. The first list is worked off from its end.
    pub(super) due: VecDeque<Vec<Slot>>,
    /// What the collection under way found.
    pub(super) found: Vec<Slot>,
    /// How many of those found are marked.
    pub(super) marked: usize,
    /// Position in the list of objects with finalizers up to which it was looked at.
    pub(super) looked_at: usize,
    /// How many of those stay in the list; they are at its start.
    pub(super) kept: usize,
    /// Lists of `due`, from the last one, and objects of the next that were marked in this cycle.
    due_marked: (usize, usize),
}

/// What an object is as a value.
fn value_of(object: *mut Header) -> Slot {
    // SAFETY: objects in the list are not freed.
    Slot::object(object, u64::from(unsafe { (*object).kind }))
}

impl Heap {
    /// Has [`Heap::mark_due`] start anew.
    pub(super) fn forget_marked_due(&mut self) {
        self.gc.finalization.due_marked = (0, 0);
    }

    /// Marks some of the objects that wait for their finalizers; false when all are. None are added while
    /// marking goes on, and those that are taken out are in use, or not.
    pub(super) fn mark_due(&mut self) -> bool {
        let (list, at) = self.gc.finalization.due_marked;
        let Some(place) = self.gc.finalization.due.len().checked_sub(list + 1) else { return false };
        let end = self.gc.finalization.due[place].len().min(at + AT_ONCE);
        for at in at..end {
            let object = self.gc.finalization.due[place][at];
            self.mark_slot(object);
        }
        let is_done = end == self.gc.finalization.due[place].len();
        self.gc.finalization.due_marked = if is_done { (list + 1, 0) } else { (list, end) };
        true
    }

    /// Looks which objects with finalizers nothing reaches, a piece of the list; gives the cost.
    pub(super) fn separate_some(&mut self) -> usize {
        let from = self.gc.finalization.looked_at;
        let end = self.gc.finalizable.len().min(from + AT_ONCE);
        for at in from..end {
            if let Some(&next) = self.gc.finalizable.get(at + AHEAD as usize) {
                prefetch_at(next);
            }
            let object = self.gc.finalizable[at];
            if self.is_unreached(object) {
                self.gc.finalization.found.push(value_of(object));
            } else {
                let kept = self.gc.finalization.kept;
                self.gc.finalizable[kept] = object;
                self.gc.finalization.kept += 1;
            }
        }
        self.gc.finalization.looked_at = end;
        if end == self.gc.finalizable.len() {
            self.gc.finalizable.truncate(self.gc.finalization.kept);
            self.gc.phase = Phase::Revive;
            self.gc.revived = if self.gc.generational { 0 } else { REVIVED };
        }
        64 + (end - from) * 16
    }

    /// Marks some of what was found; false when all of it is.
    pub(super) fn mark_found(&mut self) -> bool {
        let from = self.gc.finalization.marked;
        let end = self.gc.finalization.found.len().min(from + AT_ONCE / 8);
        for at in from..end {
            let object = self.gc.finalization.found[at];
            self.mark_slot(object);
        }
        self.gc.finalization.marked = end;
        end > from
    }

    /// What was found waits for its finalizers from now on: what was marked for finalization last goes first.
    pub(super) fn make_due(&mut self) {
        let found = std::mem::take(&mut self.gc.finalization.found);
        if !found.is_empty() {
            self.gc.finalization.due.push_back(found);
        }
    }

    /// The next object to finalize. It may be given a finalizer again.
    pub fn next_finalizer(&mut self) -> Option<Slot> {
        let list = self.gc.finalization.due.front_mut()?;
        let object = list.pop()?;
        if list.is_empty() {
            self.gc.finalization.due.pop_front();
        }
        // SAFETY: objects that are due are roots.
        unsafe { (*object.as_ptr::<Header>()).flags &= !flag::FINALIZABLE };
        Some(object)
    }

    /// Whether [`Heap::next_finalizer`] has something to give.
    #[inline]
    pub fn has_finalizers(&self) -> bool {
        !self.gc.finalization.due.is_empty()
    }

    /// How many objects wait for their finalizers.
    pub fn finalizers_due(&self) -> usize {
        self.gc.finalization.due.iter().map(Vec::len).sum()
    }

    /// Has every object with a finalizer finalized, because the state closes.
    pub fn all_finalizers(&mut self) {
        self.settle();
        self.gc.closing = true;
        let all: Vec<Slot> = std::mem::take(&mut self.gc.finalizable).into_iter().map(value_of).collect();
        if !all.is_empty() {
            self.gc.finalization.due.push_back(all);
            // Marking that is under way has to get to them.
            self.forget_marked_due();
        }
    }
}
