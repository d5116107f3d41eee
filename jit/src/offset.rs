//! Where machine code finds the parts of objects, in bytes from their first.

use perilune_vm::object::{Header, Native, Table, Thread};
use std::mem::offset_of;

/// An object's mark.
pub const MARK: i32 = (offset_of!(Table, header) + offset_of!(Header, mark)) as i32;
/// A table's shape.
pub const SHAPE: i32 = (offset_of!(Table, header) + offset_of!(Header, aux)) as i32;
/// The address of a table's properties.
pub const PROPS: i32 = offset_of!(Table, props) as i32;
/// How many there is room for, 32 bits.
pub const PROPS_CAP: i32 = offset_of!(Table, props_cap) as i32;
/// The address of a table's array.
pub const ARRAY: i32 = offset_of!(Table, array) as i32;
/// Its length, 32 bits.
pub const ARRAY_LEN: i32 = offset_of!(Table, array_len) as i32;
/// How many items there is room for, 32 bits.
pub const ARRAY_CAP: i32 = offset_of!(Table, array_cap) as i32;
/// The address of a table's other keys, or 0.
pub const HASH: i32 = offset_of!(Table, hash) as i32;
/// The address of a table's metatable, or 0.
pub const META: i32 = offset_of!(Table, meta) as i32;
/// The events that a metatable is known to lack, 32 bits.
pub const ABSENT_EVENTS: i32 = offset_of!(Table, absent_events) as i32;
/// The number of a native, 64 bits.
pub const ID: i32 = offset_of!(Native, id) as i32;
/// The first upvalue of a native.
pub const UPVALUE: i32 = size_of::<Native>() as i32;
/// Calls that natives have under way in a coroutine, 32 bits.
pub const NATIVE_CALLS: i32 = offset_of!(Thread, native_calls) as i32;
