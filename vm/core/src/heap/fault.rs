//! Allocations that fail on purpose, so that tests see what the machine does then.
//!
//! While faults are planned the limit of the heap is zero, so that every
//! allocation comes here: those of a heap without a plan pay nothing.

use super::{Heap, OutOfMemory};

/// Which allocations fail.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    /// Allocations so far.
    asked: u64,
    /// Allocations that succeed first.
    skip: u64,
    /// How many fail after those.
    count: u64,
    /// The limit to go back to.
    limit: usize,
}

impl Heap {
    /// From now on `skip` allocations succeed, the next `count` fail, and then all succeed again.
    pub fn fail_allocations(&mut self, skip: u64, count: u64) {
        self.end_faults();
        self.faults = Some(Faults { asked: 0, skip, count, limit: self.limit });
        self.limit = 0;
    }

    /// Ends [`Heap::fail_allocations`]; says how many allocations were asked for since.
    pub fn end_faults(&mut self) -> u64 {
        let Some(faults) = self.faults.take() else { return 0 };
        self.limit = faults.limit;
        faults.asked
    }

    /// An allocation beyond the limit: refused, unless the limit is there for planned faults.
    #[cold]
    pub(super) fn refuse(&mut self, bytes: usize) -> Result<(), OutOfMemory> {
        let used = self.used();
        let faults = self.faults.as_mut().ok_or(OutOfMemory)?;
        let number = faults.asked;
        faults.asked += 1;
        let fails = number >= faults.skip && number - faults.skip < faults.count;
        if fails || used.saturating_add(bytes) > faults.limit { Err(OutOfMemory) } else { Ok(()) }
    }
}
