//! What the program writes, on its way to clients.
//!
//! A program writes in small pieces; clients want lines. A line goes out when
//! it ends; what does not end, such as a prompt, after a moment or before
//! anything else is told. A program that writes faster than its clients read
//! has many lines told at once. Nothing of this changes the order.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::hub::Hub;
use crate::wire::lock;

/// How long the beginning of a line waits for its end.
const MOMENT: Duration = Duration::from_millis(20);
/// More text than this is not held back.
const TOGETHER: usize = 64 << 10;

/// Text that was written and not yet told.
#[derive(Default)]
pub(super) struct Pending {
    written: Mutex<Written>,
    changed: Condvar,
}

#[derive(Default)]
struct Written {
    decoder: Decoder,
    text: String,
    /// Where the last line in the text ends.
    ended: usize,
    /// Whether the thread that tells unfinished lines knows that there is one.
    is_watched: bool,
    is_over: bool,
}

impl Pending {
    /// Adds what was written. `tell` is called in the order of writing, whoever calls it.
    ///
    /// While clients are `behind`, lines are held back to go out together.
    pub fn add(&self, bytes: &[u8], behind: bool, tell: impl FnOnce(String)) {
        let mut written = lock(&self.written);
        let ripe = written.append(bytes, behind);
        if ripe > 0 {
            tell(written.take(ripe));
        }
        if !written.text.is_empty() && !written.is_watched {
            written.is_watched = true;
            self.changed.notify_all();
        }
    }

    /// Tells what has not ended.
    pub fn flush(&self, tell: impl FnOnce(String)) {
        let mut written = lock(&self.written);
        let all = written.text.len();
        if all > 0 {
            tell(written.take(all));
        }
    }

    /// Forgets what nobody wants to be told.
    pub fn clear(&self) {
        let mut written = lock(&self.written);
        written.text.clear();
        written.ended = 0;
        written.decoder.begun.clear();
    }

    /// Ends the thread that tells unfinished lines.
    pub fn end(&self) {
        lock(&self.written).is_over = true;
        self.changed.notify_all();
    }

    /// Waits until the beginning of a line has waited long enough; `false` when there will be none.
    fn wait(&self) -> bool {
        let mut written = lock(&self.written);
        while !written.is_watched && !written.is_over {
            written = self.changed.wait(written).unwrap_or_else(PoisonError::into_inner);
        }
        if !written.is_over {
            written = self.changed.wait_timeout(written, MOMENT).unwrap_or_else(PoisonError::into_inner).0;
        }
        written.is_watched = false;
        !written.is_over
    }
}

impl Written {
    /// Adds to the text; gives how much of it goes out now.
    fn append(&mut self, bytes: &[u8], behind: bool) -> usize {
        let begin = self.text.len();
        self.decoder.decode(bytes, &mut self.text);
        if let Some(at) = self.text[begin..].rfind('\n') {
            self.ended = begin + at + 1;
        }
        match self.text.len() {
            all if all > TOGETHER => all,
            _ if behind => 0,
            _ => self.ended,
        }
    }

    fn take(&mut self, count: usize) -> String {
        let rest = self.text.split_off(count);
        self.ended = 0;
        std::mem::replace(&mut self.text, rest)
    }
}

/// Starts the thread that tells unfinished lines.
pub(super) fn start(hub: Arc<Hub>) -> io::Result<JoinHandle<()>> {
    let tell_all = move || {
        while hub.pending().wait() {
            hub.flush_output();
        }
    };
    thread::Builder::new().name("live-output".to_string()).spawn(tell_all)
}

/// Bytes to text, piece by piece; what is no UTF-8 becomes U+FFFD.
#[derive(Default)]
struct Decoder {
    /// The beginning of a sequence whose rest has not come: at most three bytes.
    begun: Vec<u8>,
}

impl Decoder {
    fn decode(&mut self, bytes: &[u8], text: &mut String) {
        self.begun.extend_from_slice(bytes);
        let whole = self.begun.len() - begun_at_end(&self.begun);
        text.push_str(&String::from_utf8_lossy(&self.begun[..whole]));
        self.begun.drain(..whole);
    }
}

/// How many bytes at the end are the beginning of a sequence.
fn begun_at_end(bytes: &[u8]) -> usize {
    let is_begun = |count: &usize| {
        let end = &bytes[bytes.len() - count..];
        std::str::from_utf8(end).is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
    };
    (1..=bytes.len().min(3)).rev().find(is_begun).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(pieces: &[&[u8]]) -> Vec<String> {
        let mut decoder = Decoder::default();
        let piece = |piece: &&[u8]| {
            let mut text = String::new();
            decoder.decode(piece, &mut text);
            text
        };
        pieces.iter().map(piece).collect()
    }

    #[test]
    fn sequences_may_be_cut_anywhere() {
        assert_eq!(decode(&[b"a\n", b"", b"b"]), ["a\n", "", "b"]);
        assert_eq!(decode(&[b"x\xc3", b"\xbcy"]), ["x", "üy"]);
        assert_eq!(decode(&[b"\xf0", b"\x9f", b"\x99", b"\x82!"]), ["", "", "", "🙂!"]);
    }

    #[test]
    fn what_is_no_text_is_marked() {
        assert_eq!(decode(&[b"\xff\xfe", b"a"]), ["\u{fffd}\u{fffd}", "a"]);
        assert_eq!(decode(&[b"\xe2\x82", b"a\n"]), ["", "\u{fffd}a\n"]);
        assert_eq!(decode(&[b"\xbc", b"\xe2\x28"]), ["\u{fffd}", "\u{fffd}("]);
    }

    #[test]
    fn lines_are_told_when_they_end_or_get_long() {
        let pending = Pending::default();
        let mut told = Vec::new();
        for piece in ["1", "\t", "2", "\n", "a\nb\nc", "d"] {
            pending.add(piece.as_bytes(), false, |text| told.push(text));
        }
        assert_eq!(told, ["1\t2\n", "a\nb\n"]);
        pending.flush(|text| told.push(text));
        pending.flush(|text| told.push(text));
        assert_eq!(told[2..], ["cd"]);
        pending.add(&[b'x'; TOGETHER + 1], false, |text| told.push(text));
        assert_eq!(told[3].len(), TOGETHER + 1);
    }

    #[test]
    fn lines_are_told_together_while_clients_are_behind() {
        let pending = Pending::default();
        let mut told = Vec::new();
        for (piece, behind) in [("a\n", false), ("b\n", true), ("c", true), ("d", false), ("e\n", true)] {
            pending.add(piece.as_bytes(), behind, |text| told.push(text));
        }
        pending.flush(|text| told.push(text));
        assert_eq!(told, ["a\n", "b\n", "cde\n"]);
        for _ in 0..=TOGETHER {
            pending.add(b"\n", true, |text| told.push(text));
        }
        assert_eq!(told[3].len(), TOGETHER + 1);
    }
}
