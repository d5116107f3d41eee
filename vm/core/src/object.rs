//! Layouts of heap objects.
//!
//! Every object begins with a [`Header`] and is plain data inside heap blocks:
//! machine code, the collector and images read these layouts, so a change here
//! is a change to all of them. Behaviour lives elsewhere (`table`, `string`,
//! `stack`, `heap`).

use crate::value::Slot;

/// First word of every object.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Header {
    /// One of [`crate::value::tag`] from `STRING` on.
    pub kind: u8,
    /// Colour, see `heap`.
    pub mark: u8,
    /// Bits of [`flag`].
    pub flags: u8,
    /// Log of the size class (heap's business).
    pub class: u8,
    /// Table: shape id. String: hash. Closure, native, userdata: number of upvalues or user values.
    pub aux: u32,
}

/// Bits of [`Header::flags`].
pub mod flag {
    /// String: short and interned, so equal strings are the same object.
    pub const SHORT: u8 = 1;
    /// Table: serves as a metatable, so writes to its `__` keys are watched.
    pub const IS_META: u8 = 2;
    /// Table or userdata: has a finalizer and stands in the finalizer list.
    pub const FINALIZABLE: u8 = 4;
    /// Table: string keys live in the side hash (dictionary mode).
    pub const DICTIONARY: u8 = 8;
    /// Closure or native: wrapped by advice.
    pub const ADVISED: u8 = 16;
    /// String, long: its hash was computed.
    pub const HASHED: u8 = 32;
    /// Table: its array was trimmed, so keys that a traversal visited may lie beyond its room.
    pub const TRIMMED: u8 = 32;
}

/// A string; `len` bytes follow, then a NUL byte.
#[repr(C)]
pub struct Str {
    /// `aux` is the hash.
    pub header: Header,
    /// Length in bytes, without the NUL.
    pub len: u64,
}

impl Str {
    /// Address of the first byte.
    #[inline(always)]
    pub fn data(this: *const Str) -> *const u8 {
        this.wrapping_add(1).cast()
    }
}

/// A table. Array and property storage have 8-byte payloads growing upwards
/// from their pointer and 1-byte tags growing downwards from it: element `i`
/// has its payload at `p + 8 * i` and its tag at `p - 1 - i`.
#[repr(C)]
pub struct Table {
    /// `aux` is the shape id, `flags` have `IS_META`, `DICTIONARY`, `FINALIZABLE`.
    pub header: Header,
    /// Property storage: the values of the shape's keys, by slot.
    pub props: *mut u8,
    /// Array storage: values of the keys `1 ..= array_len`.
    pub array: *mut u8,
    /// Elements of the array part in use (some of them may be nil).
    pub array_len: u32,
    /// Elements that the array storage has room for.
    pub array_cap: u32,
    /// The metatable, or null.
    pub meta: *mut Table,
    /// Keys that are neither properties nor array items (layout in `table::hash`), or null.
    pub hash: *mut u8,
    /// Slots that the property storage has room for.
    pub props_cap: u32,
    /// Metamethods known to be absent when this table is a metatable, as in PUC's `flags`:
    /// bit `n` set says that event `n` (see `crate::meta::Event`) has no field here.
    pub absent_events: u32,
}

impl Table {
    /// The bit in `absent_events` that says that the table is equal to itself alone.
    pub const NO_EQ: u32 = 1 << crate::meta::Event::Eq as u32;
    /// The bit in `absent_events` that says that new keys are nobody's business.
    pub const NO_NEW_INDEX: u32 = 1 << crate::meta::Event::NewIndex as u32;
    /// The same for the length.
    pub const NO_LEN: u32 = 1 << crate::meta::Event::Len as u32;
}

/// A Lua function.
#[repr(C)]
pub struct Closure {
    /// `aux` is the number of upvalues.
    pub header: Header,
    /// Its code.
    pub proto: *mut ProtoObject,
    /// `aux` pointers to upvalues: right behind this struct, or in a buffer
    /// when a redefinition gave the function more upvalues.
    pub upvalues: *mut *mut Upvalue,
}

/// A variable that closures share.
#[repr(C)]
pub struct Upvalue {
    /// Plain.
    pub header: Header,
    /// Where the value is: a stack slot while open, `closed` afterwards.
    pub location: *mut Slot,
    /// The value once closed.
    pub closed: Slot,
    /// Next open upvalue of the same coroutine, further down the stack.
    pub next: *mut Upvalue,
}

/// A function written in Rust.
#[repr(C)]
pub struct Native {
    /// `aux` is the number of upvalues; that many slots follow.
    pub header: Header,
    /// Index into the table of natives of the VM.
    pub id: u64,
}

