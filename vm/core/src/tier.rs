//! The door for a native tier: what compiled code may rely on, and how it is entered and left.
//!
//! The machine knows no compiler. A [`Tier`] turns a function into machine code
//! that keeps every value in the slots where the interpreter keeps it, so that
//! it can be left and entered at any instruction:
//!
//! * It runs with a frame's register 0 and the machine at hand, see [`Enter`].
//! * What it does not do itself it leaves to [`step`], which interprets one
//!   instruction and says where to go on: in the same function, in another
//!   one, or out of compiled code.
//! * It calls and returns without the native stack: a frame's header has the
//!   address at which a compiled caller goes on, or 0 for one that is
//!   interpreted. The caller's pc is always there as well, so the
//!   interpreter may take over any frame, and no address has to be right for ever.
//! * No address of a function's code is on the native stack while anything
//!   else runs, so code may be dropped at every safepoint.
//!
//! `unsafe`: addresses of code come from the tier, which promises that they
//! follow these rules; the functions below are called by such code alone.
#![allow(unsafe_code)]

pub mod assist;
pub mod meta;
pub mod seen;

use crate::api::NativeFn;
use crate::cache::{Cache, Ways, kind as cache_kind};
use crate::heap::Heap;
use crate::error::Error;
use crate::inspect::condition::{self, Term};
use crate::interp::Flow;
use crate::leaf::LeafFn;
use crate::object::{Closure, ProtoObject, Str, Table, Thread};
use crate::proto::Cold;
use crate::meta::Event;
use crate::stack;
use crate::string;
use crate::switch::Role;
use crate::table;
use crate::value::{Slot, tag};
use crate::vm::{NativeEntry, Vm};
use perilune_isa::instruction::Instruction;
use perilune_isa::{BREAKPOINT, LocalVar, Op, word};
use seen::Seen;
use std::any::Any;
use std::mem::offset_of;

/// Enters machine code: the machine, register 0 of the running frame, the attention word, the address.
///
/// Machine code returns when the frame on top is not compiled or the host's call is over.
pub type Enter = unsafe extern "C" fn(*mut Vm, *mut Slot, *const u32, *const u8);

/// Rounds of a loop that the interpreter counts at once.
pub(crate) const ROUNDS: u32 = 64;
/// Calls and rounds after which a function is looked at, and compiled soon after: by then it has taken about the time
/// that the compiler will take for it.
const HOT: u32 = 1200;
/// The same for [`Eagerness::Early`].
const EARLY: u32 = 2;
/// Instructions of a function that are looked at before it is compiled, for each word of its code.
const LOOKS: u32 = 20;
/// The same where functions are compiled early.
const EARLY_LOOKS: u32 = 4;
/// Tables that are looked through for an item; the interpreter goes further.
const CHAIN: usize = 16;
/// Misses of fast paths after which a function is compiled again with what its caches and records know by then.
const MISSES: u32 = 80;
/// A miss takes about as long as to compile so many words: large functions wait for more of them.
const WORDS_PER_MISS: u32 = 2;
/// About as many bytes of machine code are made of a word of code.
const NATIVE_PER_WORD: usize = 64;
/// The number of misses is four times as high each time, as often as this.
const REVISIONS: u8 = 5;

/// A compiler for functions.
///
/// # Safety
/// The code it gives keeps the rules at the head of this module.
pub unsafe trait Tier: Send {
    /// Machine code for a function; `None` when there is no room.
    fn compile(&mut self, function: &Function<'_>) -> Option<Compiled>;

    /// How machine code is entered. Asked for when something has been compiled.
    fn enter(&self) -> Enter;

    /// Why nothing is compiled, if it is so.
    fn refusal(&self) -> Option<&'static str>;

    /// Where machine code goes to return to [`Tier::enter`]'s caller.
    fn leave(&self) -> *const u8;
}

/// A function as the tier sees it.
pub struct Function<'a> {
    /// The code that runs; an opcode byte may have the flag of a breakpoint.
    pub code: &'a [u32],
    /// Constants; objects among them live as long as the function.
    pub constants: &'a [Slot],
    /// What its cached instructions have seen.
    pub caches: &'a [Cache],
    /// What its cached instructions have seen beyond that, by number of the cache; empty when nothing is known.
    pub ways: &'a [Option<Box<Ways>>],
    /// Number of fixed parameters.
    pub params: u8,
    /// Whether the function takes extra arguments.
    pub is_vararg: bool,
    /// Registers of a frame.
    pub max_stack: u8,
    /// What its instructions have seen, by word; empty when there are no records.
    pub seen: &'a [Seen],
    /// Whether instructions that have seen nothing take every form, rather than wait until they have.
    pub is_final: bool,
    /// Where it is counted, with a place for each word of code, how often the code runs: calls in the first place, and at
    /// the word of each loop's end how often that leads back to the head.
    pub runs: Option<*const u64>,
    /// The native functions of the machine, by number.
    pub natives: &'a [NativeEntry],
    /// Registers that a closure may share, as a set of bits: a call may change them.
    pub shared: [u64; 4],
    /// Whether pointers to upvalues follow each of its closures at once, see [`Closure::upvalues`].
    pub has_inline_upvalues: bool,
    /// What is looked at before the machine is asked at flagged instructions, by pc: they stop if any is true.
    pub conditions: Vec<(u32, &'a [Term])>,
    /// The variables, which a debugger may look at; `None` when they are not known.
    pub locals: Option<&'a [LocalVar]>,
}

/// Something that code relies on where it is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fact {
    /// A register; [`Fact::END`] ends a list.
    pub register: u8,
    /// Its tag.
    pub tag: u8,
    /// The shape of the table in it; 0 for any.
    pub shape: u32,
}

impl Fact {
    /// The end of a list.
    pub const END: Fact = Fact { register: u8::MAX, tag: 0, shape: 0 };
}

/// How to go on at a word of code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The offset of the machine code; 0 within instructions.
    pub offset: u32,
    /// Where the list begins of what must hold, in [`Compiled::facts`].
    pub needs: u32,
}

/// Machine code of one function.
pub struct Compiled {
    /// First byte.
    pub start: *const u8,
    /// Where a call enters, as offset from `start`; `None` when calls have to go through the machine.
    pub entry: Option<u32>,
    /// For each word of code: how to go on there.
    pub places: Box<[Place]>,
    /// For each word of code: the offset of its code, which is not always where it is entered; 0 within instructions.
    pub starts: Box<[u32]>,
    /// Lists of what must hold, each up to [`Fact::END`].
    pub facts: Box<[Fact]>,
    /// Bytes of machine code.
    pub length: usize,
    /// Gives the memory back when it is dropped.
    pub owner: Box<dyn Any + Send>,
}

/// Machine code that is in use, with what it came to so far.
pub struct Installed {
    compiled: Compiled,
    misses: u32,
    /// Instructions that are looked at before there is machine code; 0 when there is some.
    looks: u32,
}

impl Installed {
    /// In the place of code for a function whose instructions are looked at.
    fn observer(looks: u32) -> Installed {
        let compiled = Compiled {
            start: std::ptr::null(),
            entry: None,
            places: Box::default(),
            starts: Box::default(),
            facts: Box::default(),
            length: 0,
            owner: Box::new(()),
        };
        Installed { compiled, misses: 0, looks }
    }

    /// Whether instructions are looked at and there is no machine code yet.
    pub(crate) fn is_observer(&self) -> bool {
        self.looks > 0
    }

    /// Bytes of machine code.
    pub(crate) fn length(&self) -> usize {
        self.compiled.length
    }

    /// How often the code met what it was not made for.
    pub(crate) fn misses(&self) -> u32 {
        self.misses
    }

