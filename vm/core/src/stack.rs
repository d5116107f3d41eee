//! Stacks and frames.
//!
//! A frame's registers begin at `base`; the two slots below are its header:
//!
//! ```text
//! base[-2].payload   the function that runs
//! base[-2].tag       tag (8 bits) | kind (8) | wanted results + 1, 0 for all (8) | flags (8) | extra arguments (32)
//! base[-1].payload   machine return address, or the state of a native function
//! base[-1].tag       pc index at which the caller goes on (32) | distance to the caller's base (32)
//! ```
//!
//! Links are distances, so a stack moves without fix-up. The first slot of a
//! stack holds the error that travels to its bottom. Words of dead headers may
//! lie among the registers of a live frame: their tags are above 255 or name an
//! object, so whoever scans registers skips tags that are no kind of value.
//!
//! This module uses `unsafe` because slots are reached by address. The bargain:
//! a `base` belongs to a stack whose frames were pushed by `call`, and nothing
//! keeps an address of a slot across a growth.
#![allow(unsafe_code)]

use crate::collect::Marker;
use crate::heap::{Heap, OutOfMemory};
use crate::object::{Closure, Thread, Upvalue};
use crate::value::{Slot, tag};

/// How a frame ends.
pub mod kind {
    /// Results go where the function stood; the caller is a Lua frame.
    pub const LUA: u8 = 0;
    /// As `LUA`, but the caller is a native function that is entered again.
    pub const FROM_NATIVE: u8 = 1;
    /// A metamethod: the result completes the caller's instruction.
    pub const META: u8 = 2;
    /// A `__close` method: its results are dropped, the caller's instruction runs again.
    pub const CLOSE: u8 = 3;
    /// A `__close` method run while an error unwinds.
    pub const CLOSE_UNWIND: u8 = 4;
    /// Called by the host: returning leaves the interpreter.
    pub const ENTRY: u8 = 5;
    /// First frame of a coroutine.
    pub const COROUTINE: u8 = 6;
    /// A message handler: its result replaces the error.
    pub const HANDLER: u8 = 7;
    /// A finalizer or a hook: its results are dropped, the caller goes on.
    pub const ASIDE: u8 = 8;
    /// A native function in tail position: its results are the caller's.
    pub const FORWARD: u8 = 9;

    /// A hook before an instruction, which runs afterwards; `extra` is the caller's top.
    pub const HOOK: u8 = 10;
    /// As `FROM_NATIVE`, but the caller is `pcall`, which would only pass the results on.
    pub const PROTECTED: u8 = 11;

    /// Whether PUC Lua would make such a call over its C stack.
    pub const fn is_nested(kind: u8) -> bool {
        matches!(kind, FROM_NATIVE | PROTECTED | META | CLOSE | CLOSE_UNWIND | ENTRY | HANDLER | ASIDE | HOOK)
    }
}

/// Flags of a frame.
pub mod flag {
    /// Errors stop here (`pcall`, `xpcall`): register 0 is the handler, register 1 takes the error.
    pub const PROTECTED: u8 = 1;
    /// Entered by a tail call.
    pub const TAIL: u8 = 2;
    /// Moved above its extra arguments.
    pub const VARARG: u8 = 4;
    /// An error passes on its way here; `__close` methods run.
    pub const UNWINDING: u8 = 8;
    /// The native that calls a finalizer, which nobody is shown.
    pub const FINALIZER: u8 = 16;
    /// A hook function.
    pub const HOOK: u8 = 32;
    /// The call hook is due before the first instruction.
    pub const CALL_DUE: u8 = 64;
    /// What it calls may not yield.
    pub const BARS: u8 = 128;
}

/// Slots kept free above every frame, for the arguments of metamethods.
pub const SLACK: usize = 24;
/// Slots a stack may have (PUC's `LUAI_MAXSTACK`).
pub const MAX_SLOTS: usize = 1_000_000;
/// More slots, for the handler of a stack overflow.
pub const OVERFLOW_SLOTS: usize = 1_000_000 + 4_000;
/// A stack with more slots is made smaller when an error leaves it nearly empty.
pub const LARGE_SLOTS: usize = 100_000;
/// Slots of a fresh stack.
pub const INITIAL_SLOTS: usize = 48;
/// Register 0 of the first frame of a stack.
pub const FIRST_BASE: u32 = 3;

/// Word at `base[-2].tag`.
#[inline(always)]
pub const fn head(tag: u64, kind: u8, wanted: u8, flags: u8, extra: u32) -> u64 {
    tag | (kind as u64) << 8 | (wanted as u64) << 16 | (flags as u64) << 24 | (extra as u64) << 32
}

