//! Strings: hashing, equality and the table of interned ones.
//!
//! This module may use `unsafe`: strings are headers followed by their bytes
//! inside heap cells. The bargain: a `*const Str` given to these functions
//! points to a live string, which nothing changes after its creation.
#![allow(unsafe_code)]

use crate::object::{Str, flag};

/// Longest string that is interned.
pub const MAX_SHORT: usize = 40;

/// Hash of a whole string: no byte is skipped, so that keys cannot be chosen to collide cheaply.
pub fn hash_bytes(seed: u64, bytes: &[u8]) -> u32 {
    const K: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut state = seed ^ (bytes.len() as u64).wrapping_mul(K);
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        state = fold(state ^ u64::from_le_bytes(word), K);
    }
    let rest = chunks.remainder();
    if !rest.is_empty() {
        state = fold(state ^ last_word(rest), 0xD6E8_FEB8_6659_FD93);
    }
    let mixed = fold(state ^ K, 0xA24B_AED4_963E_E407);
    (mixed ^ (mixed >> 32)) as u32
}

/// All of one to seven bytes, whose number is known to the caller, in one word: reads that overlap
/// take less time than to put the bytes together in memory.
#[inline(always)]
fn last_word(rest: &[u8]) -> u64 {
    if let (Some(first), Some(last)) = (rest.first_chunk::<4>(), rest.last_chunk::<4>()) {
        return u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32;
    }
    let (first, middle, last) = (rest[0], rest[rest.len() / 2], rest[rest.len() - 1]);
    u64::from(first) | u64::from(middle) << 8 | u64::from(last) << 16
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
