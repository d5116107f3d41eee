//! Generated programs: the same output interpreted, compiled, under torture, and by the reference.

use crate::machine::{Machine, Outcome};
use crate::{generate, quality, reference};
use perilune_vm::tier::Eagerness;
use perilune_vm::{Options, Torture};

/// Chunk name of all programs, as the reference has it for what comes from standard input.
const NAME: &[u8] = b"=stdin";
const MEMORY: usize = 256 << 20;
/// What the limit of calls by natives says.
const OVERFLOW: &[u8] = b"stack overflow";

/// One program, compared and then tortured.
pub fn case(seed: u64) {
    let Some((program, plain)) = compared(seed) else { return };
    let eager = Some(Eagerness::Eager);
    let tortures = [Torture::Cycles(1), Torture::Pieces(1), Torture::Generations(1), Torture::Threads(40)];
    let (first, second) = (tortures[seed as usize % 4], tortures[(seed as usize + 1) % 4]);
    let tortured = run(&program, first, None);
    assert_same(&program, &plain, &tortured, "torture changes the result");
    let tortured = run(&program, second, eager);
    assert_same(&program, &plain, &tortured, "torture changes the result of compiled code");
    let tortured = run(&program, first, Some(Eagerness::Early));
    assert_same(&program, &plain, &tortured, "torture changes the result of code that knows what was seen");
}

/// One program, compared only: several times as many programs in the same time.
pub fn compare(seed: u64) {
    compared(seed);
}

/// The program of a seed and its result, which is the same interpreted, compiled and by the reference. Nothing for a
/// program whose stack overflows: a finalizer takes a call as well, and the collector decides when it runs.
fn compared(seed: u64) -> Option<(String, Outcome)> {
    let program = generate::program(seed);
    let plain = run(&program, Torture::None, None);
    let compiled = run(&program, Torture::None, Some(Eagerness::Eager));
    assert_same(&program, &plain, &compiled, "compiled code has another result");
    let early = run_and(&program, Torture::None, Some(Eagerness::Early), |machine| quality::note_sites(machine, NAME));
    assert_same(&program, &plain, &early, "code that knows what was seen has another result");
    if seed.is_multiple_of(quality::SAMPLE) {
        // Machine code is left at random all the time, and what is left to the interpreter is counted.
        let pieces = run_and(&program, Torture::Cycles(1000), Some(Eagerness::Eager), quality::note_instructions);
        assert_same(&program, &plain, &pieces, "code that is left at random has another result");
    }
    if seed % 4 == 1 {
        // Finalizers are called wherever they may be, while compiled code takes its short ways.
        let often = run(&program, Torture::Collector(1 + seed as u32 / 4 % 64), Some(Eagerness::Eager));
        assert_same(&program, &plain, &often, "the collector changes the result of compiled code");
    }
    quality::note_outcome(&plain);
    let expected = reference::run(&program);
    let overflows = |outcome: &Outcome| outcome.output.windows(OVERFLOW.len()).any(|text| text == OVERFLOW);
    if overflows(&plain) || expected.as_ref().is_some_and(overflows) {
        return None;
    }
    if let Some(expected) = expected {
        assert_same(&program, &without_sign(&expected), &without_sign(&plain), "the reference has another result");
    }
    Some((program, plain))
}

fn run(program: &str, torture: Torture, compiled: Option<Eagerness>) -> Outcome {
    run_and(program, torture, compiled, |_| ())
}

/// As [`run`], with a look at the machine afterwards.
fn run_and(program: &str, torture: Torture, compiled: Option<Eagerness>, look: impl FnOnce(&mut Machine)) -> Outcome {
    let mut machine = Machine::new(Options { memory_limit: MEMORY, torture, ..Options::default() });
    if let Some(eagerness) = compiled {
        machine.vm().set_tier(Box::new(perilune_jit::Baseline::new()), eagerness);
    }
    let outcome = machine.run(program.as_bytes(), NAME);
    machine.verify();
    look(&mut machine);
    outcome
}

/// The outcome with one kind of not-a-number: which sign a sum of two of them has depends on the order in which a C
/// compiler adds them.
fn without_sign(outcome: &Outcome) -> Outcome {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace("-nan", "nan").into_bytes();
    Outcome { output: text(&outcome.output), error: outcome.error.as_deref().map(text) }
}

#[track_caller]
fn assert_same(program: &str, expected: &Outcome, actual: &Outcome, what: &str) {
    if expected == actual {
        return;
    }
    let lines = |outcome: &Outcome| -> Vec<String> {
        let text = String::from_utf8_lossy(&outcome.output).into_owned();
        let error = outcome.error.as_ref().map(|error| format!("error: {}", String::from_utf8_lossy(error)));
        text.lines().map(str::to_string).chain(error).collect()
    };
    let (expected, actual) = (lines(expected), lines(actual));
    let at = expected.iter().zip(&actual).take_while(|(a, b)| a == b).count();
    let line = |lines: &[String]| lines.get(at).cloned().unwrap_or("(nothing)".into());
    panic!("{what}\n{program}\nline {at}\nexpected {}\nactual   {}", line(&expected), line(&actual));
}
