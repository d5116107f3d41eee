//! Hooks of `debug.sethook` (manual 6.10), as `luaG_traceexec` orders them.
//!
//! They cost nothing without a hook: the loop exists twice, and only the copy
//! that runs under a hook asks here before each instruction.
//!
//! `unsafe`: the running frame is read through its thread.
#![allow(unsafe_code)]

use super::Flow;
use crate::error::Error;
use crate::inspect::STEP;
use crate::debug::builtin;
use crate::object::{Closure, Native};
use crate::stack::{self, Frame, flag, kind};
use crate::unwind::thread_flag;
use crate::value::{Slot, tag};
use crate::vm::Vm;
use perilune_isa::{Op, word};

const CALL: u64 = 1;
const RETURN: u64 = 2;
const LINE: u64 = 4;
/// Bit of `Thread::hook_state`: instructions are counted, or a stop is under way.
pub(crate) const LIMIT: u64 = 1 << 30;

/// What has run before the instruction under way: bits of `Thread::hook_seen`.
pub(crate) mod seen {
    pub const COUNT: u8 = 1;
    pub const LINE: u8 = 2;
    pub const RETURN: u8 = 4;
    /// The instruction goes on after a `__close` method.
    pub const AGAIN: u8 = COUNT | LINE;
}

/// State in which a native is entered again after its return hook; the number of results is above it.
pub(crate) const RETURN_STATE: u32 = u32::MAX - 1;

/// What a hook function is told.
struct HookCall {
    event: &'static str,
    line: Option<u32>,
    /// First and number of the values that go in or out, as numbers of locals.
    transfer: (u32, u32),
}

impl HookCall {
    fn new(event: &'static str) -> HookCall {
        HookCall { event, line: None, transfer: (0, 0) }
    }
}

impl Vm {
    /// Counts an instruction before which nothing else is due; false, and not counted, when more is.
    #[inline(always)]
    pub(crate) fn only_counts(&mut self) -> bool {
        // SAFETY: the running thread is live.
        (unsafe { (*self.thread).hook_state }) == LIMIT && self.limits.take_one()
    }

    /// Runs what hooks are due before instruction `i`.
    pub(crate) fn instruction_hook(&mut self, i: u32) -> Result<Flow, Error> {
        // SAFETY: the running thread stands at a verified instruction.
        unsafe {
            let thread = self.thread;
            if (*thread).hook_state & LIMIT != 0 {
                self.count_instruction()?;
            }
            if (*thread).hook_state == LIMIT || (*thread).flags & thread_flag::IN_HOOK != 0 {
                return Ok(Flow::Next);
            }
            // The code that runs may carry the flag of a breakpoint.
            let i = i & !0x80;
            if (*thread).hook_state & STEP != 0
                && let Some(flow) = self.step_check()?
            {
                return Ok(flow);
            }
            let frame = stack::frame(thread, (*thread).base);
            let returns = leaves(i);
            // Library functions in Lua are natives to the program: only the one that was called returns.
            let is_builtin = builtin(frame.callee).is_some();
            let call = match self.entry_hook(&frame) {
                _ if is_builtin => None,
                None => self.trace_hook(&frame, i),
                call => call,
            };
            let tells_return = returns && (!is_builtin || frame.flags & flag::TAIL != 0);
            match call.or_else(|| if tells_return { self.return_hook(&frame, i) } else { None }) {
                Some(call) => {
                    let top = (*thread).top;
                    self.call_hook(&call, kind::HOOK, top)
                }
                None => {
                    (*thread).hook_seen = 0;
                    if returns {
                        self.go_on_in_line(&frame);
                    }
                    Ok(Flow::Next)
                }
            }
        }
    }

    /// The call hook, which is due once for a frame (PUC's `luaD_hookcall`).
    unsafe fn entry_hook(&mut self, frame: &Frame) -> Option<HookCall> {
        // SAFETY: the frame on top of the running thread.
        unsafe {
            let thread = self.thread;
            if frame.flags & flag::CALL_DUE == 0 {
                return None;
            }
            stack::change_flags(thread, frame.base, 0, flag::CALL_DUE);
            (*thread).hook_pc = 0;
            (*thread).hook_seen = 0;
            if (*thread).hook_state & CALL == 0 {
                return None;
            }
            let event = if frame.flags & flag::TAIL != 0 { "tail call" } else { "call" };
            let params = (*(*frame.callee.as_ptr::<Closure>()).proto).params;
            Some(HookCall { transfer: (1, u32::from(params)), ..HookCall::new(event) })
        }
    }

