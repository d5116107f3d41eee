//! What a native function sees: a window of values on the coroutine's stack.
//!
//! Indices count from 1 at the bottom of the window, or from -1 at its top, as
//! in the reference manual's C API (section 4.1). Nothing is collected while a
//! native runs, and what it reads is borrowed from its [`Ctx`], so safe code
//! cannot keep a reference too long.
//!
//! `unsafe`: slots are addressed by index inside the window, which `reserve`
//! keeps inside the stack.
#![allow(unsafe_code)]

use crate::arith;
use crate::buffer::Buffer;
use crate::error::Error;
use crate::heap::OutOfMemory;
use crate::limit::Patience;
use crate::number;
use crate::object::{Closure, Native, Str, Table, Thread, Userdata, flag};
use crate::proto;
use crate::string;
use crate::table::{self, SetError};
use crate::value::{Slot, tag};
use crate::vm::{NativeEntry, Vm};
use std::any::Any;
use std::io::{BufRead, Write};

/// A function written in Rust; the number is its state, 0 at the first call.
pub type NativeFn = fn(&mut Ctx<'_>, u32) -> Result<Next, Error>;

/// What a native function wants next.
pub enum Next {
    /// Return the last `n` values.
    Return(u32),
    /// Call the function below the last `args` values; then enter this native
    /// again with `state`, the results standing where the function stood.
    Call {
        /// Number of arguments.
        args: u32,
        /// Number of results wanted, all when absent.
        results: Option<u32>,
        /// State for the next entry.
        state: u32,
    },
    /// Call the function below the last `args` values in place of this native.
    TailCall {
        /// Number of arguments.
        args: u32,
    },
    /// Change the running coroutine.
    #[doc(hidden)]
    Switch(Switch),
}

/// A change of coroutine, which only the machine's own library can ask for.
#[doc(hidden)]
pub struct Switch(pub(crate) Change);

pub(crate) enum Change {
    Resume { thread: *mut Thread, args: u32 },
    Yield { values: u32 },
    Close { thread: *mut Thread },
}

/// Kinds of value, as natives tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    None,
    Nil,
    Bool,
    Int,
    Float,
    Str,
    Light,
    Table,
    Function,
    Native,
    Userdata,
    Thread,
}

impl Kind {
    /// The name that `type` gives.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::None => "no value",
            Kind::Nil => "nil",
            Kind::Bool => "boolean",
            Kind::Int | Kind::Float => "number",
            Kind::Str => "string",
            Kind::Table => "table",
            Kind::Function | Kind::Native => "function",
            Kind::Light | Kind::Userdata => "userdata",
            Kind::Thread => "thread",
        }
    }

    pub(crate) const fn of(tag: u64) -> Kind {
        match tag {
            tag::NIL => Kind::Nil,
            tag::FALSE | tag::TRUE => Kind::Bool,
            tag::LIGHT => Kind::Light,
            tag::INT => Kind::Int,
            tag::FLOAT => Kind::Float,
            tag::STRING => Kind::Str,
            tag::TABLE => Kind::Table,
            tag::CLOSURE => Kind::Function,
            tag::NATIVE => Kind::Native,
            tag::USERDATA => Kind::Userdata,
            _ => Kind::Thread,
        }
    }
}

/// A value, borrowed.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Value<'a> {
    None,
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(&'a [u8]),
    Light(u64),
    Table,
    Function,
    Native,
    Userdata,
    Thread,
}

/// A native asks for a call that its window does not hold, or for more than 254 results by number.
pub(crate) const BAD_COUNTS: &str = "a native function counts its values wrong";

/// `load` failed; the message is on the top.
#[derive(Debug)]
pub struct LoadError(());

/// The window of a running native.
pub struct Ctx<'a> {
    pub(crate) vm: &'a mut Vm,
}

