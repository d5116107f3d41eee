//! Errors on their way: message handlers, `__close`, protected calls.
//!
//! An error first meets the handler of the nearest protected frame (as a frame
//! on top of everything, so the handler sees the stack of the error), then the
//! frames above the protected one are dropped, their variables are closed one
//! by one, and the protected native is entered again with the error. Nothing
//! recurses: each step is a frame.
#![allow(unsafe_code)]

use crate::call::ERROR_STATE;
use crate::error::Error;
use crate::interp::Flow;
use crate::interp::hook::LIMIT;
use crate::meta::Event;
use crate::object::Thread;
use crate::stack::{self, FIRST_BASE, flag, kind};
use crate::tier::Landing;
use crate::value::{Slot, tag};
use crate::vm::Vm;

/// `Thread::status` values.
pub mod status {
    /// Not started, or yielded.
    pub const SUSPENDED: u8 = 0;
    /// The one that runs.
    pub const RUNNING: u8 = 1;
    /// Resumed another one.
    pub const NORMAL: u8 = 2;
    /// Finished.
    pub const DEAD: u8 = 3;
    /// Ended by an error, which stands in the first slot; the frames are kept.
    pub const FAILED: u8 = 4;
}

/// State in which a native is entered again when the coroutine it closes is closed; nil is on the top.
pub(crate) const CLOSED: u32 = 2;
/// The same when an error, which may be nil, ended or closed it; the error is on the top.
pub(crate) const CLOSED_WITH_ERROR: u32 = 3;

/// Where an error goes.
enum Target {
    /// The protected native frame with this base, and the address at which compiled code would go on that has called
    /// the frame above it, or 0.
    Protected(u32, u64),
    /// The host, which called from the frame with this base.
    Host(u32),
    /// Nowhere: the coroutine fails.
    Bottom,
}

impl Vm {
    /// Deals with `self.error`, which the running frame raised.
    #[cold]
    #[inline(never)]
    pub(crate) fn raise(&mut self, _error: Error) -> Flow {
        if self.limits.is_stopping() {
            return self.drop_frames();
        }
        self.show_error();
        // SAFETY: frames are walked by their links.
        unsafe {
            let thread = self.thread;
            let target = self.target();
            if let Target::Protected(base, _) = target {
                let handler = *(*thread).stack.add(base as usize);
                // A handler that cannot be called is an error to be handled; each try counts
                // as a call, so there is an end to it.
                while !handler.is_nil() && !self.error_skips_handlers {
                    let error = self.error;
                    if let Ok(flow) = self.call_above(handler, &[error], kind::HANDLER, 2, 0, 0) {
                        return flow;
                    }
                }
            }
            self.unwind_to(target)
        }
    }

    /// Drops the frames above the target of the error and closes their variables, once its handler has returned.
    pub(crate) fn unwind(&mut self) -> Flow {
        if self.limits.is_stopping() {
            return self.drop_frames();
        }
        // SAFETY: frames are walked by their links.
        unsafe { self.unwind_to(self.target()) }
    }

    /// As [`Vm::unwind`], with the target that has been found.
    unsafe fn unwind_to(&mut self, target: Target) -> Flow {
        self.error_skips_handlers = false;
        let mut called_by = 0;
        // SAFETY: frames are walked by their links.
        unsafe {
            let thread = self.thread;
            let error = self.error;
            let end = stack::extent(thread);
            match target {
                Target::Protected(base, address) => {
                    called_by = address;
                    *(*thread).stack.add(base as usize + 1) = error;
                    stack::change_flags(thread, base, flag::UNWINDING, 0);
                    (*thread).base = base;
                }
                Target::Host(base) => {
                    *(*thread).stack = error;
                    stack::change_flags(thread, base, flag::UNWINDING, 0);
                    (*thread).base = base;
                }
                Target::Bottom if (*thread).flags & thread_flag::CLOSING != 0 => {
                    (*thread).flags |= thread_flag::HAS_ERROR;
                    *(*thread).stack = error;
                    (*thread).base = FIRST_BASE;
                }
                Target::Bottom => {
                    *(*thread).stack = error;
                    (*thread).status = status::FAILED;
                    return self.deliver_to_resumer(&[error], ERROR_STATE);
                }
            }
            (*thread).top = end;
            (*thread).pc = 0;
            let (calls, in_hook) = calls_under_way(thread);
            (*thread).native_calls = (*thread).outer_calls + calls;
            if !in_hook {
                (*thread).flags &= !thread_flag::IN_HOOK;
                (*thread).hook_seen = 0;
            }
        }
        let result = self.continue_unwind(called_by);
        self.settle(result)
    }

