//! `find`, `match` and `gmatch`: patterns applied to the strings of a window.

use std::ops::Range;

use perilune_vm::leaf::{Leaf, LeafFn, LeafValue};
use perilune_vm::{Ctx, Error, Next};

use super::pattern::{self, Capture, Captures, Clock, Matcher, Program, Stop};
use super::{start_position, text};

/// Leaf forms, which give the first result alone.
pub(super) const LEAVES: &[(&str, LeafFn)] = &[("find", find_leaf), ("match", match_leaf)];

/// What to look for in a subject.
pub(super) struct Search {
    /// The first place to try.
    pub start: usize,
    /// Whether it is also the last.
    pub is_anchored: bool,
    /// Where the match may not end: the end of the one before it.
    pub excluded_end: Option<usize>,
}

/// Where a pattern matched.
#[derive(Default)]
pub(super) struct Match {
    /// The whole match.
    pub whole: Range<usize>,
    /// Its captures.
    pub captures: Captures,
}

/// Whether a pattern (without its anchor) and its program match; the first match is left in `found`.
pub(super) fn search(
    subject: &[u8],
    pattern: &[u8],
    program: &Program,
    search: &Search,
    found: &mut Match,
    clock: &mut Clock<'_>,
) -> Result<bool, Stop> {
    let mut matcher = Matcher::new(subject, pattern, program, &mut found.captures, clock);
    let last = if search.is_anchored { search.start } else { subject.len() };
    matcher.search(search.start, last, search.excluded_end, &mut found.whole)
}

/// Runs `task`, and once more if it takes so long that its steps have to be counted.
#[inline]
pub(super) fn patiently<T>(ctx: &mut Ctx<'_>, task: impl FnMut(&Ctx<'_>, &mut Clock<'_>) -> Result<T, Stop>) -> Result<T, Error> {
    patiently_at(ctx, 1, task)
}

/// As [`patiently`]; errors are those of the function at `level`.
#[inline]
pub(super) fn patiently_at<T>(
    ctx: &mut Ctx<'_>,
    level: usize,
    mut task: impl FnMut(&Ctx<'_>, &mut Clock<'_>) -> Result<T, Stop>,
) -> Result<T, Error> {
    match task(ctx, &mut Clock::new(&mut |_| false)) {
        Ok(value) => Ok(value),
        Err(Stop::Interrupted) => {
            let mut patience = ctx.patience();
            let outcome = task(ctx, &mut Clock::new(&mut |steps| patience.step(steps)));
            ctx.settle(&patience)?;
            outcome.map_err(|stop| pattern_error(ctx, level, &stop))
        }
        Err(stop) => Err(pattern_error(ctx, level, &stop)),
    }
}

#[cold]
fn pattern_error(ctx: &mut Ctx<'_>, level: usize, stop: &Stop) -> Error {
    match stop {
        Stop::Malformed(message) => ctx.error_at(level, message.as_ref()),
        Stop::Interrupted => ctx.error_at(level, "interrupted!"),
    }
}

/// Whether the pattern begins with `^`, and the rest of it.
pub(super) fn split_anchor(pattern: &[u8]) -> (bool, &[u8]) {
    match pattern {
        [b'^', rest @ ..] => (true, rest),
        _ => (false, pattern),
    }
}

/// Pushes the capture `index` of a match in the string at 1.
pub(super) fn push_capture(ctx: &mut Ctx<'_>, found: &Match, index: usize) -> Result<(), Error> {
    push_capture_at(ctx, 1, found, index)
}

/// As [`push_capture`]; errors are those of the function at `level`.
pub(super) fn push_capture_at(ctx: &mut Ctx<'_>, level: usize, found: &Match, index: usize) -> Result<(), Error> {
    let wrong = match found.captures.get(index, &found.whole) {
        Ok(Capture::Position(at)) => return Ok(ctx.push_int(at as i64 + 1)),
        Ok(Capture::Span { start, end }) => return ctx.push_part(1, start..end),
        Ok(Capture::Open) => Stop::Malformed("unfinished capture".into()),
        Err(stop) => stop,
    };
    Err(pattern_error(ctx, level, &wrong))
}

/// Pushes all captures, or the whole match if there are none; the answer is how many values that is.
pub(super) fn push_captures(ctx: &mut Ctx<'_>, found: &Match) -> Result<u32, Error> {
    push_captures_at(ctx, 1, found)
}

/// As [`push_captures`]; errors are those of the function at `level`.
pub(super) fn push_captures_at(ctx: &mut Ctx<'_>, level: usize, found: &Match) -> Result<u32, Error> {
    let n = found.captures.count().max(1);
    if !ctx.check_stack(n) {
        return Err(ctx.error_at(level, "stack overflow (too many captures)"));
    }
    for index in 0..n {
        push_capture_at(ctx, level, found, index)?;
    }
    Ok(n as u32)
}

