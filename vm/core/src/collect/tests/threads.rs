//! Marking on several threads comes to the same as on one.

use super::*;

fn random(state: &mut u64) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
    (*state >> 33) as usize
}

/// Makes a graph of tables of all forms, cuts some of it off, and collects, several times; gives the bytes in use
/// after each collection.
fn story(on_threads: bool, seed: u64) -> Vec<usize> {
    let mut heap = Heap::new(seed);
    heap.gc.threads_used.always = on_threads;
    let mut state = seed;
    let (all, keys, values) = (table_in(&mut heap), with_mode(&mut heap, "k"), with_mode(&mut heap, "v"));
    let mut roots = Held(vec![all, keys, values]);
    let mut used = Vec::new();
    for round in 0..6_i64 {
        let mut made: Vec<Slot> = Vec::new();
        for at in 1..=6000_i64 {
            let t = table_in(&mut heap);
            for _ in 0..random(&mut state) % 4 {
                let other = if made.is_empty() { t } else { made[random(&mut state) % made.len()] };
                let key = match random(&mut state) % 4 {
                    0 => Slot::int(1),
                    1 => other,
                    2 => Slot::float(0.5),
                    _ => text(&mut heap, &format!("key{}", random(&mut state) % 40)),
                };
                put(&mut heap, t, key, other);
            }
            match random(&mut state) % 8 {
                0 => put(&mut heap, keys, t, made.last().copied().unwrap_or(t)),
                1 => put(&mut heap, values, Slot::int(at + round * 10_000), t),
                2 | 3 => put(&mut heap, all, Slot::int(at), t),
                _ => {}
            }
            made.push(t);
        }
        // A chain that no second worker can help with.
        let mut chain = Slot::NIL;
        for _ in 0..2000 {
            let link = table_in(&mut heap);
            put(&mut heap, link, Slot::int(1), chain);
            chain = link;
        }
        put(&mut heap, all, Slot::bool(true), chain);
        heap.full_and_trim(&mut roots);
        heap.verify().unwrap();
        used.push(heap.used());
        for _ in 0..500 {
            put(&mut heap, all, Slot::int(random(&mut state) as i64 % 6000 + 1), Slot::NIL);
        }
        heap.full(&mut roots);
        heap.verify().unwrap();
        used.push(heap.used());
    }
    used
}

#[test]
fn as_much_stays_as_with_one_thread() {
    for seed in 1..4 {
        assert_eq!(story(true, seed), story(false, seed), "seed {seed}");
    }
}
