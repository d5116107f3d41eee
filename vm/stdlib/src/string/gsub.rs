//! `gsub`: with a string or a plain table it is one pure loop; with anything else a chunk calls what computes the
//! replacements, and natives for what lies between two calls.

use perilune_vm::leaf::{Leaf, LeafValue};
use perilune_vm::{Buffer, Ctx, Error, Kind, Next, Value, number};

use super::pattern::{Capture, Clock, Program, Stop, Ticket};
use super::search::{Match, Search, capture_value, patiently, patiently_at, push_capture, push_capture_at, push_captures_at, search, search_at_once, split_anchor};
use super::{built, text};
use crate::support::{self, Chunk, Entry, set_functions_with};

/// Calls the replacement for each match. `step` takes what it gave into the result, goes to the next match, and gives
/// its first capture, or true when there are several.
const EACH: Chunk = Chunk::new("string.gsub", "
local step, captures, finish, text, pattern, state, replacement, is_table = ...
local first = step(text, pattern, state, nil)
while first do
  local value
  if is_table then
    if first == true then first = (captures(text, state)) end
    value = replacement[first]
  elseif first == true then
    value = replacement(captures(text, state))
  else
    value = replacement(first)
  end
  first = step(text, pattern, state, value)
end
return finish(text, state)");

// The window of `gsub`: its arguments.
const REPLACEMENT: i32 = 3;
const COUNT_MAX: i32 = 4;
// Upvalues of `gsub`.
const CHUNK: usize = 1;
const NATIVES: std::ops::RangeInclusive<usize> = 2..=4;
// The window of `step`.
const STATE: i32 = 3;
const VALUE: i32 = 4;
/// A result of so many bytes need not count as memory.
const UNCHARGED: usize = 256;
/// The longest result that a leaf form puts together.
const UNCHARGED_TEXT: usize = 4096;
/// The state in which the chunk has come to its end, and its results lie on the top.
const REPLACED: u32 = 1;
/// The level of the function that called `gsub`, seen from a native that the chunk calls.
const CALLER: usize = 2;

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
    /// Room for the next one.
    next: Match,
    program: Ticket,
}

/// A substitution between two calls: a userdata.
struct Waiting {
    substitution: Substitution,
    /// What the result counts as memory.
    charged: usize,
}

/// Sets `gsub` in the table on the top.
pub(super) fn open(ctx: &mut Ctx<'_>) -> Result<(), Error> {
    // Room for the chunk.
    ctx.push_nil();
    let natives: [Entry; 3] = [("string.gsub_step", step), ("string.gsub_captures", captures), ("string.gsub_finish", finish_chunk)];
    for (name, function) in natives {
        ctx.push_native(name, function, 0)?;
        ctx.set_inner(-1);
    }
    ctx.set_leaf(-3, step_leaf);
    set_functions_with(ctx, 1 + natives.len(), &[("string.gsub", gsub)])?;
    support::set_leaves(ctx, &[("gsub", gsub_leaf)]);
    Ok(())
}

