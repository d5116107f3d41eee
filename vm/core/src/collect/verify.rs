//! Checking the heap: every reference leads to an object of the kind it says,
//! and no traced object refers to one that marking has not reached.
//! Bytes and free lists are `memory.rs`.
//!
//! This module may use `unsafe`; the bargain is that of `collect`.
#![allow(unsafe_code)]

mod memory;

use std::collections::HashSet;

use super::trace::{Weak, prop_count};
use super::Phase;
use crate::heap::{BLACK, Heap, WHITES};
use crate::object::{Closure, Header, Native, ProtoObject, Table, Thread, Upvalue, Userdata};
use crate::stack;
use crate::table::{hash_entry, hash_used, load};
use crate::value::{Slot, tag};

impl Heap {
    /// Walks all objects and says what is wrong, if anything.
    ///
    /// # Errors
    /// The first fault, in words.
    pub fn verify(&mut self) -> Result<(), String> {
        self.mark_referred();
        let mut objects = self.large.clone();
        for at in 0..self.objects.blocks.len() {
            self.for_cells(at, |_, object| objects.push(object));
        }
        let known: HashSet<u64> = objects.iter().map(|&object| object as u64).collect();
        for &object in &objects {
            // SAFETY: cells in use hold objects; those that are not dead have live storage.
            unsafe {
                // While weak keys are removed, the shapes of dead tables are gone already.
                let is_over = self.clears() && self.is_unreached(object);
                if !self.awaits_sweep(object) && !is_over {
                    self.verify_object(object, &known)?;
                }
            }
        }
        self.verify_roots(&known)?;
        self.verify_memory(&objects)
    }

    /// Whether the sweeper is about to free an object.
    unsafe fn awaits_sweep(&self, object: *mut Header) -> bool {
        let other_white = (self.gc.white ^ WHITES) & WHITES;
        // SAFETY: in use by contract of the caller.
        self.gc.phase == Phase::Sweep && unsafe { (*object).mark } & other_white != 0
    }

    unsafe fn verify_object(&self, object: *mut Header, known: &HashSet<u64>) -> Result<(), String> {
        // SAFETY: by contract of the caller.
        let (mark, kind) = unsafe { ((*object).mark, (*object).kind) };
        let is_done = self.gc.phase == Phase::Propagate || self.gc.phase == Phase::Pause && self.gc.generational;
        // When marking has ended, what is whitened is in use as well.
        let is_reached = mark & BLACK != 0 || self.settles() && mark & self.gc.white != 0;
        let must_refer_to_marked = (is_done || self.settles()) && is_reached && !self.is_in_slices(object);
        // SAFETY: as above.
        for value in unsafe { self.references(object) } {
            self.verify_target(value, known).map_err(|why| format!("{object:?} of kind {kind} {why}"))?;
            let target = value.as_ptr::<Header>();
            if must_refer_to_marked && self.is_unreached(target) {
                return Err(format!("black {object:?} of kind {kind} refers to white {target:?}"));
            }
        }
        // SAFETY: as above; the kind says which struct the header begins.
        let loose = unsafe {
            match u64::from(kind) {
                tag::TABLE => self.weak_references(object.cast()),
                tag::THREAD => thread_references(object.cast()),
                _ => Vec::new(),
            }
        };
        for value in loose {
            if must_refer_to_marked && u64::from(kind) == tag::THREAD && self.is_unreached(value.as_ptr()) {
                return Err(format!("black coroutine {object:?} refers to white {:#x}", value.payload));
            }
            self.verify_target(value, known).map_err(|why| format!("{object:?} of kind {kind} {why}"))?;
        }
        Ok(())
    }

    /// A reference leads to an object of its kind that stays.
    fn verify_target(&self, value: Slot, known: &HashSet<u64>) -> Result<(), String> {
        let target = value.as_ptr::<Header>();
        if !known.contains(&value.payload) {
            return Err(format!("refers to freed {target:?} with tag {}", value.tag));
        }
        // SAFETY: the target is an object, as was just checked.
        let (kind, dies) = unsafe { ((*target).kind, self.awaits_sweep(target)) };
        if u64::from(kind) != value.tag {
            return Err(format!("has tag {} for {target:?} of kind {kind}", value.tag));
        }
        if dies { Err(format!("refers to dead {target:?} of kind {kind}")) } else { Ok(()) }
    }

    fn verify_roots(&self, known: &HashSet<u64>) -> Result<(), String> {
        let names = self.own_strings().map(|name| Slot::object(name, tag::STRING));
        let finalization = &self.gc.finalization;
        let to_finalize = finalization.due.iter().flatten().chain(&finalization.found).copied();
        for value in to_finalize.chain(names) {
            self.verify_target(value, known).map_err(|why| format!("a root {why}"))?;
        }
        let seen = match self.gc.phase {
            Phase::Separate => finalization.kept..finalization.looked_at,
            _ => 0..0,
        };
        let listed = self.gc.finalizable.iter().enumerate().filter(|(at, _)| !seen.contains(at));
        let lists = listed.map(|(_, &object)| object as u64);
        let threads = self.gc.threads.iter().map(|&thread| thread as u64);
        let protos = self.gc.protos.iter().map(|&proto| proto as u64);
        match lists.chain(threads).chain(protos).find(|object| !known.contains(object)) {
            Some(object) => Err(format!("a list of the collector has freed {object:#x}")),
            None => Ok(()),
        }
    }

