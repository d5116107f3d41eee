//! `perilune bench`: programs timed side by side with other implementations.
//!
//! Rounds are interleaved, so that a slow minute of the computer hits every implementation alike; the median of the
//! processor times is what counts.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Process, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use lexopt::{Arg, ValueExt};

use crate::command::{Arguments, Command, Failure, Outcome, complain, output, unexpected};

/// `bench`
pub const COMMAND: Command = Command {
    name: "bench",
    arguments: "[--rounds N] [--against COMMAND]... [--single PATH]... [--write FILE] PATH...",
    summary: "time programs, compiled and interpreted, beside other implementations",
    details: "  --rounds N          times that each program is run, in turn with the others; 5 without it\n\
              \x20 --against COMMAND   another implementation, as 'lua5.4' or 'luajit -joff'; ratios are to the first\n\
              \x20 --single PATH       a program that does one thing many times; these have a table of their own\n\
              \x20 --write FILE        the tables, as a page, besides standard output\n\
              \n\
              A path is a program, or a folder with programs ('*.lua'). Each runs in its folder, without input,\n\
              and what it prints is dropped. What another implementation does not understand is left out;\n\
              a program that fails here is an error.\n",
    run,
};

/// A run that takes longer has failed.
const LIMIT: Duration = Duration::from_secs(120);
/// Ours compiled and ours interpreted come first, then the reference.
const COMPILED: usize = 0;
const INTERPRETED: usize = 1;
const REFERENCE: usize = 2;

struct Engine {
    /// The head of its column.
    name: String,
    program: PathBuf,
    switches: Vec<String>,
    /// What of ours is compiled, see `--jit`.
    jit: &'static str,
}

/// The times of one program: one list for each engine, in seconds.
struct Row {
    program: String,
    times: Vec<Vec<f64>>,
}

fn run(arguments: Arguments<'_>) -> Outcome {
    let mut parser = arguments.parser();
    let (mut rounds, mut against, mut write) = (5_u32, Vec::new(), None::<OsString>);
    let (mut paths, mut single) = (Vec::new(), Vec::new());
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("rounds") => rounds = parser.value()?.parse()?,
            Arg::Long("against") => against.push(parser.value()?.string()?),
            Arg::Long("single") => single.push(PathBuf::from(parser.value()?)),
            Arg::Long("write") => write = Some(parser.value()?),
            Arg::Value(path) => paths.push(PathBuf::from(path)),
            other => return Err(unexpected(other)),
        }
    }
    if rounds == 0 {
        return Err(Failure::Usage("there must be a round".into()));
    }
    let engines = engines(&against)?;
    if paths.is_empty() && single.is_empty() {
        return Err(Failure::Usage("a program is missing".into()));
    }
    let mut tables = Vec::new();
    if !paths.is_empty() {
        tables.push(overview(&engines, &measured(&engines, &programs(&paths)?, rounds)?));
    }
    if !single.is_empty() {
        let rows = measured(&engines, &programs(&single)?, rounds)?;
        tables.push(format!("Programs that do one thing many times:\n\n{}\n", table(&engines, &rows)));
    }
    let tables = tables.join("\n");
    if let Some(file) = write {
        let page = page(&tables, &engines, rounds);
        fs::write(&file, page)
            .map_err(|error| Failure::Failed(format!("cannot write {}: {error}", file.to_string_lossy())))?;
    }
    output(&tables)
}

/// The times of all programs.
fn measured(engines: &[Engine], programs: &[PathBuf], rounds: u32) -> Result<Vec<Row>, Failure> {
    programs.iter().map(|program| measure(engines, program, rounds).map_err(Failure::Failed)).collect()
}

