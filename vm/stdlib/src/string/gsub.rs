//! `gsub`: with a string or a plain table it is one pure loop; with anything else it is a resumable native, so that
//! what it calls may yield.

use perilune_vm::{Buffer, Ctx, Error, Kind, Next, Value, number};

use super::pattern::{Capture, Clock, Program, Stop, Ticket};
use super::search::{Match, Search, patiently, push_capture, push_captures, search, split_anchor};
use super::{built, text};
use crate::support::Chunk;
use crate::text::append_plain;

/// Reads a field of a table with a metatable; the native's only upvalue.
const FIELD: Chunk = Chunk::new("string.gsub", "local t, k = ... return t[k]");

// The window: 1 to 4 are the arguments; the fourth gives its place to the state.
const REPLACEMENT: i32 = 3;
const COUNT_MAX: i32 = 4;
const STATE: i32 = 4;

/// The state in which a replacement has been computed and lies on the top.
const REPLACED: u32 = 1;

/// How far the subject has been replaced.
#[derive(Clone, Copy, Default)]
struct Progress {
    /// Where the subject is not in the result yet.
    copied: usize,
    count: i64,
    count_max: i64,
}

/// What a `gsub` with a function or a table knows.
#[derive(Default)]
struct Substitution {
    progress: Progress,
    result: Buffer,
    /// The last match.
    found: Match,
    program: Ticket,
}

/// A substitution that waits for a call: a userdata in the window.
struct Waiting {
    substitution: Option<Box<Substitution>>,
    /// What the result counts as memory.
    charged: usize,
}

