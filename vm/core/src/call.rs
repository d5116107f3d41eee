//! Entering and leaving functions.
//!
//! `unsafe`: slots are reached by index from the running thread's stack, which
//! `reserve` makes large enough before anything is written.
#![allow(unsafe_code)]

use crate::api::{BAD_COUNTS, Ctx, NativeFn, Next};
use crate::error::Error;
use crate::interp::Flow;
use crate::limit::Stop;
use crate::interp::hook::{self, RETURN_STATE};
use crate::meta::Event;
use crate::object::{Closure, Native};
use crate::switch::Role;
use crate::stack::{self, Frame, SLACK, flag, kind};
use crate::unwind::thread_flag;
use crate::value::{Slot, tag};
use crate::vm::Vm;
use perilune_isa::Op;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// State in which a protected native is entered again when an error reached it.
pub const ERROR_STATE: u32 = u32::MAX;

/// Larger stacks move only when they grow.
const TORTURE_SLOTS: usize = 2048;

/// Calls that natives may have under way (PUC's `LUAI_MAXCCALLS`).
pub const MAX_NATIVE_CALLS: u32 = 200;
/// `__call` metamethods that may be called by way of each other (as many as PUC's `MAXTAGLOOP`).
const MAX_CALL_CHAIN: u32 = 2000;
/// As many when the first overflow is being handled.
const MAX_HANDLING_CALLS: u32 = MAX_NATIVE_CALLS / 10 * 11;

/// Puts `wanted` results where they belong, below the `given` ones that there are.
#[inline(always)]
unsafe fn place(target: *mut Slot, source: *const Slot, given: u32, wanted: u32) {
    // SAFETY: there is room for them by contract.
    unsafe {
        for i in 0..given.min(wanted) as usize {
            *target.add(i) = Slot::read(source.add(i));
        }
        for i in given..wanted {
            *target.add(i as usize) = Slot::NIL;
        }
    }
}

impl Vm {
    /// Counts a call that PUC Lua would make over its C stack, with its limits (`luaE_checkcstack`).
    /// After the first overflow a few more are left for handlers.
    pub(crate) fn count_native_call(&mut self) -> Result<(), Error> {
        // SAFETY: the running thread is live.
        let calls = unsafe {
            (*self.thread).native_calls += 1;
            (*self.thread).native_calls
        };
        match calls {
            MAX_NATIVE_CALLS => Err(self.error_here("C stack overflow")),
            MAX_HANDLING_CALLS.. => Err(self.handling_error()),
            _ => Ok(()),
        }
    }

    /// Makes room for slots below index `end`, and [`SLACK`] more.
    #[inline]
    pub(crate) fn reserve(&mut self, end: usize) -> Result<(), Error> {
        // SAFETY: the running thread is live.
        if unsafe { (*self.thread).stack.wrapping_add(end) } <= self.limit {
            return Ok(());
        }
        self.make_room(end)
    }

    #[cold]
    fn make_room(&mut self, end: usize) -> Result<(), Error> {
        // SAFETY: addresses of slots are not kept across this call.
        unsafe {
            let capacity = (*self.thread).capacity as usize;
            // Under torture even a stack that suffices moves, unless copying it would take for ever.
            if end + SLACK <= capacity && !(self.torture_stack && capacity <= TORTURE_SLOTS) {
                return Ok(());
            }
            if end + SLACK > stack::MAX_SLOTS && end + SLACK > capacity {
                // Only what handles an overflow may go further; there is no handling of its own.
                if capacity > stack::MAX_SLOTS {
                    return Err(self.handling_error());
                }
                self.resize_stack(stack::OVERFLOW_SLOTS)?;
                return Err(self.error_here("stack overflow"));
            }
            let wanted = (capacity * 2).max(end + SLACK * 2).min(stack::MAX_SLOTS);
            self.resize_stack(if end + SLACK <= capacity { capacity } else { wanted })
        }
    }

