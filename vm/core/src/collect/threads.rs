//! Marking on several threads, in collections of everything when the heap is large.
//!
//! Nothing else of the machine runs meanwhile. A worker takes an object by changing its mark in one step; from then on
//! the object's parts are that worker's to look at. What takes more than to follow references (coroutines, weak
//! tables, arrays that are to shrink) and all lists of the collector are left to its own thread, which goes on with
//! what it finds until there is enough for several again.
//!
//! This module may use `unsafe`; the bargain is that of `collect`, and: marks are changed by atomic operations only,
//! shapes and properties are only read, an entry of a hash is written by the worker alone that has taken its table.
#![allow(unsafe_code)]

use super::Roots;
use super::prefetch::{self, Queue};
use super::trace::follow;
use crate::heap::{BLACK, GREY, Heap};
use crate::meta::Event;
use crate::object::{Header, Table};
use crate::table::{self, clear_entry, hash_entry, hash_used, load};
use crate::value::{Slot, tag};
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes in use from which it pays: below, threads take as long to start as they save.
const LARGE: usize = 64 << 20;
/// Threads that marking uses at most, unless told otherwise: memory has no room for more.
const THREADS_MAX: usize = 4;
/// Objects that the collector traces by itself first: perhaps there are no more.
const ALONE: usize = 4096;
/// Objects and parts of big ones between two looks at whether another worker has nothing to do.
const PART: usize = 1024;
/// Grey objects of which a worker gives the half away.
const SHARED_FROM: usize = 64;

/// When marking uses threads.
#[derive(Clone, Copy, Default)]
pub(crate) struct Threads {
    /// How many; 0 to find out.
    pub(crate) count: usize,
    /// For tests: always, on two threads.
    pub(crate) always: bool,
}

/// An object on its way from one thread to another.
struct Grey(*mut Header);

// SAFETY: the receiver alone traces it, see the head of the module.
unsafe impl Send for Grey {}

/// What the workers share.
struct Shared {
    pool: Mutex<Pool>,
    /// How many wait for work, as a hint.
    hungry: AtomicUsize,
    workers: usize,
}

#[derive(Default)]
struct Pool {
    bundles: Vec<Vec<Grey>>,
    hungry: usize,
}

impl Shared {
    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The heap, whose shapes and strings workers read.
#[derive(Clone, Copy)]
struct Source(*const Heap);

// SAFETY: the heap is only read while workers are at it, and its owner waits for them.
unsafe impl Send for Source {}

/// What a worker leaves to the collector.
struct Left {
    /// Grey objects.
    objects: Vec<Grey>,
    /// Shapes of tables, as bits by number.
    shapes: Vec<u64>,
}

struct Worker<'a> {
    heap: &'a Heap,
    shared: &'a Shared,
    unreached: u8,
    grey: Vec<*mut Header>,
    referred: Queue<16>,
    traced_next: Queue<8>,
    left: Left,
    /// The metatable that was asked about last, and whether its tables hold on to what they refer to.
    meta: (*mut Table, bool),
    /// Parts since the last look at the others.
    parts: usize,
}

impl Heap {
    /// Does most of what is to be marked on several threads, if the heap is large.
    pub(super) fn mark_on_threads(&mut self, roots: &mut dyn Roots) {
        let Threads { count, always } = self.gc.threads_used;
        if !always && self.used() < LARGE {
            return;
        }
        let (count, alone) = match count {
            _ if always => (2, 0),
            0 => (std::thread::available_parallelism().map_or(1, |n| n.get().min(THREADS_MAX)), ALONE),
            count => (count, ALONE),
        };
        if count < 2 {
            return;
        }
        loop {
            let (mut bundle, mut traced) = (Vec::new(), 0);
            while let Some(object) = self.next_grey() {
                // SAFETY: marked objects are live.
                let (is_for_all, is_big) = unsafe { (self.is_for_all(object), table::is_big(object)) };
                if is_for_all && (is_big || traced >= alone) {
                    bundle.push(Grey(object));
                } else {
                    self.trace(object, roots);
                    traced += 1;
                }
            }
            if bundle.is_empty() {
                return;
            }
            self.round_on_threads(count, bundle);
        }
    }

