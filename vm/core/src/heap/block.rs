//! Cells of fixed sizes, cut from blocks.
//!
//! This module may use `unsafe`: it hands out raw memory. The bargain: a cell
//! is either in use by exactly one owner or on exactly one free list, and a
//! free cell has a zero byte where an object has its kind.
#![allow(unsafe_code)]

use super::huge::{HUGE, prefer_huge_pages};
use super::sanitize::{RETIRES, forbid, permit};
use std::alloc::{Layout, alloc, dealloc};

/// Size of a block, but for the first ones of a class.
pub const BLOCK: usize = 256 * 1024;
/// Size of the first block of a class; each further one is four times as large as the one before.
/// So a small program needs few pages, and no mapping of its own for any class.
const FIRST_BLOCK: usize = 1024;
/// So many blocks of full size come one by one; further ones by eights, from memory that takes huge pages.
const SINGLE_BLOCKS: usize = 8;
/// Blocks of full size in a region.
const PER_REGION: usize = HUGE / BLOCK;
/// Idle blocks that go back to the system in a step of the sweeper.
const RELEASED_AT_ONCE: usize = 4;
/// Cells of up to this size do not straddle cache lines more often than they must.
const ALIGNMENT: usize = 64;
/// Largest cell; what is bigger gets memory of its own.
pub const LARGEST: usize = 8192;
/// Number of size classes.
pub const N_CLASSES: usize = 36;
/// Class of objects that have memory of their own.
pub const LARGE: u8 = 255;
const NONE: u32 = u32::MAX;
/// Bytes that are cut into cells at a time.
const CARVE: usize = 4096;

/// The class whose cells hold `size` bytes, at most [`LARGEST`]: steps of 16
/// bytes up to 256, then four steps per doubling.
#[inline(always)]
pub const fn class_of(size: usize) -> usize {
    if size <= 256 {
        size.div_ceil(16) - (size != 0) as usize
    } else {
        let last = size - 1;
        let top = (usize::BITS - 1 - last.leading_zeros()) as usize;
        16 + (top - 8) * 4 + ((last >> (top - 2)) & 3)
    }
}

/// Bytes of a cell of each class.
pub const SIZES: [u32; N_CLASSES] = {
    let mut sizes = [0; N_CLASSES];
    let mut class = 0;
    while class < N_CLASSES {
        sizes[class] = if class < 16 {
            (class as u32 + 1) * 16
        } else {
            (5 + (class as u32 - 16) % 4) << (6 + (class as u32 - 16) / 4)
        };
        class += 1;
    }
    sizes
};

/// A free cell.
#[repr(C)]
pub struct FreeCell {
    /// Where an object has its header; zero.
    pub header: u64,
    /// The next one.
    pub next: *mut FreeCell,
}

/// A block of cells of one class.
pub struct Block {
    /// First byte; null when the block was given back.
    pub start: *mut u8,
    /// Class of its cells.
    pub class: u8,
    /// Bytes that were cut into cells so far.
    pub carved: u32,
    /// Whether cells were given out since the last sweep.
    pub is_young: bool,
    size: u32,
    /// The region that it is a part of, or [`NONE`].
    region: u32,
    free: *mut FreeCell,
}

/// Memory of eight blocks of full size.
struct Region {
    /// First byte; null when it was given back.
    start: *mut u8,
    /// The blocks that are in use, as a set of bits.
    used: u8,
}

/// The regions of one use.
#[derive(Default)]
struct Regions {
    all: Vec<Region>,
    /// Those in which a block is free, or that were given back; some may be listed that are full.
    open: Vec<u32>,
}

/// What is known of the blocks of a class. It has a place of its own, so that cells can be moved cheaply.
struct Class {
    /// The block that the free cells come from.
    current: u32,
    carving: u32,
    /// Size of the next block.
    next_size: u32,
    available: Vec<u32>,
}

/// All blocks of one use (objects, or buffers).
pub struct Cells {
    /// Free cells by class, as lists.
    pub(crate) free: [*mut FreeCell; N_CLASSES],
    classes: Box<[Class; N_CLASSES]>,
    /// The blocks.
    pub blocks: Vec<Block>,
    vacant: Vec<u32>,
    regions: Regions,
    /// Blocks of full size, spare ones included.
    n_full: usize,
    /// Blocks of full size that no class has, to be used again: the first byte and the region of each.
    spare: Vec<(*mut u8, u32)>,
    /// The fewest that there were since [`Cells::note_idle`].
    fewest_spare: usize,
    /// How many are to go back to the system.
    idle: usize,
    /// Cells given back that are kept out of use.
    pub(crate) retired: usize,
}

