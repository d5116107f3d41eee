//! Having memory brought near before it is looked at.
//!
//! This module may use `unsafe`: prefetching is an intrinsic. It is a hint that may name any address.
#![allow(unsafe_code)]

use crate::value::Slot;

/// How many elements ahead of the one under way are asked for.
pub(super) const AHEAD: u32 = 16;

/// Has the header of what a slot refers to brought near.
#[inline(always)]
pub(super) fn prefetch(value: Slot) {
    if value.is_collectable() {
        prefetch_at(value.as_ptr::<u8>());
    }
}

/// Has the cache line at an address brought near.
#[inline(always)]
pub(super) fn prefetch_at<T>(address: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch of any address does no more than take time.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}
