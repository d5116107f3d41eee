//! Collection with simple roots.

mod pieces;
mod threads;

use super::*;
use crate::object::Str;
use crate::table;

struct Held(Vec<Slot>);

impl Roots for Held {
    fn trace(&mut self, marker: &mut Marker<'_>) {
        for &slot in &self.0 {
            marker.slot(slot);
        }
    }
    fn trace_thread(&mut self, thread: *mut Thread, marker: &mut Marker<'_>, _atomic: bool) {
        // SAFETY: the thread is live and its stack initialised up to `top`.
        unsafe {
            for at in 0..(*thread).top as usize {
                marker.slot(*(*thread).stack.add(at));
            }
        }
    }
}

fn table_in(heap: &mut Heap) -> Slot {
    Slot::object(heap.table(0, 0).unwrap(), tag::TABLE)
}

fn put(heap: &mut Heap, t: Slot, key: Slot, value: Slot) {
    // SAFETY: the tests hold on to what they use.
    unsafe { table::set(heap, t.as_ptr(), key, value).unwrap() };
}

fn got(heap: &Heap, t: Slot, key: Slot) -> Slot {
    // SAFETY: as in `put`.
    unsafe { table::get(t.as_ptr(), key, heap) }
}

fn text(heap: &mut Heap, text: &str) -> Slot {
    Slot::object(heap.string(text.as_bytes()).unwrap(), tag::STRING)
}

fn with_mode(heap: &mut Heap, mode: &str) -> Slot {
    let (t, meta) = (table_in(heap), table_in(heap));
    let (key, mode) = (text(heap, "__mode"), text(heap, mode));
    put(heap, meta, key, mode);
    // SAFETY: as in `put`.
    unsafe { heap.set_metatable(t.as_ptr(), meta.as_ptr()) };
    t
}

#[test]
fn garbage_goes_and_the_rest_stays() {
    let mut heap = Heap::new(3);
    let root = table_in(&mut heap);
    let mut roots = Held(vec![root]);
    heap.full(&mut roots);
    let before = heap.used();
    for round in 0..20_000 {
        let t = table_in(&mut heap);
        let key = text(&mut heap, &format!("key {round}"));
        put(&mut heap, t, Slot::int(1), key);
        put(&mut heap, t, key, t);
        if round % 100 == 0 {
            put(&mut heap, root, Slot::int(round / 100 + 1), t);
        }
        if heap.should_step() {
            heap.step(&mut roots);
            heap.verify().unwrap();
        }
    }
    heap.full(&mut roots);
    heap.verify().unwrap();
    for at in 0..200 {
        let t = got(&heap, root, Slot::int(at + 1));
        let key = got(&heap, t, Slot::int(1));
        assert_eq!(got(&heap, t, key).payload, t.payload);
    }
    roots.0 = vec![table_in(&mut heap)];
    for _ in 0..4 {
        heap.full(&mut roots);
    }
    assert!(heap.used() <= before + 1024, "{} {}", heap.used(), before);
    assert!(heap.strings.len() < 40);
    assert!(heap.shapes.len() < 10);
}

#[test]
fn incremental_marking_sees_every_store() {
    for seed in 1..20_u64 {
        let mut heap = Heap::new(seed);
        heap.gc.step_multiplier = 25;
        let all: Vec<Slot> = (0..50).map(|_| table_in(&mut heap)).collect();
        let mut roots = Held(all.clone());
        let mut random = seed;
        for _ in 0..20_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let pick = |shift: u64| all[(random >> shift) as usize % all.len()];
            let key = text(&mut heap, &format!("f{}", random >> 50 & 15));
            let moved = got(&heap, pick(20), key);
            let key = if random >> 40 & 1 == 0 { key } else { moved };
            let value = if random >> 41 & 3 == 0 { table_in(&mut heap) } else { moved };
            if !key.is_nil() {
                put(&mut heap, pick(30), key, value);
            }
            if random >> 44 & 7 == 0 {
                heap.advance(&mut roots);
            }
        }
        heap.verify().unwrap();
        heap.full(&mut roots);
        heap.verify().unwrap();
    }
}

#[test]
fn young_objects_in_old_ones_live_and_old_garbage_goes() {
    for seed in 1..10_u64 {
        let mut heap = Heap::new(seed);
        let all: Vec<Slot> = (0..50).map(|_| table_in(&mut heap)).collect();
        let mut roots = Held(all.clone());
        heap.set_generational(&mut roots, true);
        let mut random = seed;
        for round in 0..5_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let pick = |shift: u64| all[(random >> shift) as usize % all.len()];
            let key = text(&mut heap, &format!("f{}", random >> 50 & 15));
            let moved = got(&heap, pick(20), key);
            let value = if random >> 41 & 3 == 0 { table_in(&mut heap) } else { moved };
            put(&mut heap, pick(30), key, value);
            if round % 7 == 0 {
                heap.tormented_generation(&mut roots);
                heap.verify().unwrap();
            }
        }
        roots.0.clear();
        heap.full(&mut roots);
        heap.verify().unwrap();
        assert!(heap.used() < 64 * 1024, "{}", heap.used());
        heap.set_generational(&mut roots, false);
        heap.full(&mut roots);
        heap.verify().unwrap();
    }
}

