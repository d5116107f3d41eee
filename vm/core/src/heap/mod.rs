//! The heap: allocation, accounting, barriers and constructors of objects.
//!
//! Allocation never collects and nothing ever moves, so raw pointers stay valid
//! from one safepoint to the next. This module may use `unsafe`. The bargain
//! with the virtual machine: pointers to objects given to `unsafe` functions
//! are live, and `step` and `full` run only when everything in use is
//! reachable from the roots. What collection does is `collect`.
#![allow(unsafe_code)]

pub mod block;
pub mod fault;
pub(crate) mod huge;
pub(crate) mod sanitize;

use std::alloc::{Layout, alloc, dealloc};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::collect::{Gc, Phase};
use crate::api::Kind;
use crate::meta::Event;
use crate::object::{
    Closure, Header, Native, ProtoObject, Str, Table, Thread, Upvalue, Userdata, flag,
};
use crate::shape::{ROOT, Shapes};
use crate::string::{Interner, MAX_SHORT, hash_bytes};
use crate::table;
use crate::value::{Slot, tag};
use block::{Cells, LARGE, LARGEST, SIZES, class_of};
use fault::Faults;

/// Mark of objects that wait to be traced.
pub const GREY: u8 = 0;
/// The two marks of objects not reached; they swap roles with every cycle.
pub const WHITES: u8 = 3;
/// Mark of objects reached and traced.
pub const BLACK: u8 = 4;
/// Set besides of objects that are kept for a finalizer only, until the next cycle.
pub(crate) const REVIVED: u8 = 8;
/// What freed memory is filled with under torture.
pub(crate) const POISON: u8 = 0xDD;
/// Tags of values are below this.
const TYPE_NAMES: usize = 16;

/// Bytes of a long string that are copied without a look at who wants the machine to stop.
const COPIED_AT_ONCE: usize = 1 << 20;

/// There is no memory left within the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory;

/// All objects of one virtual machine.
pub struct Heap {
    /// Bytes allocated beyond what calls for a collection step: a step is due from 0 on.
    pub debt: isize,
    pub(crate) base: isize,
    /// Most bytes that may be in use after a full collection.
    limit: usize,
    /// Bytes in use from which a step has to find out whether the limit is kept.
    alarm: usize,
    /// The debt from which allocation has to look closer (the ceiling, torture or planned faults).
    pub(crate) headroom: isize,
    /// Changes whenever what a chain of metatables says may have changed.
    pub meta_epoch: u32,
    /// Changes whenever addresses of machine code that were given before may not be right any more: code was dropped, a
    /// register was changed by somebody else than its function, or a hook was set.
    pub distrust: u64,
    /// Where the last step of a traversal was: the next one begins there as a rule, see [`table::next`].
    pub(crate) traversed: AtomicU32,
    /// Collect after every n-th allocation and poison what is freed; 0 for never.
    pub(crate) torture: u32,
    /// Such a collection is only a piece of a cycle.
    pub(crate) in_pieces: bool,
    /// Allocations until the next collection under torture.
    pub(crate) respite: u32,
    /// The keys of metamethods, by number of the event.
    pub event_names: [*mut Str; Event::COUNT],
    /// What `type` says of values, by tag.
    pub type_names: [*mut Str; TYPE_NAMES],
    /// Indices of the hosts of userdata that died, for the owner to drain.
    pub dead_hosts: Vec<u64>,
    /// Cache records of sites that see many shapes.
    pub(crate) lookups: crate::table::lookup::Lookups,
    /// Shapes and metatable classes.
    pub shapes: Shapes,
    /// State and parameters of the collector.
    pub gc: Gc,
    pub(crate) strings: Interner,
    pub(crate) objects: Cells,
    pub(crate) buffers: Cells,
    pub(crate) large: Vec<*mut Header>,
    pub(crate) faults: Option<Faults>,
    /// What other threads ask of the machine; not 0 when it is to stop.
    pub(crate) requests: Arc<AtomicU32>,
    /// An allocation was given up because of that.
    gave_up: bool,
    /// See [`Heap::native_bytes`].
    native_bytes: usize,
    /// Heat of a new function, see `tier`.
    pub(crate) first_heat: u32,
    seed: u64,
    serial: u64,
    /// Strings of one byte that were asked for in this cycle of the collector; null for others.
    pub(crate) bytes: Box<[*mut Str; 256]>,
}

