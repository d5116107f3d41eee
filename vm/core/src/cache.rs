//! Inline caches: what a site has seen, as plain data.
//!
//! One record stands for each cached instruction. Interpreter, compiled code
//! and feedback share it. The records hold no strong references: the collector
//! clears every record whose holder dies.

use crate::object::Table;

/// What a [`Cache`] says.
pub mod kind {
    /// Nothing yet.
    pub const EMPTY: u8 = 0;
    /// The receiver has the key in its own property `slot`.
    pub const OWN: u8 = 1;
    /// The receiver lacks the key and no `__index` leads to it.
    pub const ABSENT: u8 = 2;
    /// `holder`, found over `__index` tables, has the key in its property `slot`.
    pub const CHAIN: u8 = 3;
    /// Storing adds the key: the receiver goes from `shape` to `next_shape`.
    pub const ADD: u8 = 4;
    /// Too many shapes were seen.
    pub const MEGAMORPHIC: u8 = 5;
    /// The receiver is a string; `holder`, the table `__index` of strings, has the key in its property `slot`.
    pub const OF_STRING: u8 = 6;
}

/// [`Cache::next_shape`] of an `OWN` record that holds for nil as well, as long as the epoch
/// lasts: nothing along `__index` has the key, or there is no `__newindex`.
pub const REST_KNOWN: u32 = 1;

/// One record.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Cache {
    /// Shape id of the receiver; 0 never matches.
    pub shape: u32,
    /// Property slot in the receiver or the holder.
    pub slot: u16,
    /// One of [`kind`].
    pub kind: u8,
    /// Misses, to give up at some point.
    pub misses: u8,
    /// Shape id of the holder (`CHAIN`, `OF_STRING`), or the new shape (`ADD`), or [`REST_KNOWN`] (`OWN`).
    pub next_shape: u32,
    /// Metatable epoch at which the record was made (all but a plain `OWN`).
    pub epoch: u32,
    /// The table that has the key (`CHAIN`, `OF_STRING`).
    pub holder: *mut Table,
}

impl Cache {
    /// A record that never matches.
    pub const EMPTY: Cache = Cache {
        shape: 0,
        slot: 0,
        kind: kind::EMPTY,
        misses: 0,
        next_shape: 0,
        epoch: 0,
        holder: std::ptr::null_mut(),
    };
}
