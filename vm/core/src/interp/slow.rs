//! What the loop does not do itself: metamethods, errors, allocation.
//!
//! Every function here runs with the state stored in the thread (`pc - 1` is the
//! instruction under way). `unsafe`: as the loop's.
#![allow(unsafe_code)]

use super::Flow;
use crate::arith::{self, ForStart, Outcome};
use crate::cache::{Cache, kind as cache_kind};
use crate::error::Error;
use crate::heap::OutOfMemory;
use crate::meta::Event;
use crate::number::{NumberText, format_float, format_int};
use crate::object::{Closure, Str, Table, Userdata};
use crate::stack::{self, flag, kind};
use crate::string;
use crate::table::{self, SetError};
use crate::value::{Slot, tag};
use crate::vm::Vm;
use std::mem::MaybeUninit;

/// Misses after which a site turns to the records that all such sites share.
const MAX_MISSES: u8 = 24;

/// How far a chain of `__index` or `__newindex` is followed (PUC's `MAXTAGLOOP`).
const MAX_CHAIN: usize = 2000;

/// Raw equality when it does not need a metamethod; `None` when one may decide.
///
/// # Safety
/// Both are live values.
#[inline]
pub unsafe fn equal_fast(x: Slot, y: Slot) -> Option<bool> {
    if x.tag == y.tag {
        match x.tag {
            tag::INT => return Some(x.payload == y.payload),
            tag::FLOAT => return Some(x.as_float() == y.as_float()),
            tag::NIL | tag::FALSE | tag::TRUE => return Some(true),
            tag::TABLE | tag::USERDATA if x.payload != y.payload => return None,
            // SAFETY: both are strings.
            tag::STRING => return Some(unsafe { string::str_eq(x.as_ptr(), y.as_ptr()) }),
            _ => return Some(x.payload == y.payload),
        }
    }
    Some(arith::number_equal(x, y))
}

/// Raw equality (`rawequal`).
///
/// # Safety
/// Both are live values.
pub unsafe fn equal_raw(x: Slot, y: Slot) -> bool {
    // SAFETY: as promised.
    unsafe { equal_fast(x, y) }.unwrap_or(false)
}

/// Values that are joined without memory of their own.
const FEW_PARTS: usize = 8;

impl Vm {
    /// Turns an error into what the loop does about it.
    pub(crate) fn settle(&mut self, result: Result<Flow, Error>) -> Flow {
        match result {
            Ok(flow) => flow,
            Err(error) => self.raise(error),
        }
    }

    #[inline]
    unsafe fn register(&self, index: usize) -> *mut Slot {
        // SAFETY: the thread's base and stack are in step.
        unsafe { (*self.thread).stack.add((*self.thread).base as usize + index) }
    }

    /// The metatable of any value, or null.
    pub(crate) fn metatable(&self, value: Slot) -> *mut Table {
        // SAFETY: the tag says what the payload points to.
        unsafe {
            match value.tag {
                tag::TABLE => (*value.as_ptr::<Table>()).meta,
                tag::USERDATA => (*value.as_ptr::<Userdata>()).meta,
                other => self.type_meta[(other & 15) as usize],
            }
        }
    }

    pub(crate) fn metamethod(&mut self, value: Slot, event: Event) -> Slot {
        let meta = self.metatable(value);
        // SAFETY: a live table.
        if meta.is_null() { Slot::NIL } else { unsafe { self.heap.metamethod(meta, event) } }
    }

    /// The result of a native metamethod by its leaf form, as that of strings that read as numbers. It takes no room on
    /// the stack: to decline for want of that would make a call of it, and one more call may be too many.
    pub(crate) fn leaf_of_two(&mut self, f: Slot, x: Slot, y: Slot) -> Option<Slot> {
        // SAFETY: the running thread and the function are live.
        unsafe {
            if f.tag != tag::NATIVE || (*self.thread).hook_state != 0 {
                return None;
            }
            self.call_leaf_with(f, &[x, y])
        }
    }

    /// Pushes a call above the current frame whose result completes the instruction.
    pub(crate) fn call_meta(&mut self, f: Slot, args: &[Slot], extra: u32) -> Result<Flow, Error> {
        self.call_above(f, args, kind::META, 2, 0, extra)
    }

