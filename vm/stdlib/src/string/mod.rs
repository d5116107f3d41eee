//! `string`: the functions that only move bytes, and the metatable all strings share.

use perilune_vm::leaf::Intrinsic;
use perilune_vm::{Buffer, Ctx, Error, Kind, Next};

use crate::leaf;
use crate::support::{self, set_functions};

mod arithmetic;
pub(crate) mod conversion;
mod format;
mod gsub;
mod pack;
mod pattern;
mod search;

/// The largest string `rep` makes, as PUC Lua's `INT_MAX`.
const REPEATED_MAX: usize = i32::MAX as usize;

/// Installs the library and the metatable of strings.
pub(crate) fn open(ctx: &mut Ctx<'_>) -> Result<(), Error> {
    ctx.new_table(0, 17)?;
    set_functions(ctx, &[
        ("string.byte", byte),
        ("string.char", char_),
        ("string.dump", dump),
        ("string.find", search::find),
        ("string.format", format::format),
        ("string.gmatch", search::gmatch),
        ("string.len", len),
        ("string.lower", |ctx, _| map(ctx, <[u8]>::make_ascii_lowercase)),
        ("string.match", search::match_),
        ("string.pack", pack::pack),
        ("string.packsize", pack::packsize),
        ("string.rep", rep),
        ("string.reverse", reverse),
        ("string.sub", sub),
        ("string.unpack", pack::unpack),
        ("string.upper", |ctx, _| map(ctx, <[u8]>::make_ascii_uppercase)),
    ])?;
    gsub::open(ctx)?;
    search::open(ctx)?;
    support::set_leaves(ctx, leaf::STRING);
    support::set_leaves(ctx, search::LEAVES);
    support::set_leaves(ctx, &[("format", format::leaf)]);
    support::set_intrinsics(ctx, &[("byte", Intrinsic::Byte), ("sub", Intrinsic::Sub)]);
    set_metatable(ctx)?;
    support::publish(ctx, b"string")
}

/// Gives strings a metatable whose `__index` is the table on the top.
fn set_metatable(ctx: &mut Ctx<'_>) -> Result<(), Error> {
    ctx.push_bytes(b"")?;
    ctx.new_table(0, 9)?;
    set_functions(ctx, arithmetic::METAMETHODS)?;
    support::set_leaves(ctx, arithmetic::LEAVES);
    ctx.push_copy(-3);
    ctx.raw_set_field(-2, b"__index")?;
    ctx.set_metatable(-2);
    ctx.pop(1);
    Ok(())
}

/// The string argument `index`; nothing if [`Ctx::check_bytes`] has not accepted it before.
fn text<'a>(ctx: &'a Ctx<'_>, index: i32) -> &'a [u8] {
    ctx.bytes(index).unwrap_or(b"")
}

/// A start position: negative counts from the end, and all before the first is the first.
pub(crate) fn start_position(position: i64, length: usize) -> usize {
    match position {
        1.. => usize::try_from(position).unwrap_or(usize::MAX),
        0 => 1,
        _ => (length as i64).saturating_add(position).saturating_add(1).max(1) as usize,
    }
}

/// An end position: negative counts from the end, and all behind the last is the last.
pub(crate) fn end_position(position: i64, length: usize) -> usize {
    let length = length as i64;
    let position = if position < 0 { length.saturating_add(position).saturating_add(1) } else { position };
    position.clamp(0, length) as usize
}

fn built(ctx: &mut Ctx<'_>, text: &Buffer) -> Result<Next, Error> {
    ctx.push_buffer(text)?;
    Ok(Next::Return(1))
}

fn one(ctx: &mut Ctx<'_>, bytes: &[u8]) -> Result<Next, Error> {
    ctx.push_bytes(bytes)?;
    Ok(Next::Return(1))
}

/// The longest subject whose result is made without memory of its own.
pub(crate) const SHORT: usize = 64;

fn map(ctx: &mut Ctx<'_>, function: fn(&mut [u8])) -> Result<Next, Error> {
    let length = ctx.check_bytes(1)?.len();
    if length <= SHORT {
        let mut result = [0; SHORT];
        result[..length].copy_from_slice(text(ctx, 1));
        function(&mut result[..length]);
        return one(ctx, &result[..length]);
    }
    let mut patience = ctx.patience();
    let mut result = ctx.buffer();
    let subject = text(ctx, 1);
    result.reserve(subject.len());
    for piece in patience.pieces(subject) {
        result.extend_from_slice(piece);
        let length = result.len();
        function(&mut result[length.saturating_sub(piece.len())..]);
    }
    ctx.settle(&patience)?;
    built(ctx, &result)
}

