//! Lua patterns: one attempt to match at one place.
//!
//! The matcher knows nothing of the VM: it reads two byte strings and fills captures. Searching,
//! replacing and what captures become are the business of `search.rs` and `gsub.rs`. It recurses
//! only where a choice must be remembered, at most [`DEPTH_MAX`] deep.

mod class;
mod program;

use class::Class;
pub use program::{Program, Ticket};
use program::{Item, Repeat};
use std::borrow::Cow;

/// The captures one pattern may have.
pub const CAPTURES_MAX: usize = 32;
/// Those that need no memory of their own.
const FIRST: usize = 4;
/// How deep choices may nest, as PUC Lua's `MAXCCALLS`.
const DEPTH_MAX: u32 = 200;
/// The steps between two looks at the clock.
const STEPS_PER_LOOK: usize = 1 << 15;

const ESCAPE: u8 = b'%';

/// Why matching ended without an answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Stop {
    /// The pattern is wrong: Lua's message.
    Malformed(Cow<'static, str>),
    /// The caller lost its patience (see [`Clock`]).
    Interrupted,
}

fn malformed<T>(message: &'static str) -> Result<T, Stop> {
    Err(Stop::Malformed(Cow::Borrowed(message)))
}

/// What a capture holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capture {
    /// `(` was met, its `)` not yet.
    Open,
    /// `()`: a place, counted from 0.
    Position(usize),
    /// Bytes of the subject.
    Span {
        /// The first byte.
        start: usize,
        /// One past the last byte.
        end: usize,
    },
}

/// The captures of a match, detached from subject and pattern. The first few, and mostly all, stand
/// in place: matches are made and moved by the million.
#[derive(Default)]
pub struct Captures {
    first: [Range; FIRST],
    others: Vec<Range>,
    marks: Marks,
}

/// A capture's first byte, and one past its last.
type Range = (usize, usize);

/// What backing off restores.
#[derive(Clone, Copy, Default)]
struct Marks {
    /// How many there are.
    n: usize,
    /// A bit for each that is not closed yet.
    open: u32,
    /// A bit for each that is a position.
    positions: u32,
}

impl Captures {
    fn range(&mut self, level: usize) -> &mut Range {
        if level < FIRST {
            return &mut self.first[level];
        }
        let place = level - FIRST;
        if place >= self.others.len() {
            self.others.resize(place + 1, (0, 0));
        }
        &mut self.others[place]
    }

    fn open(&mut self, start: usize) -> Result<usize, Stop> {
        let level = self.marks.n;
        if level >= CAPTURES_MAX {
            return malformed("too many captures");
        }
        *self.range(level) = (start, start);
        self.marks.n = level + 1;
        self.marks.open |= 1 << level;
        self.marks.positions &= !(1 << level);
        Ok(level)
    }

    fn close(&mut self, end: usize) -> Result<(), Stop> {
        let Some(level) = self.marks.open.checked_ilog2() else { return malformed("invalid pattern capture") };
        self.range(level as usize).1 = end;
        self.marks.open &= !(1 << level);
        Ok(())
    }

    fn mark_position(&mut self, at: usize) -> Result<(), Stop> {
        let level = self.open(at)?;
        self.marks.open &= !(1 << level);
        self.marks.positions |= 1 << level;
        Ok(())
    }

    fn at(&self, level: usize) -> Capture {
        let (start, end) = if level < FIRST { self.first[level] } else { self.others[level - FIRST] };
        if self.marks.open >> level & 1 != 0 {
            Capture::Open
        } else if self.marks.positions >> level & 1 != 0 {
            Capture::Position(start)
        } else {
            Capture::Span { start, end }
        }
    }

    /// Whether one was not closed, which is an error as soon as it is asked for.
    pub fn has_open(&self) -> bool {
        self.marks.open != 0
    }

    /// How many the pattern has.
    pub fn count(&self) -> usize {
        self.marks.n
    }

