//! Leaf forms of natives: what they do for common arguments, without a frame.
//!
//! A native that only computes one value from its arguments may have a second
//! form beside the general one. The machine tries it first where nobody could
//! see the difference: without hooks, and with one result or none wanted. A
//! leaf form that does not know what to do declines, and the general one is
//! called; so it raises no errors, calls nothing, and has no effect before it declines.
//!
//! `unsafe`: arguments are read in place, on the stack. The bargain: nothing
//! here collects or moves the stack.
#![allow(unsafe_code)]

use crate::api::{Ctx, Kind};
use crate::heap::Heap;
use crate::meta::Event;
use crate::number::{self, Number};
use crate::object::{Native, Str, Table, Userdata};
use crate::string;
use crate::switch::Role;
use crate::table;
use crate::value::{Slot, tag};
use crate::vm::{Host, Vm};

/// A leaf form: the result, or `None` to decline.
pub type LeafFn = fn(&mut Leaf<'_>) -> Option<LeafValue>;

/// The arguments of a leaf form, counted from 0.
pub struct Leaf<'a> {
    heap: &'a mut Heap,
    hosts: &'a mut [Option<Host>],
    type_meta: &'a [*mut Table; 16],
    /// The native itself.
    native: *mut Native,
    arguments: &'a [Slot],
    /// Whether nothing may be changed.
    only_reads: bool,
    /// Where results after the first go, if any are wanted.
    more: Option<&'a mut More>,
}

/// Results of a leaf form after the first.
struct More {
    values: [Slot; MORE],
    count: usize,
}

/// Most results of a leaf form after the first.
const MORE: usize = 3;
/// The number of wanted results plus one, of calls that are done by leaf forms, is not above this; 0 is for all.
pub const MOST_WANTED: u8 = MORE as u8 + 2;

/// The result of a leaf form.
pub struct LeafValue(Slot);

/// Items that are moved at once, as they take no time to speak of.
const SHIFTED: i64 = 1 << 12;

/// Iterators of generic loops that the machine runs in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Iterator {
    /// `next`
    Next,
    /// The iterator of `ipairs`.
    Index,
}

/// Natives that compiled code may do in place, for the arguments that it sees there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intrinsic {
    /// `math.abs`
    Abs,
    /// `math.floor`
    Floor,
    /// `math.max`
    Max,
    /// `math.min`
    Min,
    /// `math.sqrt`
    Sqrt,
    /// `type`
    Type,
    /// `string.byte`
    Byte,
    /// `string.sub`
    Sub,
    /// `table.insert`
    Insert,
    /// `table.remove`
    Remove,
    /// `pairs`, whose upvalue is what it returns first.
    Pairs,
    /// `ipairs`, likewise.
    Ipairs,
    /// `select`
    Select,
    /// `pcall`
    Protect,
    /// `xpcall`
    ProtectWithHandler,
    /// `coroutine.resume`
    Resume,
    /// What `coroutine.wrap` makes.
    Wrapped,
    /// `coroutine.yield`
    Yield,
}

/// Which natives they are, in their order, as in [`Native::id`].
pub(crate) type Iterators = [u64; 2];
/// None of them is there yet.
pub(crate) const NO_ITERATORS: Iterators = [u64::MAX; 2];

impl<'a> Leaf<'a> {
    /// Number of arguments.
    pub fn count(&self) -> usize {
        self.arguments.len()
    }

    fn slot(&self, index: usize) -> Option<Slot> {
        // SAFETY: a reference to a slot.
        self.arguments.get(index).map(|slot| unsafe { Slot::read(slot) })
    }

    /// Kind of an argument.
    pub fn kind(&self, index: usize) -> Option<Kind> {
        self.slot(index).map(|slot| Kind::of(slot.tag))
    }

    /// An argument that is an integer; nothing is converted.
    pub fn int(&self, index: usize) -> Option<i64> {
        self.slot(index).filter(|slot| slot.tag == tag::INT).map(Slot::as_int)
    }

    /// An argument that is a float; nothing is converted.
    pub fn float(&self, index: usize) -> Option<f64> {
        self.slot(index).filter(|slot| slot.tag == tag::FLOAT).map(Slot::as_float)
    }

    /// An argument that is a number, as float.
    pub fn number(&self, index: usize) -> Option<f64> {
        self.slot(index).and_then(crate::arith::to_float)
    }

