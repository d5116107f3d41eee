//! What tests ask of a machine: to check itself, and to run out of memory when told.
//!
//! Collecting at every allocation is an option ([`crate::Options::torture`]).

use crate::vm::Vm;

impl Vm {
    /// Walks all objects, stacks, buffers and free lists.
    ///
    /// # Errors
    /// The first thing that is wrong, in words. It would be a defect of the machine.
    pub fn verify(&mut self) -> Result<(), String> {
        self.heap.verify()
    }

    /// Sets what [`crate::Options::torture`] sets.
    pub fn set_torture(&mut self, torture: bool) {
        self.heap.torture = torture;
        self.torture_stack = torture;
        self.refresh_limit();
    }

    /// Has `skip` allocations succeed and the next `count` fail, before all succeed again.
    pub fn fail_allocations(&mut self, skip: u64, count: u64) {
        self.heap.fail_allocations(skip, count);
    }

    /// Ends [`Vm::fail_allocations`]; says how many allocations were asked for since.
    pub fn end_faults(&mut self) -> u64 {
        self.heap.end_faults()
    }
}