    fn resize_stack(&mut self, capacity: usize) -> Result<(), Error> {
        // SAFETY: as `reserve`.
        unsafe {
            if stack::resize(&mut self.heap, self.thread, capacity).is_err() {
                return Err(self.memory_error());
            }
        }
        self.refresh_limit();
        Ok(())
    }

    /// Gives back what deep recursion took, once an error has ended it, and above all the
    /// room for handling an overflow. A stack that cannot be made smaller stays as it is.
    pub(crate) fn shrink_stack(&mut self) {
        // SAFETY: as `reserve`.
        unsafe {
            let used = (*self.thread).top as usize + SLACK;
            let capacity = (*self.thread).capacity as usize;
            let wasteful = capacity > stack::LARGE_SLOTS.max(used * 8);
            let overflown = capacity > stack::MAX_SLOTS && used <= stack::MAX_SLOTS;
            if (wasteful || overflown)
                && stack::resize(&mut self.heap, self.thread, (used * 2).min(stack::MAX_SLOTS)).is_ok()
            {
                self.refresh_limit();
            }
        }
    }

    /// Calls the function at stack index `func` with `n` arguments from `func + 2`.
    pub(crate) fn enter(&mut self, func: u32, n: u32, wanted: u8, frame_kind: u8, flags: u8, extra: u32) -> Result<Flow, Error> {
        let (mut n, mut chain) = (n, 0);
        // SAFETY: see the head of the module.
        unsafe {
            loop {
                let thread = self.thread;
                let slot = (*thread).stack.add(func as usize);
                let callee = Slot { payload: (*slot).payload, tag: (*slot).tag };
                let base = func + 2;
                let delta = if (*thread).base == 0 { 0 } else { base - (*thread).base };
                match callee.tag {
                    tag::CLOSURE => {
                        let proto = (*callee.as_ptr::<Closure>()).proto;
                        // A vararg frame moves above its arguments.
                        let copies = 1 + usize::from((*proto).is_vararg);
                        let given = (n as usize).max((*proto).params as usize);
                        let need = base as usize + given * copies + 2 + (*proto).max_stack as usize;
                        self.reserve(need)?;
                        let slot = (*thread).stack.add(func as usize);
                        let due = if (*thread).hook_state & !hook::LIMIT == 0 { 0 } else { flag::CALL_DUE };
                        (*slot).tag = stack::head(tag::CLOSURE, frame_kind, wanted, flags | due, extra);
                        *slot.add(1) = Slot { payload: 0, tag: stack::link((*thread).pc, delta) };
                        for i in n..u32::from((*proto).params) {
                            *slot.add(2 + i as usize) = Slot::NIL;
                        }
                        (*thread).base = base;
                        (*thread).top = base + n;
                        (*thread).pc = 0;
                        (*proto).heat = (*proto).heat.saturating_sub(1);
                        if (*proto).heat == 0 {
                            self.warm(proto);
                            self.count_call(proto);
                        }
                        let was_raised = self.attention_raised();
                        if was_raised {
                            self.attend()?;
                        }
                        let collects = was_raised && self.heap.debt >= 0 && (*thread).hook_state == 0;
                        // The number of extra arguments is the distance to the top only until something else runs.
                        let is_moving = (*proto).is_vararg != 0 && (*thread).hook_state == 0 && *(*proto).code as u8 == Op::VarargPrep as u8;
                        if is_moving && (collects || !was_raised) {
                            // Its first instruction, without a round of the loop.
                            (*thread).pc = 1;
                            self.vararg_prep()?;
                        }
                        if collects && (is_moving || (*proto).is_vararg == 0) {
                            self.collect_anywhere()?;
                        }
                        return Ok(Flow::Reload);
                    }
                    tag::NATIVE => {
                        self.reserve((base + n) as usize)?;
                        let slot = (*thread).stack.add(func as usize);
                        (*slot).tag = stack::head(tag::NATIVE, frame_kind, wanted, flags, extra);
                        *slot.add(1) = Slot { payload: 0, tag: stack::link((*thread).pc, delta) };
                        (*thread).base = base;
                        (*thread).top = base + n;
                        if (*thread).hook_state != 0
                            && let Some(flow) = self.native_call_hook()?
                        {
                            return Ok(flow);
                        }
                        return self.run_native_function(0);
                    }
                    _ => {
                        let f = self.metamethod(callee, Event::Call);
                        if f.is_nil() {
                            return Err(self.call_error(callee));
                        }
                        // Each step moves all arguments, so a chain without end would take for ever to fill the stack.
                        chain += 1;
                        if chain > MAX_CALL_CHAIN {
                            return Err(self.error_here("'__call' chain too long; possible loop"));
                        }
                        self.reserve((base + n + 1) as usize)?;
                        let slot = (*thread).stack.add(func as usize);
                        for i in (0..n as usize).rev() {
                            *slot.add(3 + i) = Slot::read(slot.add(2 + i));
                        }
                        *slot.add(2) = callee;
                        *slot = f;
                        n += 1;
                    }
                }
            }
        }
    }