    /// Whether any worker may trace a grey object; a table is made fit for it.
    unsafe fn is_for_all(&mut self, object: *mut Header) -> bool {
        // SAFETY: live by contract; the kind says which struct the header begins.
        unsafe {
            match u64::from((*object).kind) {
                tag::TABLE => {
                    let t = object.cast::<Table>();
                    if self.gc.trims {
                        table::trim(self, t);
                    }
                    !(self.gc.trims && table::would_trim(t)) && is_strong(self, (*t).meta)
                }
                kind => kind != tag::THREAD,
            }
        }
    }

    /// Follows references from the grey objects until workers can go no further.
    fn round_on_threads(&mut self, count: usize, grey: Vec<Grey>) {
        let pool = Mutex::new(Pool { bundles: vec![grey], hungry: 0 });
        let left = run(count, Source(self), &Shared { pool, hungry: AtomicUsize::new(0), workers: count });
        for Left { objects, shapes } in left {
            for (word, bits) in shapes.into_iter().enumerate() {
                let mut bits = bits;
                while bits != 0 {
                    self.shapes.touch(word as u32 * 64 + bits.trailing_zeros());
                    bits &= bits - 1;
                }
            }
            self.gc.grey.extend(objects.into_iter().map(|Grey(object)| object));
        }
    }
}

/// Whether tables with a metatable, which may be null, hold on to all they refer to; false also when that is hard to tell.
unsafe fn is_strong(heap: &Heap, meta: *mut Table) -> bool {
    // SAFETY: the metatable is live and only read: the entries of a hash may be written to by the worker that has it.
    unsafe {
        meta.is_null()
            || !table::is_dictionary(meta)
                && table::get_str(heap, meta, heap.event_names[Event::Mode as usize]).is_nil()
    }
}

