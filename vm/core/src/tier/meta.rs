//! Metamethods of compiled code that are compiled themselves are called without the interpreter.
//!
//! Frames are the same as the interpreter makes them for metamethods (`stack::kind::META`), so that either may go on
//! with what the other has begun, and they return as from there.
//!
//! `unsafe`: called for the frame on top, whose instructions are verified.

use super::{Continuation, top_function};
use crate::call::MAX_NATIVE_CALLS;
use crate::meta::Event;
use crate::object::{Closure, Table};
use crate::stack::{self, kind};
use crate::table;
use crate::value::{Slot, tag};
use crate::vm::Vm;
use perilune_isa::Op;

/// A metamethod and its arguments; the third one may be missing.
struct Metacall {
    function: Slot,
    args: [Slot; 3],
    n: u32,
}

impl Vm {
    /// Calls the metamethod that decides the instruction `i` at `pc` of the frame on top, whose register 0 is at
    /// `base`; `None`, with nothing done, when it is not of a common kind, or no compiled function.
    pub(super) unsafe fn call_metamethod(&mut self, base: *mut Slot, pc: u32, i: u32) -> Option<Continuation> {
        // SAFETY: by contract; there is room for the frame before it is made.
        unsafe {
            let call = self.metamethod_of(base, pc, i)?;
            let proto = (*call.function.as_ptr::<Closure>()).proto;
            let thread = self.thread;
            let plain = (*proto).is_vararg == 0 && (*thread).hook_state == 0 && !self.attention_raised();
            if (*proto).native.is_null() || !plain || (*thread).native_calls + 1 >= MAX_NATIVE_CALLS {
                return None;
            }
            let func = stack::extent(thread);
            let slots = (*thread).stack.add(func as usize);
            let n = call.n.max(u32::from((*proto).params));
            if slots.add(4 + n as usize + usize::from((*proto).max_stack)) > self.limit {
                return None;
            }
            let callee_base = slots.add(2);
            for (at, arg) in call.args.iter().enumerate().take(call.n as usize) {
                *callee_base.add(at) = *arg;
            }
            for at in call.n..n {
                *callee_base.add(at as usize) = Slot::NIL;
            }
            let address = (*(*proto).native).at(0, callee_base)?;
            let delta = callee_base.offset_from(base) as u32;
            *slots = Slot { payload: call.function.payload, tag: stack::head(tag::CLOSURE, kind::META, 2, 0, 0) };
            *slots.add(1) = Slot { payload: 0, tag: stack::link(pc + 1, delta) };
            (*thread).native_calls += 1;
            (*thread).base = func + 2;
            (*thread).top = func + 2 + call.n;
            (*thread).pc = 0;
            Some(Continuation { address, base: callee_base })
        }
    }

    unsafe fn metamethod_of(&mut self, base: *mut Slot, pc: u32, i: u32) -> Option<Metacall> {
        // SAFETY: operands of a verified instruction.
        unsafe {
            let proto = top_function(self.thread);
            let (a, b, c) = ((i >> 8 & 0xff) as usize, (i >> 16 & 0xff) as usize, (i >> 24) as usize);
            let register = |n: usize| Slot::read(base.add(n));
            let constant = |n: usize| Slot::read((*proto).constants.add(n));
            let small = |n: usize| Slot::int(i64::from(n as u8 as i8));
            let key = || constant((*(*proto).code.add(pc as usize + 1) >> 16) as usize);
            use Op::*;
            let op = Op::from_byte(i as u8)?;
            let event = match op {
                Add | AddK | KAdd | AddImm => Event::Add,
                Sub | SubK | KSub | SubImm => Event::Sub,
                Mul | MulK | KMul => Event::Mul,
                Div | DivK | KDiv => Event::Div,
                IDiv | IDivK => Event::IDiv,
                Mod | ModK => Event::Mod,
                Pow | PowK => Event::Pow,
                BAnd | BAndK => Event::BAnd,
                BOr | BOrK => Event::BOr,
                BXor | BXorK => Event::BXor,
                Shl | ShlK => Event::Shl,
                Shr | ShrK => Event::Shr,
                Neg => Event::Unm,
                BNot => Event::BNot,
                Len => Event::Len,
                Lt => Event::Lt,
                Le => Event::Le,
                Eq => Event::Eq,
                GetField => return self.reader(register(b), key()),
                GetIndex => return self.reader(register(b), register(c)),
                SetField => return self.writer(register(b), key(), register(a)),
                SetIndex => return self.writer(register(b), register(c), register(a)),
                _ => return None,
            };
            let (x, y) = match op {
                Lt | Le | Eq => (register(a), register(b)),
                AddImm | SubImm => (register(b), small(c)),
                KAdd | KSub | KMul | KDiv => (constant(b), register(c)),
                AddK | SubK | MulK | DivK | IDivK | ModK | PowK | BAndK | BOrK | BXorK | ShlK | ShrK => (register(b), constant(c)),
                Neg | BNot | Len => (register(b), register(b)),
                _ => (register(b), register(c)),
            };
            if x.tag != tag::TABLE && y.tag != tag::TABLE {
                return None;
            }
            if op == Eq && (x.tag != y.tag || x.payload == y.payload) {
                return None;
            }
            let mut function = self.metamethod(x, event);
            if function.is_nil() {
                function = self.metamethod(y, event);
            }
            (function.tag == tag::CLOSURE).then_some(Metacall { function, args: [x, y, Slot::NIL], n: 2 })
        }
    }

    /// The function that decides what `object[key]` is.
    unsafe fn reader(&mut self, object: Slot, key: Slot) -> Option<Metacall> {
        // SAFETY: live values.
        let function = unsafe { self.accessor(object, key, Event::Index)? };
        Some(Metacall { function, args: [object, key, Slot::NIL], n: 2 })
    }

    /// The function that decides what `object[key] = value` does.
    unsafe fn writer(&mut self, object: Slot, key: Slot, value: Slot) -> Option<Metacall> {
        // SAFETY: live values.
        let function = unsafe { self.accessor(object, key, Event::NewIndex)? };
        Some(Metacall { function, args: [object, key, value], n: 3 })
    }

    unsafe fn accessor(&mut self, object: Slot, key: Slot, event: Event) -> Option<Slot> {
        if object.tag != tag::TABLE {
            return None;
        }
        let t = object.as_ptr::<Table>();
        // SAFETY: live values.
        unsafe {
            let function = self.heap.metamethod((*t).meta, event);
            (function.tag == tag::CLOSURE && table::get(t, key, &self.heap).is_nil()).then_some(function)
        }
    }
}
