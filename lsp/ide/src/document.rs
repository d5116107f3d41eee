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
    /// The characters that are longer than a byte, in order.
    wide: Vec<Wide>,
}

/// A character of several bytes, with what has been saved up to its end by not counting bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wide {
    end: u32,
    /// Bytes less units of UTF-16, from the beginning of the text.
    saved_utf16: u32,
    /// Bytes less characters, from the beginning of the text.
    saved_utf32: u32,
}

impl Wide {
    fn saved(self, encoding: Encoding) -> u32 {
        match encoding {
            Encoding::Utf8 => 0,
            Encoding::Utf16 => self.saved_utf16,
            Encoding::Utf32 => self.saved_utf32,
        }
    }
}

impl Document {
    /// A document with this text.
    pub fn new(text: String) -> Document {
        let mut document = Document { text, line_starts: vec![0], wide: Vec::new() };
        document.index(0, document.text.len());
        document
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
        let column = |offset| self.units(line.start, offset, encoding);
        if position.column >= column(line.end) {
            return line.end;
        }
        // The last wide character of the line that ends at the column or before it.
        let first = self.wide.partition_point(|wide| wide.end <= line.start);
        let is_before = |wide: &Wide| wide.end <= line.end && column(wide.end) <= position.column;
        let inside = self.wide[first..].partition_point(is_before);
        let start = if inside == 0 { line.start } else { self.wide[first + inside - 1].end };
        let mut offset = start + (position.column - column(start));
        while !self.text.is_char_boundary(offset as usize) {
            offset -= 1;
        }
        // Inside a wide character, its beginning is nearest.
        let next = self.wide.get(first + inside).filter(|wide| wide.end <= line.end);
        next.map_or(offset, |next| offset.min(self.start_of(*next)))
    }

    fn start_of(&self, wide: Wide) -> u32 {
        let before = &self.text[..wide.end as usize];
        before.char_indices().next_back().map_or(0, |(index, _)| index as u32)
    }

    /// The position of a byte.
    pub fn position(&self, offset: u32, encoding: Encoding) -> Position {
        let mut offset = offset.min(self.text.len() as u32);
        while !self.text.is_char_boundary(offset as usize) {
            offset -= 1;
        }
        let line = self.line_of(offset);
        Position { line, column: self.units(self.line_starts[line as usize], offset, encoding) }
    }

    /// Units between two bytes, both at the boundaries of characters.
    fn units(&self, start: u32, end: u32, encoding: Encoding) -> u32 {
        (end - self.saved(end, encoding)) - (start - self.saved(start, encoding))
    }

    fn saved(&self, offset: u32, encoding: Encoding) -> u32 {
        let before = self.wide.partition_point(|wide| wide.end <= offset);
        before.checked_sub(1).map_or(0, |last| self.wide[last].saved(encoding))
    }

    /// Replaces the text between two positions.
    pub fn edit(&mut self, from: Position, to: Position, encoding: Encoding, text: &str) {
        let start = self.offset(from, encoding);
        let end = self.offset(to, encoding).max(start);
        // A line end of two bytes may be made or broken at either side.
        let first = self.line_of(start.saturating_sub(1));
        let last = self.line_of(end) + 1;
        let after = self.line_starts.get(last as usize + 1).copied().unwrap_or(self.text.len() as u32);
        let mut rest = self.cut(first, after);
        self.text.replace_range(start as usize..end as usize, text);
        let moved = |offset: u32| offset - end + start + text.len() as u32;
        let line_start = self.line_starts[first as usize];
        self.index(line_start as usize, moved(after) as usize);
        rest.line_starts.iter_mut().for_each(|start| *start = moved(*start));
        rest.wide.iter_mut().for_each(|wide| wide.end = moved(wide.end));
        self.append(rest);
    }

    /// Forgets what is known of the lines from `first` on; answers the part from byte `after` on.
    fn cut(&mut self, first: u32, after: u32) -> Rest {
        let line = self.line_starts.partition_point(|start| *start <= after).max(first as usize + 1);
        let known = self.wide.partition_point(|wide| wide.end <= after);
        let start = self.line_starts[first as usize];
        let before = (self.saved(after, Encoding::Utf16), self.saved(after, Encoding::Utf32));
        let rest = Rest { line_starts: self.line_starts[line..].to_vec(), wide: self.wide[known..].to_vec(), before };
        self.line_starts.truncate(first as usize + 1);
        self.wide.truncate(self.wide.partition_point(|wide| wide.end <= start));
        rest
    }

    /// Notes lines and wide characters between two bytes; a line begins at the first.
    fn index(&mut self, start: usize, end: usize) {
        let bytes = self.text.as_bytes();
        let ends_line = |index: &usize| match bytes[*index] {
            b'\n' => true,
            b'\r' => bytes.get(index + 1) != Some(&b'\n'),
            _ => false,
        };
        self.line_starts.extend((start..end).filter(ends_line).map(|index| index as u32 + 1));
        let last = self.wide.last();
        let (mut saved_utf16, mut saved_utf32) = last.map_or((0, 0), |last| (last.saved_utf16, last.saved_utf32));
        let characters = self.text[start..end].char_indices().filter(|(_, character)| !character.is_ascii());
        self.wide.extend(characters.map(|(index, character)| {
            let length = character.len_utf8() as u32;
            saved_utf16 += length - character.len_utf16() as u32;
            saved_utf32 += length - 1;
            Wide { end: (start + index) as u32 + length, saved_utf16, saved_utf32 }
        }));
    }

    /// Puts back what was cut off, after what has been indexed since.
    fn append(&mut self, rest: Rest) {
        let last = self.wide.last().map_or((0, 0), |last| (last.saved_utf16, last.saved_utf32));
        let before = rest.before;
        self.wide.extend(rest.wide.into_iter().map(|wide| Wide {
            end: wide.end,
            saved_utf16: wide.saved_utf16 - before.0 + last.0,
            saved_utf32: wide.saved_utf32 - before.1 + last.1,
        }));
        self.line_starts.extend(rest.line_starts);
    }
}

/// What is known of the text behind an edit.
struct Rest {
    line_starts: Vec<u32>,
    wide: Vec<Wide>,
    /// What had been saved up to its beginning.
    before: (u32, u32),
}
