//! Patterns, taken apart once instead of at each byte of the subject.

use super::class::{self, Class, Members};
use super::{CAPTURES_MAX, Clock, ESCAPE, Stop};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How often a class may match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Once.
    One,
    /// `?`
    Optional,
    /// `*`: the longest run first.
    Most,
    /// `+`
    Plus,
    /// `-`: the shortest run first.
    Least,
}

/// One item of a pattern (manual 6.4.1).
#[derive(Clone, Copy, Debug)]
pub enum Item {
    /// A class with its repetition, and the byte that must follow, if there is only one.
    Single(Class, Repeat, Option<u8>),
    /// `(`
    Open,
    /// `()`
    Position,
    /// `)`
    Close,
    /// `$` at the end.
    End,
    /// `%bxy`
    Balance(u8, u8),
    /// `%f[set]`
    Frontier(Members),
    /// `%1` to `%9`, and `%0`, which is an error.
    Back(u8),
    /// Nothing that could be matched; an error when it is come to, as in PUC Lua.
    Wrong(&'static str),
    /// The pattern goes on at a place of its text.
    More(usize),
}

/// A pattern without its anchor, or the beginning of a long one.
#[derive(Debug)]
pub struct Program {
    text: Box<[u8]>,
    /// Different for each program that is kept.
    serial: u64,
    /// Its items in order.
    pub items: Vec<Item>,
    /// What each match begins with, if the pattern says so at once.
    pub first: Option<Class>,
}

/// A program has no more items than this, so that the memory it takes does not grow with the pattern.
const ITEMS_MAX: usize = 4096;
/// Longer patterns are not kept.
const KEPT_MAX: usize = 256;
/// Patterns that are kept.
const PLACES: usize = 256;

/// Programs that were kept, by all threads.
static SERIALS: AtomicU64 = AtomicU64::new(1);

/// How a program is found again without a look at its pattern.
#[derive(Clone, Copy, Default)]
pub struct Ticket {
    place: usize,
    /// 0: none.
    serial: u64,
}

thread_local! {
    /// Patterns that were used last, each at its place: most are applied more than once.
    static KNOWN: RefCell<[Option<Rc<Program>>; PLACES]> = const { RefCell::new([const { None }; PLACES]) };
}

impl Program {
    /// The program of a pattern, which may be known already.
    pub fn of(pattern: &[u8], clock: &mut Clock<'_>) -> Result<Rc<Program>, Stop> {
        if pattern.len() > KEPT_MAX {
            return Program::new(pattern, clock).map(Rc::new);
        }
        let place = place(pattern);
        let known = KNOWN.with_borrow(|known| known[place].clone().filter(|program| *program.text == *pattern));
        if let Some(program) = known {
            return Ok(program);
        }
        let mut program = Program::new(pattern, clock)?;
        program.text = pattern.into();
        program.serial = SERIALS.fetch_add(1, Ordering::Relaxed);
        let program = Rc::new(program);
        KNOWN.with_borrow_mut(|known| known[place] = Some(Rc::clone(&program)));
        Ok(program)
    }

    /// As [`Program::of`], for a pattern that was asked for before; the ticket is brought up to date.
    pub fn again(pattern: &[u8], ticket: &mut Ticket, clock: &mut Clock<'_>) -> Result<Rc<Program>, Stop> {
        let known = KNOWN.with_borrow(|known| {
            known.get(ticket.place)?.as_ref().filter(|program| program.serial == ticket.serial).cloned()
        });
        if let Some(program) = known {
            return Ok(program);
        }
        let program = Program::of(pattern, clock)?;
        *ticket = Ticket { place: place(pattern), serial: program.serial };
        Ok(program)
    }

