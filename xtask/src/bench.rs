//! Perilune and its peers side by side on `bench/programs`.
//!
//! Rounds are interleaved, so that a slow minute of the machine hits every
//! engine alike; the median of the processor times is what counts.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::options::Options;
use crate::report::Report;
use crate::{engine, process, project};

const LIMIT: Duration = Duration::from_secs(120);
const RESULTS: &str = "bench/results.md";

struct Engine {
    name: &'static str,
    path: PathBuf,
    arguments: &'static [&'static str],
    /// What of ours is compiled, see `--jit`.
    jit: &'static str,
    /// Whether it need not understand every program: other languages lack operators and libraries of Lua 5.4.
    is_foreign: bool,
}

impl Engine {
    fn new(name: &'static str, path: PathBuf) -> Engine {
        Engine { name, path, arguments: &[], jit: "on", is_foreign: false }
    }

    /// The program and its switches.
    fn title(&self) -> String {
        let program = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        std::iter::once(program.as_str()).chain(self.arguments.iter().copied()).collect::<Vec<_>>().join(" ")
    }

    fn foreign(name: &'static str, path: PathBuf, arguments: &'static [&'static str]) -> Engine {
        Engine { arguments, is_foreign: true, ..Engine::new(name, path) }
    }
}

/// Ours compiled and ours interpreted come first, then the reference.
const COMPILED: usize = 0;
const INTERPRETED: usize = 1;
const REFERENCE: usize = 2;

/// The times of one program: one list for each engine, in seconds.
struct Row {
    program: String,
    times: Vec<Vec<f64>>,
}

pub fn run(options: &Options, report: &mut Report) {
    let engines = match engines(options) {
        Ok(engines) => engines,
        Err(why) => return report.fail("engines", &why),
    };
    let mut rows = Vec::new();
    for program in project::programs("bench/programs") {
        if options.wants(&project::name(&program)) {
            rows.push(measure(&engines, &program, options.rounds, report));
        }
    }
    let table = table(&engines, &rows);
    println!("{table}");
    if options.write {
        let page = page(&table, options.rounds);
        let written = fs::write(project::root().join(RESULTS), page);
        report.check(RESULTS, written.map_err(|error| error.to_string()));
    }
}

/// In the order of the constants above, then the other implementations.
fn engines(options: &Options) -> Result<Vec<Engine>, String> {
    let ours = engine::perilune(options)?;
    let mut engines = vec![
        Engine::new("perilune", ours.clone()),
        Engine { jit: "off", ..Engine::new("--jit=off", ours) },
        Engine::new("lua5.4", engine::lua(options)?),
    ];
    if options.peers {
        let luajit = engine::luajit()?;
        engines.push(Engine::foreign("luajit", luajit.clone(), &[]));
        engines.push(Engine::foreign("-joff", luajit, &["-joff"]));
        engines.push(Engine::foreign("luau", engine::luau()?, &[]));
    }
    Ok(engines)
}

fn measure(engines: &[Engine], program: &Path, rounds: usize, report: &mut Report) -> Row {
    let name = project::name(program);
    let mut row = Row { program: name.clone(), times: vec![Vec::new(); engines.len()] };
    let mut failed = vec![false; engines.len()];
    for _ in 0..rounds {
        for (index, engine) in engines.iter().enumerate() {
            if failed[index] {
                continue;
            }
            match time(engine, program) {
                Ok(seconds) => row.times[index].push(seconds),
                Err(why) => {
                    failed[index] = true;
                    row.times[index].clear();
                    if !engine.is_foreign {
                        report.fail(&format!("{name} under {}", engine.name), &why);
                    }
                }
            }
        }
    }
    if !failed[COMPILED] && !failed[INTERPRETED] {
        report.pass();
    }
    eprintln!("{name} measured");
    row
}

fn time(engine: &Engine, program: &Path) -> Result<f64, String> {
    let before = process::processor_time();
    let outcome = process::lua_in(&[("PERILUNE_JIT", engine.jit)], &engine.path, engine.arguments, program, &[], LIMIT)?;
    match outcome.code {
        Some(0) => Ok(process::processor_time() - before),
        Some(_) => Err(outcome.last_error()),
        None => Err("ended by a signal or the time limit".into()),
    }
}

fn table(engines: &[Engine], rows: &[Row]) -> String {
    let mut out = format!("| {:<16} |", "program");
    for engine in engines {
        out += &format!(" {:>10} |", engine.name);
    }
    out += &format!(" {:>10} | {:>10} |\n|{}|", "ratio", "ratio off", "-".repeat(18));
    out += &format!("{}:|", "-".repeat(11)).repeat(engines.len() + 2);
    for row in rows {
        out += &format!("\n| {:<16} |", row.program);
        for times in &row.times {
            out += &format!(" {:>10} |", cell(median(times)));
        }
        for ours in [COMPILED, INTERPRETED] {
            out += &format!(" {:>10} |", cell(ratio(row, ours, REFERENCE)));
        }
    }
    let ratios = |ours: usize, theirs: usize| -> Vec<f64> { rows.iter().filter_map(|row| ratio(row, ours, theirs)).collect() };
    let mean = |ours: usize| cell(geometric_mean(&ratios(ours, REFERENCE)));
    out += &format!("\n| {:<16} |", "geometric mean");
    out += &format!(" {:>10} |", "").repeat(engines.len());
    out += &format!(" {:>10} | {:>10} |\n", mean(COMPILED), mean(INTERPRETED));
    for (index, engine) in engines.iter().enumerate().skip(REFERENCE) {
        let ratios = ratios(COMPILED, index);
        let faster = ratios.iter().filter(|ratio| **ratio < 1.0).count();
        if let Some(mean) = geometric_mean(&ratios) {
            let (name, speed, both) = (engine.title(), 1.0 / mean, ratios.len());
            out += &format!("\n* Beside {name}: {speed:.2} times the speed over the {both} programs that both run; faster on {faster}.");
        }
    }
    out + "\n"
}

fn page(table: &str, rounds: usize) -> String {
    format!(
        "# Benchmark results\n\n\
         Written by `cargo xtask bench --write`; with `--peers`, other implementations have columns, and no time for \
         programs that they do not understand.\n\
         Median processor seconds of {rounds} interleaved rounds; \
         a ratio is ours divided by lua5.4, so less is better: compiled when hot, and interpreted only.\n\n{table}"
    )
}

fn cell(value: Option<f64>) -> String {
    value.map_or("-".into(), |value| format!("{value:.3}"))
}

fn ratio(row: &Row, ours: usize, theirs: usize) -> Option<f64> {
    Some(median(&row.times[ours])? / median(&row.times[theirs])?)
}

fn median(times: &[f64]) -> Option<f64> {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[middle]),
        _ => Some((sorted[middle - 1] + sorted[middle]) / 2.0),
    }
}

fn geometric_mean(ratios: &[f64]) -> Option<f64> {
    let sum: f64 = ratios.iter().map(|ratio| ratio.ln()).sum();
    (!ratios.is_empty()).then(|| (sum / ratios.len() as f64).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_the_median() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn twice_and_half_cancel() {
        assert_eq!(geometric_mean(&[2.0, 0.5]), Some(1.0));
    }
}
