//! Searching text eight bytes at a time.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Where the first of the `wanted` bytes is; the length of the text when there is none.
#[inline]
pub(crate) fn find<const N: usize>(text: &[u8], wanted: [u8; N]) -> usize {
    let (words, rest) = text.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        // The lowest of the bytes found is right; a borrow can make one above it wrong.
        let found = wanted.iter().fold(0, |found, byte| found | zeros(word ^ ONES * u64::from(*byte)));
        if found != 0 {
            return at * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let tail = rest.iter().position(|byte| wanted.contains(byte)).unwrap_or(rest.len());
    words.len() * 8 + tail
}

/// How many spaces the text begins with.
#[inline]
pub(crate) fn spaces(text: &[u8]) -> usize {
    let (words, rest) = text.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let other = u64::from_le_bytes(*word) ^ ONES * u64::from(b' ');
        if other != 0 {
            return at * 8 + other.trailing_zeros() as usize / 8;
        }
    }
    words.len() * 8 + rest.iter().take_while(|byte| **byte == b' ').count()
}

/// The high bit of each byte that is zero, and maybe of some above the first such byte.
fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGHS
}

#[cfg(test)]
mod tests {
    use super::{find, spaces};

    #[test]
    fn every_place_is_found() {
        for length in 0..40 {
            for at in 0..length {
                for byte in [b'\n', b']'] {
                    let mut text = vec![0x81; length];
                    text[at] = byte;
                    assert_eq!(find(&text, [b'\n', b']']), at, "{text:?}");
                    text[at..].fill(byte);
                    assert_eq!(find(&text, [b'\n', b']']), at, "{text:?}");
                }
                let mut text = vec![b' '; length];
                text[at..].fill(b'!');
                assert_eq!(spaces(&text), at);
            }
            assert_eq!(find(&vec![0x0b; length], [b'\n']), length);
            assert_eq!(spaces(&vec![b' '; length]), length);
        }
    }
}