    /// The count and line hooks, in the order of PUC's `luaG_traceexec`.
    unsafe fn trace_hook(&mut self, frame: &Frame, i: u32) -> Option<HookCall> {
        // SAFETY: the frame on top of the running thread.
        unsafe {
            let thread = &mut *self.thread;
            let (pc, state) = (thread.pc - 1, thread.hook_state);
            if word::op(i) == Some(Op::VarargPrep) {
                // The instruction after it begins a line.
                thread.hook_pc = 1;
                return None;
            }
            if state >> 32 != 0 && thread.hook_seen & seen::COUNT == 0 {
                thread.hook_seen |= seen::COUNT;
                thread.hook_left = thread.hook_left.saturating_sub(1);
                if thread.hook_left == 0 {
                    thread.hook_left = (state >> 32) as u32;
                    return Some(HookCall::new("count"));
                }
            }
            if state & LINE != 0 && thread.hook_seen & seen::LINE == 0 {
                thread.hook_seen |= seen::LINE;
                let lines = &(*(*(*frame.callee.as_ptr::<Closure>()).proto).cold).proto.lines;
                let old = std::mem::replace(&mut thread.hook_pc, pc);
                let line = lines.get(pc as usize).copied();
                if pc <= old || lines.get(old as usize).copied() != line {
                    return Some(HookCall { line, ..HookCall::new("line") });
                }
            }
            None
        }
    }

    /// The return hook before instruction `i` leaves the frame, unless it closes variables first.
    unsafe fn return_hook(&mut self, frame: &Frame, i: u32) -> Option<HookCall> {
        // SAFETY: the frame on top of the running thread.
        unsafe {
            let thread = &mut *self.thread;
            let off = thread.hook_state & RETURN == 0 || thread.hook_seen & seen::RETURN != 0;
            let closes = thread.tbc_len > 0 && *thread.tbc.add(thread.tbc_len as usize - 1) >= frame.base;
            if off || closes {
                return None;
            }
            thread.hook_seen |= seen::RETURN;
            let first = u32::from(word::a(i));
            let count = match (word::op(i), word::b(i)) {
                (Some(Op::Return0), _) => 0,
                (Some(Op::Return1), _) => 1,
                (_, 0) => thread.top - (frame.base + first),
                (_, b) => u32::from(b) - 1,
            };
            Some(HookCall { transfer: (first + 1, count), ..HookCall::new("return") })
        }
    }

    /// The caller of a frame that returns goes on in the middle of its line.
    unsafe fn go_on_in_line(&mut self, frame: &Frame) {
        // SAFETY: the running thread is live.
        unsafe {
            let in_hook = (*self.thread).flags & thread_flag::IN_HOOK != 0;
            if frame.delta != 0 && !in_hook {
                (*self.thread).hook_pc = frame.caller_pc.saturating_sub(1);
            }
        }
    }

    fn call_hook(&mut self, call: &HookCall, frame_kind: u8, extra: u32) -> Result<Flow, Error> {
        let event = self.new_string(call.event.as_bytes())?;
        let line = call.line.map_or(Slot::NIL, |line| Slot::int(i64::from(line)));
        // SAFETY: the running thread is live.
        let hook = unsafe {
            (*self.thread).flags |= thread_flag::IN_HOOK;
            (*self.thread).transfer_first = if call.transfer.1 == 0 { 0 } else { call.transfer.0 };
            (*self.thread).transfer_count = call.transfer.1;
            (*self.thread).hook
        };
        self.call_above(hook, &[event, line], frame_kind, 1, flag::HOOK, extra)
    }

    /// The call hook of a native whose frame was just pushed; `None` when there is none.
    pub(crate) fn native_call_hook(&mut self) -> Result<Option<Flow>, Error> {
        // SAFETY: the running thread is live.
        let arguments = unsafe { (*self.thread).top - (*self.thread).base };
        self.native_hook(CALL, HookCall { transfer: (1, arguments), ..HookCall::new("call") })
    }

    /// The return hook of the native on top; it is entered again with [`RETURN_STATE`].
    pub(crate) fn native_return_hook(&mut self, n: u32) -> Result<Option<Flow>, Error> {
        // SAFETY: the top frame is a native one.
        let first = unsafe {
            let (top, base) = ((*self.thread).top, (*self.thread).base);
            let frame = stack::frame(self.thread, base);
            self.go_on_in_line(&frame);
            let place = (*self.thread).stack.add(base as usize - 1);
            (*place).payload = u64::from(RETURN_STATE) | u64::from(n) << 32;
            top - n - base + 1
        };
        self.native_hook(RETURN, HookCall { transfer: (first, n), ..HookCall::new("return") })
    }

    fn native_hook(&mut self, mask: u64, call: HookCall) -> Result<Option<Flow>, Error> {
        // SAFETY: the running thread is live.
        unsafe {
            let thread = self.thread;
            self.stop_again()?;
            let off = (*thread).hook_state & mask == 0 || (*thread).flags & thread_flag::IN_HOOK != 0;
            let callee = stack::frame(thread, (*thread).base).callee;
            let is_inner = callee.tag == tag::NATIVE && self.natives[(*callee.as_ptr::<Native>()).id as usize].is_inner;
            if off || is_inner || (*thread).hook.tag == tag::NIL {
                return Ok(None);
            }
        }
        self.call_hook(&call, kind::ASIDE, 0).map(Some)
    }
}

/// Whether an instruction leaves its frame with results.
fn leaves(i: u32) -> bool {
    matches!(word::op(i), Some(Op::Return | Op::Return0 | Op::Return1))
}
