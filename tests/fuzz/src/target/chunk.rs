//! Binary chunks with changes: refused, or verified and then as safe to run as any program.
//!
//! A third of the cases changes bytes, which mostly ends in a refusal. The
//! others change decoded functions, so that the result is nearly always well
//! written and often valid.

use crate::corpus;
use crate::machine::{Machine, Outcome};
use crate::mutate::mutate;
use crate::random::Random;
use perilune_isa::{Const, Proto, Verified, decode_chunk, encode_chunk};
use perilune_vm::{Options, Torture};
use std::sync::OnceLock;

const BUDGET: u64 = 30_000;
const MEMORY: usize = 48 << 20;

/// One chunk.
pub fn case(seed: u64) {
    let mut random = Random::new(seed);
    let chunk = match random.below(3) {
        0 => bytes(&mut random),
        _ => functions(&mut random),
    };
    run(&chunk, random.below(3));
}

/// The functions of the corpus, each as a program of its own.
fn protos() -> &'static [Proto] {
    static PROTOS: OnceLock<Vec<Proto>> = OnceLock::new();
    PROTOS.get_or_init(|| {
        let mut all = Vec::new();
        for program in corpus::programs() {
            let compiled = perilune_compile::compile(&program.text, program.name.as_bytes());
            let Ok(perilune_isa::Chunk(proto)) = compiled else { panic!("{} does not compile", program.name) };
            collect(&proto, &mut all);
        }
        all
    })
}

/// Whole programs are long; a function by itself finds its upvalues nil, apart from the first.
fn collect(proto: &Proto, all: &mut Vec<Proto>) {
    all.push(proto.clone());
    proto.children.iter().for_each(|child| collect(child, all));
}

fn bytes(random: &mut Random) -> Vec<u8> {
    let mut chunk = encode_chunk(random.pick(protos()), random.one_in(3));
    let header = chunk.len().min(18);
    let mut rest = chunk.split_off(header);
    mutate(random, &mut rest);
    chunk.extend(rest);
    chunk
}

fn functions(random: &mut Random) -> Vec<u8> {
    let mut proto = random.pick(protos()).clone();
    let changes = 1 + random.below(4);
    for _ in 0..changes {
        // A change that the verifier would refuse is taken back, so that several can add up.
        let mut changed = proto.clone();
        change(random, &mut changed);
        if Verified::new(changed.clone()).is_ok() || random.one_in(20) {
            proto = changed;
        }
    }
    encode_chunk(&proto, false)
}

fn change(random: &mut Random, proto: &mut Proto) {
    if !proto.children.is_empty() && random.one_in(2) {
        let at = random.below(proto.children.len());
        return change(random, &mut proto.children[at]);
    }
    match random.below(12) {
        0 => proto.max_stack = random.byte(),
        1 => proto.params = random.byte() % 8,
        2 => proto.is_vararg = !proto.is_vararg,
        3 => change_constant(random, proto),
        4 => change_upvalue(random, proto),
        5 => swap(random, proto),
        _ => change_word(random, proto),
    }
}

fn change_constant(random: &mut Random, proto: &mut Proto) {
    let count = proto.constants.len();
    if count == 0 {
        return;
    }
    let at = random.below(count);
    proto.constants[at] = match random.below(6) {
        0 => Const::Nil,
        1 => Const::Int(random.word() as i64),
        2 => Const::Float(f64::from_bits(random.word())),
        3 => Const::Str(vec![random.byte(); random.below(60)].into()),
        4 => Const::False,
        _ => proto.constants[random.below(count)].clone(),
    };
}

fn change_upvalue(random: &mut Random, proto: &mut Proto) {
    let count = proto.upvalues.len();
    if count == 0 {
        return;
    }
    let upvalue = &mut proto.upvalues[random.below(count)];
    match random.below(2) {
        0 => upvalue.in_stack = !upvalue.in_stack,
        _ => upvalue.index = random.byte() % 32,
    }
}

fn swap(random: &mut Random, proto: &mut Proto) {
    let count = proto.code.len();
    if count > 1 {
        let at = random.below(count - 1);
        let to = random.below(count);
        proto.code.swap(at, to);
    }
}

/// Another opcode, or another operand, in an instruction that is there.
fn change_word(random: &mut Random, proto: &mut Proto) {
    let count = proto.code.len();
    if count == 0 {
        return;
    }
    let at = random.below(count);
    let other = proto.code[random.below(count)];
    let word = &mut proto.code[at];
    let shift = 8 * random.below(4);
    *word = match random.below(5) {
        0 => other,
        1 => *word & !(0xff << shift) | other & 0xff << shift,
        2 => *word & !(0xff << shift) | (random.below(24) as u32) << shift,
        3 => *word & !0x7f | random.below(0x70) as u32,
        _ => *word ^ 1 << random.below(32),
    };
}

/// Runs a chunk in every mode.
pub fn run_everywhere(chunk: &[u8]) {
    (0..3).for_each(|mode| run(chunk, mode));
}

/// Loads a chunk and, if it is accepted, runs it in all modes.
fn run(chunk: &[u8], mode: usize) {
    if decode_chunk(chunk).is_err() {
        let outcome = Machine::new(Options::default()).run(chunk, b"=fuzz");
        assert!(outcome.error.is_some(), "a chunk that cannot be decoded runs");
        return;
    }
    let limited = Options { memory_limit: MEMORY, instructions: Some(BUDGET), torture: torture(mode), ..Options::default() };
    let first = run_once(chunk, limited);
    // The quick paths of the interpreter are closed while instructions are counted, so a
    // program that is known to end runs once more without a limit.
    if mode == 1 && !is_exhausted(&first) {
        run_once(chunk, Options { memory_limit: MEMORY, ..Options::default() });
    }
}

fn torture(mode: usize) -> Torture {
    [Torture::Cycles(1), Torture::None, Torture::Pieces(2)][mode]
}

fn is_exhausted(outcome: &Outcome) -> bool {
    outcome.error.as_ref().is_some_and(|error| error.ends_with(b"instruction limit exceeded"))
}

fn run_once(chunk: &[u8], options: Options) -> Outcome {
    let mut machine = Machine::new(options);
    let outcome = machine.run(chunk, b"=fuzz");
    machine.vm().set_instruction_limit(Some(BUDGET), perilune_vm::OnLimit::Error);
    machine.verify();
    // The program may have left hooks and metatables behind, so an error is possible, but nothing worse.
    machine.run(b"local t = {} for i = 1, 10 do t[i] = i .. '' end return #t", b"=probe");
    machine.verify();
    outcome
}
