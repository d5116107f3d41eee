//! `perilune run --stats`: what became of the program's functions.

use std::time::Duration;

use perilune_vm::Vm;

use crate::interpreter::show;

/// How many kinds of instructions are listed.
const LISTED: usize = 8;

/// Says on standard error what was compiled, and what compiled code left to the interpreter.
pub fn show_all(program: &[u8], vm: &Vm, time: Duration) {
    for line in lines(vm, time) {
        show(program, line.as_bytes());
    }
}

fn lines(vm: &Vm, time: Duration) -> Vec<String> {
    let counts = vm.tier_counts();
    if let Some(why) = vm.tier_refusal() {
        return vec![format!("everything was interpreted: {why}")];
    }
    if counts.compiled == 0 {
        return vec!["everything was interpreted".to_owned()];
    }
    let share = counts.time.as_secs_f64() / time.as_secs_f64().max(f64::MIN_POSITIVE) * 100.0;
    let mut lines = vec![format!(
        "compiled {} functions ({} dropped) to {} bytes in {:.1} ms, {share:.1} % of {:.0} ms",
        counts.compiled,
        counts.dropped,
        counts.bytes,
        counts.time.as_secs_f64() * 1e3,
        time.as_secs_f64() * 1e3,
    )];
    lines.push(format!(
        "compiled code left {} instructions to the interpreter, {} of them on a miss, and made {} calls of what is not compiled",
        counts.steps + counts.misses,
        counts.misses,
        counts.calls,
    ));
    let left: Vec<_> = vm.tier_left().iter().take(LISTED).map(|(op, count)| format!("{} {count}", op.info().mnemonic)).collect();
    if !left.is_empty() {
        lines.push(format!("most often left: {}", left.join(", ")));
    }
    lines
}
