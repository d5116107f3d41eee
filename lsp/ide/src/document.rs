//! The text of a file and its lines.
//!
//! A line ends at `\n`, `\r\n` or a lone `\r`, as both Lua and editors have it.
//! Positions outside the text are moved to the nearest place inside.

use crate::Span;

/// What an editor counts in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Encoding {
    /// Bytes.
    Utf8,
    /// Units of UTF-16, the default of the Language Server Protocol.
    #[default]
    Utf16,
    /// Characters.
    Utf32,
}

impl Encoding {
    fn width(self, character: char) -> u32 {
        match self {
            Encoding::Utf8 => character.len_utf8() as u32,
            Encoding::Utf16 => character.len_utf16() as u32,
            Encoding::Utf32 => 1,
        }
    }

    /// Length of a text in these units.
    pub fn length(self, text: &str) -> u32 {
        text.chars().map(|character| self.width(character)).sum()
    }
}

/// A line and a column, both from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Position {
    /// The line.
    pub line: u32,
    /// The column, in units of an [`Encoding`].
    pub column: u32,
}

/// A text that is edited.
#[derive(Clone, Debug)]
pub struct Document {
    text: String,
    line_starts: Vec<u32>,
}

impl Document {
    /// A document with this text.
    pub fn new(text: String) -> Document {
        let line_starts = line_starts(&text);
        Document { text, line_starts }
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text of a span; empty where the span is not one.
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    /// How many lines there are; at least one.
    pub fn line_count(&self) -> u32 {
        self.line_starts.len() as u32
    }

    /// The line, from 0, that holds this byte.
    pub fn line_of(&self, offset: u32) -> u32 {
        self.line_starts.partition_point(|start| *start <= offset).saturating_sub(1) as u32
    }

    /// The span of a line without its end.
    pub fn line_span(&self, line: u32) -> Span {
        let length = self.text.len() as u32;
        let start = self.line_starts.get(line as usize).copied().unwrap_or(length);
        let next = self.line_starts.get(line as usize + 1).copied().unwrap_or(length);
        let text = self.slice(Span { start, end: next });
        Span { start, end: start + text.trim_end_matches(['\n', '\r']).len() as u32 }
    }

    /// The byte at a position.
    pub fn offset(&self, position: Position, encoding: Encoding) -> u32 {
        let line = self.line_span(position.line);
        let mut column = 0;
        for (index, character) in self.slice(line).char_indices() {
            column += encoding.width(character);
            if column > position.column {
                return line.start + index as u32;
            }
        }
        line.end
    }

    /// The position of a byte.
    pub fn position(&self, offset: u32, encoding: Encoding) -> Position {
        let mut offset = offset.min(self.text.len() as u32);
        while !self.text.is_char_boundary(offset as usize) {
            offset -= 1;
        }
        let line = self.line_of(offset);
        let start = self.line_starts[line as usize];
        Position { line, column: encoding.length(self.slice(Span { start, end: offset })) }
    }

    /// Replaces the text between two positions.
    pub fn edit(&mut self, from: Position, to: Position, encoding: Encoding, text: &str) {
        let start = self.offset(from, encoding);
        let end = self.offset(to, encoding).max(start);
        self.text.replace_range(start as usize..end as usize, text);
        self.line_starts = line_starts(&self.text);
    }
}

fn line_starts(text: &str) -> Vec<u32> {
    let bytes = text.as_bytes();
    let ends_line = |(index, byte): &(usize, &u8)| match byte {
        b'\n' => true,
        b'\r' => bytes.get(index + 1) != Some(&b'\n'),
        _ => false,
    };
    let after = bytes.iter().enumerate().filter(ends_line).map(|(index, _)| index as u32 + 1);
    std::iter::once(0).chain(after).collect()
}