    /// An argument that is a number, or a string that reads as one.
    pub fn numeral(&self, index: usize) -> Option<Number> {
        let slot = self.slot(index)?;
        match slot.tag {
            tag::INT => Some(Number::Int(slot.as_int())),
            tag::FLOAT => Some(Number::Float(slot.as_float())),
            _ => number::parse(self.bytes(index)?),
        }
    }

    /// What `type` says of an argument.
    pub fn type_name(&self, index: usize) -> Option<LeafValue> {
        self.slot(index).map(|slot| LeafValue(Slot::object(self.heap.type_names[slot.tag as usize], tag::STRING)))
    }

    /// Whether an argument is missing, nil or false.
    pub fn is_falsy(&self, index: usize) -> bool {
        self.slot(index).is_none_or(Slot::is_falsy)
    }

    /// Whether an argument is a number or a string, or another plain value, and what it is shown as is its own text.
    pub fn has_plain_text(&mut self, index: usize) -> bool {
        let Some(slot) = self.slot(index) else { return false };
        match slot.tag {
            tag::TABLE | tag::USERDATA => false,
            // SAFETY: metatables of types are live or null.
            tag => unsafe { self.heap.metamethod(self.type_meta[tag as usize], Event::ToString).is_nil() },
        }
    }

    /// The Rust value of an argument that is a userdata with one of this type, unless nothing may be changed.
    pub fn host_mut<T: 'static>(&mut self, index: usize) -> Option<&mut T> {
        let slot = self.slot(index).filter(|slot| slot.tag == tag::USERDATA && !self.only_reads)?;
        // SAFETY: a live userdata.
        let id = unsafe { (*slot.as_ptr::<Userdata>()).host };
        self.hosts.get_mut((id as usize).checked_sub(1)?)?.as_mut()?.value_mut()
    }

    /// Bytes of an argument that is a string.
    pub fn bytes(&self, index: usize) -> Option<&'a [u8]> {
        self.slot(index).and_then(Leaf::bytes_of)
    }

    /// Bytes of a string that the native or an argument keeps alive.
    fn bytes_of(slot: Slot) -> Option<&'a [u8]> {
        // SAFETY: the tag says it is a string, and nothing is collected meanwhile.
        (slot.tag == tag::STRING).then(|| unsafe { string::str_bytes(slot.as_ptr::<Str>()) })
    }

    /// A part of an argument that is a string, as a new string.
    pub fn part(&mut self, index: usize, range: std::ops::Range<usize>) -> Option<LeafValue> {
        self.part_of(self.slot(index)?, range)
    }

    /// As [`Leaf::part`], of an upvalue, counted from 1.
    pub fn part_of_upvalue(&mut self, n: usize, range: std::ops::Range<usize>) -> Option<LeafValue> {
        self.part_of(self.upvalue(n)?, range)
    }

    /// Bytes of an upvalue that is a string.
    pub fn upvalue_bytes(&self, n: usize) -> Option<&'a [u8]> {
        self.upvalue(n).and_then(Leaf::bytes_of)
    }

    /// An upvalue that is an integer.
    pub fn upvalue_int(&self, n: usize) -> Option<i64> {
        self.upvalue(n).filter(|slot| slot.tag == tag::INT).map(Slot::as_int)
    }

    /// Sets an upvalue that is an integer.
    pub fn set_upvalue_int(&mut self, n: usize, value: i64) {
        if self.upvalue_int(n).is_some() {
            // SAFETY: there is such an upvalue.
            unsafe { *Native::upvalues(self.native).add(n - 1) = Slot::int(value) };
        }
    }

    /// Whether more than the first result is wanted: a form that has several must say which they are, or decline, as must
    /// one that has none.
    pub fn wants_more(&self) -> bool {
        self.more.is_some()
    }

    /// Adds a result to those after the first; declines when there are too many.
    pub fn also(&mut self, value: LeafValue) -> Option<()> {
        let more = self.more.as_mut()?;
        *more.values.get_mut(more.count)? = value.0;
        more.count += 1;
        Some(())
    }

    /// Whether nothing may be changed.
    pub fn only_reads(&self) -> bool {
        self.only_reads
    }

    fn upvalue(&self, n: usize) -> Option<Slot> {
        // SAFETY: a live native with so many upvalues.
        unsafe { (1..=(*self.native).header.aux as usize).contains(&n).then(|| Slot::read(Native::upvalues(self.native).add(n - 1))) }
    }

    fn part_of(&mut self, slot: Slot, range: std::ops::Range<usize>) -> Option<LeafValue> {
        let bytes = Leaf::bytes_of(slot)?;
        if range == (0..bytes.len()) {
            return Some(LeafValue(slot));
        }
        self.string(bytes.get(range)?)
    }

    /// A new string; declines when there is no memory.
    pub fn string(&mut self, bytes: &[u8]) -> Option<LeafValue> {
        Some(LeafValue(Slot::object(self.heap.string(bytes).ok()?, tag::STRING)))
    }

    /// An argument itself.
    pub fn argument(&self, index: usize) -> Option<LeafValue> {
        self.slot(index).map(LeafValue)
    }

    /// `t[k]` without metamethods, when both arguments are there and the first is a table.
    pub fn raw_get(&self, table: usize, key: usize) -> Option<LeafValue> {
        let (t, key) = (self.slot(table).filter(|slot| slot.tag == tag::TABLE)?, self.slot(key)?);
        // SAFETY: a live table.
        Some(LeafValue(unsafe { table::get(t.as_ptr(), key, self.heap) }))
    }

    /// Appends an argument to a table without metatable; the result is nil. Declines for nil.
    pub fn append(&mut self, table: usize, value: usize) -> Option<LeafValue> {
        let (t, value) = (self.plain_table(table)?, self.slot(value)?);
        if self.only_reads || self.wants_more() || value.is_nil() {
            return None;
        }
        // SAFETY: a live table.
        unsafe {
            let end = table::len(t).checked_add(1)?;
            table::set_int(self.heap, t, end, value).ok()?;
        }
        Some(LeafValue::nil())
    }
}

