//! The `debug` library (manual 6.10).
//!
//! `unsafe`: frames and upvalues are reached through live functions and threads.
#![allow(unsafe_code)]

use crate::api::{Ctx, Kind, Next, Value};
use crate::debug::activation;
use crate::error::Error;
use crate::object::{Closure, Native, Thread, Upvalue};
use crate::value::{Slot, tag};
use perilune_isa::names;

/// Pushes the library table.
///
/// # Errors
/// The memory limit.
pub fn open(ctx: &mut Ctx<'_>) -> Result<(), Error> {
    ctx.new_table(0, 20)?;
    super::install(
        ctx,
        &[
            ("debug", "debug.debug", super::prompt::debug),
            ("traceback", "debug.traceback", traceback),
            ("getinfo", "debug.getinfo", get_info),
            ("getlocal", "debug.getlocal", get_local),
            ("setlocal", "debug.setlocal", set_local),
            ("getupvalue", "debug.getupvalue", get_upvalue),
            ("setupvalue", "debug.setupvalue", set_upvalue),
            ("upvalueid", "debug.upvalueid", upvalue_id),
            ("upvaluejoin", "debug.upvaluejoin", upvalue_join),
            ("getmetatable", "debug.getmetatable", get_metatable),
            ("setmetatable", "debug.setmetatable", set_metatable),
            ("getregistry", "debug.getregistry", get_registry),
            ("getuservalue", "debug.getuservalue", get_user_value),
            ("setuservalue", "debug.setuservalue", set_user_value),
            ("gethook", "debug.gethook", get_hook),
            ("sethook", "debug.sethook", set_hook),
            ("setcstacklimit", "debug.setcstacklimit", set_c_stack_limit),
        ],
    )
}

/// The optional thread argument, and how many arguments it took.
fn thread_argument(ctx: &mut Ctx<'_>) -> (*mut Thread, i32) {
    if ctx.kind(1) == Kind::Thread { (ctx.slot(1).as_ptr(), 1) } else { (ctx.vm().thread, 0) }
}

fn traceback(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let (thread, shift) = thread_argument(ctx);
    let message = match ctx.value(shift + 1) {
        Value::None | Value::Nil => None,
        Value::Str(_) | Value::Int(_) | Value::Float(_) => Some(ctx.check_bytes(shift + 1)?.to_vec()),
        _ => {
            ctx.push_copy(shift + 1);
            return Ok(Next::Return(1));
        }
    };
    let same = thread == ctx.vm().thread;
    let level = ctx.opt_int(shift + 2, i64::from(same))?;
    let trace = ctx.vm().traceback(thread, level.max(0) as usize);
    let text = match message {
        Some(message) => [&message, b"\n".as_slice(), &trace].concat(),
        None => trace,
    };
    ctx.push_bytes(&text)?;
    Ok(Next::Return(1))
}

fn set_text(ctx: &mut Ctx<'_>, key: &str, value: &[u8]) -> Result<(), Error> {
    ctx.push_bytes(value)?;
    ctx.raw_set_field(-2, key.as_bytes())
}

fn set_number(ctx: &mut Ctx<'_>, key: &str, value: i64) -> Result<(), Error> {
    ctx.push_int(value);
    ctx.raw_set_field(-2, key.as_bytes())
}

fn set_flag(ctx: &mut Ctx<'_>, key: &str, value: bool) -> Result<(), Error> {
    ctx.push_bool(value);
    ctx.raw_set_field(-2, key.as_bytes())
}

