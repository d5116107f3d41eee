//! The long runs in small.

use perilune_torture::machine::Tier;
use perilune_torture::memory;

#[test]
fn failing_allocations_lose_nothing() {
    for tier in [Tier::Off, Tier::Eager] {
        let mut sum = memory::Sum::default();
        memory::run(tier, 2, 101, &|| true, &mut sum);
        assert!(sum.tasks >= 150 && sum.injections >= 700 && sum.errors > sum.injections / 2, "{sum:?}");
    }
}