    /// Calls the native at stack index `func` for a Lua frame, without hooks and with room for its arguments:
    /// what `enter` does, in one go when the native simply returns. The caller sees to the collector.
    pub(crate) unsafe fn call_native(&mut self, func: u32, n: u32, wanted: u8) -> Result<Flow, Error> {
        // SAFETY: see the head of the module.
        unsafe {
            let slot = (*self.thread).stack.add(func as usize);
            let native = (*slot).as_ptr::<Native>();
            let entry = &self.natives[(*native).id as usize];
            let (function, role) = (entry.function, entry.role);
            if role != Role::Plain
                && slot.add(n as usize + 4) <= self.limit
                && let Some(outcome) = self.play(role, func, n, wanted)
            {
                return outcome;
            }
            self.call_function(function, func, n, wanted)
        }
    }

    /// Calls the native at stack index `func`, which has this function and is [`Role::Plain`], as [`Vm::call_native`].
    #[inline(always)]
    pub(crate) unsafe fn call_function(
        &mut self,
        function: NativeFn,
        func: u32,
        n: u32,
        wanted: u8,
    ) -> Result<Flow, Error> {
        // SAFETY: see the head of the module.
        unsafe {
            let thread = self.thread;
            let before = (*thread).stack;
            let slot = before.add(func as usize);
            let (caller, pc) = ((*thread).base, (*thread).pc);
            (*slot).tag = stack::head(tag::NATIVE, kind::LUA, wanted, 0, 0);
            *slot.add(1) = Slot { payload: 0, tag: stack::link(pc, func + 2 - caller) };
            (*thread).base = func + 2;
            (*thread).top = func + 2 + n;
            let next = self.guarded(function, 0)?;
            let Next::Return(given) = next else { return self.go_on_with(next) };
            let given = given.min((*thread).top - (*thread).base);
            let results = if wanted == 0 { given } else { u32::from(wanted) - 1 };
            let room = func + results < (*thread).capacity;
            if (*thread).hook_state != 0 || !room {
                return self.go_on_with(next);
            }
            let stack = (*thread).stack;
            let target = stack.add(func as usize);
            let source = stack.add(((*thread).top - given) as usize);
            place(target, source, given, results);
            (*thread).base = caller;
            (*thread).pc = pc;
            (*thread).top = func + results;
            self.returned_fixed = wanted != 0;
            if wanted == 0 && self.heap.debt >= 0 {
                self.collect_soon();
            }
            Ok(if stack == before { Flow::Next } else { Flow::Reload })
        }
    }