    /// Takes a pattern apart.
    pub fn new(pattern: &[u8], clock: &mut Clock<'_>) -> Result<Program, Stop> {
        let mut items = Vec::new();
        let mut at = 0;
        while at < pattern.len() {
            if items.len() == ITEMS_MAX {
                items.push(Item::More(at));
                break;
            }
            let (item, length) = item(&pattern[at..]);
            clock.advance(1 + length / 8)?;
            items.push(item);
            if matches!(item, Item::Wrong(_)) {
                break;
            }
            at += length;
        }
        foresee(&mut items);
        let first = first_class(&items);
        Ok(Program { text: Box::default(), serial: 0, items, first })
    }
}

/// Where a pattern is kept: by its length, its beginning, and its end.
fn place(pattern: &[u8]) -> usize {
    let word = |bytes: &[u8]| bytes.iter().fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
    let (begin, end) = match (pattern.first_chunk::<8>(), pattern.last_chunk::<8>()) {
        (Some(begin), Some(end)) => (u64::from_le_bytes(*begin), u64::from_le_bytes(*end)),
        _ => (word(pattern), 0),
    };
    let mixed = (begin ^ end.rotate_left(21) ^ pattern.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 56) as usize % PLACES
}

/// The first item of `rest`, which is not empty, and how many bytes it takes.
fn item(rest: &[u8]) -> (Item, usize) {
    match *rest {
        [b'(', b')', ..] => (Item::Position, 2),
        [b'(', ..] => (Item::Open, 1),
        [b')', ..] => (Item::Close, 1),
        [b'$'] => (Item::End, 1),
        [ESCAPE] => (Item::Wrong("malformed pattern (ends with '%')"), 1),
        [ESCAPE, b'b', open, close, ..] => (Item::Balance(open, close), 4),
        [ESCAPE, b'b', ..] => (Item::Wrong("malformed pattern (missing arguments to '%b')"), 2),
        [ESCAPE, b'f', ref set @ ..] => frontier(set),
        [ESCAPE, digit @ b'0'..=b'9', ..] => (Item::Back(digit), 2),
        _ => single(rest),
    }
}

/// `%f` before `set`.
fn frontier(set: &[u8]) -> (Item, usize) {
    if set.first() != Some(&b'[') {
        return (Item::Wrong("missing '[' after '%f' in pattern"), 2);
    }
    match set_end(set) {
        Some(end) => (Item::Frontier(class::members(&set[1..end - 1])), 2 + end),
        None => (Item::Wrong(MISSING_BRACKET), 2),
    }
}

const MISSING_BRACKET: &str = "malformed pattern (missing ']')";

fn single(rest: &[u8]) -> (Item, usize) {
    let end = match rest[0] {
        ESCAPE => 2,
        b'[' => match set_end(rest) {
            Some(end) => end,
            None => return (Item::Wrong(MISSING_BRACKET), 1),
        },
        _ => 1,
    };
    let repeat = match rest.get(end) {
        Some(b'?') => Repeat::Optional,
        Some(b'*') => Repeat::Most,
        Some(b'+') => Repeat::Plus,
        Some(b'-') => Repeat::Least,
        _ => Repeat::One,
    };
    (Item::Single(Class::new(&rest[..end]), repeat, None), end + usize::from(repeat != Repeat::One))
}

/// Where the set at the beginning of `rest` ends, if it does.
fn set_end(rest: &[u8]) -> Option<usize> {
    let mut at = if rest.get(1) == Some(&b'^') { 2 } else { 1 };
    // The first byte of a set never closes it, so `[]]` is the set of `]`.
    loop {
        at += if *rest.get(at)? == ESCAPE { 2 } else { 1 };
        if rest.get(at) == Some(&b']') {
            return Some(at + 1);
        }
    }
}

/// Notes with each class which byte must follow it.
fn foresee(items: &mut [Item]) {
    let sound = sound_captures(items);
    let mut next = None;
    for (at, item) in items.iter_mut().enumerate().rev() {
        match item {
            Item::Single(class, repeat, after) => {
                *after = next;
                next = match (class, repeat) {
                    (Class::Byte(byte), Repeat::One | Repeat::Plus) => Some(*byte),
                    _ => None,
                };
            }
            // Captures match nothing, but they may be wrong, which must be said.
            Item::Open | Item::Position | Item::Close if at < sound => {}
            _ => next = None,
        }
    }
}

/// The first item that is one capture too many or closes none.
fn sound_captures(items: &[Item]) -> usize {
    let (mut open, mut n) = (0_usize, 0);
    for (at, item) in items.iter().enumerate() {
        match item {
            Item::Open | Item::Position if n == CAPTURES_MAX => return at,
            Item::Close if open == 0 => return at,
            Item::Open => (open, n) = (open + 1, n + 1),
            Item::Position => n += 1,
            Item::Close => open -= 1,
            _ => {}
        }
    }
    items.len()
}

/// The class that every match begins with.
fn first_class(items: &[Item]) -> Option<Class> {
    match items.iter().find(|item| !matches!(item, Item::Open))? {
        Item::Single(class, Repeat::One | Repeat::Plus, _) => Some(*class),
        _ => None,
    }
}
