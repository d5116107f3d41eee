//! The instruction set of Perilune: one table, and all that is derived from it.
//!
//! The table (`table.rs`) names every instruction. The encoder, the decoder, the
//! verifier, the chunk format, the text form and the manual read it; none of them
//! names an instruction that the table does not. Nothing here runs a program.

#[macro_use]
mod table;
pub mod op;
pub mod proto;
pub mod word;
#[macro_use]
pub mod instruction;
pub mod chunk;
pub mod effect;
mod manual;
pub mod names;
mod pace;
pub mod text;
pub mod verify;
pub mod visit;

#[cfg(test)]
mod sample;

pub use chunk::{ChunkError, decode_chunk, decode_chunk_while, encode_chunk, encode_chunk_while};
pub use instruction::Instruction;
pub use manual::manual;
pub use op::{BREAKPOINT, Field, Form, Kind, Op, OpInfo, Operand};
pub use proto::{Chunk, Const, LocalVar, NamedConst, Proto, UpvalueDesc};
pub use text::{AsmError, assemble, disassemble};
pub use verify::{Verified, VerifyError, verify};
pub use visit::{Visit, visit};