fn get_info(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let (thread, shift) = thread_argument(ctx);
    let options = ctx.opt_bytes(shift + 2)?.unwrap_or(b"flnSrtu").to_vec();
    if options.first() == Some(&b'>') {
        return Err(ctx.arg_error(shift + 2, "invalid option '>'"));
    }
    if options.iter().any(|c| !b"SlnrutLf".contains(c)) {
        return Err(ctx.arg_error(shift + 2, "invalid option"));
    }
    let (info, function) = if matches!(ctx.kind(shift + 1), Kind::Function | Kind::Native) {
        let function = ctx.slot(shift + 1);
        (ctx.vm().function_info(function), function)
    } else {
        let level = ctx.check_int(shift + 1)?;
        // SAFETY: see the head of the module.
        let found = usize::try_from(level).ok().and_then(|level| unsafe { activation(thread, level) });
        let Some(at) = found else {
            ctx.push_nil();
            return Ok(Next::Return(1));
        };
        (ctx.vm().activation_info(thread, level as usize, at), at.frame.callee)
    };
    ctx.new_table(0, 12)?;
    for option in options {
        match option {
            b'S' => {
                set_text(ctx, "source", &info.source)?;
                set_text(ctx, "short_src", &info.short_source)?;
                set_text(ctx, "what", info.what.as_bytes())?;
                set_number(ctx, "linedefined", info.line_defined)?;
                set_number(ctx, "lastlinedefined", info.last_line)?;
            }
            b'l' => set_number(ctx, "currentline", info.current_line)?,
            b'n' => {
                set_text(ctx, "namewhat", info.name_what.as_bytes())?;
                if let Some(name) = &info.name {
                    set_text(ctx, "name", name)?;
                }
            }
            b'r' => {
                set_number(ctx, "ftransfer", i64::from(info.transfer.0))?;
                set_number(ctx, "ntransfer", i64::from(info.transfer.1))?;
            }
            b'u' => {
                set_number(ctx, "nups", i64::from(info.upvalues))?;
                set_number(ctx, "nparams", i64::from(info.params))?;
                set_flag(ctx, "isvararg", info.is_vararg)?;
            }
            b't' => set_flag(ctx, "istailcall", info.is_tail_call)?,
            b'L' => {
                let lines = crate::debug::proto_of(function).map(names::active_lines);
                if let Some(lines) = lines {
                    ctx.new_table(0, 0)?;
                    for line in lines {
                        ctx.push_bool(true);
                        ctx.raw_set_int(-2, i64::from(line))?;
                    }
                    ctx.raw_set_field(-2, b"activelines")?;
                }
            }
            _ => {
                ctx.push(function);
                ctx.raw_set_field(-2, b"func")?;
            }
        }
    }
    Ok(Next::Return(1))
}

fn get_local(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let (thread, shift) = thread_argument(ctx);
    let n = ctx.check_int(shift + 2)?;
    if matches!(ctx.kind(shift + 1), Kind::Function | Kind::Native) {
        let function = ctx.slot(shift + 1);
        let name = crate::debug::proto_of(function).and_then(|proto| {
            names::nth_local(proto, usize::try_from(n).ok()?, 0).map(|local| local.name.to_vec())
        });
        match name {
            Some(name) => ctx.push_bytes(&name)?,
            None => ctx.push_nil(),
        }
        return Ok(Next::Return(1));
    }
    let level = ctx.check_int(shift + 1)?;
    // SAFETY: see the head of the module.
    let found = usize::try_from(level).ok().and_then(|level| unsafe { activation(thread, level) });
    let Some(at) = found else {
        return Err(ctx.arg_error(shift + 1, "level out of range"));
    };
    match ctx.vm().local_place(thread, level as usize, at, n) {
        Some((name, place)) => {
            ctx.push_bytes(&name)?;
            // SAFETY: a slot of the thread's stack.
            let value = unsafe { *(*thread).stack.add(place) };
            // A temporary that is not in use may be a word of a dead frame.
            ctx.push(if value.is_value() { value } else { Slot::NIL });
            Ok(Next::Return(2))
        }
        None => {
            ctx.push_nil();
            Ok(Next::Return(1))
        }
    }
}

fn set_local(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let (thread, shift) = thread_argument(ctx);
    let level = ctx.check_int(shift + 1)?;
    let n = ctx.check_int(shift + 2)?;
    // SAFETY: see the head of the module.
    let found = usize::try_from(level).ok().and_then(|level| unsafe { activation(thread, level) });
    let Some(at) = found else {
        return Err(ctx.arg_error(shift + 1, "level out of range"));
    };
    ctx.check_any(shift + 3)?;
    match ctx.vm().local_place(thread, level as usize, at, n) {
        Some((name, place)) => {
            let value = ctx.slot(shift + 3);
            // SAFETY: a slot of the thread's stack.
            unsafe {
                *(*thread).stack.add(place) = value;
                crate::tier::distrust_addresses(&mut ctx.vm().heap, thread);
                ctx.vm().heap.touch_thread(thread);
            }
            ctx.push_bytes(&name)?;
        }
        None => ctx.push_nil(),
    }
    Ok(Next::Return(1))
}