    /// The capture `index` (from 0); the first of a pattern without captures is the whole match.
    pub fn get(&self, index: usize, whole: &std::ops::Range<usize>) -> Result<Capture, Stop> {
        if index >= self.marks.n {
            if index != 0 {
                return Err(Stop::Malformed(format!("invalid capture index %{}", index + 1).into()));
            }
            return Ok(Capture::Span { start: whole.start, end: whole.end });
        }
        match self.at(index) {
            Capture::Open => malformed("unfinished capture"),
            capture => Ok(capture),
        }
    }
}

/// Counts steps over all attempts of one call, and asks now and then whether to go on.
pub struct Clock<'a> {
    steps: usize,
    keep_going: &'a mut dyn FnMut(usize) -> bool,
}

impl<'a> Clock<'a> {
    /// `keep_going` is told how many steps were made since it was asked before.
    pub fn new(keep_going: &'a mut dyn FnMut(usize) -> bool) -> Clock<'a> {
        Clock { steps: 0, keep_going }
    }

    /// Counts steps.
    #[inline]
    pub fn advance(&mut self, steps: usize) -> Result<(), Stop> {
        self.steps += steps;
        if self.steps < STEPS_PER_LOOK { Ok(()) } else { self.look() }
    }

    #[cold]
    fn look(&mut self) -> Result<(), Stop> {
        let steps = std::mem::take(&mut self.steps);
        if (self.keep_going)(steps) { Ok(()) } else { Err(Stop::Interrupted) }
    }
}

/// A pattern applied to a subject.
pub struct Matcher<'a, 'c> {
    subject: &'a [u8],
    /// The text that the program was made of, for what is beyond it.
    pattern: &'a [u8],
    program: &'a Program,
    captures: &'a mut Captures,
    depth: u32,
    clock: &'a mut Clock<'c>,
    stop: Option<Stop>,
}

/// Why there is no match, small enough for a register: matching asks a million times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Miss {
    /// The pattern does not match here.
    Different,
    /// [`Matcher::stop`] says why matching is over.
    Stopped,
}

/// The end of a match.
type Outcome = Result<usize, Miss>;

impl<'a, 'c> Matcher<'a, 'c> {
    /// A matcher that counts its steps, and leaves the captures of the last successful match in `captures`.
    pub fn new(
        subject: &'a [u8],
        pattern: &'a [u8],
        program: &'a Program,
        captures: &'a mut Captures,
        clock: &'a mut Clock<'c>,
    ) -> Matcher<'a, 'c> {
        Matcher { subject, pattern, program, captures, depth: 0, clock, stop: None }
    }

    /// The end of a match that begins exactly at `start`.
    pub fn match_at(&mut self, start: usize) -> Result<Option<usize>, Stop> {
        self.captures.marks = Marks::default();
        self.clock.advance(1)?;
        match self.run(start, 0) {
            Ok(end) => Ok(Some(end)),
            Err(Miss::Different) => Ok(None),
            Err(Miss::Stopped) => Err(self.stop.take().unwrap_or(Stop::Interrupted)),
        }
    }

    #[cold]
    #[inline(never)]
    fn stop(&mut self, stop: Stop) -> Miss {
        self.stop = Some(stop);
        Miss::Stopped
    }

    #[inline(always)]
    fn advance(&mut self, steps: usize) -> Result<(), Miss> {
        match self.clock.advance(steps) {
            Ok(()) => Ok(()),
            Err(stop) => Err(self.stop(stop)),
        }
    }

