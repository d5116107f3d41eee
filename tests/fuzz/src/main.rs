//! `perilune-fuzz TARGET [--seed N] [--iterations N] [--trace]`: long runs of a fuzz target.
#![forbid(unsafe_code)]

use perilune_fuzz::target::find;
use perilune_fuzz::{TARGETS, Target, quality, run_case};
use std::process::ExitCode;

const USAGE: &str = "usage: perilune-fuzz TARGET [--seed N] [--iterations N] [--trace]";

struct Arguments {
    target: &'static Target,
    seed: u64,
    iterations: usize,
    /// Say every seed before its case, for cases that end the process.
    trace: bool,
}

fn main() -> ExitCode {
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(why) => {
            let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            eprintln!("perilune-fuzz: {why}\n{USAGE}\ntargets: {}", names.join(" "));
            return ExitCode::from(2);
        }
    };
    for (done, case) in (arguments.seed..).take(arguments.iterations).enumerate() {
        if arguments.trace {
            eprintln!("{case}");
        }
        run_case(arguments.target, case);
        if (done + 1) % 10_000 == 0 {
            println!("{} cases of '{}', up to seed {case}", done + 1, arguments.target.name);
        }
    }
    println!("{} cases of '{}' passed", arguments.iterations, arguments.target.name);
    let quality = quality::so_far();
    if quality.programs() > 0 {
        println!("{quality}");
    }
    match quality.check() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("perilune-fuzz: the programs are poor: {why}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let name = words.next().ok_or("a target is missing")?;
    let target = find(&name).ok_or(format!("no target is called '{name}'"))?;
    let mut arguments = Arguments { target, seed: 1, iterations: 10_000, trace: false };
    while let Some(word) = words.next() {
        let mut number = || {
            let value = words.next().ok_or(format!("{word} needs a number"))?;
            value.parse::<u64>().map_err(|_| format!("'{value}' is not a number"))
        };
        match word.as_str() {
            "--seed" => arguments.seed = number()?,
            "--iterations" => arguments.iterations = number()? as usize,
            "--trace" => arguments.trace = true,
            _ => return Err(format!("unknown option '{word}'")),
        }
    }
    Ok(arguments)
}
