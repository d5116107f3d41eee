//! Shapes: which string keys a table has, in which slots, under which kind of metatable.
//!
//! Shapes are not heap objects; tables and caches name them by number, and a
//! number is never used twice, so a stale one can only miss. This module may
//! use `unsafe`: key lists are shared between the shapes of a lineage. The
//! bargain: a list only grows, by the one shape that uses all of it, and no
//! reference into a list outlives the function that made it.
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::Rc;

use crate::object::{Str, Table};

/// The empty shape without metatable.
pub const ROOT: u32 = 1;
/// The shape of every table in dictionary mode; caches never hold it.
pub const DICTIONARY: u32 = 2;
/// Properties beyond which a table turns into a dictionary.
pub const MAX_PROPS: u32 = 128;
/// Class of tables without metatable.
pub const CLASS_NONE: u32 = 0;
/// Class of tables about whose metatable the shape says nothing.
pub const CLASS_POLY: u32 = 1;
/// Live classes beyond which new metatables get [`CLASS_POLY`].
const MAX_CLASSES: usize = 512;
const MAX_FANOUT: usize = 96;
const MAX_FANOUT_ROOT: usize = 1024;
const LINEAR: usize = 8;
/// Edge to the watched twin; edges of keys are addresses, those of classes odd numbers.
const EDGE_WATCH: u64 = 2;

/// Hasher for keys that are numbers or addresses.
#[derive(Default)]
pub(crate) struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }
    fn write_u64(&mut self, word: u64) {
        let mixed = (self.0 ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = mixed ^ (mixed >> 29);
    }
    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }
}

pub(crate) type NumberMap<V> = HashMap<u64, V, BuildHasherDefault<NumberHasher>>;

struct KeyList {
    keys: Vec<*mut Str>,
    /// Slot + 1 by hash of the key, once there are more than [`LINEAR`].
    index: Vec<u16>,
}

impl KeyList {
    fn new(keys: &[*mut Str]) -> KeyList {
        let mut list = KeyList { keys: Vec::with_capacity(keys.len() + 1), index: Vec::new() };
        for &key in keys {
            list.push(key);
        }
        list
    }

    /// Every key in the list is live when this is called: only a shape that uses all of it calls.
    fn push(&mut self, key: *mut Str) {
        self.keys.push(key);
        let count = self.keys.len();
        if count <= LINEAR {
            return;
        }
        if count * 2 > self.index.len() {
            self.index = vec![0; (count * 4).next_power_of_two()];
            for slot in 0..count {
                self.place(slot);
            }
        } else {
            self.place(count - 1);
        }
    }

    fn place(&mut self, slot: usize) {
        let mask = self.index.len() - 1;
        // SAFETY: see `push`.
        let mut at = unsafe { (*self.keys[slot]).header.aux } as usize & mask;
        while self.index[at] != 0 {
            at = (at + 1) & mask;
        }
        self.index[at] = slot as u16 + 1;
    }

    /// `key` is live and short.
    fn lookup(&self, key: *mut Str) -> Option<u16> {
        let mask = self.index.len() - 1;
        // SAFETY: `key` is live.
        let mut at = unsafe { (*key).header.aux } as usize & mask;
        loop {
            let slot = self.index[at].checked_sub(1)?;
            if self.keys[usize::from(slot)] == key {
                return Some(slot);
            }
            at = (at + 1) & mask;
        }
    }
}

/// Most shapes are followed by one other at most.
enum Transitions {
    None,
    One(u64, u32),
    Few(Vec<(u64, u32)>),
    Many(NumberMap<u32>),
}

impl Transitions {
    fn get(&self, edge: u64) -> Option<u32> {
        match self {
            Transitions::None => None,
            Transitions::One(key, id) => (*key == edge).then_some(*id),
            Transitions::Few(list) => list.iter().find(|(key, _)| *key == edge).map(|(_, id)| *id),
            Transitions::Many(map) => map.get(&edge).copied(),
        }
    }

    fn insert(&mut self, edge: u64, id: u32) {
        match self {
            Transitions::None => *self = Transitions::One(edge, id),
            Transitions::One(key, old) if *key == edge => *old = id,
            Transitions::One(key, old) => *self = Transitions::Few(vec![(*key, *old), (edge, id)]),
            Transitions::Few(list) => {
                list.retain(|(key, _)| *key != edge);
                list.push((edge, id));
                if list.len() > 8 {
                    *self = Transitions::Many(list.iter().copied().collect());
                }
            }
            Transitions::Many(map) => {
                map.insert(edge, id);
            }
        }
    }