/// `string.gsub`
fn gsub(ctx: &mut Ctx<'_>, state: u32) -> Result<Next, Error> {
    if state == REPLACED {
        return Ok(Next::Return(2));
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
    let substitution = Substitution { progress, result: ctx.buffer(), ..Substitution::default() };
    if kind == Kind::Table && !ctx.has_metatable(REPLACEMENT) {
        return replace_from_table(ctx, substitution);
    }
    ctx.bar_yields();
    EACH.push(ctx, CHUNK)?;
    NATIVES.for_each(|n| ctx.upvalue(n));
    ctx.push_copy(1);
    ctx.push_copy(2);
    ctx.push_host(Box::new(Waiting { substitution, charged: 0 }), 0)?;
    ctx.push_copy(REPLACEMENT);
    ctx.push_bool(kind == Kind::Table);
    Ok(Next::Call { args: 8, results: Some(2), state: REPLACED })
}

/// `string.gsub` where it takes little time and memory, and nothing has to be called.
fn gsub_leaf(leaf: &mut Leaf<'_>) -> Option<LeafValue> {
    let (subject, pattern, kind) = (leaf.bytes(0)?, leaf.bytes(1)?, leaf.kind(2)?);
    if leaf.count() > 3 {
        return None;
    }
    let mut count = 0;
    let mut result = Buffer::with_room(UNCHARGED_TEXT);
    match kind {
        Kind::Str => {
            let template = leaf.bytes(2)?;
            let all = subject.len() as i64 + 1;
            count = substitute([subject, pattern, template], all, &mut result, &mut Clock::new(&mut |_| false)).ok()?;
            if result.is_full() {
                return None;
            }
        }
        Kind::Table | Kind::Function | Kind::Native => {
            let (is_anchored, pattern) = split_anchor(pattern);
            let plan = Search { start: 0, is_anchored, excluded_end: None };
            if search_at_once(subject, pattern, &plan, &mut Match::default())? {
                return None;
            }
        }
        _ => return None,
    }
    if leaf.wants_more() {
        leaf.also(LeafValue::int(count))?;
    }
    if count == 0 { leaf.argument(0) } else { leaf.string(&result) }
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

/// The state at an index of the window.
fn take(ctx: &mut Ctx<'_>, index: i32) -> Result<Substitution, Error> {
    let taken = ctx.host_mut::<Waiting>(index).map(|waiting| std::mem::take(&mut waiting.substitution));
    taken.ok_or_else(|| ctx.error("the state of 'gsub' was replaced"))
}

/// The state goes back, and counts as memory of the machine.
fn keep(ctx: &mut Ctx<'_>, index: i32, substitution: Substitution) -> Result<(), Error> {
    let owned = substitution.result.capacity();
    let Some(waiting) = ctx.host_mut::<Waiting>(index) else {
        return Err(ctx.error("the state of 'gsub' was replaced"));
    };
    waiting.substitution = substitution;
    let charged = std::mem::replace(&mut waiting.charged, owned);
    if charged == owned { Ok(()) } else { ctx.charge_host(index, owned) }
}

/// Goes from match to match, with replacements from a table without metatable.
fn replace_from_table(ctx: &mut Ctx<'_>, mut substitution: Substitution) -> Result<Next, Error> {
    while next_match(ctx, &mut substitution, 1)? {
        push_capture(ctx, &substitution.found, 0)?;
        ctx.raw_get(REPLACEMENT);
        accept(ctx, &mut substitution, -1, 1)?;
        ctx.pop(1);
        ctx.work(1)?;
    }
    finish(ctx, &mut substitution)
}

impl Substitution {
    /// The search for the next match, if there may be one.
    fn plan(&self, pattern: &[u8]) -> Option<Search> {
        let (is_anchored, Progress { count, count_max, .. }) = (split_anchor(pattern).0, self.progress);
        let is_over = count >= count_max || (is_anchored && count > 0) || self.result.is_full();
        let start = self.found.whole.end;
        (!is_over).then_some(Search { start, is_anchored, excluded_end: (count > 0).then_some(start) })
    }

    /// Looks for the next match.
    fn look(&mut self, subject: &[u8], pattern: &[u8], plan: &Search, clock: &mut Clock<'_>) -> Result<bool, Stop> {
        let pattern = split_anchor(pattern).1;
        let program = Program::again(pattern, &mut self.program, clock)?;
        search(subject, pattern, &program, plan, &mut self.next, clock)
    }

    /// The match that was found last is the one under way.
    fn advance(&mut self) {
        std::mem::swap(&mut self.found, &mut self.next);
        self.progress.count += 1;
    }

    /// Takes the replacement of the match under way into the result.
    fn replace(&mut self, subject: &[u8], replacement: &[u8]) {
        self.result.extend_from_slice(&subject[self.progress.copied..self.found.whole.start]);
        self.result.extend_from_slice(replacement);
        self.progress.copied = self.found.whole.end;
    }

    /// Whether the result has room for a replacement of the match under way.
    fn has_room(&self, replacement: &[u8]) -> bool {
        self.result.capacity() - self.result.len() >= self.found.whole.start - self.progress.copied + replacement.len()
    }
}

/// Goes to the next match; errors are those of the function at `level`.
fn next_match(ctx: &mut Ctx<'_>, substitution: &mut Substitution, level: usize) -> Result<bool, Error> {
    let Some(plan) = substitution.plan(text(ctx, 2)) else { return Ok(false) };
    let is_found = patiently_at(ctx, level, |ctx, clock| substitution.look(text(ctx, 1), text(ctx, 2), &plan, clock))?;
    if is_found {
        substitution.advance();
    }
    Ok(is_found)
}

/// Takes the replacement at an index into the result; nil and false keep the match as it is.
fn accept(ctx: &mut Ctx<'_>, substitution: &mut Substitution, index: i32, level: usize) -> Result<(), Error> {
    let text_of_number;
    let replacement = match ctx.value(index) {
        Value::Nil | Value::None | Value::Bool(false) => return Ok(()),
        Value::Str(bytes) => bytes,
        Value::Int(i) => {
            text_of_number = number::format_int(i);
            &text_of_number
        }
        Value::Float(f) => {
            text_of_number = number::format_float(f);
            &text_of_number
        }
        _ => {
            let name = ctx.kind(index).name();
            return Err(ctx.error_at(level, format!("invalid replacement value (a {name})")));
        }
    };
    let subject = text(ctx, 1);
    if !substitution.has_room(replacement) {
        substitution.result.reserve(subject.len());
    }
    substitution.replace(subject, replacement);
    Ok(())
}

/// Takes what was computed for the match under way, and goes to the next one.
fn step(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let mut substitution = take(ctx, STATE)?;
    accept(ctx, &mut substitution, VALUE, CALLER)?;
    if !next_match(ctx, &mut substitution, CALLER)? {
        ctx.push_nil();
    } else if substitution.found.captures.count() > 1 {
        ctx.push_bool(true);
    } else {
        push_capture_at(ctx, CALLER, &substitution.found, 0)?;
    }
    keep(ctx, STATE, substitution)?;
    ctx.work(1)?;
    Ok(Next::Return(1))
}

/// The same where it takes little time, and no more memory to speak of.
fn step_leaf(leaf: &mut Leaf<'_>) -> Option<LeafValue> {
    let (subject, pattern) = (leaf.bytes(0)?, leaf.bytes(1)?);
    let replacement = if leaf.is_falsy(3) { None } else { Some(leaf.bytes(3)?) };
    let substitution = &mut leaf.host_mut::<Waiting>(2)?.substitution;
    if let Some(replacement) = replacement
        && !substitution.has_room(replacement)
    {
        let room = subject.len() + replacement.len();
        if substitution.result.capacity() > 0 || room > UNCHARGED {
            return None;
        }
        substitution.result.reserve(room);
    }
    let is_found = match substitution.plan(pattern) {
        Some(plan) => substitution.look(subject, pattern, &plan, &mut Clock::new(&mut |_| false)).ok()?,
        None => false,
    };
    let next = &substitution.next;
    let (count, first) = (next.captures.count(), next.captures.get(0, &next.whole));
    let result = match count {
        _ if !is_found => LeafValue::nil(),
        0 | 1 => capture_value(first.ok()?, |range| leaf.part(0, range))?,
        _ => LeafValue::bool(true),
    };
    // From here on nothing is declined.
    let substitution = &mut leaf.host_mut::<Waiting>(2)?.substitution;
    if let Some(replacement) = replacement {
        substitution.replace(subject, replacement);
    }
    if is_found {
        substitution.advance();
    }
    Some(result)
}

/// All captures of the match under way.
fn captures(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let substitution = take(ctx, 2)?;
    let n = push_captures_at(ctx, CALLER, &substitution.found)?;
    keep(ctx, 2, substitution)?;
    Ok(Next::Return(n))
}

/// The results of `gsub`, when the chunk has come to the end.
fn finish_chunk(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let mut substitution = take(ctx, 2)?;
    finish(ctx, &mut substitution)
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
