//! Sweeping: dead objects give back what they own, the others turn white.
//!
//! This module may use `unsafe`; the bargain is that of `collect`.
#![allow(unsafe_code)]

use super::Phase;
use crate::heap::block::{FreeCell, LARGE, SIZES};
use crate::heap::sanitize::{forbid, permit};
use crate::heap::{Heap, POISON, WHITES};
use crate::object::{Closure, Header, Native, ProtoObject, Str, Thread, Upvalue, Userdata, flag};
use crate::value::{Slot, tag};

const LARGE_AT_A_TIME: usize = 64;

/// Bytes of an object that has memory of its own.
pub(super) unsafe fn large_size(object: *mut Header) -> usize {
    // SAFETY: the kind says which struct the header begins.
    unsafe {
        match u64::from((*object).kind) {
            tag::STRING => size_of::<Str>() + (*object.cast::<Str>()).len as usize + 1,
            tag::USERDATA => size_of::<Userdata>() + (*object).aux as usize * size_of::<Slot>(),
            tag::NATIVE => size_of::<Native>() + (*object).aux as usize * size_of::<Slot>(),
            kind => unreachable!("large object of kind {kind}"),
        }
    }
}

impl Heap {
    /// Sweeps a block or some large objects; gives the cost in bytes.
    pub(super) fn sweep_some(&mut self) -> usize {
        self.objects.release_idle();
        if self.gc.sweep_block < self.gc.sweep_end {
            let at = self.gc.sweep_block;
            self.gc.sweep_block += 1;
            return self.sweep_block(at);
        }
        for _ in 0..LARGE_AT_A_TIME {
            let Some(&object) = self.large.get(self.gc.sweep_large) else {
                self.gc.phase = Phase::Pause;
                self.gc.unreached = self.gc.white;
                break;
            };
            if self.is_dead(object) {
                self.large.swap_remove(self.gc.sweep_large);
                // SAFETY: dead, and no longer in the list.
                unsafe {
                    let size = large_size(object);
                    self.release(object);
                    self.free_raw(object.cast(), size);
                }
            } else {
                // SAFETY: objects in the list are not freed.
                unsafe { self.keep(object) };
                self.gc.sweep_large += 1;
            }
        }
        4096
    }

    /// What lives is white again for the next cycle, or old for good.
    #[inline(always)]
    unsafe fn keep(&self, object: *mut Header) {
        if !self.gc.generational {
            // SAFETY: by contract of the callers.
            unsafe { (*object).mark = self.gc.white };
        }
    }

    pub(super) fn is_dead(&self, object: *mut Header) -> bool {
        // SAFETY: the sweeper only asks about cells in use.
        unsafe { (*object).mark & (self.gc.white ^ WHITES) & WHITES != 0 }
    }

    pub(super) fn sweep_block(&mut self, at: usize) -> usize {
        let block = &self.objects.blocks[at];
        if block.start.is_null() {
            return 16;
        }
        let (start, class, carved) = (block.start, block.class, block.carved as usize);
        let size = SIZES[usize::from(class)] as usize;
        self.objects.detach(at);
        let mut free: *mut FreeCell = std::ptr::null_mut();
        let mut n_free = 0;
        for cell in (0..carved / size).rev() {
            // SAFETY: the cells of a block lie at multiples of their size; each has
            // an object's header, or zero when free.
            unsafe {
                let object = start.add(cell * size).cast::<Header>();
                if (*object).kind != 0 {
                    if !self.is_dead(object) {
                        self.keep(object);
                        continue;
                    }
                    self.release(object);
                    self.debt = self.debt.wrapping_sub(size as isize);
                    if self.torture > 0 {
                        std::ptr::write_bytes(object.cast::<u8>(), POISON, size);
                    }
                }
                permit(object.cast(), size_of::<FreeCell>());
                let cell = object.cast::<FreeCell>();
                (*cell).header = 0;
                (*cell).next = free;
                free = cell;
                n_free += 1;
                forbid(object.add(1).cast(), size - size_of::<Header>());
            }
        }
        self.objects.attach(at, free, n_free);
        carved / 8 + 64
    }

