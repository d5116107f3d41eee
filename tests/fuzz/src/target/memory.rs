//! Tasks that run out of memory at every possible place, and go on afterwards.

mod tasks;

pub use tasks::TASKS;

use crate::machine::{Machine, Outcome};
use crate::random::Random;
use perilune_vm::{Options, Torture};

/// What the machine must still be able to do afterwards.
const PROBE: &str = "
    local parts = {}
    for i = 1, 50 do parts[#parts + 1] = tostring(i):rep(2) end
    local co = coroutine.wrap(function(...) local x = coroutine.yield(...) return x end)
    local ok, message = pcall(error, {code = 7})
    print(#table.concat(parts), co(1, 2), co('end'), ok, message.code, load('return 1 + 1')())
    collectgarbage()";
const PROBED: &[u8] = b"182\t1\tend\tfalse\t7\t2\n";

/// How allocations fail.
#[derive(Clone, Copy, Debug)]
pub enum Shortage {
    /// One allocation fails.
    Once,
    /// All fail from then on, until the task is over.
    Lasting,
}

/// A random task that runs out of memory at a random place.
pub fn case(seed: u64) {
    let mut random = Random::new(seed);
    let (name, task) = *random.pick(TASKS);
    let torture = *random.pick(&[Torture::None, Torture::Cycles(3), Torture::Pieces(2)]);
    let shortage = *random.pick(&[Shortage::Once, Shortage::Lasting]);
    let total = count(task);
    check(name, task, torture, shortage, random.below(total as usize + 1) as u64);
}

/// The allocations of a task.
///
/// # Panics
/// When the task fails by itself.
pub fn count(task: &str) -> u64 {
    let mut machine = Machine::new(Options::default());
    machine.vm().fail_allocations(u64::MAX, 0);
    let outcome = machine.run(task.as_bytes(), b"=task");
    assert_eq!(outcome.error, None, "a task fails by itself: {}", text(&outcome));
    machine.vm().end_faults()
}

/// Runs a task whose allocation number `skip` fails.
///
/// # Panics
/// When the heap is unsound afterwards or the machine does not work any more.
pub fn check(name: &str, task: &str, torture: Torture, shortage: Shortage, skip: u64) {
    let what = format!("{name}, {torture:?}, {shortage:?}, allocation {skip}");
    let mut machine = Machine::new(Options { torture, ..Options::default() });
    let failures = match shortage {
        Shortage::Once => 1,
        Shortage::Lasting => u64::MAX,
    };
    machine.vm().fail_allocations(skip, failures);
    // Whatever it says: a task may catch the error, or report what a part that failed did not do.
    machine.run(task.as_bytes(), b"=task");
    machine.vm().end_faults();
    machine.verify();
    let probed = machine.run(PROBE.as_bytes(), b"=probe");
    assert!(probed.error.is_none() && probed.output == PROBED, "{what}: the probe says {}", text(&probed));
    machine.verify();
}

fn text(outcome: &Outcome) -> String {
    let error = outcome.error.as_deref().unwrap_or(b"no error");
    format!("{}{}", String::from_utf8_lossy(&outcome.output), String::from_utf8_lossy(error))
}
