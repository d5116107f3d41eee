//! The module `advice`: what cannot be written in Lua of it. The rest is `advice.lua`.

use crate::support;
use perilune_vm::{Ctx, Error, Kind, Next};

/// Where the registry keeps the records of advised functions; a record's field `chain` is what is called.
const RECORDS: &[u8] = b"perilune.advice";

/// Loads the module and pushes it.
pub(crate) fn open(ctx: &mut Ctx<'_>, state: u32) -> Result<Next, Error> {
    if state == 1 {
        return Ok(Next::Return(1));
    }
    ctx.load_prelude(include_bytes!("advice.lua"), b"=advice")?;
    let natives: [support::Entry; 5] = [
        ("advice.swap", swap), ("advice.capture", capture), ("advice.release", release), ("advice.mark", mark),
        ("advice.copy", copy),
    ];
    for (name, function) in natives {
        ctx.push_native(name, function, 0)?;
    }
    new_records(ctx)?;
    Ok(Next::Call { args: 6, results: Some(1), state: 1 })
}

/// A table that does not keep its functions alive.
fn new_records(ctx: &mut Ctx<'_>) -> Result<(), Error> {
    ctx.new_table(0, 0)?;
    ctx.new_table(0, 1)?;
    ctx.push_bytes(b"k")?;
    ctx.raw_set_field(-2, b"__mode")?;
    ctx.set_metatable(-2);
    ctx.push_registry();
    ctx.push_copy(-2);
    ctx.raw_set_field(-2, RECORDS)?;
    ctx.pop(1);
    Ok(())
}

/// `swap(f, body)`: see `Ctx::become_function`.
fn swap(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    ctx.become_function(1, 2)?;
    Ok(Next::Return(1))
}

/// `capture(f)`: makes a native call its chain; nothing when `f` is no native.
fn capture(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    if ctx.kind(1) != Kind::Native {
        return Ok(Next::Return(0));
    }
    ctx.become_native(1, "advice.call", call)?;
    Ok(Next::Return(1))
}

/// `release(f, original)`: makes a native what it was.
fn release(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    ctx.restore_native(1, 2);
    Ok(Next::Return(0))
}

/// `copy(f)`: another native that does what `f` does.
fn copy(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    ctx.push_native_copy(1)?;
    Ok(Next::Return(1))
}

/// `mark(f, advised)`
fn mark(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let advised = ctx.to_bool(2);
    ctx.set_advised(1, advised);
    Ok(Next::Return(0))
}

/// What an advised native does: calls its chain with its arguments.
fn call(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let args = ctx.top() as u32;
    ctx.push_registry();
    ctx.raw_get_field(-1, RECORDS);
    ctx.push_callee();
    ctx.raw_get(-2);
    ctx.raw_get_field(-1, b"chain");
    ctx.insert(1);
    ctx.pop(3);
    Ok(Next::TailCall { args })
}