    /// Matches items one after the other until one needs a choice or the pattern ends.
    fn run(&mut self, mut s: usize, from: usize) -> Outcome {
        for (at, item) in self.program.items.iter().enumerate().skip(from) {
            self.advance(1)?;
            match item {
                Item::Single(class, repeat, next) => {
                    let fits = self.subject.get(s).is_some_and(|c| class.contains(*c));
                    match repeat {
                        Repeat::One if fits => s += 1,
                        Repeat::One => return Err(Miss::Different),
                        Repeat::Optional if fits => match self.attempt(s + 1, at + 1) {
                            Err(Miss::Different) => {}
                            outcome => return outcome,
                        },
                        Repeat::Plus if fits => return self.expand_most(s + 1, class, *next, at + 1),
                        Repeat::Plus => return Err(Miss::Different),
                        Repeat::Most if fits => return self.expand_most(s, class, *next, at + 1),
                        Repeat::Least if fits => return self.expand_least(s, class, *next, at + 1),
                        Repeat::Optional | Repeat::Most | Repeat::Least => {}
                    }
                }
                Item::Open => self.capture(|captures| captures.open(s).map(|_| ()))?,
                Item::Position => self.capture(|captures| captures.mark_position(s))?,
                Item::Close => self.capture(|captures| captures.close(s))?,
                Item::End if s == self.subject.len() => {}
                Item::End => return Err(Miss::Different),
                Item::Balance(open, close) => s = self.balance(s, *open, *close)?,
                Item::Frontier(set) => {
                    let before = if s == 0 { 0 } else { self.subject[s - 1] };
                    let behind = self.subject.get(s).copied().unwrap_or(0);
                    if class::is_in_set(set, before) || !class::is_in_set(set, behind) {
                        return Err(Miss::Different);
                    }
                }
                Item::Back(digit) => s = self.back_reference(s, *digit)?,
                Item::Wrong(message) => return Err(self.stop(Stop::Malformed((*message).into()))),
                Item::More(place) => return self.go_beyond(s, *place),
            }
        }
        Ok(s)
    }

    #[inline(always)]
    fn capture(&mut self, change: impl FnOnce(&mut Captures) -> Result<(), Stop>) -> Result<(), Miss> {
        change(self.captures).map_err(|stop| self.stop(stop))
    }

    /// Runs on from a choice; what failed leaves no captures behind.
    fn attempt(&mut self, s: usize, at: usize) -> Outcome {
        if self.depth == DEPTH_MAX {
            return Err(self.stop(Stop::Malformed("pattern too complex".into())));
        }
        let marks = self.captures.marks;
        self.depth += 1;
        let outcome = self.run(s, at);
        self.depth -= 1;
        if outcome == Err(Miss::Different) {
            self.captures.marks = marks;
        }
        outcome
    }

    /// The rest of a pattern that has more items than a program.
    fn go_beyond(&mut self, s: usize, place: usize) -> Outcome {
        let rest = &self.pattern[place..];
        let program = Program::new(rest, self.clock).map_err(|stop| self.stop(stop))?;
        let mut matcher = Matcher::new(self.subject, rest, &program, self.captures, self.clock);
        matcher.depth = self.depth;
        let outcome = matcher.attempt(s, 0);
        self.stop = matcher.stop;
        outcome
    }

    fn expand_most(&mut self, s: usize, class: &Class, next: Option<u8>, at: usize) -> Outcome {
        let n = self.run_length(s, class)?;
        // Nothing follows: the longest is the answer, and backing off cannot be needed.
        if at == self.program.items.len() {
            return Ok(s + n);
        }
        for end in (s..=s + n).rev() {
            if next.is_none() || self.subject.get(end).copied() == next {
                match self.attempt(end, at) {
                    Err(Miss::Different) => {}
                    outcome => return outcome,
                }
            }
            self.advance(1)?;
        }
        Err(Miss::Different)
    }

    /// How many bytes from `s` on the class matches.
    fn run_length(&mut self, s: usize, class: &Class) -> Result<usize, Miss> {
        let mut n = 0;
        // Piece by piece, to look at the clock.
        for piece in self.subject[s..].chunks(STEPS_PER_LOOK) {
            let matched = class.run_length(piece);
            n += matched;
            self.advance(matched)?;
            if matched < piece.len() {
                break;
            }
        }
        Ok(n)
    }

    fn expand_least(&mut self, mut s: usize, class: &Class, next: Option<u8>, at: usize) -> Outcome {
        loop {
            self.advance(1)?;
            if next.is_none() || self.subject.get(s).copied() == next {
                match self.attempt(s, at) {
                    Err(Miss::Different) => {}
                    outcome => return outcome,
                }
            }
            if !self.subject.get(s).is_some_and(|c| class.contains(*c)) {
                return Err(Miss::Different);
            }
            s += 1;
        }
    }