    fn len(&self) -> usize {
        match self {
            Transitions::None => 0,
            Transitions::One(..) => 1,
            Transitions::Few(list) => list.len(),
            Transitions::Many(map) => map.len(),
        }
    }

    fn retain(&mut self, mut alive: impl FnMut(u32) -> bool) {
        match self {
            Transitions::None => {}
            Transitions::One(_, id) => {
                if !alive(*id) {
                    *self = Transitions::None;
                }
            }
            Transitions::Few(list) => list.retain(|(_, id)| alive(*id)),
            Transitions::Many(map) => map.retain(|_, id| alive(*id)),
        }
    }
}

/// One shape.
pub struct Shape {
    parent: u32,
    /// Number of keys, hence of slots.
    pub count: u32,
    /// Metatable class.
    pub class: u32,
    /// Tables of this shape are metatables or stand in `__index` chains: adding
    /// keys to them, and writing their `__` keys, must not be cached.
    pub watched: bool,
    epoch: u32,
    keys: Rc<UnsafeCell<KeyList>>,
    next: Transitions,
}

impl Shape {
    /// The key in a slot below `count`.
    #[inline]
    pub fn key(&self, slot: u32) -> *mut Str {
        // SAFETY: no reference into the list is held elsewhere (see the module).
        unsafe { (&(*self.keys.get()).keys)[slot as usize] }
    }

    /// Keeps the keys alive in the current cycle.
    fn mark_keys(&self) {
        for slot in 0..self.count {
            // SAFETY: keys of live shapes are live; marking a string needs no more than this.
            unsafe { (*self.key(slot)).header.mark = crate::heap::BLACK };
        }
    }

    /// The slot of a live short string.
    #[inline]
    pub fn find(&self, key: *mut Str) -> Option<u16> {
        // SAFETY: as in `key`.
        let list = unsafe { &*self.keys.get() };
        let count = self.count as usize;
        if count <= LINEAR {
            return list.keys[..count].iter().position(|&own| own == key).map(|slot| slot as u16);
        }
        list.lookup(key).filter(|&slot| usize::from(slot) < count)
    }
}

struct Class {
    /// The metatable, or what its `__index` holds.
    key: *mut Table,
    by_index: bool,
    reliable: bool,
    roots: [u32; 2],
}

/// All shapes and metatable classes of a heap.
pub struct Shapes {
    shapes: Vec<Option<Box<Shape>>>,
    live: Vec<u32>,
    classes: Vec<Class>,
    exact: NumberMap<u32>,
    by_index: NumberMap<u32>,
    /// Number of the collection cycle.
    pub(crate) cycle: u32,
    /// Number of the last one in which everything was looked at.
    last_full: u32,
    /// Whether objects are being marked, so that used shapes must be marked at once.
    pub(crate) marking: bool,
}

impl Shapes {
    pub(crate) fn new() -> Shapes {
        let class = || Class { key: std::ptr::null_mut(), by_index: false, reliable: false, roots: [0; 2] };
        let mut shapes = Shapes {
            shapes: vec![None],
            live: Vec::new(),
            classes: vec![class(), class()],
            exact: NumberMap::default(),
            by_index: NumberMap::default(),
            cycle: 1,
            last_full: 0,
            marking: false,
        };
        shapes.classes[0].reliable = true;
        shapes.classes[0].roots[0] = shapes.create(0, &[], CLASS_NONE, false);
        let dictionary = shapes.create(0, &[], CLASS_POLY, true);
        debug_assert_eq!(dictionary, DICTIONARY);
        shapes
    }

    /// The shape with a number that a live table has.
    #[inline(always)]
    pub fn get(&self, id: u32) -> &Shape {
        self.shapes[id as usize].as_deref().expect("live tables have live shapes")
    }

    fn alive(&self, id: u32) -> bool {
        self.shapes.get(id as usize).is_some_and(Option::is_some)
    }

    /// Number of live shapes.
    pub fn len(&self) -> usize {
        self.live.len()
    }

    /// Never.
    pub fn is_empty(&self) -> bool {
        self.live.is_empty()
    }

    fn push(&mut self, shape: Shape) -> u32 {
        let id = self.shapes.len() as u32;
        self.shapes.push(Some(Box::new(shape)));
        self.live.push(id);
        id
    }