impl Native {
    /// Address of the first upvalue.
    #[inline(always)]
    pub fn upvalues(this: *mut Native) -> *mut Slot {
        this.wrapping_add(1).cast()
    }
}

/// A full userdata; `aux` user values follow.
#[repr(C)]
pub struct Userdata {
    /// `aux` is the number of user values.
    pub header: Header,
    /// The metatable, or null.
    pub meta: *mut Table,
    /// One more than the index of its host object (`Vm::hosts`), 0 when it has none.
    pub host: u64,
    /// Bytes that the host owns, charged to the heap.
    pub size: u64,
}

impl Userdata {
    /// Address of the first user value.
    #[inline(always)]
    pub fn values(this: *mut Userdata) -> *mut Slot {
        this.wrapping_add(1).cast()
    }
}

/// Code of a function, shared by its closures.
#[repr(C)]
pub struct ProtoObject {
    /// Plain.
    pub header: Header,
    /// First instruction word.
    pub code: *mut u32,
    /// Constants.
    pub constants: *const Slot,
    /// Inline caches.
    pub caches: *mut crate::cache::Cache,
    /// Child functions.
    pub children: *const *mut ProtoObject,
    /// Number of words in `code`.
    pub n_code: u32,
    /// Number of constants.
    pub n_constants: u32,
    /// Number of caches.
    pub n_caches: u32,
    /// Number of children.
    pub n_children: u32,
    /// Fixed parameters.
    pub params: u8,
    /// 1 when the function takes extra arguments.
    pub is_vararg: u8,
    /// Registers a frame needs.
    pub max_stack: u8,
    /// Number of upvalues.
    pub n_upvalues: u8,
    /// Calls and loop rounds left until the function is compiled.
    pub heat: u32,
    /// Machine code, or null.
    pub native: *const crate::tier::Installed,
    /// Where compiled code enters it by a call, or null.
    pub entry: *const u8,
    /// Everything cold: the decoded chunk, names, lines (a leaked `Box`, freed with the object).
    pub cold: *mut crate::proto::Cold,
}

/// A coroutine: a stack of frames. See `stack` for the frame layout.
#[repr(C)]
pub struct Thread {
    /// Plain.
    pub header: Header,
    /// First slot of the stack.
    pub stack: *mut Slot,
    /// Slots that the stack has room for.
    pub capacity: u32,
    /// Index of register 0 of the running (or suspended) frame; 0 when there is none.
    pub base: u32,
    /// One past the last slot in use.
    pub top: u32,
    /// Where the top frame goes on, when the coroutine is not running.
    pub pc: u32,
    /// Machine address at which the top frame goes on when its call of `resume` or `yield` is over, or 0; see `tier`.
    pub goes_on: u64,
    /// Whether that call is of `coroutine.resume`, which gives `true` before the values. Says something with an address only.
    pub in_resume: bool,
    /// Open upvalues, highest slot first.
    pub open: *mut Upvalue,
    /// The coroutine that resumed this one, or null.
    pub resumer: *mut Thread,
    /// To-be-closed variables: a buffer of stack indices, innermost last.
    pub tbc: *mut u32,
    /// Entries of `tbc` in use.
    pub tbc_len: u32,
    /// Entries that `tbc` has room for.
    pub tbc_cap: u32,
    /// One of `coroutine::Status`.
    pub status: u8,
    /// Hook state and other small things.
    pub flags: u8,
    /// Part of `native_calls` that was under way when the coroutine was resumed.
    pub outer_calls: u32,
    /// Calls that natives have under way, to limit recursion as PUC's `LUAI_MAXCCALLS` does.
    pub native_calls: u32,
    /// A function that bars what it calls from yielding may be under way, see `stack::flag::BARS`.
    pub may_bar: bool,
    /// Serial number, for people and protocols.
    pub serial: u64,
    /// Hook function (see `debug.sethook`), or nil.
    pub hook: Slot,
    /// Hook mask in the low 32 bits, count in the high ones.
    pub hook_state: u64,
    /// Code that created the coroutine, or null.
    pub birth: *mut ProtoObject,
    /// Index of the creating instruction in it.
    pub birth_pc: u32,
    /// Instruction before the one under way, for line events (PUC's `oldpc`).
    pub hook_pc: u32,
    /// Instructions until the next count event.
    pub hook_left: u32,
    /// Events of the instruction under way that have been dealt with.
    pub hook_seen: u8,
    /// First of the values that a call or return hook may look at, as a local's number.
    pub transfer_first: u32,
    /// How many such values there are.
    pub transfer_count: u32,
    /// Place in the heap's list of coroutines.
    pub listed: u32,
    /// Whether it is in the heap's list of coroutines with open variables.
    pub has_variables: bool,
}