/// In the order of the constants above, then the others.
fn engines(against: &[String]) -> Result<Vec<Engine>, Failure> {
    let ours = std::env::current_exe().map_err(|error| Failure::Failed(format!("where this program is: {error}")))?;
    let own = |name: &str, jit| Engine { name: name.into(), program: ours.clone(), switches: Vec::new(), jit };
    let mut engines = vec![own("perilune", "on"), own("--jit=off", "off")];
    for command in against {
        let mut words = command.split_whitespace();
        let program = words.next().ok_or(Failure::Usage("the command of '--against' is empty".into()))?;
        let switches: Vec<String> = words.map(str::to_owned).collect();
        let file = Path::new(program).file_name().unwrap_or_default().to_string_lossy();
        let name = std::iter::once(&*file).chain(switches.iter().map(String::as_str)).collect::<Vec<_>>().join(" ");
        engines.push(Engine { name, program: program.into(), switches, jit: "on" });
    }
    Ok(engines)
}

/// The programs that the paths name, in order; those of a folder by name.
fn programs(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut programs = Vec::new();
    for path in paths {
        let cannot = |error: std::io::Error| Failure::Failed(format!("cannot read {}: {error}", path.display()));
        if !fs::metadata(path).map_err(cannot)?.is_dir() {
            programs.push(fs::canonicalize(path).map_err(cannot)?);
            continue;
        }
        let mut found = Vec::new();
        for entry in fs::read_dir(path).map_err(cannot)? {
            let file = entry.map_err(cannot)?.path();
            if file.extension().is_some_and(|extension| extension == "lua") && file.is_file() {
                found.push(fs::canonicalize(&file).map_err(cannot)?);
            }
        }
        if found.is_empty() {
            return Err(Failure::Failed(format!("{} has no programs", path.display())));
        }
        found.sort();
        programs.append(&mut found);
    }
    Ok(programs)
}

fn measure(engines: &[Engine], program: &Path, rounds: u32) -> Result<Row, String> {
    let name = program.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut row = Row { program: name.clone(), times: vec![Vec::new(); engines.len()] };
    let mut left_out = vec![false; engines.len()];
    for _ in 0..rounds {
        for (index, engine) in engines.iter().enumerate() {
            if left_out[index] {
                continue;
            }
            match time(engine, program)? {
                Ok(seconds) => row.times[index].push(seconds),
                Err(why) if index < REFERENCE => return Err(format!("{name} under {}: {why}", engine.name)),
                Err(_) => left_out[index] = true,
            }
        }
    }
    for (times, _) in row.times.iter_mut().zip(&left_out).filter(|(_, left_out)| **left_out) {
        times.clear();
    }
    complain(&format!("bench: {name} measured"));
    Ok(row)
}

/// Processor seconds that a run takes, or why the program failed. An engine that does not start is an error.
fn time(engine: &Engine, program: &Path) -> Result<Result<f64, String>, String> {
    let before = processor_time();
    let mut child = Process::new(&engine.program)
        .env("PERILUNE_JIT", engine.jit)
        .args(&engine.switches)
        .arg(program.file_name().unwrap_or_default())
        .current_dir(program.parent().unwrap_or(Path::new(".")))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("{} does not start: {error}", engine.program.display()))?;
    Ok(match wait(&mut child) {
        Some(status) if status.success() => Ok(processor_time() - before),
        Some(status) => Err(format!("it ended with {status}")),
        None => Err(format!("it took more than {} s", LIMIT.as_secs())),
    })
}

