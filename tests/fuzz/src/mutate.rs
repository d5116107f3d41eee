//! Changes to bytes that keep most of them.

use crate::random::Random;

/// Pieces of Lua that open, close or derail something.
pub const PIECES: &[&str] = &[
    "end ", "(", ")", "{", "}", "[", "]", "[[", "]]", "[==[", "'", "\"", "--[[", "--", "function ", "\\", "=", "==", "~=",
    "if ", "then ", "else ", "elseif ", "until ", "repeat ", "for ", "in ", "do ", "while ", "local ", "return ", "break ",
    "goto ", "::", ";", ",", ".", "..", "...", ":", "<const>", "<close>", "\0", "\n", "\r", "not ", "-", "~", "#", "//",
    ">>", "<<", "&", "|", "^", "%", "nil ", "true ", "0x", "1e", "0x1p", "9223372036854775808", "\\u{7FFFFFFF}", "\\z",
    "\\x4", "\\999", "and ", "or ", "x", "\u{feff}", "\u{e9}", "#!", "@", "$",
];

/// Truncates, overwrites, deletes, copies and inserts a few times.
pub fn mutate(random: &mut Random, bytes: &mut Vec<u8>) {
    if random.one_in(5) {
        bytes.truncate(random.below(bytes.len() + 1));
    }
    for _ in 0..=random.below(6) {
        let at = random.below(bytes.len() + 1);
        let end = (at + random.below(20)).min(bytes.len());
        match random.below(5) {
            0 if at < bytes.len() => bytes[at] = random.byte(),
            1 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            2 => drop(bytes.drain(at..end)),
            3 => {
                let copy = bytes[at..end].to_vec();
                let to = random.below(bytes.len() + 1);
                bytes.splice(to..to, copy);
            }
            _ => {
                let piece = *random.pick(PIECES);
                bytes.splice(at..at, piece.bytes());
            }
        }
    }
}