    fn has_place(&self, pc: u32) -> bool {
        self.compiled.places.get(pc as usize).is_some_and(|place| place.offset != 0)
    }

    /// Where a frame goes on at `pc`; `None` within instructions, or when the code there relies on what does not hold.
    unsafe fn at(&self, pc: u32, base: *const Slot) -> Option<*const u8> {
        let code = &self.compiled;
        let place = *code.places.get(pc as usize)?;
        if place.offset == 0 {
            return None;
        }
        for fact in code.facts.get(place.needs as usize..)? {
            if fact.register == Fact::END.register {
                return Some(code.start.wrapping_add(place.offset as usize));
            }
            // SAFETY: `base` is register 0 of a frame of the function, by contract.
            unsafe {
                let value = base.add(usize::from(fact.register));
                let holds = (*value).tag == u64::from(fact.tag)
                    && (fact.shape == 0 || (*(*value).as_ptr::<Table>()).header.aux == fact.shape);
                if !holds {
                    return None;
                }
            }
        }
        None
    }

    fn contains(&self, address: u64) -> bool {
        address.wrapping_sub(self.compiled.start as u64) < self.compiled.length as u64
    }
}

/// Machine code of a function, to be looked at.
pub struct Native {
    /// The function, without its children.
    pub proto: perilune_isa::Proto,
    /// Where the code is.
    pub address: u64,
    /// The code.
    pub bytes: Vec<u8>,
    /// As [`Compiled::starts`].
    pub starts: Box<[u32]>,
}

/// Machine code that has been placed, for profilers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed<'a> {
    /// Its first byte.
    pub address: u64,
    /// Its length in bytes.
    pub length: usize,
    /// Chunk name of the function.
    pub source: &'a [u8],
    /// Line where the function begins; 0 for a main chunk.
    pub line: u32,
}

/// Is told of machine code that has been placed.
pub type Listener = Box<dyn FnMut(Placed<'_>) + Send>;

/// What a machine knows of its tier.
#[derive(Default)]
pub(crate) struct State {
    tier: Option<Box<dyn Tier>>,
    listener: Option<Listener>,
    /// What the host's call, left by compiled code, came to.
    flow: Option<Flow>,
    /// Where values were put last for a call that compiled code has made; only to be trusted at once.
    pub(crate) landing: Option<Landing>,
    counts: Counts,
    /// By opcode: instructions that compiled code left to the interpreter.
    left: Vec<u64>,
    /// Whether machine code counts how often it runs.
    counts_runs: bool,
    /// Leave compiled code now and then, and drop it, for tests; the state of a generator of numbers.
    torture: u64,
}

/// Where values were put for a call that compiled code has made.
#[derive(Clone, Copy)]
pub(crate) struct Landing {
    /// The stack index of the `pcall` that has returned an error.
    pub func: u32,
    /// Where the code goes on, or 0.
    pub address: u64,
}

impl Landing {
    /// Behind the `pcall` at this stack index, if what it called would have returned to compiled code at `address`.
    pub(crate) fn behind(func: u32, address: u64) -> Landing {
        Landing { func, address: if address == 0 { 0 } else { address - layout::LANDING_LENGTH as u64 } }
    }
}

/// What the tier has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Functions compiled, again ones included.
    pub compiled: u64,
    /// Bytes of machine code made.
    pub bytes: u64,
    /// Time spent in the compiler.
    pub time: std::time::Duration,
    /// Functions whose code was dropped.
    pub dropped: u64,
    /// Instructions that were left to the interpreter because there is no fast path.
    pub steps: u64,
    /// Instructions whose fast path did not fit.
    pub misses: u64,
    /// Calls of what is not compiled.
    pub calls: u64,
}

/// When functions are compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eagerness {
    /// When they are hot.
    Hot,
    /// At the second call or soon in a loop, for tests of what depends on what was seen.
    Early,
    /// At the first call, for tests: instructions that have seen nothing take every form.
    Eager,
}

/// No value: only the interpreter can tell.
pub const UNKNOWN: Slot = Slot { payload: 0, tag: u32::MAX as u64 };

/// Where compiled code goes on.
#[repr(C)]
pub struct Continuation {
    /// The address.
    pub address: *const u8,
    /// Register 0 of the frame that runs then.
    pub base: *mut Slot,
}

/// Offsets of what compiled code reads of the machine, in bytes.
pub mod layout {
    use super::{Vm, offset_of};
    use crate::heap::block::{FreeCell, SIZES, class_of};
    use crate::heap::sanitize::RETIRES;
    use crate::shape::ROOT;
    use crate::table::placement;
    use crate::value::tag;
    pub use crate::table::lookup::{FOLD, KEY_SHIFT, Lookup, Record, SPREAD};

    /// End of the stack that a frame may use, an address.
    pub const LIMIT: usize = offset_of!(Vm, limit);
    /// The running coroutine, an address.
    pub const THREAD: usize = offset_of!(Vm, thread);
    /// Bytes of the instruction at the address in a header that gives the caller its registers back.
    pub const RETURN_LENGTH: usize = 7;
    /// Bytes of the jump before the address at which `pcall` gets results: it goes behind the call.
    pub const LANDING_LENGTH: usize = 5;
    /// The collector's debt: a step is due from 0 on, 64 bits.
    pub const DEBT: usize = offset_of!(Vm, heap.debt);
    /// The debt from which on an allocation needs care, 64 bits, signed.
    pub const HEADROOM: usize = offset_of!(Vm, heap.headroom);
    /// The mark of new objects, 8 bits.
    pub const WHITE: usize = offset_of!(Vm, heap.gc.white);
    /// In a free cell, the address of the next one.
    pub const NEXT_FREE: usize = offset_of!(FreeCell, next);

    /// How compiled code makes a table: takes the first of a list of free cells, and fills it.
    pub struct NewTable {
        /// Bytes to be charged.
        pub size: usize,
        /// The list's place in the machine.
        pub free: usize,
        /// The lower half of the header, but for the mark in its second byte.
        pub head: u32,
        /// The shape of an empty table.
        pub shape: u32,
        /// Where the array and the properties are in the cell; 0 for none.
        pub array: usize,
        /// See `array`.
        pub props: usize,
    }

    /// How a table with room for so many items and properties is made; `None` when they are too many.
    pub fn new_table(n_items: u32, n_props: u32) -> Option<NewTable> {
        let placement = placement(n_items, n_props).filter(|_| !RETIRES)?;
        let class = class_of(placement.bytes);
        Some(NewTable {
            size: SIZES[class] as usize,
            free: offset_of!(Vm, heap.objects.free) + class * size_of::<*mut FreeCell>(),
            head: tag::TABLE as u32 | (class as u32) << 24,
            shape: ROOT,
            array: placement.array,
            props: placement.props,
        })
    }

    /// The epoch of metatables, 32 bits.
    pub const EPOCH: usize = offset_of!(Vm, heap.meta_epoch);
    /// The names of types, by tag: addresses of strings.
    pub const TYPE_NAMES: usize = offset_of!(Vm, heap.type_names);
    /// The address of the list of strings of one byte, by byte: addresses, null while there is none.
    pub const BYTES: usize = offset_of!(Vm, heap.bytes);
    /// Calls that natives have under way in a coroutine may be fewer than this, 32 bits in the coroutine.
    pub const MAX_NATIVE_CALLS: u32 = crate::call::MAX_NATIVE_CALLS;
    /// The native that `coroutine.wrap` makes, 64 bits.
    pub const WRAPPED: usize = offset_of!(Vm, wrapped);
    /// What `Thread::status` is for a coroutine that has not started or has yielded.
    pub const SUSPENDED: u8 = crate::unwind::status::SUSPENDED;
    /// For the one that runs.
    pub const RUNNING: u8 = crate::unwind::status::RUNNING;
    /// For one that resumed another one.
    pub const NORMAL: u8 = crate::unwind::status::NORMAL;
    /// Which natives the known iterators are, 64 bits each: `next`, and that of `ipairs`.
    pub const ITERATORS: usize = offset_of!(Vm, iterators);
    /// What is known of keys in tables of a shape, for reading.
    pub const READS: usize = offset_of!(Vm, heap.lookups.reads);
    /// The same for writing.
    pub const WRITES: usize = offset_of!(Vm, heap.lookups.writes);
}