    /// Pushes a call above everything the current frame uses.
    pub(crate) fn call_above(
        &mut self,
        f: Slot,
        args: &[Slot],
        frame_kind: u8,
        wanted: u8,
        flags: u8,
        extra: u32,
    ) -> Result<Flow, Error> {
        self.count_native_call()?;
        // SAFETY: `reserve` makes room above the frame.
        unsafe {
            let func = stack::extent(self.thread);
            self.reserve(func as usize + args.len() + 2)?;
            let slots = (*self.thread).stack.add(func as usize);
            *slots = f;
            for (i, arg) in args.iter().enumerate() {
                *slots.add(2 + i) = *arg;
            }
            self.enter(func, args.len() as u32, wanted, frame_kind, flags, extra)
        }
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn arith_slow(&mut self, event: Event, x: Slot, y: Slot, i: u32) -> Result<Flow, Error> {
        let bitwise = matches!(
            event,
            Event::BAnd | Event::BOr | Event::BXor | Event::Shl | Event::Shr | Event::BNot
        );
        match arith::arith(event, x, y) {
            Outcome::Value(value) => {
                // SAFETY: operand of a verified instruction.
                unsafe { *self.register((i >> 8 & 0xff) as usize) = value };
                Ok(Flow::Next)
            }
            Outcome::DivideByZero => Err(self.error_here("attempt to divide by zero")),
            Outcome::ModuloByZero => Err(self.error_here("attempt to perform 'n%0'")),
            outcome => {
                let mut f = self.metamethod(x, event);
                if f.is_nil() {
                    f = self.metamethod(y, event);
                }
                if let Some(value) = self.leaf_of_two(f, x, y) {
                    // SAFETY: operand of a verified instruction.
                    unsafe { *self.register((i >> 8 & 0xff) as usize) = value };
                    return Ok(Flow::Next);
                }
                if !f.is_nil() {
                    return self.call_meta(f, &[x, y], 0);
                }
                if matches!(outcome, Outcome::NoInteger) {
                    let culprit = if arith::to_int(x).is_none() { x } else { y };
                    let name = self.describe(culprit);
                    return Err(self.error_here(&[b"number".as_slice(), &name, b" has no integer representation"].concat()));
                }
                if bitwise {
                    let culprit = if x.is_number() { y } else { x };
                    return Err(self.type_error(culprit, "perform bitwise operation on"));
                }
                let culprit = if x.is_number() { y } else { x };
                Err(self.type_error(culprit, "perform arithmetic on"))
            }
        }
    }

    pub(crate) fn string_to_number(&self, value: Slot) -> Slot {
        if value.tag != tag::STRING {
            return value;
        }
        // SAFETY: the value is a string.
        match crate::number::parse(unsafe { string::str_bytes(value.as_ptr()) }) {
            Some(crate::number::Number::Int(i)) => Slot::int(i),
            Some(crate::number::Number::Float(f)) => Slot::float(f),
            None => value,
        }
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn compare_slow(&mut self, event: Event, x: Slot, y: Slot) -> Result<Flow, Error> {
        if x.tag == tag::STRING && y.tag == tag::STRING {
            // SAFETY: both are strings.
            let (p, q) = unsafe { (string::str_bytes(x.as_ptr::<Str>()), string::str_bytes(y.as_ptr::<Str>())) };
            let holds = if event == Event::Lt { p < q } else { p <= q };
            return self.finish_op(Slot::bool(holds), 0).map(|_| Flow::Reload);
        }
        let mut f = self.metamethod(x, event);
        if f.is_nil() {
            f = self.metamethod(y, event);
        }
        if !f.is_nil() {
            return self.call_meta(f, &[x, y], 0);
        }
        let (p, q) = (self.type_name(x), self.type_name(y));
        Err(if p == q {
            self.error_here(&[b"attempt to compare two ".as_slice(), &p, b" values"].concat())
        } else {
            self.error_here(&[b"attempt to compare ".as_slice(), &p, b" with ", &q].concat())
        })
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn compare_imm_slow(&mut self, x: Slot, i: u32) -> Result<Flow, Error> {
        use perilune_isa::{Op, word};
        let n = Slot::int(i64::from((i >> 16) as u8 as i8));
        match word::op(i) {
            Some(Op::LtImm) => self.compare_slow(Event::Lt, x, n),
            Some(Op::LeImm) => self.compare_slow(Event::Le, x, n),
            Some(Op::GtImm) => self.compare_slow(Event::Lt, n, x),
            _ => self.compare_slow(Event::Le, n, x),
        }
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn equal_slow(&mut self, x: Slot, y: Slot) -> Result<Flow, Error> {
        let mut f = self.metamethod(x, Event::Eq);
        if f.is_nil() {
            f = self.metamethod(y, Event::Eq);
        }
        if f.is_nil() {
            return self.finish_op(Slot::bool(false), 0).map(|_| Flow::Reload);
        }
        self.call_meta(f, &[x, y], 0)
    }

    #[inline(never)]
    pub(crate) fn get_field_slow(&mut self, object: Slot, key: Slot, cache: *mut Cache, dst: *mut Slot) -> Result<Flow, Error> {
        // SAFETY: `cache` is a record of the running function, `key` a string constant.
        unsafe {
            if object.tag == tag::TABLE {
                let t = object.as_ptr::<Table>();
                if (*cache).kind != cache_kind::MEGAMORPHIC {
                    (*cache).misses = (*cache).misses.saturating_add(1);
                    if (*cache).misses > MAX_MISSES {
                        *cache = Cache { kind: cache_kind::MEGAMORPHIC, ..Cache::EMPTY };
                    } else {
                        let misses = (*cache).misses;
                        self.heap.cache_get(t, key.as_ptr(), &mut *cache);
                        (*cache).misses = misses;
                    }
                }
                let value = table::get_str(&self.heap, t, key.as_ptr());
                if !value.is_nil() || (*t).meta.is_null() {
                    *dst = value;
                    return Ok(Flow::Next);
                }
            } else if object.tag == tag::STRING && (*cache).kind != cache_kind::MEGAMORPHIC {
                let meta = self.type_meta[tag::STRING as usize];
                if !meta.is_null() {
                    self.heap.cache_method(meta, key.as_ptr(), &mut *cache);
                }
            }
            let a = dst.offset_from(self.register(0)) as usize;
            self.get_index_slow(object, key, a)
        }
    }

    /// `object[key] = value` for strings that are keys already; whether it was done.
    #[inline(never)]
    pub(crate) unsafe fn set_by_name(&mut self, t: *mut Table, key: *mut Str, value: Slot) -> bool {
        // SAFETY: the tags said what the two are.
        unsafe { !value.is_nil() && self.heap.look_up_to_set(t, key, value) }
    }

    /// `r = object[key]` for strings, unless it takes a metamethod; whether it was done.
    #[inline(never)]
    pub(crate) unsafe fn get_by_name(&mut self, t: *mut Table, key: *mut Str, to: *mut Slot) -> bool {
        // SAFETY: the tags said what the two are; `to` is a register.
        unsafe {
            if !table::is_dictionary(t) && crate::string::is_short(key) {
                return self.heap.look_up(t, key, to);
            }
            let value = table::get_str(&self.heap, t, key);
            let is_answer = !value.is_nil() || (*t).meta.is_null();
            if is_answer {
                *to = value;
            }
            is_answer
        }
    }

    /// `r[a] = object[key]`.
    pub(crate) fn get_index_slow(&mut self, object: Slot, key: Slot, a: usize) -> Result<Flow, Error> {
        match self.index(object, key)? {
            Indexed::Value(value) => {
                // SAFETY: operand of a verified instruction.
                unsafe { *self.register(a) = value };
                Ok(Flow::Next)
            }
            Indexed::Call(f, object) => self.call_meta(f, &[object, key], 0),
        }
    }

    /// `object[key]`, as far as it goes without calling.
    pub(crate) fn index(&mut self, object: Slot, key: Slot) -> Result<Indexed, Error> {
        let mut object = object;
        for round in 0..MAX_CHAIN {
            let handler = if object.tag == tag::TABLE {
                let t = object.as_ptr::<Table>();
                // SAFETY: a live table.
                let (value, meta) = unsafe { (table::get(t, key, &self.heap), (*t).meta) };
                if !value.is_nil() || meta.is_null() {
                    return Ok(Indexed::Value(value));
                }
                // SAFETY: a live table.
                let f = unsafe { self.heap.metamethod(meta, Event::Index) };
                if f.is_nil() {
                    return Ok(Indexed::Value(Slot::NIL));
                }
                f
            } else {
                let f = self.metamethod(object, Event::Index);
                if f.is_nil() {
                    return Err(self.index_error(object, key, round == 0));
                }
                f
            };
            if handler.tag == tag::CLOSURE || handler.tag == tag::NATIVE {
                return Ok(Indexed::Call(handler, object));
            }
            object = handler;
        }
        Err(self.error_here("'__index' chain too long; possible loop"))
    }

    #[inline(never)]
    pub(crate) fn set_field_slow(&mut self, object: Slot, key: Slot, value: Slot, cache: *mut Cache) -> Result<Flow, Error> {
        // SAFETY: as `get_field_slow`.
        unsafe {
            if object.tag == tag::TABLE {
                let t = object.as_ptr::<Table>();
                let shared = (*cache).kind == cache_kind::MEGAMORPHIC;
                if shared && self.heap.look_up_to_set(t, key.as_ptr(), value) {
                    return Ok(Flow::Next);
                }
                if (*cache).kind == cache_kind::ADD
                    && (*cache).shape == (*t).header.aux
                    && !value.is_nil()
                    && (*cache).epoch == self.heap.meta_epoch
                    && u32::from((*cache).slot) < (*t).props_cap
                {
                    table::prop_set(t, (*cache).slot as usize, value);
                    (*t).header.aux = (*cache).next_shape;
                    self.heap.barrier(t.cast(), value);
                    return Ok(Flow::Next);
                }
                let own = !table::get_str(&self.heap, t, key.as_ptr()).is_nil();
                let plain = own
                    || (*t).meta.is_null()
                    || self.heap.metamethod((*t).meta, Event::NewIndex).is_nil();
                if plain {
                    if (*cache).kind != cache_kind::MEGAMORPHIC {
                        let misses = (*cache).misses.saturating_add(1);
                        if misses > MAX_MISSES {
                            *cache = Cache { kind: cache_kind::MEGAMORPHIC, ..Cache::EMPTY };
                        } else {
                            self.heap.cache_set(t, key.as_ptr(), &mut *cache);
                            (*cache).misses = misses;
                        }
                    }
                    return match table::set_str(&mut self.heap, t, key.as_ptr(), value) {
                        Ok(()) => Ok(Flow::Next),
                        Err(_) => Err(self.memory_error()),
                    };
                }
            }
            self.set_index_slow(object, key, value)
        }
    }

    /// `object[key] = value`.
    #[inline(never)]
    pub(crate) fn set_index_slow(&mut self, object: Slot, key: Slot, value: Slot) -> Result<Flow, Error> {
        match self.assign(object, key, value)? {
            None => Ok(Flow::Next),
            Some((f, object)) => self.call_meta(f, &[object, key, value], 0),
        }
    }

    /// `object[key] = value`, or the metamethod and the object to call it with.
    pub(crate) fn assign(&mut self, object: Slot, key: Slot, value: Slot) -> Result<Option<(Slot, Slot)>, Error> {
        let mut object = object;
        for round in 0..MAX_CHAIN {
            let handler = if object.tag == tag::TABLE {
                let t = object.as_ptr::<Table>();
                // SAFETY: a live table.
                let meta = unsafe { (*t).meta };
                let mut f = Slot::NIL;
                if !meta.is_null() {
                    // SAFETY: a live table.
                    f = unsafe { self.heap.metamethod(meta, Event::NewIndex) };
                    // SAFETY: a live table.
                    if !f.is_nil() && !unsafe { table::get(t, key, &self.heap) }.is_nil() {
                        f = Slot::NIL;
                    }
                }
                if f.is_nil() {
                    // SAFETY: a live table.
                    return match unsafe { table::set(&mut self.heap, t, key, value) } {
                        Ok(()) => Ok(None),
                        Err(SetError::NilKey) => Err(self.error_here("table index is nil")),
                        Err(SetError::NanKey) => Err(self.error_here("table index is NaN")),
                        Err(SetError::Memory) => Err(self.memory_error()),
                    };
                }
                f
            } else {
                let f = self.metamethod(object, Event::NewIndex);
                if f.is_nil() {
                    return Err(self.index_error(object, key, round == 0));
                }
                f
            };
            if handler.tag == tag::CLOSURE || handler.tag == tag::NATIVE {
                return Ok(Some((handler, object)));
            }
            object = handler;
        }
        Err(self.error_here("'__newindex' chain too long; possible loop"))
    }

    pub(crate) fn new_table_slow(&mut self, a: usize, items: u32, fields: u32) -> Result<Flow, Error> {
        let t = self.heap.table(items.min(1 << 20), fields).map_err(|_| self.memory_error())?;
        // SAFETY: operand of a verified instruction.
        unsafe { *self.register(a) = Slot::object(t, tag::TABLE) };
        Ok(Flow::Next)
    }

    pub(crate) fn set_list(&mut self, i: u32, start: u32) -> Result<Flow, Error> {
        let (a, b, c) = ((i >> 8 & 0xff) as usize, (i >> 16 & 0xff) as usize, (i >> 24) as usize);
        // SAFETY: the verifier checked the run; r[a] is the table being built.
        unsafe {
            let first = self.register(a + c);
            let n = if b != 0 {
                b - 1
            } else {
                let n = (*self.thread).stack.add((*self.thread).top as usize).offset_from(first);
                (*self.thread).top = (*self.thread).base;
                n.max(0) as usize
            };
            let t = (*self.register(a)).as_ptr::<Table>();
            if (*self.register(a)).tag != tag::TABLE {
                return Err(self.type_error(*self.register(a), "index"));
            }
            let values = std::slice::from_raw_parts(first, n);
            if table::set_list(&mut self.heap, t, start, values).is_err() {
                return Err(self.memory_error());
            }
        }
        Ok(Flow::Next)
    }

    pub(crate) fn len_slow(&mut self, value: Slot, a: usize) -> Result<Flow, Error> {
        // SAFETY: the tag says what the payload points to.
        let length = unsafe {
            match value.tag {
                tag::STRING => (*value.as_ptr::<Str>()).len as i64,
                tag::TABLE => {
                    let t = value.as_ptr::<Table>();
                    if !(*t).meta.is_null() {
                        let f = self.heap.metamethod((*t).meta, Event::Len);
                        if !f.is_nil() {
                            return self.call_meta(f, &[value, value], 0);
                        }
                    }
                    table::len(t)
                }
                _ => {
                    let f = self.metamethod(value, Event::Len);
                    if f.is_nil() {
                        return Err(self.type_error(value, "get length of"));
                    }
                    return self.call_meta(f, &[value, value], 0);
                }
            }
        };
        // SAFETY: operand of a verified instruction.
        unsafe { *self.register(a) = Slot::int(length) };
        Ok(Flow::Next)
    }

    /// `r[a] = r[a] .. ... .. r[a+n-1]`, right to left.
    pub(crate) fn concat(&mut self, a: usize, n: usize) -> Result<Flow, Error> {
        let mut n = n;
        // SAFETY: the verifier checked the run.
        unsafe {
            while n > 1 {
                let last = self.register(a + n - 1);
                let before = last.sub(1);
                if !can_concat(*before) || !can_concat(*last) {
                    let (x, y) = (*before, *last);
                    let mut f = self.metamethod(x, Event::Concat);
                    if f.is_nil() {
                        f = self.metamethod(y, Event::Concat);
                    }
                    if f.is_nil() {
                        // Values of the same kind may stand there: the name is that of the right one.
                        let (culprit, register) = if can_concat(x) { (y, a + n - 1) } else { (x, a + n - 2) };
                        return Err(self.operand_error(culprit, register as u8, "concatenate"));
                    }
                    return self.call_meta(f, &[x, y], n as u32);
                }
                let mut count = 2;
                while count < n && can_concat(*last.sub(count)) {
                    count += 1;
                }
                let joined = self.join(last.sub(count - 1), count)?;
                *self.register(a + n - count) = Slot::object(joined, tag::STRING);
                n -= count - 1;
            }
        }
        Ok(Flow::Next)
    }

    unsafe fn join(&mut self, first: *const Slot, count: usize) -> Result<*mut Str, Error> {
        // SAFETY: `count` strings or numbers stand there.
        unsafe {
            if count > FEW_PARTS {
                return self.join_many(std::slice::from_raw_parts(first, count));
            }
            let mut parts: [&[u8]; FEW_PARTS] = [&[]; FEW_PARTS];
            for (i, part) in parts[..count].iter_mut().enumerate() {
                let slot = *first.add(i);
                if slot.tag != tag::STRING {
                    return self.join_with_numbers(std::slice::from_raw_parts(first, count));
                }
                *part = string::str_bytes(slot.as_ptr());
            }
            self.joined(&parts[..count])
        }
    }

    /// Up to [`FEW_PARTS`] strings or numbers.
    #[inline(never)]
    unsafe fn join_with_numbers(&mut self, values: &[Slot]) -> Result<*mut Str, Error> {
        let mut texts = [const { MaybeUninit::<NumberText>::uninit() }; FEW_PARTS];
        let mut parts: [&[u8]; FEW_PARTS] = [&[]; FEW_PARTS];
        for ((part, text), value) in parts.iter_mut().zip(&mut texts).zip(values) {
            *part = match value.tag {
                // SAFETY: the tag says that it is a string.
                tag::STRING => unsafe { string::str_bytes(value.as_ptr()) },
                _ => text.write(number_text(*value)),
            };
        }
        self.joined(&parts[..values.len()])
    }

    #[cold]
    unsafe fn join_many(&mut self, values: &[Slot]) -> Result<*mut Str, Error> {
        let texts: Vec<_> = values.iter().map(|value| (value.tag != tag::STRING).then(|| number_text(*value))).collect();
        let parts: Vec<&[u8]> = values
            .iter()
            .zip(&texts)
            .map(|(value, text)| match text {
                // SAFETY: the tag says that it is a string.
                None => unsafe { string::str_bytes(value.as_ptr()) },
                Some(text) => text,
            })
            .collect();
        self.joined(&parts)
    }

    #[inline(always)]
    fn joined(&mut self, parts: &[&[u8]]) -> Result<*mut Str, Error> {
        self.heap.concat(parts).map_err(|_| self.memory_error())
    }

    /// Starts a numeric loop whose bounds are not all numbers: converts them, or raises the error.
    #[cold]
    #[inline(never)]
    pub(crate) fn for_prep_slow(&mut self, a: usize) -> Result<Flow, Error> {
        // SAFETY: operands of a verified instruction.
        let (x, y, z) = unsafe { (*self.register(a), *self.register(a + 1), *self.register(a + 2)) };
        if [x, y, z].iter().any(|value| value.tag == tag::STRING) {
            // Strings of numbers are converted to floats, and the instruction runs again.
            let converted = [x, y, z].map(|value| match arith::to_float(self.string_to_number(value)) {
                Some(number) if value.tag == tag::STRING => Slot::float(number),
                _ => value,
            });
            if converted.iter().all(|value| value.is_number()) {
                // SAFETY: operands of a verified instruction.
                unsafe {
                    for (i, value) in converted.into_iter().enumerate() {
                        *self.register(a + i) = value;
                    }
                    (*self.thread).pc -= 1;
                }
                return Ok(Flow::Reload);
            }
        }
        match arith::for_start(x, y, z) {
            ForStart::NotNumber(what, which) => {
                let value = [x, y, z][which as usize];
                let name = self.type_name(value);
                let what = if what == "initial" { "initial value" } else { what };
                Err(self.error_here(&[b"bad 'for' ".as_slice(), what.as_bytes(), b" (number expected, got ", &name, b")"].concat()))
            }
            _ => Err(self.error_here("'for' step is zero")),
        }
    }

    /// Puts `r[a]` on the list of variables to close.
    pub(crate) fn mark_tbc(&mut self, a: usize) -> Result<Flow, Error> {
        // SAFETY: operand of a verified instruction; the list is grown before it is full.
        unsafe {
            let value = *self.register(a);
            if value.is_falsy() {
                return Ok(Flow::Next);
            }
            if self.metamethod(value, Event::Close).is_nil() {
                let name = self.local_name(a).unwrap_or_else(|| b"?".to_vec());
                return Err(self.error_here(&[b"variable '".as_slice(), &name, b"' got a non-closable value"].concat()));
            }
            match self.push_to_close(self.register(a)) {
                Ok(()) => Ok(Flow::Next),
                Err(_) => Err(self.memory_error()),
            }
        }
    }

    /// Puts a slot of the running coroutine on the list of variables to close.
    ///
    /// # Safety
    /// It lies above those on the list.
    pub(crate) unsafe fn push_to_close(&mut self, slot: *mut Slot) -> Result<(), OutOfMemory> {
        let thread = self.thread;
        // SAFETY: the list is grown before it is full.
        unsafe {
            if (*thread).tbc_len == (*thread).tbc_cap {
                let cap = ((*thread).tbc_cap * 2).max(4);
                let fresh: *mut u32 = self.heap.alloc_raw(cap as usize * 4)?.cast();
                if !(*thread).tbc.is_null() {
                    std::ptr::copy_nonoverlapping((*thread).tbc, fresh, (*thread).tbc_len as usize);
                    self.heap.free_raw((*thread).tbc.cast(), (*thread).tbc_cap as usize * 4);
                }
                (*thread).tbc = fresh;
                (*thread).tbc_cap = cap;
            }
            *(*thread).tbc.add((*thread).tbc_len as usize) = slot.offset_from((*thread).stack) as u32;
            (*thread).tbc_len += 1;
        }
        Ok(())
    }

    /// Closes variables from `r[a]` on; runs its instruction again after each `__close`.
    pub(crate) fn close_from(&mut self, a: usize) -> Result<Flow, Error> {
        // SAFETY: operand of a verified instruction.
        unsafe {
            let from = (*self.thread).base + a as u32;
            if let Some(flow) = self.close_one(from)? {
                return Ok(flow);
            }
            let slot = (*self.thread).stack.add(from as usize);
            stack::close_upvalues(&mut self.heap, self.thread, slot);
        }
        Ok(Flow::Next)
    }

    /// Calls the `__close` of the innermost variable at or above `from`, if there is one.
    pub(crate) unsafe fn close_one(&mut self, from: u32) -> Result<Option<Flow>, Error> {
        // SAFETY: the list holds indices of live slots.
        unsafe {
            let thread = self.thread;
            if (*thread).tbc_len == 0 || *(*thread).tbc.add((*thread).tbc_len as usize - 1) < from {
                return Ok(None);
            }
            (*thread).tbc_len -= 1;
            let index = *(*thread).tbc.add((*thread).tbc_len as usize);
            let slot = (*thread).stack.add(index as usize);
            stack::close_upvalues(&mut self.heap, thread, slot);
            let value = *slot;
            let f = self.metamethod(value, Event::Close);
            let top = (*thread).top;
            self.call_above(f, &[value, Slot::NIL], kind::CLOSE, 1, 0, top).map(Some)
        }
    }

    pub(crate) fn call_slow(&mut self, a: usize, n: u32, wanted: u8) -> Result<Flow, Error> {
        // SAFETY: operand of a verified instruction.
        unsafe {
            let thread = self.thread;
            let before = (*thread).stack;
            let func = (*thread).base + a as u32;
            let slot = before.add(func as usize);
            let plain = (*slot).tag == tag::NATIVE && (*thread).hook_state == 0 && slot.add(2 + n as usize) <= self.limit;
            if plain && self.call_leaf(slot, n, wanted) {
                return Ok(Flow::Next);
            }
            let flow = match plain {
                true => self.call_native(func, n, wanted)?,
                false => self.enter(func, n, wanted, kind::LUA, 0, 0)?,
            };
            match flow {
                Flow::Next if (*thread).stack != before || std::mem::take(&mut self.hook_switch) => Ok(Flow::Reload),
                flow => Ok(flow),
            }
        }
    }

    pub(crate) fn tail_call(&mut self, i: u32) -> Result<Flow, Error> {
        let (a, b, c) = ((i >> 8 & 0xff) as u32, i >> 16 & 0xff, i >> 24);
        // SAFETY: operands of a verified instruction; the moved run lies above its target.
        unsafe {
            let thread = self.thread;
            let base = (*thread).base;
            let n = if b != 0 { b - 1 } else { (*thread).top - (base + a + 2) };
            if c != 0 {
                stack::close_upvalues(&mut self.heap, thread, (*thread).stack.add(base as usize));
            }
            // An object without `__call` is reported while the caller is still there.
            let callee = *self.register(a as usize);
            if callee.tag != tag::CLOSURE && callee.tag != tag::NATIVE && self.metamethod(callee, Event::Call).is_nil() {
                return Err(self.call_error(callee));
            }
            if callee.tag == tag::NATIVE {
                let slot = (*thread).stack.add((base + a) as usize);
                let takes_one = matches!(stack::frame(thread, base).wanted, 1 | 2);
                if takes_one
                    && (*thread).hook_state == 0
                    && slot.add(2 + n as usize) <= self.limit
                    && self.call_leaf(slot, n, 2)
                {
                    return self.return_and_collect(base + a, 1);
                }
                // As in PUC Lua, a native in tail position keeps its caller on the stack.
                return self.enter(base + a, n, 0, kind::FORWARD, 0, 0);
            }
            self.replace_frame(base + a, base + a + 2, n)
        }
    }

    pub(crate) fn return_slow(&mut self, i: u32) -> Result<Flow, Error> {
        let (a, b, c) = ((i >> 8 & 0xff) as usize, (i >> 16 & 0xff) as usize, i >> 24);
        // SAFETY: operands of a verified instruction.
        unsafe {
            let base = (*self.thread).base;
            if c != 0 {
                if let Some(flow) = self.close_one(base)? {
                    return Ok(flow);
                }
                let slot = (*self.thread).stack.add(base as usize);
                stack::close_upvalues(&mut self.heap, self.thread, slot);
            }
            let n = if b != 0 { b as u32 - 1 } else { (*self.thread).top - (base + a as u32) };
            self.return_from(base + a as u32, n)
        }
    }

    pub(crate) fn return_values(&mut self, a: usize, n: u32) -> Result<Flow, Error> {
        // SAFETY: operand of a verified instruction.
        unsafe {
            let first = (*self.thread).base + a as u32;
            self.return_from(first, n)
        }
    }

    pub(crate) fn varargs(&mut self, a: usize, c: usize) -> Result<Flow, Error> {
        // SAFETY: extra arguments lie below the header of a vararg frame.
        unsafe {
            let frame = stack::frame(self.thread, (*self.thread).base);
            let available = if frame.flags & flag::VARARG != 0 { frame.extra as usize } else { 0 };
            let wanted = if c == 0 { available } else { c - 1 };
            let before = (*self.thread).stack;
            if c == 0 {
                self.reserve(frame.base as usize + a + wanted)?;
                (*self.thread).top = frame.base + (a + wanted) as u32;
            }
            let base = (*self.thread).stack.add(frame.base as usize);
            let source = base.sub(2 + available);
            for i in 0..wanted {
                *base.add(a + i) = if i < available { Slot::read(source.add(i)) } else { Slot::NIL };
            }
            Ok(if before == (*self.thread).stack { Flow::Next } else { Flow::Reload })
        }
    }

    /// Moves the frame above its extra arguments.
    pub(crate) fn vararg_prep(&mut self) -> Result<Flow, Error> {
        // SAFETY: `enter` left the end of the arguments in `top`.
        unsafe {
            let thread = self.thread;
            let base = (*thread).base;
            let closure = (*(*thread).stack.add(base as usize - 2)).as_ptr::<Closure>();
            let proto = (*closure).proto;
            let params = u32::from((*proto).params);
            let n = (*thread).top - base;
            let extra = n.saturating_sub(params);
            let shift = params + extra + 2;
            self.reserve((base + shift) as usize + (*proto).max_stack as usize)?;
            let thread = self.thread;
            let old = (*thread).stack.add(base as usize);
            let new = old.add(shift as usize);
            *new.sub(2) = Slot::read(old.sub(2));
            *new.sub(1) = Slot::read(old.sub(1));
            let word = (*new.sub(2)).tag;
            (*new.sub(2)).tag = word & 0xffff_ffff | (flag::VARARG as u64) << 24 | u64::from(extra) << 32;
            (*new.sub(1)).tag += u64::from(shift) << 32;
            if stack::frame(thread, base).delta == 0 {
                (*new.sub(1)).tag = (*old.sub(1)).tag;
            }
            // What stays behind is a value again, for whoever scans the registers.
            (*old.sub(2)).tag &= 0xff;
            *old.sub(1) = Slot { payload: word >> 32, tag: tag::NIL };
            // Arguments stand as params then extras: extras must end right below the new header.
            for i in 0..params {
                *new.add(i as usize) = Slot::read(old.add(i as usize));
            }
            (*thread).base = base + shift;
            (*thread).top = base + shift;
            Ok(Flow::Next)
        }
    }

    pub(crate) fn new_closure(&mut self, a: usize, child: usize) -> Result<Flow, Error> {
        // SAFETY: the verifier checked the child and the places of its upvalues.
        unsafe {
            let this = (*self.register(0).sub(2)).as_ptr::<Closure>();
            let proto = *(*(*this).proto).children.add(child);
            let n = u32::from((*proto).n_upvalues);
            let closure = self.heap.closure(proto, n).map_err(|_| self.memory_error())?;
            let cold = (*proto).cold;
            if !(*self.register(a)).is_value() {
                // The closure may share the variable it goes to, and memory may run out in between.
                *self.register(a) = Slot::NIL;
            }
            for i in 0..n as usize {
                let (in_stack, index) = {
                    let desc = &(&(*cold).proto.upvalues)[i];
                    (desc.in_stack, usize::from(desc.index))
                };
                let upvalue = if in_stack {
                    let slot = self.register(index);
                    stack::find_upvalue(&mut self.heap, self.thread, slot).map_err(|_| self.memory_error())?
                } else {
                    *(*this).upvalues.add(index)
                };
                *(*closure).upvalues.add(i) = upvalue;
            }
            *self.register(a) = Slot::object(closure, tag::CLOSURE);
        }
        Ok(Flow::Next)
    }
}

/// What indexing came to.
pub enum Indexed {
    /// The value.
    Value(Slot),
    /// This function must be called with this object.
    Call(Slot, Slot),
}

pub(crate) fn can_concat(value: Slot) -> bool {
    value.tag == tag::STRING || value.is_number()
}

/// A number as `tostring` writes it.
pub fn number_text(value: Slot) -> NumberText {
    if value.tag == tag::INT { format_int(value.as_int()) } else { format_float(value.as_float()) }
}