impl<'a> Ctx<'a> {
    pub(crate) fn new(vm: &'a mut Vm) -> Ctx<'a> {
        Ctx { vm }
    }

    // ---- the window

    #[inline]
    fn base(&self) -> usize {
        // SAFETY: the running thread is live.
        unsafe { (*self.vm.thread).base as usize }
    }

    #[inline]
    fn end(&self) -> usize {
        // SAFETY: the running thread is live.
        unsafe { (*self.vm.thread).top as usize }
    }

    #[inline]
    fn at(&self, index: usize) -> *mut Slot {
        // SAFETY: callers stay inside the window.
        unsafe { (*self.vm.thread).stack.add(index) }
    }

    /// Stack index of a window index; `None` outside the window.
    #[inline]
    fn place(&self, index: i32) -> Option<usize> {
        let (base, end) = (self.base(), self.end());
        let place = if index > 0 { base + index as usize - 1 } else { end.checked_sub(index.unsigned_abs() as usize)? };
        (index != 0 && place >= base && place < end).then_some(place)
    }

    #[inline]
    pub(crate) fn slot(&self, index: i32) -> Slot {
        // SAFETY: inside the window.
        self.place(index).map_or(Slot::NIL, |p| unsafe { Slot::read(self.at(p)) })
    }

    #[inline]
    fn put(&mut self, index: i32, value: Slot) {
        if let Some(p) = self.place(index) {
            // SAFETY: inside the window.
            unsafe { *self.at(p) = value };
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, value: Slot) {
        let end = self.end();
        // SAFETY: room is made before the write.
        unsafe {
            if end + 4 >= (*self.vm.thread).capacity as usize && self.vm.grow_window(end + 16).is_err() {
                return;
            }
            *self.at(end) = value;
            (*self.vm.thread).top += 1;
        }
    }

    #[inline]
    pub(crate) fn pop_slot(&mut self) -> Slot {
        let value = self.slot(-1);
        self.pop(1);
        value
    }

    /// Number of values in the window.
    #[inline]
    pub fn top(&self) -> usize {
        self.end() - self.base()
    }

    /// Cuts the window to `n` values or fills it up with nil.
    #[inline]
    pub fn set_top(&mut self, n: usize) {
        while self.top() < n {
            let before = self.top();
            self.push(Slot::NIL);
            if self.top() == before {
                return;
            }
        }
        // SAFETY: the running thread is live.
        unsafe { (*self.vm.thread).top = (*self.vm.thread).base + n as u32 };
    }

    /// Makes sure that `n` more values can be pushed; false when they cannot.
    pub fn check_stack(&mut self, n: usize) -> bool {
        let end = self.end();
        n < crate::stack::MAX_SLOTS && end + n < crate::stack::MAX_SLOTS && self.vm.grow_window(end + n + 8).is_ok()
    }

    /// Removes `n` values from the top.
    #[inline]
    pub fn pop(&mut self, n: usize) {
        let kept = self.top().saturating_sub(n);
        self.set_top(kept);
    }

    /// Pushes nil.
    #[inline]
    pub fn push_nil(&mut self) {
        self.push(Slot::NIL);
    }

    /// Pushes a boolean.
    #[inline]
    pub fn push_bool(&mut self, value: bool) {
        self.push(Slot::bool(value));
    }

    /// Pushes an integer.
    #[inline]
    pub fn push_int(&mut self, value: i64) {
        self.push(Slot::int(value));
    }

    /// Pushes a float.
    #[inline]
    pub fn push_float(&mut self, value: f64) {
        self.push(Slot::float(value));
    }

    /// Pushes a light userdata.
    pub fn push_light(&mut self, value: u64) {
        self.push(Slot { payload: value, tag: tag::LIGHT });
    }

    /// Pushes a string.
    ///
    /// # Errors
    /// The memory limit.
    pub fn push_bytes(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let value = self.vm.new_string(bytes)?;
        self.push(value);
        Ok(())
    }

    /// Pushes the bytes `range` of the string at `index`; nothing of other values, and of what is not there.
    ///
    /// # Errors
    /// The memory limit.
    pub fn push_part(&mut self, index: i32, range: std::ops::Range<usize>) -> Result<(), Error> {
        let slot = self.slot(index);
        // SAFETY: the tag says it is a string; it is on the window, and making a string collects nothing.
        let bytes: &[u8] = if slot.tag == tag::STRING { unsafe { string::str_bytes(slot.as_ptr()) } } else { b"" };
        self.push_bytes(bytes.get(range).unwrap_or_default())
    }

    /// An empty text, to be pushed by [`Ctx::push_buffer`]; it may get as long as the memory limit lets a string be.
    pub fn buffer(&self) -> Buffer {
        Buffer::with_room(self.vm.heap.room())
    }

    /// Pushes the text of a buffer.
    ///
    /// # Errors
    /// The memory limit; also for a buffer that is full.
    pub fn push_buffer(&mut self, text: &Buffer) -> Result<(), Error> {
        if text.is_full() {
            return self.memory(Err(OutOfMemory));
        }
        self.push_bytes(text)
    }

    /// Pushes a copy of the value at `index`.
    #[inline]
    pub fn push_copy(&mut self, index: i32) {
        let value = self.slot(index);
        self.push(value);
    }

    /// Moves the top value to `index`, shifting the others up.
    pub fn insert(&mut self, index: i32) {
        if let Some(p) = self.place(index) {
            // SAFETY: inside the window.
            unsafe {
                let value = *self.at(self.end() - 1);
                let mut i = self.end() - 1;
                while i > p {
                    *self.at(i) = *self.at(i - 1);
                    i -= 1;
                }
                *self.at(p) = value;
            }
        }
    }

    /// Removes the value at `index`.
    pub fn remove(&mut self, index: i32) {
        if let Some(p) = self.place(index) {
            // SAFETY: inside the window.
            unsafe {
                for i in p..self.end() - 1 {
                    *self.at(i) = *self.at(i + 1);
                }
            }
            self.pop(1);
        }
    }

    /// Pops the top value into `index`.
    #[inline]
    pub fn replace(&mut self, index: i32) {
        let value = self.slot(-1);
        self.put(index, value);
        self.pop(1);
    }

    /// Replaces the value at `index` with an integer.
    pub fn replace_with_int(&mut self, index: i32, value: i64) {
        self.put(index, Slot::int(value));
    }

    // ---- reading

    /// Kind of the value at `index`.
    #[inline]
    pub fn kind(&self, index: i32) -> Kind {
        // SAFETY: inside the window.
        self.place(index).map_or(Kind::None, |p| Kind::of(unsafe { (*self.at(p)).tag }))
    }

    /// The value at `index`.
    #[inline]
    pub fn value(&self, index: i32) -> Value<'_> {
        let Some(place) = self.place(index) else { return Value::None };
        // SAFETY: inside the window.
        let slot = unsafe { *self.at(place) };
        match Kind::of(slot.tag) {
            Kind::None => Value::None,
            Kind::Nil => Value::Nil,
            Kind::Bool => Value::Bool(slot.tag == tag::TRUE),
            Kind::Int => Value::Int(slot.as_int()),
            Kind::Float => Value::Float(slot.as_float()),
            // SAFETY: the tag says it is a string, alive while `self` is borrowed.
            Kind::Str => Value::Str(unsafe { string::str_bytes(slot.as_ptr()) }),
            Kind::Light => Value::Light(slot.payload),
            Kind::Table => Value::Table,
            Kind::Function => Value::Function,
            Kind::Native => Value::Native,
            Kind::Userdata => Value::Userdata,
            Kind::Thread => Value::Thread,
        }
    }

    /// Whether there is no value at `index`.
    #[inline]
    pub fn is_none(&self, index: i32) -> bool {
        self.kind(index) == Kind::None
    }

    /// Whether the value at `index` is nil.
    #[inline]
    pub fn is_nil(&self, index: i32) -> bool {
        self.kind(index) == Kind::Nil
    }

    /// Whether there is nil or nothing at `index`.
    #[inline]
    pub fn is_none_or_nil(&self, index: i32) -> bool {
        self.slot(index).is_nil()
    }

    /// Truth of the value at `index`.
    #[inline]
    pub fn to_bool(&self, index: i32) -> bool {
        !self.slot(index).is_falsy()
    }

    /// Bytes of the string at `index`; `None` for all else, numbers included.
    #[inline]
    pub fn bytes(&self, index: i32) -> Option<&[u8]> {
        let slot = self.slot(index);
        // SAFETY: the tag says it is a string, alive while `self` is borrowed.
        (slot.tag == tag::STRING).then(|| unsafe { string::str_bytes(slot.as_ptr()) })
    }

    /// The integer at `index`: integers, floats with an integer value, strings of such.
    #[inline]
    pub fn to_int(&self, index: i32) -> Option<i64> {
        let slot = self.slot(index);
        if slot.tag == tag::INT {
            return Some(slot.as_int());
        }
        arith::to_int(self.vm.string_to_number(self.slot(index)))
    }

    /// The number at `index` as a float: numbers and strings of numbers.
    pub fn to_float(&self, index: i32) -> Option<f64> {
        arith::to_float(self.vm.string_to_number(self.slot(index)))
    }

    // ---- checking arguments (manual 5, luaL_check*)

    /// An integer argument.
    ///
    /// # Errors
    /// `bad argument ...`.
    #[inline]
    pub fn check_int(&mut self, index: i32) -> Result<i64, Error> {
        match self.to_int(index) {
            Some(i) => Ok(i),
            None if self.to_float(index).is_some() => Err(self.arg_error(index, "number has no integer representation")),
            None => Err(self.type_error(index, "number")),
        }
    }

    /// A float argument.
    ///
    /// # Errors
    /// `bad argument ...`.
    pub fn check_float(&mut self, index: i32) -> Result<f64, Error> {
        match self.to_float(index) {
            Some(f) => Ok(f),
            None => Err(self.type_error(index, "number")),
        }
    }

    /// A string argument; a number is converted in place.
    ///
    /// # Errors
    /// `bad argument ...`.
    #[inline]
    pub fn check_bytes(&mut self, index: i32) -> Result<&[u8], Error> {
        if self.slot(index).tag != tag::STRING {
            self.make_string(index)?;
        }
        Ok(self.bytes(index).unwrap_or(&[]))
    }

    #[cold]
    fn make_string(&mut self, index: i32) -> Result<(), Error> {
        let slot = self.slot(index);
        if !slot.is_number() {
            return Err(self.type_error(index, "string"));
        }
        let text = crate::interp::slow::number_text(slot);
        let text = self.vm.new_string(&text)?;
        self.put(index, text);
        Ok(())
    }

    /// A table argument.
    ///
    /// # Errors
    /// `bad argument ...`.
    pub fn check_table(&mut self, index: i32) -> Result<(), Error> {
        self.check_kind(index, Kind::Table)
    }

    /// An argument of one kind.
    ///
    /// # Errors
    /// `bad argument ...`.
    pub fn check_kind(&mut self, index: i32, kind: Kind) -> Result<(), Error> {
        let found = self.kind(index);
        let same = found == kind || found.name() == kind.name() && !matches!(kind, Kind::Light | Kind::Userdata);
        if same { Ok(()) } else { Err(self.type_error(index, kind.name())) }
    }

    /// Any argument, nil included.
    ///
    /// # Errors
    /// `bad argument ... (value expected)`.
    pub fn check_any(&mut self, index: i32) -> Result<(), Error> {
        if self.is_none(index) { Err(self.arg_error(index, "value expected")) } else { Ok(()) }
    }

    /// An optional integer argument.
    ///
    /// # Errors
    /// `bad argument ...`.
    #[inline]
    pub fn opt_int(&mut self, index: i32, default: i64) -> Result<i64, Error> {
        if self.is_none_or_nil(index) { Ok(default) } else { self.check_int(index) }
    }

    /// An optional float argument.
    ///
    /// # Errors
    /// `bad argument ...`.
    pub fn opt_float(&mut self, index: i32, default: f64) -> Result<f64, Error> {
        if self.is_none_or_nil(index) { Ok(default) } else { self.check_float(index) }
    }

    /// An optional string argument.
    ///
    /// # Errors
    /// `bad argument ...`.
    pub fn opt_bytes(&mut self, index: i32) -> Result<Option<&[u8]>, Error> {
        if self.is_none_or_nil(index) { Ok(None) } else { self.check_bytes(index).map(Some) }
    }

    /// One of several words.
    ///
    /// # Errors
    /// `bad argument ... (invalid option 'x')`.
    pub fn check_option(&mut self, index: i32, default: Option<&str>, options: &[&str]) -> Result<usize, Error> {
        let word = match (self.is_none_or_nil(index), default) {
            (true, Some(word)) => word.as_bytes().to_vec(),
            _ => self.check_bytes(index)?.to_vec(),
        };
        match options.iter().position(|option| option.as_bytes() == word) {
            Some(i) => Ok(i),
            None => Err(self.arg_error(index, &format!("invalid option '{}'", String::from_utf8_lossy(&word)))),
        }
    }

    // ---- errors

    /// `bad argument #index to 'function' (message)`, as `luaL_argerror`.
    pub fn arg_error(&mut self, index: i32, message: &str) -> Error {
        let (what, name) = self.vm.native_name();
        let mut number = index;
        let name = name.unwrap_or_else(|| b"?".to_vec());
        let text = if what == "method" && index == 1 {
            [b"calling '".as_slice(), &name, b"' on bad self (", message.as_bytes(), b")"].concat()
        } else {
            if what == "method" {
                number -= 1;
            }
            [b"bad argument #".as_slice(), number.to_string().as_bytes(), b" to '", &name, b"' (", message.as_bytes(), b")"].concat()
        };
        self.error(text)
    }

    /// `bad argument ... (expected expected, got kind)`.
    pub fn type_error(&mut self, index: i32, expected: &str) -> Error {
        let got = match self.kind(index) {
            Kind::None => "no value".to_string(),
            Kind::Light => "light userdata".to_string(),
            _ => String::from_utf8_lossy(&self.vm.type_name(self.slot(index))).into_owned(),
        };
        self.arg_error(index, &format!("{expected} expected, got {got}"))
    }

    /// An error with the position of the caller in front (`luaL_error`).
    pub fn error(&mut self, message: impl AsRef<[u8]>) -> Error {
        self.error_at(1, message)
    }

    /// As [`Ctx::error`], with the position of the function at `level`.
    pub fn error_at(&mut self, level: usize, message: impl AsRef<[u8]>) -> Error {
        let mut text = self.where_(level);
        text.extend_from_slice(message.as_ref());
        self.error_plain(text)
    }

    /// An error without position.
    pub fn error_plain(&mut self, message: impl AsRef<[u8]>) -> Error {
        match self.vm.new_string(message.as_ref()) {
            Ok(value) => self.vm.error_value(value),
            Err(error) => error,
        }
    }

    /// An error whose value is popped from the top.
    pub fn error_top(&mut self) -> Error {
        let value = self.pop_slot();
        self.vm.error_value(value)
    }

    /// `chunk:line: ` of the function at `level` (1 is the caller), or nothing.
    pub fn where_(&self, level: usize) -> Vec<u8> {
        self.vm.position(level)
    }

    /// Counts steps of a long loop, each about as long as an instruction, and raises what a limit
    /// or an interrupt asks for. Every loop whose length a program decides calls this.
    ///
    /// # Errors
    /// The limit's error; let it through.
    #[inline]
    pub fn work(&mut self, steps: usize) -> Result<(), Error> {
        self.vm.work(steps)
    }

    /// As [`Ctx::work`], for a loop that reads strings of the window.
    pub fn patience(&self) -> Patience {
        self.vm.patience()
    }

    /// Counts what a loop with [`Ctx::patience`] has done.
    ///
    /// # Errors
    /// What ended the loop before its time.
    pub fn settle(&mut self, patience: &Patience) -> Result<(), Error> {
        self.vm.settle_patience(patience)
    }

    // ---- comparing

    /// Raw equality of two values.
    pub fn equal_raw(&self, a: i32, b: i32) -> bool {
        // SAFETY: values of the window are live.
        unsafe { crate::interp::slow::equal_raw(self.slot(a), self.slot(b)) }
    }

    /// Raw length of a string, table or userdata; 0 for all else.
    pub fn len_raw(&self, index: i32) -> i64 {
        let slot = self.slot(index);
        // SAFETY: the tag says what the payload points to.
        unsafe {
            match slot.tag {
                tag::STRING => (*slot.as_ptr::<Str>()).len as i64,
                tag::TABLE => table::len(slot.as_ptr()),
                _ => 0,
            }
        }
    }

    /// The address that `%p` shows; `None` for values without one.
    pub fn address(&self, index: i32) -> Option<u64> {
        let slot = self.slot(index);
        (slot.is_collectable() || slot.tag == tag::LIGHT).then_some(slot.payload)
    }

    // ---- tables

    fn table_at(&self, index: i32) -> *mut Table {
        let slot = self.slot(index);
        assert!(slot.tag == tag::TABLE, "a table is expected here");
        slot.as_ptr()
    }

    fn memory<T>(&mut self, result: Result<T, OutOfMemory>) -> Result<T, Error> {
        result.map_err(|_| self.vm.memory_error())
    }

    /// Whether the value at `index` is the message of the memory limit.
    pub(crate) fn is_memory_message(&self, index: i32) -> bool {
        let (value, message) = (self.slot(index), self.vm.memory_message);
        value.tag == message.tag && value.payload == message.payload
    }

    /// Pushes a fresh table with room for items and fields.
    ///
    /// # Errors
    /// The memory limit.
    pub fn new_table(&mut self, items: u32, fields: u32) -> Result<(), Error> {
        let t = self.vm.heap.table(items, fields);
        let t = self.memory(t)?;
        self.push(Slot::object(t, tag::TABLE));
        Ok(())
    }

    /// Pops a key, pushes its raw value.
    pub fn raw_get(&mut self, t: i32) {
        let t = self.table_at(t);
        let key = self.pop_slot();
        // SAFETY: a live table.
        let value = unsafe { table::get(t, key, &self.vm.heap) };
        self.push(value);
    }

    /// Pops a value and a key, sets them.
    ///
    /// # Errors
    /// A nil or NaN key; the memory limit.
    pub fn raw_set(&mut self, t: i32) -> Result<(), Error> {
        let t = self.table_at(t);
        let value = self.pop_slot();
        let key = self.pop_slot();
        // SAFETY: a live table.
        match unsafe { table::set(&mut self.vm.heap, t, key, value) } {
            Ok(()) => Ok(()),
            Err(SetError::NilKey) => Err(self.error_plain("table index is nil")),
            Err(SetError::NanKey) => Err(self.error_plain("table index is NaN")),
            Err(SetError::Memory) => Err(self.vm.memory_error()),
        }
    }

    /// Pushes the raw value of an integer key.
    pub fn raw_get_int(&mut self, t: i32, key: i64) {
        // SAFETY: a live table.
        let value = unsafe { table::get_int(self.table_at(t), key) };
        self.push(value);
    }

    /// Pushes the raw values of the integer keys from `first` to `last`, unless the stack would have too many values.
    pub fn raw_get_range(&mut self, t: i32, first: i64, last: i64) {
        let count = last.checked_sub(first).and_then(|n| usize::try_from(n).ok()).and_then(|n| n.checked_add(1));
        let (t, end) = (self.table_at(t), self.end());
        if let Some(count) = count.filter(|count| self.check_stack(*count)) {
            // SAFETY: a live table; there is room for the values.
            unsafe {
                for at in 0..count {
                    *self.at(end + at) = table::get_int(t, first + at as i64);
                }
                (*self.vm.thread).top += count as u32;
            }
        }
    }

    /// Pops a value, sets it at an integer key.
    ///
    /// # Errors
    /// The memory limit.
    pub fn raw_set_int(&mut self, t: i32, key: i64) -> Result<(), Error> {
        let t = self.table_at(t);
        let value = self.pop_slot();
        // SAFETY: a live table.
        let result = unsafe { table::set_int(&mut self.vm.heap, t, key, value) };
        self.memory(result)
    }

    /// Pushes the raw value of a string key.
    pub fn raw_get_field(&mut self, t: i32, key: &[u8]) {
        let t = self.table_at(t);
        let value = match self.vm.heap.string(key) {
            // SAFETY: a live table.
            Ok(key) => unsafe { table::get_str(&self.vm.heap, t, key) },
            Err(_) => Slot::NIL,
        };
        self.push(value);
    }

    /// Pops a value, sets it at a string key.
    ///
    /// # Errors
    /// The memory limit.
    pub fn raw_set_field(&mut self, t: i32, key: &[u8]) -> Result<(), Error> {
        let t = self.table_at(t);
        let value = self.pop_slot();
        let key = self.vm.heap.string(key);
        let key = self.memory(key)?;
        // SAFETY: a live table.
        let result = unsafe { table::set_str(&mut self.vm.heap, t, key, value) };
        self.memory(result)
    }

    /// Pops a key, pushes the next key and its value, if there is one.
    ///
    /// # Errors
    /// `invalid key to 'next'`.
    pub fn next(&mut self, t: i32) -> Result<bool, Error> {
        let t = self.table_at(t);
        let key = self.pop_slot();
        // SAFETY: a live table.
        match unsafe { table::next(&self.vm.heap, t, key) } {
            Ok(Some((key, value))) => {
                self.push(key);
                self.push(value);
                Ok(true)
            }
            Ok(None) => Ok(false),
            Err(_) => Err(self.error_plain("invalid key to 'next'")),
        }
    }

    /// Pushes the metatable of the value at `index`, if it has one.
    pub fn get_metatable(&mut self, index: i32) -> bool {
        let meta = self.vm.metatable(self.slot(index));
        if meta.is_null() {
            return false;
        }
        self.push(Slot::object(meta, tag::TABLE));
        true
    }

    /// Whether the value at `index` has a metatable.
    pub fn has_metatable(&self, index: i32) -> bool {
        !self.vm.metatable(self.slot(index)).is_null()
    }

    /// Pops a table or nil: the metatable of the value at `index` (of its whole type, unless it is a table or userdata).
    pub fn set_metatable(&mut self, index: i32) {
        let target = self.slot(index);
        let meta = self.pop_slot();
        let meta = if meta.tag == tag::TABLE { meta.as_ptr() } else { std::ptr::null_mut() };
        // SAFETY: live objects.
        unsafe {
            match target.tag {
                tag::TABLE => self.vm.heap.set_metatable(target.as_ptr(), meta),
                tag::USERDATA => self.vm.heap.set_userdata_metatable(target.as_ptr(), meta),
                other => {
                    self.vm.heap.new_type_meta();
                    self.vm.type_meta[(other & 15) as usize] = meta;
                    if other == tag::FALSE || other == tag::TRUE {
                        self.vm.type_meta[tag::FALSE as usize] = meta;
                        self.vm.type_meta[tag::TRUE as usize] = meta;
                    }
                    if other == tag::INT || other == tag::FLOAT {
                        self.vm.type_meta[tag::INT as usize] = meta;
                        self.vm.type_meta[tag::FLOAT as usize] = meta;
                    }
                    if other == tag::CLOSURE || other == tag::NATIVE {
                        self.vm.type_meta[tag::CLOSURE as usize] = meta;
                        self.vm.type_meta[tag::NATIVE as usize] = meta;
                    }
                }
            }
        }
    }

    /// Pushes a field of the metatable, if there is one that is not nil.
    pub fn metafield(&mut self, index: i32, name: &[u8]) -> bool {
        if !self.get_metatable(index) {
            return false;
        }
        self.raw_get_field(-1, name);
        self.remove(-2);
        if self.is_nil(-1) {
            self.pop(1);
            return false;
        }
        true
    }

    /// Items of a table without metatable whose integer keys are exactly `1 ..= n`
    /// in its array part; `None` for any other value.
    pub fn array_len(&self, t: i32) -> Option<u64> {
        let slot = self.slot(t);
        if slot.tag != tag::TABLE {
            return None;
        }
        let t = slot.as_ptr::<Table>();
        // SAFETY: a live table.
        unsafe {
            let n = u64::from((*t).array_len);
            ((*t).meta.is_null() && table::len(t) as u64 == n).then_some(n)
        }
    }

    /// Pushes item `i` (from 1, at most [`Ctx::array_len`]).
    pub fn array_get(&mut self, t: i32, i: u64) {
        self.raw_get_int(t, i as i64);
    }

    /// Moves items `from ..= from + count - 1` of a table to `to` and further, where the two ranges lie among
    /// its first [`Ctx::array_len`] items; whether they do.
    pub fn array_shift(&mut self, t: i32, from: u64, to: u64, count: u64) -> bool {
        let t = self.table_at(t);
        // SAFETY: a live table; both ranges are checked. Values that were in the table stay in it.
        unsafe {
            let n = u64::from((*t).array_len);
            let fits = |first: u64| first >= 1 && first <= n && count <= n - first + 1;
            if !fits(from) || !fits(to) {
                return false;
            }
            table::array_shift(t, from as usize - 1, to as usize - 1, count as usize);
            self.vm.heap.reordered(t);
            true
        }
    }

    /// Exchanges two items.
    pub fn array_swap(&mut self, t: i32, i: u64, j: u64) {
        let t = self.table_at(t);
        // SAFETY: a live table; both indices are checked.
        unsafe {
            let n = u64::from((*t).array_len);
            if i >= 1 && j >= 1 && i <= n && j <= n {
                let (x, y) = (table::array_get(t, i as usize - 1), table::array_get(t, j as usize - 1));
                table::array_set(t, i as usize - 1, y);
                table::array_set(t, j as usize - 1, x);
                // The collector may have seen one of the places and not the other.
                self.vm.heap.barrier(t.cast(), x);
                self.vm.heap.barrier(t.cast(), y);
            }
        }
    }

    // ---- functions

    /// Pops `upvalues` values and pushes a native function that has them. `name` is
    /// its versioned name, which images and tools know it by.
    ///
    /// # Errors
    /// The memory limit.
    pub fn push_native(&mut self, name: &'static str, function: NativeFn, upvalues: usize) -> Result<(), Error> {
        let id = self.vm.native_id(NativeEntry::new(name, function));
        let upvalues = upvalues.min(self.top());
        // SAFETY: they are on the window, which does not move meanwhile.
        let values = unsafe { std::slice::from_raw_parts(self.at(self.end() - upvalues), upvalues) };
        let native = self.vm.heap.native(id, values);
        let native = self.memory(native)?;
        self.pop(upvalues);
        self.push(Slot::object(native, tag::NATIVE));
        Ok(())
    }

    fn own_upvalue(&self, n: usize) -> Option<*mut Slot> {
        // SAFETY: the header of the running native is below its window.
        unsafe {
            let callee = *self.at(self.base() - 2);
            if callee.tag & 0xff != tag::NATIVE {
                return None;
            }
            let native = callee.as_ptr::<Native>();
            (n >= 1 && n <= (*native).header.aux as usize).then(|| Native::upvalues(native).add(n - 1))
        }
    }

    /// Pushes upvalue `n` (from 1) of the running native.
    #[inline]
    pub fn upvalue(&mut self, n: usize) {
        // SAFETY: checked by `own_upvalue`.
        let value = self.own_upvalue(n).map_or(Slot::NIL, |p| unsafe { *p });
        self.push(value);
    }

    /// Pops a value into upvalue `n` (from 1) of the running native.
    pub fn set_upvalue(&mut self, n: usize) {
        let value = self.pop_slot();
        if let Some(p) = self.own_upvalue(n) {
            // SAFETY: checked by `own_upvalue`.
            unsafe {
                *p = value;
                let native = (*self.at(self.base() - 2)).as_ptr();
                self.vm.heap.barrier(native, value);
            }
        }
    }

    /// Upvalue `n` (from 1) of the running native, if that is an integer.
    pub fn upvalue_int(&self, n: usize) -> Option<i64> {
        // SAFETY: checked by `own_upvalue`.
        let value = self.own_upvalue(n).map(|p| unsafe { *p })?;
        (value.tag == tag::INT).then(|| value.as_int())
    }

    /// Sets upvalue `n` (from 1) of the running native to an integer.
    pub fn set_upvalue_int(&mut self, n: usize, value: i64) {
        if let Some(p) = self.own_upvalue(n) {
            // SAFETY: checked by `own_upvalue`; an integer needs no barrier.
            unsafe { *p = Slot::int(value) };
        }
    }

    /// Pops a value into a fresh upvalue `n` (from 1) of the Lua function at `index`, if it has one.
    ///
    /// # Errors
    /// The memory limit; the function keeps what it had.
    pub fn set_function_upvalue(&mut self, index: i32, n: usize) -> Result<(), Error> {
        let function = self.slot(index);
        let value = self.pop_slot();
        if function.tag != tag::CLOSURE {
            return Ok(());
        }
        let closure = function.as_ptr::<Closure>();
        // SAFETY: a live closure; the index is checked.
        unsafe {
            if n >= 1 && n <= (*closure).header.aux as usize {
                let upvalue = self.vm.heap.upvalue_closed(value);
                let upvalue = self.memory(upvalue)?;
                *(*closure).upvalues.add(n - 1) = upvalue;
                self.vm.heap.barrier(closure.cast(), Slot::object(upvalue, tag::UPVALUE));
            }
        }
        Ok(())
    }

    /// Compiles text or loads a binary chunk and pushes the function, its first upvalue set to the globals.
    ///
    /// # Errors
    /// The message is pushed instead.
    pub fn load(&mut self, source: &[u8], chunk_name: &[u8], mode: &[u8]) -> Result<(), LoadError> {
        match self.vm.load_function(source, chunk_name, mode, false) {
            Ok(value) => {
                self.push(value);
                Ok(())
            }
            Err(message) => {
                let value = self.vm.text_or_nil(&message);
                self.push(value);
                Err(LoadError(()))
            }
        }
    }

    /// Compiles a part of the library written in Lua and pushes its main function.
    ///
    /// # Errors
    /// A syntax error, as a Lua error.
    pub fn load_prelude(&mut self, source: &[u8], chunk_name: &[u8]) -> Result<(), Error> {
        match self.vm.load_function(source, chunk_name, b"t", true) {
            Ok(value) => {
                self.push(value);
                Ok(())
            }
            Err(message) => Err(self.error_plain(message)),
        }
    }

    /// The binary chunk of the Lua function at `index`; `None` for natives.
    ///
    /// # Errors
    /// A limit that was met meanwhile.
    pub fn dump(&mut self, index: i32, strip: bool) -> Result<Option<Vec<u8>>, Error> {
        let slot = self.slot(index);
        if slot.tag != tag::CLOSURE {
            return Ok(None);
        }
        let mut patience = self.patience();
        let mut keep_going = |steps| patience.step(steps);
        // SAFETY: a live closure.
        let proto = unsafe { proto::unload((*slot.as_ptr::<Closure>()).proto, &mut keep_going) };
        let bytes = proto.and_then(|proto| perilune_isa::encode_chunk_while(&proto, strip, &mut keep_going));
        self.settle(&patience)?;
        Ok(bytes)
    }

    /// Bars what this function calls from yielding, as PUC Lua's `lua_call` does; also what is called in its place.
    pub fn bar_yields(&mut self) {
        // SAFETY: the running thread has a native frame on top.
        unsafe {
            let thread = self.vm.thread;
            crate::stack::change_flags(thread, (*thread).base, crate::stack::flag::BARS, 0);
            (*thread).may_bar = true;
        }
    }

    /// Pops the topmost `n` values into `t[1]` to `t[n]` of a fresh table.
    ///
    /// # Errors
    /// The memory limit.
    pub fn set_items(&mut self, t: i32, n: usize) -> Result<(), Error> {
        let table = self.slot(t);
        let n = n.min(self.top());
        let values: Vec<Slot> = (1..=n as i32).rev().map(|at| self.slot(-at)).collect();
        // SAFETY: the tag says it is a table; the values are on the window.
        if table.tag == tag::TABLE && unsafe { table::set_list(&mut self.vm.heap, table.as_ptr(), 0, &values) }.is_err() {
            return Err(self.vm.memory_error());
        }
        self.pop(n);
        Ok(())
    }

    /// Pushes the table of globals.
    pub fn push_globals(&mut self) {
        let value = Slot::object(self.vm.globals, tag::TABLE);
        self.push(value);
    }

    /// Pushes the registry.
    pub fn push_registry(&mut self) {
        let value = Slot::object(self.vm.registry, tag::TABLE);
        self.push(value);
    }

    // ---- userdata

    /// Pushes a userdata that owns a Rust value.
    ///
    /// # Errors
    /// The memory limit.
    pub fn push_host(&mut self, host: Box<dyn Any + Send>, user_values: usize) -> Result<(), Error> {
        let id = self.vm.add_host(host);
        let userdata = self.vm.heap.userdata(id, user_values as u32).inspect_err(|_| self.vm.remove_host(id));
        let userdata = self.memory(userdata)?;
        self.push(Slot::object(userdata, tag::USERDATA));
        Ok(())
    }

    fn userdata_at(&self, index: i32) -> Option<*mut Userdata> {
        let slot = self.slot(index);
        (slot.tag == tag::USERDATA).then(|| slot.as_ptr())
    }

    /// The Rust value of the userdata at `index`, if it has one of this type.
    pub fn host_mut<T: 'static>(&mut self, index: i32) -> Option<&mut T> {
        let userdata = self.userdata_at(index)?;
        // SAFETY: a live userdata.
        let id = unsafe { (*userdata).host };
        self.vm.hosts.get_mut((id as usize).checked_sub(1)?)?.as_mut()?.value_mut()
    }