/// `string.gsub`
pub(super) fn gsub(ctx: &mut Ctx<'_>, state: u32) -> Result<Next, Error> {
    if state == REPLACED {
        let mut substitution = take(ctx)?;
        accept(ctx, &mut substitution)?;
        let next = go_on(ctx, &mut substitution, true)?;
        if matches!(next, Next::Call { .. }) {
            keep(ctx, substitution)?;
        }
        return Ok(next);
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
    let progress = Progress { count_max, ..Progress::default() };
    let mut substitution = Substitution { progress, result: ctx.buffer(), ..Substitution::default() };
    let may_call = kind != Kind::Table || ctx.has_metatable(REPLACEMENT);
    ctx.set_top(STATE as usize);
    let next = go_on(ctx, &mut substitution, may_call)?;
    if matches!(next, Next::Call { .. }) {
        ctx.bar_yields();
        ctx.push_host(Box::new(Waiting { substitution: None, charged: 0 }), 0)?;
        ctx.replace(STATE);
        keep(ctx, Box::new(substitution))?;
    }
    Ok(next)
}

fn replace_with_string(ctx: &mut Ctx<'_>, count_max: i64) -> Result<Next, Error> {
    ctx.check_bytes(REPLACEMENT)?;
    let mut result = ctx.buffer();
    let count = patiently(ctx, |ctx, clock| {
        result.shorten(result.len());
        substitute([text(ctx, 1), text(ctx, 2), text(ctx, 3)], count_max, &mut result, clock)
    })?;
    if count == 0 {
        ctx.push_copy(1);
    } else {
        ctx.push_buffer(&result)?;
    }
    ctx.push_int(count);
    Ok(Next::Return(2))
}

/// Appends the subject with up to `count_max` matches replaced by the filled template, and nothing if there are none;
/// answers their number.
fn substitute(
    [subject, pattern, template]: [&[u8]; 3],
    count_max: i64,
    result: &mut Buffer,
    clock: &mut Clock<'_>,
) -> Result<i64, Stop> {
    let (is_anchored, pattern) = split_anchor(pattern);
    let program = Program::of(pattern, clock)?;
    let (mut start, mut excluded_end, mut count) = (0, None, 0);
    let mut found = Match::default();
    while count < count_max && !result.is_full() {
        let plan = Search { start, is_anchored, excluded_end };
        if !search(subject, pattern, &program, &plan, &mut found, clock)? {
            break;
        }
        if count == 0 {
            result.reserve(subject.len());
        }
        result.extend_from_slice(&subject[start..found.whole.start]);
        fill(subject, template, &found, result)?;
        count += 1;
        start = found.whole.end;
        excluded_end = Some(start);
        clock.advance(1 + template.len() / 4 + found.whole.len() / 16)?;
        if is_anchored {
            break;
        }
    }
    if count > 0 {
        result.extend_from_slice(&subject[start..]);
    }
    Ok(count)
}

/// Appends the template with `%0` to `%9` and `%%` replaced.
fn fill(subject: &[u8], template: &[u8], found: &Match, result: &mut Buffer) -> Result<(), Stop> {
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

fn fill_capture(subject: &[u8], index: usize, found: &Match, result: &mut Buffer) -> Result<(), Stop> {
    match found.captures.get(index, &found.whole)? {
        Capture::Position(at) => result.extend_from_slice(&number::format_int(at as i64 + 1)),
        Capture::Span { start, end } => result.extend_from_slice(&subject[start..end]),
        Capture::Open => return Err(Stop::Malformed("unfinished capture".into())),
    }
    Ok(())
}

/// The state, out of the window.
fn take(ctx: &mut Ctx<'_>) -> Result<Box<Substitution>, Error> {
    let taken = ctx.host_mut::<Waiting>(STATE).and_then(|waiting| waiting.substitution.take());
    taken.ok_or_else(|| ctx.error("the state of 'gsub' was replaced"))
}

/// The state goes back into the window, and counts as memory of the machine.
fn keep(ctx: &mut Ctx<'_>, substitution: Box<Substitution>) -> Result<(), Error> {
    let owned = substitution.result.capacity();
    let Some(waiting) = ctx.host_mut::<Waiting>(STATE) else {
        return Err(ctx.error("the state of 'gsub' was replaced"));
    };
    waiting.substitution = Some(substitution);
    let charged = std::mem::replace(&mut waiting.charged, owned);
    if charged == owned { Ok(()) } else { ctx.charge_host(STATE, owned) }
}

/// Goes from match to match until one needs a call or none is left.
fn go_on(ctx: &mut Ctx<'_>, substitution: &mut Substitution, may_call: bool) -> Result<Next, Error> {
    let is_anchored = split_anchor(text(ctx, 2)).0;
    let mut program = None;
    loop {
        let Substitution { progress, result, found, program: ticket } = &mut *substitution;
        let start = found.whole.end;
        if progress.count >= progress.count_max || (is_anchored && progress.count > 0) || result.is_full() {
            return finish(ctx, substitution);
        }
        let plan = Search { start, is_anchored, excluded_end: (progress.count > 0).then_some(start) };
        let is_found = patiently(ctx, |ctx, clock| {
            let pattern = split_anchor(text(ctx, 2)).1;
            let program = match &mut program {
                Some(program) => program,
                none => none.insert(Program::again(pattern, ticket, clock)?),
            };
            search(text(ctx, 1), pattern, program, &plan, found, clock)
        })?;
        if !is_found {
            return finish(ctx, substitution);
        }
        progress.count += 1;
        if let Some(call) = replacement(ctx, found, may_call)? {
            return Ok(call);
        }
        accept(ctx, substitution)?;
        ctx.work(1)?;
    }
}

/// Pushes the replacement of a match, unless a call has to compute it, which a plain table never needs.
fn replacement(ctx: &mut Ctx<'_>, found: &Match, may_call: bool) -> Result<Option<Next>, Error> {
    if ctx.kind(REPLACEMENT) != Kind::Table {
        ctx.push_copy(REPLACEMENT);
        let args = push_captures(ctx, found)?;
        return Ok(Some(Next::Call { args, results: Some(1), state: REPLACED }));
    }
    push_capture(ctx, found, 0)?;
    ctx.raw_get(REPLACEMENT);
    if !may_call || !ctx.is_nil(-1) || !ctx.has_metatable(REPLACEMENT) {
        return Ok(None);
    }
    ctx.pop(1);
    FIELD.push(ctx, 1)?;
    ctx.push_copy(REPLACEMENT);
    push_capture(ctx, found, 0)?;
    Ok(Some(Next::Call { args: 2, results: Some(1), state: REPLACED }))
}

/// Takes the replacement from the top into the result; nil and false keep the match as it is.
fn accept(ctx: &mut Ctx<'_>, substitution: &mut Substitution) -> Result<(), Error> {
    let Substitution { progress, result, found, .. } = substitution;
    let value = ctx.value(-1);
    if !matches!(value, Value::Nil | Value::Bool(false)) {
        result.extend_from_slice(&text(ctx, 1)[progress.copied..found.whole.start]);
        match value {
            Value::Str(bytes) => result.extend_from_slice(bytes),
            Value::Int(_) | Value::Float(_) => append_plain(ctx, -1, result),
            _ => {
                let name = ctx.kind(-1).name();
                return Err(ctx.error(format!("invalid replacement value (a {name})")));
            }
        }
        progress.copied = found.whole.end;
    }
    ctx.pop(1);
    Ok(())
}

fn finish(ctx: &mut Ctx<'_>, substitution: &mut Substitution) -> Result<Next, Error> {
    let Substitution { progress, result, .. } = substitution;
    if progress.copied == 0 && result.is_empty() && !result.is_full() {
        ctx.push_copy(1);
    } else {
        result.extend_from_slice(&text(ctx, 1)[progress.copied..]);
        built(ctx, result)?;
    }
    ctx.push_int(progress.count);
    Ok(Next::Return(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(subject: &str, pattern: &str, template: &str, count_max: i64) -> Result<(String, i64), Stop> {
        let mut result = Buffer::with_room(usize::MAX);
        let mut clock = |_| true;
        let count = substitute([subject, pattern, template].map(str::as_bytes), count_max, &mut result, &mut Clock::new(&mut clock))?;
        Ok((String::from_utf8(result.to_vec()).unwrap(), count))
    }

    #[test]
    fn templates_are_filled() {
        let cases = [
            ("hello world", "o", "0", 99, "hell0 w0rld", 2), ("hello", "", "-", 99, "-h-e-l-l-o-", 6), ("abc", "%w", "%0%0", 2, "aabbc", 2),
            ("abc def", "(%w+) (%w+)", "%2 %1", 9, "def abc", 1), ("abc", "^a", "x", 9, "xbc", 1), ("aaa", "^a", "x", 9, "xaa", 1),
            ("abc", "b*", "-", 9, "-a-c-", 3), ("a,b", ",", "%%", 9, "a%b", 1), ("xyx", "()y", "%1", 9, "x2x", 1), ("abc", "b", "[%1]", 9, "a[b]c", 1),
            ("abc", ".", "x", 0, "", 0), ("", "$", "!", 9, "!", 1), ("abc", "x", "y", 9, "", 0),
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