/// How a child ended; it is ended itself when it takes too long.
fn wait(child: &mut Child) -> Option<ExitStatus> {
    let start = Instant::now();
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if start.elapsed() > LIMIT {
            // It may have ended by now.
            child.kill().ok();
            child.wait().ok();
            return None;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Processor seconds of all children that have ended.
#[cfg(unix)]
fn processor_time() -> f64 {
    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::TimeValLike;
    let spent = getrusage(UsageWho::RUSAGE_CHILDREN).map(|usage| usage.user_time() + usage.system_time());
    spent.map_or(0.0, |spent| spent.num_microseconds() as f64 / 1e6)
}

/// Seconds of the clock, where the system does not say what children have used.
#[cfg(not(unix))]
fn processor_time() -> f64 {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_secs_f64()
}

/// What is compared: ours compiled and interpreted with the first other implementation, or else with each other.
fn pairs(engines: &[Engine]) -> &'static [(usize, usize)] {
    if engines.len() > REFERENCE { &[(COMPILED, REFERENCE), (INTERPRETED, REFERENCE)] } else { &[(COMPILED, INTERPRETED)] }
}

/// The width of the column with names.
fn width(rows: &[Row]) -> usize {
    rows.iter().map(|row| row.program.len()).max().unwrap_or(0).max("geometric mean".len())
}

fn table(engines: &[Engine], rows: &[Row]) -> String {
    let has_reference = engines.len() > REFERENCE;
    let heads: &[&str] = if has_reference { &["ratio", "ratio off"] } else { &["ratio"] };
    let width = width(rows);
    let mut out = format!("| {:<width$} |", "program");
    for name in engines.iter().map(|engine| engine.name.as_str()).chain(heads.iter().copied()) {
        out += &format!(" {name:>10} |");
    }
    out += &format!("\n|{}|", "-".repeat(width + 2));
    for name in engines.iter().map(|engine| engine.name.as_str()).chain(heads.iter().copied()) {
        out += &format!("{}:|", "-".repeat(name.len().max(10) + 1));
    }
    for row in rows {
        out += &format!("\n| {:<width$} |", row.program);
        for (times, engine) in row.times.iter().zip(engines) {
            out += &format!(" {:>1$} |", cell(median(times)), engine.name.len().max(10));
        }
        for (ours, theirs) in pairs(engines) {
            out += &format!(" {:>10} |", cell(ratio(row, *ours, *theirs)));
        }
    }
    out
}

/// The table with means.
fn overview(engines: &[Engine], rows: &[Row]) -> String {
    let (mut out, width) = (table(engines, rows), width(rows));
    let ratios = |ours: usize, theirs: usize| -> Vec<f64> { rows.iter().filter_map(|row| ratio(row, ours, theirs)).collect() };
    out += &format!("\n| {:<width$} |", "geometric mean");
    for engine in engines {
        out += &format!(" {:>1$} |", "", engine.name.len().max(10));
    }
    for (ours, theirs) in pairs(engines) {
        out += &format!(" {:>10} |", cell(geometric_mean(&ratios(*ours, *theirs))));
    }
    out.push('\n');
    for (index, engine) in engines.iter().enumerate().skip(REFERENCE) {
        let ratios = ratios(COMPILED, index);
        let faster = ratios.iter().filter(|ratio| **ratio < 1.0).count();
        if let Some(mean) = geometric_mean(&ratios) {
            let (name, speed, both) = (&engine.name, 1.0 / mean, ratios.len());
            out += &format!("\n* Beside {name}: {speed:.2} times the speed over the {both} programs that both run; faster on {faster}.");
        }
    }
    out + "\n"
}

fn page(tables: &str, engines: &[Engine], rounds: u32) -> String {
    let other = engines.get(REFERENCE).map_or("--jit=off", |engine| engine.name.as_str());
    format!(
        "# Benchmark results\n\n\
         Written by `perilune bench`. There is no time for a program that an implementation does not understand.\n\
         Median processor seconds of {rounds} interleaved rounds; a ratio is ours divided by {other}, so less is better: \
         compiled when hot, and interpreted only.\n\n{tables}"
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

    #[test]
    fn what_was_left_out_has_no_ratio() {
        let engines = engines(&["/usr/bin/other -x".into()]).expect("a command");
        let row = |times: &[&[f64]]| Row { program: "p".into(), times: times.iter().map(|times| times.to_vec()).collect() };
        let table = overview(&engines, &[row(&[&[1.0], &[2.0], &[4.0]]), row(&[&[1.0], &[2.0], &[]])]);
        let lines: Vec<&str> = table.lines().collect();
        assert!(lines[0].ends_with("|   other -x |      ratio |  ratio off |"), "{table}");
        assert!(lines[2].ends_with("|      4.000 |      0.250 |      0.500 |"), "{table}");
        assert!(lines[3].ends_with("|          - |          - |          - |"), "{table}");
        assert!(table.ends_with("* Beside other -x: 4.00 times the speed over the 1 programs that both run; faster on 1.\n"), "{table}");
    }
}
