//! Completes the instruction that called a metamethod.
#![allow(unsafe_code)]

use super::Flow;
use crate::error::Error;
use crate::object::Closure;
use crate::proto::Cold;
use crate::tier::seen;
use crate::value::Slot;
use crate::vm::Vm;
use perilune_isa::instruction::Instruction;
use perilune_isa::{Op, word};

impl Vm {
    /// Takes note of the result of a metamethod that is a function of Lua, for the instruction that [`Vm::finish_op`]
    /// will complete.
    pub(crate) fn note_metamethod(&mut self, result: Slot) {
        // SAFETY: the thread stands behind the first word of a verified instruction of a Lua frame.
        unsafe {
            let thread = self.thread;
            let proto = (*(*(*thread).stack.add((*thread).base as usize - 2)).as_ptr::<Closure>()).proto;
            let pc = (*thread).pc as usize - 1;
            let cold: &mut Cold = &mut *(*proto).cold;
            if let Some(seen) = cold.seen.get_mut(pc) {
                let instruction = Instruction::at(&cold.proto.code, pc);
                seen.note_metamethod(instruction.and_then(seen::result).map(|_| result));
            }
        }
    }

    /// Stores the result of a metamethod (or takes it as a condition) and goes
    /// on behind the instruction. `extra` is what the call was given.
    pub(crate) fn finish_op(&mut self, result: Slot, extra: u32) -> Result<Flow, Error> {
        // SAFETY: the thread stands at a verified instruction of a Lua frame.
        unsafe {
            let thread = self.thread;
            let base = (*thread).stack.add((*thread).base as usize);
            let proto = (*(*base.sub(2)).as_ptr::<Closure>()).proto;
            let pc = (*thread).pc as usize;
            let i = *(*proto).code.add(pc - 1);
            let (a, c) = ((i >> 8 & 0xff) as usize, i >> 24);
            let op = word::op(i).expect("verified code");
            let words = op.words();
            match op {
                Op::SetField | Op::SetFieldK | Op::SetUpTable | Op::SetUpTableK | Op::SetIndex | Op::SetIndexK | Op::SetInt => {}
                Op::Eq | Op::Lt | Op::Le | Op::LtImm | Op::LeImm | Op::GtImm | Op::GeImm => {
                    let e = *(*proto).code.add(pc) as i32;
                    let mut next = pc as i64 + 1;
                    if result.is_falsy() != (c != 0) {
                        next += i64::from(e);
                    }
                    (*thread).pc = next as u32;
                    return Ok(Flow::Reload);
                }
                Op::Concat => {
                    let n = extra as usize;
                    *base.add(a + n - 2) = result;
                    return match self.concat(a, n - 1)? {
                        Flow::Next => Ok(Flow::Reload),
                        other => Ok(other),
                    };
                }
                _ => *base.add(a) = result,
            }
            (*thread).pc = (pc + words - 1) as u32;
            Ok(Flow::Reload)
        }
    }
}
