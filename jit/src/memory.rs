//! Memory for code: one memory file, mapped twice, so that no page is writable and executable at once.
//!
//! `unsafe`: maps and writes raw memory. The bargain: a [`Block`] is written
//! once, through the writable view, before anybody has its address; it is
//! given back when it is dropped, and its owner sees to it that nothing runs in it then.
#![allow(unsafe_code)]

use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::io;
use std::ptr::null_mut;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes of address space for code; pages are taken from the system when they are first written.
const CAPACITY: usize = 256 << 20;
/// Blocks begin at multiples of this.
const ALIGNMENT: usize = 32;

/// Memory for code of one machine.
#[derive(Clone)]
pub struct Memory(Arc<Mutex<Space>>);

struct Space {
    writable: *mut u8,
    executable: *const u8,
    /// Bytes that were ever in use, from the start.
    end: usize,
    /// Free runs below `end`: offset and length.
    free: BTreeMap<usize, usize>,
}

// SAFETY: the views belong to the space alone and are the same on every thread.
unsafe impl Send for Space {}

/// Code that stays where it is.
pub struct Block {
    memory: Memory,
    offset: usize,
    length: usize,
}

impl Memory {
    /// Reserves address space.
    ///
    /// # Errors
    /// What the system says; some forbid executable memory.
    pub fn new() -> io::Result<Memory> {
        let file = memfd_create("perilune-code", MemfdFlags::CLOEXEC)?;
        ftruncate(&file, CAPACITY as u64)?;
        let map = |protection| {
            // SAFETY: the system chooses an address that is free.
            unsafe { mmap(null_mut(), CAPACITY, protection, MapFlags::SHARED, &file, 0) }
        };
        let writable = map(ProtFlags::READ | ProtFlags::WRITE)?;
        let executable = match map(ProtFlags::READ | ProtFlags::EXEC) {
            Ok(executable) => executable,
            Err(error) => {
                // SAFETY: nobody has seen the view.
                unsafe { munmap(writable, CAPACITY) }?;
                return Err(error.into());
            }
        };
        let space = Space { writable: writable.cast(), executable: executable.cast::<u8>().cast_const(), end: 0, free: BTreeMap::new() };
        Ok(Memory(Arc::new(Mutex::new(space))))
    }

    fn space(&self) -> MutexGuard<'_, Space> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts code into memory; `None` when there is no room.
    pub fn place(&self, code: &[u8]) -> Option<Block> {
        let mut space = self.space();
        let length = code.len().next_multiple_of(ALIGNMENT);
        let offset = space.take(length)?;
        // SAFETY: the run belongs to nobody else and lies within the view.
        unsafe { std::ptr::copy_nonoverlapping(code.as_ptr(), space.writable.add(offset), code.len()) };
        Some(Block { memory: self.clone(), offset, length })
    }
}

impl Space {
    /// The first free run that is long enough, or what was never used.
    fn take(&mut self, length: usize) -> Option<usize> {
        let found = self.free.iter().find(|(_, free)| **free >= length).map(|(offset, free)| (*offset, *free));
        if let Some((offset, free)) = found {
            self.free.remove(&offset);
            if free > length {
                self.free.insert(offset + length, free - length);
            }
            return Some(offset);
        }
        let offset = self.end;
        if CAPACITY - offset < length {
            return None;
        }
        self.end += length;
        Some(offset)
    }

    fn give_back(&mut self, mut offset: usize, mut length: usize) {
        if let Some(after) = self.free.remove(&(offset + length)) {
            length += after;
        }
        if let Some((&before, &free)) = self.free.range(..offset).next_back()
            && before + free == offset
        {
            self.free.remove(&before);
            (offset, length) = (before, length + free);
        }
        if offset + length == self.end {
            self.end = offset;
        } else {
            self.free.insert(offset, length);
        }
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        for view in [self.writable.cast::<c_void>(), self.executable.cast_mut().cast::<c_void>()] {
            // SAFETY: blocks keep the space alive, so there are none left.
            let _ = unsafe { munmap(view, CAPACITY) };
        }
    }
}

impl Block {
    /// Where the code runs.
    pub fn start(&self) -> *const u8 {
        self.memory.space().executable.wrapping_add(self.offset)
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.memory.space().give_back(self.offset, self.length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_readable_where_it_runs_and_its_memory_is_used_again() {
        let memory = Memory::new().expect("executable memory");
        let first = memory.place(&[1; 40]).expect("room");
        let second = memory.place(&[2; 10]).expect("room");
        let third = memory.place(&[3; 70]).expect("room");
        // SAFETY: placed above.
        assert_eq!(unsafe { *third.start() }, 3);
        let hole = first.start();
        drop(first);
        drop(second);
        let fourth = memory.place(&[4; 96]).expect("room");
        assert_eq!(fourth.start(), hole, "two neighbours became one run");
        drop((third, fourth));
        assert_eq!(memory.space().end, 0);
        assert!(memory.space().free.is_empty());
    }

    #[test]
    fn no_view_is_writable_and_executable() {
        let memory = Memory::new().expect("executable memory");
        let block = memory.place(&[0xc3]).expect("room");
        let maps = std::fs::read_to_string("/proc/self/maps").expect("the list of mappings");
        let rights: Vec<&str> = maps
            .lines()
            .filter(|line| line.contains("perilune-code"))
            .filter_map(|line| line.split_whitespace().nth(1))
            .collect();
        assert!(rights.contains(&"rw-s") && rights.contains(&"r-xs"), "{rights:?}");
        assert!(rights.iter().all(|rights| !rights.starts_with("rwx")), "{rights:?}");
        drop(block);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let memory = Memory::new().expect("executable memory");
        assert!(memory.place(&vec![0; CAPACITY + 1]).is_none());
        assert!(memory.place(&[0]).is_some());
    }
}
