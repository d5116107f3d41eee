//! What tests ask of a machine: to collect all the time, to check itself, and to run out of memory when told.

use crate::vm::Vm;
use std::str::FromStr;

/// How a machine collects far more often than it has to, moves its stacks at every call, and
/// leaves and drops machine code at random.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Torture {
    /// Not at all.
    #[default]
    None,
    /// A whole cycle at the safepoint after every n-th allocation.
    Cycles(u32),
    /// The smallest piece of a cycle at the safepoint after every n-th allocation: the
    /// program runs in every state of the collector.
    Pieces(u32),
    /// A collection of the young objects, and now and then of all, in generational mode,
    /// at the safepoint after every n-th allocation.
    Generations(u32),
    /// As [`Torture::Cycles`], marked on two threads.
    Threads(u32),
    /// The collector as in [`Torture::Cycles`], and nothing else: compiled code takes its short ways, which it does
    /// not when it is left at random.
    Collector(u32),
}

impl FromStr for Torture {
    type Err = String;

    /// Reads `none`, `cycles:N`, `pieces:N`, `generations:N`, `threads:N` or `collector:N`.
    fn from_str(text: &str) -> Result<Torture, String> {
        let (kind, period) = text.split_once(':').unwrap_or((text, "1"));
        let period = period.parse::<u32>().ok().filter(|period| *period > 0);
        match (kind, period) {
            ("none", _) => Ok(Torture::None),
            ("cycles", Some(period)) => Ok(Torture::Cycles(period)),
            ("pieces", Some(period)) => Ok(Torture::Pieces(period)),
            ("generations", Some(period)) => Ok(Torture::Generations(period)),
            ("threads", Some(period)) => Ok(Torture::Threads(period)),
            ("collector", Some(period)) => Ok(Torture::Collector(period)),
            _ => Err(format!("'{text}' is neither none nor cycles:N, pieces:N, generations:N, threads:N or collector:N")),
        }
    }
}

impl Vm {
    /// Walks all objects, stacks, buffers and free lists.
    ///
    /// # Errors
    /// The first thing that is wrong, in words. It would be a defect of the machine.
    pub fn verify(&mut self) -> Result<(), String> {
        self.heap.verify()
    }

    /// Sets what [`crate::Options::torture`] sets.
    pub fn set_torture(&mut self, torture: Torture) {
        match torture {
            Torture::None => self.heap.set_torture(0, false),
            Torture::Cycles(period) | Torture::Threads(period) | Torture::Collector(period) => {
                self.heap.set_torture(period, false);
            }
            Torture::Pieces(period) => self.heap.set_torture(period, true),
            Torture::Generations(period) => {
                self.heap.set_torture(period, false);
                self.set_generational(true);
            }
        }
        self.heap.gc.threads_used.always = matches!(torture, Torture::Threads(_));
        let is_collector_alone = matches!(torture, Torture::None | Torture::Collector(_));
        self.torture_stack = !is_collector_alone;
        self.torture_tier(if is_collector_alone { 0 } else { 0x9e37_79b9_7f4a_7c15 });
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
