//! Where the process begins.
//!
//! With glibc it begins here and not in Rust's runtime, which asks the system first how large the stack is, to be able to
//! name an overflow: reading that from a file is a tenth of an empty script's time, and nothing here recurses without a
//! limit of its own (`docs/decisions/0014-start-up.md`).
//!
//! This module may use `unsafe`: it exports the symbol that the C library calls, and speaks of memory to the system.
#![allow(unsafe_code)]

/// What the process says when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitCode(u8);

impl ExitCode {
    /// All went well.
    pub const SUCCESS: ExitCode = ExitCode(0);
    /// Something did not.
    pub const FAILURE: ExitCode = ExitCode(1);
}

impl From<u8> for ExitCode {
    fn from(code: u8) -> ExitCode {
        ExitCode(code)
    }
}

impl std::process::Termination for ExitCode {
    fn report(self) -> std::process::ExitCode {
        self.0.into()
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu", not(test)))]
mod glibc {
    use rustix::mm::{Advice, madvise};
    use std::ffi::{c_char, c_int};

    const PAGE: usize = 4096;
    /// Bytes of the heap that an empty script touches, less than what gets a mapping of its own.
    const HEAP: usize = 120 << 10;
    /// Bytes of the stack that it touches.
    const STACK: usize = 24 << 10;

    /// The exit code of a program that panicked, as Rust's runtime has it.
    const PANICKED: i32 = 101;

    /// What the C library calls; it tells Rust's standard library of the arguments by itself.
    // SAFETY: no other symbol of the program has this name: Rust's runtime is left out by `no_main`.
    #[unsafe(no_mangle)]
    extern "C" fn main(_: c_int, _: *const *const c_char) -> c_int {
        fault_in();
        keep_writing();
        let code = std::panic::catch_unwind(crate::main).map_or(PANICKED, |code| i32::from(code.0));
        // This hands standard output over as well.
        std::process::exit(code)
    }

    /// Has the system hand over at once what a start would ask of it page by page: the beginning of the C library's heap
    /// and the next pages of the stack.
    #[inline(never)]
    fn fault_in() {
        let mut heap = Vec::<u8>::with_capacity(HEAP);
        fault_in_pages(heap.as_mut_ptr(), HEAP);
        let mut stack = std::mem::MaybeUninit::<[u8; STACK]>::uninit();
        fault_in_pages(stack.as_mut_ptr().cast(), STACK);
    }

    fn fault_in_pages(start: *mut u8, bytes: usize) {
        let skipped = start.align_offset(PAGE);
        let bytes = bytes.saturating_sub(skipped) / PAGE * PAGE;
        // SAFETY: the pages lie within memory that is the caller's, and what is in them stays. Systems that do not know
        // the advice refuse it, and hand over page by page.
        unsafe { madvise(start.wrapping_add(skipped).cast(), bytes, Advice::LinuxPopulateWrite) }.ok();
    }

    /// Has a write into a pipe that nobody reads fail instead of ending the process. Programs that this one starts have
    /// the signal's default.
    fn keep_writing() {
        // SAFETY: a handler that does nothing may run at any moment.
        unsafe { signal_hook::low_level::register(signal_hook::consts::SIGPIPE, || ()) }.ok();
    }
}
