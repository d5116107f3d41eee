//! Random edits to a text in all three encodings of positions, beside a model.

use crate::random::Random;
use perilune_ide::{Document, Encoding, Position};

const ENCODINGS: [Encoding; 3] = [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32];
/// What edits insert: characters of every length, and every end of a line.
pub const PIECES: &[&str] =
    &["local x", " = ", "1", "\n", "\r\n", "\r", "é", "€", "🌙", "end", "", "\u{2028}", "\t", "print(x)\n", "--[[", "]]"];

/// One session of edits.
pub fn case(seed: u64) {
    let mut random = Random::new(seed);
    let encoding = *random.pick(&ENCODINGS);
    let mut model = piece(&mut random);
    let mut document = Document::new(model.clone());
    for _ in 0..random.below(60) {
        let (from, to) = (place(&mut random), place(&mut random));
        let text = piece(&mut random);
        edit(&mut model, from, to, encoding, &text);
        document.edit(from, to, encoding, &text);
        assert_eq!(document.text(), model, "{from:?} {to:?} {encoding:?} {text:?}");
        check(&document, encoding);
    }
}

/// Positions of characters come back from their bytes.
fn check(document: &Document, encoding: Encoding) {
    for (at, _) in document.text().char_indices().chain([(document.text().len(), ' ')]) {
        let position = document.position(at as u32, encoding);
        let inside_end = document.text()[..at].ends_with('\r') && document.text()[at..].starts_with('\n');
        let back = document.offset(position, encoding) as usize;
        assert!(back == at || inside_end, "byte {at} is at {position:?}, which is byte {back}");
    }
}

/// A short text.
pub fn piece(random: &mut Random) -> String {
    (0..random.below(5)).map(|_| *random.pick(PIECES)).collect()
}

/// A position, mostly near the beginning, sometimes far outside.
pub fn place(random: &mut Random) -> Position {
    let mut number = || if random.one_in(30) { u32::MAX - random.below(2) as u32 } else { random.below(9) as u32 };
    Position { line: number(), column: number() }
}

/// What an edit does, in the plainest way.
pub fn edit(text: &mut String, from: Position, to: Position, encoding: Encoding, new: &str) {
    let start = offset(text, from, encoding);
    let end = offset(text, to, encoding).max(start);
    text.replace_range(start..end, new);
}

/// Walks from the beginning: `\n`, `\r\n` and `\r` end lines, and a column beyond the line is its end.
fn offset(text: &str, place: Position, encoding: Encoding) -> usize {
    let (mut line, mut column, mut characters) = (0, 0, text.char_indices().peekable());
    while let Some((at, character)) = characters.next() {
        let ends_line = matches!(character, '\n' | '\r');
        if line == place.line {
            let mut unit = [0; 4];
            let width = match encoding {
                Encoding::Utf8 => character.len_utf8(),
                Encoding::Utf16 => character.encode_utf16(&mut [0; 2]).len(),
                Encoding::Utf32 => character.encode_utf8(&mut unit).chars().count(),
            };
            column += width as u64;
            if ends_line || column > u64::from(place.column) {
                return at;
            }
        }
        if ends_line {
            if character == '\r' && matches!(characters.peek(), Some((_, '\n'))) {
                characters.next();
            }
            line += 1;
        }
    }
    text.len()
}