fn fail(ctx: &mut Ctx<'_>) -> Result<Next, Error> {
    ctx.push_nil();
    Ok(Next::Return(1))
}

/// Gives the iterator of `gmatch` its leaf form.
pub(super) fn open(ctx: &mut Ctx<'_>) -> Result<(), Error> {
    ctx.push_native(GMATCH_NEXT, gmatch_next, 0)?;
    ctx.set_leaf(-1, gmatch_leaf);
    ctx.pop(1);
    Ok(())
}

/// The name of the iterator of `gmatch`.
const GMATCH_NEXT: &str = "string.gmatch_next";

/// The place (from 0) where a search begins, if it is in the subject.
fn check_start(ctx: &mut Ctx<'_>) -> Result<Option<usize>, Error> {
    let length = ctx.check_bytes(1)?.len();
    ctx.check_bytes(2)?;
    let start = start_position(ctx.opt_int(3, 1)?, length) - 1;
    Ok((start <= length).then_some(start))
}

fn find_from(ctx: &mut Ctx<'_>, start: usize, found: &mut Match) -> Result<bool, Error> {
    patiently(ctx, |ctx, clock| {
        let (is_anchored, pattern) = split_anchor(text(ctx, 2));
        let program = Program::of(pattern, clock)?;
        search(text(ctx, 1), pattern, &program, &Search { start, is_anchored, excluded_end: None }, found, clock)
    })
}

/// `string.find`
pub(super) fn find(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let Some(start) = check_start(ctx)? else { return fail(ctx) };
    if ctx.to_bool(4) || pattern::is_plain(text(ctx, 2)) {
        let length = text(ctx, 2).len();
        let at = patiently(ctx, |ctx, clock| pattern::find_plain(text(ctx, 1), text(ctx, 2), start, clock))?;
        let Some(at) = at else { return fail(ctx) };
        ctx.push_int(at as i64 + 1);
        ctx.push_int((at + length) as i64);
        return Ok(Next::Return(2));
    }
    let mut found = Match::default();
    if !find_from(ctx, start, &mut found)? {
        return fail(ctx);
    }
    ctx.push_int(found.whole.start as i64 + 1);
    ctx.push_int(found.whole.end as i64);
    if found.captures.count() == 0 {
        return Ok(Next::Return(2));
    }
    Ok(Next::Return(push_captures(ctx, &found)? + 2))
}

/// `string.match`
pub(super) fn match_(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let Some(start) = check_start(ctx)? else { return fail(ctx) };
    let mut found = Match::default();
    if !find_from(ctx, start, &mut found)? {
        return fail(ctx);
    }
    Ok(Next::Return(push_captures(ctx, &found)?))
}

/// The first match of the pattern, if the arguments are the usual ones and it takes little time.
fn match_from(leaf: &Leaf<'_>, start: usize, found: &mut Match) -> Option<bool> {
    let (is_anchored, pattern) = split_anchor(leaf.bytes(1)?);
    search_at_once(leaf.bytes(0)?, pattern, &Search { start, is_anchored, excluded_end: None }, found)
}

/// As [`search`]; `None` when it takes long, or raises an error, as all captures would.
pub(super) fn search_at_once(subject: &[u8], pattern: &[u8], plan: &Search, found: &mut Match) -> Option<bool> {
    let mut no_time = |_| false;
    let mut clock = Clock::new(&mut no_time);
    let program = Program::of(pattern, &mut clock).ok()?;
    let is_found = search(subject, pattern, &program, plan, found, &mut clock).ok()?;
    (!is_found || !found.captures.has_open()).then_some(is_found)
}

/// The place (from 0) where a search begins; `None` within when that is behind the subject.
fn start_of(leaf: &Leaf<'_>) -> Option<Option<usize>> {
    let length = leaf.bytes(0)?.len();
    let start = start_position(if leaf.count() > 2 { leaf.int(2)? } else { 1 }, length) - 1;
    Some((start <= length).then_some(start))
}

fn match_leaf(leaf: &mut Leaf<'_>) -> Option<LeafValue> {
    let Some(start) = start_of(leaf)? else { return Some(LeafValue::nil()) };
    let mut found = Match::default();
    if !match_from(leaf, start, &mut found)? {
        return Some(LeafValue::nil());
    }
    if leaf.wants_more() {
        captures_also(leaf, &found, 1, |leaf, range| leaf.part(0, range))?;
    }
    capture_value(found.captures.get(0, &found.whole).ok()?, |range| leaf.part(0, range))
}

