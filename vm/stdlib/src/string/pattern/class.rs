//! Classes that stand for one byte: letters, sets, the dot, and bytes themselves.

use super::ESCAPE;

/// A class that stands for one byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// `.`
    Any,
    /// A byte that stands for itself.
    Byte(u8),
    /// Bits of [`MEMBERS`], and whether any or none of them is wanted.
    Letter(u16, bool),
    /// `[...]`
    Set(Members),
}

/// A bit for each byte that a set contains.
pub type Members = [u64; 4];

impl Class {
    /// The class that the whole of `item` is: a byte, a byte behind `%`, or a set with its brackets.
    pub fn new(item: &[u8]) -> Class {
        match *item {
            [b'.'] | [] => Class::Any,
            [ESCAPE, class] => match CLASS_BITS[usize::from(class)] {
                0 => Class::Byte(class),
                bits => Class::Letter(bits, !class.is_ascii_uppercase()),
            },
            [b'[', ref set @ .., _] => Class::Set(members(set)),
            [literal, ..] => Class::Byte(literal),
        }
    }

    /// Whether it stands for `c`.
    #[inline(always)]
    pub fn contains(&self, c: u8) -> bool {
        match self {
            Class::Any => true,
            Class::Byte(wanted) => *wanted == c,
            Class::Letter(bits, wanted) => is_member(*bits, c) == *wanted,
            Class::Set(members) => is_in_set(members, c),
        }
    }

    /// How many bytes at the start of `bytes` match.
    pub fn run_length(&self, bytes: &[u8]) -> usize {
        let end = match self {
            Class::Any => None,
            Class::Byte(wanted) => bytes.iter().position(|c| c != wanted),
            Class::Letter(bits, wanted) => bytes.iter().position(|c| is_member(*bits, *c) != *wanted),
            Class::Set(members) => bytes.iter().position(|c| !is_in_set(members, *c)),
        };
        end.unwrap_or(bytes.len())
    }

    /// Where the first byte that matches is.
    pub fn position(&self, bytes: &[u8]) -> Option<usize> {
        match self {
            Class::Any => (!bytes.is_empty()).then_some(0),
            Class::Byte(wanted) => memchr::memchr(*wanted, bytes),
            Class::Letter(bits, wanted) => bytes.iter().position(|c| is_member(*bits, *c) == *wanted),
            Class::Set(members) => bytes.iter().position(|c| is_in_set(members, *c)),
        }
    }
}

/// What the inside of a set contains.
pub fn members(set: &[u8]) -> Members {
    let is_negated = set.first() == Some(&b'^');
    let mut members = Members::default();
    let mut rest = &set[usize::from(is_negated)..];
    while let [first, tail @ ..] = rest {
        rest = match (first, tail) {
            (&ESCAPE, [class, next @ ..]) => {
                add_class(&mut members, *class);
                next
            }
            (low, [b'-', high, next @ ..]) => {
                add_range(&mut members, *low, *high);
                next
            }
            (literal, next) => {
                add_range(&mut members, *literal, *literal);
                next
            }
        };
    }
    if is_negated { members.map(|bits| !bits) } else { members }
}

fn add_class(members: &mut Members, class: u8) {
    match Class::new(&[ESCAPE, class]) {
        Class::Byte(c) => add_range(members, c, c),
        class => (0..=u8::MAX).filter(|c| class.contains(*c)).for_each(|c| add_range(members, c, c)),
    }
}

/// Adds the bytes from `low` to `high`, which may be none.
fn add_range(members: &mut Members, low: u8, high: u8) {
    for c in low..=high {
        members[usize::from(c / 64)] |= 1 << (c % 64);
    }
}

#[inline(always)]
pub fn is_in_set(members: &Members, c: u8) -> bool {
    members[usize::from(c / 64)] >> (c % 64) & 1 != 0
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
fn is_member(bits: u16, c: u8) -> bool {
    MEMBERS[usize::from(c)] & bits != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A set read for each byte, as PUC Lua's `matchbracketclass` does.
    fn contains(set: &[u8], c: u8) -> bool {
        let is_negated = set.first() == Some(&b'^');
        let mut rest = &set[usize::from(is_negated)..];
        while let [first, tail @ ..] = rest {
            let (is_in, next) = match (first, tail) {
                (&ESCAPE, [class, next @ ..]) => (Class::new(&[ESCAPE, *class]).contains(c), next),
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

    #[test]
    fn sets_hold_what_they_list() {
        for set in [&b"a-z"[..], b"^a-z", b"%d%u_", b"%D", b"]", b"^]", b"a-", b"-a", b"z-a", b"%%%]", b"\x80-\xff", b"", b"^", b"^^", b"a-%d", b"%a-z"] {
            let members = members(set);
            for c in 0..=u8::MAX {
                assert_eq!(is_in_set(&members, c), contains(set, c), "{set:?} {c}");
            }
        }
    }
}