impl Vm {
    /// Has a tier compile functions. It applies to code that is loaded already as well.
    ///
    /// # Panics
    /// When the machine runs something.
    pub fn set_tier(&mut self, tier: Box<dyn Tier>, eagerness: Eagerness) {
        self.assert_idle();
        let protos = self.heap.gc.protos.clone();
        // SAFETY: the list holds live objects; nothing of theirs runs.
        unsafe { self.drop_native(&protos) };
        self.tier.tier = Some(tier);
        self.heap.first_heat = match eagerness {
            Eagerness::Hot => HOT,
            Eagerness::Early => EARLY,
            Eagerness::Eager => 1,
        };
        for proto in &self.heap.gc.protos {
            // SAFETY: the list holds live objects.
            unsafe { (**proto).heat = self.heap.first_heat };
        }
    }

    /// Has somebody told of the machine code of each function from now on. Later code may stand where code was dropped.
    pub fn set_code_listener(&mut self, listener: Option<Listener>) {
        self.tier.listener = listener;
    }

    /// Whether a tier compiles functions here.
    pub(crate) fn compiles(&self) -> bool {
        self.tier.tier.as_ref().is_some_and(|tier| tier.refusal().is_none())
    }

    /// What the tier has done so far.
    pub fn tier_counts(&self) -> Counts {
        self.tier.counts
    }

