//! The side hash of a table: entries in order of insertion, and an index into them.
//!
//! This module may use `unsafe`: the buffer is raw storage of a table. The
//! bargain: `hash` is null or a buffer that [`create`] made, and only its
//! table refers to it. Layout: [`Head`], `capacity` entries, then `2 * capacity`
//! words holding entry + 1 by hash of the key.
//!
//! A removed entry keeps its key (with a nil value) until the next rebuild, so
//! that a traversal may remove what it visits.
#![allow(unsafe_code)]

use crate::heap::{Heap, OutOfMemory};
use crate::object::Str;
use crate::string::{is_short, str_eq};
use crate::value::{Slot, tag};

/// Tag of the key of a removed entry whose key object may be gone.
pub const DEAD_KEY: u64 = 17;

/// Start of the buffer.
#[repr(C)]
pub struct Head {
    /// Entries there is room for: a power of two.
    pub capacity: u32,
    /// Entries in use, removed ones included.
    pub used: u32,
    /// Upper bound of the entries with integer keys.
    pub int_keys: u32,
    padding: u32,
}

/// A key and its value.
#[repr(C)]
pub struct Entry {
    /// The key.
    pub key: Slot,
    /// The value; nil when removed.
    pub value: Slot,
}

/// Bytes of a buffer for `capacity` entries.
pub(super) fn bytes(capacity: u32) -> usize {
    size_of::<Head>() + capacity as usize * (size_of::<Entry>() + 8)
}

/// An empty buffer with room for `capacity` entries, a power of two.
pub fn create(heap: &mut Heap, capacity: u32) -> Result<*mut u8, OutOfMemory> {
    let buffer = heap.alloc_raw(bytes(capacity))?;
    // SAFETY: the buffer is new and has this size; the index must start out zero.
    unsafe {
        *buffer.cast::<Head>() = Head { capacity, used: 0, int_keys: 0, padding: 0 };
        std::ptr::write_bytes(index(buffer), 0, capacity as usize * 2);
    }
    Ok(buffer)
}

/// Frees a buffer; null is fine.
///
/// # Safety
/// `hash` is not used any more.
pub unsafe fn destroy(heap: &mut Heap, hash: *mut u8) {
    if !hash.is_null() {
        // SAFETY: the size is the one `create` asked for.
        unsafe { heap.free_raw(hash, bytes((*head(hash)).capacity)) };
    }
}

/// The head.
#[inline(always)]
pub fn head(hash: *mut u8) -> *mut Head {
    hash.cast()
}

/// Number of entries in use; 0 for null.
///
/// # Safety
/// See the module.
#[inline(always)]
pub unsafe fn used(hash: *mut u8) -> u32 {
    // SAFETY: not null, so a buffer.
    if hash.is_null() { 0 } else { unsafe { (*head(hash)).used } }
}

/// Entry `at`.
///
/// # Safety
/// `at` is below the capacity of the buffer.
#[inline(always)]
pub unsafe fn entry(hash: *mut u8, at: u32) -> *mut Entry {
    // SAFETY: within the buffer by contract.
    unsafe { hash.add(size_of::<Head>()).cast::<Entry>().add(at as usize) }
}

/// # Safety
/// `hash` is a buffer.
#[inline(always)]
unsafe fn index(hash: *mut u8) -> *mut u32 {
    // SAFETY: the index follows the entries.
    unsafe { entry(hash, (*head(hash)).capacity).cast() }
}

/// Hash of a normalised key.
///
/// # Safety
/// The key is live.
#[inline(always)]
pub unsafe fn hash_key(heap: &Heap, key: Slot) -> u32 {
    if key.tag == tag::STRING {
        // SAFETY: live by contract.
        return unsafe { heap.hash_of(key.as_ptr::<Str>()) };
    }
    let mixed = (key.payload ^ key.tag << 56).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 32) as u32
}

/// The entry with a normalised key, removed or not.
///
/// # Safety
/// `hash` is null or a buffer, the key live.
#[inline(always)]
pub unsafe fn find(hash: *mut u8, key: Slot, code: u32) -> Option<u32> {
    if hash.is_null() {
        return None;
    }
    // SAFETY: live by contract.
    let by_content = key.tag == tag::STRING && unsafe { !is_short(key.as_ptr()) };
    // SAFETY: entries named by the index are in use; keys with a string tag are live strings.
    unsafe {
        probe(hash, code, |own| {
            if by_content {
                own.tag == tag::STRING && str_eq(own.as_ptr(), key.as_ptr())
            } else {
                own.payload == key.payload && own.tag == key.tag
            }
        })
    }
}

/// As [`find`], but finds keys by address that the collector has given up.
///
/// # Safety
/// As for [`find`].
pub unsafe fn find_dead(hash: *mut u8, key: Slot, code: u32) -> Option<u32> {
    if hash.is_null() || !key.is_collectable() {
        return None;
    }
    // SAFETY: as in `find`; dead keys are only compared by address.
    unsafe { probe(hash, code, |own| own.payload == key.payload && own.tag == DEAD_KEY) }
}

/// # Safety
/// `hash` is a buffer.
#[inline(always)]
unsafe fn probe(hash: *mut u8, code: u32, is_it: impl Fn(Slot) -> bool) -> Option<u32> {
    // SAFETY: positions are masked to the size of the index, which has empty places.
    unsafe {
        let mask = (*head(hash)).capacity as usize * 2 - 1;
        let index = index(hash);
        let mut at = code as usize & mask;
        loop {
            let found = (*index.add(at)).checked_sub(1)?;
            if is_it((*entry(hash, found)).key) {
                return Some(found);
            }
            at = (at + 1) & mask;
        }
    }
}

/// Adds an entry whose key is not there.
///
/// # Safety
/// `hash` is a buffer with `used < capacity`, the key normalised.
pub unsafe fn insert(hash: *mut u8, key: Slot, code: u32, value: Slot) {
    // SAFETY: there is room by contract, so the index has an empty place too.
    unsafe {
        let head = head(hash);
        let mask = (*head).capacity as usize * 2 - 1;
        let index = index(hash);
        let mut at = code as usize & mask;
        while *index.add(at) != 0 {
            at = (at + 1) & mask;
        }
        let slot = (*head).used;
        *index.add(at) = slot + 1;
        (*head).used = slot + 1;
        (*head).int_keys += u32::from(key.tag == tag::INT);
        let entry = entry(hash, slot);
        (*entry).key = key;
        (*entry).value = value;
    }
}