    /// Whether there is a match that begins from `start` to `last`, and does not end at `excluded_end`; the first one is
    /// left in `found`.
    pub fn search(
        &mut self,
        start: usize,
        last: usize,
        excluded_end: Option<usize>,
        found: &mut std::ops::Range<usize>,
    ) -> Result<bool, Stop> {
        let mut at = start;
        while at <= last {
            if let Some(class) = &self.program.first {
                let ahead = &self.subject[at..];
                let ahead = &ahead[..ahead.len().min(STEPS_PER_LOOK / 2)];
                let skipped = class.position(ahead).unwrap_or(ahead.len());
                at += skipped;
                self.clock.advance(skipped)?;
                if at == self.subject.len() || at > last {
                    return Ok(false);
                }
                if skipped == ahead.len() {
                    continue;
                }
            }
            if let Some(end) = self.match_at(at)?
                && Some(end) != excluded_end
            {
                (found.start, found.end) = (at, end);
                return Ok(true);
            }
            at += 1;
        }
        Ok(false)
    }

    /// `%bxy`: the end of what is balanced from `s` on.
    fn balance(&mut self, s: usize, open: u8, close: u8) -> Outcome {
        if self.subject.get(s) != Some(&open) {
            return Err(Miss::Different);
        }
        let mut nesting = 1;
        for (at, &c) in self.subject.iter().enumerate().skip(s + 1) {
            self.advance(1)?;
            if c == close {
                nesting -= 1;
                if nesting == 0 {
                    return Ok(at + 1);
                }
            } else if c == open {
                nesting += 1;
            }
        }
        Err(Miss::Different)
    }

    fn back_reference(&mut self, s: usize, digit: u8) -> Outcome {
        let index = usize::from(digit).wrapping_sub(usize::from(b'1'));
        let capture = if index < self.captures.count() { self.captures.at(index) } else { Capture::Open };
        match capture {
            Capture::Open => {
                let number = i32::from(digit) - i32::from(b'0');
                Err(self.stop(Stop::Malformed(format!("invalid capture index %{number}").into())))
            }
            // PUC compares a position's "length" as a huge number: it never matches.
            Capture::Position(_) => Err(Miss::Different),
            Capture::Span { start, end } => {
                self.advance((end - start) / 16)?;
                let is_same = self.subject[s..].starts_with(&self.subject[start..end]);
                if is_same { Ok(s + end - start) } else { Err(Miss::Different) }
            }
        }
    }
}

/// Whether `pattern` has no magic characters, so that a plain search will do.
pub fn is_plain(pattern: &[u8]) -> bool {
    !pattern.iter().any(|c| b"^$*+?.([%-".contains(c))
}

/// The first place of `needle` in `haystack` at or behind `from`.
pub fn find_plain(haystack: &[u8], needle: &[u8], from: usize, clock: &mut Clock<'_>) -> Result<Option<usize>, Stop> {
    let Some((&first, others)) = needle.split_first() else { return Ok(Some(from)) };
    let Some(last_start) = haystack.len().checked_sub(needle.len()) else { return Ok(None) };
    let mut at = from;
    while at <= last_start {
        let end = (at + PIECE).min(last_start + 1);
        let Some(skipped) = memchr::memchr(first, &haystack[at..end]) else {
            clock.advance((end - at) / 16)?;
            at = end;
            continue;
        };
        at += skipped;
        clock.advance(1 + (skipped + others.len()) / 16)?;
        if &haystack[at + 1..at + needle.len()] == others {
            return Ok(Some(at));
        }
        at += 1;
    }
    Ok(None)
}

