//! Lua patterns: one attempt to match at one place.
//!
//! The matcher knows nothing of the VM: it reads two byte strings and fills captures. Searching,
//! replacing and what captures become are the business of `search.rs` and `gsub.rs`. As in PUC
//! Lua, it recurses only where a choice must be remembered, at most [`DEPTH_MAX`] deep.

use std::borrow::Cow;
use std::cell::RefCell;
use std::ops::Range;

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
    Open {
        /// Where it began.
        start: usize,
    },
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
pub struct Captures {
    first: [Capture; FIRST],
    others: Vec<Capture>,
    n: usize,
}

impl Default for Captures {
    fn default() -> Captures {
        Captures { first: [Capture::Open { start: 0 }; FIRST], others: Vec::new(), n: 0 }
    }
}

impl Captures {
    fn at(&self, level: usize) -> Capture {
        if level < FIRST { self.first[level] } else { self.others[level - FIRST] }
    }

    fn set(&mut self, level: usize, capture: Capture) {
        if level < FIRST {
            self.first[level] = capture;
        } else if level - FIRST < self.others.len() {
            self.others[level - FIRST] = capture;
        } else {
            self.others.push(capture);
        }
    }

    /// How many the pattern has.
    pub fn count(&self) -> usize {
        self.n
    }

