//! Having memory brought near before it is looked at.
//!
//! This module may use `unsafe`: prefetching is an intrinsic. It is a hint that may name any address.
#![allow(unsafe_code)]

use crate::object::{Header, Table};
use crate::value::{Slot, tag};

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

/// Has what belongs to an object brought near.
///
/// # Safety
/// The object is live.
#[inline(always)]
pub(super) unsafe fn prefetch_parts(object: *mut Header) {
    // SAFETY: by contract; the kind says which struct the header begins.
    unsafe {
        if u64::from((*object).kind) == tag::TABLE {
            let t = object.cast::<Table>();
            prefetch_at((*t).props);
            prefetch_at((*t).array);
        }
    }
}

/// Pointers that wait while what they point to is brought near; the first that came leaves first.
pub(super) struct Queue<const N: usize> {
    waiting: [*mut Header; N],
    first: usize,
    count: usize,
}

impl<const N: usize> Queue<N> {
    pub(super) const fn new() -> Queue<N> {
        Queue { waiting: [std::ptr::null_mut(); N], first: 0, count: 0 }
    }

    /// Adds a pointer; one that has to leave for it comes back.
    #[inline(always)]
    pub(super) fn exchange(&mut self, object: *mut Header) -> Option<*mut Header> {
        let place = (self.first + self.count) % N;
        if self.count < N {
            self.waiting[place] = object;
            self.count += 1;
            return None;
        }
        // The queue is full, so this is the place of the first.
        self.first = (place + 1) % N;
        Some(std::mem::replace(&mut self.waiting[place], object))
    }

    /// The pointer that waited longest.
    #[inline(always)]
    pub(super) fn take(&mut self) -> Option<*mut Header> {
        self.count = self.count.checked_sub(1)?;
        let object = self.waiting[self.first];
        self.first = (self.first + 1) % N;
        Some(object)
    }
}
