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
use perilune_isa::{BREAKPOINT, Op, word};

/// A metamethod, and how many arguments it has.
struct Metacall {
    function: *mut Closure,
    n: u32,
}

/// Makes the frame of the metamethod that decides the instruction at `pc`, whose word is `i`, and says where it is entered; an address of
/// 0, with nothing done, when the interpreter has to do it. The caller puts the address at which it goes on into the
/// header; the metamethod returns there as to a call of `pcall`, see [`super`].
///
/// # Safety
/// As [`super::step`].
pub unsafe extern "C" fn prepare_metamethod(vm: *mut Vm, base: *mut Slot, pc: u32, i: u32) -> Continuation {
    // SAFETY: by contract.
    unsafe {
        let vm = &mut *vm;
        vm.stand_at(base, pc);
        let made = if vm.tier.torture == 0 { vm.call_metamethod(base, pc, i) } else { None };
        made.unwrap_or(Continuation { address: std::ptr::null(), base })
    }
}

/// Makes the frame of the `__close` of the innermost variable from register `from` on, as [`prepare_metamethod`] does. It
/// stands at the top where `is_open` says that values up to there are in use, and at the frame's end otherwise; the
/// address has to make that the top again, and to do the instruction once more.
///
/// # Safety
/// As [`super::step`].
pub unsafe extern "C" fn prepare_close(vm: *mut Vm, base: *mut Slot, pc: u32, from: u32, is_open: u32) -> Continuation {
    // SAFETY: by contract.
    unsafe {
        let vm = &mut *vm;
        vm.stand_at(base, pc);
        let made = if vm.tier.torture == 0 { vm.call_close(base, pc, from, is_open != 0) } else { None };
        made.unwrap_or(Continuation { address: std::ptr::null(), base })
    }
}

/// Does the instruction `i` if it computes with strings that read as numbers; otherwise it answers 0 and has done nothing.
///
/// # Safety
/// As [`super::step`].
pub unsafe extern "C" fn compute_with_strings(vm: *mut Vm, base: *mut Slot, i: u32) -> u64 {
    // SAFETY: by contract.
    unsafe { u64::from((*vm).tier.torture == 0 && (*vm).compute_with_strings(base, i)) }
}

/// Takes note of the result of the instruction at `from`, on which the code at `pc` does not rely, and goes on there.
///
/// # Safety
/// As [`super::step`].
pub unsafe extern "C" fn surprise(vm: *mut Vm, base: *mut Slot, pc: u32, from: u32) -> Continuation {
    // SAFETY: by contract.
    unsafe {
        let vm = &mut *vm;
        let proto = (*(*base.sub(2)).as_ptr::<Closure>()).proto;
        let a = *(*proto).code.add(from as usize) >> 8 & 0xff;
        if let Some(seen) = (&mut (*(*proto).cold).seen).get_mut(from as usize) {
            seen.note_result(Slot::read(base.add(a as usize)));
        }
        super::resume(vm, base, pc)
    }
}

impl Metacall {
    /// A call of a Lua function with these arguments, which go to `to`.
    #[inline(always)]
    unsafe fn new<const N: usize>(function: Slot, to: *mut Slot, arguments: [Slot; N]) -> Option<Metacall> {
        if function.tag != tag::CLOSURE {
            return None;
        }
        for (at, argument) in arguments.into_iter().enumerate() {
            // SAFETY: there is room by contract.
            unsafe { to.add(at).write(argument) };
        }
        Some(Metacall { function: function.as_ptr(), n: N as u32 })
    }
}

impl Vm {
    /// Calls the metamethod that decides the instruction `i` at `pc` of the frame on top, whose register 0 is at
    /// `base`; `None`, with nothing done, when it is not of a common kind, or no compiled function.
    pub(super) unsafe fn call_metamethod(&mut self, base: *mut Slot, pc: u32, i: u32) -> Option<Continuation> {
        // SAFETY: by contract; there is room for the frame before it is made.
        unsafe {
            let thread = self.thread;
            // Nothing is in use above the caller's registers: no list of values is open where metamethods are called.
            let delta = u32::from((*top_function(thread)).max_stack) + 2;
            let callee_base = base.add(delta as usize);
            let call = self.metamethod_of(base, pc, i, callee_base)?;
            // Of a concatenation, `finish_op` has to know how many values are left.
            let extra = if i as u8 == Op::Concat as u8 { 2 } else { 0 };
            self.enter_metamethod(&call, callee_base, stack::head(tag::CLOSURE, kind::META, 2, 0, extra), stack::link(pc + 1, delta))
        }
    }

