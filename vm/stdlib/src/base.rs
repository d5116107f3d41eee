//! The basic functions that are not the virtual machine's own.

use perilune_vm::leaf::{Intrinsic, Iterator};
use perilune_vm::{Ctx, Error, Kind, Next, Value, number};

use crate::support::{self, Chunk, set_functions, set_with_chunks};
use crate::{leaf, load, text};

/// Reads an element of something with metamethods.
const ELEMENT: Chunk = Chunk::new("ipairs", "local t, i = ... return t[i]");

/// Installs the basic functions, `_G` and `_VERSION` into the globals, and the globals as a loaded module.
pub(crate) fn open(ctx: &mut Ctx<'_>) -> Result<(), Error> {
    ctx.push_globals();
    perilune_vm::builtin::install_base(ctx)?;
    set_functions(ctx, &[
        ("assert", assert),
        ("dofile", load::dofile),
        ("loadfile", load::loadfile),
        ("next", next),
        ("print", text::print),
        ("rawequal", rawequal),
        ("rawget", rawget),
        ("rawlen", rawlen),
        ("rawset", rawset),
        ("select", select),
        ("tonumber", tonumber),
        ("tostring", text::tostring),
        ("type", type_),
        ("warn", warn),
    ])?;
    ctx.raw_get_field(-1, b"next");
    ctx.push_native("pairs", pairs, 1)?;
    ctx.set_intrinsic(-1, Intrinsic::Pairs);
    ctx.raw_set_field(-2, b"pairs")?;
    ctx.raw_get_field(-1, b"pcall");
    ctx.push_native("load", load::load, 1)?;
    ctx.raw_set_field(-2, b"load")?;
    support::set_leaves(ctx, leaf::BASE);
    support::set_intrinsics(ctx, &[("select", Intrinsic::Select), ("type", Intrinsic::Type)]);
    ctx.raw_get_field(-1, b"next");
    ctx.set_iterator(-1, Iterator::Next);
    ctx.pop(1);
    set_with_chunks(ctx, ("ipairs", next_index), 1)?;
    ctx.raw_get_field(-1, b"ipairs");
    ctx.set_iterator(-1, Iterator::Index);
    ctx.push_native("ipairs", ipairs, 1)?;
    ctx.set_intrinsic(-1, Intrinsic::Ipairs);
    ctx.raw_set_field(-2, b"ipairs")?;
    ctx.push_copy(-1);
    ctx.raw_set_field(-2, b"_G")?;
    ctx.push_bytes(b"Lua 5.4")?;
    ctx.raw_set_field(-2, b"_VERSION")?;
    support::publish(ctx, b"_G")
}

fn assert(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    if ctx.to_bool(1) {
        return Ok(Next::Return(ctx.top() as u32));
    }
    ctx.check_any(1)?;
    ctx.remove(1);
    ctx.push_bytes(b"assertion failed!")?;
    ctx.set_top(1);
    if let Value::Str(message) = ctx.value(1) {
        let message = message.to_vec();
        return Err(ctx.error(message));
    }
    Err(ctx.error_top())
}

fn next(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    ctx.check_table(1)?;
    ctx.set_top(2);
    if ctx.next(1)? {
        return Ok(Next::Return(2));
    }
    ctx.push_nil();
    Ok(Next::Return(1))
}

fn pairs(ctx: &mut Ctx<'_>, state: u32) -> Result<Next, Error> {
    if state > 0 {
        return Ok(Next::Return(3));
    }
    ctx.check_any(1)?;
    if ctx.metafield(1, b"__pairs") {
        ctx.push_copy(1);
        return Ok(Next::Call { args: 1, results: Some(3), state: 1 });
    }
    ctx.upvalue(1);
    ctx.push_copy(1);
    ctx.push_nil();
    Ok(Next::Return(3))
}

fn ipairs(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    ctx.check_any(1)?;
    ctx.upvalue(1);
    ctx.push_copy(1);
    ctx.push_int(0);
    Ok(Next::Return(3))
}

/// The iterator of `ipairs`; its upvalue is for [`ELEMENT`].
fn next_index(ctx: &mut Ctx<'_>, state: u32) -> Result<Next, Error> {
    let index = ctx.check_int(2)?.wrapping_add(1);
    if state == 0 {
        let is_table = ctx.kind(1) == Kind::Table;
        if is_table {
            ctx.raw_get_int(1, index);
        }
        if !is_table || (ctx.is_nil(-1) && ctx.has_metatable(1)) {
            ELEMENT.push(ctx, 1)?;
            ctx.push_copy(1);
            ctx.push_int(index);
            return Ok(Next::Call { args: 2, results: Some(1), state: 1 });
        }
    }
    if ctx.is_nil(-1) {
        return Ok(Next::Return(1));
    }
    ctx.push_int(index);
    ctx.insert(-2);
    Ok(Next::Return(2))
}

