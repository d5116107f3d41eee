//! String literals: quoted ones with their escapes, and long brackets.
//!
//! A wrong escape is reported and left out; the literal goes on, so that its
//! end is found and the rest of the text is not taken for a string.

use crate::kind::SyntaxKind;
use crate::lex::{Lexer, Token, TokenValue, is_newline};
use crate::scan::find;

/// Whether the contents of long brackets are wanted (a string) or not (a comment).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    Contents,
    Nothing,
}

impl Lexer<'_> {
    pub(crate) fn quoted_string(&mut self, quote: u8) -> Token {
        self.position += 1;
        if let Some(token) = self.plain_string(quote) {
            return token;
        }
        self.buffer.clear();
        let errors_before = self.errors.len();
        loop {
            match self.peek() {
                None => {
                    self.error("unfinished string", b"");
                    break;
                }
                Some(byte) if is_newline(byte) => {
                    let near = [&[quote], self.buffer.as_slice()].concat();
                    self.error("unfinished string", &near);
                    break;
                }
                Some(b'\\') => self.escape(quote),
                Some(byte) => {
                    if byte == quote {
                        self.position += 1;
                        break;
                    }
                    let run = plain_run(&self.source[self.position..], quote);
                    self.buffer.extend_from_slice(&self.source[self.position..][..run]);
                    self.position += run;
                }
            }
        }
        self.errors.truncate(errors_before + 1);
        let id = self.strings.intern(&self.buffer);
        self.token(SyntaxKind::String, TokenValue::Str(id))
    }

    /// The literal whose opening quote was read, if there is nothing to decode in it: mostly so.
    fn plain_string(&mut self, quote: u8) -> Option<Token> {
        let rest = &self.source[self.position..];
        let length = plain_run(rest, quote);
        if rest.get(length) != Some(&quote) {
            return None;
        }
        let id = self.strings.intern(&rest[..length]);
        self.position += length + 1;
        Some(self.token(SyntaxKind::String, TokenValue::Str(id)))
    }

    fn escape(&mut self, quote: u8) {
        let backslash = self.position;
        self.position += 1;
        let Some(byte) = self.peek() else { return };
        let simple = match byte {
            b'a' => 7,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 11,
            b'\\' | b'"' | b'\'' => byte,
            b'\n' | b'\r' => {
                self.skip_newline();
                self.buffer.push(b'\n');
                return;
            }
            b'z' => {
                self.position += 1;
                self.skip_space();
                return;
            }
            _ => return self.numeric_escape(byte, quote, backslash),
        };
        self.position += 1;
        self.buffer.push(simple);
    }

    fn numeric_escape(&mut self, byte: u8, quote: u8, backslash: usize) {
        let result = match byte {
            b'x' => self.hexadecimal_escape(),
            b'u' => self.unicode_escape(),
            b'0'..=b'9' => self.decimal_escape(),
            _ => Err("invalid escape sequence"),
        };
        if let Err(message) = result {
            self.escape_error(message, quote, backslash);
        }
    }

    /// Shows the literal so far, the escape as written, and the offending byte.
    fn escape_error(&mut self, message: &str, quote: u8, backslash: usize) {
        let end = (self.position + 1).min(self.source.len());
        let near = [&[quote], self.buffer.as_slice(), &self.source[backslash..end]].concat();
        self.error(message, &near);
    }

    fn hexadecimal_digit(&mut self) -> Result<u32, &'static str> {
        self.peek().and_then(|byte| char::from(byte).to_digit(16)).ok_or("hexadecimal digit expected")
    }

    fn hexadecimal_escape(&mut self) -> Result<(), &'static str> {
        self.position += 1;
        let high = self.hexadecimal_digit()?;
        self.position += 1;
        let low = self.hexadecimal_digit()?;
        self.position += 1;
        self.buffer.push((high << 4 | low) as u8);
        Ok(())
    }

    fn unicode_escape(&mut self) -> Result<(), &'static str> {
        self.position += 1;
        if self.peek() != Some(b'{') {
            return Err("missing '{'");
        }
        self.position += 1;
        let mut code = self.hexadecimal_digit()?;
        self.position += 1;
        while let Ok(digit) = self.hexadecimal_digit() {
            if code > 0x7fff_ffff >> 4 {
                return Err("UTF-8 value too large");
            }
            code = code << 4 | digit;
            self.position += 1;
        }
        if self.peek() != Some(b'}') {
            return Err("missing '}'");
        }
        self.position += 1;
        push_utf8(&mut self.buffer, code);
        Ok(())
    }

    fn decimal_escape(&mut self) -> Result<(), &'static str> {
        let mut value = 0;
        for _ in 0..3 {
            match self.peek() {
                Some(digit) if digit.is_ascii_digit() => value = value * 10 + u32::from(digit - b'0'),
                _ => break,
            }
            self.position += 1;
        }
        let byte = u8::try_from(value).map_err(|_| "decimal escape too large")?;
        self.buffer.push(byte);
        Ok(())
    }

    /// A string in long brackets, whose opening was read.
    pub(crate) fn long_string(&mut self, level: usize) -> Token {
        let line = self.line;
        self.buffer.clear();
        if !self.long_text(level, Keep::Contents) {
            self.error(&format!("unfinished long string (starting at line {line})"), b"");
        }
        let id = self.strings.intern(&self.buffer);
        self.token(SyntaxKind::String, TokenValue::Str(id))
    }

    /// Reads up to and past the closing bracket; false when the text ends first.
    pub(crate) fn long_text(&mut self, level: usize, keep: Keep) -> bool {
        if self.peek().is_some_and(is_newline) {
            self.skip_newline();
        }
        while let Some(byte) = self.peek() {
            match byte {
                b'\n' | b'\r' => {
                    self.skip_newline();
                    self.keep(b"\n", keep);
                }
                b']' if self.closes(level) => {
                    self.position += level + 2;
                    return true;
                }
                b']' => {
                    self.position += 1;
                    self.keep(b"]", keep);
                }
                _ => {
                    let rest = &self.source[self.position..];
                    let run = find(rest, [b'\n', b'\r', b']']);
                    self.position += run;
                    self.keep(&rest[..run], keep);
                }
            }
        }
        false
    }

    fn keep(&mut self, bytes: &[u8], keep: Keep) {
        if keep == Keep::Contents {
            self.buffer.extend_from_slice(bytes);
        }
    }

    fn closes(&self, level: usize) -> bool {
        let rest = &self.source[self.position + 1..];
        rest.get(level) == Some(&b']') && rest[..level].iter().all(|byte| *byte == b'=')
    }
}

/// How many bytes of a quoted string stand for themselves.
fn plain_run(text: &[u8], quote: u8) -> usize {
    find(text, [quote, b'\\', b'\n', b'\r'])
}

/// UTF-8 as it was before 2003: up to six bytes, for values below 2^31.
fn push_utf8(buffer: &mut Vec<u8>, code: u32) {
    if code < 0x80 {
        return buffer.push(code as u8);
    }
    let continuation_bytes = match code {
        0..0x800 => 1,
        0x800..0x1_0000 => 2,
        0x1_0000..0x20_0000 => 3,
        0x20_0000..0x400_0000 => 4,
        _ => 5,
    };
    let lead = (0xff00u32 >> (continuation_bytes + 1)) as u8;
    buffer.push(lead | (code >> (6 * continuation_bytes)) as u8);
    for at in (0..continuation_bytes).rev() {
        buffer.push(0x80 | (code >> (6 * at)) as u8 & 0x3f);
    }
}