    /// The capture `index` (from 0); the first of a pattern without captures is the whole match.
    pub fn get(&self, index: usize, whole: &Range<usize>) -> Result<Capture, Stop> {
        if index >= self.n {
            if index != 0 {
                return Err(Stop::Malformed(format!("invalid capture index %{}", index + 1).into()));
            }
            return Ok(Capture::Span { start: whole.start, end: whole.end });
        }
        match self.at(index) {
            Capture::Open { .. } => malformed("unfinished capture"),
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
    pattern: &'a [u8],
    captures: &'a mut Captures,
    depth: u32,
    clock: &'a mut Clock<'c>,
}

type Outcome = Result<Option<usize>, Stop>;

impl<'a, 'c> Matcher<'a, 'c> {
    /// A matcher that counts its steps, and leaves the captures of the last successful match in `captures`.
    pub fn new(subject: &'a [u8], pattern: &'a [u8], captures: &'a mut Captures, clock: &'a mut Clock<'c>) -> Matcher<'a, 'c> {
        Matcher { subject, pattern, captures, depth: 0, clock }
    }

    /// The end of a match that begins exactly at `start`.
    pub fn match_at(&mut self, start: usize) -> Outcome {
        self.captures.n = 0;
        self.depth = 0;
        self.step()?;
        self.run(start, 0)
    }

    #[inline]
    fn step(&mut self) -> Result<(), Stop> {
        self.clock.advance(1)
    }

    /// The pattern byte at `p`; a zero behind the end, as C strings have.
    fn pattern_at(&self, p: usize) -> u8 {
        self.pattern.get(p).copied().unwrap_or(0)
    }

    fn run(&mut self, s: usize, p: usize) -> Outcome {
        if self.depth == DEPTH_MAX {
            return malformed("pattern too complex");
        }
        self.depth += 1;
        let outcome = self.run_items(s, p);
        self.depth -= 1;
        outcome
    }

    /// Matches items one after the other until one needs a choice or the pattern ends.
    fn run_items(&mut self, mut s: usize, mut p: usize) -> Outcome {
        while p < self.pattern.len() {
            self.step()?;
            match self.pattern[p] {
                b'(' if self.pattern_at(p + 1) == b')' => return self.open_capture(s, p + 2, Capture::Position(s)),
                b'(' => return self.open_capture(s, p + 1, Capture::Open { start: s }),
                b')' => return self.close_capture(s, p + 1),
                b'$' if p + 1 == self.pattern.len() => return Ok((s == self.subject.len()).then_some(s)),
                ESCAPE if self.pattern_at(p + 1) == b'b' => match self.balance(s, p + 2)? {
                    Some(end) => (s, p) = (end, p + 4),
                    None => return Ok(None),
                },
                ESCAPE if self.pattern_at(p + 1) == b'f' => match self.frontier(s, p + 2)? {
                    Some(next) => p = next,
                    None => return Ok(None),
                },
                ESCAPE if self.pattern_at(p + 1).is_ascii_digit() => match self.back_reference(s, self.pattern[p + 1])? {
                    Some(end) => (s, p) = (end, p + 2),
                    None => return Ok(None),
                },
                _ => match self.single_item(s, p)? {
                    Progress::On(next_s, next_p) => (s, p) = (next_s, next_p),
                    Progress::Done(outcome) => return Ok(outcome),
                },
            }
        }
        Ok(Some(s))
    }

    /// A single-character class with its optional repetition.
    fn single_item(&mut self, s: usize, p: usize) -> Result<Progress, Stop> {
        let after = self.class_end(p)?;
        // A set may be long, and is read to its end for each byte.
        let cost = 1 + (after - p) / 8;
        self.clock.advance(cost)?;
        let suffix = self.pattern_at(after);
        if !self.matches_single(s, p, after) {
            let may_be_empty = matches!(suffix, b'*' | b'?' | b'-');
            return Ok(if may_be_empty { Progress::On(s, after + 1) } else { Progress::Done(None) });
        }
        match suffix {
            b'?' => Ok(match self.run(s + 1, after + 1)? {
                Some(end) => Progress::Done(Some(end)),
                None => Progress::On(s, after + 1),
            }),
            b'+' => self.expand_most(s + 1, p, after).map(Progress::Done),
            b'*' => self.expand_most(s, p, after).map(Progress::Done),
            b'-' => self.expand_least(s, p, after).map(Progress::Done),
            _ => Ok(Progress::On(s + 1, after)),
        }
    }

    fn expand_most(&mut self, s: usize, p: usize, after: usize) -> Outcome {
        let n = self.run_length(s, p, after)?;
        // Nothing follows: the longest is the answer, and backing off cannot be needed.
        if after + 1 == self.pattern.len() {
            return Ok(Some(s + n));
        }
        let next = self.next_literal(after + 1);
        for length in (0..=n).rev() {
            if next.is_some() && self.subject.get(s + length).copied() != next {
                self.step()?;
                continue;
            }
            if let Some(end) = self.run(s + length, after + 1)? {
                return Ok(Some(end));
            }
            self.step()?;
        }
        Ok(None)
    }

    /// How many bytes from `s` on the class at `p` matches.
    fn run_length(&mut self, s: usize, p: usize, after: usize) -> Result<usize, Stop> {
        let single = Single::new(&self.pattern[p..after]);
        let cost = 1 + (after - p) / 8;
        let mut n = 0;
        // Piece by piece, to look at the clock.
        for piece in self.subject[s..].chunks(STEPS_PER_LOOK / cost.min(STEPS_PER_LOOK)) {
            let matched = single.run_length(piece);
            n += matched;
            self.clock.advance(matched * cost)?;
            if matched < piece.len() {
                break;
            }
        }
        Ok(n)
    }

    /// The byte that must follow at pattern position `p`, if it is one that stands for itself, once.
    fn next_literal(&self, p: usize) -> Option<u8> {
        let c = *self.pattern.get(p)?;
        let is_plain = !b"^$*+?.([%-)".contains(&c) && !b"*?-".contains(&self.pattern_at(p + 1));
        is_plain.then_some(c)
    }

    /// The single-character class that every match begins with, if the pattern says so at once.
    fn first_single(&self) -> Option<Single> {
        let mut p = 0;
        while self.pattern_at(p) == b'(' && self.pattern_at(p + 1) != b')' {
            p += 1;
        }
        let is_single = match *self.pattern.get(p)? {
            b'(' | b')' => false,
            b'$' => p + 1 != self.pattern.len(),
            ESCAPE => !matches!(self.pattern_at(p + 1), b'b' | b'f' | b'0'..=b'9'),
            _ => true,
        };
        let after = if is_single { self.class_end(p).ok()? } else { return None };
        let is_optional = b"*?-".contains(&self.pattern_at(after)) && after < self.pattern.len();
        (!is_optional).then(|| Single::new(&self.pattern[p..after]))
    }

    /// The first match that begins from `start` to `last`, and does not end at `excluded_end`.
    pub fn search(&mut self, start: usize, last: usize, excluded_end: Option<usize>) -> Result<Option<Range<usize>>, Stop> {
        let first = self.first_single();
        let mut at = start;
        while at <= last {
            if let Some(single) = &first {
                let ahead = &self.subject[at..];
                let ahead = &ahead[..ahead.len().min(STEPS_PER_LOOK / 2)];
                let skipped = single.position(ahead).unwrap_or(ahead.len());
                at += skipped;
                self.clock.advance(skipped)?;
                if at == self.subject.len() || at > last {
                    return Ok(None);
                }
                if skipped == ahead.len() {
                    continue;
                }
            }
            if let Some(end) = self.match_at(at)?
                && Some(end) != excluded_end
            {
                return Ok(Some(at..end));
            }
            at += 1;
        }
        Ok(None)
    }

    fn expand_least(&mut self, mut s: usize, p: usize, after: usize) -> Outcome {
        let cost = 1 + (after - p) / 8;
        loop {
            self.clock.advance(cost)?;
            if let Some(end) = self.run(s, after + 1)? {
                return Ok(Some(end));
            }
            if !self.matches_single(s, p, after) {
                return Ok(None);
            }
            s += 1;
        }
    }

    fn open_capture(&mut self, s: usize, p: usize, capture: Capture) -> Outcome {
        let level = self.captures.n;
        if level >= CAPTURES_MAX {
            return malformed("too many captures");
        }
        self.captures.set(level, capture);
        self.captures.n = level + 1;
        let outcome = self.run(s, p)?;
        if outcome.is_none() {
            self.captures.n -= 1;
        }
        Ok(outcome)
    }

    fn close_capture(&mut self, s: usize, p: usize) -> Outcome {
        let open = (0..self.captures.n).rev().find_map(|level| match self.captures.at(level) {
            Capture::Open { start } => Some((level, start)),
            _ => None,
        });
        let Some((level, start)) = open else { return malformed("invalid pattern capture") };
        self.captures.set(level, Capture::Span { start, end: s });
        let outcome = self.run(s, p)?;
        if outcome.is_none() {
            self.captures.set(level, Capture::Open { start });
        }
        Ok(outcome)
    }

    /// `%bxy` with its two bytes at `p`.
    fn balance(&mut self, s: usize, p: usize) -> Outcome {
        let &[open, close, ..] = self.pattern.get(p..).unwrap_or(&[]) else {
            return malformed("malformed pattern (missing arguments to '%b')");
        };
        if self.subject.get(s) != Some(&open) {
            return Ok(None);
        }
        let mut nesting = 1;
        for (at, &c) in self.subject.iter().enumerate().skip(s + 1) {
            self.step()?;
            if c == close {
                nesting -= 1;
                if nesting == 0 {
                    return Ok(Some(at + 1));
                }
            } else if c == open {
                nesting += 1;
            }
        }
        Ok(None)
    }

    /// `%f[set]` with the set at `p`: where the pattern goes on, if the frontier is here.
    fn frontier(&mut self, s: usize, p: usize) -> Outcome {
        if self.pattern_at(p) != b'[' {
            return malformed("missing '[' after '%f' in pattern");
        }
        let after = self.class_end(p)?;
        let previous = if s == 0 { 0 } else { self.subject[s - 1] };
        let current = self.subject.get(s).copied().unwrap_or(0);
        let set = &self.pattern[p..after - 1];
        self.clock.advance(set.len() / 4)?;
        Ok((!set_contains(set, previous) && set_contains(set, current)).then_some(after))
    }

    fn back_reference(&mut self, s: usize, digit: u8) -> Outcome {
        let index = usize::from(digit).wrapping_sub(usize::from(b'1'));
        let capture = if index < self.captures.n { self.captures.at(index) } else { Capture::Open { start: 0 } };
        let number = i32::from(digit) - i32::from(b'0');
        match capture {
            Capture::Open { .. } => Err(Stop::Malformed(format!("invalid capture index %{number}").into())),
            // PUC compares a position's "length" as a huge number: it never matches.
            Capture::Position(_) => Ok(None),
            Capture::Span { start, end } => {
                self.clock.advance((end - start) / 16)?;
                let is_same = self.subject[s..].starts_with(&self.subject[start..end]);
                Ok(is_same.then_some(s + end - start))
            }
        }
    }

    /// Where the single-character class at `p` ends.
    fn class_end(&self, p: usize) -> Result<usize, Stop> {
        match self.pattern[p] {
            ESCAPE if p + 1 >= self.pattern.len() => malformed("malformed pattern (ends with '%')"),
            ESCAPE => Ok(p + 2),
            b'[' => self.set_end(p + 1),
            _ => Ok(p + 1),
        }
    }

    fn set_end(&self, mut p: usize) -> Result<usize, Stop> {
        if self.pattern_at(p) == b'^' {
            p += 1;
        }
        // The first byte of a set never closes it, so `[]]` is the set of `]`.
        loop {
            let Some(&c) = self.pattern.get(p) else { return malformed("malformed pattern (missing ']')") };
            p += 1;
            if c == ESCAPE {
                p += 1;
            }
            if self.pattern_at(p) == b']' {
                return Ok(p + 1);
            }
        }
    }

    #[inline]
    fn matches_single(&self, s: usize, p: usize, after: usize) -> bool {
        let Some(&c) = self.subject.get(s) else { return false };
        match self.pattern[p] {
            b'.' => true,
            ESCAPE => class_contains(self.pattern[p + 1], c),
            b'[' => set_contains(&self.pattern[p..after - 1], c),
            literal => literal == c,
        }
    }
}

/// A class that stands for one byte.
enum Single {
    Any,
    Byte(u8),
    /// Bits of [`MEMBERS`], and whether any or none of them is wanted.
    Class(u16, bool),
    Set(SetMembers),
}

/// A bit for each byte that a set contains.
type SetMembers = [u64; 4];

thread_local! {
    /// Sets that were met last, each at its place: a pattern is mostly applied more than once.
    static KNOWN_SETS: RefCell<Vec<(Vec<u8>, SetMembers)>> = const { RefCell::new(Vec::new()) };
}

/// Places for sets.
const PLACES: usize = 64;

/// What the set `[...` (without its `]`) contains.
fn set_members(set: &[u8]) -> SetMembers {
    KNOWN_SETS.with_borrow_mut(|known| {
        known.resize_with(PLACES, Default::default);
        let place = set.iter().fold(set.len(), |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte))) % PLACES;
        let (text, members) = &mut known[place];
        if text != set {
            *members = SetMembers::default();
            for c in (0..=u8::MAX).filter(|c| set_contains(set, *c)) {
                members[usize::from(c / 64)] |= 1 << (c % 64);
            }
            text.clear();
            text.extend_from_slice(set);
        }
        *members
    })
}