impl Regions {
    fn layout() -> Layout {
        Layout::from_size_align(HUGE, HUGE).expect("a power of two")
    }

    /// A block of full size and the region it is a part of; null when the system has no memory.
    fn take(&mut self) -> (*mut u8, u32) {
        while let Some(&index) = self.open.last() {
            let region = &mut self.all[index as usize];
            if region.start.is_null() && !region.allocate() {
                return (std::ptr::null_mut(), NONE);
            }
            let place = region.used.trailing_ones() as usize;
            if place < PER_REGION {
                region.used |= 1 << place;
                return (region.start.wrapping_add(place * BLOCK), index);
            }
            self.open.pop();
        }
        self.open.push(self.all.len() as u32);
        self.all.push(Region { start: std::ptr::null_mut(), used: 0 });
        self.take()
    }

    /// Gives a block back, and its region when that was the last one.
    ///
    /// # Safety
    /// The block came from [`Regions::take`] with this region and is not used any more.
    unsafe fn give(&mut self, block: *mut u8, index: u32) {
        let region = &mut self.all[index as usize];
        if region.used == u8::MAX {
            self.open.push(index);
        }
        region.used &= !(1 << ((block as usize - region.start as usize) / BLOCK));
        if region.used == 0 {
            // SAFETY: it came from `alloc` with this layout, and no block of it is in use.
            unsafe { dealloc(region.start, Regions::layout()) };
            region.start = std::ptr::null_mut();
        }
    }
}

impl Region {
    fn allocate(&mut self) -> bool {
        // SAFETY: the layout has a size.
        self.start = unsafe { alloc(Regions::layout()) };
        prefer_huge_pages(self.start, HUGE);
        !self.start.is_null()
    }
}

/// Has the processor bring a cell near before it is asked for: a list goes through memory that nobody has used lately.
#[inline(always)]
fn fetch(cell: *const FreeCell) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, for any address.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(cell.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = cell;
}

fn block_layout(size: u32) -> Layout {
    Layout::from_size_align(size as usize, ALIGNMENT).expect("sizes of blocks are small")
}

impl Class {
    fn new(class: usize) -> Class {
        Class { current: NONE, carving: NONE, next_size: SIZES[class].max(FIRST_BLOCK as u32), available: Vec::new() }
    }
}