#[test]
fn big_tables_are_traced_in_slices_while_they_change() {
    for seed in 1..3_u64 {
        let mut heap = Heap::new(seed);
        let big = table_in(&mut heap);
        let mut roots = Held(vec![big]);
        for at in 1..30_000 {
            let item = table_in(&mut heap);
            put(&mut heap, big, Slot::int(at), item);
            put(&mut heap, big, Slot::float(at as f64 + 0.5), item);
        }
        heap.full(&mut roots);
        heap.advance(&mut roots);
        let (mut random, mut slices) = (seed, 0);
        while heap.gc.phase == Phase::Propagate {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (from, to) = (Slot::int((random >> 33) as i64 % 30_000 + 1), Slot::int((random >> 13) as i64 % 30_000 + 1));
            let moved = got(&heap, big, from);
            put(&mut heap, big, to, moved);
            put(&mut heap, big, from, Slot::NIL);
            let fresh = table_in(&mut heap);
            put(&mut heap, big, Slot::float((random >> 40) as f64 + 0.25), fresh);
            if random >> 56 == 0 {
                slices += usize::from(heap.gc.phase == Phase::Propagate && !heap.gc.slices.is_empty());
                heap.verify().unwrap();
            }
            for _ in 0..4 {
                if heap.gc.phase == Phase::Propagate {
                    heap.advance(&mut roots);
                }
            }
        }
        assert!(slices > 0, "no look fell into the middle of a table");
        heap.verify().unwrap();
        heap.full(&mut roots);
        heap.verify().unwrap();
    }
}

#[test]
fn weak_tables() {
    let mut heap = Heap::new(3);
    let values = with_mode(&mut heap, "v");
    let keys = with_mode(&mut heap, "k");
    let kept = table_in(&mut heap);
    let mut roots = Held(vec![values, keys, kept]);
    for (i, value) in [kept, table_in(&mut heap)].into_iter().enumerate() {
        put(&mut heap, values, Slot::int(i as i64 + 1), value);
    }
    let string = text(&mut heap, "a string is a value");
    put(&mut heap, values, Slot::int(3), string);
    // A chain of ephemerons: each value is the next key.
    let mut key = kept;
    for _ in 0..1000 {
        let value = table_in(&mut heap);
        put(&mut heap, keys, key, value);
        key = value;
    }
    // A cycle that only the ephemeron holds.
    let lost = table_in(&mut heap);
    put(&mut heap, keys, lost, lost);
    heap.full(&mut roots);
    heap.verify().unwrap();
    assert!(got(&heap, values, Slot::int(2)).is_nil());
    assert!(!got(&heap, values, Slot::int(1)).is_nil() && !got(&heap, values, Slot::int(3)).is_nil());
    // SAFETY: the tables are held.
    let count = unsafe {
        let (mut count, mut key) = (0, Slot::NIL);
        while let Some((k, _)) = table::next(&heap, keys.as_ptr(), key).unwrap() {
            (count, key) = (count + 1, k);
        }
        count
    };
    assert_eq!(count, 1000);
    roots.0 = vec![keys];
    heap.full(&mut roots);
    // SAFETY: as above.
    assert!(unsafe { table::next(&heap, keys.as_ptr(), Slot::NIL) }.unwrap().is_none());
}

#[test]
fn finalizers_run_once_in_reverse_order() {
    let mut heap = Heap::new(3);
    let meta = table_in(&mut heap);
    let weak = with_mode(&mut heap, "k");
    let gc = text(&mut heap, "__gc");
    put(&mut heap, meta, gc, Slot::bool(true));
    let mut roots = Held(vec![meta, weak]);
    for i in 1..=3 {
        let object = table_in(&mut heap);
        put(&mut heap, object, Slot::int(1), Slot::int(i));
        put(&mut heap, weak, object, Slot::int(i));
        // SAFETY: nothing was collected since.
        unsafe { heap.set_metatable(object.as_ptr(), meta.as_ptr()) };
    }
    heap.full(&mut roots);
    heap.full(&mut roots);
    for i in [3, 2, 1] {
        let object = heap.next_finalizer().unwrap();
        assert_eq!(got(&heap, object, Slot::int(1)).as_int(), i);
        assert_eq!(got(&heap, weak, object).as_int(), i, "weak keys go after the finalizer");
    }
    assert!(!heap.has_finalizers());
    heap.full(&mut roots);
    assert!(heap.next_finalizer().is_none());
    // SAFETY: the table is held.
    assert!(unsafe { table::next(&heap, weak.as_ptr(), Slot::NIL) }.unwrap().is_none());
}

#[test]
fn variables_outlive_their_coroutine() {
    let mut heap = Heap::new(3);
    let thread = heap.thread(64).unwrap();
    let value = table_in(&mut heap);
    // SAFETY: nothing was collected since; the closure is held.
    unsafe {
        *(*thread).stack.add(5) = value;
        (*thread).top = 6;
        let variable = crate::stack::find_upvalue(&mut heap, thread, (*thread).stack.add(5)).unwrap();
        let closure = heap.closure(std::ptr::null_mut(), 1).unwrap();
        *(*closure).upvalues = variable;
        let mut roots = Held(vec![Slot::object(closure, tag::CLOSURE)]);
        heap.full(&mut roots);
        heap.full(&mut roots);
        assert_eq!((*variable).location, &raw mut (*variable).closed);
        assert_eq!((*(*variable).location).payload, value.payload);
        heap.verify().unwrap();
    }
}

#[test]
fn the_limit_holds_and_large_objects_come_back() {
    let mut heap = Heap::new(3);
    let mut roots = Held(vec![]);
    heap.full(&mut roots);
    let before = heap.used();
    heap.set_limit(before + (1 << 19));
    let bytes = vec![b'x'; 300_000];
    assert!((0..10).any(|_| heap.string(&bytes).is_err()));
    heap.full(&mut roots);
    assert!(heap.used() <= before);
    let string: *mut Str = heap.concat(&[&bytes, b"y"]).unwrap();
    // SAFETY: just made.
    assert_eq!(unsafe { crate::string::str_bytes(string) }.last(), Some(&b'y'));
}