    /// Closes the next variable, or ends the unwinding when there is none left. A protected frame has called a compiled
    /// function from `called_by`, or that is 0.
    pub(crate) fn continue_unwind(&mut self, called_by: u64) -> Result<Flow, Error> {
        // SAFETY: see `unwind`.
        unsafe {
            let thread = self.thread;
            let base = (*thread).base;
            let frame = stack::frame(thread, base);
            let protected = frame.flags & flag::PROTECTED != 0;
            let bottom = (*thread).flags & thread_flag::CLOSING != 0 && base == FIRST_BASE;
            let floor = if bottom { 0 } else { base };
            let error = if protected { *(*thread).stack.add(base as usize + 1) } else { *(*thread).stack };
            if (*thread).tbc_len > 0 {
                let index = *(*thread).tbc.add((*thread).tbc_len as usize - 1);
                if index >= floor {
                    (*thread).tbc_len -= 1;
                    let slot = (*thread).stack.add(index as usize);
                    stack::close_upvalues(&mut self.heap, thread, slot);
                    let value = *slot;
                    let f = self.metamethod(value, Event::Close);
                    self.count_native_call()?;
                    let func = (*thread).top;
                    self.reserve(func as usize + 4)?;
                    let slots = (*thread).stack.add(func as usize);
                    *slots = f;
                    *slots.add(2) = value;
                    *slots.add(3) = error;
                    return self.enter(func, 2, 1, kind::CLOSE_UNWIND, 0, 0);
                }
            }
            let slot = (*thread).stack.add(floor as usize);
            stack::close_upvalues(&mut self.heap, thread, slot);
            stack::change_flags(thread, base, 0, flag::UNWINDING);
            if bottom {
                let state = if (*thread).flags & thread_flag::HAS_ERROR != 0 { CLOSED_WITH_ERROR } else { CLOSED };
                (*thread).flags &= !(thread_flag::CLOSING | thread_flag::HAS_ERROR);
                (*thread).status = status::DEAD;
                (*thread).base = 0;
                (*thread).top = 1;
                return Ok(self.deliver_to_resumer(&[error], state));
            }
            if protected {
                (*thread).top = base + 2;
                match self.fail_protected(error) {
                    Some(func) => self.tier.landing = Some(Landing::behind(func, called_by)),
                    None => (*(*thread).stack.add(base as usize - 1)).payload = u64::from(ERROR_STATE),
                }
                self.shrink_stack();
                return Ok(Flow::Reload);
            }
            self.error = error;
            *(*thread).stack = Slot::NIL;
            (*thread).top = base + self.host_top;
            self.shrink_stack();
            self.exit_error = true;
            Ok(Flow::Done)
        }
    }

    /// Drops everything that the innermost call of the host has under way: no Lua code runs.
    pub(crate) fn drop_frames(&mut self) -> Flow {
        // SAFETY: frames are walked by their links; a coroutine without a host below has a resumer.
        unsafe {
            while self.host_base().is_none() {
                self.kill_running();
            }
            let thread = self.thread;
            let base = self.host_base().unwrap_or(FIRST_BASE);
            while (*thread).tbc_len > 0 && *(*thread).tbc.add((*thread).tbc_len as usize - 1) >= base {
                (*thread).tbc_len -= 1;
            }
            stack::close_upvalues(&mut self.heap, thread, (*thread).stack.add(base as usize));
            stack::change_flags(thread, base, 0, flag::UNWINDING);
            (*thread).base = base;
            (*thread).top = base + self.host_top;
            let (calls, in_hook) = calls_under_way(thread);
            (*thread).native_calls = (*thread).outer_calls + calls;
            if !in_hook {
                (*thread).flags &= !thread_flag::IN_HOOK;
            }
            (*thread).hook_seen = 0;
        }
        self.error_skips_handlers = false;
        self.shrink_stack();
        self.exit_error = true;
        Flow::Done
    }

    /// The host's frame from which the running coroutine was called.
    unsafe fn host_base(&self) -> Option<u32> {
        // SAFETY: frames are walked by their links.
        unsafe {
            let mut base = (*self.thread).base;
            while base != 0 {
                let frame = stack::frame(self.thread, base);
                if frame.kind == kind::ENTRY {
                    return Some(base - frame.delta);
                }
                base = if frame.delta == 0 { 0 } else { base - frame.delta };
            }
            (*self.thread).resumer.is_null().then_some(FIRST_BASE)
        }
    }