impl Leaf<'_> {
    /// Gives a table that has no metatable one, or none; the result is the table.
    pub fn set_metatable(&mut self, table: usize, meta: usize) -> Option<LeafValue> {
        let t = self.slot(table).filter(|slot| slot.tag == tag::TABLE)?;
        let meta = self.slot(meta)?;
        // SAFETY: live tables.
        unsafe {
            if self.only_reads || !(*t.as_ptr::<Table>()).meta.is_null() || !matches!(meta.tag, tag::TABLE | tag::NIL) {
                return None;
            }
            let meta = if meta.is_nil() { std::ptr::null_mut() } else { meta.as_ptr() };
            self.heap.set_metatable(t.as_ptr(), meta);
        }
        Some(LeafValue(t))
    }

    /// The metatable of a table as `getmetatable` shows it.
    pub fn shown_metatable(&mut self, table: usize) -> Option<LeafValue> {
        let t = self.slot(table).filter(|slot| slot.tag == tag::TABLE)?;
        // SAFETY: a live table, and so is its metatable.
        unsafe {
            let meta = (*t.as_ptr::<Table>()).meta;
            if meta.is_null() {
                return Some(LeafValue(Slot::NIL));
            }
            let shown = self.heap.metamethod(meta, Event::Metatable);
            Some(LeafValue(if shown.is_nil() { Slot::object(meta, tag::TABLE) } else { shown }))
        }
    }

    /// Takes the last item off a table without metatable.
    pub fn take_last(&mut self, table: usize) -> Option<LeafValue> {
        let t = self.plain_table(table)?;
        // SAFETY: a live table.
        unsafe {
            let end = table::len(t);
            if self.only_reads || end == 0 {
                return None;
            }
            let value = table::get_int(t, end);
            table::set_int(self.heap, t, end, Slot::NIL).ok()?;
            Some(LeafValue(value))
        }
    }

    /// The length of an argument that is a table without metatable.
    pub fn plain_len(&self, table: usize) -> Option<i64> {
        let t = self.plain_table(table)?;
        // SAFETY: a live table.
        Some(unsafe { table::len(t) })
    }

    fn plain_table(&self, table: usize) -> Option<*mut Table> {
        let t = self.slot(table).filter(|slot| slot.tag == tag::TABLE)?.as_ptr::<Table>();
        // SAFETY: a live table.
        unsafe { (*t).meta.is_null() }.then_some(t)
    }

    /// An item of a table without metatable.
    pub fn item(&self, table: usize, index: i64) -> Option<LeafValue> {
        let t = self.plain_table(table)?;
        // SAFETY: a live table.
        Some(LeafValue(unsafe { table::get_int(t, index) }))
    }

    /// Inserts an argument before an item of a table without metatable whose items are few and all in its array; the
    /// result is nil.
    pub fn insert(&mut self, table: usize, position: i64, value: usize) -> Option<LeafValue> {
        let (t, value) = (self.plain_table(table)?, self.slot(value).filter(|value| !value.is_nil())?);
        // SAFETY: a live table.
        unsafe {
            let behind = self.items_from(t, position)?;
            if self.wants_more() {
                return None;
            }
            let end = position + behind;
            table::set_int(self.heap, t, end, table::get_int(t, end - 1)).ok()?;
            table::array_shift(t, position as usize - 1, position as usize, behind as usize - 1);
            self.heap.reordered(t);
            // The place has a value, so this takes no memory.
            table::set_int(self.heap, t, position, value).ok()?;
        }
        Some(LeafValue::nil())
    }

    /// Removes an item of a table without metatable whose items are few and all in its array.
    pub fn remove(&mut self, table: usize, position: i64) -> Option<LeafValue> {
        let t = self.plain_table(table)?;
        // SAFETY: a live table.
        unsafe {
            let behind = self.items_from(t, position)? - 1;
            let value = table::get_int(t, position);
            table::array_shift(t, position as usize, position as usize - 1, behind as usize);
            self.heap.reordered(t);
            table::set_int(self.heap, t, position + behind, Slot::NIL).ok()?;
            Some(LeafValue(value))
        }
    }

    /// How many items there are from a position on, which has one.
    unsafe fn items_from(&self, t: *mut Table, position: i64) -> Option<i64> {
        // SAFETY: a live table.
        unsafe {
            let len = table::len(t);
            let is_among = position >= 1 && position <= len && len <= i64::from((*t).array_len);
            (is_among && len - position < SHIFTED && !self.only_reads).then_some(len - position + 1)
        }
    }

    /// A new table with all arguments as items and their number as field `n`; declines when there is no memory.
    pub fn pack(&mut self) -> Option<LeafValue> {
        if self.only_reads {
            return None;
        }
        // SAFETY: a table of our own; nothing is collected meanwhile.
        unsafe {
            let name = self.heap.string(b"n").ok()?;
            let t = self.heap.table(self.arguments.len() as u32, 1).ok()?;
            table::set_list(self.heap, t, 0, self.arguments).ok()?;
            table::set_str(self.heap, t, name, Slot::int(self.arguments.len() as i64)).ok()?;
            Some(LeafValue(Slot::object(t, tag::TABLE)))
        }
    }

    /// The key after an argument in a table, with its value as second result; nil after the last one.
    pub fn next(&mut self, table: usize, key: usize) -> Option<LeafValue> {
        let t = self.slot(table).filter(|slot| slot.tag == tag::TABLE)?;
        let key = self.slot(key).unwrap_or(Slot::NIL);
        // SAFETY: a live table and key.
        let Some((key, value)) = (unsafe { table::next(self.heap, t.as_ptr(), key) }).ok()? else {
            return Some(LeafValue::nil());
        };
        if self.wants_more() {
            self.also(LeafValue(value))?;
        }
        Some(LeafValue(key))
    }

    /// Whether two arguments are equal without metamethods.
    pub fn raw_equal(&self, first: usize, second: usize) -> Option<LeafValue> {
        let (first, second) = (self.slot(first)?, self.slot(second)?);
        // SAFETY: arguments are live.
        Some(LeafValue::bool(unsafe { crate::interp::slow::equal_raw(first, second) }))
    }
}

