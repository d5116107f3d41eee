//! Programs that go on between the pieces of a collection.

use super::*;

fn random(state: &mut u64) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
    (*state >> 33) as usize
}

/// Walks a table and checks that nothing comes up that marking gave up.
fn walk(heap: &Heap, t: Slot) -> usize {
    let (mut count, mut key) = (0, Slot::NIL);
    // SAFETY: the table is held, and so is what it gives out.
    while let Some((next, value)) = unsafe { table::next(heap, t.as_ptr(), key) }.unwrap() {
        for slot in [next, value] {
            let is_object = slot.is_collectable() && slot.tag != tag::STRING;
            assert!(!is_object || !heap.settles() || !heap.is_hidden(slot.as_ptr()));
        }
        (count, key) = (count + 1, next);
    }
    count
}

/// An object that is to be finalized, with one that only it refers to, which is a key in `keys`.
fn to_finalize(heap: &mut Heap, meta: Slot, keys: Slot, number: i64) {
    let (object, inner, value) = (table_in(heap), table_in(heap), table_in(heap));
    put(heap, object, Slot::int(1), inner);
    put(heap, object, Slot::int(2), Slot::int(number));
    put(heap, value, Slot::int(1), Slot::int(number));
    put(heap, keys, inner, value);
    // SAFETY: nothing was collected since.
    unsafe { heap.set_metatable(object.as_ptr(), meta.as_ptr()) };
}

#[test]
fn what_follows_from_the_end_of_marking_is_done_while_tables_change() {
    for seed in 1..3_u64 {
        let mut heap = Heap::new(seed);
        let (meta, gc) = (table_in(&mut heap), text(&mut heap, "__gc"));
        put(&mut heap, meta, gc, Slot::bool(true));
        let keys = with_mode(&mut heap, "k");
        let both = with_mode(&mut heap, "kv");
        let held = table_in(&mut heap);
        let mut roots = Held(vec![meta, keys, both, held]);
        for at in 1..=9_000 {
            let (key, value) = (table_in(&mut heap), table_in(&mut heap));
            put(&mut heap, value, Slot::int(1), Slot::int(at));
            put(&mut heap, keys, key, value);
            put(&mut heap, both, key, value);
            if at % 2 == 0 {
                put(&mut heap, held, Slot::int(at / 2), key);
            }
        }
        for number in 1..=1600 {
            to_finalize(&mut heap, meta, keys, number);
        }
        let (mut state, mut pieces) = (seed, [0; 3]);
        while !heap.settles() {
            heap.advance(&mut roots);
        }
        while heap.gc.phase != Phase::Sweep {
            match heap.gc.phase {
                Phase::Separate => pieces[0] += 1,
                Phase::Revive => pieces[1] += 1,
                Phase::Clear => pieces[2] += 1,
                _ => {}
            }
            assert!(!heap.has_finalizers(), "what is to be finalized comes out when all is decided");
            let at = random(&mut state) as i64 % 4500 + 1;
            let key = got(&heap, held, Slot::int(at));
            let value = got(&heap, keys, key);
            assert_eq!(got(&heap, value, Slot::int(1)).as_int(), at * 2);
            let (fresh, other) = (table_in(&mut heap), table_in(&mut heap));
            put(&mut heap, other, Slot::int(1), Slot::int(at * 2));
            put(&mut heap, keys, key, other);
            put(&mut heap, keys, fresh, key);
            put(&mut heap, key, Slot::int(9), fresh);
            // So many that the hash is made anew once in a while.
            let many = if random(&mut state) % 128 == 0 { 400 } else { 0 };
            for _ in 0..many {
                let (key, value) = (table_in(&mut heap), table_in(&mut heap));
                put(&mut heap, keys, key, value);
            }
            if random(&mut state) % 4096 == 0 || heap.clears() && random(&mut state) % 4 == 0 {
                walk(&heap, keys);
                walk(&heap, both);
                heap.verify().unwrap();
            }
            heap.advance(&mut roots);
        }
        assert!(pieces[0] > 2 && pieces[1] > 1000 && pieces[2] > 4, "{pieces:?}");
        heap.verify().unwrap();
        while heap.gc.phase != Phase::Pause {
            heap.advance(&mut roots);
        }
        heap.verify().unwrap();
        // The keys that objects to be finalized hold on to are still there.
        for number in (1..=1600).rev() {
            let object = heap.next_finalizer().unwrap();
            assert_eq!(got(&heap, object, Slot::int(2)).as_int(), number);
            let inner = got(&heap, object, Slot::int(1));
            let value = got(&heap, keys, inner);
            assert_eq!(got(&heap, value, Slot::int(1)).as_int(), number);
        }
        assert!(!heap.has_finalizers());
        heap.full(&mut roots);
        heap.verify().unwrap();
        // Each key that is held may be the value of a fresh one that it holds.
        assert!((4500..9000).contains(&walk(&heap, keys)));
        roots.0.remove(3);
        heap.full(&mut roots);
        assert_eq!(walk(&heap, keys) + walk(&heap, both), 0);
    }
}

#[test]
fn settling_early_leaves_nothing_undone() {
    for stop in 0..60 {
        let mut heap = Heap::new(3);
        let (meta, gc) = (table_in(&mut heap), text(&mut heap, "__gc"));
        put(&mut heap, meta, gc, Slot::bool(true));
        let keys = with_mode(&mut heap, "k");
        let mut roots = Held(vec![meta, keys]);
        for number in 1..=200 {
            to_finalize(&mut heap, meta, keys, number);
        }
        while !heap.settles() {
            heap.advance(&mut roots);
        }
        for _ in 0..stop {
            if heap.settles() {
                heap.advance(&mut roots);
            }
        }
        heap.all_finalizers();
        for number in (1..=200).rev() {
            let object = heap.next_finalizer().unwrap();
            assert_eq!(got(&heap, object, Slot::int(2)).as_int(), number);
        }
        heap.full(&mut roots);
        heap.verify().unwrap();
    }
}

#[test]
fn a_table_that_shrinks_while_it_is_traced_is_traced_anew() {
    let mut heap = Heap::new(3);
    let big = table_in(&mut heap);
    let mut roots = Held(vec![big]);
    // As many as fill the hash.
    for at in 0..16_384 {
        let item = table_in(&mut heap);
        put(&mut heap, big, Slot::float(at as f64 + 0.5), item);
    }
    heap.full(&mut roots);
    while heap.gc.slices.is_empty() {
        heap.advance(&mut roots);
    }
    for _ in 0..3 {
        while !heap.gc.grey.is_empty() {
            heap.advance(&mut roots);
        }
        heap.advance(&mut roots);
    }
    for at in 0..15_000 {
        put(&mut heap, big, Slot::float(at as f64 + 0.5), Slot::NIL);
    }
    put(&mut heap, big, Slot::float(0.25), Slot::int(1));
    // SAFETY: the table is held.
    assert!(unsafe { !table::is_big(big.as_ptr()) }, "the hash was made anew");
    assert!(!heap.gc.slices.is_empty());
    while heap.gc.phase == Phase::Propagate {
        heap.verify().unwrap();
        heap.advance(&mut roots);
    }
    heap.full(&mut roots);
    heap.verify().unwrap();
    for at in 15_000..16_384 {
        assert_eq!(got(&heap, big, Slot::float(at as f64 + 0.5)).tag, tag::TABLE);
    }
}
