//! Stepping: one coroutine runs in the loop that asks before each instruction.
//!
//! A step belongs to a coroutine, so a step over a yield ends when that
//! coroutine goes on, and others run at full speed meanwhile.
#![allow(unsafe_code)]

use crate::debug::line_at;
use crate::error::Error;
use crate::interp::Flow;
use crate::object::{Closure, ProtoObject, Thread};
use crate::stack;
use crate::vm::Vm;
use perilune_isa::{Op, word};

/// Bit of `Thread::hook_state`: a step is under way.
pub(crate) const STEP: u64 = 1 << 31;

/// How far a step goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// To the next line of the function, or of its caller after it returned.
    Over,
    /// To the next line, wherever it is.
    Into,
    /// Until the function has returned.
    Out,
}

/// A step under way.
pub(crate) struct Stepping {
    pub(crate) kind: StepKind,
    pub(crate) thread: *mut Thread,
    /// Base of the frame that steps.
    base: u32,
    proto: *mut ProtoObject,
    line: Option<u32>,
    pc: u32,
    /// Whether the instruction at which the step began has been passed.
    under_way: bool,
}

impl Vm {
    /// Begins a step of a coroutine from where it stands; false when there is no such coroutine.
    pub fn step(&mut self, coroutine: u64, kind: StepKind) -> bool {
        self.cancel_step();
        let Some(thread) = self.find_thread(coroutine) else { return false };
        // SAFETY: a live thread whose state stands on its stack.
        unsafe {
            let mut stepping = Stepping {
                kind,
                thread,
                base: (*thread).base,
                proto: std::ptr::null_mut(),
                line: None,
                pc: (*thread).pc.saturating_sub(1),
                under_way: thread != self.thread,
            };
            if let Some(proto) = lua_frame(thread, (*thread).base) {
                stepping.proto = proto;
                stepping.line = line_at(&(*(*proto).cold).proto, stepping.pc as usize);
            }
            (*thread).hook_state |= STEP;
            self.inspection.stepping = Some(stepping);
            // From now on every change of coroutine is seen.
            for thread in self.heap.live_threads() {
                (*thread).goes_on = 0;
            }
        }
        true
    }

    /// Forgets the step under way, if any.
    pub fn cancel_step(&mut self) {
        if let Some(stepping) = self.inspection.stepping.take() {
            // SAFETY: a root names the thread as long as it steps.
            unsafe { (*stepping.thread).hook_state &= !STEP };
        }
    }

    /// Before an instruction of a stepping coroutine; `None` when the step goes on.
    pub(crate) fn step_check(&mut self) -> Result<Option<Flow>, Error> {
        // SAFETY: the running thread stands at a verified instruction of a Lua frame.
        let done = unsafe { self.step_ends() };
        if !done || self.inspection.observer.is_none() {
            return Ok(None);
        }
        self.cancel_step();
        self.observe(|observer, vm| observer.stepped(vm))?;
        Ok(Some(self.again()))
    }

    unsafe fn step_ends(&mut self) -> bool {
        let thread = self.thread;
        let Some(step) = &mut self.inspection.stepping else { return false };
        // SAFETY: as `step_check`.
        unsafe {
            if step.thread != thread {
                return false;
            }
            let (base, pc) = ((*thread).base, (*thread).pc - 1);
            let Some(proto) = lua_frame(thread, base) else { return false };
            if !std::mem::replace(&mut step.under_way, true) {
                return false;
            }
            let cold = &*(*proto).cold;
            let is_prologue = word::op(cold.proto.code[pc as usize]) == Some(Op::VarargPrep);
            if cold.builtin || is_prologue {
                return false;
            }
            let line = line_at(&cold.proto, pc as usize);
            if base > step.base || base == step.base && proto != step.proto {
                return step.kind == StepKind::Into && line.is_some();
            }
            if base < step.base {
                if step.kind == StepKind::Out {
                    return true;
                }
                // The caller goes on in the middle of the line with the call.
                step.base = base;
                step.proto = proto;
                step.pc = pc.saturating_sub(1);
                step.line = line_at(&cold.proto, step.pc as usize);
            } else if step.kind == StepKind::Out {
                return false;
            }
            let jumped_back = pc < step.pc;
            step.pc = pc;
            line.is_some() && (line != step.line || jumped_back)
        }
    }

    /// The running coroutine resumes another one: a step into goes along.
    pub(crate) fn step_resumes(&mut self, to: *mut Thread) {
        let from = self.thread;
        if let Some(step) = &mut self.inspection.stepping
            && step.thread == from
            && step.kind == StepKind::Into
        {
            // SAFETY: both threads are live.
            unsafe { step.move_to(from, to, 0) };
        }
    }

    /// The running coroutine yields to `to` or has ended.
    pub(crate) fn step_leaves(&mut self, to: *mut Thread, ended: bool) {
        let from = self.thread;
        if let Some(step) = &mut self.inspection.stepping
            && step.thread == from
            && (ended || step.kind == StepKind::Into)
        {
            // SAFETY: both threads are live.
            unsafe { step.move_to(from, to, u32::MAX) };
        }
    }
}

impl Stepping {
    unsafe fn move_to(&mut self, from: *mut Thread, to: *mut Thread, base: u32) {
        // SAFETY: by contract of the callers.
        unsafe {
            (*from).hook_state &= !STEP;
            (*to).hook_state |= STEP;
        }
        self.thread = to;
        self.base = base;
        self.proto = std::ptr::null_mut();
        self.under_way = true;
    }
}

/// Code of the frame at `base`, if it is one of a Lua function.
unsafe fn lua_frame(thread: *mut Thread, base: u32) -> Option<*mut ProtoObject> {
    // SAFETY: `base` is 0 or the base of a frame.
    unsafe {
        if base == 0 {
            return None;
        }
        let callee = stack::frame(thread, base).callee;
        (callee.tag == crate::value::tag::CLOSURE).then(|| (*callee.as_ptr::<Closure>()).proto)
    }
}