impl LeafValue {
    /// `nil`
    pub fn nil() -> LeafValue {
        LeafValue(Slot::NIL)
    }

    /// An integer.
    pub fn int(value: i64) -> LeafValue {
        LeafValue(Slot::int(value))
    }

    /// A float.
    pub fn float(value: f64) -> LeafValue {
        LeafValue(Slot::float(value))
    }

    /// A boolean.
    pub fn bool(value: bool) -> LeafValue {
        LeafValue(Slot::bool(value))
    }

    /// Its bytes, if it is a string. Only to be read before anything is collected.
    pub fn bytes<'a>(&self, _: &Leaf<'a>) -> Option<&'a [u8]> {
        Leaf::bytes_of(self.0)
    }

    /// The number that it is.
    pub fn number(&self) -> Option<Number> {
        match self.0.tag {
            tag::INT => Some(Number::Int(self.0.as_int())),
            tag::FLOAT => Some(Number::Float(self.0.as_float())),
            _ => None,
        }
    }
}

impl Ctx<'_> {
    /// Gives a leaf form to the native at `index`, and to all that run the same function under the same name.
    pub fn set_leaf(&mut self, index: i32, leaf: LeafFn) {
        if let Some(entry) = self.native_entry(index) {
            entry.leaf = Some(leaf);
        }
    }

    /// Says what compiled code may do in the place of the native at `index`, and of all that run the same function
    /// under the same name.
    pub fn set_intrinsic(&mut self, index: i32, intrinsic: Intrinsic) {
        if let Some(entry) = self.native_entry(index) {
            entry.intrinsic = Some(intrinsic);
        }
    }

    /// Says that the native at `index`, and all that run the same function under the same name, is only called by code
    /// of the library, which hooks are not told of.
    pub fn set_inner(&mut self, index: i32) {
        if let Some(entry) = self.native_entry(index) {
            entry.is_inner = true;
        }
    }

    /// Says that the native at `index`, and all that run the same function under the same name, is this iterator.
    pub fn set_iterator(&mut self, index: i32, iterator: Iterator) {
        let slot = self.slot(index);
        if slot.tag == tag::NATIVE {
            // SAFETY: the tag says it is a native.
            self.vm.iterators[iterator as usize] = unsafe { (*slot.as_ptr::<Native>()).id };
        }
    }

    /// Says what the machine does in the place of the native at `index`.
    pub(crate) fn set_role(&mut self, index: i32, role: Role) {
        let Some(entry) = self.native_entry(index) else { return };
        entry.role = role;
        entry.intrinsic = match role {
            Role::Plain => None,
            Role::Protect => Some(Intrinsic::Protect),
            Role::ProtectWithHandler => Some(Intrinsic::ProtectWithHandler),
            Role::Resume => Some(Intrinsic::Resume),
            Role::Wrapped => Some(Intrinsic::Wrapped),
            Role::Yield => Some(Intrinsic::Yield),
        };
        if role == Role::Wrapped {
            // SAFETY: what has an entry is a native.
            self.vm.wrapped = unsafe { (*self.slot(index).as_ptr::<Native>()).id };
        }
    }

    fn native_entry(&mut self, index: i32) -> Option<&mut crate::vm::NativeEntry> {
        let slot = self.slot(index);
        if slot.tag != tag::NATIVE {
            return None;
        }
        // SAFETY: the tag says it is a native.
        let id = unsafe { (*slot.as_ptr::<Native>()).id };
        self.vm.natives.get_mut(id as usize)
    }
}

