//! The baseline compiler: one template of machine code per instruction, over the interpreter's frames.
//!
//! Every value stays in the slot in which the interpreter keeps it, so machine
//! code can be left and entered at every instruction. What a template does not
//! do itself it leaves to the interpreter, one instruction at a time; so every
//! function can be compiled. `docs/jit.md` tells how registers, calls and caches work.

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

use memory::Memory;
use perilune_vm::tier::{Compiled, Enter, Function, Tier};
use stub::Stubs;

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
    /// Memory for code, and the code that all functions share.
    Ready(Memory, Stubs),
    /// Machine code cannot run, and why.
    Refused(&'static str),
}

impl Baseline {
    /// A compiler. Where machine code cannot run, it compiles nothing.
    pub fn new() -> Baseline {
        Baseline::default()
    }

    fn parts(&mut self) -> Option<(&Memory, &Stubs)> {
        if matches!(self.parts, Parts::None) {
            self.parts = open().unwrap_or_else(Parts::Refused);
        }
        match &self.parts {
            Parts::Ready(memory, stubs) => Some((memory, stubs)),
            _ => None,
        }
    }

    fn stubs(&self) -> &Stubs {
        match &self.parts {
            Parts::Ready(_, stubs) => stubs,
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
    Ok(Parts::Ready(memory, stubs))
}

// SAFETY: templates keep the rules of the door: values stay in their slots, everything else is left to it.
#[allow(unsafe_code)]
unsafe impl Tier for Baseline {
    fn compile(&mut self, function: &Function<'_>) -> Option<Compiled> {
        let (memory, stubs) = self.parts()?;
        let code = function::assemble(function, stubs);
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
