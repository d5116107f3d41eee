//! Checking the heap: every reference leads to an object of the kind it says,
//! and no traced object refers to one that marking has not reached.
//!
//! This module may use `unsafe`; the bargain is that of `collect`.
#![allow(unsafe_code)]

use super::trace::{Weak, prop_count};
use super::{Phase, is_white};
use crate::heap::{BLACK, Heap, WHITES};
use crate::object::{Closure, Header, Native, ProtoObject, Table, Upvalue, Userdata};
use crate::table::{hash_entry, hash_used, load};
use crate::value::{Slot, tag};

impl Heap {
    /// Walks all objects and says what is wrong, if anything.
    pub fn verify(&mut self) -> Result<(), String> {
        let mut objects = self.large.clone();
        for at in 0..self.objects.blocks.len() {
            self.for_cells(at, |_, object| objects.push(object));
        }
        let known: std::collections::HashSet<u64> = objects.iter().map(|&object| object as u64).collect();
        let other_white = (self.gc.white ^ WHITES) & WHITES;
        for object in objects {
            // SAFETY: cells in use hold objects.
            let (mark, kind) = unsafe { ((*object).mark, (*object).kind) };
            if self.gc.phase == Phase::Sweep && mark & other_white != 0 {
                continue;
            }
            // SAFETY: as above; objects that are not dead have live storage.
            for value in unsafe { self.references(object) } {
                let target = value.as_ptr::<Header>();
                if !known.contains(&value.payload) {
                    return Err(format!("object {object:?} of kind {kind} refers to freed {target:?}"));
                }
                // SAFETY: the target is an object, as was just checked.
                let (target_kind, target_mark) = unsafe { ((*target).kind, (*target).mark) };
                if u64::from(target_kind) != value.tag {
                    return Err(format!("{object:?} has tag {} for kind {target_kind}", value.tag));
                }
                let marking = self.gc.phase == Phase::Propagate;
                if marking && mark & BLACK != 0 && is_white(target) {
                    return Err(format!("black {object:?} of kind {kind} refers to white {target:?} of kind {target_kind}"));
                }
                if self.gc.phase == Phase::Sweep && target_mark & other_white != 0 {
                    return Err(format!("live {object:?} of kind {kind} refers to dead {target:?}"));
                }
            }
        }
        Ok(())
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
}
