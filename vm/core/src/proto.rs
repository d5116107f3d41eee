//! From chunks to code on the heap.
//!
//! The hot part of a function (code, constants, caches) is reached through its
//! [`ProtoObject`]; names, lines and the rest stay in [`Cold`].
//!
//! `unsafe`: the object points into the boxed slices of its `Cold`, which live
//! exactly as long as the object does.
#![allow(unsafe_code)]

use crate::cache::{Cache, Ways};
use crate::interp::quick;
use crate::heap::{Heap, OutOfMemory};
use crate::object::{Header, ProtoObject, Str};
use crate::value::{Slot, tag};
use perilune_isa::{Const, Proto};
use std::collections::HashMap;
use std::sync::Arc;

/// What only errors, tools and dumps ask for, and the storage of the rest.
pub struct Cold {
    /// The function as it was loaded; its children are objects of their own, so the list is empty.
    pub proto: Proto,
    /// Part of the library: shown as a native function.
    pub builtin: bool,
    /// Replaced by a redefinition.
    pub outdated: bool,
    /// The code that runs.
    pub code: Box<[u32]>,
    /// Machine code of the function.
    pub(crate) native: Option<Box<crate::tier::Installed>>,
    /// How often it was compiled again because its fast paths did not fit.
    pub(crate) revision: u8,
    /// What its instructions have seen, once it was compiled.
    pub(crate) seen: Box<[crate::tier::seen::Seen]>,
    /// What sites have seen beyond their caches, by number of the cache; as long as `seen`.
    pub(crate) ways: Box<[Option<Box<Ways>>]>,
    /// How often its machine code has run: calls in the first place, and at the word of each loop's end how often that led
    /// back to the head. Empty unless it was counted, see [`crate::vm::Vm::count_runs`].
    pub(crate) runs: Box<[u64]>,
    /// Whether a tool has shared registers that the function's own closures do not share.
    pub(crate) shares_all: bool,
    /// Whether a closure has its pointers to upvalues elsewhere than behind itself.
    pub(crate) keeps_apart: bool,
    constants: Box<[Slot]>,
    caches: Box<[Cache]>,
    pub(crate) children: Box<[*mut ProtoObject]>,
}

impl Cold {
    /// Bytes of its machine code, and of what that is made from.
    pub(crate) fn native_size(&self) -> usize {
        self.native.as_ref().map_or(0, |installed| installed.length()) + size_of_val(&*self.seen)
            + size_of_val(&*self.ways)
            + self.ways.iter().flatten().count() * size_of::<Ways>()
            + size_of_val(&*self.runs)
    }

    /// Bytes that the code takes outside of the heap's cells, but for names and [`Cold::native_size`].
    pub(crate) fn size(&self) -> usize {
        let proto = &self.proto;
        size_of::<Cold>()
            + size_of_val(&*self.code)
            + size_of_val(&*self.constants) + size_of_val(&*self.caches) + size_of_val(&*self.children)
            + size_of_val(&*proto.code) + size_of_val(&*proto.lines) + size_of_val(&*proto.constants)
            + size_of_val(&*proto.upvalues) + size_of_val(&*proto.locals) + size_of_val(&*proto.named)
    }
}

/// Puts a verified function and its children on the heap.
///
/// # Errors
/// The memory limit.
pub fn load(heap: &mut Heap, proto: Proto, builtin: bool) -> Result<*mut ProtoObject, OutOfMemory> {
    load_shared(heap, proto, builtin, &mut HashMap::new())
}

/// Equal long strings of one chunk are one object; short ones are anyway.
type LongStrings = HashMap<Arc<[u8]>, *mut Str>;

fn load_shared(heap: &mut Heap, mut proto: Proto, builtin: bool, long: &mut LongStrings) -> Result<*mut ProtoObject, OutOfMemory> {
    let mut children = Vec::with_capacity(proto.children.len());
    for child in std::mem::take(&mut proto.children) {
        children.push(load_shared(heap, child, builtin, long)?);
    }
    let children = children.into_boxed_slice();
    let mut constants = Vec::with_capacity(proto.constants.len());
    for constant in &proto.constants {
        constants.push(load_constant(heap, constant, long)?);
    }
    let constants = constants.into_boxed_slice();
    let caches = vec![Cache::EMPTY; usize::from(proto.caches)].into_boxed_slice();
    let code = quick::running(&proto.code);
    let mut cold = Box::new(Cold { proto, builtin, outdated: false, code, native: None, revision: 0, seen: Box::default(), ways: Box::default(), runs: Box::default(), shares_all: false, keeps_apart: false, constants, caches, children });
    let object = ProtoObject {
        header: Header { kind: tag::PROTO as u8, mark: 0, flags: 0, class: 0, aux: 0 },
        code: cold.code.as_mut_ptr(),
        constants: cold.constants.as_ptr(),
        caches: cold.caches.as_mut_ptr(),
        children: cold.children.as_ptr(),
        n_code: cold.code.len() as u32,
        n_constants: cold.constants.len() as u32,
        n_caches: cold.caches.len() as u32,
        n_children: cold.children.len() as u32,
        params: cold.proto.params,
        is_vararg: u8::from(cold.proto.is_vararg),
        max_stack: cold.proto.max_stack,
        n_upvalues: cold.proto.upvalues.len() as u8,
        heat: heap.first_heat,
        native: std::ptr::null(),
        entry: std::ptr::null(),
        cold: std::ptr::null_mut(),
    };
    let size = cold.size();
    heap.charge_outside(size)?;
    let cold = Box::into_raw(cold);
    let object = ProtoObject { cold, ..object };
    heap.proto(object).inspect_err(|_| {
        heap.discharge_outside(size);
        // SAFETY: without an object nobody else owns the box.
        unsafe { drop(Box::from_raw(cold)) }
    })
}

/// The value of a constant; a long string is a new one each time.
///
/// # Errors
/// The memory limit.
pub(crate) fn constant(heap: &mut Heap, constant: &Const) -> Result<Slot, OutOfMemory> {
    Ok(match constant {
        Const::Nil => Slot::NIL,
        Const::False => Slot::bool(false),
        Const::True => Slot::bool(true),
        Const::Int(i) => Slot::int(*i),
        Const::Float(f) => Slot::float(*f),
        Const::Str(bytes) => Slot::object(heap.string(bytes)?, tag::STRING),
    })
}

fn load_constant(heap: &mut Heap, value: &Const, long: &mut LongStrings) -> Result<Slot, OutOfMemory> {
    let Const::Str(bytes) = value else { return constant(heap, value) };
    if bytes.len() <= crate::string::MAX_SHORT {
        return constant(heap, value);
    }
    let string = match long.get(bytes) {
        Some(known) => *known,
        None => {
            let string = heap.string(bytes)?;
            long.insert(Arc::clone(bytes), string);
            string
        }
    };
    Ok(Slot::object(string, tag::STRING))
}

/// The function with its children, as it was loaded. `keep_going` is told how much work each function was, and
/// says whether to go on; `None` when it did not.
///
/// # Safety
/// `object` is live.
pub unsafe fn unload(object: *const ProtoObject, keep_going: &mut dyn FnMut(usize) -> bool) -> Option<Proto> {
    // SAFETY: `cold` and `children` live as long as the object.
    unsafe {
        let cold = &*(*object).cold;
        let size = 8 + (cold.proto.code.len() + cold.proto.constants.len()) / 8;
        if !keep_going(size) {
            return None;
        }
        let mut proto = cold.proto.clone();
        proto.children = cold.children.iter().map(|child| unload(*child, keep_going)).collect::<Option<_>>()?;
        Some(proto)
    }
}