    /// Calls `pcall` at stack index `func` with `n` arguments, at least one, or `xpcall` with two or more: its frame is
    /// made as it would make it, and the function is entered. There is room for two slots more.
    pub(crate) unsafe fn call_protected(&mut self, func: u32, n: u32, wanted: u8, has_handler: bool) -> Result<Flow, Error> {
        // SAFETY: see the head of the module.
        unsafe {
            let thread = self.thread;
            let slot = (*thread).stack.add(func as usize);
            let distance = func + 2 - (*thread).base;
            (*slot).tag = stack::head(tag::NATIVE, kind::LUA, wanted, flag::PROTECTED, 0);
            *slot.add(1) = Slot { payload: 1, tag: stack::link((*thread).pc, distance) };
            // Its window: the handler, in whose place the status comes, the function with its header, the arguments.
            let taken = 1 + usize::from(has_handler);
            let arguments = n as usize - taken;
            for i in (0..arguments).rev() {
                *slot.add(5 + i) = Slot::read(slot.add(2 + taken + i));
            }
            let handler = if has_handler { Slot::read(slot.add(3)) } else { Slot::NIL };
            *slot.add(3) = Slot::read(slot.add(2));
            *slot.add(2) = handler;
            (*thread).base = func + 2;
            (*thread).top = func + 5 + arguments as u32;
            self.count_native_call()?;
            self.enter(func + 3, arguments as u32, 0, kind::PROTECTED, 0, 0)
        }
    }

    /// The function that `pcall` called returns, so `pcall` returns as well: `n` values from stack index `first`
    /// are the results behind `true`. The frame of `pcall` is on top.
    unsafe fn return_protected(&mut self, first: u32, n: u32) -> Result<Flow, Error> {
        // SAFETY: see the head of the module; the results move downwards.
        unsafe {
            let thread = self.thread;
            let frame = stack::frame(thread, (*thread).base);
            let wanted = if frame.wanted == 0 { n + 1 } else { u32::from(frame.wanted) - 1 };
            let fits = frame.result + wanted < (*thread).capacity && frame.flags == flag::PROTECTED;
            let source = (*thread).stack.add(first as usize);
            if (*thread).hook_state != 0 || frame.kind != kind::LUA || frame.delta == 0 || !fits {
                let target = (*thread).stack.add(frame.base as usize + 1);
                for i in 0..n as usize {
                    *target.add(i) = Slot::read(source.add(i));
                }
                (*thread).top = frame.base + 1 + n;
                return Ok(Flow::Reload);
            }
            let target = (*thread).stack.add(frame.result as usize);
            for i in 0..n.min(wanted.saturating_sub(1)) as usize {
                *target.add(1 + i) = Slot::read(source.add(i));
            }
            for i in n + 1..wanted {
                *target.add(i as usize) = Slot::NIL;
            }
            if wanted > 0 {
                *target = Slot::bool(true);
            }
            self.leave_protected(&frame, wanted);
            Ok(Flow::Reload)
        }
    }

    /// Drops the frame of `pcall` or `xpcall` on top, whose results are in their places.
    unsafe fn leave_protected(&mut self, frame: &Frame, results: u32) {
        let thread = self.thread;
        // SAFETY: see the head of the module.
        unsafe {
            (*thread).base = frame.base - frame.delta;
            (*thread).pc = frame.caller_pc;
            (*thread).top = frame.result + results;
        }
        self.returned_fixed = frame.wanted != 0;
    }

    /// An error has ended what the frame of `pcall` or `xpcall` on top called: it returns `false` and the error, where
    /// entering it again would do no more, and its stack index is given. Declines otherwise.
    pub(crate) unsafe fn fail_protected(&mut self, error: Slot) -> Option<u32> {
        // SAFETY: see the head of the module; the results lie below the frame.
        unsafe {
            let thread = self.thread;
            let frame = stack::frame(thread, (*thread).base);
            let is_plain = frame.kind == kind::LUA && frame.delta != 0 && frame.flags == flag::PROTECTED;
            let wanted = if frame.wanted == 0 { 2 } else { u32::from(frame.wanted) - 1 };
            if !is_plain
                || (*thread).hook_state != 0
                || frame.result + wanted >= (*thread).capacity
                || !matches!(self.role_of(frame.callee), Role::Protect | Role::ProtectWithHandler)
            {
                return None;
            }
            let target = (*thread).stack.add(frame.result as usize);
            place(target, [Slot::bool(false), error].as_ptr(), 2, wanted);
            self.leave_protected(&frame, wanted);
            if self.heap.debt >= 0 {
                self.collect_soon();
            }
            Some(frame.result)
        }
    }