/// Word at `base[-1].tag`.
#[inline(always)]
pub const fn link(pc: u32, delta: u32) -> u64 {
    pc as u64 | (delta as u64) << 32
}

/// A decoded frame header.
#[derive(Clone, Copy)]
pub struct Frame {
    /// Index of register 0.
    pub base: u32,
    /// The function.
    pub callee: Slot,
    /// One of [`kind`].
    pub kind: u8,
    /// Wanted results plus one, 0 for all.
    pub wanted: u8,
    /// Bits of [`flag`].
    pub flags: u8,
    /// Extra arguments of a vararg function.
    pub extra: u32,
    /// Where the caller goes on.
    pub caller_pc: u32,
    /// Distance to the caller's base; 0 in the first frame.
    pub delta: u32,
    /// Index of the slot that takes the first result.
    pub result: u32,
}

/// Reads the frame whose register 0 is at index `base`.
///
/// # Safety
/// `thread` is live and `base` is the base of one of its frames.
#[inline]
pub unsafe fn frame(thread: *const Thread, base: u32) -> Frame {
    // SAFETY: the header of a frame lies directly below its base.
    unsafe {
        let head = Slot::read((*thread).stack.add(base as usize - 2));
        let link = (*(*thread).stack.add(base as usize - 1)).tag;
        let flags = (head.tag >> 24) as u8;
        let extra = (head.tag >> 32) as u32;
        let callee = Slot { payload: head.payload, tag: head.tag & 0xff };
        let mut result = base - 2;
        if flags & flag::VARARG != 0 {
            result -= extra + 2 + u32::from((*(*callee.as_ptr::<Closure>()).proto).params);
        }
        Frame {
            base,
            callee,
            kind: (head.tag >> 8) as u8,
            wanted: (head.tag >> 16) as u8,
            flags,
            extra,
            caller_pc: link as u32,
            delta: (link >> 32) as u32,
            result,
        }
    }
}

impl Slot {
    /// The value in a slot, read by halves: a read of 16 bytes has to wait when they were written by halves.
    ///
    /// # Safety
    /// `from` is readable.
    #[inline(always)]
    pub unsafe fn read(from: *const Slot) -> Slot {
        // SAFETY: as promised; volatile keeps LLVM from merging the halves.
        unsafe {
            Slot {
                payload: std::ptr::read_volatile(&raw const (*from).payload),
                tag: std::ptr::read_volatile(&raw const (*from).tag),
            }
        }
    }
}

/// Makes the host's frame the only one of a fresh stack; `host` is a native that is never run.
///
/// # Safety
/// The stack has room for it.
pub unsafe fn push_host(thread: *mut Thread, host: Slot) {
    // SAFETY: as promised.
    unsafe {
        let t = &mut *thread;
        *t.stack.add(1) = Slot { payload: host.payload, tag: head(tag::NATIVE, kind::ENTRY, 0, 0, 0) };
        *t.stack.add(2) = Slot { payload: 0, tag: link(0, 0) };
        t.base = FIRST_BASE;
        t.top = FIRST_BASE;
    }
}

/// Sets or clears flags of the frame at `base`.
///
/// # Safety
/// As [`frame`].
pub unsafe fn change_flags(thread: *mut Thread, base: u32, set: u8, clear: u8) {
    // SAFETY: the header of a frame lies directly below its base.
    unsafe {
        let head = &mut (*(*thread).stack.add(base as usize - 2)).tag;
        let flags = ((*head >> 24) as u8 | set) & !clear;
        *head = *head & !(0xff << 24) | u64::from(flags) << 24;
    }
}

/// One past the last slot that the top frame may use.
///
/// # Safety
/// `thread` is live.
pub unsafe fn extent(thread: *const Thread) -> u32 {
    // SAFETY: see `frame`.
    unsafe {
        let t = &*thread;
        if t.base == 0 {
            return t.top;
        }
        let callee = *t.stack.add(t.base as usize - 2);
        let mut end = t.top;
        if callee.tag & 0xff == tag::CLOSURE {
            let proto = (*callee.as_ptr::<Closure>()).proto;
            end = end.max(t.base + u32::from((*proto).max_stack));
        }
        end.min(t.capacity)
    }
}

/// Whether a function under way bars the coroutine from yielding.
///
/// # Safety
/// `thread` is live.
pub unsafe fn bars_yield(thread: *mut Thread) -> bool {
    // SAFETY: frames are walked by their links.
    unsafe {
        let mut base = if (*thread).may_bar { (*thread).base } else { 0 };
        while base != 0 {
            let frame = frame(thread, base);
            if frame.flags & flag::BARS != 0 {
                return true;
            }
            base = if frame.delta == 0 { 0 } else { base - frame.delta };
        }
        (*thread).may_bar = false;
        false
    }
}

