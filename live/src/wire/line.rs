//! Lines from a stream, none longer than allowed.

use std::io::{self, Read};

/// Bytes asked from the stream at a time.
const CHUNK: usize = 16 << 10;
/// A buffer that grew beyond this is given back after the line that needed it.
const KEPT: usize = 1 << 20;

/// Reads lines; the memory it holds follows what has arrived, never what was announced.
pub struct LineReader<R> {
    source: R,
    buffer: Vec<u8>,
    /// What of the buffer was handed out as the last line.
    taken: usize,
    /// What of the rest is known to hold no line end.
    searched: usize,
}

/// Why there is no next line.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// More bytes than allowed came without a line end.
    #[error("a line is longer than {0} bytes")]
    TooLong(usize),
    /// The stream failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl<R: Read> LineReader<R> {
    /// Reads from the beginning of a line.
    pub fn new(source: R) -> LineReader<R> {
        LineReader { source, buffer: Vec::new(), taken: 0, searched: 0 }
    }

    /// The stream.
    pub fn source(&mut self) -> &mut R {
        &mut self.source
    }

    /// The next line that is not blank, without its end, or `None` at the end of the stream.
    ///
    /// What stands after the last line end is no line: its sender died within it.
    ///
    /// # Errors
    /// [`LineError::TooLong`] when the line and its end are more than `limit`
    /// bytes, and what the stream answers.
    pub fn next_line(&mut self, limit: usize) -> Result<Option<&[u8]>, LineError> {
        while let Some(end) = self.read_line(limit)? {
            self.taken = end + 1;
            if !self.buffer[..end].trim_ascii().is_empty() {
                return Ok(Some(&self.buffer[..end]));
            }
        }
        Ok(None)
    }

    /// Where the next line ends in the buffer, which begins with it.
    fn read_line(&mut self, limit: usize) -> Result<Option<usize>, LineError> {
        self.discard_taken();
        loop {
            match self.find_end() {
                Some(end) if end < limit => return Ok(Some(end)),
                None if self.buffer.len() < limit => {}
                _ => return Err(LineError::TooLong(limit)),
            }
            if self.fill()? == 0 {
                return Ok(None);
            }
        }
    }

    fn discard_taken(&mut self) {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        self.searched = 0;
        if self.buffer.capacity() > KEPT && self.buffer.len() <= KEPT {
            self.buffer.shrink_to(KEPT);
        }
    }

    fn find_end(&mut self) -> Option<usize> {
        let found = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n');
        let end = found.map(|at| self.searched + at);
        self.searched = end.unwrap_or(self.buffer.len());
        end
    }

    fn fill(&mut self) -> Result<usize, LineError> {
        let mut chunk = [0; CHUNK];
        loop {
            match self.source.read(&mut chunk) {
                Ok(count) => {
                    self.buffer.extend_from_slice(&chunk[..count]);
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its bytes one at a time.
    struct Trickle<'a>(&'a [u8]);

    impl Read for Trickle<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
            into[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    fn lines(source: impl Read, limit: usize) -> Vec<String> {
        let mut reader = LineReader::new(source);
        let mut lines = Vec::new();
        loop {
            match reader.next_line(limit) {
                Ok(Some(line)) => lines.push(String::from_utf8_lossy(line).into_owned()),
                Ok(None) => return lines,
                Err(error) => {
                    lines.push(format!("error: {error}"));
                    return lines;
                }
            }
        }
    }

    #[test]
    fn lines_are_cut_at_their_ends_however_they_arrive() {
        let text = b"one\n\n \r\ntwo and more\nunfinished";
        assert_eq!(lines(&text[..], 100), ["one", "two and more"]);
        assert_eq!(lines(Trickle(text), 100), ["one", "two and more"]);
    }

    #[test]
    fn a_line_may_fill_the_limit_with_its_end_but_not_exceed_it() {
        assert_eq!(lines(&b"123\n"[..], 4), ["123"]);
        assert_eq!(lines(Trickle(b"123\n"), 4), ["123"]);
        assert_eq!(lines(&b"1\n1234\n5\n"[..], 4), ["1", "error: a line is longer than 4 bytes"]);
        assert_eq!(lines(Trickle(b"1234\n"), 4), ["error: a line is longer than 4 bytes"]);
        assert_eq!(lines(io::repeat(b'x'), 1 << 20), ["error: a line is longer than 1048576 bytes"]);
    }

    #[test]
    fn a_long_line_does_not_keep_its_memory() {
        let mut text = vec![b'x'; 3 << 20];
        text.extend_from_slice(b"\nshort\n");
        let mut reader = LineReader::new(&text[..]);
        assert_eq!(reader.next_line(4 << 20).unwrap().map(<[u8]>::len), Some(3 << 20));
        assert_eq!(reader.next_line(4 << 20).unwrap(), Some(&b"short"[..]));
        assert!(reader.buffer.capacity() <= KEPT);
    }
}