    /// Enters the native frame on top again, with the state it left.
    pub(crate) fn resume_native(&mut self) -> Result<Flow, Error> {
        // SAFETY: the top frame is a native one.
        let state = unsafe { (*(*self.thread).stack.add((*self.thread).base as usize - 1)).payload as u32 };
        self.run_native_function(state)
    }

    fn run_native_function(&mut self, state: u32) -> Result<Flow, Error> {
        // SAFETY: the top frame is a native one; see the head of the module.
        unsafe {
            if state == RETURN_STATE {
                let place = (*self.thread).stack.add((*self.thread).base as usize - 1);
                let n = ((*place).payload >> 32) as u32;
                return self.return_from((*self.thread).top - n, n);
            }
            let native = (*(*self.thread).stack.add((*self.thread).base as usize - 2)).as_ptr::<Native>();
            let function = self.natives[(*native).id as usize].function;
            let next = self.guarded(function, state)?;
            self.go_on_with(next)
        }
    }

    /// Runs a native. Its panic stops the program, as there may be machine code below, and goes on at the host.
    #[inline]
    fn guarded(&mut self, function: NativeFn, state: u32) -> Result<Next, Error> {
        match catch_unwind(AssertUnwindSafe(|| function(&mut Ctx::new(self), state))) {
            Ok(result) => result,
            Err(panic) => Err(self.note_panic(panic)),
        }
    }

    #[cold]
    fn note_panic(&mut self, panic: Box<dyn Any + Send>) -> Error {
        self.panic = Some(panic);
        self.begin_stop(Stop::Panic)
    }

    /// Does what the native on top has asked for.
    unsafe fn go_on_with(&mut self, next: Next) -> Result<Flow, Error> {
        // SAFETY: the top frame is a native one.
        unsafe {
            let thread = self.thread;
            match next {
                Next::Return(n) => {
                    let n = n.min((*thread).top - (*thread).base);
                    if (*thread).hook_state != 0 {
                        // A hook that fails is no error of the call that was protected.
                        stack::change_flags(thread, (*thread).base, 0, flag::PROTECTED);
                        if let Some(flow) = self.native_return_hook(n)? {
                            return Ok(flow);
                        }
                    }
                    self.return_and_collect((*thread).top - n, n)
                }
                Next::Call { args, results, state } => {
                    if !Ctx::new(self).has_call(args, results) {
                        return Err(self.error_here(BAD_COUNTS));
                    }
                    let base = (*thread).base as usize;
                    (*(*thread).stack.add(base - 1)).payload = u64::from(state);
                    self.reserve((*thread).top as usize + 1)?;
                    let func = (*self.thread).top - args - 1;
                    let slot = (*self.thread).stack.add(func as usize);
                    for i in (0..args as usize).rev() {
                        *slot.add(2 + i) = Slot::read(slot.add(1 + i));
                    }
                    (*self.thread).top += 1;
                    let wanted = results.map_or(0, |n| n as u8 + 1);
                    self.count_native_call()?;
                    self.enter(func, args, wanted, kind::FROM_NATIVE, 0, 0)
                }
                Next::TailCall { args } => {
                    if !Ctx::new(self).has_call(args, None) {
                        return Err(self.error_here(BAD_COUNTS));
                    }
                    let func = (*thread).top - args - 1;
                    self.replace_frame(func, func + 1, args)
                }
                Next::Switch(switch) => self.switch(switch),
            }
        }
    }