    /// Frees what a dying object owns besides its cell.
    unsafe fn release(&mut self, object: *mut Header) {
        // SAFETY: nobody else uses the storage of a dead object.
        unsafe {
            match u64::from((*object).kind) {
                tag::STRING if (*object).flags & flag::SHORT != 0 => self.strings.remove(object.cast()),
                tag::TABLE => crate::table::release(self, object.cast()),
                tag::CLOSURE => {
                    let closure = object.cast::<Closure>();
                    if (*closure).upvalues != closure.add(1).cast::<*mut Upvalue>() {
                        let bytes = ((*object).aux as usize).max(1) * 8;
                        self.free_raw((*closure).upvalues.cast(), bytes);
                    }
                }
                tag::USERDATA => {
                    let host = (*object.cast::<Userdata>()).host;
                    self.discharge_host(object.cast());
                    if host != 0 {
                        self.dead_hosts.push(host - 1);
                    }
                }
                tag::THREAD => {
                    let thread = object.cast::<Thread>();
                    self.unlist(thread);
                    let stack = (*thread).capacity as usize * size_of::<Slot>();
                    self.free_raw((*thread).stack.cast(), stack);
                    self.free_raw((*thread).tbc.cast(), (*thread).tbc_cap as usize * 4);
                }
                tag::PROTO => {
                    let cold = (*object.cast::<ProtoObject>()).cold;
                    if !cold.is_null() {
                        let cold = Box::from_raw(cold);
                        self.discharge_outside(cold.size());
                        self.forget_native(cold.native_size());
                    }
                }
                _ => {}
            }
        }
    }

    /// Takes a dead coroutine out of the list; the last one gets its place.
    unsafe fn unlist(&mut self, thread: *mut Thread) {
        // SAFETY: threads in the list are not freed.
        unsafe {
            let place = (*thread).listed as usize;
            if self.gc.threads.get(place) == Some(&thread) {
                self.gc.threads.swap_remove(place);
                if let Some(&moved) = self.gc.threads.get(place) {
                    (*moved).listed = place as u32;
                }
            }
        }
    }

    /// All coroutines that are in use or may be, but for those that only a finalizer will see
    /// (unless [`Heap::settle`] has just been called).
    pub(crate) fn live_threads(&self) -> Vec<*mut Thread> {
        let is_gone = |thread: *mut Thread| match self.gc.phase {
            Phase::Pause | Phase::Propagate => false,
            Phase::Separate | Phase::Revive | Phase::Clear => self.is_hidden(thread.cast()),
            Phase::Sweep => self.is_dead(thread.cast()),
        };
        self.gc.threads.iter().copied().filter(|&thread| !is_gone(thread)).collect()
    }

    /// All closures that are in use or may be.
    pub(crate) fn live_closures(&mut self) -> Vec<*mut Closure> {
        self.settle();
        let mut list = Vec::new();
        for at in 0..self.objects.blocks.len() {
            self.for_cells(at, |heap, object| {
                // SAFETY: cells in use hold objects.
                let is_closure = unsafe { u64::from((*object).kind) == tag::CLOSURE };
                let is_dead = heap.gc.phase == Phase::Sweep && heap.is_dead(object);
                if is_closure && !is_dead {
                    list.push(object.cast::<Closure>());
                }
            });
        }
        list
    }

    /// Frees all objects, when the heap itself goes.
    pub(crate) fn free_everything(&mut self) {
        for object in std::mem::take(&mut self.large) {
            // SAFETY: nothing is used any more.
            unsafe {
                let size = large_size(object);
                self.release(object);
                self.free_raw(object.cast(), size);
            }
        }
        for at in 0..self.objects.blocks.len() {
            self.for_cells(at, |heap, object| {
                // SAFETY: as above.
                unsafe { heap.release(object) };
            });
        }
    }

    /// Calls for every object in a block.
    pub(super) fn for_cells(&mut self, at: usize, mut call: impl FnMut(&mut Heap, *mut Header)) {
        let block = &self.objects.blocks[at];
        if block.start.is_null() {
            return;
        }
        let size = SIZES[usize::from(block.class)] as usize;
        let (start, carved) = (block.start, block.carved as usize);
        for cell in 0..carved / size {
            // SAFETY: as in `sweep_block`.
            unsafe {
                let object = start.add(cell * size).cast::<Header>();
                if (*object).kind != 0 {
                    debug_assert_ne!((*object).class, LARGE);
                    call(self, object);
                }
            }
        }
    }
}