    /// As [`Vm::call_metamethod`], see [`prepare_close`].
    unsafe fn call_close(&mut self, base: *mut Slot, pc: u32, from: u32, is_open: bool) -> Option<Continuation> {
        // SAFETY: by contract; the list holds indices of live slots. Of open values, those above the top are not in use.
        unsafe {
            let thread = self.thread;
            let index = *(*thread).tbc.add((*thread).tbc_len.checked_sub(1)? as usize);
            let variable = (*thread).stack.add(index as usize);
            if variable < base.add(from as usize) {
                return None;
            }
            let func = if is_open { (*thread).top } else { (*thread).base + u32::from((*top_function(thread)).max_stack) };
            let callee_base = (*thread).stack.add(func as usize + 2);
            if callee_base.add(2) > self.limit {
                return None;
            }
            let value = *variable;
            let call = Metacall::new(self.metamethod(value, Event::Close), callee_base, [value, Slot::NIL])?;
            let link = stack::link(pc + 1, func + 2 - (*thread).base);
            let there = self.enter_metamethod(&call, callee_base, stack::head(tag::CLOSURE, kind::CLOSE, 1, 0, func), link)?;
            (*thread).tbc_len -= 1;
            stack::close_upvalues(&mut self.heap, thread, variable);
            Some(there)
        }
    }

    /// Makes the frame of a metamethod with the arguments that it has and with this head and link, if the function is
    /// compiled and nobody wants attention.
    #[inline(always)]
    unsafe fn enter_metamethod(&mut self, call: &Metacall, callee_base: *mut Slot, head: u64, link: u64) -> Option<Continuation> {
        // SAFETY: by contract; there is room for the frame before it is made.
        unsafe {
            let thread = self.thread;
            let proto = (*call.function).proto;
            let plain = (*proto).is_vararg == 0 && (*thread).hook_state == 0 && !self.attention_raised();
            if (*proto).native.is_null() || !plain || (*thread).native_calls + 1 >= MAX_NATIVE_CALLS {
                return None;
            }
            let n = call.n.max(u32::from((*proto).params));
            if callee_base.add(2 + n as usize + usize::from((*proto).max_stack)) > self.limit {
                return None;
            }
            for at in call.n..n {
                *callee_base.add(at as usize) = Slot::NIL;
            }
            let address = (*(*proto).native).at(0, callee_base)?;
            self.count_call(proto);
            *callee_base.sub(2) = Slot { payload: call.function as u64, tag: head };
            *callee_base.sub(1) = Slot { payload: 0, tag: link };
            (*thread).native_calls += 1;
            (*thread).base = callee_base.offset_from((*thread).stack) as u32;
            (*thread).top = (*thread).base + call.n;
            (*thread).pc = 0;
            Some(Continuation { address, base: callee_base })
        }
    }

    /// The metamethod that decides the instruction, whose arguments are written to `to`: there is room for them above
    /// every frame.
    unsafe fn metamethod_of(&mut self, base: *mut Slot, pc: u32, i: u32, to: *mut Slot) -> Option<Metacall> {
        // SAFETY: operands of a verified instruction.
        unsafe {
            let closure = (*base.sub(2)).as_ptr::<crate::object::Closure>();
            let proto = (*closure).proto;
            let (a, b, c) = ((i >> 8 & 0xff) as usize, (i >> 16 & 0xff) as usize, (i >> 24) as usize);
            let register = |n: usize| Slot::read(base.add(n));
            let constant = |n: usize| Slot::read((*proto).constants.add(n));
            let upvalue = |n: usize| Slot::read((**(*closure).upvalues.add(n)).location);
            let key = || constant((*(*proto).code.add(pc as usize + 1) >> 16) as usize);
            use Op::*;
            let op = word::op(i).filter(|_| i & BREAKPOINT == 0)?;
            match op {
                GetField => return self.reader(to, register(b), key()),
                GetUpTable => return self.reader(to, upvalue(b), key()),
                GetIndex => return self.reader(to, register(b), register(c)),
                GetInt => return self.reader(to, register(b), Slot::int(c as i64)),
                SetField => return self.writer(to, register(b), key(), register(a)),
                SetUpTable => return self.writer(to, upvalue(b), key(), register(a)),
                SetUpTableK => return self.writer(to, upvalue(b), key(), constant(c)),
                SetFieldK => return self.writer(to, register(b), key(), constant(c)),
                SetIndex => return self.writer(to, register(b), register(c), register(a)),
                SetIndexK => return self.writer(to, register(b), register(c), constant(a)),
                SetInt => return self.writer(to, register(b), Slot::int(c as i64), register(a)),
                _ => {}
            }
            let (event, x, y) = computed(base, op, i)?;
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
            Metacall::new(function, to, [x, y])
        }
    }