/// How much is looked through between two looks at the clock.
const PIECE: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn found(subject: &str, pattern: &str) -> Result<Option<(usize, usize, Vec<Capture>)>, Stop> {
        let mut patient = |_| true;
        let mut clock = Clock::new(&mut patient);
        let mut captures = Captures::default();
        for start in 0..=subject.len() {
            let program = Program::of(pattern.as_bytes(), &mut clock)?;
            let mut matcher = Matcher::new(subject.as_bytes(), pattern.as_bytes(), &program, &mut captures, &mut clock);
            if let Some(end) = matcher.match_at(start)? {
                let list = (0..captures.count()).map(|i| captures.get(i, &(start..end))).collect::<Result<_, _>>()?;
                return Ok(Some((start, end, list)));
            }
        }
        Ok(None)
    }

    fn span(subject: &str, pattern: &str) -> Option<(usize, usize)> {
        found(subject, pattern).unwrap().map(|(start, end, _)| (start, end))
    }

    #[test]
    fn patterns_match() {
        let cases = [
            ("hello world", "o w", Some((4, 7))), ("hello", "l+", Some((2, 4))), ("hello", "xyz", None),
            ("  x", "%s*", Some((0, 2))), ("key = value", "(%w+)%s*=%s*(%w+)", Some((0, 11))),
            ("[[x]]", "%[%[.-%]%]", Some((0, 5))), ("a(b(c)d)e", "%b()", Some((1, 8))), ("THE (quick) fox", "%f[%a]%a+%f[%A]", Some((0, 3))),
            ("aaa", "a-$", Some((0, 3))), ("abc", "[a-]", Some((0, 1))), ("a-c", "[a%-]+", Some((0, 2))), ("]", "[]]", Some((0, 1))),
            ("x]", "[^]]", Some((0, 1))), ("abab", "(ab)%1", Some((0, 4))), ("", "", Some((0, 0))), ("a$", "$", Some((2, 2))), ("a$b", "a$b", Some((0, 3))),
            ("\0a", "%z", Some((0, 1))), ("héllo", "[\u{80}-\u{ff}]+", Some((1, 3))), ("x^y", "x^y", Some((0, 3))),
        ];
        for (subject, pattern, expected) in cases {
            assert_eq!(span(subject, pattern), expected, "{subject:?} {pattern:?}");
        }
    }

    #[test]
    fn wrong_patterns_say_so() {
        let cases = [
            ("a", "%", "malformed pattern (ends with '%')"), ("a", "[a", "malformed pattern (missing ']')"), ("a", "[%", "malformed pattern (missing ']')"),
            ("a", "[]", "malformed pattern (missing ']')"), ("a", "%f", "missing '[' after '%f' in pattern"), ("a", ")", "invalid pattern capture"),
            ("a", "(a", "unfinished capture"), ("a", "%1", "invalid capture index %1"), ("a", "%bx", "malformed pattern (missing arguments to '%b')"),
            ("a", "[a-", "malformed pattern (missing ']')"), ("a", "(%1)", "invalid capture index %1"),
        ];
        for (subject, pattern, message) in cases {
            assert_eq!(found(subject, pattern).err(), Some(Stop::Malformed(message.into())), "{pattern:?}");
        }
        assert_eq!(found("a", &"()".repeat(33)).err(), Some(Stop::Malformed("too many captures".into())));
        let deep = "a?".repeat(300);
        assert_eq!(found(&"a".repeat(300), &deep).err(), Some(Stop::Malformed("pattern too complex".into())));
    }

    #[test]
    fn impatience_interrupts() {
        let mut impatient = |_| false;
        let subject = "a".repeat(100_000);
        let mut clock = Clock::new(&mut impatient);
        let mut captures = Captures::default();
        let program = Program::of(b".-.-.-b", &mut clock).unwrap();
        let mut matcher = Matcher::new(subject.as_bytes(), b".-.-.-b", &program, &mut captures, &mut clock);
        assert_eq!(matcher.match_at(0), Err(Stop::Interrupted));
    }

    #[test]
    fn plain_search_agrees_with_windows() {
        let haystack = b"abcabcabdabcabcabcabdxyzxyzxyxyxyxyz";
        for needle in [&b"abcabd"[..], b"abd", b"z", b"xyz", b"nope", b"", b"a", haystack] {
            for from in 0..=haystack.len() {
                let expected = (from..=haystack.len()).find(|at| haystack[*at..].starts_with(needle));
                let mut patient = |_| true;
                assert_eq!(find_plain(haystack, needle, from, &mut Clock::new(&mut patient)), Ok(expected));
            }
        }
    }
}
