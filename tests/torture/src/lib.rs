//! Long runs against the machine, each also run in small by the tests of this crate.

pub mod machine;
pub mod random;
pub mod memory;
pub mod mutant;
pub mod recursion;
pub mod kill;
