//! Checking memory: every cell has one owner or is free, and the books are right.
//!
//! This module may use `unsafe`; the bargain is that of `collect`.
#![allow(unsafe_code)]

use std::collections::HashSet;

use crate::collect::sweep::large_size;
use crate::heap::block::{Cells, LARGE, LARGEST, SIZES, class_of};
use crate::heap::{Heap, raw_size};
use crate::object::{Closure, Header, ProtoObject, Thread, Upvalue, Userdata};
use crate::table;
use crate::value::{Slot, tag};

impl Heap {
    /// Accounts for every byte: cells of objects, what they own, and free cells.
    pub(super) fn verify_memory(&self, objects: &[*mut Header]) -> Result<(), String> {
        let (mut used, mut native) = (0, 0);
        let (mut cells, mut buffers) = (HashSet::new(), HashSet::new());
        for &object in objects {
            // SAFETY: objects in use, with live storage until they are swept.
            unsafe {
                if (*object).class == LARGE {
                    used += raw_size(large_size(object));
                } else {
                    used += SIZES[usize::from((*object).class)] as usize;
                    cells.insert(object as u64);
                }
                if u64::from((*object).kind) == tag::USERDATA {
                    used += (*object.cast::<Userdata>()).size as usize;
                }
                if u64::from((*object).kind) == tag::PROTO {
                    let cold = &*(*object.cast::<ProtoObject>()).cold;
                    used += cold.size();
                    native += cold.native_size();
                }
                for (buffer, bytes) in owned(object) {
                    used += raw_size(bytes);
                    if bytes <= LARGEST && !buffers.insert((class_of(bytes), buffer as u64)) {
                        return Err(format!("buffer {buffer:?} has two owners"));
                    }
                }
            }
        }
        let free = verify_free(&self.objects, "object")?;
        if let Some((_, cell)) = free.iter().find(|(_, cell)| cells.contains(cell)) {
            return Err(format!("object {cell:#x} is on a free list"));
        }
        let free = verify_free(&self.buffers, "buffer")?;
        if let Some((_, cell)) = free.iter().find(|cell| buffers.contains(cell)) {
            return Err(format!("buffer {cell:#x} is on a free list"));
        }
        self.verify_buffer_count(buffers.len() + free.len())?;
        let books = [("in use", used, self.used()), ("machine code", native, self.native_bytes())];
        match books.into_iter().find(|(_, found, noted)| found != noted) {
            None => Ok(()),
            Some((what, found, noted)) => Err(format!("{found} bytes are {what}, but {} are on the books", noted as isize)),
        }
    }

    fn verify_buffer_count(&self, found: usize) -> Result<(), String> {
        let cut = |block: &crate::heap::block::Block| block.carved as usize / SIZES[usize::from(block.class)] as usize;
        let all: usize = self.buffers.blocks.iter().map(cut).sum();
        match all == found + self.buffers.retired {
            true => Ok(()),
            false => Err(format!("{all} buffers were cut, but {found} are in use or free")),
        }
    }
}

/// Raw memory that belongs to an object, with its size.
unsafe fn owned(object: *mut Header) -> Vec<(*mut u8, usize)> {
    // SAFETY: by contract of the caller; the kind says which struct the header begins.
    let mut found = unsafe {
        match u64::from((*object).kind) {
            tag::TABLE => table::buffers(object.cast()),
            tag::CLOSURE => {
                let closure = object.cast::<Closure>();
                match (*closure).upvalues == closure.add(1).cast::<*mut Upvalue>() {
                    true => Vec::new(),
                    false => vec![((*closure).upvalues.cast(), (*object).aux as usize * 8)],
                }
            }
            tag::THREAD => {
                let thread = object.cast::<Thread>();
                let stack = (*thread).capacity as usize * size_of::<Slot>();
                vec![((*thread).stack.cast(), stack), ((*thread).tbc.cast(), (*thread).tbc_cap as usize * 4)]
            }
            _ => Vec::new(),
        }
    };
    found.retain(|(buffer, _)| !buffer.is_null());
    found
}

/// The free cells by class: each lies in a block of its class, at a multiple of its size, once.
fn verify_free(cells: &Cells, what: &str) -> Result<HashSet<(usize, u64)>, String> {
    let mut found = HashSet::new();
    for (class, cell) in cells.free_cells() {
        let size = SIZES[class] as usize;
        let fits = cells.blocks.iter().any(|block| {
            let offset = (cell as usize).wrapping_sub(block.start as usize);
            let inside = !block.start.is_null() && offset < block.carved as usize;
            inside && offset.is_multiple_of(size) && usize::from(block.class) == class
        });
        if !fits {
            return Err(format!("free {what} {cell:#x} of class {class} is in no block"));
        }
        if !found.insert((class, cell)) {
            return Err(format!("free {what} {cell:#x} is listed twice"));
        }
    }
    Ok(found)
}
