//! Fuzz targets that repeat themselves: the same seed is the same case, everywhere.
//!
//! A target is a function from a seed to a case that panics when something is
//! wrong. Tests run a few cases of each; the program `perilune-fuzz` runs as
//! many as it is told. What is found becomes a fixed test beside the code at fault.
#![forbid(unsafe_code)]

pub mod corpus;
pub mod mutate;
pub mod machine;
pub mod generate;
pub mod quality;
pub mod reference;
pub mod target;

pub use perilune_torture::random;
pub use target::{TARGETS, Target};

/// Runs the cases `seed .. seed + iterations` of a target.
///
/// # Panics
/// When a case finds a defect. The message says which seed repeats it.
pub fn run(target: &Target, seed: u64, iterations: usize) {
    for case in (seed..).take(iterations) {
        run_case(target, case);
    }
}

/// Runs one case.
///
/// # Panics
/// As [`run`].
pub fn run_case(target: &Target, case: u64) {
    let outcome = std::panic::catch_unwind(|| (target.case)(case));
    if let Err(panic) = outcome {
        eprintln!("case {case} of target '{}' fails; repeat it with --seed {case} --iterations 1", target.name);
        std::panic::resume_unwind(panic);
    }
}