/// The captures from the one with index `first` on are results after the first; those are no more than a leaf form has.
fn captures_also(
    leaf: &mut Leaf<'_>,
    found: &Match,
    first: usize,
    part: impl Fn(&mut Leaf<'_>, Range<usize>) -> Option<LeafValue>,
) -> Option<()> {
    for index in first..found.captures.count() {
        let value = capture_value(found.captures.get(index, &found.whole).ok()?, |range| part(leaf, range))?;
        leaf.also(value)?;
    }
    Some(())
}

/// The value of a capture, by what makes a part of its subject.
pub(super) fn capture_value(capture: Capture, part: impl FnOnce(Range<usize>) -> Option<LeafValue>) -> Option<LeafValue> {
    match capture {
        Capture::Position(at) => Some(LeafValue::int(at as i64 + 1)),
        Capture::Span { start, end } => part(start..end),
        Capture::Open => None,
    }
}

fn gmatch_leaf(leaf: &mut Leaf<'_>) -> Option<LeafValue> {
    let (subject, pattern, place) = (leaf.upvalue_bytes(1)?, leaf.upvalue_bytes(2)?, leaf.upvalue_int(3)?);
    if leaf.only_reads() {
        return None;
    }
    let mut found = Match::default();
    if !search_at_once(subject, pattern, &plan_after(place), &mut found)? {
        return Some(LeafValue::nil());
    }
    if leaf.wants_more() {
        captures_also(leaf, &found, 1, |leaf, range| leaf.part_of_upvalue(1, range))?;
    }
    let result = capture_value(found.captures.get(0, &found.whole).ok()?, |range| leaf.part_of_upvalue(1, range))?;
    leaf.set_upvalue_int(3, found.whole.end as i64);
    Some(result)
}

/// What the iterator of `gmatch` looks for.
fn plan_after(place: i64) -> Search {
    let start = if place < 0 { -1 - place } else { place } as usize;
    Search { start, is_anchored: false, excluded_end: (place >= 0).then_some(start) }
}

fn find_leaf(leaf: &mut Leaf<'_>) -> Option<LeafValue> {
    let Some(start) = start_of(leaf)? else { return Some(LeafValue::nil()) };
    if !leaf.is_falsy(3) || pattern::is_plain(leaf.bytes(1)?) {
        let found = pattern::find_plain(leaf.bytes(0)?, leaf.bytes(1)?, start, &mut Clock::new(&mut |_| false)).ok()?;
        let end = leaf.bytes(1)?.len();
        return place(leaf, found.map(|at| at..at + end));
    }
    let mut found = Match::default();
    if !match_from(leaf, start, &mut found)? {
        return place(leaf, None);
    }
    let first = place(leaf, Some(found.whole.clone()))?;
    if leaf.wants_more() {
        captures_also(leaf, &found, 0, |leaf, range| leaf.part(0, range))?;
    }
    Some(first)
}

/// Where a search found something, counted from 0: the first result, and the second.
fn place(leaf: &mut Leaf<'_>, found: Option<Range<usize>>) -> Option<LeafValue> {
    let Some(found) = found else { return Some(LeafValue::nil()) };
    if leaf.wants_more() {
        leaf.also(LeafValue::int(found.end as i64))?;
    }
    Some(LeafValue::int(found.start as i64 + 1))
}

/// `string.gmatch`: the iterator's upvalues are subject, pattern, and where it goes on: at `n` if the match before
/// ended there, at `-1 - n` if there was none.
pub(super) fn gmatch(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let length = ctx.check_bytes(1)?.len();
    ctx.check_bytes(2)?;
    let start = (start_position(ctx.opt_int(3, 1)?, length) - 1).min(length + 1);
    ctx.set_top(2);
    ctx.push_int(-1 - start as i64);
    ctx.push_native(GMATCH_NEXT, gmatch_next, 3)?;
    Ok(Next::Return(1))
}

/// The iterator of `gmatch`.
pub(super) fn gmatch_next(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    ctx.set_top(0);
    ctx.upvalue(1);
    ctx.upvalue(2);
    let plan = plan_after(ctx.upvalue_int(3).unwrap_or(0));
    let mut found = Match::default();
    let is_found = patiently(ctx, |ctx, clock| {
        let pattern = text(ctx, 2);
        let program = Program::of(pattern, clock)?;
        search(text(ctx, 1), pattern, &program, &plan, &mut found, clock)
    })?;
    if !is_found {
        return Ok(Next::Return(0));
    }
    ctx.set_upvalue_int(3, found.whole.end as i64);
    Ok(Next::Return(push_captures(ctx, &found)?))
}
