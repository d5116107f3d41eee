//! `gsub`: with a string it is one pure loop; with a table or a function it is a resumable native whose
//! state (the pieces of the result and some positions) lies in its window as plain values, so that what
//! it calls may yield.

use perilune_vm::{Ctx, Error, Kind, Next, number};

use super::pattern::{Capture, Clock, Stop};
use super::search::{Match, Search, patiently, push_capture, push_captures, search, split_anchor};
use super::text;
use crate::support::Chunk;
use crate::text::append_plain;

/// Reads a field of a table with a metatable; the native's only upvalue.
const FIELD: Chunk = Chunk::new("string.gsub", "local t, k = ... return t[k]");

// The window: 1 to 4 are the arguments.
const REPLACEMENT: i32 = 3;
const COUNT_MAX: i32 = 4;
const PIECES: i32 = 5;
const N_PIECES: i32 = 6;
const NEXT_START: i32 = 7;
const LAST_END: i32 = 8;
const COUNT: i32 = 9;
const MATCH_START: i32 = 10;
const COPIED: i32 = 11;

/// The state in which a replacement has been computed and lies on the top.
const REPLACED: u32 = 1;

/// `string.gsub`
pub(super) fn gsub(ctx: &mut Ctx<'_>, state: u32) -> Result<Next, Error> {
    if state == REPLACED {
        accept(ctx)?;
        return go_on(ctx);
    }
    let length = ctx.check_bytes(1)?.len();
    ctx.check_bytes(2)?;
    let kind = ctx.kind(REPLACEMENT);
    if !matches!(kind, Kind::Int | Kind::Float | Kind::Str | Kind::Table | Kind::Function | Kind::Native) {
        return Err(ctx.type_error(REPLACEMENT, "string/function/table"));
    }
    let count_max = ctx.opt_int(COUNT_MAX, length as i64 + 1)?;
    if matches!(kind, Kind::Int | Kind::Float | Kind::Str) {
        return replace_with_string(ctx, count_max);
    }
    if kind == Kind::Table && !ctx.has_metatable(REPLACEMENT) {
        return replace_from_table(ctx, count_max);
    }
    ctx.set_top(3);
    ctx.push_int(count_max);
    ctx.new_table(0, 0)?;
    for initial in [0, 0, -1, 0, 0, 0] {
        ctx.push_int(initial);
    }
    go_on(ctx)
}

fn replace_with_string(ctx: &mut Ctx<'_>, count_max: i64) -> Result<Next, Error> {
    let template = ctx.check_bytes(REPLACEMENT)?.to_vec();
    let (result, count) = patiently(ctx, |subject, pattern, clock| {
        substitute(subject, pattern, &template, count_max, clock)
    })?;
    if count == 0 {
        ctx.push_copy(1);
    } else {
        ctx.push_bytes(&result)?;
    }
    ctx.push_int(count);
    Ok(Next::Return(2))
}

/// With a table that has no metatable, nothing is called.
fn replace_from_table(ctx: &mut Ctx<'_>, count_max: i64) -> Result<Next, Error> {
    let is_anchored = split_anchor(text(ctx, 2)).0;
    let mut result = Vec::new();
    let (mut start, mut copied, mut excluded_end, mut count) = (0, 0, None, 0);
    while count < count_max {
        let plan = Search { start, is_anchored, excluded_end };
        let found = patiently(ctx, |subject, pattern, clock| search(subject, split_anchor(pattern).1, &plan, clock))?;
        let Some(found) = found else { break };
        count += 1;
        start = found.whole.end;
        excluded_end = Some(start);
        push_capture(ctx, &found, 0)?;
        ctx.raw_get(REPLACEMENT);
        if ctx.to_bool(-1) {
            check_replacement(ctx)?;
            result.extend_from_slice(&text(ctx, 1)[copied..found.whole.start]);
            append_plain(ctx, -1, &mut result);
            copied = start;
        }
        ctx.pop(1);
        ctx.work(1)?;
        if is_anchored {
            break;
        }
    }
    if copied == 0 && result.is_empty() {
        ctx.push_copy(1);
    } else {
        result.extend_from_slice(&text(ctx, 1)[copied..]);
        ctx.push_bytes(&result)?;
    }
    ctx.push_int(count);
    Ok(Next::Return(2))
}