impl Single {
    /// The class that the whole of `item` is.
    fn new(item: &[u8]) -> Single {
        match *item {
            [b'.'] => Single::Any,
            [ESCAPE, class] => match CLASS_BITS[usize::from(class)] {
                0 => Single::Byte(class),
                bits => Single::Class(bits, !class.is_ascii_uppercase()),
            },
            [b'[', .., _] => Single::Set(set_members(&item[..item.len() - 1])),
            [literal, ..] => Single::Byte(literal),
            [] => Single::Any,
        }
    }

    /// How many bytes at the start of `bytes` match.
    fn run_length(&self, bytes: &[u8]) -> usize {
        let end = match *self {
            Single::Any => None,
            Single::Byte(wanted) => bytes.iter().position(|c| *c != wanted),
            Single::Class(bits, wanted) => bytes.iter().position(|c| is_member(bits, *c) != wanted),
            Single::Set(members) => bytes.iter().position(|c| !is_in_set(&members, *c)),
        };
        end.unwrap_or(bytes.len())
    }

    /// Where the first byte that matches is.
    fn position(&self, bytes: &[u8]) -> Option<usize> {
        match *self {
            Single::Any => (!bytes.is_empty()).then_some(0),
            Single::Byte(wanted) => memchr::memchr(wanted, bytes),
            Single::Class(bits, wanted) => bytes.iter().position(|c| is_member(bits, *c) == wanted),
            Single::Set(members) => bytes.iter().position(|c| is_in_set(&members, *c)),
        }
    }
}

