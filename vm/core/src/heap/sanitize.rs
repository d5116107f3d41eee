//! Cells that the address sanitizer knows of, with the feature `sanitized`.
//!
//! A cell is then in reach only as far as its owner asked for it and while it has one, and is not
//! given out a second time. Without the feature nothing here does anything.
//!
//! This module may use `unsafe`: it calls the sanitizer's runtime, which is linked when
//! the compiler is told to (`-Zsanitizer=address`).
#![allow(unsafe_code)]

/// Whether a cell that was given back is kept out of use, so that whoever still knows it is found out.
pub const RETIRES: bool = cfg!(feature = "sanitized");

#[cfg(feature = "sanitized")]
unsafe extern "C" {
    fn __asan_poison_memory_region(start: *const u8, bytes: usize);
    fn __asan_unpoison_memory_region(start: *const u8, bytes: usize);
}

/// From now on nobody may touch these bytes.
///
/// # Safety
/// They belong to one block.
#[inline(always)]
#[cfg_attr(not(feature = "sanitized"), expect(unused_variables))]
pub unsafe fn forbid(start: *const u8, bytes: usize) {
    #[cfg(feature = "sanitized")]
    // SAFETY: the sanitizer only takes notes about the bytes.
    unsafe {
        __asan_poison_memory_region(start, bytes);
    }
}

/// From now on these bytes may be touched.
///
/// # Safety
/// They belong to one block.
#[inline(always)]
#[cfg_attr(not(feature = "sanitized"), expect(unused_variables))]
pub unsafe fn permit(start: *const u8, bytes: usize) {
    #[cfg(feature = "sanitized")]
    // SAFETY: as above.
    unsafe {
        __asan_unpoison_memory_region(start, bytes);
    }
}