    /// Calls the function at `func` with `n` arguments from `args` in place of the current frame.
    pub(crate) unsafe fn replace_frame(&mut self, func: u32, args: u32, n: u32) -> Result<Flow, Error> {
        // SAFETY: the run moves downwards.
        unsafe {
            let thread = self.thread;
            let frame = stack::frame(thread, (*thread).base);
            let target = (*thread).stack.add(frame.result as usize);
            *target = Slot::read((*thread).stack.add(func as usize));
            (*target).tag &= 0xff;
            let source = (*thread).stack.add(args as usize);
            for i in 0..n as usize {
                *target.add(2 + i) = Slot::read(source.add(i));
            }
            (*thread).base = if frame.delta == 0 { 0 } else { frame.base - frame.delta };
            (*thread).pc = frame.caller_pc;
            (*thread).top = frame.result + 2 + n;
            let extra = self.extra_of(&frame);
            let kept = frame.flags & (flag::HOOK | flag::BARS);
            self.enter(frame.result, n, frame.wanted, frame.kind, kept | flag::TAIL, extra)
        }
    }

    /// As [`Vm::return_from`]; then a step of the collector, if one is due: at once when nothing above the results is in
    /// use, else at the next safepoint, as a finalizer would be called above results whose number is kept nowhere else.
    pub(crate) fn return_and_collect(&mut self, first: u32, n: u32) -> Result<Flow, Error> {
        let flow = self.return_from(first, n)?;
        if self.heap.debt >= 0 && flow != Flow::Done {
            if !self.returned_fixed {
                self.collect_soon();
                return Ok(flow);
            }
            // SAFETY: the running thread is live.
            let again = self.collect_step(unsafe { (*self.thread).top })?;
            if again == Flow::Next {
                return Ok(flow);
            }
            // A finalizer stands above where an error has led, or the end of a coroutine.
            self.tier.landing = None;
            return Ok(again);
        }
        Ok(flow)
    }