    /// Why the tier compiles nothing, once it has tried; `None` when it does, and without a tier.
    pub fn tier_refusal(&self) -> Option<&'static str> {
        self.tier.tier.as_ref().and_then(|tier| tier.refusal())
    }

    /// Which instructions compiled code left to the interpreter, and how often; the most frequent first.
    pub fn tier_left(&self) -> Vec<(Op, u64)> {
        let counted = Op::ALL.iter().copied().zip(self.tier.left.iter().copied());
        let mut left: Vec<_> = counted.filter(|(_, count)| *count > 0).collect();
        left.sort_by_key(|(op, count)| (std::cmp::Reverse(*count), *op as u8));
        left
    }

    /// Leaves compiled code after random instructions and drops it at random; 0 ends that.
    pub(crate) fn torture_tier(&mut self, seed: u64) {
        self.tier.torture = seed;
    }

    /// Compiles all functions of a source, by its chunk name, and gives their machine code,
    /// in the order of their lines. Empty when there is no tier.
    pub fn compile_all(&mut self, chunk_name: &[u8]) -> Vec<Native> {
        let mut all = Vec::new();
        for at in 0..self.heap.gc.protos.len() {
            let proto = self.heap.gc.protos[at];
            // SAFETY: the list holds live objects; code stays where it is until it is dropped.
            unsafe {
                if *(&(*(*proto).cold).proto).source != *chunk_name {
                    continue;
                }
                if (*proto).native.is_null() || (*(*proto).native).looks > 0 {
                    self.drop_native(&[proto]);
                    self.compile(proto);
                }
                let Some(installed) = &(&*(*proto).cold).native else { continue };
                let code = &installed.compiled;
                all.push(Native {
                    proto: (&*(*proto).cold).proto.clone(),
                    address: code.start as u64,
                    bytes: std::slice::from_raw_parts(code.start, code.length).to_vec(),
                    starts: code.starts.clone(),
                });
            }
        }
        all.sort_by_key(|native| (native.proto.line_defined, native.proto.span));
        all
    }

    /// Whether a Lua frame goes on in machine code.
    #[inline(always)]
    pub(crate) unsafe fn is_native(proto: *const ProtoObject) -> bool {
        // SAFETY: a live function.
        unsafe { !(*proto).native.is_null() }
    }

    /// A call of a function whose heat has run out.
    pub(crate) unsafe fn warm(&mut self, proto: *mut ProtoObject) {
        // SAFETY: a live function by contract.
        unsafe {
            if (*proto).native.is_null() {
                self.compile_or_look(proto);
            }
            (*proto).heat = if (*proto).native.is_null() { u32::MAX } else { 1 };
        }
    }

    /// Counts calls or rounds of the Lua function on top; `Reload` when it is compiled.
    #[cold]
    #[inline(never)]
    pub(crate) fn warm_top(&mut self, heat: u32) -> Flow {
        if self.tier.tier.is_none() {
            return Flow::Next;
        }
        // SAFETY: a Lua frame is on top.
        unsafe {
            let proto = top_function(self.thread);
            self.warm_by(proto, heat);
            if Vm::is_native(proto) { Flow::Reload } else { Flow::Next }
        }
    }

    unsafe fn warm_by(&mut self, proto: *mut ProtoObject, heat: u32) {
        // SAFETY: a live function by contract.
        unsafe {
            if Vm::is_native(proto) {
                return;
            }
            (*proto).heat = (*proto).heat.saturating_sub(heat).max(1);
            if (*proto).heat == 1 {
                self.warm(proto);
            }
        }
    }

    /// Makes the records of what a function's instructions see, unless it has them.
    unsafe fn make_records(&mut self, proto: *mut ProtoObject) {
        // SAFETY: a live function by contract.
        let cold: &mut Cold = unsafe { &mut *(*proto).cold };
        if cold.seen.is_empty() {
            cold.seen = vec![Seen::default(); cold.code.len()].into_boxed_slice();
            // SAFETY: as above.
            let n_caches = unsafe { (*proto).n_caches } as usize;
            cold.ways = std::iter::repeat_with(|| None).take(n_caches).collect();
            self.heap.note_native(size_of_val(&*cold.seen) + size_of_val(&*cold.ways));
        }
    }

    /// Makes the counters of a function's runs, unless it has them.
    unsafe fn make_counters(&mut self, proto: *mut ProtoObject) {
        // SAFETY: a live function by contract.
        let cold: &mut Cold = unsafe { &mut *(*proto).cold };
        if cold.runs.is_empty() {
            cold.runs = vec![0; cold.code.len()].into_boxed_slice();
            self.heap.note_native(size_of_val(&*cold.runs));
        }
    }

    /// Has machine code count how often it runs, from zero on, or not any more. What is compiled is compiled anew.
    pub fn count_runs(&mut self, on: bool) {
        self.tier.counts_runs = on;
        let protos = self.heap.gc.protos.clone();
        // SAFETY: the list holds live objects; their code is dropped before its counters are.
        unsafe {
            let is_hot: Vec<bool> = protos.iter().map(|proto| Vm::is_native(*proto)).collect();
            self.drop_native(&protos);
            for (proto, is_hot) in protos.into_iter().zip(is_hot) {
                if is_hot {
                    (*proto).heat = 1;
                }
                let runs = std::mem::take(&mut (*(*proto).cold).runs);
                self.heap.forget_native(size_of_val(&*runs));
            }
        }
    }

    /// A compiled function is called by the machine, which enters it behind the code that counts calls.
    pub(crate) unsafe fn count_call(&mut self, proto: *mut ProtoObject) {
        if self.tier.counts_runs {
            // SAFETY: a live function by contract.
            unsafe {
                if let (true, Some(calls)) = (Vm::is_native(proto), (&mut (*(*proto).cold).runs).first_mut()) {
                    *calls += 1;
                }
            }
        }
    }

    /// Has a function compiled, at once or when it has been looked at.
    unsafe fn compile_or_look(&mut self, proto: *mut ProtoObject) {
        // SAFETY: a live function by contract.
        unsafe {
            let Some(tier) = &self.tier.tier else { return };
            let cold = &mut *(*proto).cold;
            let is_known = !cold.seen.is_empty() || self.is_eager() || tier.refusal().is_some();
            if is_known {
                return self.compile(proto);
            }
            self.make_records(proto);
            let looks = if self.heap.first_heat <= EARLY { EARLY_LOOKS } else { LOOKS };
            let installed = Installed::observer((*proto).n_code.saturating_mul(looks).max(MISSES));
            (*proto).native = &raw const **cold.native.insert(Box::new(installed));
        }
    }

    /// Interprets an instruction of a function that is looked at, or compiles it when that has been enough.
    unsafe fn look(&mut self, proto: *mut ProtoObject) -> Flow {
        // SAFETY: the function of the frame on top, which stands at an instruction.
        unsafe {
            let Some(installed) = &mut (*(*proto).cold).native else { return Flow::Reload };
            installed.looks -= 1;
            if installed.looks > 0 {
                return self.observed_step();
            }
            uninstall(proto);
            self.warm(proto);
            Flow::Reload
        }
    }

    fn is_eager(&self) -> bool {
        self.heap.first_heat == 1
    }

    unsafe fn compile(&mut self, proto: *mut ProtoObject) {
        // SAFETY: a live function by contract.
        unsafe {
            let is_eager = self.is_eager();
            let started = std::time::Instant::now();
            if self.tier.tier.is_none() || !self.heap.has_room_for_native((*proto).n_code as usize * NATIVE_PER_WORD) {
                return;
            }
            self.make_records(proto);
            if self.tier.counts_runs {
                self.make_counters(proto);
            }
            let Some(tier) = &mut self.tier.tier else { return };
            let cold = &*(*proto).cold;
            let function = Function {
                code: std::slice::from_raw_parts((*proto).code, (*proto).n_code as usize),
                constants: std::slice::from_raw_parts((*proto).constants, (*proto).n_constants as usize),
                caches: std::slice::from_raw_parts((*proto).caches, (*proto).n_caches as usize),
                ways: &cold.ways,
                params: (*proto).params,
                is_vararg: (*proto).is_vararg != 0,
                max_stack: (*proto).max_stack,
                seen: &cold.seen,
                is_final: is_eager,
                runs: self.tier.counts_runs.then_some(cold.runs.as_ptr()),
                natives: &self.natives,
                shared: shared_registers(proto),
                has_inline_upvalues: !cold.keeps_apart,
                conditions: self.inspection.conditions_of(proto),
                locals: (!cold.proto.lines.is_empty()).then_some(&*cold.proto.locals),
            };
            let compiled = tier.compile(&function);
            let counts = &mut self.tier.counts;
            counts.time += started.elapsed();
            let Some(compiled) = compiled else { return };
            counts.compiled += 1;
            counts.bytes += compiled.length as u64;
            let entry = compiled.entry.map_or(std::ptr::null(), |offset| compiled.start.wrapping_add(offset as usize));
            let cold = &mut *(*proto).cold;
            if let Some(listener) = &mut self.tier.listener {
                let (address, length) = (compiled.start as u64, compiled.length);
                listener(Placed { address, length, source: &cold.proto.source, line: cold.proto.line_defined });
            }
            self.heap.note_native(compiled.length);
            let installed = cold.native.insert(Box::new(Installed { compiled, misses: 0, looks: 0 }));
            (*proto).native = &raw const **installed;
            (*proto).entry = entry;
        }
    }

    /// Drops the machine code of functions. Frames of theirs are interpreted from the next
    /// boundary on, until the function is compiled again.
    pub(crate) unsafe fn drop_native(&mut self, protos: &[*mut ProtoObject]) {
        // SAFETY: live functions by contract; frames are walked by their links.
        unsafe {
            let dropped: Vec<Box<Installed>> = protos.iter().filter_map(|proto| uninstall(*proto)).collect();
            if dropped.is_empty() {
                return;
            }
            self.tier.counts.dropped += dropped.len() as u64;
            self.heap.distrust += 1;
            self.heap.forget_native(dropped.iter().map(|code| code.length()).sum());
            self.heap.settle();
            for thread in self.heap.live_threads() {
                forget_addresses(thread, &dropped);
            }
        }
    }

    /// Runs the compiled frame on top.
    pub(crate) fn run_native(&mut self) -> Flow {
        self.tier.flow = None;
        let at = self.resolve(Flow::Reload);
        let Some(tier) = self.tier.tier.as_ref().filter(|_| !at.base.is_null()) else {
            return self.tier.flow.unwrap_or(Flow::Reload);
        };
        let (enter, attention) = (tier.enter(), self.attention_ptr().cast());
        // SAFETY: `resolve` gave an address of the tier's code for the frame on top.
        unsafe { enter(self, at.base, attention, at.address) };
        self.tier.flow.unwrap_or(Flow::Reload)
    }

    /// Makes a call for compiled code, and says where that goes on.
    unsafe fn call_for_native(&mut self, call: NativeCall) -> Continuation {
        let NativeCall { a, n, wanted, after, .. } = call;
        // SAFETY: a compiled frame is on top, and stands behind its call.
        unsafe {
            self.tier.counts.calls += 1;
            let base = (*self.thread).stack.add((*self.thread).base as usize);
            let slot = base.add(a as usize);
            if let Some(other) = self.switch_for_native(slot, n, wanted, after) {
                return other;
            }
            let (thread, func, distrust) = (self.thread, (*self.thread).base + a, self.heap.distrust);
            let result = if (*slot).tag == tag::NATIVE && slot.add(2 + n as usize) <= self.limit {
                // The template has tried the leaf form.
                self.call_native(func, n, wanted)
            } else {
                self.call_slow(a as usize, n, wanted)
            };
            if self.is_settled(&result, call.live, distrust) {
                return Continuation { address: after, base };
            }
            self.go_on_after(&call, thread, func, distrust, result)
        }
    }

    /// Whether compiled code may simply go on behind a call that came to this: the stack has not moved,
    /// addresses of code are right, see [`Heap::distrust`], and the collector is not due.
    #[inline(always)]
    fn is_settled(&self, result: &Result<Flow, Error>, live: Option<u32>, distrust: u64) -> bool {
        matches!(result, Ok(Flow::Next)) && self.heap.distrust == distrust && (live.is_none() || self.heap.debt < 0)
    }

    /// Goes on after a call by the machine of what is at stack index `func`, which came to `result`.
    #[inline(never)]
    unsafe fn go_on_after(
        &mut self,
        call: &NativeCall,
        thread: *mut Thread,
        func: u32,
        distrust: u64,
        mut result: Result<Flow, Error>,
    ) -> Continuation {
        // SAFETY: as `call_for_native`.
        unsafe {
            self.hook_switch = false;
            if let (Ok(Flow::Next), Some(live)) = (&result, call.live)
                && self.heap.debt >= 0
            {
                result = self.collect_step((*self.thread).base + live);
            }
            // A function of Lua was entered: when it is compiled by then, it returns without the machine.
            if let Some(back) = call.back
                && self.thread == thread
                && (*thread).base == func + 2
                && self.heap.distrust == distrust
            {
                let header = (*thread).stack.add(func as usize);
                if (*header).tag & 0xffff == tag::CLOSURE {
                    (*header.add(1)).payload = back as u64;
                }
            }
            match result {
                Ok(flow) => self.resolve(flow),
                Err(error) => match self.land(error) {
                    Ok(landing) if landing.func == func && self.thread == thread && self.heap.distrust == distrust => {
                        let base = (*thread).stack.add((*thread).base as usize);
                        Continuation { address: call.after, base }
                    }
                    landing => self.go_on_at(landing),
                },
            }
        }
    }

    /// Where the frame on top goes on after something that came to `result`.
    fn go_on(&mut self, result: Result<Flow, Error>) -> Continuation {
        match result {
            Ok(flow) => self.resolve(flow),
            Err(error) => {
                let landing = self.land(error);
                self.go_on_at(landing)
            }
        }
    }

    /// The machine address at which a function with its arguments from `base` on is entered, or 0.
    pub(crate) unsafe fn entry_of(&mut self, proto: *mut ProtoObject, base: *const Slot) -> u64 {
        // SAFETY: a live function, and its arguments.
        unsafe {
            if (*proto).native.is_null() {
                return 0;
            }
            self.count_call(proto);
            (*(*proto).native).at(0, base).map_or(0, |address| address as u64)
        }
    }

    /// Deals with an error, and says which `pcall` has simply returned it, if so.
    fn land(&mut self, error: Error) -> Result<Landing, Flow> {
        self.tier.landing = None;
        let flow = self.raise(error);
        self.tier.landing.take().filter(|_| flow == Flow::Reload).ok_or(flow)
    }

    /// Goes on behind a `pcall` that has returned an error, or wherever else.
    fn go_on_at(&mut self, landing: Result<Landing, Flow>) -> Continuation {
        match landing {
            Ok(Landing { address, .. }) if address != 0 => {
                // SAFETY: a frame is on top.
                let base = unsafe { (*self.thread).stack.add((*self.thread).base as usize) };
                Continuation { address: address as *const u8, base }
            }
            Ok(_) => self.resolve(Flow::Reload),
            Err(flow) => self.resolve(flow),
        }
    }

    /// Calls what is in `slot` when it changes the coroutine, and says where that goes on. This one goes on at `after`.
    #[inline(always)]
    unsafe fn switch_for_native(&mut self, slot: *mut Slot, n: u32, wanted: u8, after: *const u8) -> Option<Continuation> {
        // SAFETY: as `call_for_native`.
        unsafe {
            let role = self.role_of(*slot);
            if role == Role::Plain || slot.add(n as usize + 4) > self.limit {
                return None;
            }
            let func = slot.offset_from((*self.thread).stack) as u32;
            let address = self.switch_at_once(role, func, n, wanted, after as u64)?;
            if address == 0 {
                return Some(self.resolve(Flow::Reload));
            }
            let base = (*self.thread).stack.add((*self.thread).base as usize);
            Some(Continuation { address: address as *const u8, base })
        }
    }

    /// Where the frame on top goes on. Natives that wait for a result go on here.
    fn resolve(&mut self, mut flow: Flow) -> Continuation {
        // SAFETY: the running thread's state stands on its stack.
        unsafe {
            while flow != Flow::Done && (*self.thread).base != 0 {
                let thread = self.thread;
                let base = (*thread).stack.add((*thread).base as usize);
                if (*base.sub(2)).tag & 0xff != tag::CLOSURE {
                    let result = self.resume_native();
                    flow = self.settle(result);
                    continue;
                }
                let proto = top_function(thread);
                if (*thread).hook_state != 0 || (*proto).native.is_null() {
                    break;
                }
                let native = &*(*proto).native;
                if native.looks > 0 {
                    flow = self.look(proto);
                    continue;
                }
                if let Some(address) = native.at((*thread).pc, base) {
                    return Continuation { address, base };
                }
                if native.has_place((*thread).pc) {
                    // The code relies on what does not hold now, but may hold after the next instruction.
                    self.count_miss(proto, (*thread).pc);
                    flow = self.observed_step();
                } else {
                    // Not between two instructions: the interpreter has to go on.
                    self.drop_native(&[proto]);
                }
            }
            self.tier.flow = Some(if flow == Flow::Done { flow } else { Flow::Reload });
            // Before anything is compiled nobody goes there.
            let tier = self.tier.tier.as_ref().filter(|_| self.tier.counts.compiled > 0);
            let leave = tier.map_or(std::ptr::null(), |tier| tier.leave());
            Continuation { address: leave, base: std::ptr::null_mut() }
        }
    }

    /// Whether the Lua frame on top is compiled.
    pub(crate) fn goes_on_natively(&self) -> bool {
        // SAFETY: the running thread has a Lua frame on top.
        unsafe { (*self.thread).hook_state == 0 && Vm::is_native(top_function(self.thread)) }
    }

    /// The frame at `base`, which is compiled, goes on at `pc`.
    #[cold]
    #[inline(never)]
    pub(crate) unsafe fn leave_to_native(&mut self, base: *mut Slot, pc: u32) -> Flow {
        // SAFETY: `base` is that of a frame on the running coroutine's stack.
        unsafe { self.stand_at(base, pc) };
        Flow::Reload
    }

    unsafe fn stand_at(&mut self, base: *mut Slot, pc: u32) {
        // SAFETY: `base` lies on the running coroutine's stack.
        unsafe {
            let thread = &mut *self.thread;
            thread.base = base.offset_from(thread.stack) as u32;
            thread.pc = pc;
        }
    }

    fn step_at(&mut self, observed: bool) -> Continuation {
        self.count_left();
        let mut flow = if observed { self.observed_step() } else { self.interpret_one() };
        if self.tier.torture != 0 {
            flow = self.torture_step(flow);
        }
        self.resolve(flow)
    }

    /// Interprets one instruction and takes note of what it sees.
    fn observed_step(&mut self) -> Flow {
        // SAFETY: a Lua frame is on top and stands at an instruction; its function lives as long as the frame, and is
        // looked at afterwards only while that is still on top.
        unsafe {
            let (thread, at, pc) = (self.thread, (*self.thread).base, (*self.thread).pc as usize);
            let proto = top_function(thread);
            let word = |pc: usize| if pc < (*proto).n_code as usize { *(*proto).code.add(pc) } else { 0 };
            let instruction = Instruction::decode(word(pc) & !BREAKPOINT, word(pc + 1));
            let register = |r: u8| Slot::read((*thread).stack.add(at as usize + usize::from(r)));
            let (Some(instruction), Some(seen)) = (instruction, (&mut (*(*proto).cold).seen).get_mut(pc)) else {
                return self.interpret_one();
            };
            if let Some(r) = seen::callee(instruction) {
                let caller = (*(*thread).stack.add(at as usize).sub(2)).as_ptr::<Closure>();
                seen.note_callee(register(r), caller);
            }
            for (n, r) in seen::operands(instruction).into_iter().enumerate() {
                if let Some(r) = r {
                    seen.note_operand(n, register(r));
                }
            }
            self.note_way(proto, instruction, at);
            let flow = self.interpret_one();
            let is_done = self.thread == thread && (*thread).base == at && (*thread).pc as usize == pc + instruction.words();
            if let Some(r) = seen::result(instruction)
                && flow != Flow::Done
                && is_done
                && top_function(thread) == proto
                && let Some(seen) = (&mut (*(*proto).cold).seen).get_mut(pc)
            {
                seen.note_result(register(r));
            }
            flow
        }
    }

    /// Takes note of the table whose field an instruction reads, or writes and does not add, in the frame whose register 0
    /// has the stack index `at`.
    unsafe fn note_way(&mut self, proto: *mut ProtoObject, instruction: Instruction, at: u32) {
        // SAFETY: operands of a verified instruction of the frame on top.
        unsafe {
            let base = (*self.thread).stack.add(at as usize);
            let (object, cache, key) = match instruction {
                Instruction::GetField { b, cache, key, .. }
                | Instruction::Method { b, cache, key, .. }
                | Instruction::SetField { b, cache, key, .. }
                | Instruction::SetFieldK { b, cache, key, .. } => (Slot::read(base.add(usize::from(b))), cache, key),
                Instruction::GetUpTable { b, cache, key, .. } => {
                    let closure = (*base.sub(2)).as_ptr::<Closure>();
                    (Slot::read((**(*closure).upvalues.add(usize::from(b))).location), cache, key)
                }
                _ => return,
            };
            if object.tag != tag::TABLE {
                return;
            }
            let writes = matches!(instruction, Instruction::SetField { .. } | Instruction::SetFieldK { .. });
            let key = (*(*proto).constants.add(usize::from(key))).as_ptr::<Str>();
            let mut record = Cache::EMPTY;
            let is_known = match writes {
                false => self.heap.cache_get(object.as_ptr(), key, &mut record),
                true => self.heap.cache_set(object.as_ptr(), key, &mut record),
            };
            if record.kind == cache_kind::ADD {
                return;
            }
            let ways = &mut (*(*proto).cold).ways;
            if let Some(ways) = ways.get_mut(usize::from(cache)) {
                if ways.is_none() {
                    self.heap.note_native(size_of::<Ways>());
                }
                ways.get_or_insert_with(|| Box::new(Ways::NONE)).note(is_known.then_some(record));
            }
        }
    }

    /// A fast path of a function did not fit at `pc`: after many times the function is compiled again.
    unsafe fn count_miss(&mut self, proto: *mut ProtoObject, pc: u32) {
        // SAFETY: a live function by contract.
        unsafe {
            self.tier.counts.misses += 1;
            let cold = &mut *(*proto).cold;
            if let Some(seen) = cold.seen.get_mut(pc as usize) {
                seen.note_miss();
            }
            let Some(installed) = &mut cold.native else { return };
            installed.misses = installed.misses.saturating_add(1);
            // What the records say only widens, so this comes to an end.
            let first = MISSES.max((*proto).n_code / WORDS_PER_MISS);
            let misses = if self.tier.torture == 0 { first << (2 * cold.revision.min(REVISIONS)) } else { 2 };
            if installed.misses > misses {
                cold.revision = cold.revision.saturating_add(1);
                self.drop_native(&[proto]);
                self.warm(proto);
            }
        }
    }

    /// From now on anything may change the registers of the frame that has the slot `index`.
    pub(crate) unsafe fn share_registers(&mut self, thread: *mut Thread, index: u32) {
        // SAFETY: a live thread by contract; its frames are walked by their links.
        unsafe {
            let mut base = (*thread).base;
            while base != 0 {
                let frame = stack::frame(thread, base);
                if base <= index {
                    if frame.callee.tag == tag::CLOSURE {
                        let proto = (*frame.callee.as_ptr::<Closure>()).proto;
                        (*(*proto).cold).shares_all = true;
                        self.heap.distrust += 1;
                        self.drop_native(&[proto]);
                    }
                    return;
                }
                base = if frame.delta == 0 { 0 } else { base - frame.delta };
            }
        }
    }

    /// Counts the instruction that the frame on top stands at.
    fn count_left(&mut self) {
        // SAFETY: a Lua frame is on top, and its pc lies in its code.
        let op = unsafe { word::op(*(*top_function(self.thread)).code.add((*self.thread).pc as usize)) };
        let left = &mut self.tier.left;
        if left.is_empty() {
            left.resize(Op::ALL.len(), 0);
        }
        if let Some(count) = op.and_then(|op| left.get_mut(op as usize)) {
            *count += 1;
        }
    }

    fn torture_step(&mut self, mut flow: Flow) -> Flow {
        let random = self.random();
        for _ in 0..random % 8 {
            // SAFETY: the running thread's state stands on its stack.
            let interpreted = unsafe {
                let thread = self.thread;
                (*thread).hook_state == 0
                    && (*thread).base != 0
                    && (*(*thread).stack.add((*thread).base as usize - 2)).tag & 0xff == tag::CLOSURE
            };
            if flow == Flow::Done || !interpreted {
                return flow;
            }
            self.count_left();
            flow = self.interpret_one();
        }
        if random >> 8 & 31 == 0 {
            let protos: Vec<_> = self.heap.gc.protos.iter().copied().filter(|proto| {
                // SAFETY: the list holds live objects.
                unsafe { Vm::is_native(*proto) }
            }).collect();
            if !protos.is_empty() {
                let victim = protos[(random >> 16) as usize % protos.len()];
                // SAFETY: a live function.
                unsafe { self.drop_native(&[victim]) };
            }
        }
        flow
    }

    /// The next number of a xorshift generator (Marsaglia 2003).
    fn random(&mut self) -> u64 {
        let mut x = self.tier.torture;
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.tier.torture = x;
        x
    }
}

