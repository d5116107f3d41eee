//! Hooks of `debug.sethook` (manual 6.10), as `luaG_traceexec` orders them.
//!
//! They cost nothing without a hook: the loop exists twice, and only the copy
//! that runs under a hook asks here before each instruction.
//!
//! `unsafe`: the running frame is read through its thread.
#![allow(unsafe_code)]

use super::Flow;
use crate::error::Error;
use crate::object::Closure;
use crate::stack::{self, flag, kind};
use crate::unwind::thread_flag;
use crate::value::{Slot, tag};
use crate::vm::Vm;
use perilune_isa::{Op, word};

const CALL: u64 = 1;
const RETURN: u64 = 2;
const LINE: u64 = 4;

/// What has run before the instruction under way: bits of `Vm::hook_seen`.
mod seen {
    pub const COUNT: u8 = 1;
    pub const LINE: u8 = 2;
    pub const RETURN: u8 = 4;
}

/// State in which a native is entered again after its return hook; the number of results is above it.
pub(crate) const RETURN_STATE: u32 = u32::MAX - 1;

impl Vm {
    /// Runs what hooks are due before instruction `i`.
    pub(crate) fn instruction_hook(&mut self, i: u32) -> Result<Flow, Error> {
        // SAFETY: the running thread stands at a verified instruction.
        unsafe {
            let thread = self.thread;
            if (*thread).flags & thread_flag::IN_HOOK != 0 {
                return Ok(Flow::Next);
            }
            let state = (*thread).hook_state;
            let pc = (*thread).pc as usize - 1;
            let frame = stack::frame(thread, (*thread).base);
            if pc == 0 && frame.flags & flag::CALL_SEEN == 0 {
                stack::change_flags(thread, (*thread).base, flag::CALL_SEEN, 0);
                self.hook_pc = 0;
                if state & CALL != 0 {
                    let event = if frame.flags & flag::TAIL != 0 { "tail call" } else { "call" };
                    return self.call_hook(event, None, kind::HOOK, 0);
                }
            }
            if state >> 32 != 0 && self.hook_seen & seen::COUNT == 0 {
                self.hook_seen |= seen::COUNT;
                self.hook_count = self.hook_count.saturating_sub(1);
                if self.hook_count == 0 {
                    self.hook_count = state >> 32;
                    return self.call_hook("count", None, kind::HOOK, u32::from(self.hook_seen));
                }
            }
            if state & LINE != 0 && self.hook_seen & seen::LINE == 0 {
                self.hook_seen |= seen::LINE;
                let old = std::mem::replace(&mut self.hook_pc, pc);
                let proto = &(*(*(*frame.callee.as_ptr::<Closure>()).proto).cold).proto;
                let line = proto.lines.get(pc).copied();
                let is_prologue = word::op(i) == Some(Op::VarargPrep);
                if is_prologue {
                    self.hook_pc = usize::MAX;
                } else if pc <= old || proto.lines.get(old).copied() != line {
                    return self.call_hook("line", line, kind::HOOK, u32::from(self.hook_seen));
                }
            }
            let returns = matches!(word::op(i), Some(Op::Return | Op::Return0 | Op::Return1));
            if state & RETURN != 0 && returns && self.hook_seen & seen::RETURN == 0 {
                self.hook_seen |= seen::RETURN;
                return self.call_hook("return", None, kind::HOOK, u32::from(self.hook_seen));
            }
            self.hook_seen = 0;
            if returns && frame.delta != 0 {
                // The caller goes on in the middle of its line.
                self.hook_pc = (frame.caller_pc as usize).saturating_sub(1);
            }
            Ok(Flow::Next)
        }
    }

    fn call_hook(&mut self, event: &str, line: Option<u32>, frame_kind: u8, extra: u32) -> Result<Flow, Error> {
        let event = self.new_string(event.as_bytes())?;
        let line = line.map_or(Slot::NIL, |line| Slot::int(i64::from(line)));
        // SAFETY: the running thread is live.
        let (hook, below) = unsafe {
            (*self.thread).flags |= thread_flag::IN_HOOK;
            ((*self.thread).hook, stack::extent(self.thread) - (*self.thread).top)
        };
        // The instruction may take values up to the top, so the top comes back with the frame.
        self.call_above(hook, &[event, line], frame_kind, 1, flag::HOOK, extra | below << 8)
    }

    /// The call hook of a native whose frame was just pushed; `None` when there is none.
    pub(crate) fn native_call_hook(&mut self) -> Result<Option<Flow>, Error> {
        self.native_hook(CALL, "call")
    }

    /// The return hook of the native on top; it is entered again with [`RETURN_STATE`].
    pub(crate) fn native_return_hook(&mut self, n: u32) -> Result<Option<Flow>, Error> {
        // SAFETY: the top frame is a native one.
        unsafe {
            let place = (*self.thread).stack.add((*self.thread).base as usize - 1);
            (*place).payload = u64::from(RETURN_STATE) | u64::from(n) << 32;
        }
        self.native_hook(RETURN, "return")
    }

    fn native_hook(&mut self, mask: u64, event: &str) -> Result<Option<Flow>, Error> {
        // SAFETY: the running thread is live.
        unsafe {
            let thread = self.thread;
            let off = (*thread).hook_state & mask == 0 || (*thread).flags & thread_flag::IN_HOOK != 0;
            if off || (*thread).hook.tag == tag::NIL {
                return Ok(None);
            }
        }
        self.call_hook(event, None, kind::ASIDE, 0).map(Some)
    }

    /// A hook function returned, and the top stands where its frame began.
    pub(crate) fn hook_returned(&mut self, extra: u32) {
        self.hook_seen = extra as u8;
        // SAFETY: the running thread is live; `call_hook` counted the slots.
        unsafe {
            (*self.thread).flags &= !thread_flag::IN_HOOK;
            (*self.thread).top -= extra >> 8;
        }
    }
}
