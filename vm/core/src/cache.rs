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

/// Shapes that a site's code may tell apart.
pub const WAYS: usize = 4;

/// What a site has seen of the tables of several shapes. The records stay where they are, as code may have their
/// addresses, and are cleared as the site's own record is.
#[derive(Clone, Copy, Debug)]
pub struct Ways {
    records: [Cache; WAYS],
    n: u8,
}

impl Ways {
    /// Nothing seen.
    pub const NONE: Ways = Ways { records: [Cache::EMPTY; WAYS], n: 0 };
    /// [`Ways::n`] of a site that has seen more, or tables that have no shape.
    const MANY: u8 = WAYS as u8 + 1;

    /// A record for each shape, in the order in which they came; empty when there were too many.
    pub fn records(&self) -> &[Cache] {
        self.records.get(..usize::from(self.n)).unwrap_or(&[])
    }

    /// Whether there are more shapes than records, or tables without a shape.
    pub fn is_megamorphic(&self) -> bool {
        self.n == Ways::MANY
    }

    /// Takes note of a record, or that there can be none. A record that leads to a holder is followed by such alone, as code
    /// relies on it.
    pub(crate) fn note(&mut self, record: Option<Cache>) {
        let n = usize::from(self.n);
        match record {
            _ if self.is_megamorphic() => {}
            Some(record) => match self.records[..n].iter_mut().find(|known| known.shape == record.shape) {
                Some(known) if known.kind == kind::CHAIN && record.kind != kind::CHAIN => self.n = Ways::MANY,
                Some(known) => *known = record,
                None if n < WAYS => {
                    self.records[n] = record;
                    self.n += 1;
                }
                None => self.n = Ways::MANY,
            },
            None => self.n = Ways::MANY,
        }
    }

    /// The records, for the collector.
    pub(crate) fn records_mut(&mut self) -> &mut [Cache] {
        &mut self.records
    }
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