/// A call that compiled code leaves to the machine.
struct NativeCall {
    /// The register with what is called.
    a: u32,
    /// Number of arguments.
    n: u32,
    /// Number of wanted results plus one, 0 for all.
    wanted: u8,
    /// Registers from this on hold nothing afterwards; without it, there is no collection.
    live: Option<u32>,
    /// Where the code goes on.
    after: *const u8,
    /// Where functions that are compiled return to.
    back: Option<*const u8>,
}

/// Takes a function's machine code away; the caller forgets its addresses.
unsafe fn uninstall(proto: *mut ProtoObject) -> Option<Box<Installed>> {
    // SAFETY: a live function by contract.
    unsafe {
        let cold: &mut Cold = &mut *(*proto).cold;
        (*proto).native = std::ptr::null();
        (*proto).entry = std::ptr::null();
        (*proto).heat = ROUNDS;
        cold.native.take()
    }
}

/// Frames that would return into dropped code return to the interpreter.
unsafe fn forget_addresses(thread: *mut Thread, dropped: &[Box<Installed>]) {
    // SAFETY: a live thread by contract; its frames are walked by their links.
    unsafe {
        if dropped.iter().any(|code| code.contains((*thread).goes_on)) {
            (*thread).goes_on = 0;
        }
        let mut base = (*thread).base;
        while base != 0 {
            let frame = stack::frame(thread, base);
            let word = &mut (*(*thread).stack.add(base as usize - 1)).payload;
            if frame.callee.tag == tag::CLOSURE && dropped.iter().any(|code| code.contains(*word)) {
                *word = 0;
            }
            base = if frame.delta == 0 { 0 } else { base - frame.delta };
        }
    }
}