impl Heap {
    /// An empty heap; `seed` goes into the hashes of strings.
    pub fn new(seed: u64) -> Heap {
        let mut heap = Heap {
            debt: -(1 << 18),
            base: 1 << 18,
            limit: usize::MAX,
            alarm: usize::MAX,
            headroom: isize::MAX,
            meta_epoch: 1,
            distrust: 0,
            traversed: AtomicU32::new(0),
            torture: 0,
            in_pieces: false,
            respite: 0,
            bytes: Box::new([std::ptr::null_mut(); 256]),
            event_names: [std::ptr::null_mut(); Event::COUNT],
            type_names: [std::ptr::null_mut(); TYPE_NAMES],
            dead_hosts: Vec::new(),
            lookups: crate::table::lookup::Lookups::new(),
            shapes: Shapes::new(),
            gc: Gc::new(),
            strings: Interner::new(),
            objects: Cells::new(),
            buffers: Cells::new(),
            large: Vec::new(),
            faults: None,
            requests: Arc::default(),
            gave_up: false,
            native_bytes: 0,
            first_heat: u32::MAX,
            seed,
            serial: 0,
        };
        for (at, event) in Event::ALL.iter().enumerate() {
            heap.event_names[at] = heap.string(event.name().as_bytes()).expect("memory to start with");
        }
        for tag in 0..TYPE_NAMES {
            heap.type_names[tag] = heap.string(Kind::of(tag as u64).name().as_bytes()).expect("memory to start with");
        }
        heap
    }

    /// The strings that the heap itself needs.
    pub(crate) fn own_strings(&self) -> impl Iterator<Item = *mut Str> + use<> {
        self.event_names.into_iter().chain(self.type_names)
    }

    /// Bytes in use.
    #[inline(always)]
    pub fn used(&self) -> usize {
        self.base.wrapping_add(self.debt) as usize
    }

