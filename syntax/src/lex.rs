//! Bytes to tokens, one at a time, as the parser asks for them.
//!
//! Asking lazily matters: the first error must be the one PUC Lua meets first,
//! and its lexer fails only when the parser gets there. String literals are
//! `string.rs`, numerals `number.rs`.

use crate::ast::{Span, StrId};
use crate::error::SyntaxError;
use crate::intern::{Interner, head};
use crate::kind::SyntaxKind;
use crate::number::{Number, numeral};
use crate::scan::{find, spaces};

/// What a token stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TokenValue {
    /// Only itself.
    None,
    /// An integer numeral.
    Int(i64),
    /// A float numeral.
    Float(f64),
    /// A name, or a string constant with its escapes decoded.
    Str(StrId),
}

/// A token of the grammar: never trivia.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Token {
    /// What it is.
    pub kind: SyntaxKind,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    /// Line of its last byte.
    pub line: u32,
    /// What it stands for.
    pub value: TokenValue,
}

impl Token {
    /// Its bytes.
    pub fn span(&self) -> Span {
        Span { start: self.start, end: self.end }
    }
}

/// White space or a comment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trivia {
    pub(crate) kind: SyntaxKind,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// A cursor over the text.
pub(crate) struct Lexer<'s> {
    pub(crate) source: &'s [u8],
    pub(crate) position: usize,
    pub(crate) line: u32,
    pub(crate) strings: Interner,
    pub(crate) errors: Vec<SyntaxError>,
    /// Trivia since the last token; stays empty unless `keeps_trivia`.
    pub(crate) trivia: Vec<Trivia>,
    keeps_trivia: bool,
    /// Decoded contents of the string literal being read.
    pub(crate) buffer: Vec<u8>,
    pub(crate) start: usize,
    /// The rest of the text was given up.
    pub(crate) is_interrupted: bool,
}

pub(crate) fn is_name_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

/// What a byte begins.
#[derive(Clone, Copy)]
enum Class {
    Symbol,
    Name,
    Space,
    Digit,
    Quote,
    Bracket,
    /// A symbol or a numeral.
    Dot,
    /// A symbol or a comment.
    Minus,
}

static CLASSES: [Class; 256] = {
    let mut classes = [Class::Symbol; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => Class::Name,
            b' ' | b'\t'..=b'\r' => Class::Space,
            b'0'..=b'9' => Class::Digit,
            b'"' | b'\'' => Class::Quote,
            b'[' => Class::Bracket,
            b'.' => Class::Dot,
            b'-' => Class::Minus,
            _ => Class::Symbol,
        };
        byte += 1;
    }
    classes
};

/// For each byte whether it can be part of a name.
static NAME_PARTS: [bool; 256] = {
    let mut parts = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        parts[byte] = (byte as u8).is_ascii_alphanumeric() || byte as u8 == b'_';
        byte += 1;
    }
    parts
};

pub(crate) fn is_newline(byte: u8) -> bool {
    byte == b'\n' || byte == b'\r'
}

pub(crate) fn is_space(byte: u8) -> bool {
    byte == b' ' || (b'\t'..=b'\r').contains(&byte)
}

