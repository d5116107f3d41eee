//! `utf8`: strings as sequences of characters in UTF-8, up to the six bytes of its first definition.

use perilune_vm::{Ctx, Error, Next, Patience};

use crate::support::{self, set_functions};

/// The largest code that six bytes hold.
const CODE_MAX: u32 = 0x7FFF_FFFF;
const UNICODE_MAX: u32 = 0x10_FFFF;
const INVALID: &str = "invalid UTF-8 code";

/// Installs the library.
pub(crate) fn open(ctx: &mut Ctx<'_>) -> Result<(), Error> {
    ctx.new_table(0, 6)?;
    set_functions(ctx, &[
        ("utf8.char", char_),
        ("utf8.codepoint", codepoint),
        ("utf8.codes", codes),
        ("utf8.len", len),
        ("utf8.offset", offset),
    ])?;
    ctx.push_bytes(b"[\0-\x7F\xC2-\xFD][\x80-\xBF]*")?;
    ctx.raw_set_field(-2, b"charpattern")?;
    support::publish(ctx, b"utf8")
}

fn is_continuation(c: Option<&u8>) -> bool {
    c.is_some_and(|c| c & 0xC0 == 0x80)
}

/// The code at the start of `bytes` and its length; strictly, only what Unicode allows.
fn decode(bytes: &[u8], is_lax: bool) -> Option<(u32, usize)> {
    const SMALLEST: [u32; 6] = [0, 0x80, 0x800, 0x1_0000, 0x20_0000, 0x400_0000];
    let &first = bytes.first()?;
    if first < 0x80 {
        return Some((first.into(), 1));
    }
    let length = first.leading_ones() as usize;
    if !(2..=6).contains(&length) {
        return None;
    }
    let mut code = u32::from(first) & (0x7F >> length);
    for at in 1..length {
        let c = bytes.get(at).filter(|c| is_continuation(Some(c)))?;
        code = code << 6 | u32::from(c & 0x3F);
    }
    let is_overlong = code < SMALLEST[length - 1];
    let is_unicode = code <= UNICODE_MAX && !(0xD800..=0xDFFF).contains(&code);
    (!is_overlong && (is_lax || is_unicode)).then_some((code, length))
}

/// Appends the code in UTF-8.
fn encode(code: u32, out: &mut Vec<u8>) {
    if code < 0x80 {
        return out.push(code as u8);
    }
    let length = match code {
        ..0x800 => 2,
        ..0x1_0000 => 3,
        ..0x20_0000 => 4,
        ..0x400_0000 => 5,
        _ => 6,
    };
    out.push((0xFF00u32 >> length) as u8 | (code >> (6 * (length - 1))) as u8);
    for at in (0..length - 1).rev() {
        out.push(0x80 | (code >> (6 * at)) as u8 & 0x3F);
    }
}

/// A position counted from the end if negative; zero if that is before the start.
fn relative(position: i64, length: usize) -> i64 {
    if position >= 0 { position } else { (length as i64).saturating_add(position).saturating_add(1).max(0) }
}

fn text<'a>(ctx: &'a Ctx<'_>) -> &'a [u8] {
    ctx.bytes(1).unwrap_or(b"")
}

fn len(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let length = ctx.check_bytes(1)?.len();
    let start = relative(ctx.opt_int(2, 1)?, length);
    let end = relative(ctx.opt_int(3, -1)?, length);
    let is_lax = ctx.to_bool(4);
    if start < 1 || start - 1 > length as i64 {
        return Err(ctx.arg_error(2, "initial position out of bounds"));
    }
    if end > length as i64 {
        return Err(ctx.arg_error(3, "final position out of bounds"));
    }
    let (mut at, end) = (start as usize - 1, end as usize);
    let mut n = 0;
    while at < end {
        match decode(&text(ctx)[at..], is_lax) {
            Some((_, length)) => at += length,
            None => {
                ctx.push_nil();
                ctx.push_int(at as i64 + 1);
                return Ok(Next::Return(2));
            }
        }
        n += 1;
        ctx.work(1)?;
    }
    ctx.push_int(n);
    Ok(Next::Return(1))
}

fn codepoint(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let length = ctx.check_bytes(1)?.len();
    let start = relative(ctx.opt_int(2, 1)?, length);
    let end = relative(ctx.opt_int(3, start)?, length);
    let is_lax = ctx.to_bool(4);
    if start < 1 {
        return Err(ctx.arg_error(2, "out of bounds"));
    }
    if end > length as i64 {
        return Err(ctx.arg_error(3, "out of bounds"));
    }
    if start > end {
        return Ok(Next::Return(0));
    }
    if !ctx.check_stack((end - start) as usize + 1) {
        return Err(ctx.error("stack overflow (string slice too long)"));
    }
    let (mut at, end) = (start as usize - 1, end as usize);
    let mut n = 0;
    while at < end {
        let Some((code, length)) = decode(&text(ctx)[at..], is_lax) else { return Err(ctx.error(INVALID)) };
        ctx.push_int(code.into());
        at += length;
        n += 1;
        ctx.work(1)?;
    }
    Ok(Next::Return(n))
}

