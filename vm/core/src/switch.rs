//! Changes of coroutine (manual 2.6).
//!
//! `coroutine.resume`, `yield` and what `wrap` makes are natives: each has a frame while its coroutine
//! waits, which is entered again when something reaches it. Most of the time there is nothing for it to
//! do but to pass values on, so the machine plays its part, see [`Role`].
//!
//! `unsafe`: threads are live while something refers to them; slots are addressed from their stacks.
#![allow(unsafe_code)]

use crate::api::{Change, Switch};
use crate::call::MAX_NATIVE_CALLS;
use crate::error::Error;
use crate::interp::Flow;
use crate::object::{Closure, Native, Thread};
use crate::stack::{self, FIRST_BASE, SLACK, flag, kind};
use crate::tier::Landing;
use crate::unwind::{CLOSED, CLOSED_WITH_ERROR, status, thread_flag};
use crate::value::{Slot, tag};
use crate::vm::Vm;

/// What the machine knows of a native, and does itself where nobody could see the difference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Nothing.
    #[default]
    Plain,
    /// `pcall`
    Protect,
    /// `xpcall`
    ProtectWithHandler,
    /// `coroutine.resume`: returns `true` and the values.
    Resume,
    /// What `coroutine.wrap` makes: returns the values.
    Wrapped,
    /// `coroutine.yield`: returns the values.
    Yield,
}

impl Vm {
    /// Does what the native at stack index `func` would do with its `n` arguments, and whatever is entered then;
    /// `None`, and nothing done, when that is no common case. There are no hooks, and there is room for the
    /// arguments and two slots more.
    pub(crate) unsafe fn play(&mut self, role: Role, func: u32, n: u32, wanted: u8) -> Option<Result<Flow, Error>> {
        // SAFETY: by contract.
        unsafe {
            match role {
                Role::Plain => None,
                Role::Protect => (n > 0).then(|| self.call_protected(func, n, wanted, false)),
                Role::ProtectWithHandler => {
                    let handler = *(*self.thread).stack.add(func as usize + 3);
                    let fits = n > 1 && matches!(handler.tag, tag::CLOSURE | tag::NATIVE);
                    fits.then(|| self.call_protected(func, n, wanted, true))
                }
                _ => self.switch_at_once(role, func, n, wanted, 0).map(|_| Ok(Flow::Reload)),
            }
        }
    }

    /// As [`Vm::play`], for those that change the coroutine: gives the machine address at which the other one may go
    /// on, or 0. This one goes on at `address` in its turn, if that is not 0 and nothing but values reaches it.
    pub(crate) unsafe fn switch_at_once(&mut self, role: Role, func: u32, n: u32, wanted: u8, address: u64) -> Option<u64> {
        // SAFETY: by contract.
        unsafe {
            let from = self.thread;
            let next = match role {
                Role::Plain | Role::Protect | Role::ProtectWithHandler => None,
                Role::Resume | Role::Wrapped => self.resume_at_once(role, func, n, wanted),
                Role::Yield => self.yield_at_once(func, n, wanted),
            }?;
            (*from).goes_on = address;
            (*from).in_resume = role == Role::Resume;
            Some(next)
        }
    }

    pub(crate) fn role_of(&self, callee: Slot) -> Role {
        // SAFETY: the tag says what it is.
        if callee.tag == tag::NATIVE { self.natives[unsafe { (*callee.as_ptr::<Native>()).id } as usize].role } else { Role::Plain }
    }

