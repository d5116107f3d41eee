//! Every task runs out of memory at many places: only a Lua error comes of it.

use perilune_fuzz::target::memory::{Shortage, TASKS, check, count};
use perilune_vm::Torture;

/// The first allocations, and some of the many that follow.
fn places(total: u64) -> impl Iterator<Item = u64> {
    let step = (total / 25).max(1) as usize;
    (0..total.min(12)).chain((12..total).step_by(step))
}

fn run(torture: Torture, shortage: Shortage) {
    for (name, task) in TASKS {
        for skip in places(count(task)) {
            check(name, task, torture, shortage, skip);
        }
    }
}

#[test]
fn one_allocation_fails() {
    run(Torture::None, Shortage::Once);
}

#[test]
fn all_allocations_fail_from_some_point() {
    run(Torture::None, Shortage::Lasting);
}

#[test]
fn one_allocation_fails_while_the_collector_works() {
    run(Torture::Pieces(3), Shortage::Once);
}
