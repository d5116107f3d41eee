//! The output of a child, as it comes and up to a point in time.
//!
//! What a program wrote before it said something over its connection is in the
//! pipe when that arrives, but perhaps not read. So a pump can be asked to read
//! all that is there now and to say when it has.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::ioctl_fionread;

use super::Teller;
use crate::input::{ChildInput, Stream};

/// Most bytes that are told at a time.
const PIECE: usize = 8192;

/// A thread that reads a pipe; it ends when this is dropped or the session is.
#[derive(Debug)]
pub struct Pump {
    bell: PipeWriter,
}

impl Pump {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has no thread or no pipe.
    pub fn start(stream: Stream, pipe: OwnedFd, teller: Teller) -> io::Result<Pump> {
        let (listener, bell) = io::pipe()?;
        let source = Source { stream, pipe: Some(File::from(pipe)), decoder: Decoder::default(), teller };
        thread::Builder::new().name(format!("{stream:?}")).spawn(move || run(source, listener))?;
        Ok(Pump { bell })
    }

    /// Has all told that is in the pipe now, and then [`ChildInput::Drained`].
    pub fn drain(&self) {
        // A pump that ended had nobody to tell anything.
        let _ = (&self.bell).write_all(&[0]);
    }
}

/// Reads and tells until nobody listens or asks any more.
fn run(mut source: Source, mut bell: PipeReader) {
    while let Some(is_asked) = source.wait(&bell) {
        let goes_on = if is_asked {
            let mut ring = [0];
            matches!(bell.read(&mut ring), Ok(1)) && source.drain()
        } else {
            source.read(PIECE).is_some()
        };
        if !goes_on {
            return;
        }
    }
}

/// What is read.
struct Source {
    stream: Stream,
    /// `None` after its end.
    pipe: Option<File>,
    decoder: Decoder,
    teller: Teller,
}

impl Source {
    /// Waits until there is something to read or somebody asks; whether somebody does.
    fn wait(&self, bell: &PipeReader) -> Option<bool> {
        let watch = |fd| PollFd::from_borrowed_fd(fd, PollFlags::IN);
        let mut watched = vec![watch(bell.as_fd())];
        watched.extend(self.pipe.as_ref().map(|pipe| watch(pipe.as_fd())));
        loop {
            match poll(&mut watched, None) {
                Ok(_) => return Some(!watched[0].revents().is_empty()),
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return None,
            }
        }
    }

    /// Tells what is there by now, however much is written meanwhile, and that it did.
    fn drain(&mut self) -> bool {
        let there = self.pipe.as_ref().and_then(|pipe| ioctl_fionread(pipe).ok()).unwrap_or(0);
        let mut left = usize::try_from(there).unwrap_or(0);
        while left > 0 {
            match self.read(left.min(PIECE)) {
                None => return false,
                Some(0) => left = 0,
                Some(count) => left = left.saturating_sub(count),
            }
        }
        self.teller.tell(ChildInput::Drained(self.stream))
    }

    /// Tells at most so many bytes, which must be there; how many, or `None` when nobody listens.
    fn read(&mut self, most: usize) -> Option<usize> {
        let mut buffer = [0; PIECE];
        let Some(pipe) = &mut self.pipe else { return Some(0) };
        let count = match pipe.read(&mut buffer[..most]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return self.read(most),
            result => result.unwrap_or(0),
        };
        let mut text = self.decoder.decode(&buffer[..count]);
        if count == 0 {
            self.pipe = None;
            text = std::mem::take(&mut self.decoder).finish();
        }
        let is_heard = text.is_empty() || self.teller.tell(ChildInput::Wrote(self.stream, text));
        is_heard.then_some(count)
    }
}

/// Text of bytes that arrive in pieces; what is no UTF-8 is replaced.
#[derive(Debug, Default)]
struct Decoder {
    /// The beginning of a character whose end has not arrived.
    rest: Vec<u8>,
}

impl Decoder {
    fn decode(&mut self, bytes: &[u8]) -> String {
        self.rest.extend_from_slice(bytes);
        let is_whole = |chunk: &std::str::Utf8Chunk<'_>| chunk.invalid().is_empty();
        let last = self.rest.utf8_chunks().last();
        // Only what could still become a character may wait.
        let waiting = match last {
            Some(chunk) if !is_whole(&chunk) && may_continue(chunk.invalid()) => chunk.invalid().len(),
            _ => 0,
        };
        let rest = self.rest.split_off(self.rest.len() - waiting);
        let text = String::from_utf8_lossy(&self.rest).into_owned();
        self.rest = rest;
        text
    }

    fn finish(self) -> String {
        String::from_utf8_lossy(&self.rest).into_owned()
    }
}

/// Whether bytes at the end of the input are the beginning of a character.
fn may_continue(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(pieces: &[&[u8]]) -> Vec<String> {
        let mut decoder = Decoder::default();
        let mut texts: Vec<String> = pieces.iter().map(|piece| decoder.decode(piece)).collect();
        texts.push(decoder.finish());
        texts
    }

    #[test]
    fn characters_may_arrive_in_pieces() {
        assert_eq!(decode(&["ä".as_bytes()]), ["ä", ""]);
        assert_eq!(decode(&[b"a\xc3", b"\xa4b"]), ["a", "äb", ""]);
        assert_eq!(decode(&[b"\xf0", b"\x9f", b"\x98", b"\x80"]), ["", "", "", "😀", ""]);
    }

    #[test]
    fn what_is_no_text_is_replaced() {
        assert_eq!(decode(&[b"a\xffb"]), ["a\u{fffd}b", ""]);
        assert_eq!(decode(&[b"\xc3", b"x"]), ["", "\u{fffd}x", ""]);
        assert_eq!(decode(&[b"a\xf0\x9f"]), ["a", "\u{fffd}"]);
        assert_eq!(decode(&[b"\x80"]), ["\u{fffd}", ""]);
    }
}