    fn create(&mut self, parent: u32, keys: &[*mut Str], class: u32, watched: bool) -> u32 {
        let list = Rc::new(UnsafeCell::new(KeyList::new(keys)));
        let count = keys.len() as u32;
        let next = Transitions::None;
        self.push(Shape { parent, count, class, watched, epoch: self.cycle, keys: list, next })
    }

    /// Whether so many different keys follow this shape that a dictionary is the better idea.
    pub(crate) fn is_crowded(&self, id: u32, key: *mut Str) -> bool {
        let shape = self.get(id);
        let limit = if shape.count == 0 { MAX_FANOUT_ROOT } else { MAX_FANOUT };
        shape.next.len() >= limit && shape.next.get(key as u64).is_none()
    }

    /// The shape with one more key, which `id` lacks.
    pub(crate) fn add(&mut self, id: u32, key: *mut Str) -> u32 {
        let shape = self.get(id);
        if let Some(next) = shape.next.get(key as u64) {
            self.touch(next);
            return next;
        }
        let (count, class, watched) = (shape.count, shape.class, shape.watched);
        // SAFETY: the reference ends before anything else looks at the list.
        let list = unsafe { &mut *shape.keys.get() };
        let keys = if list.keys.len() == count as usize {
            list.push(key);
            Rc::clone(&shape.keys)
        } else {
            let mut copy = KeyList::new(&list.keys[..count as usize]);
            copy.push(key);
            Rc::new(UnsafeCell::new(copy))
        };
        let next = Transitions::None;
        let child = self.push(Shape { parent: id, count: count + 1, class, watched, epoch: 0, keys, next });
        self.link(id, key as u64, child);
        self.touch(child);
        child
    }

    fn link(&mut self, from: u32, edge: u64, to: u32) {
        if let Some(Some(shape)) = self.shapes.get_mut(from as usize) {
            shape.next.insert(edge, to);
        }
    }

    /// The same keys under another class.
    pub(crate) fn with_class(&mut self, id: u32, class: u32) -> u32 {
        let shape = self.get(id);
        if shape.class == class {
            return id;
        }
        let watched = shape.watched;
        self.twin(id, u64::from(class) << 1 | 1, class, watched)
    }

    /// The same keys in the lineage whose tables are watched.
    pub(crate) fn watched(&mut self, id: u32) -> u32 {
        let shape = self.get(id);
        if shape.watched {
            return id;
        }
        let class = shape.class;
        self.twin(id, EDGE_WATCH, class, true)
    }

    /// Keys first or metatable first leads to the same shape: twins are looked
    /// up from the root of their class.
    fn twin(&mut self, id: u32, edge: u64, class: u32, watched: bool) -> u32 {
        if let Some(found) = self.get(id).next.get(edge).filter(|&found| self.alive(found)) {
            self.touch(found);
            return found;
        }
        let mut at = self.classes[class as usize].roots[usize::from(watched)];
        if !self.alive(at) {
            at = self.create(0, &[], class, watched);
            self.classes[class as usize].roots[usize::from(watched)] = at;
        }
        self.touch(at);
        for slot in 0..self.get(id).count {
            let key = self.get(id).key(slot);
            at = self.add(at, key);
        }
        self.link(id, edge, at);
        at
    }

    /// Keeps a shape, its ancestors and its keys alive in the current cycle.
    pub(crate) fn touch(&mut self, id: u32) {
        let cycle = self.cycle;
        let Some(Some(shape)) = self.shapes.get_mut(id as usize) else { return };
        if shape.epoch == cycle {
            return;
        }
        if self.marking {
            shape.mark_keys();
        }
        let mut at = id;
        while let Some(Some(shape)) = self.shapes.get_mut(at as usize) {
            if shape.epoch == cycle {
                break;
            }
            shape.epoch = cycle;
            at = shape.parent;
        }
    }

    /// Marks the keys of shapes that came into use since the last cycle, for a minor one: a cached transition may have
    /// given them to old tables, which it does not look at.
    pub(crate) fn keep_new_keys(&mut self) {
        for &id in &self.live {
            let Some(Some(shape)) = self.shapes.get(id as usize) else { continue };
            if shape.epoch == self.cycle {
                shape.mark_keys();
            }
        }
    }

