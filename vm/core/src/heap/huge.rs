//! Huge pages for large buffers: a page fault for two megabytes instead of one for every four kilobytes, and
//! fewer misses of the translation cache.
//!
//! Where the system gives huge pages to whoever asks (`madvise` in
//! `/sys/kernel/mm/transparent_hugepage/enabled`), the machine asks for buffers that
//! hold whole ones. A small program has no such buffer, so its memory stays what it uses.
#![cfg_attr(target_os = "linux", allow(unsafe_code))]

/// Size of a huge page on x86-64 and most other machines.
pub(crate) const HUGE: usize = 2 << 20;

/// Asks for huge pages in fresh memory of so many bytes, when it is large. Null is fine.
pub(crate) fn prefer_huge_pages(start: *const u8, bytes: usize) {
    if bytes < HUGE || start.is_null() {
        return;
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::mm::{Advice, madvise};
        let from = (start as usize).next_multiple_of(HUGE);
        let to = (start as usize + bytes) & !(HUGE - 1);
        if from < to {
            let aligned = start.wrapping_add(from - start as usize).cast_mut();
            // SAFETY: the advice changes no contents. That there are no huge pages is no failure.
            let _ = unsafe { madvise(aligned.cast(), to - from, Advice::LinuxHugepage) };
        }
    }
}
