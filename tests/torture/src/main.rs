//! `perilune-torture [NAME..] [--minutes N] [--seed N]`: the long runs, and a table of what they came to.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use perilune_torture::machine::Tier;
use perilune_torture::random::Random;
use perilune_torture::{kill, memory, mutant, recursion};

/// The time for each run.
struct Budget {
    end: Instant,
    seed: u64,
}

impl Budget {
    fn lasts(&self) -> bool {
        Instant::now() < self.end
    }
}

/// A run: what it came to, as lines.
type Run = fn(&Budget) -> Vec<String>;

const RUNS: &[(&str, Run)] = &[("memory", memory), ("mutants", mutants), ("recursion", recursion), ("kill", kill)];

fn main() -> ExitCode {
    let mut names = Vec::new();
    let (mut minutes, mut seed) = (10.0, 1);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().and_then(|text| text.parse::<f64>().ok()).filter(|n| *n >= 0.0);
        match (argument.as_str(), RUNS.iter().any(|(name, _)| *name == argument)) {
            ("--minutes", _) => minutes = number().unwrap_or(minutes),
            ("--seed", _) => seed = number().map_or(seed, |n| n as u64),
            (_, true) => names.push(argument),
            _ => {
                eprintln!("usage: perilune-torture [memory] [mutants] [recursion] [kill] [--minutes N] [--seed N]");
                return ExitCode::from(2);
            }
        }
    }
    let chosen: Vec<_> =
        RUNS.iter().filter(|(name, _)| names.is_empty() || names.iter().any(|wanted| wanted == name)).collect();
    let share = Duration::from_secs_f64(minutes * 60.0 / chosen.len() as f64);
    for (name, run) in chosen {
        let start = Instant::now();
        let lines = run(&Budget { end: start + share, seed });
        println!("{name:<10} {:>8.1} s", start.elapsed().as_secs_f64());
        for line in lines {
            println!("           {line}");
        }
    }
    ExitCode::SUCCESS
}

fn memory(budget: &Budget) -> Vec<String> {
    let mut lines = Vec::new();
    for tier in [Tier::Off, Tier::Eager] {
        let mut sum = memory::Sum::default();
        let half = Budget {
            end: Instant::now()
                + budget.end.saturating_duration_since(Instant::now()) / if tier == Tier::Off { 2 } else { 1 },
            seed: 0,
        };
        memory::run(tier, 0, 1, &|| half.lasts(), &mut sum);
        lines.push(format!(
            "{tier:?}: {} tasks, {} failing allocations, {} ended with an error; nothing lost",
            sum.tasks, sum.injections, sum.errors
        ));
    }
    lines
}

fn mutants(budget: &Budget) -> Vec<String> {
    let mut sum = mutant::Sum::default();
    let start = Instant::now();
    mutant::run(budget.seed, &|_| budget.lasts(), &mut sum);
    let rate = sum.mutants as f64 / start.elapsed().as_secs_f64();
    vec![format!(
        "{} mutants ({rate:.0} a second), {} accepted, {} ended with an error, {} at a limit",
        sum.mutants, sum.accepted, sum.errors, sum.limited
    )]
}

fn recursion(_: &Budget) -> Vec<String> {
    for tier in Tier::ALL {
        for (name, program) in recursion::KINDS {
            recursion::check(name, program, tier);
        }
    }
    vec![format!("{} kinds in {} modes, each a Lua error", recursion::KINDS.len(), Tier::ALL.len())]
}

fn kill(budget: &Budget) -> Vec<String> {
    const LIMIT: Duration = Duration::from_millis(1);
    let (mut random, mut times) = (Random::new(budget.seed), kill::Times::default());
    let mut round = 0;
    while budget.lasts() {
        for (at, (name, body)) in kill::WORKLOADS.iter().enumerate() {
            if !budget.lasts() {
                break;
            }
            let tier = Tier::ALL[(at + round) % Tier::ALL.len()];
            kill::check(name, body, tier, 10, &mut random, &mut times);
        }
        round += 1;
    }
    let mut lines = vec![format!("{} workloads, {} kills", kill::WORKLOADS.len(), times.count())];
    for (label, share) in [("half", 0.5), ("99 %", 0.99), ("99.9 %", 0.999), ("all", 1.0)] {
        let (time, name) = times.within(share);
        lines.push(format!("{label:>7} stopped within {:>8.3} ms ({name})", time.as_secs_f64() * 1e3));
    }
    for (time, name) in times.slow(LIMIT) {
        lines.push(format!("median over {LIMIT:?}: {name}, {:.2} ms", time.as_secs_f64() * 1e3));
    }
    lines
}