    /// Drops the Rust value of the userdata at `index` now.
    pub fn drop_host(&mut self, index: i32) {
        if let Some(userdata) = self.userdata_at(index) {
            // SAFETY: a live userdata.
            let id = unsafe {
                self.vm.heap.discharge_host(userdata);
                std::mem::replace(&mut (*userdata).host, 0)
            };
            self.vm.remove_host(id);
        }
    }

    /// Says that the Rust value of the userdata at `index` owns so many bytes, all in all. They count as memory of the
    /// machine until it is dropped.
    ///
    /// # Errors
    /// The memory limit.
    pub fn charge_host(&mut self, index: i32, bytes: usize) -> Result<(), Error> {
        let Some(userdata) = self.userdata_at(index) else { return Ok(()) };
        // SAFETY: a live userdata.
        let result = unsafe { self.vm.heap.charge_host(userdata, bytes) };
        self.memory(result)
    }

    fn user_place(&self, index: i32, n: usize) -> Option<*mut Slot> {
        let userdata = self.userdata_at(index)?;
        // SAFETY: a live userdata with `aux` values.
        unsafe { (n >= 1 && n <= (*userdata).header.aux as usize).then(|| Userdata::values(userdata).add(n - 1)) }
    }

    /// Pushes user value `n` (from 1), or nil; whether there is one.
    pub fn user_value(&mut self, index: i32, n: usize) -> bool {
        let place = self.user_place(index, n);
        // SAFETY: checked by `user_place`.
        let value = place.map_or(Slot::NIL, |p| unsafe { *p });
        self.push(value);
        place.is_some()
    }