    /// Whether a shape was used by something marked in this cycle.
    pub(crate) fn is_marked(&self, id: u32) -> bool {
        matches!(self.shapes.get(id as usize), Some(Some(shape)) if shape.epoch == self.cycle)
    }

    /// Frees the shapes that two cycles in a row found no use of, of those that look at everything. One is not
    /// enough: a cached transition may give a shape to a table that is marked
    /// already. (The collector empties such caches in the first of the two.)
    pub(crate) fn sweep(&mut self) {
        let cycle = self.cycle;
        let last_full = std::mem::replace(&mut self.last_full, cycle);
        let Shapes { shapes, live, .. } = self;
        let before = live.len();
        live.retain(|&id| {
            let Some(shape) = &shapes[id as usize] else { return false };
            let keep = id <= DICTIONARY || shape.epoch >= last_full;
            if !keep {
                shapes[id as usize] = None;
            } else if shape.epoch != cycle {
                shape.mark_keys();
            }
            keep
        });
        if live.len() != before {
            for &id in live.iter() {
                let mut next = match &mut shapes[id as usize] {
                    Some(shape) => std::mem::replace(&mut shape.next, Transitions::None),
                    None => continue,
                };
                next.retain(|to| shapes[to as usize].is_some());
                if let Some(shape) = &mut shapes[id as usize] {
                    shape.next = next;
                }
            }
        }
    }

    /// Forgets the classes whose table is dead.
    pub(crate) fn forget_dead_classes(&mut self, is_dead: impl Fn(*mut Table) -> bool) {
        let Shapes { classes, exact, by_index, .. } = self;
        for map in [exact, by_index] {
            map.retain(|_, class| {
                let class = &mut classes[*class as usize];
                let dead = is_dead(class.key);
                class.reliable &= !dead;
                !dead
            });
        }
    }

    /// The class of tables with exactly this metatable.
    pub(crate) fn exact_class(&mut self, meta: *mut Table) -> u32 {
        self.class(meta, false)
    }

    /// The class of tables with a metatable that has only `__index`, holding `index`.
    pub(crate) fn index_class(&mut self, index: *mut Table) -> u32 {
        self.class(index, true)
    }

    /// The class that a metatable had before as [`Shapes::exact_class`].
    pub(crate) fn known_class(&self, meta: *mut Table) -> Option<u32> {
        self.exact.get(&(meta as u64)).copied()
    }

    fn class(&mut self, key: *mut Table, by_index: bool) -> u32 {
        let map = if by_index { &self.by_index } else { &self.exact };
        if let Some(&class) = map.get(&(key as u64)) {
            return class;
        }
        if self.exact.len() + self.by_index.len() >= MAX_CLASSES {
            return CLASS_POLY;
        }
        let class = self.classes.len() as u32;
        self.classes.push(Class { key, by_index, reliable: true, roots: [0; 2] });
        let map = if by_index { &mut self.by_index } else { &mut self.exact };
        map.insert(key as u64, class);
        class
    }

    /// One of the metatables behind an [`Shapes::index_class`] changed.
    pub(crate) fn distrust_index_class(&mut self, index: *mut Table) {
        if let Some(class) = self.by_index.remove(&(index as u64)) {
            self.classes[class as usize].reliable = false;
        }
    }

    /// Whether the class says what `__index` and `__newindex` are (as of the current epoch).
    pub(crate) fn is_reliable(&self, class: u32) -> bool {
        self.classes[class as usize].reliable
    }

    /// Whether the class stands for all metatables with one `__index` (for tools).
    pub fn is_by_index(&self, class: u32) -> bool {
        self.classes[class as usize].by_index
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::Heap;

    #[test]
    fn shapes_of_cached_transitions_outlive_minor_cycles() {
        let mut heap = Heap::new(1);
        let key = heap.string(b"key").unwrap();
        let id = heap.shapes.add(ROOT, key);
        heap.shapes.cycle += 1;
        heap.shapes.touch(id);
        heap.shapes.sweep();
        // Minor cycles keep what caches know, and look at no old table.
        heap.shapes.cycle += 5;
        // In the next full one a cached transition may give the shape to a table that is marked already.
        heap.shapes.cycle += 1;
        heap.shapes.sweep();
        assert!(heap.shapes.alive(id));
        heap.shapes.cycle += 1;
        heap.shapes.sweep();
        assert!(!heap.shapes.alive(id), "nobody used it in two full cycles");
    }
}
