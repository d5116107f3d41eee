//! Running code beside a stopped program, on a stack of its own.
#![allow(unsafe_code)]

use crate::api::Ctx;
use crate::error::Error;
use crate::object::Thread;
use crate::stack::{self, FIRST_BASE, INITIAL_SLOTS};
use crate::unwind::{status, thread_flag};
use crate::value::Slot;
use crate::vm::Vm;

impl Vm {
    /// Gives a fresh window to `f`; the program stands meanwhile and its stacks stay as they are.
    /// A native hidden in `f` can call Lua with [`Ctx::call`]; coroutines of the program can be resumed, the
    /// one that stands cannot.
    ///
    /// # Errors
    /// The memory limit.
    pub fn aside<T>(&mut self, f: impl FnOnce(&mut Ctx<'_>) -> T) -> Result<T, Error> {
        let aside = match self.inspection.spare.take() {
            Some(thread) => thread,
            None => self.aside_thread()?,
        };
        let stopped = self.thread;
        let kept = (self.error, self.error_skips_handlers, self.exit_error, self.returned_fixed, self.host_top, self.inspection.stood_at);
        // SAFETY: both threads are live: roots name the running one, and the resumer keeps the stopped one.
        unsafe {
            let before = (*stopped).status;
            (*stopped).status = status::NORMAL;
            (*aside).resumer = stopped;
            self.activate(aside);
            let result = f(&mut Ctx::new(self));
            reset(aside);
            (*aside).resumer = std::ptr::null_mut();
            (*stopped).status = before;
            self.thread = stopped;
            self.refresh_limit();
            (self.error, self.error_skips_handlers, self.exit_error, self.returned_fixed, self.host_top, self.inspection.stood_at) = kept;
            self.inspection.spare.get_or_insert(aside);
            Ok(result)
        }
    }

    fn aside_thread(&mut self) -> Result<*mut Thread, Error> {
        let Ok(thread) = self.heap.thread(INITIAL_SLOTS as u32) else { return Err(self.memory_error()) };
        let host = self.host_function().map_err(|_| self.memory_error())?;
        // SAFETY: a fresh stack has room for the host's frame.
        unsafe {
            stack::push_host(thread, host);
            (*thread).flags |= thread_flag::ASIDE;
        }
        Ok(thread)
    }
}

/// Leaves nothing of what ran behind.
unsafe fn reset(thread: *mut Thread) {
    // SAFETY: the host's frame stands at the bottom.
    unsafe {
        (*thread).base = FIRST_BASE;
        (*thread).top = FIRST_BASE;
        (*thread).tbc_len = 0;
        (*thread).native_calls = 0;
        (*thread).outer_calls = 0;
        (*thread).hook_state = 0;
        (*thread).hook_seen = 0;
        (*thread).status = status::SUSPENDED;
        for at in FIRST_BASE as usize..(*thread).capacity as usize {
            *(*thread).stack.add(at) = Slot::NIL;
        }
    }
}