impl<'s> Lexer<'s> {
    pub(crate) fn new(source: &'s [u8], keeps_trivia: bool) -> Lexer<'s> {
        let mut lexer = Lexer {
            source,
            position: 0,
            line: 1,
            strings: Interner::with_room(source.len()),
            errors: Vec::new(),
            trivia: Vec::new(),
            keeps_trivia,
            buffer: Vec::new(),
            start: 0,
            is_interrupted: false,
        };
        lexer.skip_head();
        lexer
    }

    /// Gives the rest of the text up.
    pub(crate) fn interrupt(&mut self) {
        self.position = self.source.len();
        self.is_interrupted = true;
    }

    /// Skips a byte order mark and a first line that starts with `#`.
    fn skip_head(&mut self) {
        if self.source.starts_with(b"\xef\xbb\xbf") {
            self.position = 3;
            self.trivia(SyntaxKind::ByteOrderMark);
        }
        if self.peek() == Some(b'#') {
            self.start = self.position;
            self.skip_line();
            self.trivia(SyntaxKind::Shebang);
        }
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.source.get(self.position).copied()
    }

    fn peek_at(&self, distance: usize) -> Option<u8> {
        self.source.get(self.position + distance).copied()
    }

    /// Steps over a line end of one or two bytes.
    pub(crate) fn skip_newline(&mut self) {
        let first = self.peek();
        self.position += 1;
        if self.peek().is_some_and(|byte| is_newline(byte) && Some(byte) != first) {
            self.position += 1;
        }
        self.line += 1;
    }

    fn skip_line(&mut self) {
        self.position += find(&self.source[self.position..], [b'\n', b'\r']);
    }

    fn trivia(&mut self, kind: SyntaxKind) {
        if self.keeps_trivia {
            self.trivia.push(Trivia { kind, start: self.start as u32, end: self.position as u32 });
        }
    }

    /// Records an error at the current line. `near` is quoted unless it is empty (the end of the text).
    pub(crate) fn error(&mut self, message: &str, near: &[u8]) {
        let message = match near {
            [] => format!("{message} near <eof>"),
            _ => format!("{message} near '{}'", String::from_utf8_lossy(before_nul(near))),
        };
        let span = Span { start: self.start as u32, end: self.position as u32 };
        self.errors.push(SyntaxError { message, line: self.line, span });
    }

    /// The next token, past any trivia.
    pub(crate) fn next_token(&mut self) -> Token {
        loop {
            self.start = self.position;
            let Some(first) = self.peek() else {
                return self.token(SyntaxKind::Eof, TokenValue::None);
            };
            match CLASSES[usize::from(first)] {
                Class::Name => return self.name(),
                Class::Space => {
                    self.skip_space();
                    self.trivia(SyntaxKind::Whitespace);
                }
                Class::Quote => return self.quoted_string(first),
                Class::Digit => return self.numeral(),
                Class::Bracket => return self.bracket(),
                Class::Dot if self.peek_at(1).is_some_and(|byte| byte.is_ascii_digit()) => return self.numeral(),
                Class::Minus if self.peek_at(1) == Some(b'-') => {
                    self.skip_comment();
                    self.trivia(SyntaxKind::Comment);
                }
                Class::Dot | Class::Minus | Class::Symbol => return self.symbol(first),
            }
        }
    }

    pub(crate) fn token(&self, kind: SyntaxKind, value: TokenValue) -> Token {
        let (start, end) = (self.start as u32, self.position as u32);
        Token { kind, start, end, line: self.line, value }
    }

    fn skip_trivia(&mut self) {
        loop {
            self.start = self.position;
            match self.peek() {
                Some(byte) if is_space(byte) => {
                    self.skip_space();
                    self.trivia(SyntaxKind::Whitespace);
                }
                Some(b'-') if self.peek_at(1) == Some(b'-') => {
                    self.skip_comment();
                    self.trivia(SyntaxKind::Comment);
                }
                _ => return,
            }
        }
    }

    pub(crate) fn skip_space(&mut self) {
        while let Some(byte) = self.peek() {
            match byte {
                // Mostly one, or the indentation of a line.
                b' ' => self.position += 1 + spaces(&self.source[self.position + 1..]),
                b'\n' | b'\r' => self.skip_newline(),
                _ if is_space(byte) => self.position += 1,
                _ => return,
            }
        }
    }

    fn skip_comment(&mut self) {
        self.position += 2;
        if self.peek() == Some(b'[') {
            if let Some(level) = self.bracket_level() {
                self.position += level + 2;
                let line = self.line;
                if !self.long_text(level, crate::string::Keep::Nothing) {
                    self.error(&format!("unfinished long comment (starting at line {line})"), b"");
                }
                return;
            }
        }
        self.skip_line();
    }

    /// The level of the long bracket that opens here, if one does.
    fn bracket_level(&self) -> Option<usize> {
        let level = self.equal_signs();
        (self.peek_at(level + 1) == Some(b'[')).then_some(level)
    }

    fn equal_signs(&self) -> usize {
        self.source[self.position + 1..].iter().take_while(|byte| **byte == b'=').count()
    }

    fn bracket(&mut self) -> Token {
        if let Some(level) = self.bracket_level() {
            self.position += level + 2;
            return self.long_string(level);
        }
        let signs = self.equal_signs();
        self.position += signs + 1;
        if signs == 0 {
            return self.token(SyntaxKind::LeftBracket, TokenValue::None);
        }
        let near = self.source[self.start..self.position].to_vec();
        self.error("invalid long string delimiter", &near);
        self.token(SyntaxKind::Invalid, TokenValue::None)
    }

    fn name(&mut self) -> Token {
        let rest = &self.source[self.position..];
        self.position += rest.iter().position(|byte| !NAME_PARTS[usize::from(*byte)]).unwrap_or(rest.len());
        let text = &self.source[self.start..self.position];
        let head = match rest.first_chunk::<8>() {
            Some(first) if text.len() < 8 => u64::from_le_bytes(*first) & ((1 << (8 * text.len())) - 1),
            Some(first) => u64::from_le_bytes(*first),
            None => head(text),
        };
        if text.len() <= 8
            && let Some(keyword) = SyntaxKind::keyword_headed(head)
        {
            return self.token(keyword, TokenValue::None);
        }
        let id = self.strings.intern_headed(text, head);
        self.token(SyntaxKind::Name, TokenValue::Str(id))
    }

    fn numeral(&mut self) -> Token {
        let is_hexadecimal = self.peek() == Some(b'0') && matches!(self.peek_at(1), Some(b'x' | b'X'));
        let exponent = if is_hexadecimal { b'p' } else { b'e' };
        self.position += if is_hexadecimal { 2 } else { 1 };
        while let Some(byte) = self.peek() {
            if byte.to_ascii_lowercase() == exponent {
                self.position += 1;
                self.position += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            } else if byte.is_ascii_hexdigit() || byte == b'.' {
                self.position += 1;
            } else {
                break;
            }
        }
        // A numeral touching a letter takes it along, to be shown in the message.
        self.position += usize::from(self.peek().is_some_and(is_name_start));
        let text = &self.source[self.start..self.position];
        match numeral(text) {
            Some(Number::Int(value)) => self.token(SyntaxKind::Integer, TokenValue::Int(value)),
            Some(Number::Float(value)) => self.token(SyntaxKind::Float, TokenValue::Float(value)),
            None => {
                self.error("malformed number", text);
                self.token(SyntaxKind::Integer, TokenValue::Int(0))
            }
        }
    }

    fn symbol(&mut self, first: u8) -> Token {
        use SyntaxKind::*;
        let next = self.peek_at(1);
        let pair = |second: u8, both: SyntaxKind, alone: SyntaxKind| match next == Some(second) {
            true => (both, 2),
            false => (alone, 1),
        };
        let (kind, length) = match first {
            b'(' => (LeftParen, 1),
            b')' => (RightParen, 1),
            b',' => (Comma, 1),
            b'.' if next == Some(b'.') && self.peek_at(2) == Some(b'.') => (Ellipsis, 3),
            b'.' => pair(b'.', Concat, Dot),
            b'=' => pair(b'=', Equal, Assign),
            b':' => pair(b':', DoubleColon, Colon),
            b'{' => (LeftBrace, 1),
            b'}' => (RightBrace, 1),
            b']' => (RightBracket, 1),
            b'~' => pair(b'=', NotEqual, Tilde),
            b'<' if next == Some(b'<') => (ShiftLeft, 2),
            b'<' => pair(b'=', LessEqual, Less),
            b'>' if next == Some(b'>') => (ShiftRight, 2),
            b'>' => pair(b'=', GreaterEqual, Greater),
            b'/' => pair(b'/', DoubleSlash, Slash),
            b'+' => (Plus, 1),
            b'-' => (Minus, 1),
            b'*' => (Star, 1),
            b'%' => (Percent, 1),
            b'^' => (Caret, 1),
            b'#' => (Hash, 1),
            b'&' => (Ampersand, 1),
            b'|' => (Pipe, 1),
            b';' => (Semicolon, 1),
            _ => (Invalid, 1),
        };
        self.position += length;
        if kind == Invalid {
            // A character is not cut in two: the tree's tokens are text.
            while self.peek().is_some_and(|byte| byte & 0xc0 == 0x80) {
                self.position += 1;
            }
        }
        self.token(kind, TokenValue::None)
    }

    /// Whether the token after the current one is `=`. Errors are left for when it becomes current.
    pub(crate) fn is_assign_next(&mut self) -> bool {
        let place = (self.position, self.line, self.start, self.trivia.len(), self.errors.len());
        self.skip_trivia();
        let answer = self.peek() == Some(b'=') && self.peek_at(1) != Some(b'=');
        (self.position, self.line, self.start) = (place.0, place.1, place.2);
        self.trivia.truncate(place.3);
        self.errors.truncate(place.4);
        answer
    }

    /// How PUC Lua shows `token` after "near"; `None` when it shows nothing.
    pub(crate) fn near(&self, token: &Token) -> Option<String> {
        let raw = &self.source[token.start as usize..token.end as usize];
        let quoted = |text: &[u8]| format!("'{}'", String::from_utf8_lossy(before_nul(text)));
        Some(match (token.kind, token.value) {
            (SyntaxKind::Eof, _) => "<eof>".into(),
            (SyntaxKind::String, TokenValue::Str(id)) => quoted(&self.shown_string(raw, id)),
            (SyntaxKind::Invalid, _) => match raw.first() {
                Some(0) | None => return None,
                Some(byte @ 0x20..=0x7e) => format!("'{}'", char::from(*byte)),
                Some(byte) => format!("'<\\{byte}>'"),
            },
            _ => quoted(raw),
        })
    }

    /// A literal as PUC Lua's buffer holds it: delimiters as written, contents decoded.
    fn shown_string(&self, raw: &[u8], id: StrId) -> Vec<u8> {
        let opening = match raw.first() {
            Some(b'[') => raw[1..].iter().take_while(|byte| **byte == b'=').count() + 2,
            _ => 1,
        };
        let closing = raw.len().saturating_sub(opening);
        [&raw[..opening], self.strings.strings.text(id), &raw[closing..]].concat()
    }
}

/// C strings end at the first zero byte, and so do the messages made from them.
fn before_nul(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == 0).next().unwrap_or_default()
}
