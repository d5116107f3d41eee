//! Why a function was refused.

use crate::op::Kind;
use std::fmt;

/// A fault of some function's contents, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyError {
    /// The path to the function: child indices from the root.
    pub function: Vec<u32>,
    /// The word where the faulty instruction begins, when it is about one.
    pub pc: Option<usize>,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with a function or an instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Functions are nested too deeply.
    TooDeep,
    /// The number of registers is not between 2 and 250.
    StackSize(u8),
    /// There are more parameters than registers.
    Parameters(u8),
    /// There are more upvalues than an index can name.
    UpvalueCount(usize),
    /// The line table's length differs from the code's.
    LineCount(usize),
    /// An upvalue of this function does not exist in the enclosing one.
    UpvalueSource(usize),
    /// A compile-time constant's range is out of bounds.
    NamedConst(usize),
    /// A local variable's range or register is out of bounds.
    Local(usize),
    /// The count of inline caches differs from the code's.
    CacheCount(u16),
    /// There is no code.
    Empty,
    /// The opcode is unknown.
    Opcode(u8),
    /// The breakpoint flag is set.
    Breakpoint,
    /// The extra word is missing.
    Truncated,
    /// Bits that belong to no operand are set.
    UnusedBits,
    /// The instruction uses registers beyond the frame.
    Registers(u16),
    /// An operand is out of range, or names a constant of the wrong kind.
    Operand(Kind, i64),
    /// Caches are not numbered in the order of the code.
    CacheOrder(u16),
    /// `concat` of fewer than two values, or `tfor_call` without results.
    Count(u8),
    /// A jump does not land on an instruction.
    Target(i64),
    /// A jump goes in a direction its opcode does not allow.
    Direction(i64),
    /// `load_false_skip` is not before an instruction of one word.
    Skip,
    /// `for_prep` and `for_loop` do not make a pair.
    ForPair,
    /// A jump enters the body of a numeric loop.
    IntoLoop(i64),
    /// The body of a numeric loop writes or captures the loop's own registers.
    ForState(u8),
    /// `tfor_prep`, `tfor_call` and `tfor_loop` do not belong together.
    GenericFor,
    /// Values "up to the top" are not taken by the next instruction.
    TopUnused,
    /// Values "up to the top" are taken where none were left.
    TopMissing,
    /// `vararg` or `vararg_prep` where it may not be.
    Vararg,
    /// A function with captured variables or variables to be closed returns without closing them.
    Unclosed,
    /// A register is read that was not written on every way there.
    Unwritten(u8),
    /// A variable shared with a closure, or waiting to be closed, is where a call puts its frame.
    Overlaid(u8),
    /// Control falls off the end of the code.
    FallsOff,
    /// Nothing: the caller did not want to go on.
    Interrupted,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::TooDeep => write!(f, "functions are nested too deeply"),
            Fault::StackSize(n) => write!(f, "{n} registers, where 2 to 250 are allowed"),
            Fault::Parameters(n) => write!(f, "{n} parameters do not fit the registers"),
            Fault::UpvalueCount(n) => write!(f, "{n} upvalues, where 255 are allowed"),
            Fault::LineCount(n) => write!(f, "{n} lines do not match the code"),
            Fault::UpvalueSource(i) => write!(f, "upvalue {i} is not in the enclosing function"),
            Fault::NamedConst(i) => write!(f, "compile-time constant {i} is out of bounds"),
            Fault::Local(i) => write!(f, "local variable {i} is out of bounds"),
            Fault::CacheCount(n) => write!(f, "{n} inline caches do not match the code"),
            Fault::Empty => write!(f, "no code"),
            Fault::Opcode(byte) => write!(f, "unknown opcode {byte}"),
            Fault::Breakpoint => write!(f, "breakpoint flag in stored code"),
            Fault::Truncated => write!(f, "extra word is missing"),
            Fault::UnusedBits => write!(f, "unused bits are set"),
            Fault::Registers(n) => write!(f, "{n} registers needed, more than the frame has"),
            Fault::Operand(kind, value) => write!(f, "bad {} operand {value}", kind.name()),
            Fault::CacheOrder(n) => write!(f, "inline cache {n} is out of order"),
            Fault::Count(n) => write!(f, "count {n} is too small"),
            Fault::Target(to) => write!(f, "jump to {to}, where no instruction begins"),
            Fault::Direction(to) => write!(f, "jump to {to} goes in the wrong direction"),
            Fault::Skip => write!(f, "no instruction of one word to skip"),
            Fault::ForPair => write!(f, "for_prep and for_loop are not a pair"),
            Fault::IntoLoop(to) => write!(f, "jump to {to} enters the body of a numeric loop"),
            Fault::ForState(r) => {
                write!(f, "the body of a numeric loop may change its state in r{r}")
            }
            Fault::GenericFor => write!(
                f,
                "tfor_prep, tfor_call and tfor_loop do not belong together"
            ),
            Fault::TopUnused => write!(
                f,
                "values up to the top are not taken by the next instruction"
            ),
            Fault::TopMissing => write!(f, "values up to the top are taken where none were left"),
            Fault::Vararg => write!(f, "vararg instruction out of place"),
            Fault::Unclosed => write!(f, "a return leaves variables open"),
            Fault::Unwritten(register) => write!(f, "register {register} may hold no value when it is read"),
            Fault::Overlaid(register) => write!(f, "a call's frame would lie over the open variable in register {register}"),
            Fault::FallsOff => write!(f, "control falls off the end of the code"),
            Fault::Interrupted => write!(f, "interrupted"),
        }
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "function main")?;
        for child in &self.function {
            write!(f, ".{child}")?;
        }
        if let Some(pc) = self.pc {
            write!(f, ", word {pc}")?;
        }
        write!(f, ": {}", self.fault)
    }
}

impl std::error::Error for VerifyError {}
