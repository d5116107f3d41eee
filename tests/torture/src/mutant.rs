//! Binary chunks with changed words: what the verifier lets pass runs under limits and breaks nothing.

use crate::machine::{Machine, Tier};
use crate::random::Random;
use perilune_isa::{Proto, Verified, encode_chunk};
use perilune_vm::OnLimit;
use std::time::Duration;

/// What code that nobody wrote may not reach.
const OUTSIDE: &str = "io, require, package, dofile, loadfile, debug.debug, debug.sethook, print, warn = nil
    local clock = os.clock os = { clock = clock } collectgarbage('restart') collectgarbage('incremental')";
/// Mutants that share a machine.
const GENERATION: u64 = 64;

/// What the mutants came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum {
    /// All of them.
    pub mutants: u64,
    /// Those that the verifier accepted and that ran.
    pub accepted: u64,
    /// Those that ran into a limit.
    pub limited: u64,
    /// Those that ended with an error.
    pub errors: u64,
}

/// The code of all tasks.
pub fn corpus() -> Vec<Proto> {
    crate::memory::tasks()
        .filter_map(|(_, code)| Some(perilune_compile::compile(code.as_bytes(), b"=mutant").ok()?.0))
        .collect()
}

/// Makes mutants until `go_on` says no.
///
/// # Panics
/// When a heap is unsound or a machine does not work afterwards.
pub fn run(seed: u64, go_on: &dyn Fn(u64) -> bool, sum: &mut Sum) {
    let corpus = corpus();
    let mut random = Random::new(seed);
    let start = sum.mutants;
    while go_on(sum.mutants - start) {
        // Compiled code is not counted, so that a time limit ends what it runs.
        let tier = [Tier::Off, Tier::Off, Tier::Off, Tier::Eager][random.below(4)];
        let mut machine = Machine::new(tier);
        assert!(machine.run(OUTSIDE.as_bytes()).is_ok());
        machine.vm().set_memory_limit(24 << 20, OnLimit::Stop);
        for _ in 0..GENERATION {
            let chunk = mutant(&corpus, &mut random);
            sum.mutants += 1;
            if tier == Tier::Off {
                machine.vm().set_instruction_limit(Some(4_000), OnLimit::Stop);
            } else {
                machine.vm().set_time_limit(Duration::from_millis(4), OnLimit::Stop).expect("a thread");
            }
            let outcome = machine.run(&chunk);
            let refused = matches!(&outcome, Err(message) if message.starts_with("torture: ") || message.starts_with("bad binary"));
            sum.accepted += u64::from(!refused);
            sum.limited += u64::from(machine.vm().stopped().is_some());
            sum.errors += u64::from(outcome.is_err() && !refused && machine.vm().stopped().is_none());
        }
        machine.vm().set_instruction_limit(Some(2_000_000), OnLimit::Stop);
        machine.vm().set_deadline(None, OnLimit::Stop).expect("no thread");
        machine.verify();
        // Mutants may have changed globals and metatables, so an error is possible, but nothing worse.
        let _ = machine.run(b"local t = {} for i = 1, 50 do t[i] = i .. '' end collectgarbage() return #t");
        machine.verify();
    }
}

/// A chunk with one to four changes.
fn mutant(corpus: &[Proto], random: &mut Random) -> Vec<u8> {
    let mut proto = corpus[random.below(corpus.len())].clone();
    for _ in 0..=random.below(4) {
        // A change that the verifier would refuse is mostly taken back, so that several can add up.
        let mut changed = proto.clone();
        change(&mut changed, random);
        if random.below(12) == 0 || Verified::new(changed.clone()).is_ok() {
            proto = changed;
        }
    }
    let mut chunk = encode_chunk(&proto, random.below(2) == 0);
    if random.below(16) == 0 {
        let at = random.below(chunk.len());
        chunk[at] ^= 1 << random.below(8);
    }
    chunk
}

fn change(proto: &mut Proto, random: &mut Random) {
    if !proto.children.is_empty() && random.below(2) == 0 {
        let at = random.below(proto.children.len());
        return change(&mut proto.children[at], random);
    }
    let count = proto.code.len();
    if count == 0 {
        return;
    }
    let (at, other, shift) = (random.below(count), random.below(count), 8 * random.below(4));
    match random.below(16) {
        0 => proto.max_stack = random.word() as u8,
        1 => proto.params = random.word() as u8 % 8,
        2 => proto.is_vararg = !proto.is_vararg,
        3 => proto.code.swap(at, other),
        4 => proto.code[at] = proto.code[other],
        5 => drop(proto.code.remove(at)),
        6 => proto.code.insert(at, proto.code[other]),
        7 | 8 => proto.code[at] = proto.code[at] & !0x7f | random.below(0x70) as u32,
        9..=12 => proto.code[at] = proto.code[at] & !(0xff << shift) | (random.below(16) as u32) << shift,
        13 if !proto.constants.is_empty() => {
            let n = proto.constants.len();
            proto.constants[random.below(n)] = proto.constants[random.below(n)].clone();
        }
        14 if !proto.upvalues.is_empty() => {
            let n = proto.upvalues.len();
            let upvalue = &mut proto.upvalues[random.below(n)];
            upvalue.in_stack ^= random.below(2) == 0;
            upvalue.index = random.below(8) as u8;
        }
        _ => proto.code[at] ^= 1 << random.below(32),
    }
}