    /// Pops user value `n` (from 1); whether there is one.
    pub fn set_user_value(&mut self, index: i32, n: usize) -> bool {
        let place = self.user_place(index, n);
        let owner = self.slot(index);
        let value = self.pop_slot();
        if let Some(p) = place {
            // SAFETY: checked by `user_place`.
            unsafe {
                *p = value;
                self.vm.heap.barrier(owner.as_ptr(), value);
            }
        }
        place.is_some()
    }

    // ---- the rest

    /// Whether the main coroutine runs.
    pub fn is_main(&self) -> bool {
        // SAFETY: the running thread is live.
        self.vm.thread == self.vm.main || unsafe { (*self.vm.thread).flags } & crate::unwind::thread_flag::ASIDE != 0
    }

    /// Pushes the running coroutine.
    pub fn push_current_thread(&mut self) {
        let value = Slot::object(self.vm.thread, tag::THREAD);
        self.push(value);
    }

    /// Marks the running native frame as protected: register 0 is a handler or nil,
    /// register 1 takes the error, and the native is entered again with `ERROR_STATE`.
    pub(crate) fn protect(&mut self) {
        // SAFETY: the running frame.
        unsafe { crate::stack::change_flags(self.vm.thread, (*self.vm.thread).base, crate::stack::flag::PROTECTED, 0) };
    }

