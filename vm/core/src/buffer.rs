//! Text that a native puts together before it becomes a string of the machine.

use std::ops::{Deref, DerefMut};

/// A growing text, no longer than the machine has memory for.
///
/// What does not fit is dropped, and with it all the rest: the buffer is then *full*, and
/// [`Ctx::push_buffer`](crate::Ctx::push_buffer) raises `not enough memory`. So a loop may append without asking
/// each time; a long one should look at [`Buffer::is_full`].
#[derive(Debug, Default)]
pub struct Buffer {
    bytes: Vec<u8>,
    /// How long the text may get.
    room: usize,
    is_full: bool,
}

impl Buffer {
    /// An empty text of up to `room` bytes.
    pub fn with_room(room: usize) -> Buffer {
        Buffer { bytes: Vec::new(), room, is_full: false }
    }

    /// Whether something did not fit.
    pub fn is_full(&self) -> bool {
        self.is_full
    }

    /// The bytes of memory that the text takes.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Appends a byte.
    #[inline]
    pub fn push(&mut self, byte: u8) {
        self.extend_from_slice(&[byte]);
    }

    /// Appends bytes.
    #[inline]
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        if self.bytes.capacity() - self.bytes.len() >= bytes.len() || self.grow(bytes.len()) {
            self.bytes.extend_from_slice(bytes);
        }
    }

    /// Appends a byte `n` times.
    pub fn fill(&mut self, byte: u8, n: usize) {
        if self.bytes.capacity() - self.bytes.len() >= n || self.grow(n) {
            self.bytes.resize(self.bytes.len() + n, byte);
        }
    }

    /// Makes room for `n` more bytes if they fit; else the text is full.
    pub fn reserve(&mut self, n: usize) {
        if self.bytes.capacity() - self.bytes.len() < n {
            self.grow(n);
        }
    }

    /// Takes back the last `n` bytes.
    pub fn shorten(&mut self, n: usize) {
        self.bytes.truncate(self.bytes.len().saturating_sub(n));
    }

    #[cold]
    fn grow(&mut self, n: usize) -> bool {
        let fits = self.bytes.len().checked_add(n).is_some_and(|wanted| wanted <= self.room);
        if self.is_full || !fits || self.bytes.try_reserve(n).is_err() {
            *self = Buffer { is_full: true, ..Buffer::default() };
            return n == 0;
        }
        true
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl From<Buffer> for Vec<u8> {
    fn from(text: Buffer) -> Vec<u8> {
        text.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_does_not_fit_is_full_for_good() {
        let mut text = Buffer::with_room(100);
        text.extend_from_slice(&[b'a'; 60]);
        assert!(!text.is_full());
        text.fill(b'b', 41);
        assert!(text.is_full() && text.is_empty() && text.capacity() == 0);
        text.push(b'c');
        text.extend_from_slice(b"");
        assert!(text.is_full() && text.is_empty());
    }

    #[test]
    fn a_text_of_any_length_that_memory_does_not_hold_is_full() {
        let mut text = Buffer::with_room(usize::MAX);
        text.push(b'a');
        text.reserve(isize::MAX as usize);
        assert!(text.is_full());
        let mut text = Buffer::with_room(usize::MAX);
        text.push(b'a');
        text.fill(b'a', usize::MAX);
        assert!(text.is_full());
    }
}
