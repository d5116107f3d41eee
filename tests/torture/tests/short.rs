//! The long runs in small.

use perilune_torture::machine::Tier;
use perilune_torture::random::Random;
use perilune_torture::{kill, memory, mutant, recursion};

#[test]
fn failing_allocations_lose_nothing() {
    let mut sum = memory::Sum::default();
    memory::run(Tier::Off, 1, 401, &|| true, &mut sum);
    memory::run(Tier::Eager, 1, 997, &|| true, &mut sum);
    assert!(sum.tasks >= 300 && sum.injections >= 700 && sum.errors > sum.injections / 2, "{sum:?}");
}

#[test]
fn mutants_break_nothing() {
    let mut sum = mutant::Sum::default();
    mutant::run(1, &|mutants| mutants < 6_000, &mut sum);
    assert!(sum.accepted > 1_000 && sum.errors > 100, "{sum:?}");
}

#[test]
fn recursion_without_end_is_an_error() {
    assert!(recursion::KINDS.len() >= 30);
    for tier in [Tier::Off, Tier::Eager] {
        for (name, program) in recursion::KINDS {
            recursion::check(name, program, tier);
        }
    }
}

#[test]
fn every_workload_is_stopped() {
    assert!(kill::WORKLOADS.len() >= 60);
    let (mut random, mut times) = (Random::new(7), kill::Times::default());
    for (at, (name, body)) in kill::WORKLOADS.iter().enumerate() {
        let tier = if at % 2 == 0 { Tier::Off } else { Tier::Hot };
        kill::check(name, body, tier, 1, &mut random, &mut times);
    }
    assert_eq!(times.count(), kill::WORKLOADS.len());
}