/// Somebody else has changed a register: frames of the coroutine go on where compiled code relies on it by way of the
/// machine, which looks at what the code relies on.
pub(crate) unsafe fn distrust_addresses(heap: &mut Heap, thread: *mut Thread) {
    heap.distrust += 1;
    // SAFETY: a live thread by contract; its frames are walked by their links.
    unsafe {
        (*thread).goes_on = 0;
        let mut base = (*thread).base;
        while base != 0 {
            let frame = stack::frame(thread, base);
            if frame.callee.tag == tag::CLOSURE {
                (*(*thread).stack.add(base as usize - 1)).payload = 0;
            }
            base = if frame.delta == 0 { 0 } else { base - frame.delta };
        }
    }
}

/// Registers that closures made by a function may share with it.
unsafe fn shared_registers(proto: *const ProtoObject) -> [u64; 4] {
    // SAFETY: a live function by contract, whose children are live.
    unsafe {
        let cold = &*(*proto).cold;
        if cold.shares_all {
            return [u64::MAX; 4];
        }
        let mut shared = [0; 4];
        for child in &cold.children {
            for upvalue in &(*(**child).cold).proto.upvalues {
                if upvalue.in_stack {
                    shared[usize::from(upvalue.index) / 64] |= 1 << (upvalue.index % 64);
                }
            }
        }
        shared
    }
}

