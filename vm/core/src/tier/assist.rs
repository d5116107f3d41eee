//! Instructions that compiled code has done for it without being left.
//!
//! Each function does one instruction of the frame on top, whose word is `i` and whose second word is `e`, runs no
//! Lua, does not collect, and drops no code. It answers 0 when that is not possible: then it has changed nothing that
//! matters when the instruction is interpreted.
//!
//! `unsafe`: they are called by compiled code, which gives them the machine and register 0 of the frame on top.
#![allow(unsafe_code)]

use crate::arith::{self, ForStart};
use crate::cache::{self, Cache};
use crate::heap::Heap;
use crate::interp::slow::can_concat;
use crate::meta::Event;
use crate::object::{Header, Str, Table};
use crate::stack::{self, flag, kind};
use crate::table;
use crate::value::{Slot, tag};
use crate::vm::Vm;

/// Does an instruction; 0 when it has to be interpreted.
pub type Assist = unsafe extern "C" fn(vm: *mut Vm, base: *mut Slot, i: u32, e: u32) -> u64;

/// The kind, and the flags but for those of tail calls and moved frames, in the head of a frame.
const SPECIAL: u64 = 0xff00_ff00 & !(((flag::TAIL | flag::VARARG) as u64) << 24);
const _: () = assert!(kind::LUA == 0);

const fn a(i: u32) -> usize {
    (i >> 8 & 0xff) as usize
}
const fn b(i: u32) -> usize {
    (i >> 16 & 0xff) as usize
}
const fn c(i: u32) -> usize {
    (i >> 24) as usize
}

impl Vm {
    /// The frame at `base` is on top.
    unsafe fn stand_on(&mut self, base: *mut Slot) {
        // SAFETY: `base` lies on the running coroutine's stack.
        unsafe { (*self.thread).base = base.offset_from((*self.thread).stack) as u32 };
    }
}

/// `NewTable`
///
/// # Safety
/// See the head of the module; so for all functions here.
pub unsafe extern "C" fn new_table(vm: *mut Vm, base: *mut Slot, i: u32, e: u32) -> u64 {
    // SAFETY: by contract.
    unsafe {
        let Ok(t) = (*vm).heap.table(e.min(1 << 20), b(i) as u32) else { return 0 };
        *base.add(a(i)) = Slot::object(t, tag::TABLE);
        1
    }
}

/// `SetList`
///
/// # Safety
/// As [`new_table`].
pub unsafe extern "C" fn set_list(vm: *mut Vm, base: *mut Slot, i: u32, e: u32) -> u64 {
    // SAFETY: by contract.
    unsafe {
        (*vm).stand_on(base);
        let top = (*(*vm).thread).top;
        let done = (*vm).set_list(i, e).is_ok();
        if !done {
            (*(*vm).thread).top = top;
        }
        u64::from(done)
    }
}

/// `Concat`, of strings and numbers.
///
/// # Safety
/// As [`new_table`].
pub unsafe extern "C" fn concat(vm: *mut Vm, base: *mut Slot, i: u32, _: u32) -> u64 {
    // SAFETY: by contract.
    unsafe {
        if !(0..b(i)).all(|n| can_concat(*base.add(a(i) + n))) {
            return 0;
        }
        (*vm).stand_on(base);
        u64::from((*vm).concat(a(i), b(i)).is_ok())
    }
}

/// `Closure`
///
/// # Safety
/// As [`new_table`].
pub unsafe extern "C" fn closure(vm: *mut Vm, base: *mut Slot, i: u32, _: u32) -> u64 {
    // SAFETY: by contract.
    unsafe {
        (*vm).stand_on(base);
        u64::from((*vm).new_closure(a(i), (i >> 16) as usize).is_ok())
    }
}

/// `Tbc`
///
/// # Safety
/// As [`new_table`].
pub unsafe extern "C" fn tbc(vm: *mut Vm, base: *mut Slot, i: u32, _: u32) -> u64 {
    // SAFETY: by contract.
    unsafe {
        let value = *base.add(a(i));
        if value.is_falsy() {
            return 1;
        }
        let is_closable = !(*vm).metamethod(value, Event::Close).is_nil();
        u64::from(is_closable && (*vm).push_to_close(base.add(a(i))).is_ok())
    }
}