    /// Resumes a coroutine that stands in a plain `yield`.
    unsafe fn resume_at_once(&mut self, role: Role, func: u32, n: u32, wanted: u8) -> Option<u64> {
        // SAFETY: see the head of the module.
        unsafe {
            let from = self.thread;
            let slot = (*from).stack.add(func as usize);
            let (coroutine, given) = match role {
                Role::Wrapped => (*Native::upvalues((*slot).as_ptr::<Native>()), 0),
                _ if n == 0 => return None,
                _ => (*slot.add(2), 1),
            };
            let to = coroutine.as_ptr::<Thread>();
            let fits = coroutine.tag == tag::THREAD
                && (*to).status == status::SUSPENDED
                && to != from
                && (*from).native_calls + 1 < MAX_NATIVE_CALLS;
            if !fits || self.inspection.stepping.is_some() {
                return None;
            }
            let arguments = std::slice::from_raw_parts(slot.add(2 + given), n as usize - given);
            let begins = (*to).base == 0;
            let passed = if begins { self.begin(to, arguments) } else { self.pass_on(to, arguments).then_some(0) };
            let start = passed?;
            self.stand_in(func, wanted);
            // Its window holds the coroutine, in case that fails.
            *slot.add(2) = coroutine;
            (*from).top = func + 3;
            (*from).status = status::NORMAL;
            (*to).resumer = from;
            nest(from, to, 1);
            let address = self.activate(to);
            Some(if begins { start } else { address })
        }
    }

    /// Makes the first frame of a coroutine, whose function gets these values, and says at which machine address that
    /// is entered, or 0. Declines what is not to be done in passing.
    unsafe fn begin(&mut self, to: *mut Thread, values: &[Slot]) -> Option<u64> {
        // SAFETY: a coroutine that was not begun has its function on the stack; room is checked before anything is written.
        unsafe {
            let function = *(*to).stack.add(1);
            if function.tag != tag::CLOSURE || (*to).top != 2 || (*to).hook_state != 0 || self.attention_raised() {
                return None;
            }
            let proto = (*function.as_ptr::<Closure>()).proto;
            let given = values.len().max(usize::from((*proto).params));
            let end = FIRST_BASE as usize + given + usize::from((*proto).max_stack) + SLACK;
            let is_compiled = !(*proto).native.is_null();
            if (*proto).is_vararg != 0 || !is_compiled && (*proto).heat <= 1 || end > (*to).capacity as usize {
                return None;
            }
            if !is_compiled {
                (*proto).heat -= 1;
            }
            let base = (*to).stack.add(FIRST_BASE as usize);
            for i in 0..given {
                *base.add(i) = values.get(i).map_or(Slot::NIL, |value| Slot::read(value));
            }
            (*base.sub(2)).tag = stack::head(tag::CLOSURE, kind::COROUTINE, 0, 0, 0);
            *base.sub(1) = Slot { payload: 0, tag: stack::link(0, 0) };
            (*to).base = FIRST_BASE;
            (*to).top = FIRST_BASE + values.len() as u32;
            (*to).pc = 0;
            Some(self.entry_of(proto, base))
        }
    }

    /// Yields to a coroutine that stands in a plain `resume`.
    unsafe fn yield_at_once(&mut self, func: u32, n: u32, wanted: u8) -> Option<u64> {
        // SAFETY: see the head of the module.
        unsafe {
            let from = self.thread;
            let to = (*from).resumer;
            if from == self.main || to.is_null() || (*from).may_bar || self.inspection.stepping.is_some() {
                return None;
            }
            let values = std::slice::from_raw_parts((*from).stack.add(func as usize + 2), n as usize);
            if !self.pass_on(to, values) {
                return None;
            }
            self.stand_in(func, wanted);
            (*from).top = func + 2;
            (*from).status = status::SUSPENDED;
            (*from).resumer = std::ptr::null_mut();
            Some(self.activate(to))
        }
    }

    /// Makes the frame of the native at stack index `func`, which the running Lua function calls.
    unsafe fn stand_in(&mut self, func: u32, wanted: u8) {
        // SAFETY: see the head of the module.
        unsafe {
            let thread = &mut *self.thread;
            let slot = thread.stack.add(func as usize);
            (*slot).tag = stack::head(tag::NATIVE, kind::LUA, wanted, 0, 0);
            *slot.add(1) = Slot { payload: 0, tag: stack::link(thread.pc, func + 2 - thread.base) };
            thread.base = func + 2;
        }
    }