enum Progress {
    On(usize, usize),
    Done(Option<usize>),
}

/// Whether the set `[...` (without its `]`) contains `c`.
fn set_contains(set: &[u8], c: u8) -> bool {
    let is_negated = set.get(1) == Some(&b'^');
    let mut rest = &set[if is_negated { 2 } else { 1 }..];
    while let [first, tail @ ..] = rest {
        let (is_in, next) = match (first, tail) {
            (&ESCAPE, [class, next @ ..]) => (class_contains(*class, c), next),
            (low, [b'-', high, next @ ..]) => ((*low..=*high).contains(&c), next),
            (literal, next) => (*literal == c, next),
        };
        if is_in {
            return !is_negated;
        }
        rest = next;
    }
    is_negated
}

/// The classes, each with its bit in [`MEMBERS`].
const CLASSES: &[u8; 11] = b"acdglpsuwxz";

/// For each byte, the classes it is in.
static MEMBERS: [u16; 256] = {
    let mut members = [0; 256];
    let mut c = 0;
    while c < 256 {
        let mut class = 0;
        while class < CLASSES.len() {
            members[c] |= (is_in_class(CLASSES[class], c as u8) as u16) << class;
            class += 1;
        }
        c += 1;
    }
    members
};

/// For each letter of a class, in either case, its bit in [`MEMBERS`]; 0 for what stands for itself.
static CLASS_BITS: [u16; 256] = {
    let mut bits = [0; 256];
    let mut class = 0;
    while class < CLASSES.len() {
        bits[CLASSES[class] as usize] = 1 << class;
        bits[CLASSES[class].to_ascii_uppercase() as usize] = 1 << class;
        class += 1;
    }
    bits
};