    /// Strong references of an object, except those from stacks and ephemerons.
    unsafe fn references(&self, object: *mut Header) -> Vec<Slot> {
        let mut found = Vec::new();
        // SAFETY: by contract of the caller; the kind says which struct the header begins.
        unsafe {
            match u64::from((*object).kind) {
                tag::TABLE => self.table_references(object.cast(), &mut found),
                tag::CLOSURE => {
                    let closure = object.cast::<Closure>();
                    found.push(Slot::object((*closure).proto, tag::PROTO));
                    for at in 0..(*object).aux as usize {
                        found.push(Slot::object(*(*closure).upvalues.add(at), tag::UPVALUE));
                    }
                }
                tag::UPVALUE => {
                    let upvalue = object.cast::<Upvalue>();
                    if (*upvalue).location == &raw mut (*upvalue).closed {
                        found.push((*upvalue).closed);
                    }
                }
                tag::NATIVE => {
                    for at in 0..(*object).aux as usize {
                        found.push(*Native::upvalues(object.cast()).add(at));
                    }
                }
                tag::USERDATA => {
                    let userdata = object.cast::<Userdata>();
                    found.push(Slot::object((*userdata).meta, tag::TABLE));
                    for at in 0..(*object).aux as usize {
                        found.push(*Userdata::values(userdata).add(at));
                    }
                }
                tag::PROTO => {
                    let proto = object.cast::<ProtoObject>();
                    for at in 0..(*proto).n_constants as usize {
                        found.push(*(*proto).constants.add(at));
                    }
                    for at in 0..(*proto).n_children as usize {
                        found.push(Slot::object(*(*proto).children.add(at), tag::PROTO));
                    }
                }
                _ => {}
            }
        }
        found.retain(|value| value.is_collectable() && value.payload != 0);
        found
    }

    unsafe fn table_references(&self, t: *mut Table, found: &mut Vec<Slot>) {
        // SAFETY: the table is not freed; positions stay within its parts.
        unsafe {
            found.push(Slot::object((*t).meta, tag::TABLE));
            if self.weakness((*t).meta) != Weak::No {
                return;
            }
            let n_props = prop_count(self, t);
            found.extend((0..n_props).map(|at| load((*t).props, at)));
            found.extend((0..(*t).array_len as usize).map(|at| load((*t).array, at)));
            for at in 0..hash_used((*t).hash) {
                let entry = hash_entry((*t).hash, at);
                if !(*entry).value.is_nil() {
                    found.extend([(*entry).key, (*entry).value]);
                }
            }
        }
    }

    /// What a weak table refers to; an entry's key counts only while it has a value.
    unsafe fn weak_references(&self, t: *mut Table) -> Vec<Slot> {
        let mut found = Vec::new();
        // SAFETY: as in `table_references`. Before marking ends dead objects may still be there,
        // and between its end and the end of sweeping they are gone from here.
        unsafe {
            if self.weakness((*t).meta) == Weak::No {
                return found;
            }
            found.extend((0..prop_count(self, t)).map(|at| load((*t).props, at)));
            found.extend((0..(*t).array_len as usize).map(|at| load((*t).array, at)));
            for at in 0..hash_used((*t).hash) {
                let entry = hash_entry((*t).hash, at);
                if !(*entry).value.is_nil() {
                    found.extend([(*entry).key, (*entry).value]);
                }
            }
        }
        found.retain(|value| value.is_collectable());
        found
    }
}

/// What a coroutine holds on to: its frames, their slots, its open variables.
unsafe fn thread_references(thread: *mut Thread) -> Vec<Slot> {
    let mut found = Vec::new();
    // SAFETY: the thread is live; frames are walked by their links.
    unsafe {
        let end = stack::extent(thread) as usize;
        found.extend((0..end).map(|at| *(*thread).stack.add(at)));
        found.retain(|slot| (tag::STRING..=tag::THREAD).contains(&slot.tag));
        let mut base = (*thread).base;
        while base != 0 {
            let frame = stack::frame(thread, base);
            found.push(frame.callee);
            base = if frame.delta == 0 { 0 } else { base - frame.delta };
        }
        let mut open = (*thread).open;
        while !open.is_null() {
            found.push(Slot::object(open, tag::UPVALUE));
            open = (*open).next;
        }
        found.push(Slot::object((*thread).resumer, tag::THREAD));
        found.push((*thread).hook);
    }
    found.retain(|value| value.is_collectable() && value.payload != 0);
    found
}
