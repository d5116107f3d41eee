//! What `tostring` and `print` show of a value.

use perilune_vm::{Buffer, Ctx, Error, Kind, Next, Value, number};

/// What `print` has gathered goes out when it is so long.
const LONG_LINE: usize = 1 << 13;

/// Appends the text of a value that has no `__tostring`.
pub(crate) fn append_plain(ctx: &mut Ctx<'_>, index: i32, out: &mut Buffer) {
    match ctx.value(index) {
        Value::Nil | Value::None => return out.extend_from_slice(b"nil"),
        Value::Bool(true) => return out.extend_from_slice(b"true"),
        Value::Bool(false) => return out.extend_from_slice(b"false"),
        Value::Int(i) => return out.extend_from_slice(&number::format_int(i)),
        Value::Float(f) => return out.extend_from_slice(&number::format_float(f)),
        Value::Str(bytes) => return out.extend_from_slice(bytes),
        _ => {}
    }
    append_type_name(ctx, index, out);
    let address = ctx.address(index).unwrap_or(0);
    out.extend_from_slice(format!(": {address:#x}").as_bytes());
}

fn append_type_name(ctx: &mut Ctx<'_>, index: i32, out: &mut Buffer) {
    if ctx.metafield(index, b"__name") {
        let name = ctx.value(-1);
        let found = if let Value::Str(bytes) = name {
            out.extend_from_slice(bytes);
            true
        } else {
            false
        };
        ctx.pop(1);
        if found {
            return;
        }
    }
    out.extend_from_slice(ctx.kind(index).name().as_bytes());
}

/// Pushes the value's `__tostring` and the value, ready to be called, if it has one.
fn push_conversion(ctx: &mut Ctx<'_>, index: i32) -> bool {
    if matches!(ctx.kind(index), Kind::Nil | Kind::Bool) && !ctx.has_metatable(index) {
        return false;
    }
    if !ctx.metafield(index, b"__tostring") {
        return false;
    }
    ctx.push_copy(index);
    true
}

fn check_converted(ctx: &mut Ctx<'_>) -> Result<(), Error> {
    match ctx.kind(-1) {
        Kind::Str => Ok(()),
        Kind::Int | Kind::Float => Ok(()),
        _ => Err(ctx.error("'__tostring' must return a string")),
    }
}

/// `tostring`
pub(crate) fn tostring(ctx: &mut Ctx<'_>, state: u32) -> Result<Next, Error> {
    if state > 0 {
        check_converted(ctx)?;
        return Ok(Next::Return(1));
    }
    ctx.check_any(1)?;
    if push_conversion(ctx, 1) {
        return Ok(Next::Call { args: 1, results: Some(1), state: 1 });
    }
    match ctx.value(1) {
        Value::Str(_) => {
            ctx.push_copy(1);
            return Ok(Next::Return(1));
        }
        Value::Int(i) => {
            ctx.push_bytes(&number::format_int(i))?;
            return Ok(Next::Return(1));
        }
        _ => {}
    }
    let mut out = ctx.buffer();
    append_plain(ctx, 1, &mut out);
    ctx.push_buffer(&out)?;
    Ok(Next::Return(1))
}

/// `print`: a state above zero is the argument whose `__tostring` has just answered.
pub(crate) fn print(ctx: &mut Ctx<'_>, state: u32) -> Result<Next, Error> {
    let mut line = Buffer::with_room(usize::MAX);
    let mut count = ctx.top();
    if state > 0 {
        check_converted(ctx)?;
        append_plain(ctx, -1, &mut line);
        ctx.pop(1);
        count -= 1;
    }
    for argument in state as usize + 1..=count {
        if argument > 1 {
            line.push(b'\t');
        }
        if push_conversion(ctx, argument as i32) {
            write_out(ctx, &mut line);
            return Ok(Next::Call { args: 1, results: Some(1), state: argument as u32 });
        }
        append_plain(ctx, argument as i32, &mut line);
        if line.len() >= LONG_LINE {
            write_out(ctx, &mut line);
        }
    }
    line.push(b'\n');
    write_out(ctx, &mut line);
    // As PUC Lua's `lua_writeline`: what is printed is seen, also by whoever reads a pipe, and if the program is killed.
    ctx.out().flush().ok();
    Ok(Next::Return(0))
}

/// As in C, `print` has no way to report that standard output does not take what it is given.
fn write_out(ctx: &mut Ctx<'_>, line: &mut Buffer) {
    ctx.out().write_all(line).ok();
    line.shorten(line.len());
}