    /// Ends the running coroutine as it stands; the one that resumed it is the running one.
    unsafe fn kill_running(&mut self) {
        // SAFETY: by contract of `drop_frames`.
        unsafe {
            let thread = self.thread;
            let to = (*thread).resumer;
            stack::close_upvalues(&mut self.heap, thread, (*thread).stack);
            (*thread).tbc_len = 0;
            (*thread).status = status::DEAD;
            (*thread).flags &= thread_flag::ASIDE;
            (*thread).base = 0;
            (*thread).top = 1;
            *(*thread).stack = Slot::NIL;
            (*thread).native_calls = 0;
            (*thread).outer_calls = 0;
            (*thread).hook_seen = 0;
            (*thread).resumer = std::ptr::null_mut();
            if self.inspection.stepping.is_some() {
                self.step_leaves(to, true);
            }
            self.activate(to);
        }
    }

    /// Has coroutines run in the loop that asks before each instruction, or as before.
    pub(crate) fn mark_limited(&mut self, on: bool) {
        let everywhere = self.limits.is_stopping();
        for &thread in &self.heap.gc.threads {
            // SAFETY: the heap's list has live coroutines.
            unsafe {
                // Code of an observer is not counted.
                let on = on && (everywhere || (*thread).flags & thread_flag::ASIDE == 0);
                (*thread).hook_state = (*thread).hook_state & !LIMIT | if on { LIMIT } else { 0 };
            }
        }
    }

    /// What a new coroutine has in its hook state.
    pub(crate) fn limit_bit(&self) -> u64 {
        if self.limits.is_counting() { LIMIT } else { 0 }
    }

    /// Finds where an error of the running frame goes.
    unsafe fn target(&self) -> Target {
        // SAFETY: frames are walked by their links.
        unsafe {
            let thread = self.thread;
            let (mut base, mut address) = ((*thread).base, 0);
            while base != 0 {
                let frame = stack::frame(thread, base);
                if frame.flags & flag::PROTECTED != 0 {
                    return Target::Protected(base, address);
                }
                let is_protected = frame.kind == kind::PROTECTED && frame.callee.tag == tag::CLOSURE && frame.flags & flag::VARARG == 0;
                address = if is_protected { (*(*thread).stack.add(base as usize - 1)).payload } else { 0 };
                if frame.kind == kind::ENTRY {
                    return Target::Host(base - frame.delta);
                }
                base = if frame.delta == 0 { 0 } else { base - frame.delta };
            }
            if thread == self.main { Target::Host(FIRST_BASE) } else { Target::Bottom }
        }
    }

    /// Whether the program expects the error under way: something other than the host's first call
    /// catches it, in this coroutine or in one that passes it on.
    pub(crate) fn is_caught(&self) -> bool {
        // SAFETY: frames are walked by their links.
        unsafe {
            let mut thread = self.thread;
            while !thread.is_null() {
                let mut base = (*thread).base;
                while base != 0 {
                    let frame = stack::frame(thread, base);
                    if frame.flags & flag::PROTECTED != 0 {
                        return frame.kind != kind::ENTRY;
                    }
                    base = if frame.delta == 0 { 0 } else { base - frame.delta };
                }
                thread = (*thread).resumer;
                if !thread.is_null() && !self.passes_errors_on(thread) {
                    return true;
                }
            }
            false
        }
    }

    /// Whether the native on top of a coroutine, which resumed another one, raises that one's errors again.
    unsafe fn passes_errors_on(&self, thread: *mut Thread) -> bool {
        // SAFETY: a live thread.
        unsafe {
            let callee = stack::frame(thread, (*thread).base).callee;
            if callee.tag != tag::NATIVE {
                return true;
            }
            let native = callee.as_ptr::<crate::object::Native>();
            self.natives[(*native).id as usize].name != "coroutine.resume"
        }
    }

    pub(crate) fn text_or_nil(&mut self, text: &[u8]) -> Slot {
        self.heap.string(text).map_or(Slot::NIL, |s| Slot::object(s, tag::STRING))
    }
}

/// Calls under way that natives made, and whether a hook is among them.
unsafe fn calls_under_way(thread: *mut Thread) -> (u32, bool) {
    let (mut count, mut in_hook) = (0, false);
    // SAFETY: frames are walked by their links.
    unsafe {
        let mut base = (*thread).base;
        while base != 0 {
            let frame = stack::frame(thread, base);
            count += u32::from(kind::is_nested(frame.kind) && frame.delta != 0);
            in_hook |= frame.flags & flag::HOOK != 0;
            base = if frame.delta == 0 { 0 } else { base - frame.delta };
        }
    }
    (count, in_hook)
}

/// Bits of `Thread::flags`.
pub mod thread_flag {
    /// `coroutine.close` runs the pending `__close` methods.
    pub const CLOSING: u8 = 1;
    /// A hook runs.
    pub const IN_HOOK: u8 = 2;
    /// Runs code for an observer beside the program.
    pub const ASIDE: u8 = 4;
    /// An error, which may be nil, is under way while it is closed.
    pub const HAS_ERROR: u8 = 8;
}
