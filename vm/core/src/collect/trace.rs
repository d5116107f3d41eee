//! Tracing of objects, weak tables and ephemerons.
//!
//! This module may use `unsafe`; the bargain is that of `collect`.
#![allow(unsafe_code)]

use super::{Marker, Roots};
use crate::heap::{BLACK, GREY, Heap};
use crate::meta::Event;
use crate::object::{Closure, Header, Native, ProtoObject, Str, Table, Thread, Upvalue, Userdata};
use crate::string::str_bytes;
use crate::table::{self, Entry, SLICE, clear_entry, hash_entry, hash_used, load};
use crate::unwind::status;
use crate::value::{Slot, tag};
use std::ops::Range;

/// Which references of a table do not keep their targets alive.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Weak {
    No,
    Values,
    Keys,
    All,
}

/// The number of properties whose values are initialised.
pub(super) unsafe fn prop_count(heap: &Heap, t: *mut Table) -> usize {
    // SAFETY: live by contract of the callers.
    unsafe { heap.shapes.get((*t).header.aux).count as usize }
}

/// How far a big table is traced: entries of its hash below `entry`, then items of its array below `item`.
pub(super) struct Slice {
    pub(super) table: *mut Table,
    pub(super) weak: Weak,
    pub(super) entry: u32,
    pub(super) item: usize,
}

/// Whether an object is a coroutine that runs, or waits for one that it resumed.
pub(super) unsafe fn runs(object: *mut Header) -> bool {
    // SAFETY: live by contract of the callers; the kind says which struct the header begins.
    unsafe {
        u64::from((*object).kind) == tag::THREAD
            && matches!((*object.cast::<Thread>()).status, status::RUNNING | status::NORMAL)
    }
}

/// Shows `visit` all that an object refers to that is neither a table nor a coroutine; gives its cost.
#[inline(always)]
pub(super) unsafe fn follow(object: *mut Header, mut visit: impl FnMut(*mut Header)) -> usize {
    // SAFETY: the object is live by contract, and so is what it refers to; the kind says which struct the header begins.
    unsafe {
        let count = (*object).aux as usize;
        match u64::from((*object).kind) {
            tag::CLOSURE => {
                let closure = object.cast::<Closure>();
                if !(*closure).proto.is_null() {
                    visit((*closure).proto.cast());
                }
                for at in 0..count {
                    let upvalue = *(*closure).upvalues.add(at);
                    if !upvalue.is_null() {
                        visit(upvalue.cast());
                    }
                }
                32 + count * 8
            }
            tag::UPVALUE => {
                follow_values((*object.cast::<Upvalue>()).location, 1, visit);
                48
            }
            tag::NATIVE => {
                follow_values(Native::upvalues(object.cast()), count, visit);
                16 + count * 16
            }
            tag::USERDATA => {
                let userdata = object.cast::<Userdata>();
                if !(*userdata).meta.is_null() {
                    visit((*userdata).meta.cast());
                }
                follow_values(Userdata::values(userdata), count, visit);
                32 + count * 16
            }
            tag::PROTO => {
                let proto = object.cast::<ProtoObject>();
                let constants = (*proto).n_constants as usize;
                follow_values((*proto).constants, constants, &mut visit);
                for at in 0..(*proto).n_children as usize {
                    let child = *(*proto).children.add(at);
                    if !child.is_null() {
                        visit(child.cast());
                    }
                }
                128 + constants * 16
            }
            _ => 16,
        }
    }
}

/// Shows `visit` what `count` values refer to.
#[inline(always)]
unsafe fn follow_values(values: *const Slot, count: usize, mut visit: impl FnMut(*mut Header)) {
    for at in 0..count {
        // SAFETY: the values belong to a live object by contract.
        let value = unsafe { *values.add(at) };
        if value.is_collectable() {
            visit(value.as_ptr());
        }
    }
}

impl Heap {
    /// Traces a marked object; gives its cost.
    pub(super) fn trace(&mut self, object: *mut Header, roots: &mut dyn Roots) -> usize {
        self.release_waiting(object);
        // SAFETY: marked objects are live, and so is what they refer to; the
        // kind says which struct the header begins.
        unsafe {
            (*object).mark = BLACK | self.gc.revived;
            match u64::from((*object).kind) {
                tag::TABLE => self.trace_table(object.cast()),
                tag::THREAD => self.trace_thread(object.cast(), roots),
                _ => follow(object, |target| self.mark_soon(target)),
            }
        }
    }

    /// Stacks have no barrier: while it runs, a coroutine stays grey.
    unsafe fn trace_thread(&mut self, thread: *mut Thread, roots: &mut dyn Roots) -> usize {
        let atomic = self.gc.atomic;
        // SAFETY: the thread is live and so is what it refers to.
        unsafe {
            if runs(thread.cast()) {
                if !atomic {
                    (*thread).header.mark = GREY;
                    self.gc.grey_again.push(thread.cast());
                } else if self.gc.generational {
                    (*thread).header.mark = GREY;
                    self.gc.carried.push(thread.cast());
                }
            }
            roots.trace_thread(thread, &mut Marker { heap: self }, atomic);
            let mut open: *mut Upvalue = (*thread).open;
            while !open.is_null() {
                self.mark_soon(open.cast());
                open = (*open).next;
            }
            if !(*thread).resumer.is_null() {
                self.mark_soon((*thread).resumer.cast());
            }
            self.mark_slot((*thread).hook);
            128 + (*thread).capacity as usize * 16
        }
    }