    /// Sets the most bytes that may be in use after a full collection. As allocation never
    /// collects, as many again may be in use from one safepoint to the next.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
        self.alarm = limit;
        self.set_debt(self.debt);
    }

    /// Starts or (with 0) ends torture.
    pub(crate) fn set_torture(&mut self, period: u32, in_pieces: bool) {
        (self.torture, self.respite, self.in_pieces) = (period, period, in_pieces);
        self.set_debt(self.debt);
    }

    /// Whether so much is in use that only a full collection tells if the limit is kept.
    pub fn is_alarmed(&self) -> bool {
        self.used() > self.alarm
    }

    /// After that collection: fails when more is in use than allowed. A program that is told
    /// so gets a little more before it is told again, to be able to do something about it.
    ///
    /// # Errors
    /// The memory limit.
    pub fn answer_alarm(&mut self) -> Result<(), OutOfMemory> {
        let kept = self.used() <= self.limit;
        self.alarm = if kept { self.limit } else { self.used().saturating_add(self.limit / 16) };
        self.set_debt(self.debt);
        if kept { Ok(()) } else { Err(OutOfMemory) }
    }

    /// Whether [`Heap::step`] should be called at the next safepoint.
    #[inline(always)]
    pub fn should_step(&self) -> bool {
        self.debt >= 0
    }

    /// What caches know of metatables and `__index` is out of date. No epoch is 0, which stands in empty records.
    pub(crate) fn new_epoch(&mut self) {
        self.meta_epoch = self.meta_epoch.checked_add(1).unwrap_or(1);
    }

    /// Sets the debt without changing what is in use.
    pub(crate) fn set_debt(&mut self, debt: isize) {
        let used = self.used() as isize;
        let until = |bytes: usize| isize::try_from(bytes).map_or(isize::MAX, |bytes| bytes - used);
        // A step is due at the alarm at the latest.
        let debt = debt.max(until(self.alarm).saturating_neg());
        self.base = used.wrapping_sub(debt);
        self.debt = debt;
        let ceiling = until(self.limit.saturating_mul(2));
        let is_watched = self.torture > 0 || self.faults.is_some();
        self.headroom = if is_watched { isize::MIN } else { debt.saturating_add(ceiling) };
    }

    #[inline(always)]
    fn charge(&mut self, bytes: usize) -> Result<(), OutOfMemory> {
        let debt = self.debt.saturating_add_unsigned(bytes);
        if debt >= self.headroom {
            return self.charge_carefully(bytes);
        }
        self.debt = debt;
        Ok(())
    }

    #[cold]
    fn charge_carefully(&mut self, bytes: usize) -> Result<(), OutOfMemory> {
        if let Some(faults) = &mut self.faults {
            faults.admit()?;
        }
        if self.used().saturating_add(bytes) > self.limit.saturating_mul(2) {
            return Err(OutOfMemory);
        }
        self.debt += bytes as isize;
        if self.torture > 0 {
            self.torment();
        }
        Ok(())
    }

    /// Makes a collection due after every n-th allocation.
    fn torment(&mut self) {
        self.respite = self.respite.saturating_sub(1);
        if self.respite == 0 && !self.gc.stopped {
            self.respite = self.torture;
            self.set_debt(self.debt.max(0));
        }
    }

    /// How large an allocation may be.
    pub fn room(&self) -> usize {
        self.limit.min(self.limit.saturating_mul(2).saturating_sub(self.used()))
    }

    /// Fails as the allocation of so many bytes would.
    ///
    /// # Errors
    /// The memory limit.
    pub fn expect(&self, bytes: usize) -> Result<(), OutOfMemory> {
        if bytes <= self.room() { Ok(()) } else { Err(OutOfMemory) }
    }

    /// A cell for an object; only the header is initialised.
    #[inline(always)]
    fn object(&mut self, bytes: usize, kind: u64, flags: u8, aux: u32) -> Result<*mut Header, OutOfMemory> {
        if bytes > LARGEST {
            return self.large_object(bytes, kind, flags, aux);
        }
        let class = class_of(bytes);
        self.charge(SIZES[class] as usize)?;
        let header = self.objects.take(class).cast::<Header>();
        if header.is_null() {
            self.debt -= SIZES[class] as isize;
            return Err(OutOfMemory);
        }
        // SAFETY: the cell is ours and has room for a header.
        unsafe {
            sanitize::permit(header.cast(), bytes);
            *header = Header { kind: kind as u8, mark: self.gc.white, flags, class: class as u8, aux };
        }
        Ok(header)
    }

    #[cold]
    fn large_object(&mut self, bytes: usize, kind: u64, flags: u8, aux: u32) -> Result<*mut Header, OutOfMemory> {
        let header = self.alloc_raw(bytes)?.cast::<Header>();
        // SAFETY: the memory is ours and has room for a header.
        unsafe {
            *header = Header { kind: kind as u8, mark: self.gc.white, flags, class: LARGE, aux };
        }
        self.large.push(header);
        Ok(header)
    }

    /// Accounted memory that belongs to an object, 16-byte aligned; not initialised.
    #[inline]
    pub fn alloc_raw(&mut self, bytes: usize) -> Result<*mut u8, OutOfMemory> {
        let cell = if bytes <= LARGEST {
            let class = class_of(bytes);
            self.charge(SIZES[class] as usize)?;
            let cell = self.buffers.take(class);
            if !cell.is_null() {
                // SAFETY: the cell has room for so many bytes.
                unsafe { sanitize::permit(cell, bytes) };
            }
            cell
        } else {
            let layout = Layout::from_size_align(bytes, 16).map_err(|_| OutOfMemory)?;
            self.expect(bytes)?;
            self.charge(bytes)?;
            // SAFETY: the layout has a size.
            let memory = unsafe { alloc(layout) };
            huge::prefer_huge_pages(memory, bytes);
            memory
        };
        if cell.is_null() {
            self.debt -= raw_size(bytes) as isize;
            return Err(OutOfMemory);
        }
        Ok(cell)
    }

    /// Frees what [`Heap::alloc_raw`] gave for the same number of bytes; null is fine.
    ///
    /// # Safety
    /// The memory is not used any more.
    #[inline]
    pub unsafe fn free_raw(&mut self, cell: *mut u8, bytes: usize) {
        if cell.is_null() {
            return;
        }
        self.debt = self.debt.wrapping_sub(raw_size(bytes) as isize);
        if self.torture > 0 {
            // SAFETY: by contract nobody reads it any more; whoever does finds nonsense.
            unsafe { std::ptr::write_bytes(cell, POISON, bytes) };
        }
        if bytes <= LARGEST {
            // SAFETY: the cell came from this class.
            unsafe { self.buffers.give(cell, class_of(bytes)) };
        } else {
            // SAFETY: it came from `alloc` with this layout.
            unsafe { dealloc(cell, Layout::from_size_align_unchecked(bytes, 16)) };
        }
    }

    /// The string with these bytes: interned when short.
    pub fn string(&mut self, bytes: &[u8]) -> Result<*mut Str, OutOfMemory> {
        if let [byte] = bytes {
            return self.string_of_byte(*byte);
        }
        if bytes.len() > MAX_SHORT {
            return self.long_string(bytes.len(), &[bytes]);
        }
        self.short_string(bytes)
    }

    /// The string of one byte, which programs that go through texts ask for all the time.
    #[inline]
    fn string_of_byte(&mut self, byte: u8) -> Result<*mut Str, OutOfMemory> {
        let known = self.bytes[usize::from(byte)];
        if !known.is_null() {
            return Ok(known);
        }
        let string = self.short_string(&[byte])?;
        self.bytes[usize::from(byte)] = string;
        Ok(string)
    }

    fn short_string(&mut self, bytes: &[u8]) -> Result<*mut Str, OutOfMemory> {
        let hash = hash_bytes(self.seed, bytes);
        if let Some(found) = self.strings.find(bytes, hash) {
            // SAFETY: members of the set are not freed yet; one that the sweeper
            // was about to free lives on.
            unsafe {
                if (*found).header.mark & (self.gc.white ^ WHITES) & WHITES != 0 {
                    (*found).header.mark = self.gc.white;
                }
            }
            return Ok(found);
        }
        let string = self.new_string(bytes.len(), flag::SHORT, hash, |to| to.copy_from_slice(bytes))?;
        self.strings.insert(string);
        Ok(string)
    }

    /// The parts joined.
    pub fn concat(&mut self, parts: &[&[u8]]) -> Result<*mut Str, OutOfMemory> {
        let total = parts.iter().try_fold(0_usize, |sum, part| sum.checked_add(part.len()));
        let total = total.ok_or(OutOfMemory)?;
        if total > MAX_SHORT {
            return self.long_string(total, parts);
        }
        let mut joined = [0; MAX_SHORT];
        let mut at = 0;
        for part in parts {
            joined[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
        self.string(&joined[..total])
    }

    /// The parts joined, which have so many bytes. To copy very many is given up when the machine is to stop.
    fn long_string(&mut self, len: usize, parts: &[&[u8]]) -> Result<*mut Str, OutOfMemory> {
        let requests = Arc::clone(&self.requests);
        let mut gave_up = false;
        let string = self.new_string(len, 0, 0, |mut to| {
            for piece in parts.iter().flat_map(|part| part.chunks(COPIED_AT_ONCE)) {
                gave_up |= piece.len() == COPIED_AT_ONCE && requests.load(Ordering::Relaxed) != 0;
                if gave_up {
                    // Nobody will see the string, but it is a string.
                    return;
                }
                let (here, rest) = to.split_at_mut(piece.len());
                here.copy_from_slice(piece);
                to = rest;
            }
        });
        self.gave_up |= gave_up;
        if gave_up { Err(OutOfMemory) } else { string }
    }

    /// Whether the allocation that failed was given up because the machine is to stop.
    pub(crate) fn take_gave_up(&mut self) -> bool {
        std::mem::take(&mut self.gave_up)
    }

    #[inline(always)]
    fn new_string(
        &mut self,
        len: usize,
        flags: u8,
        hash: u32,
        fill: impl FnOnce(&mut [u8]),
    ) -> Result<*mut Str, OutOfMemory> {
        if len > isize::MAX as usize / 2 {
            return Err(OutOfMemory);
        }
        let string = self.object(size_of::<Str>() + len + 1, tag::STRING, flags, hash)?.cast::<Str>();
        // SAFETY: the cell has room for the struct, the bytes and the NUL; the
        // bytes are zeroed or written before anyone reads them.
        unsafe {
            (*string).len = len as u64;
            let data = Str::data(string).cast_mut();
            *data.add(len) = 0;
            fill(std::slice::from_raw_parts_mut(data, len));
        }
        Ok(string)
    }

    /// The hash of a string; computed once for a long one.
    ///
    /// # Safety
    /// `string` is live.
    #[inline(always)]
    pub unsafe fn hash_of(&self, string: *mut Str) -> u32 {
        // SAFETY: live by contract.
        unsafe {
            if (*string).header.flags & (flag::SHORT | flag::HASHED) == 0 {
                (*string).header.aux = hash_bytes(self.seed, crate::string::str_bytes(string));
                (*string).header.flags |= flag::HASHED;
            }
            (*string).header.aux
        }
    }

    /// A table with room for so many array items and properties.
    #[inline]
    pub fn table(&mut self, n_array: u32, n_props: u32) -> Result<*mut Table, OutOfMemory> {
        let placement = table::placement(n_array, n_props);
        let bytes = placement.as_ref().map_or(size_of::<Table>(), |placement| placement.bytes);
        let new = self.object(bytes, tag::TABLE, 0, ROOT)?.cast::<Table>();
        // SAFETY: the cell has room for a table, which gets all fields, and for what is placed behind it; the header is set.
        unsafe {
            let at = |offset: usize| if offset > 0 { new.cast::<u8>().add(offset) } else { std::ptr::null_mut() };
            let (array, props, array_cap, props_cap) = match &placement {
                Some(placement) => (placement.array, placement.props, n_array, n_props),
                None => (0, 0, 0, 0),
            };
            let (array, props) = (at(array), at(props));
            (*new).props = props;
            (*new).array = array;
            (*new).array_len = 0;
            (*new).array_cap = array_cap;
            (*new).meta = std::ptr::null_mut();
            (*new).hash = std::ptr::null_mut();
            (*new).props_cap = props_cap;
            (*new).absent_events = 0;
            if placement.is_none() {
                table::resize(self, new, n_array, n_props)?;
            }
        }
        Ok(new)
    }

    /// A function without its upvalues, which start out null.
    ///
    /// # Safety
    /// `proto` is live (or null in tests) and has so many upvalues. They are set before the collector sees the function.
    pub unsafe fn closure(&mut self, proto: *mut ProtoObject, n_upvalues: u32) -> Result<*mut Closure, OutOfMemory> {
        let bytes = size_of::<Closure>() + n_upvalues as usize * 8;
        let new = self.object(bytes, tag::CLOSURE, 0, n_upvalues)?.cast::<Closure>();
        // SAFETY: the cell has room for the struct and the pointers behind it.
        unsafe {
            (*new).proto = proto;
            (*new).upvalues = new.add(1).cast();
            for at in 0..n_upvalues as usize {
                *(*new).upvalues.add(at) = std::ptr::null_mut();
            }
        }
        Ok(new)
    }

    /// A variable with its value in itself.
    pub fn upvalue_closed(&mut self, value: Slot) -> Result<*mut Upvalue, OutOfMemory> {
        let new = self.object(size_of::<Upvalue>(), tag::UPVALUE, 0, 0)?.cast::<Upvalue>();
        // SAFETY: the cell has room for the struct.
        unsafe {
            (*new).closed = value;
            (*new).location = &raw mut (*new).closed;
            (*new).next = std::ptr::null_mut();
        }
        Ok(new)
    }

    /// A variable with its value in a stack slot.
    ///
    /// # Safety
    /// The slot is there until the variable is closed.
    pub unsafe fn upvalue_open(&mut self, location: *mut Slot) -> Result<*mut Upvalue, OutOfMemory> {
        let new = self.upvalue_closed(Slot::NIL)?;
        // SAFETY: just made.
        unsafe { (*new).location = location };
        Ok(new)
    }

    /// A native function.
    pub fn native(&mut self, id: u64, upvalues: &[Slot]) -> Result<*mut Native, OutOfMemory> {
        let bytes = size_of::<Native>() + size_of_val(upvalues);
        let new = self.object(bytes, tag::NATIVE, 0, upvalues.len() as u32)?.cast::<Native>();
        // SAFETY: the cell has room for the struct and the values behind it.
        unsafe {
            (*new).id = id;
            std::ptr::copy_nonoverlapping(upvalues.as_ptr(), Native::upvalues(new), upvalues.len());
        }
        Ok(new)
    }

    /// A userdata; `host` as in [`Userdata::host`].
    pub fn userdata(&mut self, host: u64, n_values: u32) -> Result<*mut Userdata, OutOfMemory> {
        let bytes = size_of::<Userdata>() + n_values as usize * size_of::<Slot>();
        let new = self.object(bytes, tag::USERDATA, 0, n_values)?.cast::<Userdata>();
        // SAFETY: the cell has room for the struct and the values behind it.
        unsafe {
            (*new).meta = std::ptr::null_mut();
            (*new).host = host;
            (*new).size = 0;
            for at in 0..n_values as usize {
                *Userdata::values(new).add(at) = Slot::NIL;
            }
        }
        Ok(new)
    }

    /// Charges what the host of a userdata owns: so many bytes, all in all.
    ///
    /// # Errors
    /// The memory limit.
    pub unsafe fn charge_host(&mut self, userdata: *mut Userdata, bytes: usize) -> Result<(), OutOfMemory> {
        // SAFETY: a live userdata, by contract.
        let before = unsafe { (*userdata).size as usize };
        if bytes > before {
            self.charge_outside(bytes - before)?;
        } else {
            self.discharge_outside(before - bytes);
        }
        // SAFETY: as above.
        unsafe { (*userdata).size = bytes as u64 };
        Ok(())
    }

    /// Takes back what was charged for the host of a userdata, which is dropped.
    pub unsafe fn discharge_host(&mut self, userdata: *mut Userdata) {
        // SAFETY: a userdata, by contract.
        let bytes = unsafe { std::mem::take(&mut (*userdata).size) };
        self.discharge_outside(bytes as usize);
    }

    /// Charges what an object takes outside of the heap's own memory.
    ///
    /// # Errors
    /// The memory limit.
    pub(crate) fn charge_outside(&mut self, bytes: usize) -> Result<(), OutOfMemory> {
        self.expect(bytes)?;
        self.charge(bytes)
    }

    /// Takes that back.
    pub(crate) fn discharge_outside(&mut self, bytes: usize) {
        self.debt = self.debt.wrapping_sub(bytes as isize);
    }

    /// Takes note of machine code that was made. It counts for the limit and makes the next collection due sooner, but
    /// not as memory in use: when it is made, and when dropped, is not the program's business.
    pub(crate) fn note_native(&mut self, bytes: usize) {
        self.native_bytes += bytes;
        self.set_debt(self.debt.saturating_add_unsigned(bytes));
    }

    /// Machine code was dropped.
    pub(crate) fn forget_native(&mut self, bytes: usize) {
        self.native_bytes -= bytes;
    }

    /// Bytes of machine code that functions have, and of what that is made from.
    pub(crate) fn native_bytes(&self) -> usize {
        self.native_bytes
    }

    /// Whether the limit has room for so much machine code besides all that is in use.
    pub(crate) fn has_room_for_native(&self, bytes: usize) -> bool {
        self.used().saturating_add(self.native_bytes).saturating_add(bytes) <= self.limit
    }

    /// A coroutine with an empty stack.
    pub fn thread(&mut self, stack_capacity: u32) -> Result<*mut Thread, OutOfMemory> {
        let bytes = stack_capacity as usize * size_of::<Slot>();
        let stack = self.alloc_raw(bytes)?.cast::<Slot>();
        let header = match self.object(size_of::<Thread>(), tag::THREAD, 0, 0) {
            Ok(header) => header,
            Err(error) => {
                // SAFETY: nobody saw the stack.
                unsafe { self.free_raw(stack.cast(), bytes) };
                return Err(error);
            }
        };
        self.serial += 1;
        let new = header.cast::<Thread>();
        // SAFETY: the cell has room for the struct, the buffer for the stack.
        unsafe {
            for at in 0..stack_capacity as usize {
                *stack.add(at) = Slot::NIL;
            }
            new.write(Thread {
                header: *header,
                stack,
                capacity: stack_capacity,
                base: 0,
                top: 0,
                pc: 0,
                goes_on: 0,
                in_resume: false,
                open: std::ptr::null_mut(),
                resumer: std::ptr::null_mut(),
                tbc: std::ptr::null_mut(),
                tbc_len: 0,
                tbc_cap: 0,
                status: 0,
                flags: 0,
                outer_calls: 0,
                native_calls: 0,
                may_bar: false,
                serial: self.serial,
                hook: Slot::NIL,
                hook_state: 0,
                birth: std::ptr::null_mut(),
                birth_pc: 0,
                hook_pc: 0,
                hook_left: 0,
                hook_seen: 0,
                transfer_first: 0,
                transfer_count: 0,
                listed: self.gc.threads.len() as u32,
                has_variables: false,
            });
        }
        self.gc.threads.push(new);
        Ok(new)
    }

    /// Code of a function; the header given is not looked at.
    pub fn proto(&mut self, fields: ProtoObject) -> Result<*mut ProtoObject, OutOfMemory> {
        let header = self.object(size_of::<ProtoObject>(), tag::PROTO, 0, 0)?;
        let new = header.cast::<ProtoObject>();
        // SAFETY: the cell has room for the struct.
        unsafe { new.write(ProtoObject { header: *header, ..fields }) };
        self.gc.protos.push(new);
        Ok(new)
    }

    /// To be called after `value` was stored into an object other than a stack.
    ///
    /// # Safety
    /// Both are live.
    #[inline(always)]
    pub unsafe fn barrier(&mut self, object: *mut Header, value: Slot) {
        // SAFETY: both are live by contract.
        unsafe {
            if value.is_collectable() && (*object).mark & BLACK != 0 {
                self.barrier_slow(object, value.as_ptr());
            }
        }
    }

    #[cold]
    unsafe fn barrier_slow(&mut self, object: *mut Header, value: *mut Header) {
        // SAFETY: both are live by contract of `barrier`.
        unsafe {
            if (*value).mark & WHITES == 0 {
                return;
            }
            if self.gc.marks() {
                if table::is_big(object) {
                    // To look through all of it again would take too long.
                    self.mark(value);
                } else {
                    (*object).mark = GREY;
                    self.gc.grey_again.push(object);
                }
            } else {
                // The sweeper would whiten it anyway; doing so now saves further barriers.
                (*object).mark = self.gc.white;
            }
        }
    }

    /// To be called before a coroutine runs, and before its stack is written to from elsewhere:
    /// stores into stacks go through no barrier.
    ///
    /// # Safety
    /// `thread` is live.
    #[inline(always)]
    pub unsafe fn touch_thread(&mut self, thread: *mut Thread) {
        // SAFETY: live by contract.
        unsafe {
            if (*thread).header.mark & BLACK != 0 {
                (*thread).header.mark = GREY;
                self.gc.grey_again.push(thread.cast());
            }
        }
    }

    /// To be called after the parts of a table were put in another order, of which the collector
    /// may have seen some.
    ///
    /// # Safety
    /// `t` is live.
    pub(crate) unsafe fn reordered(&mut self, t: *mut Table) {
        // SAFETY: live by contract.
        unsafe {
            let is_seen_in_part = || table::is_big(t.cast()) || self.is_in_slices(t.cast());
            if self.gc.phase == Phase::Propagate && (*t).header.mark & BLACK != 0 && is_seen_in_part() {
                (*t).header.mark = GREY;
                self.gc.grey.push(t.cast());
            }
        }
    }

    /// The metamethod in a metatable (which may be null).
    ///
    /// # Safety
    /// `meta` is null or live.
    #[inline(always)]
    pub unsafe fn metamethod(&mut self, meta: *mut Table, event: Event) -> Slot {
        // SAFETY: live by contract.
        unsafe {
            if meta.is_null() || (*meta).absent_events & (1 << event as u32) != 0 {
                return Slot::NIL;
            }
            self.metamethod_slow(meta, event)
        }
    }

    unsafe fn metamethod_slow(&mut self, meta: *mut Table, event: Event) -> Slot {
        // SAFETY: live by contract of `metamethod`.
        unsafe {
            let found = table::get_str(self, meta, self.event_names[event as usize]);
            if found.is_nil() {
                table::become_meta(self, meta);
                (*meta).absent_events |= 1 << event as u32;
            }
            found
        }
    }

    /// Gives a table a metatable, or none.
    ///
    /// # Safety
    /// `object` is live, `meta` null or live.
    pub unsafe fn set_metatable(&mut self, object: *mut Table, meta: *mut Table) {
        // SAFETY: live by contract.
        unsafe {
            if (*object).meta == meta {
                // A metatable that got `__gc` since then counts from now on, as in PUC's `lua_setmetatable`.
                return self.register_finalizer(object.cast(), meta);
            }
            table::set_meta(self, object, meta);
            if !meta.is_null() {
                self.barrier(object.cast(), Slot::object(meta, tag::TABLE));
            }
            self.register_finalizer(object.cast(), meta);
        }
    }

    /// Gives a userdata a metatable, or none.
    ///
    /// # Safety
    /// `object` is live, `meta` null or live.
    pub unsafe fn set_userdata_metatable(&mut self, object: *mut Userdata, meta: *mut Table) {
        // SAFETY: live by contract.
        unsafe {
            (*object).meta = meta;
            if !meta.is_null() {
                table::become_meta(self, meta);
                self.barrier(object.cast(), Slot::object(meta, tag::TABLE));
            }
            self.register_finalizer(object.cast(), meta);
        }
    }

    unsafe fn register_finalizer(&mut self, object: *mut Header, meta: *mut Table) {
        // SAFETY: live by contract of the callers.
        unsafe {
            if !self.gc.closing && (*object).flags & flag::FINALIZABLE == 0 && !self.metamethod(meta, Event::Gc).is_nil() {
                (*object).flags |= flag::FINALIZABLE;
                self.gc.finalizable.push(object);
            }
        }
    }
}

/// What a piece of raw memory counts for.
#[inline(always)]
pub(crate) fn raw_size(bytes: usize) -> usize {
    if bytes <= LARGEST { SIZES[class_of(bytes)] as usize } else { bytes }
}

impl Drop for Heap {
    fn drop(&mut self) {
        self.free_everything();
    }
}
