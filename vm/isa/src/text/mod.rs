//! Functions as text, for people and for tests.
//!
//! `assemble` reads what `disassemble` writes. Cache indices are not written:
//! they follow from the order of the code.

mod assemble;
mod disassemble;
mod token;

pub use assemble::{AsmError, assemble};
pub use disassemble::{describe, disassemble};
