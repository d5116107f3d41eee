//! Changing what a function object does, for advice: other callers keep the object they have.
#![allow(unsafe_code)]

use super::redefine::is_inline;
use crate::api::Ctx;
use super::frames_on;
use crate::error::Error;
use crate::object::{Closure, Native, Upvalue, flag};
use crate::value::{Slot, tag};

impl Ctx<'_> {
    /// Makes the Lua function at `index` do what the Lua function at `body` does, and pushes a new function
    /// that does what it did before. Frames that run the function finish the old code.
    ///
    /// # Errors
    /// An argument that is no Lua function, or the memory limit.
    pub fn become_function(&mut self, index: i32, body: i32) -> Result<(), Error> {
        let (function, body) = (self.slot(index), self.slot(body));
        if function.tag != tag::CLOSURE || body.tag != tag::CLOSURE {
            return Err(self.error("Lua function expected"));
        }
        // SAFETY: both are live closures on the window.
        unsafe {
            let (target, source) = (function.as_ptr::<Closure>(), body.as_ptr::<Closure>());
            let Ok(before) = self.vm.copy_closure(target) else { return Err(self.vm.memory_error()) };
            self.push(Slot::object(before, tag::CLOSURE));
            let n = (*source).header.aux as usize;
            let upvalues: Vec<*mut Upvalue> = (0..n).map(|at| *(*source).upvalues.add(at)).collect();
            let fits = is_inline(target) && n <= (*target).header.aux as usize;
            let storage = if fits {
                None
            } else {
                match self.vm.heap.alloc_raw(n.max(1) * 8) {
                    Ok(storage) => Some(storage.cast()),
                    Err(_) => return Err(self.vm.memory_error()),
                }
            };
            self.vm.heap.settle();
            for thread in self.vm.heap.live_threads() {
                for at in frames_on(thread) {
                    if at.frame.callee.tag == tag::CLOSURE && at.frame.callee.as_ptr::<Closure>() == target {
                        (*(*thread).stack.add(at.frame.base as usize - 2)).payload = before as u64;
                        self.vm.heap.touch_thread(thread);
                    }
                }
            }
            self.vm.give_code(target, (*source).proto, &upvalues, storage);
        }
        Ok(())
    }

    /// Whether the function at `index` is marked as advised.
    pub fn is_advised(&self, index: i32) -> bool {
        let slot = self.slot(index);
        // SAFETY: the tag says what the payload points to.
        matches!(slot.tag, tag::CLOSURE | tag::NATIVE) && unsafe { (*slot.as_ptr::<crate::object::Header>()).flags & flag::ADVISED != 0 }
    }

    /// Marks the function at `index` as advised, or not.
    pub fn set_advised(&mut self, index: i32, advised: bool) {
        let slot = self.slot(index);
        if matches!(slot.tag, tag::CLOSURE | tag::NATIVE) {
            // SAFETY: the tag says what the payload points to.
            let flags = unsafe { &mut (*slot.as_ptr::<crate::object::Header>()).flags };
            if advised { *flags |= flag::ADVISED } else { *flags &= !flag::ADVISED }
        }
    }

    /// Makes the native at `index` run `function` under `name` and pushes a new native that does what it did before.
    ///
    /// # Errors
    /// An argument that is no native, or the memory limit.
    pub fn become_native(&mut self, index: i32, name: &'static str, function: crate::NativeFn) -> Result<(), Error> {
        let slot = self.slot(index);
        if slot.tag != tag::NATIVE {
            return Err(self.error("native function expected"));
        }
        self.push_native_copy(index)?;
        let id = self.vm.native_id(crate::vm::NativeEntry::new(name, function));
        // SAFETY: a live native on the window.
        unsafe { (*slot.as_ptr::<Native>()).id = id };
        Ok(())
    }

    /// Pushes another native that does what the one at `index` does.
    ///
    /// # Errors
    /// An argument that is no native, or the memory limit.
    pub fn push_native_copy(&mut self, index: i32) -> Result<(), Error> {
        let slot = self.slot(index);
        if slot.tag != tag::NATIVE {
            return Err(self.error("native function expected"));
        }
        // SAFETY: a live native on the window.
        let copy = unsafe {
            let native = slot.as_ptr::<Native>();
            let upvalues: Vec<Slot> = (0..(*native).header.aux as usize).map(|at| *Native::upvalues(native).add(at)).collect();
            self.vm.heap.native((*native).id, &upvalues)
        };
        match copy {
            Ok(copy) => self.push(Slot::object(copy, tag::NATIVE)),
            Err(_) => return Err(self.vm.memory_error()),
        }
        Ok(())
    }

    /// Makes the native at `index` the one at `before` again.
    pub fn restore_native(&mut self, index: i32, before: i32) {
        let (slot, before) = (self.slot(index), self.slot(before));
        if slot.tag == tag::NATIVE && before.tag == tag::NATIVE {
            // SAFETY: live natives on the window.
            unsafe { (*slot.as_ptr::<Native>()).id = (*before.as_ptr::<Native>()).id };
        }
    }

    /// Pushes the running native itself.
    pub fn push_callee(&mut self) {
        // SAFETY: a native's frame is on top.
        let callee = unsafe { crate::stack::frame(self.vm.thread, (*self.vm.thread).base).callee };
        self.push(callee);
    }
}