fn rawequal(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    ctx.check_any(1)?;
    ctx.check_any(2)?;
    let equal = ctx.equal_raw(1, 2);
    ctx.push_bool(equal);
    Ok(Next::Return(1))
}

fn rawlen(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    if !matches!(ctx.kind(1), Kind::Table | Kind::Str) {
        return Err(ctx.arg_error(1, &format!("table or string expected, got {}", ctx.kind(1).name())));
    }
    let length = ctx.len_raw(1);
    ctx.push_int(length);
    Ok(Next::Return(1))
}

fn rawget(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    ctx.check_table(1)?;
    ctx.check_any(2)?;
    ctx.set_top(2);
    ctx.raw_get(1);
    Ok(Next::Return(1))
}

fn rawset(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    ctx.check_table(1)?;
    ctx.check_any(2)?;
    ctx.check_any(3)?;
    ctx.set_top(3);
    ctx.raw_set(1)?;
    Ok(Next::Return(1))
}

fn select(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let n = ctx.top() as i64;
    if let Value::Str([b'#', ..]) = ctx.value(1) {
        ctx.push_int(n - 1);
        return Ok(Next::Return(1));
    }
    let index = match ctx.check_int(1)? {
        i if i < 0 => n.saturating_add(i),
        i => i.min(n),
    };
    if index < 1 {
        return Err(ctx.arg_error(1, "index out of range"));
    }
    Ok(Next::Return((n - index) as u32))
}

fn tonumber(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    if ctx.is_none_or_nil(2) {
        return plain_number(ctx);
    }
    let base = ctx.check_int(2)?;
    ctx.check_kind(1, Kind::Str)?;
    if !(2..=36).contains(&base) {
        return Err(ctx.arg_error(2, "base out of range"));
    }
    match ctx.bytes(1).and_then(|digits| integer_in_base(digits, base)) {
        Some(integer) => ctx.push_int(integer),
        None => ctx.push_nil(),
    }
    Ok(Next::Return(1))
}

fn plain_number(ctx: &mut Ctx<'_>) -> Result<Next, Error> {
    let parsed = match ctx.value(1) {
        Value::Int(_) | Value::Float(_) => {
            ctx.push_copy(1);
            return Ok(Next::Return(1));
        }
        Value::Str(bytes) => number::parse(bytes),
        _ => None,
    };
    ctx.check_any(1)?;
    match parsed {
        Some(number::Number::Int(i)) => ctx.push_int(i),
        Some(number::Number::Float(f)) => ctx.push_float(f),
        None => ctx.push_nil(),
    }
    Ok(Next::Return(1))
}

/// The integer these digits write, which wraps around; spaces may surround it.
fn integer_in_base(text: &[u8], base: i64) -> Option<i64> {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let start = text.iter().position(|byte| !is_space(byte))?;
    let end = text.iter().rposition(|byte| !is_space(byte))?;
    let (negative, digits) = match &text[start..=end] {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    if digits.is_empty() {
        return None;
    }
    let mut total = 0i64;
    for &byte in digits {
        let digit = i64::from((byte as char).to_digit(36)?);
        if digit >= base {
            return None;
        }
        total = total.wrapping_mul(base).wrapping_add(digit);
    }
    Some(if negative { total.wrapping_neg() } else { total })
}

fn type_(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    ctx.check_any(1)?;
    let name = ctx.kind(1).name();
    ctx.push_bytes(name.as_bytes())?;
    Ok(Next::Return(1))
}

fn warn(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    ctx.check_bytes(1)?;
    let last = ctx.top() as i32;
    for argument in 1..=last {
        ctx.check_bytes(argument)?;
    }
    for argument in 1..=last {
        let part = ctx.check_bytes(argument)?.to_vec();
        ctx.warn(&part, argument < last);
    }
    Ok(Next::Return(0))
}

#[cfg(test)]
mod tests {
    use super::integer_in_base;

    #[test]
    fn integers_in_a_base() {
        assert_eq!(integer_in_base(b"  ff ", 16), Some(255));
        assert_eq!(integer_in_base(b"-7Z", 36), Some(-287));
        assert_eq!(integer_in_base(b"8", 8), None);
        assert_eq!(integer_in_base(b" - ", 10), None);
        assert_eq!(integer_in_base(b"1e", 10), None);
    }
}