    /// Marks the running native frame as the one that calls a finalizer.
    pub(crate) fn hide(&mut self) {
        // SAFETY: the running frame.
        unsafe { crate::stack::change_flags(self.vm.thread, (*self.vm.thread).base, crate::stack::flag::FINALIZER, 0) };
    }

    /// Part of a warning (`warn`); `more` says that another part follows.
    pub fn warn(&mut self, message: &[u8], more: bool) {
        self.vm.warn(message, more);
    }

    /// Standard output, shared by `print` and the `io` library.
    pub fn out(&mut self) -> &mut dyn Write {
        &mut self.vm.out
    }

    /// Standard error.
    pub fn err(&mut self) -> &mut dyn Write {
        let _ = self.vm.out.flush();
        &mut self.vm.err
    }

    /// Standard input.
    pub fn in_(&mut self) -> &mut dyn BufRead {
        &mut self.vm.input
    }

    /// The virtual machine. Foreign code must not have it: it could be exchanged for another one.
    pub(crate) fn vm(&mut self) -> &mut Vm {
        self.vm
    }

    /// When what is written to standard output is handed over from now on.
    pub fn buffer_output(&mut self, buffering: crate::vm::Buffering) {
        self.vm.buffer_output(buffering);
    }

    /// Closes the machine, as [`Vm::close`], before the process ends.
    pub fn close_and_exit(&mut self, before_exit: impl FnOnce(&mut Ctx<'_>), code: i32) -> ! {
        self.vm.shut_down();
        self.exit(before_exit, code)
    }

    /// Ends the process: output is handed over, and the observer hears of it.
    pub fn exit(&mut self, before_exit: impl FnOnce(&mut Ctx<'_>), code: i32) -> ! {
        self.vm.flush_output();
        before_exit(self);
        self.vm.end_observation(code);
        std::process::exit(code)
    }

    /// Makes a variable of a module, see [`Vm::add_module_variable`]; its value is nil.
    ///
    /// # Errors
    /// The memory limit.
    pub fn add_module_variable(&mut self, chunk_name: &[u8], name: &[u8]) -> Result<(), Error> {
        self.vm.add_module_variable(chunk_name, name)
    }

    /// Name of a type for messages: `__name` if it is a string, else the kind.
    pub fn type_name_of(&mut self, index: i32) -> Vec<u8> {
        let slot = self.slot(index);
        self.vm.type_name(slot)
    }

    /// Calls the function below the last `args` values from the host and waits for it. Not for natives
    /// that Lua calls: a coroutine cannot yield across it.
    ///
    /// # Errors
    /// The Lua error, its value pushed.
    pub fn call(&mut self, args: u32, results: Option<u32>) -> Result<(), Error> {
        if !self.has_call(args, results) {
            return Err(self.error_plain(BAD_COUNTS));
        }
        self.vm.call_host(args, results)
    }

    /// Whether there are so many arguments and a function below them, and the results can be counted.
    pub(crate) fn has_call(&self, args: u32, results: Option<u32>) -> bool {
        (args as usize) < self.top() && results.is_none_or(|n| n < 255)
    }

    #[doc(hidden)]
    pub fn flag_short(&self, index: i32) -> bool {
        let slot = self.slot(index);
        // SAFETY: the tag says it is a string.
        slot.tag == tag::STRING && unsafe { (*slot.as_ptr::<Str>()).header.flags & flag::SHORT != 0 }
    }

    /// Parses a numeral by the rules of `tonumber` and pushes it; whether it is one.
    pub fn push_numeral(&mut self, text: &[u8]) -> bool {
        match number::parse(text) {
            Some(number::Number::Int(i)) => self.push_int(i),
            Some(number::Number::Float(f)) => self.push_float(f),
            None => return false,
        }
        true
    }
}