    /// Leaves the current frame with `n` values from stack index `first`.
    pub(crate) fn return_from(&mut self, first: u32, n: u32) -> Result<Flow, Error> {
        // SAFETY: see the head of the module.
        unsafe {
            let thread = self.thread;
            let stack_before = (*thread).stack;
            let header = stack_before.add((*thread).base as usize - 2);
            let (head, link) = ((*header).tag, (*header.add(1)).tag);
            // What natives and instructions call most, without decoding all of the header.
            let called_by = (head >> 8) as u8;
            if matches!(called_by, kind::FROM_NATIVE | kind::META) && (head >> 24) as u8 & flag::VARARG == 0 {
                let wanted = (head >> 16) as u8;
                let results = if wanted == 0 { n } else { u32::from(wanted) - 1 };
                let func = (*thread).base - 2;
                if func + results < (*thread).capacity {
                    let source = stack_before.add(first as usize);
                    (*thread).base = func + 2 - (link >> 32) as u32;
                    (*thread).pc = link as u32;
                    (*thread).native_calls = (*thread).native_calls.saturating_sub(1);
                    self.returned_fixed = wanted != 0;
                    if called_by == kind::META {
                        (*thread).top = func;
                        let result = if n == 0 { Slot::NIL } else { Slot::read(source) };
                        if head & 0xff == tag::CLOSURE {
                            self.note_metamethod(result);
                        }
                        return self.finish_op(result, (head >> 32) as u32);
                    }
                    place(header, source, n, results);
                    (*thread).top = func + results;
                    return Ok(Flow::Reload);
                }
            }
            let frame = stack::frame(thread, (*thread).base);
            if frame.kind == kind::COROUTINE {
                return self.finish_coroutine(first, n);
            }
            let caller = if frame.delta == 0 { 0 } else { frame.base - frame.delta };
            self.returned_fixed = frame.wanted != 0;
            if kind::is_nested(frame.kind) {
                (*thread).native_calls = (*thread).native_calls.saturating_sub(1);
            }
            match frame.kind {
                kind::LUA | kind::FROM_NATIVE | kind::ENTRY => {
                    let wanted = if frame.wanted == 0 { n } else { u32::from(frame.wanted) - 1 };
                    if frame.result + wanted >= (*thread).capacity {
                        self.reserve((frame.result + wanted) as usize)?;
                    }
                    let target = (*thread).stack.add(frame.result as usize);
                    let source = (*thread).stack.add(first as usize);
                    place(target, source, n, wanted);
                    (*thread).base = caller;
                    (*thread).pc = frame.caller_pc;
                    (*thread).top = frame.result + wanted;
                    if frame.kind == kind::ENTRY {
                        self.exit_error = false;
                        return Ok(Flow::Done);
                    }
                    let native = frame.callee.tag == tag::NATIVE;
                    Ok(if native && frame.kind == kind::LUA && (*thread).stack == stack_before && frame.flags & flag::TAIL == 0 {
                        Flow::Next
                    } else {
                        Flow::Reload
                    })
                }
                kind::FORWARD => {
                    (*thread).base = caller;
                    (*thread).pc = frame.caller_pc;
                    self.return_from(first, n)
                }
                kind::PROTECTED => {
                    (*thread).base = caller;
                    (*thread).pc = frame.caller_pc;
                    self.return_protected(first, n)
                }
                kind::META => {
                    let result = if n == 0 { Slot::NIL } else { *(*thread).stack.add(first as usize) };
                    (*thread).base = caller;
                    (*thread).pc = frame.caller_pc;
                    (*thread).top = frame.result;
                    self.finish_op(result, self.extra_of(&frame))
                }
                kind::CLOSE => {
                    (*thread).base = caller;
                    (*thread).pc = frame.caller_pc - 1;
                    (*thread).hook_seen = hook::seen::AGAIN;
                    (*thread).top = self.extra_of(&frame);
                    // Values up to the top may be on their way: no finalizer may come between.
                    self.returned_fixed = false;
                    Ok(Flow::Reload)
                }
                kind::CLOSE_UNWIND => {
                    (*thread).base = caller;
                    (*thread).pc = frame.caller_pc;
                    (*thread).top = frame.result;
                    self.continue_unwind(0)
                }
                kind::HANDLER => {
                    let result = if n == 0 { Slot::NIL } else { *(*thread).stack.add(first as usize) };
                    (*thread).base = caller;
                    (*thread).pc = frame.caller_pc;
                    (*thread).top = frame.result;
                    self.error = result;
                    Ok(self.unwind())
                }
                _ => {
                    (*thread).base = caller;
                    (*thread).pc = frame.caller_pc;
                    (*thread).top = frame.result;
                    if frame.flags & flag::HOOK != 0 {
                        (*thread).flags &= !thread_flag::IN_HOOK;
                    }
                    if frame.kind == kind::HOOK {
                        (*thread).pc -= 1;
                        (*thread).top = self.extra_of(&frame);
                        self.returned_fixed = false;
                    }
                    Ok(Flow::Reload)
                }
            }
        }
    }

    /// What the caller gave the frame to remember. That of a frame which moved above its arguments
    /// stands in its first header, for the word of the second counts the arguments.
    unsafe fn extra_of(&self, frame: &stack::Frame) -> u32 {
        if frame.flags & flag::VARARG == 0 {
            return frame.extra;
        }
        // SAFETY: `vararg_prep` saved the word in the payload of the old second header slot.
        unsafe { (*(*self.thread).stack.add(frame.result as usize + 1)).payload as u32 }
    }

    /// Runs until the host's call is over.
    pub(crate) fn execute(&mut self) -> Result<(), Error> {
        loop {
            // SAFETY: the running thread has a frame.
            let lua = unsafe {
                (*(*self.thread).stack.add((*self.thread).base as usize - 2)).tag & 0xff == tag::CLOSURE
            };
            let flow = if lua && self.goes_on_natively() {
                self.run_native()
            } else if lua {
                self.interpret()
            } else {
                let result = self.resume_native();
                self.settle(result)
            };
            if flow == Flow::Done {
                return if self.exit_error { Err(Error::new()) } else { Ok(()) };
            }
        }
    }
}