unsafe fn top_function(thread: *const Thread) -> *mut ProtoObject {
    // SAFETY: a Lua frame is on top by contract.
    unsafe { (*(*(*thread).stack.add((*thread).base as usize - 2)).as_ptr::<Closure>()).proto }
}

// ---- what compiled code calls

/// Interprets the instruction at `pc` of the frame at `base`: it has no fast path.
///
/// # Safety
/// Called by compiled code of the frame on top.
pub unsafe extern "C" fn step(vm: *mut Vm, base: *mut Slot, pc: u32) -> Continuation {
    // SAFETY: by contract.
    unsafe {
        let vm = &mut *vm;
        vm.stand_at(base, pc);
        vm.tier.counts.steps += 1;
        let i = *(*top_function(vm.thread)).code.add(pc as usize);
        if vm.tier.torture != 0 {
            return vm.step_at(false);
        }
        let op = i as u8;
        let is_return = [Op::Return0, Op::Return1, Op::Return].into_iter().any(|other| op == other as u8);
        if !is_return {
            let proto = top_function(vm.thread);
            if (&(*(*proto).cold).seen).get(pc as usize).is_some_and(|seen| seen.has_metamethod()) {
                // Code that was made by then calls it without the machine.
                vm.count_miss(proto, pc);
            }
            if let Some(there) = vm.call_metamethod(base, pc, i) {
                return there;
            }
            if vm.compute_with_strings(base, i) {
                vm.count_left();
                (*vm.thread).pc = pc + 1;
                return vm.resolve(Flow::Reload);
            }
            return vm.step_at(false);
        }
        // To a caller that is not compiled, or wants something special: no need for the interpreter.
        vm.count_left();
        (*vm.thread).pc = pc + 1;
        vm.tier.landing = None;
        let result = match op {
            op if op == Op::Return0 as u8 => vm.return_values(0, 0),
            op if op == Op::Return1 as u8 => vm.return_values((i >> 8 & 0xff) as usize, 1),
            _ => vm.return_slow(i),
        };
        match vm.tier.landing.take() {
            Some(landing) if matches!(result, Ok(Flow::Reload)) => vm.go_on_at(Ok(landing)),
            _ => vm.go_on(result),
        }
    }
}

/// As [`step`], for an instruction whose fast path did not fit.
///
/// # Safety
/// As [`step`].
pub unsafe extern "C" fn missed(vm: *mut Vm, base: *mut Slot, pc: u32) -> Continuation {
    // SAFETY: by contract.
    unsafe {
        let vm = &mut *vm;
        vm.stand_at(base, pc);
        vm.count_miss(top_function(vm.thread), pc);
        vm.step_at(true)
    }
}

/// The attention word is raised after a jump to `pc`.
///
/// # Safety
/// As [`step`].
pub unsafe extern "C" fn poll(vm: *mut Vm, base: *mut Slot, pc: u32) -> Continuation {
    // SAFETY: by contract.
    unsafe {
        (*vm).stand_at(base, pc);
        let result = (*vm).attend_at_jump();
        (*vm).go_on(result)
    }
}

/// A call at `pc`, whose word is `i`, of something that is not compiled; `after` is where the code goes on that has made it.
///
/// # Safety
/// As [`step`].
pub unsafe extern "C" fn call(vm: *mut Vm, base: *mut Slot, pc: u32, after: *const u8, i: u32) -> Continuation {
    // SAFETY: by contract.
    unsafe {
        let vm = &mut *vm;
        if vm.tier.torture != 0 {
            return step(vm, base, pc);
        }
        vm.stand_at(base, pc + 1);
        let (a, b, c) = (i >> 8 & 0xff, i >> 16 & 0xff, i >> 24);
        let n = if b != 0 { b - 1 } else { (*vm.thread).top - ((*vm.thread).base + a + 2) };
        let live = if c == 0 { None } else { Some(a + c - 1) };
        let back = Some(after.wrapping_sub(layout::RETURN_LENGTH));
        vm.call_for_native(NativeCall { a, n, wanted: c as u8, live, after, back })
    }
}

/// A call of a native that only has to be called, by a site that knows it: what [`call`] does, with less to find out.
/// `site` has, from its lowest bits on, the register with what is called (8 bits), the number of wanted results
/// plus one (8 bits), and, in the upper half, the pc behind the call. `n` is the number of arguments.
///
/// # Safety
/// As [`step`]; `function` is that of the native.
pub unsafe extern "C" fn call_known(
    vm: *mut Vm,
    base: *mut Slot,
    site: u64,
    after: *const u8,
    function: *const (),
    n: u32,
) -> Continuation {
    // SAFETY: by contract.
    unsafe {
        let vm = &mut *vm;
        let (a, wanted, pc) = (site as u32 & 0xff, (site >> 8) as u8, (site >> 32) as u32);
        if vm.tier.torture != 0 {
            return step(vm, base, pc - 1);
        }
        let slot = base.add(a as usize);
        vm.stand_at(base, pc);
        let thread = vm.thread;
        let (func, distrust) = ((*thread).base + a, vm.heap.distrust);
        let result = if slot.add(2 + n as usize) <= vm.limit {
            vm.call_function(std::mem::transmute::<*const (), NativeFn>(function), func, n, wanted)
        } else {
            vm.call_slow(a as usize, n, wanted)
        };
        vm.tier.counts.calls += 1;
        let live = if wanted == 0 { None } else { Some(a + u32::from(wanted) - 1) };
        if vm.is_settled(&result, live, distrust) {
            return Continuation { address: after, base };
        }
        vm.go_on_after(&NativeCall { a, n, wanted, live, after, back: None }, thread, func, distrust, result)
    }
}

/// The iterator of the generic loop at `pc`, whose word is `i`, is called, as it is neither known nor compiled.
///
/// # Safety
/// As [`step`].
pub unsafe extern "C" fn call_iterator(
    vm: *mut Vm,
    base: *mut Slot,
    pc: u32,
    after: *const u8,
    i: u32,
) -> Continuation {
    // SAFETY: by contract; the verifier has made room for the copies.
    unsafe {
        let vm = &mut *vm;
        if vm.tier.torture != 0 {
            return step(vm, base, pc);
        }
        vm.stand_at(base, pc + 1);
        let (a, c) = (i >> 8 & 0xff, i >> 24);
        let f = base.add(a as usize);
        *f.add(4) = Slot::read(f);
        *f.add(6) = Slot::read(f.add(1));
        *f.add(7) = Slot::read(f.add(2));
        vm.call_for_native(NativeCall { a: a + 4, n: 2, wanted: c as u8 + 1, live: Some(a + 4 + c), after, back: None })
    }
}

/// The tail call at `pc` is made by the machine.
///
/// # Safety
/// As [`step`].
pub unsafe extern "C" fn tail_call(vm: *mut Vm, base: *mut Slot, pc: u32) -> Continuation {
    // SAFETY: by contract.
    unsafe {
        let vm = &mut *vm;
        if vm.tier.torture != 0 {
            return step(vm, base, pc);
        }
        vm.stand_at(base, pc + 1);
        vm.tier.counts.calls += 1;
        let i = *(*top_function(vm.thread)).code.add(pc as usize);
        let (thread, distrust) = (vm.thread, vm.heap.distrust);
        let frame = stack::frame(thread, (*thread).base);
        let address = (*base.sub(1)).payload;
        let result = vm.tail_call(i);
        // A native has returned for this frame to compiled code.
        let is_plain = frame.kind == stack::kind::LUA && frame.flags & !(stack::flag::TAIL | stack::flag::VARARG) == 0;
        if let Ok(Flow::Next | Flow::Reload) = result
            && address != 0
            && is_plain
            && vm.thread == thread
            && (*thread).base == frame.base - frame.delta
            && vm.heap.distrust == distrust
        {
            let base = (*thread).stack.add((*thread).base as usize);
            return Continuation { address: (address as *const u8).wrapping_add(layout::RETURN_LENGTH), base };
        }
        vm.go_on(result)
    }
}