impl Cells {
    /// No blocks yet.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Cells {
        Cells {
            free: [std::ptr::null_mut(); N_CLASSES],
            classes: Box::new(std::array::from_fn(Class::new)),
            blocks: Vec::new(),
            vacant: Vec::new(),
            regions: Regions::default(),
            n_full: 0,
            spare: Vec::new(),
            fewest_spare: 0,
            idle: 0,
            retired: 0,
        }
    }

    /// A cell, or null when the system has no memory.
    #[inline(always)]
    pub fn take(&mut self, class: usize) -> *mut u8 {
        let cell = self.free[class];
        if cell.is_null() {
            return self.refill(class);
        }
        // SAFETY: cells on a free list are free and ours.
        let next = unsafe { (*cell).next };
        fetch(next);
        self.free[class] = next;
        cell.cast()
    }

    /// Puts a cell back (for buffers; cells of objects come back by [`Cells::attach`]).
    ///
    /// # Safety
    /// The cell came from `take` with this class and is no longer used.
    #[inline(always)]
    pub unsafe fn give(&mut self, cell: *mut u8, class: usize) {
        if RETIRES {
            self.retired += 1;
            // SAFETY: the cell has so many bytes.
            return unsafe { forbid(cell, SIZES[class] as usize) };
        }
        let cell = cell.cast::<FreeCell>();
        // SAFETY: by contract the cell is ours to write to.
        unsafe {
            (*cell).header = 0;
            (*cell).next = self.free[class];
        }
        self.free[class] = cell;
    }

    #[cold]
    fn refill(&mut self, class: usize) -> *mut u8 {
        while let Some(index) = self.classes[class].available.pop() {
            let block = &mut self.blocks[index as usize];
            let usable = !block.start.is_null() && usize::from(block.class) == class;
            if usable && !block.free.is_null() {
                self.free[class] = std::mem::replace(&mut block.free, std::ptr::null_mut());
                block.is_young = true;
                self.classes[class].current = index;
                return self.take(class);
            }
        }
        if !self.carve(class) {
            return std::ptr::null_mut();
        }
        self.take(class)
    }

    fn carve(&mut self, class: usize) -> bool {
        let size = SIZES[class] as usize;
        let mut index = self.classes[class].carving;
        let is_full = |block: &Block| block.carved as usize + size > block.size as usize;
        if index == NONE || is_full(&self.blocks[index as usize]) {
            index = self.add_block(class);
            if index == NONE {
                return false;
            }
            self.classes[class].carving = index;
        }
        let block = &mut self.blocks[index as usize];
        let from = block.carved as usize;
        let count = (CARVE / size).max(1).min((block.size as usize - from) / size);
        let mut next = std::ptr::null_mut();
        for cell in (0..count).rev() {
            // SAFETY: `from + count * size` stays within the block, which nobody else uses there.
            unsafe {
                let cell = block.start.add(from + cell * size).cast::<FreeCell>();
                (*cell).header = 0;
                (*cell).next = next;
                next = cell;
                forbid(cell.add(1).cast(), size - size_of::<FreeCell>());
            }
        }
        block.carved = (from + count * size) as u32;
        block.is_young = true;
        self.free[class] = next;
        self.classes[class].current = index;
        true
    }

    fn add_block(&mut self, class: usize) -> u32 {
        let size = self.classes[class].next_size;
        let is_full = size as usize == BLOCK;
        let spare = if is_full { self.spare.pop() } else { None };
        let (start, region) = if let Some(block) = spare {
            self.fewest_spare = self.fewest_spare.min(self.spare.len());
            block
        } else if is_full && self.n_full >= SINGLE_BLOCKS {
            self.regions.take()
        } else {
            // SAFETY: the layout has a size.
            (unsafe { alloc(block_layout(size)) }, NONE)
        };
        if start.is_null() {
            return NONE;
        }
        self.n_full += usize::from(is_full && spare.is_none());
        let block =
            Block { start, class: class as u8, carved: 0, is_young: true, size, region, free: std::ptr::null_mut() };
        self.classes[class].next_size = (size * 4).min(BLOCK as u32);
        match self.vacant.pop() {
            Some(index) => {
                self.blocks[index as usize] = block;
                index
            }
            None => {
                self.blocks.push(block);
                self.blocks.len() as u32 - 1
            }
        }
    }

    /// Addresses of the free cells, by class. A list that runs in a circle ends where
    /// there could be no further cells.
    pub(crate) fn free_cells(&self) -> Vec<(usize, u64)> {
        let blocks = self.blocks.iter().filter(|block| !block.start.is_null());
        let lists = blocks.map(|block| (usize::from(block.class), block.free));
        let mut found = Vec::new();
        for (class, mut cell) in lists.chain(self.free.iter().copied().enumerate()) {
            let mut left = self.blocks.len() * BLOCK / SIZES[class] as usize + 1;
            while !cell.is_null() && left > 0 {
                found.push((class, cell as u64));
                // SAFETY: cells on a free list are free and ours.
                cell = unsafe { (*cell).next };
                left -= 1;
            }
        }
        found
    }

    /// Takes the free cells of a block off the allocator's lists, before a sweep rebuilds them.
    pub fn detach(&mut self, index: usize) {
        let block = &mut self.blocks[index];
        block.free = std::ptr::null_mut();
        block.is_young = false;
        let class = usize::from(block.class);
        if self.classes[class].current == index as u32 {
            self.classes[class].current = NONE;
            self.free[class] = std::ptr::null_mut();
        }
    }

    /// Takes the memory out of a block: the first byte, the size and the region.
    fn empty(&mut self, index: usize) -> (*mut u8, u32, u32) {
        let block = &mut self.blocks[index];
        block.carved = 0;
        (std::mem::replace(&mut block.start, std::ptr::null_mut()), block.size, block.region)
    }

    /// Gives the memory of a block back.
    ///
    /// # Safety
    /// The memory has this size and region, and no cell of it is in use or listed.
    unsafe fn give_back(&mut self, start: *mut u8, size: u32, region: u32) {
        // SAFETY: the block came from `alloc` with this layout, or from its region.
        unsafe {
            permit(start, size as usize);
            match region {
                NONE => dealloc(start, block_layout(size)),
                region => self.regions.give(start, region),
            }
        }
        self.n_full -= usize::from(size as usize == BLOCK);
    }

    /// From now on spare blocks that were not needed since the last time are idle.
    pub fn note_idle(&mut self) {
        self.idle = self.fewest_spare;
        self.fewest_spare = self.spare.len();
    }

    /// Gives the memory of some idle blocks back.
    #[inline]
    pub fn release_idle(&mut self) {
        if self.idle > 0 {
            let count = self.idle.min(RELEASED_AT_ONCE);
            self.idle -= count;
            self.release_spare(count);
        }
    }

    /// Gives the memory of so many spare blocks back, if there are as many.
    pub fn release_spare(&mut self, count: usize) {
        for _ in 0..count.min(self.spare.len()) {
            let (start, region) = self.spare.swap_remove(0);
            // SAFETY: nobody uses spare blocks.
            unsafe { self.give_back(start, BLOCK as u32, region) };
        }
        self.fewest_spare = self.fewest_spare.min(self.spare.len());
    }

    /// Gives a swept block its list of free cells; a block with nothing else becomes spare, or goes back to the system
    /// when it is small.
    pub fn attach(&mut self, index: usize, free: *mut FreeCell, n_free: usize) {
        let block = &mut self.blocks[index];
        let class = usize::from(block.class);
        let n_cells = block.carved as usize / SIZES[class] as usize;
        if n_free == n_cells && self.classes[class].carving != index as u32 {
            let (start, size, region) = self.empty(index);
            if size as usize == BLOCK && !RETIRES {
                self.spare.push((start, region));
            } else {
                // SAFETY: all cells are free, and none is listed since `detach`.
                unsafe { self.give_back(start, size, region) };
            }
            self.vacant.push(index as u32);
            return;
        }
        if RETIRES {
            return;
        }
        block.free = free;
        if !free.is_null() {
            self.classes[class].available.push(index as u32);
        }
    }
}