/// Gives a stack room for `capacity` slots, no less than it uses; addresses of slots change.
///
/// # Safety
/// `thread` is live; nobody keeps addresses of its slots.
///
/// # Errors
/// The memory limit.
pub unsafe fn resize(heap: &mut Heap, thread: *mut Thread, capacity: usize) -> Result<(), OutOfMemory> {
    // SAFETY: both storages have the sizes named, and open upvalues point into the old one.
    unsafe {
        let t = &mut *thread;
        let fresh: *mut Slot = heap.alloc_raw(capacity * 16)?.cast();
        let old = t.stack;
        let kept = (t.capacity as usize).min(capacity);
        std::ptr::copy_nonoverlapping(old, fresh, kept);
        for i in kept..capacity {
            *fresh.add(i) = Slot::NIL;
        }
        let mut open = t.open;
        while !open.is_null() {
            let index = (*open).location.offset_from(old);
            (*open).location = fresh.offset(index);
            open = (*open).next;
        }
        heap.free_raw(old.cast(), t.capacity as usize * 16);
        t.stack = fresh;
        t.capacity = capacity as u32;
        Ok(())
    }
}

/// Marks everything a stack refers to below index `end`; at the atomic step also clears what lies above.
///
/// # Safety
/// `thread` is live, its fields are in step with its frames, and nothing from `end` on is in use.
pub unsafe fn trace(thread: *mut Thread, end: u32, marker: &mut Marker<'_>, atomic: bool) {
    // SAFETY: indices stay below `capacity`; frames are walked by their links.
    unsafe {
        let t = &*thread;
        if t.stack.is_null() {
            return;
        }
        for i in 0..end as usize {
            let slot = *t.stack.add(i);
            if slot.tag >= tag::STRING && slot.tag <= tag::THREAD {
                marker.slot(slot);
            }
        }
        let mut base = t.base;
        while base != 0 {
            let frame = frame(thread, base);
            marker.slot(frame.callee);
            base = if frame.delta == 0 { 0 } else { base - frame.delta };
        }
        if atomic {
            for i in end as usize..t.capacity as usize {
                *t.stack.add(i) = Slot::NIL;
            }
        }
        let mut open = t.open;
        while !open.is_null() {
            marker.object(open);
            open = (*open).next;
        }
        if t.hook.is_collectable() {
            marker.slot(t.hook);
        }
        if !t.resumer.is_null() {
            marker.slot(Slot::object(t.resumer, tag::THREAD));
        }
        marker.object(t.birth);
    }
}

/// The open upvalue of a slot, made if there is none.
///
/// # Safety
/// `slot` is a slot of `thread`'s stack.
///
/// # Errors
/// The memory limit.
pub unsafe fn find_upvalue(
    heap: &mut Heap,
    thread: *mut Thread,
    slot: *mut Slot,
) -> Result<*mut Upvalue, OutOfMemory> {
    // SAFETY: the list is sorted by address, highest first, and ends with null.
    unsafe {
        let mut place: *mut *mut Upvalue = &raw mut (*thread).open;
        while !(*place).is_null() && (**place).location > slot {
            place = &raw mut (**place).next;
        }
        if !(*place).is_null() && (**place).location == slot {
            return Ok(*place);
        }
        let fresh = heap.upvalue_open(slot)?;
        (*fresh).next = *place;
        *place = fresh;
        heap.touch_thread(thread);
        if !(*thread).has_variables {
            (*thread).has_variables = true;
            heap.gc.with_variables.push(thread);
        }
        Ok(fresh)
    }
}

/// Closes every open upvalue at `from` and above.
///
/// # Safety
/// `from` is a slot of `thread`'s stack.
pub unsafe fn close_upvalues(heap: &mut Heap, thread: *mut Thread, from: *mut Slot) {
    // SAFETY: open upvalues are live as long as the list holds them (dead ones are unlinked by `unlink_dead`).
    unsafe {
        while !(*thread).open.is_null() && (*(*thread).open).location >= from {
            let upvalue = (*thread).open;
            (*thread).open = (*upvalue).next;
            (*upvalue).next = std::ptr::null_mut();
            (*upvalue).closed = *(*upvalue).location;
            (*upvalue).location = &raw mut (*upvalue).closed;
            let value = (*upvalue).closed;
            heap.barrier(upvalue.cast(), value);
        }
    }
}