/// `Close`, when there is no `__close` to call; of an instruction that leaves its frame, with 0 as `e`, all.
///
/// # Safety
/// As [`new_table`].
pub unsafe extern "C" fn close(vm: *mut Vm, base: *mut Slot, _: u32, from: u32) -> u64 {
    // SAFETY: by contract; the list holds indices of live slots.
    unsafe {
        let thread = (*vm).thread;
        let from = base.add(from as usize);
        if (*thread).tbc_len > 0 {
            let last = *(*thread).tbc.add((*thread).tbc_len as usize - 1);
            if (*thread).stack.add(last as usize) >= from {
                return 0;
            }
        }
        stack::close_upvalues(&mut (*vm).heap, thread, from);
        1
    }
}

/// `Vararg`
///
/// # Safety
/// As [`new_table`].
pub unsafe extern "C" fn vararg(vm: *mut Vm, base: *mut Slot, i: u32, _: u32) -> u64 {
    // SAFETY: extra arguments lie below the header of a moved frame; room for them is checked.
    unsafe {
        let head = (*base.sub(2)).tag;
        let available = if head >> 24 & flag::VARARG as u64 != 0 { (head >> 32) as usize } else { 0 };
        let (target, source) = (base.add(a(i)), base.sub(2 + available));
        let wanted = match c(i) {
            0 => {
                let end = target.add(available);
                if end > (*vm).limit {
                    return 0;
                }
                (*(*vm).thread).top = end.offset_from((*(*vm).thread).stack) as u32;
                available
            }
            n => n - 1,
        };
        for n in 0..wanted.min(available) {
            *target.add(n) = Slot::read(source.add(n));
        }
        for n in available..wanted {
            (*target.add(n)).tag = tag::NIL;
        }
        1
    }
}

/// `ForPrep`: 1 when the loop begins, 2 when it has no round.
///
/// # Safety
/// As [`new_table`].
pub unsafe extern "C" fn for_prep(_: *mut Vm, base: *mut Slot, i: u32, _: u32) -> u64 {
    // SAFETY: by contract.
    unsafe {
        let f = base.add(a(i));
        let (start, limit, step) = match arith::for_start(*f, *f.add(1), *f.add(2)) {
            ForStart::Int(start, rounds, step) => (Slot::int(start), Slot::int(rounds as i64), Slot::int(step)),
            ForStart::Float(start, limit, step) => (Slot::float(start), Slot::float(limit), Slot::float(step)),
            ForStart::Skip => return 2,
            _ => return 0,
        };
        *f = start;
        *f.add(1) = limit;
        *f.add(2) = step;
        *f.add(3) = start;
        1
    }
}

/// Moves a frame that a compiled call has just made above its `n` arguments, as `VarargPrep` does, and gives its new
/// register 0.
///
/// # Safety
/// As [`new_table`]; the header is complete.
pub unsafe extern "C" fn enter_vararg(vm: *mut Vm, base: *mut Slot, n: u32) -> *mut Slot {
    // SAFETY: by contract.
    unsafe {
        let f = base.sub(2);
        let (head, link, address) = ((*f).tag, (*base.sub(1)).tag, (*base.sub(1)).payload);
        if head & (SPECIAL | ((flag::TAIL | flag::VARARG) as u64) << 24) != 0 {
            return std::ptr::null_mut();
        }
        let new = (*vm).enter_vararg(f, n as usize, head >> 16 & 0xff, link);
        if !new.is_null() {
            // What stays behind is a value for whoever scans the registers.
            (*f).tag = tag::CLOSURE;
            (*new.sub(1)).payload = address;
        }
        new
    }
}

