//! Messages on a byte stream: a header with `Content-Length`, then that many bytes.
//!
//! Nothing is allocated on the strength of a promised length: a body grows as
//! its bytes arrive. What a body says is the business of `envelope`.

use std::io::{self, BufRead, Read, Write};

/// Longest header, all its lines together.
pub const MAX_HEADER: usize = 1 << 10;
/// Longest body that is accepted.
pub const MAX_BODY: u64 = 16 << 20;
/// Deepest nesting of arrays and objects that is accepted.
pub const MAX_DEPTH: usize = 64;

/// Why the stream cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The stream ended in the middle.
    #[error("the stream ended inside a message")]
    Truncated,
    /// Header lines without an end.
    #[error("a header is longer than {MAX_HEADER} bytes")]
    HeaderTooLong,
    /// No `Content-Length`, two of them, or one that is no number.
    #[error("a header has no valid content-length")]
    NoLength,
    /// Something that this protocol does not have: an HTTP request, say, that a web page sends to a listening adapter.
    #[error("a header has a line that is no content-length: {0}")]
    Foreign(String),
    /// A body that nobody sends in earnest.
    #[error("a message of {0} bytes is longer than {MAX_BODY}")]
    TooLong(u64),
    /// The operating system's reason.
    #[error("cannot read: {0}")]
    Io(#[from] io::Error),
}

/// The next body, or `None` where the stream ends between two messages.
pub fn read(input: &mut impl BufRead) -> Result<Option<Vec<u8>>, FrameError> {
    let Some(length) = read_header(input)? else { return Ok(None) };
    if length > MAX_BODY {
        return Err(FrameError::TooLong(length));
    }
    let mut body = Vec::new();
    let read = input.take(length).read_to_end(&mut body)?;
    if (read as u64) < length { Err(FrameError::Truncated) } else { Ok(Some(body)) }
}

/// Reads up to the empty line; the value of `Content-Length`.
fn read_header(input: &mut impl BufRead) -> Result<Option<u64>, FrameError> {
    let mut left = MAX_HEADER;
    let mut length = None;
    loop {
        let mut line = Vec::new();
        let read = input.by_ref().take(left as u64).read_until(b'\n', &mut line)?;
        let is_first = left == MAX_HEADER;
        left -= read;
        if line.last() != Some(&b'\n') {
            return match read {
                0 if is_first => Ok(None),
                _ if left == 0 => Err(FrameError::HeaderTooLong),
                _ => Err(FrameError::Truncated),
            };
        }
        let line = line.trim_ascii();
        if line.is_empty() {
            return length.map(Some).ok_or(FrameError::NoLength);
        }
        let (name, value) = field(line)?;
        if name.eq_ignore_ascii_case("content-length") {
            let is_second = length.replace(number(value)?).is_some();
            if is_second {
                return Err(FrameError::NoLength);
            }
        } else if !name.eq_ignore_ascii_case("content-type") {
            return Err(foreign(line));
        }
    }
}

fn field(line: &[u8]) -> Result<(&str, &str), FrameError> {
    let line_text = std::str::from_utf8(line).map_err(|_| foreign(line))?;
    let (name, value) = line_text.split_once(':').ok_or_else(|| foreign(line))?;
    Ok((name.trim(), value.trim()))
}

fn foreign(line: &[u8]) -> FrameError {
    FrameError::Foreign(String::from_utf8_lossy(line).chars().take(60).collect())
}

/// Digits only: `parse` alone would take a sign.
fn number(value: &str) -> Result<u64, FrameError> {
    let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
    value.parse().ok().filter(|_| is_number).ok_or(FrameError::NoLength)
}

/// Writes one body with its header, and flushes.
pub fn write(output: &mut impl Write, body: &[u8]) -> io::Result<()> {
    write!(output, "Content-Length: {}\r\n\r\n", body.len())?;
    output.write_all(body)?;
    output.flush()
}

/// Whether the text nests deeper than [`MAX_DEPTH`]; says nothing on whether it is JSON.
pub fn is_too_deep(body: &[u8]) -> bool {
    let mut depth = 0usize;
    let mut bytes = body.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' => skip_string(&mut bytes),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return true;
        }
    }
    false
}

fn skip_string(bytes: &mut std::slice::Iter<'_, u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => {
                bytes.next();
            }
            b'"' => return,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bodies(mut input: &[u8]) -> Result<Vec<String>, String> {
        let mut bodies = Vec::new();
        loop {
            match read(&mut input) {
                Ok(Some(body)) => bodies.push(String::from_utf8(body).unwrap()),
                Ok(None) => return Ok(bodies),
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    #[test]
    fn bodies_follow_their_headers() {
        let two = b"Content-Length: 2\r\n\r\n{}content-length:4\nContent-Type: x\n\n[{}]";
        assert_eq!(bodies(two).unwrap(), ["{}", "[{}]"]);
        assert_eq!(bodies(b"").unwrap(), Vec::<String>::new());
    }

    #[test]
    fn what_is_written_can_be_read() {
        let mut stream = Vec::new();
        write(&mut stream, "{\"a\":\"ä\"}".as_bytes()).unwrap();
        assert_eq!(bodies(&stream).unwrap(), ["{\"a\":\"ä\"}"]);
    }

    #[test]
    fn malformed_headers_are_errors() {
        let no_length = "a header has no valid content-length";
        assert_eq!(bodies(b"Content-Type: x\r\n\r\n{}").unwrap_err(), no_length);
        assert_eq!(bodies(b"Content-Length: -1\r\n\r\n").unwrap_err(), no_length);
        assert_eq!(bodies(b"Content-Length: 99999999999999999999\r\n\r\n").unwrap_err(), no_length);
        assert_eq!(bodies(b"Content-Length: 1\nContent-Length: 1\n\n1").unwrap_err(), no_length);
        assert_eq!(bodies(b"Content-Length: +1\r\n\r\n1").unwrap_err(), no_length);
        assert_eq!(bodies(b"\r\n\r\n").unwrap_err(), no_length);
        let foreign = "a header has a line that is no content-length: POST / HTTP/1.1";
        assert_eq!(bodies(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}").unwrap_err(), foreign);
        assert_eq!(bodies(&[b'x'; 5000]).unwrap_err(), "a header is longer than 1024 bytes");
        assert_eq!(bodies(b"Content-Le").unwrap_err(), "the stream ended inside a message");
        assert_eq!(bodies(b"Content-Length: 5\r\n\r\n{}").unwrap_err(), "the stream ended inside a message");
    }

    #[test]
    fn a_promised_length_is_not_believed() {
        let huge = b"Content-Length: 18446744073709551615\r\n\r\n";
        assert!(bodies(huge).unwrap_err().ends_with("is longer than 16777216"));
    }

    #[test]
    fn depth_counts_outside_of_strings() {
        assert!(!is_too_deep("[".repeat(MAX_DEPTH).as_bytes()));
        assert!(is_too_deep("[".repeat(MAX_DEPTH + 1).as_bytes()));
        assert!(!is_too_deep(format!("[\"\\\"{}\"]", "[".repeat(99)).as_bytes()));
    }
}