/// Name and place of upvalue `n` of the function at `index`.
fn upvalue_place(ctx: &mut Ctx<'_>, index: i32, n: i64) -> Option<(Vec<u8>, *mut Slot)> {
    let function = ctx.slot(index);
    let n = usize::try_from(n).ok()?.checked_sub(1)?;
    // SAFETY: see the head of the module.
    unsafe {
        if function.tag == tag::CLOSURE {
            let closure = function.as_ptr::<Closure>();
            if n >= (*closure).header.aux as usize {
                return None;
            }
            let proto = &(*(*(*closure).proto).cold).proto;
            let name = names::upvalue_name(proto, n).filter(|name| !name.is_empty()).map_or_else(|| b"(no name)".to_vec(), <[u8]>::to_vec);
            let upvalue: *mut Upvalue = *(*closure).upvalues.add(n);
            return Some((name, (*upvalue).location));
        }
        let native = function.as_ptr::<Native>();
        (n < (*native).header.aux as usize).then(|| (Vec::new(), Native::upvalues(native).add(n)))
    }
}

fn check_function(ctx: &mut Ctx<'_>, index: i32) -> Result<(), Error> {
    if matches!(ctx.kind(index), Kind::Function | Kind::Native) { Ok(()) } else { Err(ctx.type_error(index, "function")) }
}

fn get_upvalue(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let n = ctx.check_int(2)?;
    check_function(ctx, 1)?;
    match upvalue_place(ctx, 1, n) {
        Some((name, place)) => {
            ctx.push_bytes(&name)?;
            // SAFETY: see the head of the module.
            let value = unsafe { *place };
            ctx.push(value);
            Ok(Next::Return(2))
        }
        None => Ok(Next::Return(0)),
    }
}

fn set_upvalue(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    ctx.check_any(3)?;
    let n = ctx.check_int(2)?;
    check_function(ctx, 1)?;
    match upvalue_place(ctx, 1, n) {
        Some((name, place)) => {
            let (value, function) = (ctx.slot(3), ctx.slot(1));
            // SAFETY: see the head of the module.
            unsafe {
                *place = value;
                if function.tag == tag::CLOSURE {
                    let upvalue = *(*function.as_ptr::<Closure>()).upvalues.add(n as usize - 1);
                    ctx.vm().heap.barrier(upvalue.cast(), value);
                } else {
                    ctx.vm().heap.barrier(function.as_ptr(), value);
                }
            }
            ctx.push_bytes(&name)?;
            Ok(Next::Return(1))
        }
        None => Ok(Next::Return(0)),
    }
}

fn upvalue_id(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let n = ctx.check_int(2)?;
    check_function(ctx, 1)?;
    let function = ctx.slot(1);
    match upvalue_place(ctx, 1, n) {
        // SAFETY: see the head of the module.
        Some((_, place)) => unsafe {
            let id = if function.tag == tag::CLOSURE { *(*function.as_ptr::<Closure>()).upvalues.add(n as usize - 1) as u64 } else { place as u64 };
            ctx.push_light(id);
        },
        None => ctx.push_nil(),
    }
    Ok(Next::Return(1))
}

fn upvalue_join(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    for (function, number) in [(1, 2), (3, 4)] {
        let n = ctx.check_int(number)?;
        check_function(ctx, function)?;
        if upvalue_place(ctx, function, n).is_none() {
            return Err(ctx.arg_error(number, "invalid upvalue index"));
        }
        if ctx.kind(function) == Kind::Native {
            return Err(ctx.arg_error(function, "Lua function expected"));
        }
    }
    let (n, m) = (ctx.check_int(2)? as usize, ctx.check_int(4)? as usize);
    let (f, g) = (ctx.slot(1).as_ptr::<Closure>(), ctx.slot(3).as_ptr::<Closure>());
    // SAFETY: both indices were checked.
    unsafe {
        let upvalue = *(*g).upvalues.add(m - 1);
        *(*f).upvalues.add(n - 1) = upvalue;
        ctx.vm().heap.barrier(f.cast(), Slot::object(upvalue, tag::UPVALUE));
    }
    Ok(Next::Return(0))
}