const fn is_in_class(class: u8, c: u8) -> bool {
    match class {
        b'a' => c.is_ascii_alphabetic(),
        b'c' => c.is_ascii_control(),
        b'd' => c.is_ascii_digit(),
        b'g' => c.is_ascii_graphic(),
        b'l' => c.is_ascii_lowercase(),
        b'p' => c.is_ascii_punctuation(),
        b's' => matches!(c, b' ' | b'\t'..=b'\r'),
        b'u' => c.is_ascii_uppercase(),
        b'w' => c.is_ascii_alphanumeric(),
        b'x' => c.is_ascii_hexdigit(),
        _ => c == 0,
    }
}

#[inline(always)]
fn is_in_set(members: &SetMembers, c: u8) -> bool {
    members[usize::from(c / 64)] >> (c % 64) & 1 != 0
}

#[inline(always)]
fn is_member(bits: u16, c: u8) -> bool {
    MEMBERS[usize::from(c)] & bits != 0
}

/// Whether the class `%class` contains `c`.
#[inline]
fn class_contains(class: u8, c: u8) -> bool {
    match CLASS_BITS[usize::from(class)] {
        0 => class == c,
        bits => is_member(bits, c) != class.is_ascii_uppercase(),
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
            let mut matcher = Matcher::new(subject.as_bytes(), pattern.as_bytes(), &mut captures, &mut clock);
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
        let mut matcher = Matcher::new(subject.as_bytes(), b".-.-.-b", &mut captures, &mut clock);
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