fn run(count: usize, source: Source, shared: &Shared) -> Vec<Left> {
    std::thread::scope(|scope| {
        let started: Vec<_> = (1..count)
            .filter_map(|_| {
                let work = move || Worker::new(source, shared).run();
                // One thread fewer is no reason to fail.
                match std::thread::Builder::new().name("perilune-mark".into()).spawn_scoped(scope, work) {
                    Ok(handle) => Some(handle),
                    Err(_) => {
                        shared.pool().hungry += 1;
                        None
                    }
                }
            })
            .collect();
        let mut left = vec![Worker::new(source, shared).run()];
        for handle in started {
            match handle.join() {
                Ok(done) => left.push(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        left
    })
}

impl<'a> Worker<'a> {
    fn new(source: Source, shared: &'a Shared) -> Worker<'a> {
        // SAFETY: the heap outlives the workers, whose owner has it, and is not written to meanwhile.
        let heap: &'a Heap = unsafe { &*source.0 };
        Worker {
            heap,
            shared,
            unreached: heap.gc.unreached,
            grey: Vec::new(),
            referred: Queue::new(),
            traced_next: Queue::new(),
            left: Left { objects: Vec::new(), shapes: Vec::new() },
            meta: (std::ptr::null_mut(), true),
            parts: 0,
        }
    }

    fn run(mut self) -> Left {
        loop {
            if let Some(object) = self.next() {
                self.trace(object);
                self.count_parts(1);
            } else if !self.wait_for_work() {
                return self.left;
            }
        }
    }

    #[inline(always)]
    fn next(&mut self) -> Option<*mut Header> {
        loop {
            if let Some(object) = self.grey.pop() {
                // SAFETY: marked objects are live.
                unsafe { prefetch::prefetch_parts(object) };
                if let Some(first) = self.traced_next.exchange(object) {
                    return Some(first);
                }
            } else if let Some(object) = self.traced_next.take() {
                return Some(object);
            } else {
                let object = self.referred.take()?;
                self.reach(object);
            }
        }
    }

    /// Takes objects from the pool; false when all workers are done.
    fn wait_for_work(&mut self) -> bool {
        let mut waits = false;
        loop {
            let mut pool = self.shared.pool();
            if let Some(bundle) = pool.bundles.pop() {
                pool.hungry -= usize::from(waits);
                self.shared.hungry.store(pool.hungry, Ordering::Relaxed);
                self.grey.extend(bundle.into_iter().map(|Grey(object)| object));
                return true;
            }
            pool.hungry += usize::from(!waits);
            waits = true;
            self.shared.hungry.store(pool.hungry, Ordering::Relaxed);
            if pool.hungry == self.shared.workers {
                return false;
            }
            drop(pool);
            std::thread::yield_now();
        }
    }

    #[inline(always)]
    fn count_parts(&mut self, parts: usize) {
        self.parts += parts;
        if self.parts >= PART {
            self.parts = 0;
            self.share();
        }
    }

    /// Gives the older half of the grey objects away when another worker has none.
    #[inline(never)]
    fn share(&mut self) {
        if self.grey.len() < SHARED_FROM || self.shared.hungry.load(Ordering::Relaxed) == 0 {
            return;
        }
        let half = self.grey.len() / 2;
        let bundle = self.grey.drain(..half).map(Grey).collect();
        self.shared.pool().bundles.push(bundle);
    }

    /// Marks an object that is referred to, a little later.
    #[inline(always)]
    fn refer(&mut self, object: *mut Header) {
        prefetch::prefetch_at(object);
        if let Some(first) = self.referred.exchange(object) {
            self.reach(first);
        }
    }

    #[inline(always)]
    fn refer_to(&mut self, value: Slot) {
        if value.is_collectable() {
            self.refer(value.as_ptr());
        }
    }

    #[inline(always)]
    fn reach(&mut self, object: *mut Header) {
        // SAFETY: everything that is referred to is not freed; its mark is only changed like this.
        unsafe {
            let mark = AtomicU8::from_ptr(&raw mut (*object).mark);
            let seen = mark.load(Ordering::Relaxed);
            if seen & self.unreached == 0 {
                return;
            }
            if u64::from((*object).kind) == tag::STRING {
                mark.store(BLACK, Ordering::Relaxed);
            } else if mark.compare_exchange(seen, GREY, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                self.grey.push(object);
            }
        }
    }

    /// Follows the references of an object that is grey and this worker's.
    fn trace(&mut self, object: *mut Header) {
        // SAFETY: marked objects are live, and so is what they refer to; the kind says which struct the header begins.
        unsafe {
            match u64::from((*object).kind) {
                tag::TABLE if !self.is_plain(object.cast()) => return self.left.objects.push(Grey(object)),
                tag::TABLE => self.trace_table(object.cast()),
                tag::THREAD => return self.left.objects.push(Grey(object)),
                _ => {
                    follow(object, |target| self.refer(target));
                }
            }
            AtomicU8::from_ptr(&raw mut (*object).mark).store(BLACK, Ordering::Relaxed);
        }
    }

    /// Whether a table holds on to all it refers to, and stays as it is.
    unsafe fn is_plain(&mut self, t: *mut Table) -> bool {
        // SAFETY: a live table, whose metatable is live; both are only read.
        unsafe {
            if self.heap.gc.trims && table::would_trim(t) {
                return false;
            }
            let meta = (*t).meta;
            if meta != self.meta.0 {
                self.meta = (meta, is_strong(self.heap, meta));
            }
            self.meta.1
        }
    }

    unsafe fn trace_table(&mut self, t: *mut Table) {
        // SAFETY: the table is live and this worker's; positions stay within its parts.
        unsafe {
            if !(*t).meta.is_null() {
                self.refer((*t).meta.cast());
            }
            let shape = (*t).header.aux;
            let word = shape as usize / 64;
            if word >= self.left.shapes.len() {
                self.left.shapes.resize(word + 1, 0);
            }
            self.left.shapes[word] |= 1 << (shape % 64);
            for at in 0..self.heap.shapes.get(shape).count as usize {
                self.refer_to(load((*t).props, at));
            }
            for at in 0..hash_used((*t).hash) {
                let entry = hash_entry((*t).hash, at);
                if (*entry).value.is_nil() {
                    clear_entry(entry);
                } else {
                    self.refer_to((*entry).key);
                    self.refer_to((*entry).value);
                }
                self.count_parts(1);
            }
            let length = (*t).array_len as usize;
            for from in (0..length).step_by(PART) {
                let end = length.min(from + PART);
                for at in from..end {
                    self.refer_to(load((*t).array, at));
                }
                self.count_parts(end - from);
            }
        }
    }
}