fn get_metatable(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    ctx.check_any(1)?;
    if !ctx.get_metatable(1) {
        ctx.push_nil();
    }
    Ok(Next::Return(1))
}

fn set_metatable(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    if !matches!(ctx.kind(2), Kind::Nil | Kind::Table) {
        return Err(ctx.type_error(2, "nil or table"));
    }
    ctx.set_top(2);
    ctx.set_metatable(1);
    Ok(Next::Return(1))
}

fn get_registry(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    ctx.push_registry();
    Ok(Next::Return(1))
}

fn get_user_value(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let n = ctx.opt_int(2, 1)?;
    if ctx.kind(1) == Kind::Userdata && ctx.user_value(1, n.max(0) as usize) {
        ctx.push_bool(true);
        return Ok(Next::Return(2));
    }
    ctx.push_nil();
    Ok(Next::Return(1))
}

fn set_user_value(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let n = ctx.opt_int(3, 1)?;
    ctx.check_kind(1, Kind::Userdata)?;
    ctx.check_any(2)?;
    ctx.push_copy(2);
    if ctx.set_user_value(1, n.max(0) as usize) {
        ctx.push_copy(1);
    } else {
        ctx.push_nil();
    }
    Ok(Next::Return(1))
}

fn get_hook(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let (thread, _) = thread_argument(ctx);
    // SAFETY: see the head of the module.
    let (hook, state) = unsafe { ((*thread).hook, (*thread).hook_state) };
    ctx.push(hook);
    let mut mask = Vec::new();
    for (bit, letter) in [(1, b'c'), (2, b'r'), (4, b'l')] {
        if state & bit != 0 {
            mask.push(letter);
        }
    }
    ctx.push_bytes(&mask)?;
    ctx.push_int((state >> 32) as i64);
    Ok(Next::Return(3))
}

/// Where the registry has the hooks by coroutine.
const HOOKS: &[u8] = b"_HOOKKEY";

/// What is no business of a program's hooks.
const KEPT: u64 = crate::inspect::STEP | crate::interp::hook::LIMIT;

fn set_hook(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    ctx.vm().hook_switch = true;
    ctx.vm().heap.distrust += 1;
    let (thread, shift) = thread_argument(ctx);
    if ctx.is_none_or_nil(shift + 1) {
        // SAFETY: see the head of the module.
        unsafe {
            (*thread).hook = Slot::NIL;
            (*thread).hook_state &= KEPT;
        }
        return Ok(Next::Return(0));
    }
    check_function(ctx, shift + 1)?;
    let mask = ctx.check_bytes(shift + 2)?.to_vec();
    let count = ctx.opt_int(shift + 3, 0)?.clamp(0, i64::from(u32::MAX)) as u64;
    let mut state = count << 32;
    for (bit, letter) in [(1, b'c'), (2, b'r'), (4, b'l')] {
        if mask.contains(&letter) {
            state |= bit;
        }
    }
    let hook = ctx.slot(shift + 1);
    // SAFETY: see the head of the module.
    unsafe {
        (*thread).hook = hook;
        (*thread).hook_state = state | (*thread).hook_state & KEPT;
        (*thread).hook_left = count as u32;
        ctx.vm().heap.barrier(thread.cast(), hook);
    }
    note_hook(ctx, Slot::object(thread, tag::THREAD), hook)?;
    Ok(Next::Return(0))
}

/// Keeps the registry's table of hooks, which programs may look at, as the reference has it.
fn note_hook(ctx: &mut Ctx<'_>, thread: Slot, hook: Slot) -> Result<(), Error> {
    ctx.push_registry();
    ctx.raw_get_field(-1, HOOKS);
    if ctx.is_nil(-1) {
        ctx.pop(1);
        ctx.new_table(0, 0)?;
        ctx.new_table(0, 1)?;
        ctx.push_bytes(b"k")?;
        ctx.raw_set_field(-2, b"__mode")?;
        ctx.set_metatable(-2);
        ctx.push_copy(-1);
        ctx.raw_set_field(-3, HOOKS)?;
    }
    ctx.push(thread);
    ctx.push(hook);
    ctx.raw_set(-3)?;
    ctx.pop(2);
    Ok(())
}

fn set_c_stack_limit(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    ctx.check_int(1)?;
    ctx.push_int(200);
    Ok(Next::Return(1))
}
