//! Strings: hashing, equality and the table of interned ones.
//!
//! This module may use `unsafe`: strings are headers followed by their bytes
//! inside heap cells. The bargain: a `*const Str` given to these functions
//! points to a live string, which nothing changes after its creation.
#![allow(unsafe_code)]

use crate::object::{Str, flag};

/// Longest string that is interned.
pub const MAX_SHORT: usize = 40;

/// Hash of a whole string: no byte is skipped, so that keys cannot be chosen to collide cheaply. Two words at a time
/// are multiplied, each with a secret of its own (the folded multiplication of wyhash and foldhash).
pub fn hash_bytes(seed: u64, bytes: &[u8]) -> u32 {
    const K: u64 = 0x9E37_79B9_7F4A_7C15;
    const L: u64 = 0xD6E8_FEB8_6659_FD93;
    let mut state = seed ^ (bytes.len() as u64).wrapping_mul(K);
    let other = seed.rotate_left(32) ^ L;
    let mut rest = bytes;
    while let Some((words, behind)) = rest.split_first_chunk::<16>()
        && !behind.is_empty()
    {
        let (a, b) = two_words(words);
        state = fold(a ^ state, b ^ other);
        rest = behind;
    }
    // The last words may have some of the bytes before them once more.
    let (a, b) = bytes.last_chunk::<16>().map_or_else(|| ends(bytes), two_words);
    let mixed = fold(a ^ state, b ^ other);
    (mixed ^ (mixed >> 32)) as u32
}

#[inline(always)]
fn two_words(bytes: &[u8; 16]) -> (u64, u64) {
    let both = u128::from_le_bytes(*bytes);
    (both as u64, (both >> 64) as u64)
}

/// All of up to sixteen bytes, whose number is known to the caller, in two words: reads that overlap take less time
/// than to put the bytes together in memory.
#[inline(always)]
fn ends(bytes: &[u8]) -> (u64, u64) {
    if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        return (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        return (u64::from(u32::from_le_bytes(*first)), u64::from(u32::from_le_bytes(*last)));
    }
    match *bytes {
        [] => (0, 0),
        [a] => (u64::from(a), 0),
        [a, b] => (u64::from(a), u64::from(b)),
        [a, b, c, ..] => (u64::from(a) | u64::from(b) << 8, u64::from(c)),
    }
}

/// Whether two short strings have the same bytes: without a call, as that takes longer than to compare them.
#[inline(always)]
pub(crate) fn same_short(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    if a.len() <= 16 {
        return ends(a) == ends(b);
    }
    let mut at = 0;
    while let (Some(x), Some(y)) = (a[at..].first_chunk::<16>(), b[at..].first_chunk::<16>()) {
        if x != y {
            return false;
        }
        at += 16;
    }
    a.last_chunk::<16>() == b.last_chunk::<16>()
}

#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let wide = u128::from(a) * u128::from(b);
    // The sum keeps an operand of zero from swallowing the state.
    (wide as u64 ^ (wide >> 64) as u64).wrapping_add(a.rotate_left(23))
}

/// The bytes of a string.
///
/// # Safety
/// `string` is live and stays so as long as the result is used.
#[inline(always)]
pub unsafe fn str_bytes(string: *const Str) -> &'static [u8] {
    // SAFETY: `len` initialised bytes follow the header of a live string.
    unsafe { std::slice::from_raw_parts(Str::data(string), (*string).len as usize) }
}

/// Whether two strings have the same bytes.
///
/// # Safety
/// Both are live.
#[inline(always)]
pub unsafe fn str_eq(a: *const Str, b: *const Str) -> bool {
    // SAFETY: both are live by contract.
    unsafe {
        a == b
            || ((*a).header.flags | (*b).header.flags) & flag::SHORT == 0
                && (*a).len == (*b).len
                && str_bytes(a) == str_bytes(b)
    }
}

/// Whether a string is interned.
///
/// # Safety
/// `string` is live.
#[inline(always)]
pub unsafe fn is_short(string: *const Str) -> bool {
    // SAFETY: live by contract.
    unsafe { (*string).header.flags & flag::SHORT != 0 }
}

mod interner;
pub(crate) use interner::Interner;

#[cfg(test)]
mod tests {
    use super::*;

    /// The most strings with equal values of the `bits` lower bits, or of those above the lowest 11.
    fn fullest(texts: &[Vec<u8>], seed: u64, bits: u32) -> usize {
        let most = |value: &dyn Fn(u32) -> u32| {
            let mut counts = vec![0; 1 << bits];
            texts.iter().for_each(|text| counts[value(hash_bytes(seed, text)) as usize] += 1);
            counts.into_iter().max().unwrap_or(0)
        };
        most(&|hash| hash & ((1 << bits) - 1)).max(most(&|hash| hash >> 11 & ((1 << bits) - 1)))
    }

    #[test]
    fn hashes_of_similar_strings_spread() {
        let n = 1 << 14;
        let families: [(&str, Box<dyn Fn(u64) -> Vec<u8>>); 7] = [
            ("numbers", Box::new(|i| i.to_string().into_bytes())),
            ("names", Box::new(|i| format!("field_{i}").into_bytes())),
            ("long names", Box::new(|i| format!("a rather long name, number {i:05}").into_bytes())),
            ("lengths of zeros", Box::new(|i| [&i.to_le_bytes()[..2], &vec![0; (i % 39) as usize]].concat())),
            ("first bytes", Box::new(|i| [&i.to_le_bytes()[..2], &[b'x'; 14]].concat())),
            ("last bytes", Box::new(|i| [&[b'x'; 14], &i.to_be_bytes()[6..]].concat())),
            ("single bits", Box::new(|i| [(1_u64 << (i % 64)).to_le_bytes(), (1_u64 << (i / 64 % 64)).to_le_bytes(), (i / 4096).to_le_bytes()].concat())),
        ];
        for (name, make) in &families {
            let texts: Vec<Vec<u8>> = (0..n).map(make).collect();
            for seed in [0, 1, 11, 0x5DEE_CE66_D123_4567, u64::MAX] {
                // Of 2^14 balls in 2^12 bins the fullest has about 16.
                let found = fullest(&texts, seed, 12);
                assert!(found < 32, "{name} with seed {seed}: {found} in one slot");
            }
        }
    }

    #[test]
    fn short_strings_are_compared_whole() {
        for len in 0..=MAX_SHORT {
            let text: Vec<u8> = (0..len as u8).collect();
            assert!(same_short(&text, &text.clone()));
            for at in 0..len {
                let mut other = text.clone();
                other[at] ^= 0x40;
                assert!(!same_short(&text, &other), "byte {at} of {len}");
                assert_ne!(hash_bytes(3, &text), hash_bytes(3, &other), "byte {at} of {len}");
            }
        }
    }
}
