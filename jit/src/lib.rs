//! The baseline compiler: one template of machine code per instruction, over the interpreter's frames.
//!
//! Every value stays in the slot in which the interpreter keeps it, so machine
//! code can be left and entered at every instruction. What a template does not
//! do itself it leaves to the interpreter, one instruction at a time; so every
//! function can be compiled. `docs/jit.md` tells how registers, calls and caches work.

#![recursion_limit = "1024"]

mod encode;
mod memory;
mod offset;
mod stub;
mod switch;
mod registers;
mod flow;
mod homes;
mod state;
mod function;
mod template;
mod listing;
mod lookup;

pub use listing::listing;

use dynasmrt::VecAssembler;
use dynasmrt::x64::X64Relocation;
use memory::Memory;
use perilune_vm::tier::{Compiled, Enter, Function, Tier};
use stub::Stubs;

/// Words of a function after which the assembler's memory is given back.
const LARGE: usize = 10_000;

/// The compiler. It takes memory when the first function is compiled.
#[derive(Default)]
pub struct Baseline {
    parts: Parts,
}

#[derive(Default)]
enum Parts {
    /// Nothing was compiled yet.
    #[default]
    None,
    /// Memory for code, the code that all functions share, and what assembles functions, between two of them.
    Ready(Memory, Stubs, Box<VecAssembler<X64Relocation>>),
    /// Machine code cannot run, and why.
    Refused(&'static str),
}

impl Baseline {
    /// A compiler. Where machine code cannot run, it compiles nothing.
    pub fn new() -> Baseline {
        Baseline::default()
    }

    fn parts(&mut self) -> Option<(&Memory, &Stubs, &mut VecAssembler<X64Relocation>)> {
        if matches!(self.parts, Parts::None) {
            self.parts = open().unwrap_or_else(Parts::Refused);
        }
        match &mut self.parts {
            Parts::Ready(memory, stubs, assembler) => Some((memory, stubs, assembler)),
            _ => None,
        }
    }

    fn stubs(&self) -> &Stubs {
        match &self.parts {
            Parts::Ready(_, stubs, _) => stubs,
            _ => unreachable!("nothing was compiled"),
        }
    }
}

fn open() -> Result<Parts, &'static str> {
    if !stub::is_supported() {
        return Err("the processor is no x86-64 with SSE4.1");
    }
    let memory = Memory::new().map_err(|_| "the system gives no executable memory")?;
    let stubs = Stubs::new(&memory).ok_or("the system gives no executable memory")?;
    Ok(Parts::Ready(memory, stubs, Box::new(VecAssembler::new(0))))
}

// SAFETY: templates keep the rules of the door: values stay in their slots, everything else is left to it.
#[allow(unsafe_code)]
unsafe impl Tier for Baseline {
    fn compile(&mut self, function: &Function<'_>) -> Option<Compiled> {
        let (memory, stubs, assembler) = self.parts()?;
        let code = function::assemble(function, stubs, assembler);
        if function.code.len() > LARGE {
            *assembler = VecAssembler::new(0);
        }
        let block = memory.place(&code.bytes)?;
        Some(Compiled {
            start: block.start(),
            entry: code.entry,
            places: code.places,
            starts: code.starts,
            facts: code.facts,
            length: code.bytes.len(),
            owner: Box::new(block),
        })
    }

    fn enter(&self) -> Enter {
        self.stubs().enter()
    }

    fn refusal(&self) -> Option<&'static str> {
        match self.parts {
            Parts::Refused(why) => Some(why),
            _ => None,
        }
    }

    fn leave(&self) -> *const u8 {
        self.stubs().leave()
    }
}