    pub(super) unsafe fn weakness(&self, meta: *mut Table) -> Weak {
        // SAFETY: metatables of live tables are live.
        unsafe {
            if meta.is_null() {
                return Weak::No;
            }
            let mode = table::get_str(self, meta, self.event_names[Event::Mode as usize]);
            if mode.tag != tag::STRING {
                return Weak::No;
            }
            let mode = str_bytes(mode.as_ptr::<Str>());
            match (mode.contains(&b'k'), mode.contains(&b'v')) {
                (false, false) => Weak::No,
                (false, true) => Weak::Values,
                (true, false) => Weak::Keys,
                (true, true) => Weak::All,
            }
        }
    }

    unsafe fn trace_table(&mut self, t: *mut Table) -> usize {
        // SAFETY: the table is live; positions stay within its parts.
        unsafe {
            if !(*t).meta.is_null() {
                self.mark_soon((*t).meta.cast());
            }
            self.shapes.touch((*t).header.aux);
            if self.gc.trims {
                table::trim(self, t);
            }
            let weak = self.weakness((*t).meta);
            match weak {
                Weak::No => {}
                Weak::Values => self.gc.weak_values.push(t),
                Weak::Keys => self.gc.weak_keys.push(t),
                Weak::All => {
                    self.gc.weak_values.push(t);
                    self.gc.all_weak.push(t);
                }
            }
            let n_props = prop_count(self, t);
            if matches!(weak, Weak::No | Weak::Keys) {
                self.mark_storage((*t).props, 0, n_props);
            }
            if table::is_big(t.cast()) {
                self.gc.slices.push(Slice { table: t, weak, entry: 0, item: 0 });
                return 80 + n_props * 9;
            }
            let n_entries = hash_used((*t).hash);
            self.trace_entries(t, weak, 0..n_entries);
            if matches!(weak, Weak::No | Weak::Keys) {
                self.mark_storage((*t).array, 0, (*t).array_len as usize);
            }
            80 + (n_props + (*t).array_len as usize) * 9 + n_entries as usize * 40
        }
    }

    /// Marks what entries hold on to.
    unsafe fn trace_entries(&mut self, t: *mut Table, weak: Weak, entries: Range<u32>) {
        // SAFETY: by contract of the callers the table is live, and has these entries.
        unsafe {
            match weak {
                Weak::No => {
                    for at in entries {
                        self.trace_entry(hash_entry((*t).hash, at));
                    }
                }
                Weak::Values => {
                    for at in entries {
                        let entry = hash_entry((*t).hash, at);
                        if (*entry).value.is_nil() {
                            clear_entry(entry);
                        } else {
                            self.mark_slot((*entry).key);
                        }
                    }
                }
                Weak::Keys => self.trace_ephemerons(t, entries),
                // `clear_values` marks strings, when it is known which entries stay.
                Weak::All => {}
            }
        }
    }

    /// Goes on with a big table. What was put into the part that is done was marked then and there,
    /// and integer keys move from the hash to the array only; see also `Heap::reordered`.
    pub(super) unsafe fn trace_slice(&mut self, slice: Slice) -> usize {
        let Slice { table: t, weak, entry, item } = slice;
        // SAFETY: the table is live; positions stay within its parts.
        unsafe {
            // To note what waits for a key takes longer than to mark.
            let many = if weak == Weak::Keys { SLICE / 4 } else { SLICE };
            let entry_end = hash_used((*t).hash).min(entry.saturating_add(many as u32));
            if entry < entry_end {
                self.trace_entries(t, weak, entry..entry_end);
                self.gc.slices.push(Slice { entry: entry_end, ..slice });
                return (entry_end - entry) as usize * 40;
            }
            let item_end = ((*t).array_len as usize).min(item.saturating_add(SLICE));
            if item < item_end && matches!(weak, Weak::No | Weak::Keys) {
                self.mark_storage((*t).array, item, item_end);
                self.gc.slices.push(Slice { item: item_end, ..slice });
                return (item_end - item) * 9;
            }
            64
        }
    }

    /// Whether a table is traced in part only.
    pub(crate) fn is_in_slices(&self, object: *mut Header) -> bool {
        self.gc.slices.iter().any(|slice| slice.table.cast() == object)
    }

    unsafe fn mark_storage(&mut self, storage: *mut u8, from: usize, to: usize) {
        for at in from..to {
            // SAFETY: elements below the count are initialised, and what they refer to is live.
            unsafe { self.mark_slot(load(storage, at)) };
        }
    }

    unsafe fn trace_entry(&mut self, entry: *mut Entry) {
        // SAFETY: entries in use are initialised.
        unsafe {
            if (*entry).value.is_nil() {
                clear_entry(entry);
            } else {
                self.mark_slot((*entry).key);
                self.mark_slot((*entry).value);
            }
        }
    }
}