    /// Goes back to the coroutine that resumed this one, whose native gets `values` and `state`.
    pub(crate) fn deliver_to_resumer(&mut self, values: &[Slot], state: u32) -> Flow {
        // SAFETY: a running coroutine other than the main one has a resumer, stopped in a native.
        unsafe {
            let from = self.thread;
            let to = (*from).resumer;
            (*from).resumer = std::ptr::null_mut();
            if self.inspection.stepping.is_some() {
                self.step_leaves(to, (*from).status != status::SUSPENDED);
            }
            let address = self.activate(to);
            if state == 1 && self.pass_on(to, values) {
                self.tier.landing = (address != 0).then_some(Landing { func: u32::MAX, address });
                return Flow::Reload;
            }
            if let Err(error) = self.reserve((*to).top as usize + values.len()) {
                return self.raise(error);
            }
            for (i, value) in values.iter().enumerate() {
                *(*to).stack.add((*to).top as usize + i) = Slot::read(value);
            }
            (*to).top += values.len() as u32;
            (*(*to).stack.add((*to).base as usize - 1)).payload = u64::from(state);
            Flow::Reload
        }
    }

    /// Has the native on top of a coroutine, if it is one that only passes values on to a Lua function, return
    /// them: what it would do when it is entered again. Declines when the stack would have to grow.
    unsafe fn pass_on(&mut self, to: *mut Thread, values: &[Slot]) -> bool {
        // SAFETY: the coroutine is stopped in a native; room is checked before anything is written.
        unsafe {
            let frame = stack::frame(to, (*to).base);
            if frame.kind != kind::LUA || frame.flags != 0 || (*to).hook_state != 0 || frame.delta == 0 {
                return false;
            }
            let first = match self.role_of(frame.callee) {
                Role::Resume => 1,
                Role::Wrapped | Role::Yield => 0,
                Role::Plain | Role::Protect | Role::ProtectWithHandler => return false,
            };
            let given = first + values.len();
            let wanted = if frame.wanted == 0 { given } else { usize::from(frame.wanted) - 1 };
            if frame.result as usize + wanted >= (*to).capacity as usize {
                return false;
            }
            let target = (*to).stack.add(frame.result as usize);
            if first == 1 && wanted > 0 {
                *target = Slot::bool(true);
            }
            for i in first..wanted {
                *target.add(i) = values.get(i - first).map_or(Slot::NIL, |value| Slot::read(value));
            }
            (*to).base = frame.base - frame.delta;
            (*to).pc = frame.caller_pc;
            (*to).top = frame.result + wanted as u32;
            self.returned_fixed = frame.wanted != 0;
            true
        }
    }

    /// The coroutine runs from now on. Gives the machine address at which it may go on, or 0.
    pub(crate) unsafe fn activate(&mut self, thread: *mut Thread) -> u64 {
        // SAFETY: `thread` is live.
        let address = unsafe {
            (*thread).status = status::RUNNING;
            self.heap.touch_thread(thread);
            std::mem::take(&mut (*thread).goes_on)
        };
        self.thread = thread;
        self.refresh_limit();
        address
    }

    /// The first frame of a coroutine returned.
    pub(crate) fn finish_coroutine(&mut self, first: u32, n: u32) -> Result<Flow, Error> {
        // SAFETY: the values stand on the coroutine's stack, above its first slot, and stay there.
        unsafe {
            let thread = self.thread;
            let values = std::slice::from_raw_parts((*thread).stack.add(first as usize), n as usize);
            (*thread).status = status::DEAD;
            (*thread).base = 0;
            (*thread).top = 1;
            *(*thread).stack = Slot::NIL;
            Ok(self.deliver_to_resumer(values, 1))
        }
    }