fn check_replacement(ctx: &mut Ctx<'_>) -> Result<(), Error> {
    if matches!(ctx.kind(-1), Kind::Str | Kind::Int | Kind::Float) {
        return Ok(());
    }
    let name = ctx.kind(-1).name();
    Err(ctx.error(format!("invalid replacement value (a {name})")))
}

/// The subject with up to `count_max` matches replaced by the filled template, and their number.
fn substitute(
    subject: &[u8],
    pattern: &[u8],
    template: &[u8],
    count_max: i64,
    clock: &mut Clock<'_>,
) -> Result<(Vec<u8>, i64), Stop> {
    let (is_anchored, pattern) = split_anchor(pattern);
    let mut result = Vec::with_capacity(subject.len());
    let (mut start, mut excluded_end, mut count) = (0, None, 0);
    while count < count_max {
        let plan = Search { start, is_anchored, excluded_end };
        let Some(found) = search(subject, pattern, &plan, clock)? else { break };
        result.extend_from_slice(&subject[start..found.whole.start]);
        fill(subject, template, &found, &mut result)?;
        count += 1;
        start = found.whole.end;
        excluded_end = Some(start);
        clock.advance(1 + template.len() / 4 + found.whole.len() / 16)?;
        if is_anchored {
            break;
        }
    }
    result.extend_from_slice(&subject[start..]);
    Ok((result, count))
}

/// Appends the template with `%0` to `%9` and `%%` replaced.
fn fill(subject: &[u8], template: &[u8], found: &Match, result: &mut Vec<u8>) -> Result<(), Stop> {
    let mut rest = template;
    while let Some(at) = rest.iter().position(|c| *c == b'%') {
        result.extend_from_slice(&rest[..at]);
        match rest.get(at + 1) {
            Some(b'%') => result.push(b'%'),
            Some(b'0') => result.extend_from_slice(&subject[found.whole.clone()]),
            Some(digit @ b'1'..=b'9') => fill_capture(subject, usize::from(digit - b'1'), found, result)?,
            _ => return Err(Stop::Malformed("invalid use of '%' in replacement string".into())),
        }
        rest = &rest[at + 2..];
    }
    result.extend_from_slice(rest);
    Ok(())
}

fn fill_capture(subject: &[u8], index: usize, found: &Match, result: &mut Vec<u8>) -> Result<(), Stop> {
    match found.captures.get(index, &found.whole)? {
        Capture::Position(at) => result.extend_from_slice(&number::format_int(at as i64 + 1)),
        Capture::Span { start, end } => result.extend_from_slice(&subject[start..end]),
        Capture::Open { .. } => return Err(Stop::Malformed("unfinished capture".into())),
    }
    Ok(())
}

fn slot(ctx: &Ctx<'_>, index: i32) -> i64 {
    ctx.to_int(index).unwrap_or(0)
}

fn set_slot(ctx: &mut Ctx<'_>, index: i32, value: i64) {
    ctx.replace_with_int(index, value);
}

/// Goes from match to match until one needs a call or none is left.
fn go_on(ctx: &mut Ctx<'_>) -> Result<Next, Error> {
    loop {
        let count = slot(ctx, COUNT);
        let is_anchored = split_anchor(text(ctx, 2)).0;
        if count >= slot(ctx, COUNT_MAX) || (is_anchored && count > 0) {
            return finish(ctx);
        }
        let start = slot(ctx, NEXT_START) as usize;
        let plan = Search { start, is_anchored, excluded_end: usize::try_from(slot(ctx, LAST_END)).ok() };
        let found = patiently(ctx, |subject, pattern, clock| {
            search(subject, split_anchor(pattern).1, &plan, clock)
        })?;
        let Some(found) = found else { return finish(ctx) };
        set_slot(ctx, NEXT_START, found.whole.end as i64);
        set_slot(ctx, LAST_END, found.whole.end as i64);
        set_slot(ctx, MATCH_START, found.whole.start as i64);
        set_slot(ctx, COUNT, count + 1);
        if let Some(call) = replacement(ctx, &found)? {
            return Ok(call);
        }
        accept(ctx)?;
        ctx.work(1)?;
    }
}