impl Vm {
    /// Calls the native in `slot` with the `n` arguments from `slot + 2` by its leaf form, if it has one, as
    /// [`Vm::call_by_leaf`].
    ///
    /// # Safety
    /// All of them are live slots of the running coroutine's stack.
    #[inline]
    pub(crate) unsafe fn call_leaf(&mut self, slot: *mut Slot, n: u32, wanted: u8) -> bool {
        // SAFETY: by contract.
        unsafe {
            let Some(leaf) = self.leaf_of(*slot) else { return false };
            self.call_by_leaf(leaf, (*slot).as_ptr(), std::slice::from_raw_parts(slot.add(2), n as usize), slot, wanted)
        }
    }

    /// Puts the `wanted - 1` results of a leaf form to `target`, or all, up to the top; false when it declines.
    ///
    /// # Safety
    /// The native, the arguments and the target are live.
    #[inline(always)]
    pub(crate) unsafe fn call_by_leaf(
        &mut self,
        leaf: LeafFn,
        native: *mut Native,
        arguments: &[Slot],
        target: *mut Slot,
        wanted: u8,
    ) -> bool {
        // SAFETY: by contract.
        unsafe {
            if !matches!(wanted, 1 | 2) {
                return self.call_for_more(leaf, native, arguments, target, wanted);
            }
            let Some(value) = self.leaf_result(leaf, native, arguments, None) else { return false };
            if wanted == 2 {
                *target = value;
            }
            true
        }
    }

    #[inline(never)]
    unsafe fn call_for_more(&mut self, leaf: LeafFn, native: *mut Native, arguments: &[Slot], target: *mut Slot, wanted: u8) -> bool {
        // Where all results are wanted, only the general form asks for the collector.
        if wanted > MOST_WANTED || wanted == 0 && self.heap.should_step() {
            return false;
        }
        let mut more = More { values: [Slot::NIL; MORE], count: 0 };
        // SAFETY: by contract of `call_by_leaf`; above the arguments is room for a frame.
        unsafe {
            let Some(value) = self.leaf_result(leaf, native, arguments, Some(&mut more)) else { return false };
            *target = value;
            let count = if wanted == 0 { 1 + more.count } else { usize::from(wanted) - 1 };
            for (n, value) in more.values.into_iter().take(count - 1).enumerate() {
                *target.add(1 + n) = value;
            }
            if wanted == 0 {
                (*self.thread).top = target.add(count).offset_from((*self.thread).stack) as u32;
            }
        }
        true
    }