    /// Carries out a change of coroutine that a native asked for.
    pub(crate) fn switch(&mut self, switch: Switch) -> Result<Flow, Error> {
        // SAFETY: the native checked the statuses. The two coroutines differ, and the stack
        // that the values stand on neither moves nor is written to before they are copied.
        unsafe {
            let from = self.thread;
            match switch.0 {
                Change::Resume { thread, args } => {
                    let start = (*from).top - args;
                    let values = std::slice::from_raw_parts((*from).stack.add(start as usize), args as usize);
                    (*from).top = start;
                    (*from).status = status::NORMAL;
                    (*thread).resumer = from;
                    if self.inspection.stepping.is_some() {
                        self.step_resumes(thread);
                    }
                    nest(from, thread, 1);
                    self.activate(thread);
                    if (*thread).base == 0 {
                        self.reserve(FIRST_BASE as usize + values.len())?;
                        for (i, value) in values.iter().enumerate() {
                            *(*thread).stack.add(FIRST_BASE as usize + i) = Slot::read(value);
                        }
                        return self.enter(1, args, 0, kind::COROUTINE, 0, 0);
                    }
                    if self.pass_on(thread, values) {
                        return Ok(Flow::Reload);
                    }
                    self.reserve((*thread).top as usize + values.len())?;
                    for (i, value) in values.iter().enumerate() {
                        *(*thread).stack.add((*thread).top as usize + i) = Slot::read(value);
                    }
                    (*thread).top += args;
                    (*(*thread).stack.add((*thread).base as usize - 1)).payload = 1;
                    Ok(Flow::Reload)
                }
                Change::Yield { values } => {
                    let start = (*from).top - values;
                    let values = std::slice::from_raw_parts((*from).stack.add(start as usize), values as usize);
                    (*from).top = (*from).base;
                    (*from).status = status::SUSPENDED;
                    Ok(self.deliver_to_resumer(values, 1))
                }
                Change::Close { thread } => {
                    let failed = (*thread).status == status::FAILED;
                    let error = if failed { *(*thread).stack } else { Slot::NIL };
                    if (*thread).base == 0 {
                        (*thread).status = status::DEAD;
                        (*thread).top = 1;
                        *(*thread).stack = Slot::NIL;
                        let top = (*from).top as usize;
                        self.reserve(top + 1)?;
                        *(*from).stack.add(top) = error;
                        (*from).top += 1;
                        let state = if failed { CLOSED_WITH_ERROR } else { CLOSED };
                        (*(*from).stack.add((*from).base as usize - 1)).payload = u64::from(state);
                        return Ok(Flow::Reload);
                    }
                    (*from).status = status::NORMAL;
                    (*thread).resumer = from;
                    nest(from, thread, 0);
                    let end = stack::extent(thread);
                    self.activate(thread);
                    *(*thread).stack = error;
                    (*thread).flags |= thread_flag::CLOSING | if failed { thread_flag::HAS_ERROR } else { 0 };
                    (*thread).base = FIRST_BASE;
                    (*thread).top = end;
                    (*thread).pc = 0;
                    let head = &mut (*(*thread).stack.add(FIRST_BASE as usize - 2)).tag;
                    *head = stack::head(*head & 0xff, kind::COROUTINE, 0, flag::UNWINDING, 0);
                    *(*thread).stack.add(FIRST_BASE as usize - 1) = Slot { payload: 0, tag: stack::link(0, 0) };
                    self.continue_unwind(0)
                }
            }
        }
    }
}

/// Has `thread` count on from the calls under way in `from`, which resumes or closes it.
unsafe fn nest(from: *const Thread, thread: *mut Thread, calls: u32) {
    // SAFETY: both are live.
    unsafe {
        let own = (*thread).native_calls.saturating_sub((*thread).outer_calls);
        (*thread).outer_calls = (*from).native_calls + calls;
        (*thread).native_calls = (*thread).outer_calls + own;
    }
}