fn reverse(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let length = ctx.check_bytes(1)?.len();
    let mut result = ctx.buffer();
    result.fill(0, length);
    if result.is_full() {
        return built(ctx, &result);
    }
    let mut patience = ctx.patience();
    let mut end = length;
    for piece in patience.pieces(text(ctx, 1)) {
        let place = &mut result[end - piece.len()..end];
        place.copy_from_slice(piece);
        place.reverse();
        end -= piece.len();
    }
    ctx.settle(&patience)?;
    built(ctx, &result)
}

fn len(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let length = ctx.check_bytes(1)?.len();
    ctx.push_int(length as i64);
    Ok(Next::Return(1))
}

fn sub(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let length = ctx.check_bytes(1)?.len();
    let start = start_position(ctx.check_int(2)?, length);
    let end = end_position(ctx.opt_int(3, -1)?, length);
    let range = if start > end { 0..0 } else { start - 1..end };
    ctx.push_part(1, range)?;
    Ok(Next::Return(1))
}

fn byte(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let length = ctx.check_bytes(1)?.len();
    let first = ctx.opt_int(2, 1)?;
    let start = start_position(first, length);
    let end = end_position(ctx.opt_int(3, first)?, length);
    if start > end {
        return Ok(Next::Return(0));
    }
    if !ctx.check_stack(end - start + 1) {
        return Err(ctx.error("stack overflow (string slice too long)"));
    }
    for at in start - 1..end {
        let c = text(ctx, 1)[at];
        ctx.push_int(c.into());
        ctx.work(1)?;
    }
    Ok(Next::Return((end - start + 1) as u32))
}

fn char_(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let mut bytes = Vec::with_capacity(ctx.top());
    for index in 1..=ctx.top() as i32 {
        let code = ctx.check_int(index)?;
        let Ok(c) = u8::try_from(code) else { return Err(ctx.arg_error(index, "value out of range")) };
        bytes.push(c);
        ctx.work(1)?;
    }
    one(ctx, &bytes)
}

fn rep(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let length = ctx.check_bytes(1)?.len();
    let n = ctx.check_int(2)?;
    let period = length + ctx.opt_bytes(3)?.unwrap_or(b"").len();
    if n <= 0 || period == 0 {
        return one(ctx, b"");
    }
    let n = usize::try_from(n).unwrap_or(usize::MAX);
    if period > REPEATED_MAX / n {
        return Err(ctx.error("resulting string too large"));
    }
    if period * n <= SHORT {
        let mut result = [0; SHORT];
        for place in result[..period * n].chunks_exact_mut(period) {
            let (subject, separator) = place.split_at_mut(length);
            subject.copy_from_slice(text(ctx, 1));
            separator.copy_from_slice(text(ctx, 3));
        }
        return one(ctx, &result[..period * (n - 1) + length]);
    }
    let mut bytes = ctx.buffer();
    bytes.reserve(period * n);
    if bytes.is_full() {
        return built(ctx, &bytes);
    }
    let unit = [text(ctx, 1), text(ctx, 3)].concat();
    for _ in 1..n {
        bytes.extend_from_slice(&unit);
        ctx.work(1 + period / 16)?;
    }
    bytes.extend_from_slice(&unit[..length]);
    built(ctx, &bytes)
}

fn dump(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    if !matches!(ctx.kind(1), Kind::Function | Kind::Native) {
        return Err(ctx.type_error(1, "function"));
    }
    let strip = ctx.to_bool(2);
    match ctx.dump(1, strip)? {
        Some(bytes) => one(ctx, &bytes),
        None => Err(ctx.error("unable to dump given function")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_relative() {
        let starts = [(1, 1), (0, 1), (-1, 5), (-5, 1), (-6, 1), (9, 9), (i64::MIN, 1)];
        for (position, expected) in starts {
            assert_eq!(start_position(position, 5), expected);
        }
        let ends = [(1, 1), (0, 0), (-1, 5), (-5, 1), (-6, 0), (9, 5), (i64::MIN, 0), (i64::MAX, 5)];
        for (position, expected) in ends {
            assert_eq!(end_position(position, 5), expected);
        }
    }
}