/// Puts the `n` values from register `first` where the caller wants them, which may overwrite the frame's link; 0
/// when the caller is not a Lua function. With [`ALL`] for `n`, the values up to the top.
///
/// # Safety
/// As [`new_table`].
pub unsafe extern "C" fn deliver(vm: *mut Vm, base: *mut Slot, first: u32, n: u32) -> u64 {
    // SAFETY: by contract; results lie below what they come from.
    unsafe {
        let head = (*base.sub(2)).tag;
        if head & SPECIAL != 0 {
            return 0;
        }
        let thread = (*vm).thread;
        let source = base.add(first as usize);
        let given = match n {
            ALL => (*thread).stack.add((*thread).top as usize).offset_from(source) as usize,
            n => n as usize,
        };
        let is_moved = head >> 24 & flag::VARARG as u64 != 0;
        let target = if is_moved { Vm::vararg_result(base) } else { base.sub(2) };
        let wanted = (head >> 16 & 0xff) as usize;
        let count = if wanted == 0 { given } else { wanted - 1 };
        for n in 0..given.min(count) {
            *target.add(n) = Slot::read(source.add(n));
        }
        for n in given..count {
            (*target.add(n)).tag = tag::NIL;
        }
        if wanted == 0 {
            (*thread).top = target.add(count).offset_from((*thread).stack) as u32;
        }
        1
    }
}

/// Any number of values.
pub const ALL: u32 = u32::MAX;

/// Tells the collector that an object refers to a value.
///
/// # Safety
/// All are live.
pub unsafe extern "C" fn barrier(vm: *mut Vm, object: *mut Header, payload: u64, tag: u64) {
    // SAFETY: by contract.
    unsafe { (*vm).heap.barrier(object, Slot { payload, tag }) };
}

/// `t[key] = value`; 0 when that is an error, or for `__newindex`.
///
/// # Safety
/// All are live.
pub unsafe extern "C" fn put(vm: *mut Vm, t: *mut Table, key: u64, key_tag: u64, payload: u64, tag: u64) -> u64 {
    let (key, value) = (Slot { payload: key, tag: key_tag }, Slot { payload, tag });
    // SAFETY: by contract.
    unsafe {
        let heap = &mut (*vm).heap;
        if key.tag == tag::STRING && !value.is_nil() && heap.look_up_to_set(t, key.as_ptr(), value) {
            return 1;
        }
        u64::from(assign(heap, t, key, value))
    }
}

/// As [`put`], for a field with a string key.
///
/// # Safety
/// All are live.
pub unsafe extern "C" fn put_field(vm: *mut Vm, t: *mut Table, key: *mut Str, payload: u64, tag: u64) -> u64 {
    // SAFETY: by contract.
    unsafe { put(vm, t, key as u64, tag::STRING, payload, tag) }
}

/// As [`put_field`], for a site that adds the key: its record, when that is empty or older than the epoch, is made anew.
///
/// # Safety
/// All are live, and the record is a site's.
pub unsafe extern "C" fn add_field(
    vm: *mut Vm,
    t: *mut Table,
    key: *mut Str,
    payload: u64,
    tag: u64,
    cache: *mut Cache,
) -> u64 {
    let value = Slot { payload, tag };
    // SAFETY: by contract.
    unsafe {
        let heap = &mut (*vm).heap;
        let is_old = (*cache).shape == 0 || (*cache).epoch != heap.meta_epoch;
        if is_old && !value.is_nil() {
            let mut record = Cache { misses: (*cache).misses, ..Cache::EMPTY };
            if heap.cache_set(t, key, &mut record) && record.kind == cache::kind::ADD {
                *cache = record;
                if heap.store_by(&record, t, value) {
                    return 1;
                }
            }
        }
        put_field(vm, t, key, payload, tag)
    }
}

unsafe fn assign(heap: &mut Heap, t: *mut Table, key: Slot, value: Slot) -> bool {
    // SAFETY: by contract.
    unsafe {
        let is_free = (*t).meta.is_null()
            || heap.metamethod((*t).meta, Event::NewIndex).is_nil()
            || !table::get(t, key, heap).is_nil();
        is_free && table::set(heap, t, key, value).is_ok()
    }
}
