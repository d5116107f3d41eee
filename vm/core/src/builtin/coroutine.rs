//! The `coroutine` library (manual 6.2).
//!
//! `unsafe`: a thread value keeps its coroutine alive.
#![allow(unsafe_code)]

use crate::api::{Change, Ctx, Kind, Next, Switch, Value};
use crate::call::{ERROR_STATE, MAX_NATIVE_CALLS};
use crate::error::Error;
use crate::object::Thread;
use crate::stack;
use crate::switch::Role;
use crate::unwind::{CLOSED_WITH_ERROR, status};
use crate::value::{Slot, tag};

/// Pushes the library table.
///
/// # Errors
/// The memory limit.
pub fn open(ctx: &mut Ctx<'_>) -> Result<(), Error> {
    ctx.new_table(0, 8)?;
    super::install(
        ctx,
        &[
            ("create", "coroutine.create", create),
            ("resume", "coroutine.resume", resume),
            ("yield", "coroutine.yield", yield_),
            ("status", "coroutine.status", status_),
            ("wrap", "coroutine.wrap", wrap),
            ("running", "coroutine.running", running),
            ("isyieldable", "coroutine.isyieldable", is_yieldable),
            ("close", "coroutine.close", close),
        ],
    )?;
    ctx.raw_get_field(-1, b"resume");
    ctx.set_role(-1, Role::Resume);
    ctx.raw_get_field(-2, b"yield");
    ctx.set_role(-1, Role::Yield);
    ctx.pop(2);
    Ok(())
}

fn thread_at(ctx: &mut Ctx<'_>, index: i32) -> Result<*mut Thread, Error> {
    if ctx.kind(index) != Kind::Thread {
        return Err(ctx.type_error(index, "thread"));
    }
    Ok(ctx.slot(index).as_ptr())
}

fn status_of(ctx: &mut Ctx<'_>, thread: *mut Thread) -> u8 {
    if thread == ctx.vm().thread {
        return status::RUNNING;
    }
    // SAFETY: see the head of the module.
    unsafe { (*thread).status }
}

fn create(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    if !matches!(ctx.kind(1), Kind::Function | Kind::Native) {
        return Err(ctx.type_error(1, "function"));
    }
    let f = ctx.slot(1);
    let thread = ctx.vm().new_thread(f)?;
    ctx.push(Slot::object(thread, tag::THREAD));
    Ok(Next::Return(1))
}

/// Why a coroutine cannot be resumed, if it cannot.
fn refusal(ctx: &mut Ctx<'_>, thread: *mut Thread) -> Option<&'static str> {
    // SAFETY: see the head of the module.
    let deep = unsafe { (*ctx.vm().thread).native_calls + 1 >= MAX_NATIVE_CALLS };
    match status_of(ctx, thread) {
        status::SUSPENDED if deep => Some("C stack overflow"),
        status::SUSPENDED => None,
        status::DEAD | status::FAILED => Some("cannot resume dead coroutine"),
        _ => Some("cannot resume non-suspended coroutine"),
    }
}

fn resume(ctx: &mut Ctx<'_>, state: u32) -> Result<Next, Error> {
    match state {
        0 => {
            let thread = thread_at(ctx, 1)?;
            if let Some(why) = refusal(ctx, thread) {
                ctx.push_bool(false);
                ctx.push_bytes(why.as_bytes())?;
                return Ok(Next::Return(2));
            }
            Ok(Next::Switch(Switch(Change::Resume { thread, args: ctx.top() as u32 - 1 })))
        }
        _ => {
            ctx.push_bool(state == 1);
            ctx.replace(1);
            Ok(Next::Return(ctx.top() as u32))
        }
    }
}

fn wrap(ctx: &mut Ctx<'_>, state: u32) -> Result<Next, Error> {
    create(ctx, state)?;
    ctx.push_native("coroutine.wrap.call", wrapped, 1)?;
    ctx.set_role(-1, Role::Wrapped);
    Ok(Next::Return(1))
}

fn wrapped(ctx: &mut Ctx<'_>, state: u32) -> Result<Next, Error> {
    ctx.upvalue(1);
    let thread = thread_at(ctx, -1)?;
    match state {
        0 => {
            if let Some(why) = refusal(ctx, thread) {
                return Err(ctx.error(why));
            }
            ctx.insert(1);
            Ok(Next::Switch(Switch(Change::Resume { thread, args: ctx.top() as u32 - 1 })))
        }
        1 => {
            ctx.pop(1);
            Ok(Next::Return(ctx.top() as u32 - 1))
        }
        ERROR_STATE => {
            ctx.pop(1);
            // Close what the error left open, then pass it on.
            ctx.set_top(1);
            Ok(Next::Switch(Switch(Change::Close { thread })))
        }
        _ => {
            ctx.pop(1);
            // As in PUC Lua, no place is put before the message of the memory limit: there may be no memory for it.
            if let Value::Str(message) = ctx.value(-1)
                && !ctx.is_memory_message(-1)
            {
                let text = [&ctx.where_(1), message].concat();
                return Err(ctx.error_plain(text));
            }
            Err(ctx.error_top())
        }
    }
}

fn yield_(ctx: &mut Ctx<'_>, state: u32) -> Result<Next, Error> {
    if state == 1 {
        return Ok(Next::Return(ctx.top() as u32));
    }
    if ctx.is_main() {
        return Err(ctx.error_plain("attempt to yield from outside a coroutine"));
    }
    let thread = ctx.vm().thread;
    // SAFETY: the running thread.
    if unsafe { stack::bars_yield(thread) } {
        return Err(ctx.error_plain("attempt to yield across a C-call boundary"));
    }
    Ok(Next::Switch(Switch(Change::Yield { values: ctx.top() as u32 })))
}

fn status_(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let thread = thread_at(ctx, 1)?;
    let text = match status_of(ctx, thread) {
        status::SUSPENDED => "suspended",
        status::RUNNING => "running",
        status::NORMAL => "normal",
        _ => "dead",
    };
    ctx.push_bytes(text.as_bytes())?;
    Ok(Next::Return(1))
}

fn running(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let main = ctx.is_main();
    ctx.push_current_thread();
    ctx.push_bool(main);
    Ok(Next::Return(2))
}

fn is_yieldable(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let thread = if ctx.kind(1) == Kind::Thread { thread_at(ctx, 1)? } else { ctx.vm().thread };
    // SAFETY: a live thread.
    let yieldable = thread != ctx.vm().main && unsafe { !stack::bars_yield(thread) };
    ctx.push_bool(yieldable);
    Ok(Next::Return(1))
}

fn close(ctx: &mut Ctx<'_>, state: u32) -> Result<Next, Error> {
    if state == 0 {
        let thread = thread_at(ctx, 1)?;
        ctx.set_top(1);
        return match status_of(ctx, thread) {
            status::SUSPENDED | status::DEAD | status::FAILED => Ok(Next::Switch(Switch(Change::Close { thread }))),
            other => {
                let name = if other == status::RUNNING { "running" } else { "normal" };
                Err(ctx.error(format!("cannot close a {name} coroutine")))
            }
        };
    }
    if state != CLOSED_WITH_ERROR {
        ctx.push_bool(true);
        return Ok(Next::Return(1));
    }
    ctx.push_bool(false);
    ctx.insert(-2);
    Ok(Next::Return(2))
}
