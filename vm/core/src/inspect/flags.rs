//! Flagged instructions: which lines can stop, and the flags that make them do so.
//!
//! The flag is the top bit of the opcode byte in the code that runs; the code
//! in `Cold`, which names and dumps are made from, never has it.
#![allow(unsafe_code)]

use crate::debug::line_at;
use crate::interp::quick;
use crate::object::{Closure, ProtoObject};
use crate::stack;
use crate::value::{Slot, tag};
use crate::vm::Vm;
use perilune_isa::instruction::instructions;
use perilune_isa::{Op, word};
use std::collections::BTreeSet;

const FLAG: u32 = 0x80;

/// Which lines are to stop.
pub trait FlagPlan {
    /// The lines of the source with this chunk name.
    fn lines(&self, chunk_name: &[u8]) -> Option<&BTreeSet<u32>>;
}

/// Code that was just loaded.
#[derive(Clone, Copy)]
pub struct Loaded(*mut ProtoObject);

impl Loaded {
    pub(crate) fn of(function: Slot) -> Loaded {
        // SAFETY: a function that was just made.
        Loaded(unsafe { (*function.as_ptr::<Closure>()).proto })
    }
}

/// Where the running coroutine stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Here {
    /// Serial number of the coroutine, 0 for the main one.
    pub coroutine: u64,
    /// Chunk name.
    pub source: Vec<u8>,
    /// Line of the instruction that comes next.
    pub line: u32,
    /// Whether this is the instruction that stops for its line.
    pub starts_line: bool,
}

impl Vm {
    /// Sets and clears all flags so that they are as planned. No condition rules out a stop any more.
    pub fn flag(&mut self, plan: &dyn FlagPlan) {
        self.clear_guards();
        let mut changed = Vec::new();
        for proto in &self.heap.gc.protos {
            // SAFETY: the list holds live objects.
            if unsafe { flag_proto(*proto, plan) } {
                changed.push(*proto);
            }
        }
        // Machine code leaves to the interpreter what was flagged when it was made.
        // SAFETY: as above.
        unsafe { self.drop_native(&changed) };
    }

    /// As [`Vm::flag`], for code that was just loaded.
    pub fn flag_loaded(&mut self, loaded: Loaded, plan: &dyn FlagPlan) {
        // SAFETY: the observer is told of it before anything is collected.
        unsafe { flag_tree(loaded.0, plan) };
    }

    /// Lines of a source at which the program can stop, and the lines of its functions.
    pub fn stop_lines(&self, chunk_name: &[u8]) -> (BTreeSet<u32>, Vec<(u32, u32)>) {
        let (mut lines, mut ranges) = (BTreeSet::new(), Vec::new());
        for proto in &self.heap.gc.protos {
            // SAFETY: the list holds live objects.
            let cold = unsafe { &*(**proto).cold };
            if cold.builtin || cold.outdated || *cold.proto.source != *chunk_name {
                continue;
            }
            lines.extend(line_starts(&cold.proto).map(|(_, line)| line));
            if cold.proto.line_defined > 0 {
                ranges.push((cold.proto.line_defined, cold.proto.last_line));
            }
        }
        (lines, ranges)
    }

    /// Chunk names of everything that is loaded, without doubles.
    pub fn chunk_names(&self) -> Vec<Vec<u8>> {
        let mut seen = std::collections::HashSet::new();
        let mut names = Vec::new();
        for proto in &self.heap.gc.protos {
            // SAFETY: the list holds live objects.
            let cold = unsafe { &*(**proto).cold };
            if !cold.builtin && seen.insert(&cold.proto.source) {
                names.push(cold.proto.source.to_vec());
            }
        }
        names
    }

    /// Where the running coroutine stands; `None` in a native or code without lines.
    pub fn here(&self) -> Option<Here> {
        // SAFETY: the running thread's state stands on its stack.
        unsafe {
            let thread = self.thread;
            if (*thread).base == 0 {
                return None;
            }
            let callee = stack::frame(thread, (*thread).base).callee;
            if callee.tag != tag::CLOSURE {
                return None;
            }
            let cold = &*(*(*callee.as_ptr::<Closure>()).proto).cold;
            let pc = ((*thread).pc as usize).saturating_sub(1);
            let line = line_at(&cold.proto, pc)?;
            let prologue = usize::from(cold.proto.is_vararg);
            let starts_line = cold.proto.lines.get(prologue..pc).is_some_and(|before| !before.contains(&line));
            Some(Here { coroutine: self.thread_id(thread), source: cold.proto.source.to_vec(), line, starts_line })
        }
    }
}

/// For each line of a function: the first of its instructions.
fn line_starts(proto: &perilune_isa::Proto) -> impl Iterator<Item = (usize, u32)> {
    let mut seen = BTreeSet::new();
    instructions(&proto.code).filter_map(move |(pc, instruction)| {
        let line = *proto.lines.get(pc)?;
        (instruction.op() != Op::VarargPrep && seen.insert(line)).then_some((pc, line))
    })
}

unsafe fn flag_tree(proto: *mut ProtoObject, plan: &dyn FlagPlan) {
    // SAFETY: children live as long as their parent.
    unsafe {
        flag_proto(proto, plan);
        for at in 0..(*proto).n_children as usize {
            flag_tree(*(*proto).children.add(at), plan);
        }
    }
}

/// Sets and clears the flags of a function; says whether any has changed.
///
/// Main functions of files are also flagged where they return, so that their variables outlive them.
unsafe fn flag_proto(proto: *mut ProtoObject, plan: &dyn FlagPlan) -> bool {
    // SAFETY: places of instructions lie inside the code, which has as many words as that of `Cold`.
    unsafe {
        let cold = &*(*proto).cold;
        if cold.builtin {
            return false;
        }
        let code = std::slice::from_raw_parts_mut((*proto).code, cold.proto.code.len());
        let mut flagged = cold.proto.code.clone();
        if cold.proto.line_defined == 0 && cold.proto.source.first() == Some(&b'@') {
            for (pc, instruction) in instructions(&cold.proto.code) {
                if is_return(instruction.op()) {
                    flagged[pc] |= FLAG;
                }
            }
        }
        let none = BTreeSet::new();
        let lines = plan.lines(&cold.proto.source).unwrap_or(&none);
        for (pc, line) in line_starts(&cold.proto) {
            if lines.contains(&line) {
                flagged[pc] |= FLAG;
            }
        }
        let changed = instructions(&cold.proto.code).any(|(pc, _)| (code[pc] ^ flagged[pc]) & FLAG != 0);
        if changed {
            // Without the quick forms, as one of them might do what is flagged now together with what stands before it.
            quick::fuse(&mut flagged);
            code.copy_from_slice(&flagged);
        }
        changed
    }
}

pub(super) fn is_return(op: Op) -> bool {
    matches!(op, Op::Return | Op::Return0 | Op::Return1 | Op::TailCall)
}

/// Opcode of a word of running code.
pub(super) fn running_op(word: u32) -> Option<Op> {
    word::op(word & !FLAG)
}
