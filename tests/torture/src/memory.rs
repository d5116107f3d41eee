//! Tasks whose allocations fail, each at every place there is.
//!
//! After each failure the heap is verified, the memory of the task is all given
//! back, and a program runs as ever.

use crate::machine::{Machine, Tier};

/// Small programs that use the machine and its library; each leaves nothing behind.
pub fn tasks() -> impl Iterator<Item = (&'static str, String)> {
    include_str!("tasks.txt").lines().filter_map(|line| {
        let (name, code) = line.split_once(": ")?;
        Some((name, code.replace("\\n local", "\n local")))
    })
}

/// How allocations fail.
#[derive(Clone, Copy, Debug)]
pub enum Shortage {
    /// One allocation fails.
    Once,
    /// All fail from then on, until the task is over.
    Lasting,
}

impl Shortage {
    /// Both of them.
    pub const ALL: [Shortage; 2] = [Shortage::Once, Shortage::Lasting];

    fn count(self) -> u64 {
        match self {
            Shortage::Once => 1,
            Shortage::Lasting => u64::MAX,
        }
    }
}

/// What a run came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum {
    /// Tasks.
    pub tasks: u64,
    /// Allocations that were made to fail.
    pub injections: u64,
    /// Failures that the program noticed as an error of its own.
    pub errors: u64,
}

/// One task on one machine that has run it before.
pub struct Patient {
    machine: Machine,
    name: &'static str,
    code: String,
    kept: usize,
}

impl Patient {
    /// Runs the task until it keeps nothing more than before.
    ///
    /// # Panics
    /// When the task fails by itself, or keeps more each time.
    pub fn new(name: &'static str, code: String, tier: Tier) -> Patient {
        let mut patient = Patient { machine: Machine::new(tier), name, code, kept: 0 };
        patient.machine.probe();
        for _ in 0..6 {
            if let Err(why) = patient.machine.run(patient.code.as_bytes()) {
                panic!("{name} fails by itself: {why}");
            }
            let kept = patient.memory();
            if kept == patient.kept {
                return patient;
            }
            patient.kept = kept;
        }
        panic!("{name} keeps more memory each time: {}", patient.kept);
    }

    /// The allocations of the task.
    pub fn allocations(&mut self) -> u64 {
        self.machine.vm().fail_allocations(u64::MAX, 0);
        let _ = self.machine.run(self.code.as_bytes());
        self.machine.vm().end_faults()
    }

    fn memory(&mut self) -> usize {
        // The machine keeps the last error alive, which is nil from here on.
        assert!(self.machine.run(b"error()").is_err());
        let collected = self.machine.run(b"collectgarbage() collectgarbage() collectgarbage()");
        assert!(collected.is_ok(), "{}: a collection fails: {collected:?}", self.name);
        self.machine.vm().memory_used()
    }

    /// Runs the task while allocation number `skip` fails; whether it ended with an error.
    ///
    /// # Panics
    /// When the heap is unsound afterwards, memory is lost, or the machine does not work.
    pub fn suffer(&mut self, shortage: Shortage, skip: u64) -> bool {
        let what = format!("{}, {shortage:?}, allocation {skip}", self.name);
        self.machine.vm().fail_allocations(skip, shortage.count());
        let result = self.machine.run(self.code.as_bytes());
        self.machine.vm().end_faults();
        self.machine.verify();
        // What the task did not get to undo.
        let undone = self.machine.run(
            b"g1, g2 = nil, nil debug.setmetatable(10, nil) package.loaded.m = nil package.preload.m = nil
              collectgarbage('restart') collectgarbage('incremental')",
        );
        assert!(undone.is_ok(), "{what}: {undone:?}");
        self.machine.probe();
        let kept = self.memory();
        assert!(kept <= self.kept, "{what}: {} bytes are lost", kept - self.kept);
        result.is_err()
    }
}

/// Lets allocations of all tasks fail: the first `first`, and then one in `step`.
pub fn run(tier: Tier, first: u64, step: u64, go_on: &dyn Fn() -> bool, sum: &mut Sum) {
    for (name, code) in tasks() {
        let mut patient = Patient::new(name, code, tier);
        let total = patient.allocations();
        sum.tasks += 1;
        for shortage in Shortage::ALL {
            for skip in (0..total).filter(|skip| *skip < first || skip % step == 0) {
                if !go_on() {
                    return;
                }
                sum.injections += 1;
                sum.errors += u64::from(patient.suffer(shortage, skip));
            }
        }
    }
}
