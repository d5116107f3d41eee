//! Tables against a model, and caches.

use std::collections::HashMap;

use super::*;
use crate::cache::{Cache, kind};

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

fn name(heap: &mut Heap, text: &str) -> *mut Str {
    heap.string(text.as_bytes()).unwrap()
}

type Model = HashMap<(u64, u64), i64>;

fn check(heap: &Heap, t: *mut Table, model: &Model) {
    // SAFETY: the tests never collect.
    unsafe {
        let mut seen = 0;
        let mut key = Slot::NIL;
        while let Some((k, v)) = next(heap, t, key).unwrap() {
            let id = if k.tag == tag::STRING { (heap.hash_of(k.as_ptr()).into(), 99) } else { (k.payload, k.tag) };
            assert_eq!(model.get(&id), Some(&v.as_int()));
            seen += 1;
            key = k;
        }
        assert_eq!(seen, model.len());
        let border = len(t);
        assert!(border == 0 || !get_int(t, border).is_nil());
        assert!(get_int(t, border + 1).is_nil());
    }
}

#[test]
fn tables_agree_with_a_model() {
    for seed in 1..60 {
        let mut heap = Heap::new(seed);
        let mut random = Random(seed * 7919);
        let t = heap.table(0, 0).unwrap();
        let mut model = Model::new();
        let range = [6, 20, 100, 400][seed as usize % 4];
        for step in 0..3000 {
            let n = random.below(range);
            let key = match random.below(6) {
                0 => Slot::object(name(&mut heap, &format!("k{n}")), tag::STRING),
                1 => Slot::object(name(&mut heap, &format!("{n:0>60}")), tag::STRING),
                2 => Slot::float(n as f64 + 0.5),
                3 => Slot::float(n as f64),
                4 => Slot::int(1 << n.min(62)),
                _ => Slot::int(n as i64),
            };
            let plain = normalise(key);
            // SAFETY: the tests never collect.
            unsafe {
                let id = if plain.tag == tag::STRING {
                    (heap.hash_of(plain.as_ptr()).into(), 99)
                } else {
                    (plain.payload, plain.tag)
                };
                let old = get(t, key, &heap);
                assert_eq!(model.get(&id).copied(), (!old.is_nil()).then(|| old.as_int()));
                if random.below(3) == 0 {
                    set(&mut heap, t, key, Slot::NIL).unwrap();
                    model.remove(&id);
                } else {
                    set(&mut heap, t, key, Slot::int(step)).unwrap();
                    model.insert(id, step);
                }
            }
            if step % 97 == 0 {
                check(&heap, t, &model);
            }
        }
        check(&heap, t, &model);
        // SAFETY: as above. A traversal may remove what it visits.
        unsafe {
            let mut key = Slot::NIL;
            let mut removed = 0;
            while let Some((k, _)) = next(&heap, t, key).unwrap() {
                set(&mut heap, t, k, Slot::NIL).unwrap();
                removed += 1;
                key = k;
            }
            assert_eq!(removed, model.len());
            assert!(next(&heap, t, Slot::NIL).unwrap().is_none());
        }
        heap.verify().unwrap();
    }
}

#[test]
fn integer_keys_come_to_the_array_in_any_order() {
    let mut heap = Heap::new(1);
    // SAFETY: the tests never collect.
    unsafe {
        let up = heap.table(0, 0).unwrap();
        let down = heap.table(0, 0).unwrap();
        for i in 1..=1000 {
            set_int(&mut heap, up, i, Slot::int(i)).unwrap();
            set_int(&mut heap, down, 1001 - i, Slot::int(i)).unwrap();
        }
        assert_eq!((len(up), len(down)), (1000, 1000));
        assert!((*up).hash.is_null());
        assert!((*down).array_len >= 512);
        // A queue does not grow.
        let queue = heap.table(0, 0).unwrap();
        for i in 1..=100_000 {
            set_int(&mut heap, queue, i, Slot::int(i)).unwrap();
            set_int(&mut heap, queue, i - 10, Slot::NIL).unwrap();
        }
        assert!((*queue).array_cap < 200);
        assert_eq!(set(&mut heap, queue, Slot::NIL, Slot::int(1)), Err(SetError::NilKey));
        assert_eq!(set(&mut heap, queue, Slot::float(f64::NAN), Slot::int(1)), Err(SetError::NanKey));
    }
}