/// Pushes the replacement of a match, unless a call has to compute it.
fn replacement(ctx: &mut Ctx<'_>, found: &Match) -> Result<Option<Next>, Error> {
    if ctx.kind(REPLACEMENT) != Kind::Table {
        ctx.push_copy(REPLACEMENT);
        let args = push_captures(ctx, found)?;
        return Ok(Some(Next::Call { args, results: Some(1), state: REPLACED }));
    }
    push_capture(ctx, found, 0)?;
    ctx.raw_get(REPLACEMENT);
    if !ctx.is_nil(-1) || !ctx.has_metatable(REPLACEMENT) {
        return Ok(None);
    }
    ctx.pop(1);
    FIELD.push(ctx, 1)?;
    ctx.push_copy(REPLACEMENT);
    push_capture(ctx, found, 0)?;
    Ok(Some(Next::Call { args: 2, results: Some(1), state: REPLACED }))
}

/// Takes the replacement from the top into the pieces; nil and false keep the match as it is.
/// Each replacement makes three: where the text before it starts and ends in the subject, and itself.
fn accept(ctx: &mut Ctx<'_>) -> Result<(), Error> {
    if !ctx.to_bool(-1) {
        ctx.pop(1);
        return Ok(());
    }
    check_replacement(ctx)?;
    let n = slot(ctx, N_PIECES);
    for (piece, position) in [(n + 1, COPIED), (n + 2, MATCH_START)] {
        ctx.push_copy(position);
        ctx.raw_set_int(PIECES, piece)?;
    }
    ctx.raw_set_int(PIECES, n + 3)?;
    ctx.push_copy(LAST_END);
    ctx.replace(COPIED);
    set_slot(ctx, N_PIECES, n + 3);
    Ok(())
}

fn finish(ctx: &mut Ctx<'_>) -> Result<Next, Error> {
    let n_pieces = slot(ctx, N_PIECES);
    if n_pieces == 0 {
        ctx.push_copy(1);
    } else {
        let mut result = Vec::with_capacity(text(ctx, 1).len());
        for piece in (1..=n_pieces).step_by(3) {
            ctx.raw_get_int(PIECES, piece);
            ctx.raw_get_int(PIECES, piece + 1);
            ctx.raw_get_int(PIECES, piece + 2);
            let range = slot(ctx, -3) as usize..slot(ctx, -2) as usize;
            result.extend_from_slice(&text(ctx, 1)[range]);
            append_plain(ctx, -1, &mut result);
            ctx.pop(3);
            ctx.work(4)?;
        }
        result.extend_from_slice(&text(ctx, 1)[slot(ctx, COPIED) as usize..]);
        ctx.push_bytes(&result)?;
    }
    ctx.push_copy(COUNT);
    Ok(Next::Return(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(subject: &str, pattern: &str, template: &str, count_max: i64) -> Result<(String, i64), Stop> {
        let (bytes, count) = substitute(subject.as_bytes(), pattern.as_bytes(), template.as_bytes(), count_max, &mut Clock::new(&mut |_| true))?;
        Ok((String::from_utf8(bytes).unwrap(), count))
    }

    #[test]
    fn templates_are_filled() {
        let cases = [
            ("hello world", "o", "0", 99, "hell0 w0rld", 2), ("hello", "", "-", 99, "-h-e-l-l-o-", 6), ("abc", "%w", "%0%0", 2, "aabbc", 2),
            ("abc def", "(%w+) (%w+)", "%2 %1", 9, "def abc", 1), ("abc", "^a", "x", 9, "xbc", 1), ("aaa", "^a", "x", 9, "xaa", 1),
            ("abc", "b*", "-", 9, "-a-c-", 3), ("a,b", ",", "%%", 9, "a%b", 1), ("xyx", "()y", "%1", 9, "x2x", 1), ("abc", "b", "[%1]", 9, "a[b]c", 1),
            ("abc", ".", "x", 0, "abc", 0), ("", "$", "!", 9, "!", 1),
        ];
        for (subject, pattern, template, count_max, result, count) in cases {
            assert_eq!(replaced(subject, pattern, template, count_max), Ok((result.to_owned(), count)), "{subject} {pattern}");
        }
    }

    #[test]
    fn wrong_templates_say_so() {
        for (template, message) in [
            ("%2", "invalid capture index %2"), ("%", "invalid use of '%' in replacement string"),
            ("%x", "invalid use of '%' in replacement string"),
        ] {
            assert_eq!(replaced("a", "a", template, 9), Err(Stop::Malformed(message.into())));
        }
    }
}