    /// The result of a native for these arguments by its leaf form, unless it has none or declines.
    ///
    /// # Safety
    /// The native and the arguments are live.
    #[inline]
    pub(crate) unsafe fn call_leaf_with(&mut self, native: Slot, arguments: &[Slot]) -> Option<Slot> {
        // SAFETY: by contract.
        unsafe {
            let leaf = self.leaf_of(native)?;
            self.leaf_result(leaf, native.as_ptr(), arguments, None)
        }
    }

    /// What a leaf form gives for arguments.
    ///
    /// # Safety
    /// The native and the arguments are live.
    #[inline(always)]
    unsafe fn leaf_result(&mut self, leaf: LeafFn, native: *mut Native, arguments: &[Slot], more: Option<&mut More>) -> Option<Slot> {
        let value = leaf(&mut self.leaf(native, arguments, false, more))?;
        // SAFETY: a value of our own, which has just been written by halves.
        Some(unsafe { Slot::read(&value.0) })
    }

    /// As [`Vm::call_leaf_with`], but declines what would change anything.
    ///
    /// # Safety
    /// The native and the arguments are live.
    pub(crate) unsafe fn compute_with(&mut self, native: Slot, arguments: &[Slot]) -> Option<Slot> {
        // SAFETY: by contract.
        let leaf = unsafe { self.leaf_of(native)? };
        leaf(&mut self.leaf(native.as_ptr(), arguments, true, None)).map(|value| value.0)
    }

    #[inline(always)]
    fn leaf<'a>(&'a mut self, native: *mut Native, arguments: &'a [Slot], only_reads: bool, more: Option<&'a mut More>) -> Leaf<'a> {
        Leaf { heap: &mut self.heap, hosts: &mut self.hosts, type_meta: &self.type_meta, native, arguments, only_reads, more }
    }

    /// The leaf form of a native.
    ///
    /// # Safety
    /// `native` is one.
    #[inline(always)]
    pub(crate) unsafe fn leaf_of(&self, native: Slot) -> Option<LeafFn> {
        // SAFETY: by contract.
        unsafe { self.natives[(*native.as_ptr::<Native>()).id as usize].leaf }
    }

    /// Makes a round of a generic loop whose registers begin at `f`, if its iterator is one of those that
    /// the machine knows; `count` variables are set.
    ///
    /// # Safety
    /// The registers are live slots of the running coroutine's stack.
    pub(crate) unsafe fn iterate(&mut self, f: *mut Slot, count: usize) -> bool {
        // SAFETY: by contract.
        unsafe {
            if (*f).tag != tag::NATIVE {
                return false;
            }
            if (*f.add(1)).tag != tag::TABLE {
                return count < usize::from(MOST_WANTED) && self.iterate_leaf(f, count as u8 + 1);
            }
            let id = (*(*f).as_ptr::<Native>()).id;
            let t = (*f.add(1)).as_ptr::<Table>();
            let pair = match self.iterators {
                [next, _] if id == next => match table::next(&self.heap, t, *f.add(2)) {
                    Ok(pair) => pair,
                    Err(_) => return false,
                },
                [_, index] if id == index && (*f.add(2)).tag == tag::INT => {
                    let index = (*f.add(2)).as_int().wrapping_add(1);
                    let value = table::get_int(t, index);
                    if value.is_nil() && !(*t).meta.is_null() {
                        return false;
                    }
                    (!value.is_nil()).then_some((Slot::int(index), value))
                }
                _ => return false,
            };
            let (key, value) = pair.unwrap_or((Slot::NIL, Slot::NIL));
            for i in 0..count {
                *f.add(4 + i) = match i {
                    0 => key,
                    1 => value,
                    _ => Slot::NIL,
                };
            }
            true
        }
    }

    /// A round of a loop whose iterator has a leaf form, which gives `wanted - 1` values.
    unsafe fn iterate_leaf(&mut self, f: *mut Slot, wanted: u8) -> bool {
        // SAFETY: by contract of `iterate`.
        unsafe {
            // Nobody asks the collector after a round: the general form does.
            if self.heap.should_step() {
                return false;
            }
            let Some(leaf) = self.leaf_of(*f) else { return false };
            self.call_by_leaf(leaf, (*f).as_ptr(), std::slice::from_raw_parts(f.add(1), 2), f.add(4), wanted)
        }
    }
}