#[test]
fn method_caches_follow_the_chain_and_its_changes() {
    let mut heap = Heap::new(1);
    let (index, method) = (name(&mut heap, "__index"), name(&mut heap, "method"));
    let value = Slot::int(7);
    // SAFETY: the tests never collect.
    unsafe {
        let (base, class) = (heap.table(0, 0).unwrap(), heap.table(0, 0).unwrap());
        set_str(&mut heap, base, index, Slot::object(base, tag::TABLE)).unwrap();
        set_str(&mut heap, base, method, value).unwrap();
        set_str(&mut heap, class, index, Slot::object(class, tag::TABLE)).unwrap();
        heap.set_metatable(class, base);
        let (a, b) = (heap.table(0, 0).unwrap(), heap.table(0, 0).unwrap());
        let x = name(&mut heap, "x");
        set_str(&mut heap, a, x, value).unwrap();
        heap.set_metatable(a, class);
        heap.set_metatable(b, class);
        set_str(&mut heap, b, x, value).unwrap();
        assert_eq!((*a).header.aux, (*b).header.aux, "the order of steps does not matter");
        let mut cache = Cache::EMPTY;
        assert!(heap.cache_get(a, method, &mut cache));
        assert_eq!((cache.kind, cache.holder, cache.epoch), (kind::CHAIN, base, heap.meta_epoch));
        set_str(&mut heap, class, method, Slot::int(8)).unwrap();
        assert_ne!(cache.epoch, heap.meta_epoch, "a key in the middle of the chain");
        assert!(heap.cache_get(a, method, &mut cache));
        assert_eq!(cache.holder, class);
        set_str(&mut heap, class, index, Slot::object(base, tag::TABLE)).unwrap();
        assert_ne!(cache.epoch, heap.meta_epoch, "another __index");
        assert!(!heap.cache_set(class, index, &mut cache), "watched writes are not cached");
    }
}

#[test]
fn fresh_metatables_with_one_index_share_a_class() {
    let mut heap = Heap::new(1);
    let (index, method) = (name(&mut heap, "__index"), name(&mut heap, "method"));
    // SAFETY: the tests never collect.
    unsafe {
        let class = heap.table(0, 0).unwrap();
        set_str(&mut heap, class, method, Slot::int(7)).unwrap();
        let mut objects = Vec::new();
        for _ in 0..1000 {
            let (object, meta) = (heap.table(0, 0).unwrap(), heap.table(0, 1).unwrap());
            set_str(&mut heap, meta, index, Slot::object(class, tag::TABLE)).unwrap();
            heap.set_metatable(object, meta);
            objects.push(object);
        }
        assert!(objects.iter().all(|&object| (*object).header.aux == (*objects[0]).header.aux));
        let mut cache = Cache::EMPTY;
        assert!(heap.cache_get(objects[5], method, &mut cache));
        let other = heap.table(0, 0).unwrap();
        let meta = (*objects[3]).meta;
        set_str(&mut heap, meta, index, Slot::object(other, tag::TABLE)).unwrap();
        assert_ne!(cache.epoch, heap.meta_epoch);
        assert!(!heap.cache_get(objects[5], method, &mut cache), "the class cannot be trusted now");
        assert!(heap.shapes.len() < 20);
    }
}

#[test]
fn adding_and_dictionary_mode() {
    let mut heap = Heap::new(1);
    // SAFETY: the tests never collect.
    unsafe {
        let (a, b) = (heap.table(0, 0).unwrap(), heap.table(0, 0).unwrap());
        let x = name(&mut heap, "x");
        let mut cache = Cache::EMPTY;
        assert!(heap.cache_set(a, x, &mut cache));
        assert_eq!((cache.kind, cache.slot), (kind::ADD, 0));
        set_str(&mut heap, b, x, Slot::int(1)).unwrap();
        assert_eq!((*b).header.aux, cache.next_shape);
        for i in 0..300 {
            let key = name(&mut heap, &format!("key{i}"));
            set_str(&mut heap, a, key, Slot::int(i)).unwrap();
        }
        assert!(is_dictionary(a));
        assert!(!heap.cache_get(a, x, &mut cache));
        let key = name(&mut heap, "key77");
        assert_eq!(get_str(&heap, a, key).as_int(), 77);
    }
}
