//! `pcall xpcall error setmetatable getmetatable collectgarbage`.

use crate::api::{Ctx, Kind, Next, Value};
use crate::call::ERROR_STATE;
use crate::error::Error;
use crate::switch::Role;
use crate::value::tag;

/// Sets the functions of this module in the table on the top.
///
/// # Errors
/// The memory limit.
pub fn install(ctx: &mut Ctx<'_>) -> Result<(), Error> {
    super::install(
        ctx,
        &[
            ("pcall", "pcall", pcall),
            ("xpcall", "xpcall", xpcall),
            ("error", "error", error),
            ("setmetatable", "setmetatable", set_metatable),
            ("getmetatable", "getmetatable", get_metatable),
            ("collectgarbage", "collectgarbage", collect_garbage),
        ],
    )?;
    for (name, role) in [("pcall", Role::Protect), ("xpcall", Role::ProtectWithHandler)] {
        ctx.raw_get_field(-1, name.as_bytes());
        ctx.set_role(-1, role);
        ctx.pop(1);
    }
    Ok(())
}

fn pcall(ctx: &mut Ctx<'_>, state: u32) -> Result<Next, Error> {
    if state == 0 {
        ctx.check_any(1)?;
        ctx.push_nil();
        ctx.insert(1);
        let args = ctx.top() as u32 - 2;
        ctx.protect();
        return Ok(Next::Call { args, results: None, state: 1 });
    }
    protected_result(ctx, state)
}

/// As `pcall`, but a handler sees the error first (manual 6.1).
pub fn xpcall(ctx: &mut Ctx<'_>, state: u32) -> Result<Next, Error> {
    if state == 0 {
        if !matches!(ctx.kind(2), Kind::Function | Kind::Native) {
            return Err(ctx.type_error(2, "function"));
        }
        ctx.push_copy(1);
        ctx.push_copy(2);
        ctx.replace(1);
        ctx.replace(2);
        let args = ctx.top() as u32 - 2;
        ctx.protect();
        return Ok(Next::Call { args, results: None, state: 1 });
    }
    protected_result(ctx, state)
}

fn protected_result(ctx: &mut Ctx<'_>, state: u32) -> Result<Next, Error> {
    ctx.push_bool(state != ERROR_STATE);
    ctx.replace(1);
    Ok(Next::Return(ctx.top() as u32))
}

fn error(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let level = ctx.opt_int(2, 1)?;
    ctx.set_top(1);
    if let (Value::Str(message), true) = (ctx.value(1), level > 0) {
        let text = [&ctx.where_(level as usize), message].concat();
        return Err(ctx.error_plain(text));
    }
    Err(ctx.error_top())
}

fn set_metatable(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    ctx.check_table(1)?;
    if !matches!(ctx.kind(2), Kind::Nil | Kind::Table) {
        return Err(ctx.type_error(2, "nil or table"));
    }
    if ctx.metafield(1, b"__metatable") {
        return Err(ctx.error("cannot change a protected metatable"));
    }
    ctx.set_top(2);
    ctx.set_metatable(1);
    Ok(Next::Return(1))
}

fn get_metatable(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    ctx.check_any(1)?;
    if !ctx.metafield(1, b"__metatable") && !ctx.get_metatable(1) {
        ctx.push_nil();
    }
    Ok(Next::Return(1))
}

const OPTIONS: &[&str] = &["stop", "restart", "collect", "count", "step", "setpause", "setstepmul", "isrunning", "generational", "incremental"];