/// The collector is due before the instruction at `pc`. Registers from `live` on hold nothing; below 0, any may be in use.
///
/// # Safety
/// As [`step`].
pub unsafe extern "C" fn collect(vm: *mut Vm, base: *mut Slot, pc: u32, live: i32) -> Continuation {
    // SAFETY: by contract.
    unsafe {
        (*vm).stand_at(base, pc);
        let result = match usize::try_from(live) {
            Ok(live) => (*vm).collect_at(base, live),
            Err(_) => (*vm).collect_anywhere(),
        };
        (*vm).go_on(result)
    }
}

/// A compiled function has returned to a frame without an address; `pc` is where that goes on.
///
/// # Safety
/// As [`step`].
pub unsafe extern "C" fn resume(vm: *mut Vm, base: *mut Slot, pc: u32) -> Continuation {
    // SAFETY: by contract.
    unsafe {
        (*vm).stand_at(base, pc);
        // A loop that is interpreted around compiled calls gets no further than to the next of them.
        let proto = top_function((*vm).thread);
        (*vm).warm_by(proto, 1);
        (*vm).resolve(Flow::Reload)
    }
}

/// A compiled call, already in its new frame, finds that its stack is too small or the
/// attention word raised: the call is undone and made by the machine. `n` is the number of arguments.
///
/// # Safety
/// As [`step`].
pub unsafe extern "C" fn enter_slow(vm: *mut Vm, base: *mut Slot, n: u32) -> Continuation {
    // SAFETY: by contract; the header was just written by the call.
    unsafe {
        let vm = &mut *vm;
        let frame = stack::frame(vm.thread, base.offset_from((*vm.thread).stack) as u32);
        (*base.sub(2)).tag = tag::CLOSURE;
        (*vm.thread).base = if frame.delta == 0 { 0 } else { frame.base - frame.delta };
        (*vm.thread).pc = frame.caller_pc;
        let result = vm.enter(frame.base - 2, n, frame.wanted, frame.kind, frame.flags, frame.extra);
        vm.go_on(result)
    }
}

/// `t[key]`, in `t` or in what `__index` tables lead to; [`UNKNOWN`] when that leads to something else.
///
/// # Safety
/// `t` and `key` are live.
pub unsafe extern "C" fn find_item(vm: *mut Vm, mut t: *mut Table, payload: u64, tag: u64) -> Slot {
    // SAFETY: by contract.
    unsafe {
        let heap = &mut (*vm).heap;
        for _ in 0..CHAIN {
            let value = table::get(t, Slot { payload, tag }, heap);
            let index = if value.is_nil() { heap.metamethod((*t).meta, Event::Index) } else { Slot::NIL };
            match index.tag {
                tag::NIL => return value,
                tag::TABLE => t = index.as_ptr(),
                _ => break,
            }
        }
        UNKNOWN
    }
}

/// The field with a string key, own or inherited; [`UNKNOWN`] when only a metamethod can tell.
///
/// # Safety
/// `t` and `key` are live.
pub unsafe extern "C" fn find_field(vm: *mut Vm, t: *mut Table, key: *mut Str) -> Slot {
    // SAFETY: by contract.
    unsafe {
        let heap = &mut (*vm).heap;
        let mut value = Slot::NIL;
        if heap.look_up(t, key, &raw mut value) {
            return value;
        }
        let value = table::get_str(heap, t, key);
        if value.is_nil() && !heap.metamethod((*t).meta, Event::Index).is_nil() { UNKNOWN } else { value }
    }
}

/// The field of a string, which is one of the table `__index`; [`UNKNOWN`] when that is no table. The site's record
/// takes note of where it is.
///
/// # Safety
/// `key` is live, and `cache` a record of the function on top.
pub unsafe extern "C" fn find_method(vm: *mut Vm, key: *mut Str, cache: *mut Cache) -> Slot {
    // SAFETY: by contract.
    unsafe {
        let meta = (*vm).type_meta[tag::STRING as usize];
        let index = (*vm).heap.metamethod(meta, Event::Index);
        if index.tag != tag::TABLE {
            return UNKNOWN;
        }
        if matches!((*cache).kind, cache_kind::EMPTY | cache_kind::OF_STRING) {
            (*vm).heap.cache_method(meta, key, &mut *cache);
        }
        find_field(vm, index.as_ptr(), key)
    }
}

/// How two strings compare: less than 0, 0, or more.
///
/// # Safety
/// Both are live.
pub unsafe extern "C" fn compare_strings(a: *mut Str, b: *mut Str) -> i32 {
    // SAFETY: by contract.
    unsafe { string::str_bytes(a).cmp(string::str_bytes(b)) as i32 }
}

/// Whether a condition's term is true: 1, or 0 when it is false, or 2 when only a call would tell.
///
/// # Safety
/// `base` is register 0 of the frame on top, of the function that the term is for; memory has its registers.
pub unsafe extern "C" fn term_holds(vm: *mut Vm, base: *const Slot, term: *const Term) -> u64 {
    // SAFETY: by contract.
    unsafe { condition::holds(&mut *vm, base, &*term) }.map_or(2, u64::from)
}

/// Calls the native in `slot` with the `n` arguments from `slot + 2` by its leaf form, for `wanted - 1` results, or all,
/// up to the top; 0 when there is no such form or it declines.
///
/// # Safety
/// Slots of the frame on top.
pub unsafe extern "C" fn call_leaf(vm: *mut Vm, slot: *mut Slot, n: u32, wanted: u32) -> u64 {
    // SAFETY: by contract.
    unsafe {
        match (*vm).leaf_of(*slot) {
            Some(leaf) => call_known_leaf(vm, slot, n, wanted, leaf as *const ()),
            None => 0,
        }
    }
}

/// As [`call_leaf`], for a native that is known to have this leaf form.
///
/// # Safety
/// As [`call_leaf`]; `leaf` is a leaf form.
#[inline]
pub unsafe extern "C" fn call_known_leaf(vm: *mut Vm, slot: *mut Slot, n: u32, wanted: u32, leaf: *const ()) -> u64 {
    // SAFETY: by contract.
    unsafe {
        if slot.add(2 + n as usize) > (*vm).limit {
            return 0;
        }
        let leaf = std::mem::transmute::<*const (), LeafFn>(leaf);
        let arguments = std::slice::from_raw_parts(slot.add(2), n as usize);
        u64::from((*vm).call_by_leaf(leaf, (*slot).as_ptr(), arguments, slot, wanted as u8))
    }
}

/// A round of a generic loop, see `Vm::iterate`; 0 when the iterator has to be called.
///
/// # Safety
/// Registers of the frame on top.
pub unsafe extern "C" fn iterate(vm: *mut Vm, f: *mut Slot, count: u32) -> u64 {
    // SAFETY: by contract.
    unsafe { u64::from((*vm).iterate(f, count as usize)) }
}

/// `#t` without metamethods.
///
/// # Safety
/// `t` is live.
pub unsafe extern "C" fn raw_len(t: *mut Table) -> i64 {
    // SAFETY: by contract.
    unsafe { table::len(t) }
}

/// `a ^ b` of floats.
pub extern "C" fn power(a: f64, b: f64) -> f64 {
    crate::arith::power(a, b)
}

/// `a % b` of floats.
pub extern "C" fn float_mod(a: f64, b: f64) -> f64 {
    crate::arith::float_mod(a, b)
}
