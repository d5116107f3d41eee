//! Allocations that fail on purpose, so that tests see what the machine does then.

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
}

impl Faults {
    /// Counts an allocation, which may be one of those that fail.
    pub(super) fn admit(&mut self) -> Result<(), OutOfMemory> {
        let number = self.asked;
        self.asked += 1;
        let fails = number >= self.skip && number - self.skip < self.count;
        if fails { Err(OutOfMemory) } else { Ok(()) }
    }
}

impl Heap {
    /// From now on `skip` allocations succeed, the next `count` fail, and then all succeed again.
    pub fn fail_allocations(&mut self, skip: u64, count: u64) {
        self.faults = Some(Faults { asked: 0, skip, count });
        self.set_debt(self.debt);
    }

    /// Ends [`Heap::fail_allocations`]; says how many allocations were asked for since.
    pub fn end_faults(&mut self) -> u64 {
        let faults = self.faults.take();
        self.set_debt(self.debt);
        faults.map_or(0, |faults| faults.asked)
    }
}