fn collect_garbage(ctx: &mut Ctx<'_>, state: u32) -> Result<Next, Error> {
    if state == 1 {
        // Run the finalizers of a full collection one after the other.
        return finalizers(ctx);
    }
    let option = ctx.check_option(1, Some("collect"), OPTIONS)?;
    let first = ctx.opt_int(2, 0)?;
    let second = ctx.opt_int(3, 0)?;
    if ctx.vm().in_finalizer() {
        // As the reference: the collector cannot be entered again.
        ctx.push_nil();
        return Ok(Next::Return(1));
    }
    let vm = ctx.vm();
    match OPTIONS[option] {
        "stop" => vm.heap.stop(),
        "restart" => vm.heap.restart(),
        "collect" => {
            vm.collect_full();
            ctx.set_top(0);
            return finalizers(ctx);
        }
        "count" => {
            let bytes = vm.heap.used();
            ctx.push_float(bytes as f64 / 1024.0);
            return Ok(Next::Return(1));
        }
        "step" => {
            let bytes = if first <= 0 { 64 * 1024 } else { (first as usize).saturating_mul(1024) };
            let done = vm.collect_bytes(bytes);
            ctx.push_bool(done);
            return Ok(Next::Return(1));
        }
        "setpause" => {
            let old = std::mem::replace(&mut vm.heap.gc.pause, first.clamp(0, 1000) as usize);
            ctx.push_int(old as i64);
            return Ok(Next::Return(1));
        }
        "setstepmul" => {
            let old = std::mem::replace(&mut vm.heap.gc.step_multiplier, first.clamp(0, 1000) as usize);
            ctx.push_int(old as i64);
            return Ok(Next::Return(1));
        }
        "isrunning" => {
            let running = !vm.heap.gc.stopped;
            ctx.push_bool(running);
            return Ok(Next::Return(1));
        }
        mode => {
            let generational = mode == "generational";
            let was = vm.heap.is_generational();
            let gc = &mut vm.heap.gc;
            let (first_of, second_of) =
                if generational { (&mut gc.minor, &mut gc.major) } else { (&mut gc.pause, &mut gc.step_multiplier) };
            if first > 0 {
                *first_of = first.min(1000) as usize;
            }
            if second > 0 {
                *second_of = second.min(1000) as usize;
            }
            vm.set_generational(generational);
            ctx.push_bytes(if was { b"generational" } else { b"incremental" })?;
            return Ok(Next::Return(1));
        }
    }
    ctx.push_int(0);
    Ok(Next::Return(1))
}

fn finalizers(ctx: &mut Ctx<'_>) -> Result<Next, Error> {
    ctx.set_top(0);
    match ctx.vm().next_finalizer() {
        Some(object) => {
            let f = ctx.vm().metamethod(object, crate::meta::Event::Gc);
            ctx.push_native("finalizer", finalizer, 0)?;
            ctx.push(f);
            ctx.push(object);
            Ok(Next::Call { args: 2, results: Some(0), state: 1 })
        }
        None => {
            ctx.push_int(0);
            Ok(Next::Return(1))
        }
    }
}

/// Calls a finalizer (function, object), and then others that are due, as many as [`crate::vm::Vm::finalizers_left`]
/// says; their errors become warnings (manual 2.5.3).
pub(crate) fn finalizer(ctx: &mut Ctx<'_>, state: u32) -> Result<Next, Error> {
    match state {
        0 => {
            if !matches!(ctx.kind(1), Kind::Function | Kind::Native) {
                return Ok(Next::Return(0));
            }
            ctx.push_nil();
            ctx.insert(1);
            ctx.protect();
            ctx.hide();
            return Ok(Next::Call { args: 1, results: Some(0), state: 1 });
        }
        ERROR_STATE => {
            let text = match ctx.value(2) {
                Value::Str(text) => text.to_vec(),
                _ => b"error object is not a string".to_vec(),
            };
            ctx.warn(b"error in ", true);
            ctx.warn(b"__gc", true);
            ctx.warn(b" (", true);
            ctx.warn(&text, true);
            ctx.warn(b")", false);
        }
        _ => {}
    }
    while let Some(object) = ctx.vm().another_finalizer() {
        let f = ctx.vm().metamethod(object, crate::meta::Event::Gc);
        if matches!(f.tag, tag::CLOSURE | tag::NATIVE) {
            ctx.set_top(0);
            ctx.push_nil();
            ctx.push(f);
            ctx.push(object);
            return Ok(Next::Call { args: 1, results: Some(0), state: 1 });
        }
    }
    Ok(Next::Return(0))
}
