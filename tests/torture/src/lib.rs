//! Long runs against the machine, each also run in small by the tests of this crate.

pub mod machine;
pub mod memory;
