//! The interpreter: one loop over one match.
//!
//! Rules of the loop:
//! 1. `pc`, `base`, `k` are locals and nobody takes their address.
//! 2. Anything that may call, raise, allocate much or move the stack is a cold
//!    function that gets the state through the thread (`sync!`) and answers
//!    with a [`Flow`]; after `Reload` the locals are read again.
//! 3. A saved pc is the index of the word after the first word of the
//!    instruction under way, so `pc - 1` is always that instruction.
//! 4. Slots are copied by halves: a 16-byte move after 8-byte stores stalls.
//!
//! `unsafe`: operands were checked by the verifier, registers lie inside the
//! stack because each call makes room for `max_stack` slots.
#![allow(unsafe_code)]

pub mod slow;
mod finish;
pub(crate) mod quick;
pub(crate) mod hook;

use crate::arith;
use crate::cache::{self, Cache};
use crate::leaf::MOST_WANTED;
use crate::meta::Event;
use crate::object::{Closure, Str, Table, Upvalue};
use crate::stack;
use crate::table;
use crate::tier;
use crate::value::{Slot, tag};
use crate::vm::Vm;
use crate::string;
use perilune_isa::{BREAKPOINT, Form, Op, word};
use std::sync::atomic::Ordering;

/// Runs on, until a frame is compiled.
const PLAIN: u8 = 0;
/// A hook or a step is in force on the running coroutine.
const HOOKS: u8 = 1;
/// One instruction, for compiled code.
const ONE: u8 = 2;

/// Kind and flags in the head of a frame, but for the flag of tail calls: 0 for calls by Lua.
const SPECIAL: u64 = 0xff00_ff00 & !((stack::flag::TAIL as u64) << 24);

/// The same of a frame that has moved above its arguments.
const VARARG_ONLY: u64 = (stack::flag::VARARG as u64) << 24;

/// What the loop does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// The next instruction.
    Next,
    /// The frame changed: read the state again.
    Reload,
    /// The host's call is over (with a result or an error).
    Done,
}

#[inline(always)]
const fn a(i: u32) -> usize {
    (i >> 8 & 0xff) as usize
}
#[inline(always)]
const fn b(i: u32) -> usize {
    (i >> 16 & 0xff) as usize
}
#[inline(always)]
const fn c(i: u32) -> usize {
    (i >> 24) as usize
}
#[inline(always)]
const fn sb(i: u32) -> i64 {
    (i >> 16) as u8 as i8 as i64
}
#[inline(always)]
const fn sc(i: u32) -> i64 {
    (i >> 24) as u8 as i8 as i64
}

impl Vm {
    /// Runs Lua frames until control reaches a native frame or the host.
    pub(crate) fn interpret(&mut self) -> Flow {
        // SAFETY: the running thread is live.
        if unsafe { (*self.thread).hook_state } != 0 {
            return self.run::<HOOKS>();
        }
        // A loop that is left and entered in each round, as by a yield, never gets to count its rounds.
        match self.warm_top(1) {
            Flow::Next => self.run::<PLAIN>(),
            flow => flow,
        }
    }

    /// Runs the next instruction of a Lua frame, whose coroutine has no hook.
    pub(crate) fn interpret_one(&mut self) -> Flow {
        self.run::<ONE>()
    }

    /// Where the results of a frame go that has moved above its arguments.
    ///
    /// # Safety
    /// `base` is register 0 of such a frame.
    #[inline(always)]
    pub(crate) unsafe fn vararg_result(base: *mut Slot) -> *mut Slot {
        // SAFETY: parameters, extra arguments and the first header stand below the second one.
        unsafe {
            let head = base.sub(2);
            let params = (*(*(*head).as_ptr::<Closure>()).proto).params;
            base.sub(4 + params as usize + ((*head).tag >> 32) as usize)
        }
    }

    /// Enters the function of varying arguments at `f` past its first instruction, as `vararg_prep` would leave
    /// it, and gives its register 0; null when that takes more.
    ///
    /// # Safety
    /// `f` is a slot with a Lua function, with `given` arguments two slots above; there is room for its registers.
    #[inline(never)]
    pub(crate) unsafe fn enter_vararg(&mut self, f: *mut Slot, given: usize, wanted: u64, link: u64) -> *mut Slot {
        // SAFETY: by contract; room for the arguments is checked.
        unsafe {
            let proto = (*(*f).as_ptr::<Closure>()).proto;
            let params = (*proto).params as usize;
            let extra = given.saturating_sub(params);
            let shift = params + extra + 2;
            let old = f.add(2);
            let new = old.add(shift);
            if new.add((*proto).max_stack as usize) > self.limit || *(*proto).code as u8 != Op::VarargPrep as u8 {
                return std::ptr::null_mut();
            }
            (*new.sub(2)).payload = (*f).payload;
            (*new.sub(2)).tag = tag::CLOSURE | wanted << 16 | VARARG_ONLY | (extra as u64) << 32;
            (*new.sub(1)).payload = 0;
            (*new.sub(1)).tag = link + ((shift as u64) << 32);
            // What stays behind is a value for whoever scans the registers.
            *old.sub(1) = Slot::NIL;
            for n in 0..params {
                if n < given {
                    *new.add(n) = Slot::read(old.add(n));
                } else {
                    (*old.add(n)).tag = tag::NIL;
                    (*new.add(n)).tag = tag::NIL;
                }
            }
            new
        }
    }