fn char_(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let mut bytes = Vec::with_capacity(ctx.top());
    for index in 1..=ctx.top() as i32 {
        let code = ctx.check_int(index)?;
        let Some(code) = u32::try_from(code).ok().filter(|code| *code <= CODE_MAX) else {
            return Err(ctx.arg_error(index, "value out of range"));
        };
        encode(code, &mut bytes);
        ctx.work(1)?;
    }
    ctx.push_bytes(&bytes)?;
    Ok(Next::Return(1))
}

fn offset(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let length = ctx.check_bytes(1)?.len();
    let n = ctx.check_int(2)?;
    let default = if n >= 0 { 1 } else { length as i64 + 1 };
    let start = relative(ctx.opt_int(3, default)?, length);
    if start < 1 || start - 1 > length as i64 {
        return Err(ctx.arg_error(3, "position out of bounds"));
    }
    let start = start as usize - 1;
    if n != 0 && is_continuation(text(ctx).get(start)) {
        return Err(ctx.error("initial position is a continuation byte"));
    }
    let mut patience = ctx.patience();
    let found = character_start(text(ctx), n, start, &mut patience);
    ctx.settle(&patience)?;
    match found {
        Some(at) => ctx.push_int(at as i64 + 1),
        None => ctx.push_nil(),
    }
    Ok(Next::Return(1))
}

/// Where the `n`th character from `at` begins; the character around `at` if `n` is zero.
fn character_start(bytes: &[u8], n: i64, mut at: usize, patience: &mut Patience) -> Option<usize> {
    // A look at the clock now and then: giving up looks like finding nothing.
    let mut goes_on = |at: usize| at % (1 << 14) != 0 || patience.step(1 << 14);
    let mut left = if n > 0 { n - 1 } else { n };
    if n < 0 && at == 0 {
        return None;
    }
    if n <= 0 {
        loop {
            at -= usize::from(left < 0 && at > 0);
            while at > 0 && is_continuation(bytes.get(at)) && goes_on(at) {
                at -= 1;
            }
            if left < 0 {
                left += 1;
            }
            if left == 0 || at == 0 || !goes_on(at) {
                return (left == 0).then_some(at);
            }
        }
    }
    while left > 0 && at < bytes.len() && goes_on(at) {
        at += 1;
        while is_continuation(bytes.get(at)) && goes_on(at) {
            at += 1;
        }
        left -= 1;
    }
    (left == 0).then_some(at)
}

fn codes(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let starts_inside = is_continuation(ctx.check_bytes(1)?.first());
    if starts_inside {
        return Err(ctx.arg_error(1, INVALID));
    }
    if ctx.to_bool(2) {
        ctx.push_native("utf8.codes_lax_next", |ctx, _| next_code(ctx, true), 0)?;
    } else {
        ctx.push_native("utf8.codes_next", |ctx, _| next_code(ctx, false), 0)?;
    }
    ctx.push_copy(1);
    ctx.push_int(0);
    Ok(Next::Return(3))
}

/// The iterator: from the position (counted from 1) of a character to the next one and its code.
fn next_code(ctx: &mut Ctx<'_>, is_lax: bool) -> Result<Next, Error> {
    ctx.check_bytes(1)?;
    let previous = ctx.to_int(2).unwrap_or(0) as u64;
    let bytes = text(ctx);
    let mut at = usize::try_from(previous).unwrap_or(usize::MAX);
    while is_continuation(bytes.get(at)) {
        at += 1;
    }
    if at >= bytes.len() {
        return Ok(Next::Return(0));
    }
    let decoded = decode(&bytes[at..], is_lax).filter(|(_, length)| !is_continuation(bytes.get(at + length)));
    let Some((code, _)) = decoded else { return Err(ctx.error(INVALID)) };
    ctx.push_int(at as i64 + 1);
    ctx.push_int(code.into());
    Ok(Next::Return(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_go_there_and_back() {
        for code in [0, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xD800, 0xFFFF, 0x1_0000, 0x10_FFFF, 0x1F_FFFF, 0x20_0000, 0x3FF_FFFF, 0x400_0000, CODE_MAX] {
            let mut bytes = Vec::new();
            encode(code, &mut bytes);
            assert_eq!(decode(&bytes, true), Some((code, bytes.len())));
            let expected = char::from_u32(code).map(|_| (code, bytes.len()));
            assert_eq!(decode(&bytes, false), expected);
            if let Some(c) = char::from_u32(code) {
                assert_eq!(bytes, c.to_string().into_bytes());
            }
        }
    }

    #[test]
    fn wrong_bytes_are_not_decoded() {
        for bytes in [&b"\x80"[..], b"\xC0\x80", b"\xC3", b"\xC3a", b"\xE0\x80\x80", b"\xFF", b"\xFE\x80\x80\x80\x80\x80\x80", b""] {
            assert_eq!(decode(bytes, true), None);
        }
    }

    #[test]
    fn characters_are_counted() {
        let bytes = "aé€z".as_bytes();
        let cases = [(1, 0, Some(0)), (2, 0, Some(1)), (3, 0, Some(3)), (4, 0, Some(6)), (5, 0, Some(7)), (6, 0, None), (-1, 7, Some(6)), (-4, 7, Some(0)), (-5, 7, None), (0, 5, Some(3))];
        for (n, at, expected) in cases {
            assert_eq!(character_start(bytes, n, at, &mut Patience::endless()), expected);
        }
    }
}