    /// Does the instruction `i` of the frame on top if it computes with strings that read as numbers, as the library's
    /// metamethods of strings do by their leaf forms.
    pub(super) unsafe fn compute_with_strings(&mut self, base: *mut Slot, i: u32) -> bool {
        // SAFETY: operands of a verified instruction.
        unsafe {
            let Some(op) = word::op(i).filter(|_| i & BREAKPOINT == 0) else { return false };
            let Some((event, x, y)) = computed(base, op, i) else { return false };
            let is_comparison = matches!(event, Event::Eq | Event::Lt | Event::Le | Event::Concat | Event::Len);
            if is_comparison || x.tag != tag::STRING && y.tag != tag::STRING {
                return false;
            }
            let mut function = self.metamethod(x, event);
            if function.is_nil() {
                function = self.metamethod(y, event);
            }
            let Some(value) = self.leaf_of_two(function, x, y) else { return false };
            *base.add((i >> 8 & 0xff) as usize) = value;
            true
        }
    }

    /// The function that decides what `object[key]` is.
    unsafe fn reader(&mut self, to: *mut Slot, object: Slot, key: Slot) -> Option<Metacall> {
        // SAFETY: live values, and room for arguments.
        unsafe {
            let function = self.accessor(object, key, Event::Index)?;
            Metacall::new(function, to, [object, key])
        }
    }

    /// The function that decides what `object[key] = value` does.
    unsafe fn writer(&mut self, to: *mut Slot, object: Slot, key: Slot, value: Slot) -> Option<Metacall> {
        // SAFETY: live values, and room for arguments.
        unsafe {
            let function = self.accessor(object, key, Event::NewIndex)?;
            Metacall::new(function, to, [object, key, value])
        }
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

/// The event and the operands of an instruction that computes or compares; of a concatenation, of two values alone.
unsafe fn computed(base: *mut Slot, op: Op, i: u32) -> Option<(Event, Slot, Slot)> {
    // SAFETY: operands of a verified instruction of the frame whose register 0 is at `base`.
    unsafe {
        let proto = (*(*base.sub(2)).as_ptr::<crate::object::Closure>()).proto;
        let (a, b, c) = ((i >> 8 & 0xff) as usize, (i >> 16 & 0xff) as usize, (i >> 24) as usize);
        let register = |n: usize| Slot::read(base.add(n));
        let constant = |n: usize| Slot::read((*proto).constants.add(n));
        let small = |n: usize| Slot::int(i64::from(n as u8 as i8));
        use Op::*;
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
            Lt | LtImm | GtImm => Event::Lt,
            Le | LeImm | GeImm => Event::Le,
            Eq => Event::Eq,
            Concat if b == 2 => Event::Concat,
            _ => return None,
        };
        let (x, y) = match op {
            Lt | Le | Eq => (register(a), register(b)),
            Concat => (register(a), register(a + 1)),
            LtImm | LeImm => (register(a), small(b)),
            GtImm | GeImm => (small(b), register(a)),
            AddImm | SubImm => (register(b), small(c)),
            KAdd | KSub | KMul | KDiv => (constant(b), register(c)),
            AddK | SubK | MulK | DivK | IDivK | ModK | PowK | BAndK | BOrK | BXorK | ShlK | ShrK => {
                (register(b), constant(c))
            }
            Neg | BNot | Len => (register(b), register(b)),
            _ => (register(b), register(c)),
        };
        Some((event, x, y))
    }
}