    /// The loop; `MODE` is one of the three above.
    #[allow(clippy::cognitive_complexity)]
    fn run<const MODE: u8>(&mut self) -> Flow {
        // SAFETY: see the head of the module.
        unsafe {
            let mut base: *mut Slot;
            let mut k: *const Slot;
            let mut code: *mut u32;
            let mut pc: *mut u32;
            let mut caches: *mut Cache;
            let attention = self.attention_ptr();
            let mut rounds = tier::ROUNDS;

            // Goes on at instruction `$at` of a function.
            macro_rules! run_code {
                ($proto:expr, $at:expr) => {{
                    let proto = $proto;
                    code = (*proto).code;
                    k = (*proto).constants;
                    caches = (*proto).caches;
                    pc = code.add($at);
                }};
            }
            macro_rules! reload {
                () => {{
                    let thread = &*self.thread;
                    base = thread.stack.add(thread.base as usize);
                    let callee = *base.sub(2);
                    if callee.tag & 0xff != tag::CLOSURE || (MODE == HOOKS) != (thread.hook_state != 0) {
                        return Flow::Reload;
                    }
                    let proto = (*callee.as_ptr::<Closure>()).proto;
                    if MODE == PLAIN && Vm::is_native(proto) {
                        return Flow::Reload;
                    }
                    run_code!(proto, thread.pc as usize);
                }};
            }
            macro_rules! sync {
                () => {{
                    let thread = &mut *self.thread;
                    thread.base = base.offset_from(thread.stack) as u32;
                    thread.pc = pc.offset_from(code) as u32;
                }};
            }
            macro_rules! slow {
                ($e:expr) => {{
                    sync!();
                    let result = $e;
                    match self.settle(result) {
                        Flow::Next => {}
                        Flow::Reload => {
                            reload!();
                            continue;
                        }
                        Flow::Done => return Flow::Done,
                    }
                }};
            }
            macro_rules! r {
                ($i:expr) => {
                    base.add($i)
                };
            }
            macro_rules! extra {
                () => {{
                    let e = *pc;
                    pc = pc.add(1);
                    e
                }};
            }
            macro_rules! set_int {
                ($d:expr, $v:expr) => {{
                    let d = $d;
                    (*d).payload = $v as u64;
                    (*d).tag = tag::INT;
                }};
            }
            macro_rules! set_float {
                ($d:expr, $v:expr) => {{
                    let d = $d;
                    (*d).payload = ($v).to_bits();
                    (*d).tag = tag::FLOAT;
                }};
            }
            macro_rules! set {
                ($d:expr, $v:expr) => {{
                    let (d, v): (*mut Slot, Slot) = ($d, $v);
                    (*d).payload = v.payload;
                    (*d).tag = v.tag;
                }};
            }
            // Something may have been allocated; any register may be in use.
            macro_rules! allocated {
                () => {
                    if self.heap.debt >= 0 {
                        slow!(self.collect_anywhere());
                    }
                };
            }
            // Registers from `$live` on hold nothing that is needed any more.
            macro_rules! safepoint {
                ($live:expr) => {
                    if self.heap.debt >= 0 {
                        slow!(self.collect_at(base, $live));
                    }
                };
            }
            // A loop goes round.
            macro_rules! poll {
                () => {
                    if MODE == PLAIN {
                        rounds -= 1;
                        if rounds == 0 {
                            rounds = tier::ROUNDS;
                            slow!(Ok(self.warm_top(tier::ROUNDS)));
                        }
                    }
                    if (*attention).load(Ordering::Relaxed) != 0 {
                        slow!(self.attend_at_jump());
                    }
                };
            }
            // From now on the instruction is done in another form.
            macro_rules! quicken {
                ($i:expr, $form:expr) => {
                    if MODE == PLAIN {
                        *pc.sub(1) = word::with_form($i, $form);
                    }
                };
            }
            macro_rules! float_first {
                ($i:expr, $x:expr, $y:expr, $event:expr, $int:ident, $op:tt) => {{
                    let (x, y) = ($x, $y);
                    if (*x).tag == tag::FLOAT && (*y).tag == tag::FLOAT {
                        let v = (*x).as_float() $op (*y).as_float();
                        set_float!(r!(a($i)), v);
                    } else {
                        arith!($i, x, y, $event, $int, $op, ());
                    }
                }};
            }
            macro_rules! arith {
                ($i:expr, $x:expr, $y:expr, $event:expr, $int:ident, $op:tt) => {
                    arith!($i, $x, $y, $event, $int, $op, ())
                };
                ($i:expr, $x:expr, $y:expr, $event:expr, $int:ident, $op:tt, $floats:expr) => {{
                    let (x, y) = ($x, $y);
                    if (*x).tag == tag::INT && (*y).tag == tag::INT {
                        let v = (*x).as_int().$int((*y).as_int());
                        set_int!(r!(a($i)), v);
                    } else if (*x).tag == tag::FLOAT && (*y).tag == tag::FLOAT {
                        $floats;
                        let v = (*x).as_float() $op (*y).as_float();
                        set_float!(r!(a($i)), v);
                    } else if let (Some(p), Some(q)) = (arith::to_float(*x), arith::to_float(*y)) {
                        set_float!(r!(a($i)), p $op q);
                    } else {
                        slow!(self.arith_slow($event, *x, *y, $i));
                    }
                }};
            }
            macro_rules! division {
                ($i:expr, $x:expr, $y:expr, $event:expr, $int:path, |$p:ident, $q:ident| $float:expr) => {{
                    let (x, y) = ($x, $y);
                    if (*x).tag == tag::INT && (*y).tag == tag::INT && (*y).payload != 0 {
                        let v = $int((*x).as_int(), (*y).as_int());
                        set_int!(r!(a($i)), v);
                    } else if (*x).tag == tag::FLOAT && (*y).tag == tag::FLOAT {
                        let ($p, $q) = ((*x).as_float(), (*y).as_float());
                        set_float!(r!(a($i)), $float);
                    } else {
                        slow!(self.arith_slow($event, *x, *y, $i));
                    }
                }};
            }
            macro_rules! float_arith {
                ($i:expr, $x:expr, $y:expr, $event:expr, |$p:ident, $q:ident| $float:expr) => {{
                    let (x, y) = ($x, $y);
                    if let (Some($p), Some($q)) = (arith::to_float(*x), arith::to_float(*y)) {
                        set_float!(r!(a($i)), $float);
                    } else {
                        slow!(self.arith_slow($event, *x, *y, $i));
                    }
                }};
            }
            macro_rules! bits {
                ($i:expr, $x:expr, $y:expr, $event:expr, |$p:ident, $q:ident| $value:expr) => {{
                    let (x, y) = ($x, $y);
                    if (*x).tag == tag::INT && (*y).tag == tag::INT {
                        let ($p, $q) = ((*x).as_int(), (*y).as_int());
                        set_int!(r!(a($i)), $value);
                    } else {
                        slow!(self.arith_slow($event, *x, *y, $i));
                    }
                }};
            }
            macro_rules! jump_if {
                ($cond:expr, $i:expr) => {{
                    let holds = $cond;
                    let e = *pc as i32;
                    pc = pc.add(1);
                    if holds == (c($i) != 0) {
                        pc = pc.offset(e as isize);
                    }
                }};
            }
            macro_rules! compare {
                ($i:expr, $x:expr, $y:expr, $event:expr, $op:tt, $mixed:path, $floats:expr) => {{
                    let (x, y): (Slot, Slot) = ($x, $y);
                    if x.tag == tag::INT && y.tag == tag::INT {
                        jump_if!(x.as_int() $op y.as_int(), $i);
                    } else if x.tag == tag::FLOAT && y.tag == tag::FLOAT {
                        $floats;
                        jump_if!(x.as_float() $op y.as_float(), $i);
                    } else if let Some(holds) = $mixed(x, y) {
                        jump_if!(holds, $i);
                    } else {
                        slow!(self.compare_slow($event, x, y));
                    }
                }};
            }
            macro_rules! compare_floats_first {
                ($i:expr, $event:expr, $op:tt, $mixed:path) => {{
                    let (x, y) = (r!(a($i)), r!(b($i)));
                    if (*x).tag == tag::FLOAT && (*y).tag == tag::FLOAT {
                        jump_if!((*x).as_float() $op (*y).as_float(), $i);
                    } else {
                        compare!($i, *x, *y, $event, $op, $mixed, ());
                    }
                }};
            }
            macro_rules! compare_imm {
                ($i:expr, $op:tt) => {{
                    let x = r!(a($i));
                    let n = sb($i);
                    if (*x).tag == tag::INT {
                        jump_if!((*x).as_int() $op n, $i);
                    } else if (*x).tag == tag::FLOAT {
                        jump_if!((*x).as_float() $op n as f64, $i);
                    } else {
                        slow!(self.compare_imm_slow(*x, $i));
                    }
                }};
            }
            // What the cache's holder has, if it is there still.
            macro_rules! get_held {
                ($cache:expr, $dst:expr) => {{
                    let h = (*$cache).holder;
                    if (*h).header.aux == (*$cache).next_shape {
                        let v = table::prop_get(h, (*$cache).slot as usize);
                        if v.tag != tag::NIL {
                            set!($dst, v);
                            pc = pc.add(1);
                            continue;
                        }
                    }
                }};
            }
            macro_rules! get_field {
                ($i:expr, $object:expr, $dst:expr) => {{
                    let object: Slot = $object;
                    let e = *pc;
                    let cache = caches.add((e & 0xffff) as usize);
                    if object.tag == tag::TABLE {
                        let t = object.as_ptr::<Table>();
                        if (*t).header.aux == (*cache).shape {
                            if (*cache).kind == cache::kind::OWN {
                                let v = table::prop_get(t, (*cache).slot as usize);
                                if v.tag != tag::NIL
                                    || (*t).meta.is_null()
                                    || (*cache).next_shape == cache::REST_KNOWN && (*cache).epoch == self.heap.meta_epoch
                                {
                                    set!($dst, v);
                                    pc = pc.add(1);
                                    continue;
                                }
                            } else if (*cache).epoch == self.heap.meta_epoch {
                                if (*cache).kind == cache::kind::CHAIN {
                                    get_held!(cache, $dst);
                                } else if (*cache).kind == cache::kind::ABSENT {
                                    (*$dst).tag = tag::NIL;
                                    pc = pc.add(1);
                                    continue;
                                }
                            }
                        } else if (*cache).kind == cache::kind::MEGAMORPHIC {
                            let key = (*k.add((e >> 16) as usize)).as_ptr();
                            if self.heap.look_up(t, key, $dst) {
                                pc = pc.add(1);
                                continue;
                            }
                        }
                    } else if (*cache).kind == cache::kind::OF_STRING
                        && object.tag == tag::STRING
                        && (*cache).epoch == self.heap.meta_epoch
                    {
                        get_held!(cache, $dst);
                    }
                    slow!(self.get_field_slow(object, *k.add((e >> 16) as usize), cache, $dst));
                    pc = pc.add(1);
                }};
            }
            macro_rules! set_field {
                ($object:expr, $value:expr) => {{
                    let object: Slot = $object;
                    let e = *pc;
                    let cache = caches.add((e & 0xffff) as usize);
                    let value: Slot = $value;
                    if object.tag == tag::TABLE {
                        let t = object.as_ptr::<Table>();
                        if (*t).header.aux == (*cache).shape && (*cache).kind == cache::kind::OWN {
                            let slot = (*cache).slot as usize;
                            if (*t).meta.is_null()
                                || table::prop_get(t, slot).tag != tag::NIL
                                || (*cache).next_shape == cache::REST_KNOWN && (*cache).epoch == self.heap.meta_epoch
                            {
                                table::prop_set(t, slot, value);
                                self.heap.barrier(t.cast(), value);
                                pc = pc.add(1);
                                continue;
                            }
                        }
                    }
                    slow!(self.set_field_slow(object, *k.add((e >> 16) as usize), value, cache));
                    pc = pc.add(1);
                    allocated!();
                }};
            }

            // Values from `$first` on: so many as operand b says, or up to the top.
            macro_rules! count {
                ($i:expr, $first:expr) => {
                    if b($i) != 0 {
                        b($i) - 1
                    } else {
                        let thread = &*self.thread;
                        thread.top as usize - $first.offset_from(thread.stack) as usize
                    }
                };
            }
            // Whether a function can begin at `$base` in this loop at once; counts the call.
            macro_rules! may_enter {
                ($proto:expr, $base:expr) => {
                    $base.add((*$proto).max_stack as usize) <= self.limit
                        && (*attention).load(Ordering::Relaxed) == 0
                        && {
                            (*$proto).heat = (*$proto).heat.saturating_sub(1);
                            (*$proto).heat != 0
                        }
                };
            }
            // Enters the Lua function at `$f` with arguments from `$f + 2`, if nothing is special about it.
            macro_rules! call_lua {
                ($f:expr, $distance:expr, $given:expr, $wanted:expr) => {{
                    let f = $f;
                    if (*f).tag == tag::CLOSURE {
                        let proto = (*(*f).as_ptr::<Closure>()).proto;
                        let nb = f.add(2);
                        if MODE != HOOKS && may_enter!(proto, nb) {
                            let mut n: usize = $given;
                            if (*proto).is_vararg != 0 {
                                let link = stack::link(pc.offset_from(code) as u32, $distance as u32 + 2);
                                let entered = self.enter_vararg(f, n, $wanted as u64, link);
                                if !entered.is_null() {
                                    base = entered;
                                    run_code!(proto, 1);
                                    continue;
                                }
                            } else {
                                (*f).tag = tag::CLOSURE | ($wanted as u64) << 16;
                                (*nb.sub(1)).payload = 0;
                                (*nb.sub(1)).tag = stack::link(pc.offset_from(code) as u32, $distance as u32 + 2);
                                while n < (*proto).params as usize {
                                    (*nb.add(n)).tag = tag::NIL;
                                    n += 1;
                                }
                                base = nb;
                                run_code!(proto, 0);
                                continue;
                            }
                        }
                    }
                }};
            }
            // Goes back to the Lua function that called this one.
            macro_rules! pop_frame {
                () => {
                    pop_frame!((*base.sub(1)).tag)
                };
                ($link:expr) => {{
                    let link: u64 = $link;
                    base = base.sub((link >> 32) as usize);
                    let proto = (*(*base.sub(2)).as_ptr::<Closure>()).proto;
                    if MODE == PLAIN && Vm::is_native(proto) {
                        return self.leave_to_native(base, link as u32);
                    }
                    run_code!(proto, link as u32 as usize);
                    continue;
                }};
            }

            // An element of the array of r[b] at the integer r[c].
            macro_rules! get_at {
                ($i:expr) => {{
                    let (o, key) = (r!(b($i)), r!(c($i)));
                    if (*o).tag == tag::TABLE && (*key).tag == tag::INT {
                        let t = (*o).as_ptr::<Table>();
                        let index = (*key).payload.wrapping_sub(1);
                        if index < u64::from((*t).array_len) {
                            let v = table::array_get(t, index as usize);
                            if v.tag != tag::NIL {
                                set!(r!(a($i)), v);
                                continue;
                            }
                        }
                    }
                }};
            }
            macro_rules! set_at {
                ($i:expr, $v:expr) => {{
                    let (o, key) = (r!(b($i)), r!(c($i)));
                    let v: Slot = $v;
                    if (*o).tag == tag::TABLE && (*key).tag == tag::INT {
                        let t = (*o).as_ptr::<Table>();
                        let index = (*key).payload.wrapping_sub(1);
                        if index < u64::from((*t).array_len)
                            && v.tag != tag::NIL
                            && ((*t).meta.is_null() || table::array_get(t, index as usize).tag != tag::NIL)
                        {
                            table::array_set(t, index as usize, v);
                            self.heap.barrier(t.cast(), v);
                            continue;
                        }
                        if table::append_fast(t, index, v) {
                            self.heap.barrier(t.cast(), v);
                            continue;
                        }
                    }
                }};
            }
            // The table r[b] at the string r[c], by `$do`; what `$then` says comes after success.
            macro_rules! by_name {
                ($i:expr, |$t:ident, $key:ident| $do:expr, $then:expr) => {{
                    let (o, key) = (r!(b($i)), r!(c($i)));
                    if (*o).tag == tag::TABLE && (*key).tag == tag::STRING {
                        let ($t, $key) = ((*o).as_ptr(), (*key).as_ptr());
                        if $do {
                            $then;
                            continue;
                        }
                    }
                }};
            }
            macro_rules! get_by_name {
                ($i:expr, $then:expr) => {
                    by_name!($i, |t, key| self.get_by_name(t, key, r!(a($i))), $then)
                };
            }
            macro_rules! set_by_name {
                ($i:expr, $then:expr) => {
                    by_name!($i, |t, key| self.set_by_name(t, key, Slot::read(r!(a($i)))), $then)
                };
            }
            // Calls what r[a] is.
            macro_rules! call {
                ($i:expr) => {{
                    let f = r!(a($i));
                    call_lua!(f, a($i), count!($i, f.add(2)), c($i));
                    slow!(self.call_slow(a($i), count!($i, f.add(2)) as u32, c($i) as u8));
                    if c($i) != 0 {
                        safepoint!(a($i) + c($i) - 1);
                    }
                }};
            }

            let mut under_way = false;
            reload!();
            loop {
                if MODE == ONE && std::mem::replace(&mut under_way, true) {
                    sync!();
                    return Flow::Next;
                }
                let i = *pc;
                pc = pc.add(1);
                if MODE == HOOKS && !self.only_counts() {
                    slow!(self.instruction_hook(i));
                }
                let mut byte = i as u8;
                if u32::from(byte) & BREAKPOINT != 0 {
                    slow!(self.at_breakpoint());
                    byte &= !BREAKPOINT as u8;
                }
                // SAFETY: the verifier accepted only instructions of the table; this loop puts quick forms of them.
                let form = std::mem::transmute::<u8, Form>(byte);
                match form {
                    Form::Move => {
                        set!(r!(a(i)), Slot::read(r!(b(i))));
                    }
                    Form::MoveMove => {
                        set!(r!(a(i)), Slot::read(r!(b(i))));
                        if MODE == PLAIN {
                            let i = extra!();
                            set!(r!(a(i)), Slot::read(r!(b(i))));
                        }
                    }
                    Form::LoadInt => set_int!(r!(a(i)), (i as i32 >> 16) as i64),
                    Form::LoadFloat => set_float!(r!(a(i)), (i as i32 >> 16) as f64),
                    Form::LoadK => set!(r!(a(i)), Slot::read(k.add((i >> 16) as usize))),
                    Form::LoadKX => {
                        let e = extra!();
                        *r!(a(i)) = Slot::read(k.add(e as usize));
                    }
                    Form::LoadNil => {
                        for n in 0..=b(i) {
                            (*r!(a(i) + n)).tag = tag::NIL;
                        }
                    }
                    Form::LoadTrue => (*r!(a(i))).tag = tag::TRUE,
                    Form::LoadFalse => (*r!(a(i))).tag = tag::FALSE,
                    Form::LoadFalseSkip => {
                        (*r!(a(i))).tag = tag::FALSE;
                        pc = pc.add(1);
                    }
                    Form::GetUpvalue => {
                        let closure = (*base.sub(2)).as_ptr::<Closure>();
                        let upvalue: *mut Upvalue = *(*closure).upvalues.add(b(i));
                        set!(r!(a(i)), Slot::read((*upvalue).location));
                    }
                    Form::SetUpvalue => {
                        let closure = (*base.sub(2)).as_ptr::<Closure>();
                        let upvalue: *mut Upvalue = *(*closure).upvalues.add(b(i));
                        let v = Slot::read(r!(a(i)));
                        *(*upvalue).location = v;
                        self.heap.barrier(upvalue.cast(), v);
                    }
                    Form::GetUpTable => {
                        let closure = (*base.sub(2)).as_ptr::<Closure>();
                        let upvalue: *mut Upvalue = *(*closure).upvalues.add(b(i));
                        get_field!(i, *(*upvalue).location, r!(a(i)));
                    }
                    Form::SetUpTable => {
                        let closure = (*base.sub(2)).as_ptr::<Closure>();
                        let upvalue: *mut Upvalue = *(*closure).upvalues.add(b(i));
                        set_field!(*(*upvalue).location, Slot::read(r!(a(i))));
                    }
                    Form::SetUpTableK => {
                        let closure = (*base.sub(2)).as_ptr::<Closure>();
                        let upvalue: *mut Upvalue = *(*closure).upvalues.add(b(i));
                        set_field!(*(*upvalue).location, Slot::read(k.add(c(i))));
                    }
                    Form::GetField => get_field!(i, *r!(b(i)), r!(a(i))),
                    Form::SetField => set_field!(*r!(b(i)), Slot::read(r!(a(i)))),
                    Form::SetFieldK => set_field!(*r!(b(i)), Slot::read(k.add(c(i)))),
                    Form::Method => {
                        let object = Slot::read(r!(b(i)));
                        *r!(a(i) + 2) = object;
                        get_field!(i, object, r!(a(i)));
                    }
                    Form::GetIndex => {
                        get_at!(i);
                        get_by_name!(i, quicken!(i, Form::GetIndexName));
                        slow!(self.get_index_slow(*r!(b(i)), *r!(c(i)), a(i)));
                    }
                    Form::GetIndexName => {
                        get_by_name!(i, ());
                        get_at!(i);
                        slow!(self.get_index_slow(*r!(b(i)), *r!(c(i)), a(i)));
                    }
                    Form::SetIndex => {
                        set_at!(i, Slot::read(r!(a(i))));
                        set_by_name!(i, quicken!(i, Form::SetIndexName));
                        slow!(self.set_index_slow(*r!(b(i)), *r!(c(i)), *r!(a(i))));
                        allocated!();
                    }
                    Form::SetIndexName => {
                        set_by_name!(i, ());
                        set_at!(i, Slot::read(r!(a(i))));
                        slow!(self.set_index_slow(*r!(b(i)), *r!(c(i)), *r!(a(i))));
                        allocated!();
                    }
                    Form::SetIndexK => {
                        set_at!(i, Slot::read(k.add(a(i))));
                        slow!(self.set_index_slow(*r!(b(i)), *r!(c(i)), *k.add(a(i))));
                        allocated!();
                    }
                    Form::GetInt => {
                        let o = r!(b(i));
                        if (*o).tag == tag::TABLE {
                            let t = (*o).as_ptr::<Table>();
                            let index = (c(i) as u64).wrapping_sub(1);
                            if index < u64::from((*t).array_len) {
                                let v = table::array_get(t, index as usize);
                                if v.tag != tag::NIL {
                                    set!(r!(a(i)), v);
                                    continue;
                                }
                            }
                        }
                        slow!(self.get_index_slow(*o, Slot::int(c(i) as i64), a(i)));
                    }
                    Form::SetInt => {
                        let o = Slot::read(r!(b(i)));
                        let v = Slot::read(r!(a(i)));
                        if o.tag == tag::TABLE {
                            let t = o.as_ptr::<Table>();
                            let index = (c(i) as u64).wrapping_sub(1);
                            if index < u64::from((*t).array_len)
                                && v.tag != tag::NIL
                                && ((*t).meta.is_null() || table::array_get(t, index as usize).tag != tag::NIL)
                            {
                                table::array_set(t, index as usize, v);
                                self.heap.barrier(t.cast(), v);
                                continue;
                            }
                        }
                        slow!(self.set_index_slow(o, Slot::int(c(i) as i64), v));
                    }
                    Form::NewTable => {
                        let e = *pc;
                        slow!(self.new_table_slow(a(i), e, b(i) as u32));
                        pc = pc.add(1);
                        safepoint!(a(i) + 1);
                    }
                    Form::SetList => {
                        slow!(self.set_list(i, *pc));
                        pc = pc.add(1);
                    }
                    Form::Add => arith!(i, r!(b(i)), r!(c(i)), Event::Add, wrapping_add, +, quicken!(i, Form::AddFloats)),
                    Form::AddFloats => float_first!(i, r!(b(i)), r!(c(i)), Event::Add, wrapping_add, +),
                    Form::Sub => arith!(i, r!(b(i)), r!(c(i)), Event::Sub, wrapping_sub, -, quicken!(i, Form::SubFloats)),
                    Form::SubFloats => float_first!(i, r!(b(i)), r!(c(i)), Event::Sub, wrapping_sub, -),
                    Form::Mul => arith!(i, r!(b(i)), r!(c(i)), Event::Mul, wrapping_mul, *, quicken!(i, quick::product(i, *pc))),
                    Form::MulFloats => float_first!(i, r!(b(i)), r!(c(i)), Event::Mul, wrapping_mul, *),
                    Form::MulAddFloats => {
                        let (x, y) = (r!(b(i)), r!(c(i)));
                        if (*x).tag == tag::FLOAT && (*y).tag == tag::FLOAT {
                            let product = (*x).as_float() * (*y).as_float();
                            set_float!(r!(a(i)), product);
                            if MODE == PLAIN {
                                let i = *pc;
                                let (x, y) = (r!(b(i)), r!(c(i)));
                                if (*x).tag == tag::FLOAT && (*y).tag == tag::FLOAT {
                                    pc = pc.add(1);
                                    set_float!(r!(a(i)), (*x).as_float() + (*y).as_float());
                                }
                            }
                        } else {
                            float_first!(i, x, y, Event::Mul, wrapping_mul, *);
                        }
                    }
                    Form::Div => float_arith!(i, r!(b(i)), r!(c(i)), Event::Div, |x, y| x / y),
                    Form::IDiv => division!(i, r!(b(i)), r!(c(i)), Event::IDiv, arith::floor_div, |x, y| (x / y).floor()),
                    Form::Mod => division!(i, r!(b(i)), r!(c(i)), Event::Mod, arith::floor_mod, |x, y| arith::float_mod(x, y)),
                    Form::Pow => float_arith!(i, r!(b(i)), r!(c(i)), Event::Pow, |x, y| arith::power(x, y)),
                    Form::BAnd => bits!(i, r!(b(i)), r!(c(i)), Event::BAnd, |x, y| x & y),
                    Form::BOr => bits!(i, r!(b(i)), r!(c(i)), Event::BOr, |x, y| x | y),
                    Form::BXor => bits!(i, r!(b(i)), r!(c(i)), Event::BXor, |x, y| x ^ y),
                    Form::Shl => bits!(i, r!(b(i)), r!(c(i)), Event::Shl, |x, y| arith::shift_left(x, y)),
                    Form::Shr => bits!(i, r!(b(i)), r!(c(i)), Event::Shr, |x, y| arith::shift_left(x, y.wrapping_neg())),
                    Form::AddK => arith!(i, r!(b(i)), k.add(c(i)), Event::Add, wrapping_add, +, quicken!(i, Form::AddKFloats)),
                    Form::AddKFloats => float_first!(i, r!(b(i)), k.add(c(i)), Event::Add, wrapping_add, +),
                    Form::SubK => arith!(i, r!(b(i)), k.add(c(i)), Event::Sub, wrapping_sub, -, quicken!(i, Form::SubKFloats)),
                    Form::SubKFloats => float_first!(i, r!(b(i)), k.add(c(i)), Event::Sub, wrapping_sub, -),
                    Form::MulK => arith!(i, r!(b(i)), k.add(c(i)), Event::Mul, wrapping_mul, *, quicken!(i, Form::MulKFloats)),
                    Form::MulKFloats => float_first!(i, r!(b(i)), k.add(c(i)), Event::Mul, wrapping_mul, *),
                    Form::DivK => float_arith!(i, r!(b(i)), k.add(c(i)), Event::Div, |x, y| x / y),
                    Form::IDivK => division!(i, r!(b(i)), k.add(c(i)), Event::IDiv, arith::floor_div, |x, y| (x / y).floor()),
                    Form::ModK => division!(i, r!(b(i)), k.add(c(i)), Event::Mod, arith::floor_mod, |x, y| arith::float_mod(x, y)),
                    Form::PowK => float_arith!(i, r!(b(i)), k.add(c(i)), Event::Pow, |x, y| arith::power(x, y)),
                    Form::BAndK => bits!(i, r!(b(i)), k.add(c(i)), Event::BAnd, |x, y| x & y),
                    Form::BOrK => bits!(i, r!(b(i)), k.add(c(i)), Event::BOr, |x, y| x | y),
                    Form::BXorK => bits!(i, r!(b(i)), k.add(c(i)), Event::BXor, |x, y| x ^ y),
                    Form::ShlK => bits!(i, r!(b(i)), k.add(c(i)), Event::Shl, |x, y| arith::shift_left(x, y)),
                    Form::ShrK => bits!(i, r!(b(i)), k.add(c(i)), Event::Shr, |x, y| arith::shift_left(x, y.wrapping_neg())),
                    Form::KAdd => arith!(i, k.add(b(i)), r!(c(i)), Event::Add, wrapping_add, +),
                    Form::KSub => arith!(i, k.add(b(i)), r!(c(i)), Event::Sub, wrapping_sub, -),
                    Form::KMul => arith!(i, k.add(b(i)), r!(c(i)), Event::Mul, wrapping_mul, *),
                    Form::KDiv => float_arith!(i, k.add(b(i)), r!(c(i)), Event::Div, |x, y| x / y),
                    Form::AddImm => {
                        let x = r!(b(i));
                        if (*x).tag == tag::INT {
                            set_int!(r!(a(i)), (*x).as_int().wrapping_add(sc(i)));
                        } else if (*x).tag == tag::FLOAT {
                            set_float!(r!(a(i)), (*x).as_float() + sc(i) as f64);
                        } else {
                            slow!(self.arith_slow(Event::Add, *x, Slot::int(sc(i)), i));
                        }
                    }
                    Form::SubImm => {
                        let x = r!(b(i));
                        if (*x).tag == tag::INT {
                            set_int!(r!(a(i)), (*x).as_int().wrapping_sub(sc(i)));
                        } else if (*x).tag == tag::FLOAT {
                            set_float!(r!(a(i)), (*x).as_float() - sc(i) as f64);
                        } else {
                            slow!(self.arith_slow(Event::Sub, *x, Slot::int(sc(i)), i));
                        }
                    }
                    Form::Neg => {
                        let x = r!(b(i));
                        if (*x).tag == tag::INT {
                            set_int!(r!(a(i)), (*x).as_int().wrapping_neg());
                        } else if (*x).tag == tag::FLOAT {
                            set_float!(r!(a(i)), -(*x).as_float());
                        } else {
                            slow!(self.arith_slow(Event::Unm, *x, *x, i));
                        }
                    }
                    Form::BNot => {
                        let x = r!(b(i));
                        if (*x).tag == tag::INT {
                            set_int!(r!(a(i)), !(*x).as_int());
                        } else {
                            slow!(self.arith_slow(Event::BNot, *x, *x, i));
                        }
                    }
                    Form::Not => {
                        let falsy = (*r!(b(i))).is_falsy();
                        (*r!(a(i))).tag = if falsy { tag::TRUE } else { tag::FALSE };
                    }
                    Form::Len => {
                        let x = r!(b(i));
                        if (*x).tag == tag::TABLE && (*(*x).as_ptr::<Table>()).meta.is_null() {
                            set_int!(r!(a(i)), table::len((*x).as_ptr()));
                        } else if (*x).tag == tag::STRING {
                            set_int!(r!(a(i)), (*(*x).as_ptr::<Str>()).len);
                        } else {
                            slow!(self.len_slow(*x, a(i)));
                        }
                    }
                    Form::Concat => {
                        slow!(self.concat(a(i), b(i)));
                        safepoint!(a(i) + 1);
                    }
                    Form::Jump => pc = pc.offset((i as i32 >> 8) as isize),
                    Form::Loop => {
                        pc = pc.offset((i as i32 >> 8) as isize);
                        poll!();
                    }
                    Form::Eq => {
                        let (x, y) = (*r!(a(i)), *r!(b(i)));
                        match slow::equal_fast(x, y) {
                            Some(holds) => jump_if!(holds, i),
                            None => slow!(self.equal_slow(x, y)),
                        }
                    }
                    Form::EqK => {
                        let (x, y) = (*r!(a(i)), *k.add(b(i)));
                        if y.tag == tag::STRING && string::is_short(y.as_ptr()) {
                            quicken!(i, Form::EqKShort);
                        }
                        jump_if!(slow::equal_raw(x, y), i);
                    }
                    Form::EqKShort => {
                        let (x, y) = (r!(a(i)), k.add(b(i)));
                        jump_if!((*x).tag == tag::STRING && (*x).payload == (*y).payload, i);
                    }
                    Form::EqImm => {
                        let x = r!(a(i));
                        let n = sb(i);
                        let holds = if (*x).tag == tag::INT {
                            (*x).as_int() == n
                        } else {
                            (*x).tag == tag::FLOAT && (*x).as_float() == n as f64
                        };
                        jump_if!(holds, i);
                    }
                    Form::Lt => compare!(i, *r!(a(i)), *r!(b(i)), Event::Lt, <, arith::less, quicken!(i, Form::LtFloats)),
                    Form::LtFloats => compare_floats_first!(i, Event::Lt, <, arith::less),
                    Form::Le => compare!(i, *r!(a(i)), *r!(b(i)), Event::Le, <=, arith::less_equal, quicken!(i, Form::LeFloats)),
                    Form::LeFloats => compare_floats_first!(i, Event::Le, <=, arith::less_equal),
                    Form::LtImm => compare_imm!(i, <),
                    Form::LeImm => compare_imm!(i, <=),
                    Form::GtImm => compare_imm!(i, >),
                    Form::GeImm => compare_imm!(i, >=),
                    Form::Test => jump_if!(!(*r!(a(i))).is_falsy(), i),
                    Form::TestSet => {
                        let v = Slot::read(r!(b(i)));
                        let e = extra!() as i32;
                        if v.is_falsy() != (c(i) != 0) {
                            *r!(a(i)) = v;
                            pc = pc.offset(e as isize);
                        }
                    }
                    Form::ForPrep => {
                        let e = *pc as i32;
                        let f = r!(a(i));
                        match arith::for_start(*f, *f.add(1), *f.add(2)) {
                            arith::ForStart::Int(start, rounds, step) => {
                                set_int!(f, start);
                                set_int!(f.add(1), rounds);
                                set_int!(f.add(2), step);
                                set_int!(f.add(3), start);
                                pc = pc.add(1);
                            }
                            arith::ForStart::Float(start, limit, step) => {
                                set_float!(f, start);
                                set_float!(f.add(1), limit);
                                set_float!(f.add(2), step);
                                set_float!(f.add(3), start);
                                pc = pc.add(1);
                            }
                            arith::ForStart::Skip => pc = pc.add(1).offset(e as isize),
                            _ => slow!(self.for_prep_slow(a(i))),
                        }
                    }
                    Form::ForLoop => {
                        let f = r!(a(i));
                        let e = extra!() as i32;
                        if (*f.add(2)).tag == tag::INT {
                            let rounds = (*f.add(1)).payload;
                            if rounds > 0 {
                                let n = (*f).as_int().wrapping_add((*f.add(2)).as_int());
                                (*f.add(1)).payload = rounds - 1;
                                (*f).payload = n as u64;
                                set_int!(f.add(3), n);
                                pc = pc.offset(e as isize);
                                poll!();
                            }
                        } else {
                            let step = (*f.add(2)).as_float();
                            let n = (*f).as_float() + step;
                            let limit = (*f.add(1)).as_float();
                            if if step > 0.0 { n <= limit } else { limit <= n } {
                                (*f).payload = n.to_bits();
                                set_float!(f.add(3), n);
                                pc = pc.offset(e as isize);
                                poll!();
                            }
                        }
                    }
                    Form::TForPrep => {
                        let e = *pc as i32;
                        if !(*r!(a(i) + 3)).is_falsy() {
                            slow!(self.mark_tbc(a(i) + 3));
                        }
                        pc = pc.add(1).offset(e as isize);
                    }
                    Form::TForCall => {
                        let f = r!(a(i));
                        if MODE != HOOKS && self.iterate(f, c(i)) {
                            continue;
                        }
                        *f.add(4) = Slot::read(f);
                        *f.add(6) = Slot::read(f.add(1));
                        *f.add(7) = Slot::read(f.add(2));
                        call_lua!(f.add(4), a(i) + 4, 2, c(i) + 1);
                        slow!(self.call_slow(a(i) + 4, 2, c(i) as u8 + 1));
                        safepoint!(a(i) + 4 + c(i));
                    }
                    Form::TForLoop => {
                        let f = r!(a(i));
                        let e = extra!() as i32;
                        if (*f.add(4)).tag != tag::NIL {
                            *f.add(2) = Slot::read(f.add(4));
                            pc = pc.offset(e as isize);
                            poll!();
                        }
                    }
                    Form::Call => {
                        let f = r!(a(i));
                        if (*f).tag == tag::NATIVE && b(i) != 0 && (1..=usize::from(MOST_WANTED)).contains(&c(i)) && self.leaf_of(*f).is_some() {
                            quicken!(i, Form::CallLeaf);
                        }
                        call!(i);
                    }
                    Form::CallLeaf => {
                        let f = r!(a(i));
                        if MODE == PLAIN
                            && (*f).tag == tag::NATIVE
                            && self.call_leaf(f, b(i) as u32 - 1, c(i) as u8)
                        {
                            safepoint!(a(i) + c(i) - 1);
                            continue;
                        }
                        call!(i);
                    }
                    Form::TailCall => {
                        let f = r!(a(i));
                        let head = base.sub(2);
                        if (*f).tag == tag::CLOSURE && c(i) == 0 && (*head).tag & SPECIAL == 0 {
                            let proto = (*(*f).as_ptr::<Closure>()).proto;
                            if MODE == PLAIN && (*proto).is_vararg == 0 && may_enter!(proto, base) {
                                let given = count!(i, f.add(2));
                                (*head).payload = (*f).payload;
                                (*head).tag |= (stack::flag::TAIL as u64) << 24;
                                (*base.sub(1)).payload = 0;
                                for n in 0..given.min((*proto).params as usize) {
                                    *base.add(n) = Slot::read(f.add(2 + n));
                                }
                                for n in given..(*proto).params as usize {
                                    (*base.add(n)).tag = tag::NIL;
                                }
                                run_code!(proto, 0);
                                continue;
                            }
                        }
                        slow!(self.tail_call(i));
                    }
                    Form::Return => {
                        let head = (*base.sub(2)).tag;
                        if (head & SPECIAL == 0 || head & SPECIAL == VARARG_ONLY) && c(i) == 0 {
                            let given = count!(i, r!(a(i)));
                            let wanted = (head >> 16 & 0xff) as usize;
                            let target = if head & SPECIAL == 0 { base.sub(2) } else { Vm::vararg_result(base) };
                            let count = if wanted == 0 { given } else { wanted - 1 };
                            // The link stands where the second result goes.
                            let link = (*base.sub(1)).tag;
                            for n in 0..given.min(count) {
                                *target.add(n) = Slot::read(r!(a(i) + n));
                            }
                            for n in given..count {
                                (*target.add(n)).tag = tag::NIL;
                            }
                            if wanted == 0 {
                                let thread = &mut *self.thread;
                                thread.top = target.add(count).offset_from(thread.stack) as u32;
                            }
                            pop_frame!(link);
                        }
                        slow!(self.return_slow(i));
                    }
                    Form::Return0 => {
                        let head = (*base.sub(2)).tag;
                        if head & SPECIAL == 0 && head & 0xff_0000 == 1 << 16 {
                            pop_frame!();
                        }
                        slow!(self.return_values(0, 0));
                    }
                    Form::Return1 => {
                        let head = (*base.sub(2)).tag;
                        if head & SPECIAL == 0 || head & SPECIAL == VARARG_ONLY {
                            let wanted = head >> 16 & 0xff;
                            if wanted <= 2 {
                                let target = if head & SPECIAL == 0 { base.sub(2) } else { Vm::vararg_result(base) };
                                if wanted != 1 {
                                    *target = Slot::read(r!(a(i)));
                                }
                                if wanted == 0 {
                                    let thread = &mut *self.thread;
                                    thread.top = target.add(1).offset_from(thread.stack) as u32;
                                }
                                pop_frame!();
                            }
                        }
                        slow!(self.return_values(a(i), 1));
                    }
                    Form::Vararg => {
                        let head = (*base.sub(2)).tag;
                        if c(i) != 0 && head >> 24 & stack::flag::VARARG as u64 != 0 {
                            let (available, wanted) = ((head >> 32) as usize, c(i) - 1);
                            let source = base.sub(2 + available);
                            for n in 0..wanted.min(available) {
                                *r!(a(i) + n) = Slot::read(source.add(n));
                            }
                            for n in available..wanted {
                                (*r!(a(i) + n)).tag = tag::NIL;
                            }
                            continue;
                        }
                        slow!(self.varargs(a(i), c(i)));
                    }
                    Form::VarargPrep => {
                        slow!(self.vararg_prep());
                        reload!();
                    }
                    Form::Closure => {
                        slow!(self.new_closure(a(i), (i >> 16) as usize));
                        safepoint!(a(i) + 1);
                    }
                    Form::Close => slow!(self.close_from(a(i))),
                    Form::Tbc => slow!(self.mark_tbc(a(i))),
                }
            }
        }
    }
}