impl Drop for Cells {
    fn drop(&mut self) {
        self.release_spare(usize::MAX);
        for index in 0..self.blocks.len() {
            if !self.blocks[index].start.is_null() {
                let (start, size, region) = self.empty(index);
                // SAFETY: nobody can reach the cells any more.
                unsafe { self.give_back(start, size, region) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_grow_and_are_cut_into_cells_of_their_own() {
        for class in [0, 3, 20, N_CLASSES - 1] {
            let mut cells = Cells::new();
            let size = SIZES[class] as usize;
            let wanted = 2 * BLOCK / size;
            let mut taken: Vec<usize> = (0..wanted).map(|_| cells.take(class) as usize).collect();
            taken.sort_unstable();
            assert!(taken.windows(2).all(|pair| pair[1] - pair[0] >= size), "cells of {size} bytes overlap");
            let within = |cell: &usize| {
                let blocks = cells.blocks.iter();
                blocks.clone().any(|b| *cell >= b.start as usize && cell + size <= b.start as usize + b.size as usize)
            };
            assert!(taken.iter().all(within), "a cell of {size} bytes leaves its block");
            assert_eq!(cells.blocks[0].size as usize, FIRST_BLOCK.max(size));
            assert!(cells.blocks.iter().any(|block| block.size as usize == BLOCK));
        }
    }

    /// What a sweep does that finds nothing alive, in cells of the largest size.
    fn sweep(cells: &mut Cells) {
        for index in 0..cells.blocks.len() {
            if !cells.blocks[index].start.is_null() {
                cells.detach(index);
                let n_cells = cells.blocks[index].carved as usize / LARGEST;
                cells.attach(index, std::ptr::null_mut(), n_cells);
            }
        }
    }

    #[test]
    fn blocks_of_regions_come_back() {
        let mut cells = Cells::new();
        let class = class_of(LARGEST);
        let per_block = BLOCK / LARGEST;
        let mut taken: Vec<usize> = Vec::new();
        for _ in 0..3 {
            let wanted = (SINGLE_BLOCKS + 5 * PER_REGION) * per_block;
            while taken.len() < wanted {
                let cell = cells.take(class);
                // SAFETY: the cell is ours, and so large.
                unsafe { std::ptr::write_bytes(cell, 1, LARGEST) };
                taken.push(cell as usize);
            }
            taken.sort_unstable();
            assert!(taken.windows(2).all(|pair| pair[1] - pair[0] >= LARGEST));
            let live = |cells: &Cells| cells.regions.all.iter().filter(|region| !region.start.is_null()).count();
            assert!((5..=6).contains(&live(&cells)), "{} regions", live(&cells));
            sweep(&mut cells);
            assert!((5..=6).contains(&live(&cells)), "spare blocks stay");
            taken.clear();
            // Half of them are needed again, the others are not.
            cells.note_idle();
            taken.extend((0..wanted / 2).map(|_| cells.take(class) as usize));
            cells.note_idle();
            (0..wanted / per_block).for_each(|_| cells.release_idle());
            assert!((3..=4).contains(&live(&cells)), "{} regions with half of the blocks", live(&cells));
            sweep(&mut cells);
            cells.release_spare(usize::MAX);
            assert!(live(&cells) <= 1, "{} regions are left", live(&cells));
            taken.clear();
        }
    }

    #[test]
    fn every_size_fits_its_class_and_no_smaller_one() {
        for size in 1..=LARGEST {
            let class = class_of(size);
            assert!(SIZES[class] as usize >= size, "{size}");
            assert!(class == 0 || (SIZES[class - 1] as usize) < size, "{size}");
        }
    }
}
