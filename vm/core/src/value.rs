//! Values as the stack holds them.
//!
//! A slot is two words, so that an integer, a float and a reference need no
//! boxing and no masking. Nothing here allocates or follows references.

/// Kinds of value, as the tag word of a [`Slot`] and the tag byte of table storage.
///
/// Everything below [`tag::TRUE`] is false in a condition; everything from
/// [`tag::STRING`] on is a reference to a heap object whose header has the same number as kind.
pub mod tag {
    /// `nil`; the payload is not looked at.
    pub const NIL: u64 = 0;
    /// `false`.
    pub const FALSE: u64 = 1;
    /// `true`.
    pub const TRUE: u64 = 2;
    /// A light userdata: a plain address.
    pub const LIGHT: u64 = 3;
    /// A 64-bit integer.
    pub const INT: u64 = 4;
    /// A double.
    pub const FLOAT: u64 = 5;
    /// A string; the first of the collectable tags.
    pub const STRING: u64 = 8;
    /// A table.
    pub const TABLE: u64 = 9;
    /// A Lua function.
    pub const CLOSURE: u64 = 10;
    /// A native function.
    pub const NATIVE: u64 = 11;
    /// A full userdata.
    pub const USERDATA: u64 = 12;
    /// A coroutine.
    pub const THREAD: u64 = 13;
    /// A variable captured by closures (never a value of the language).
    pub const UPVALUE: u64 = 14;
    /// Code of a function (never a value of the language).
    pub const PROTO: u64 = 15;
    /// Storage that belongs to another object (never a value of the language).
    pub const BUFFER: u64 = 16;
}

/// A value in a register, an upvalue or a constant.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Slot {
    /// The integer, the bits of the float, or the address of the object.
    pub payload: u64,
    /// One of [`tag`].
    pub tag: u64,
}

impl Slot {
    /// `nil`.
    pub const NIL: Slot = Slot { payload: 0, tag: tag::NIL };

    /// A boolean.
    #[inline(always)]
    pub const fn bool(value: bool) -> Slot {
        Slot { payload: 0, tag: if value { tag::TRUE } else { tag::FALSE } }
    }

    /// An integer.
    #[inline(always)]
    pub const fn int(value: i64) -> Slot {
        Slot { payload: value as u64, tag: tag::INT }
    }

    /// A float.
    #[inline(always)]
    pub const fn float(value: f64) -> Slot {
        Slot { payload: value.to_bits(), tag: tag::FLOAT }
    }

    /// A reference to a heap object of the kind that `tag` says.
    #[inline(always)]
    pub fn object<T>(object: *mut T, tag: u64) -> Slot {
        Slot { payload: object as u64, tag }
    }

    /// The integer, when the tag is [`tag::INT`].
    #[inline(always)]
    pub const fn as_int(self) -> i64 {
        self.payload as i64
    }

    /// The float, when the tag is [`tag::FLOAT`].
    #[inline(always)]
    pub const fn as_float(self) -> f64 {
        f64::from_bits(self.payload)
    }

    /// The address of the object, when the tag is a collectable one.
    #[inline(always)]
    pub const fn as_ptr<T>(self) -> *mut T {
        self.payload as *mut T
    }

    /// Whether a condition takes the value as false.
    #[inline(always)]
    pub const fn is_falsy(self) -> bool {
        self.tag < tag::TRUE
    }

    /// Whether this is `nil`.
    #[inline(always)]
    pub const fn is_nil(self) -> bool {
        self.tag == tag::NIL
    }

    /// Whether this is a value at all: between the registers of a frame that are in use
    /// there may be words of dead frames.
    #[inline(always)]
    pub const fn is_value(self) -> bool {
        self.tag <= tag::THREAD
    }

    /// Whether this refers to a heap object.
    #[inline(always)]
    pub const fn is_collectable(self) -> bool {
        self.tag >= tag::STRING
    }

    /// Whether this is an integer or a float.
    #[inline(always)]
    pub const fn is_number(self) -> bool {
        self.tag & !1 == tag::INT
    }
}
