//! Lua programs under both engines: the same bytes and the same exit code.
//!
//! Three kinds: `tests/lua/*.lua` is compared with the reference and counts its
//! own checks; `tests/lua/extension/*.lua` goes beyond the reference and carries
//! its expected output as `--> text`; the benchmarks run with tiny sizes.
//!
//! Each program runs interpreted, compiled when hot, compiled eagerly, and under torture, both
//! interpreted and compiled eagerly: the collector works at every allocation, or at every n-th
//! when the program has a line `-- torture: n`, stacks move at every call, compiled code is left
//! and dropped at random, and the heap is checked at the end; and the collector alone does so,
//! while compiled code takes its short ways. The output must be the same.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::options::Options;
use crate::process::{self, Outcome};
use crate::report::Report;
use crate::{engine, project};

const LIMIT: Duration = Duration::from_secs(20);

/// As long as a program may take while the collector runs at every allocation.
const TORTURE_LIMIT: Duration = Duration::from_secs(120);

/// Chooses what is compiled.
const JIT: &str = "PERILUNE_JIT";

/// Ways to torture the machine: whole cycles of the collector, the smallest pieces of one, generations, whole cycles on
/// two threads, and whole cycles and nothing else; and how many times rarer than the program says, for threads take
/// long to start.
const TORTURES: [(&str, u32); 5] = [("cycles", 1), ("pieces", 1), ("generations", 1), ("threads", 20), ("collector", 1)];

/// How many random programs are compared.
const RANDOM_PROGRAMS: u64 = 5000;

/// Fewer checks than this means that a file was lost or ended early.
const CHECKS_MIN: usize = 600;

struct Engines {
    perilune: PathBuf,
    lua: PathBuf,
}

pub fn run(options: &Options, report: &mut Report) {
    let engines = match engines(options) {
        Ok(engines) => engines,
        Err(why) => return report.fail("engines", &why),
    };
    let checks = conformance(&engines, options, report);
    extensions(&engines, options, report);
    benchmarks(&engines, options, report);
    if options.names.is_empty() {
        report.step("random programs", || random_programs(&engines));
        let enough = if checks >= CHECKS_MIN {
            Ok(())
        } else {
            Err(format!("only {checks} checks ran, limit {CHECKS_MIN}"))
        };
        println!("{checks} checks");
        report.check("number of checks", enough);
    }
}

fn engines(options: &Options) -> Result<Engines, String> {
    Ok(Engines { perilune: engine::perilune(options)?, lua: engine::lua(options)? })
}

fn wanted(folder: &str, options: &Options) -> Vec<PathBuf> {
    let mut programs = project::programs(folder);
    programs.retain(|program| options.wants(&project::name(program)));
    programs
}

/// Runs the conformance programs and returns how many checks succeeded.
fn conformance(engines: &Engines, options: &Options, report: &mut Report) -> usize {
    let mut checks = 0;
    for program in wanted("tests/lua", options) {
        let name = format!("tests/lua/{}", project::name(&program));
        match compare(engines, &program, &[]) {
            Ok(output) => {
                checks += count(&output, "ok ");
                report.check(&name, no_failures(&output));
            }
            Err(why) => report.fail(&name, &why),
        }
    }
    checks
}

fn no_failures(output: &str) -> Result<(), String> {
    let total = output.lines().last().and_then(|line| line.strip_prefix("checks\t"));
    let ran = count(output, "ok ") + count(output, "FAIL ");
    match (count(output, "FAIL "), total.and_then(|total| total.parse::<usize>().ok())) {
        (0, Some(total)) if total == ran => Ok(()),
        (0, _) => Err(format!("the last line does not count the {ran} checks")),
        (failures, _) => Err(format!("{failures} checks fail under both engines")),
    }
}

fn count(output: &str, prefix: &str) -> usize {
    output.lines().filter(|line| line.starts_with(prefix)).count()
}

fn extensions(engines: &Engines, options: &Options, report: &mut Report) {
    for program in wanted("tests/lua/extension", options) {
        let name = format!("tests/lua/extension/{}", project::name(&program));
        report.check(&name, extension(engines, &program));
    }
}

fn extension(engines: &Engines, program: &Path) -> Result<(), String> {
    let text = fs::read_to_string(program).map_err(|error| error.to_string())?;
    let outcome = process::lua(&engines.perilune, program, &[], LIMIT)?;
    let wanted = Outcome { output: expectation(&text).into_bytes(), errors: vec![], code: Some(0) };
    difference(&wanted, &outcome)?;
    modes(engines, program, &[], &wanted)
}

/// What the `--> text` comments of a program promise, one line each.
fn expectation(text: &str) -> String {
    let promised = text.lines().filter_map(|line| line.split_once("--> "));
    promised.map(|(_, line)| format!("{line}\n")).collect()
}

fn benchmarks(engines: &Engines, options: &Options, report: &mut Report) {
    for folder in ["bench/programs", "bench/single"] {
        for program in wanted(folder, options) {
            let name = format!("{folder}/{}", project::name(&program));
            let outcome = tiny_size(&program)
                .and_then(|size| compare(engines, &program, &[size]))
                .map(|_| ());
            report.check(&name, outcome);
        }
    }
}

/// Compares random programs with fixed seeds, on two processors: interpreted, compiled in both ways, and by the
/// reference. Says how good they are, and fails when that is poor.
fn random_programs(engines: &Engines) -> Result<(), String> {
    process::cargo(&["build", "--release", "--quiet", "--package", "perilune-fuzz"])?;
    let fuzz = project::target().join("release/perilune-fuzz");
    let share = RANDOM_PROGRAMS / 2;
    let children = [1, 1 + share].map(|seed| {
        let arguments = ["compare", "--seed", &seed.to_string(), "--iterations", &share.to_string()].map(str::to_owned);
        let mut command = Command::new(&fuzz);
        command.args(arguments).env("PERILUNE_REFERENCE", &engines.lua).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
    });
    let mut outcome = Ok(());
    for child in children {
        let output = child.and_then(Child::wait_with_output).map_err(|error| format!("{}: {error}", fuzz.display()))?;
        let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if output.status.success() {
            println!("{}", said.lines().last().unwrap_or_default());
        } else {
            outcome = Err(format!("{}: {said}{errors}", output.status));
        }
    }
    outcome
}

/// The size for tests that a benchmark names in its `-- tiny: N` line.
fn tiny_size(program: &Path) -> Result<String, String> {
    setting(program, "-- tiny: ")?.ok_or("the line `-- tiny: N` is missing".to_string())
}

/// What stands behind a prefix in a program's comments.
fn setting(program: &Path, prefix: &str) -> Result<Option<String>, String> {
    let text = fs::read_to_string(program).map_err(|error| error.to_string())?;
    Ok(text.lines().find_map(|line| line.strip_prefix(prefix)).map(str::to_string))
}

/// Runs a program under both engines and returns what both printed.
fn compare(engines: &Engines, program: &Path, arguments: &[String]) -> Result<String, String> {
    let expected = process::lua(&engines.lua, program, arguments, LIMIT)?;
    if expected.code != Some(0) {
        return Err(format!("the reference fails: {}", expected.last_error()));
    }
    let actual = process::lua(&engines.perilune, program, arguments, LIMIT)?;
    difference(&expected, &actual)?;
    modes(engines, program, arguments, &expected)?;
    Ok(expected.text())
}

/// Runs a program in all the ways that must make no difference.
fn modes(engines: &Engines, program: &Path, arguments: &[String], expected: &Outcome) -> Result<(), String> {
    for jit in ["off", "eager"] {
        let actual = process::lua_in(&[(JIT, jit)], &engines.perilune, &[], program, arguments, LIMIT)?;
        difference(expected, &actual).map_err(|why| format!("with {JIT}={jit}: {why}"))?;
        torture(engines, program, arguments, expected, jit)?;
    }
    Ok(())
}

fn torture(engines: &Engines, program: &Path, arguments: &[String], expected: &Outcome, jit: &str) -> Result<(), String> {
    let period = setting(program, "-- torture: ")?.map_or(Ok(1), |text| text.trim().parse::<u32>());
    let period = period.map_err(|error| format!("the line `-- torture: N`: {error}"))?;
    for (kind, rarer) in TORTURES {
        let torture = format!("{kind}:{}", period * rarer);
        let environment = [("PERILUNE_TORTURE", torture.as_str()), (JIT, jit)];
        let actual = process::lua_in(&environment, &engines.perilune, &[], program, arguments, TORTURE_LIMIT)?;
        difference(expected, &actual).map_err(|why| format!("under torture ({torture}, {JIT}={jit}): {why}"))?;
    }
    Ok(())
}

fn difference(expected: &Outcome, actual: &Outcome) -> Result<(), String> {
    if expected.output == actual.output && expected.code == actual.code {
        return Ok(());
    }
    let mut why = String::new();
    if expected.code != actual.code {
        let code = actual.code.map_or("a signal or the time limit".into(), |code| code.to_string());
        why += &format!("ended with {code}: {}\n", actual.last_error());
    }
    Err(why + &line_difference(&expected.text(), &actual.text()))
}

/// The lines that differ, in the order of the expected text.
///
/// A line that the other side has further on is found again, so one missing
/// line does not spoil the rest.
fn line_difference(expected: &str, actual: &str) -> String {
    const SHOWN_MAX: usize = 40;
    let (expected, actual): (Vec<_>, Vec<_>) = (expected.lines().collect(), actual.lines().collect());
    let (mut i, mut j, mut out) = (0, 0, vec![String::new()]);
    while i < expected.len() || j < actual.len() {
        match (expected.get(i), actual.get(j)) {
            (Some(left), Some(right)) if left == right => (i, j) = (i + 1, j + 1),
            (Some(_), Some(right)) if !expected[i..].contains(right) => {
                out.push(format!("    actual   {right}"));
                j += 1;
            }
            (Some(left), _) => {
                out.push(format!("    expected {left}"));
                i += 1;
            }
            (None, right) => {
                out.extend(right.map(|line| format!("    actual   {line}")));
                j += 1;
            }
        }
    }
    let hidden = out.len().saturating_sub(SHOWN_MAX);
    out.truncate(SHOWN_MAX);
    if hidden > 0 {
        out.push(format!("    and {hidden} more lines"));
    }
    out.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_line_does_not_spoil_the_rest() {
        assert_eq!(line_difference("a\nb\nc\n", "a\nc\n"), "\n    expected b");
        assert_eq!(line_difference("a\nb\n", "a\nx\n"), "\n    actual   x\n    expected b");
    }

    #[test]
    fn a_program_promises_its_output_beside_its_calls() {
        assert_eq!(expectation("print(1) --> 1\nlocal x\nf() --> a b\n"), "1\na b\n");
    }

    #[test]
    fn a_file_that_ends_early_is_noticed() {
        assert!(no_failures("ok   a\nchecks\t1\n").is_ok());
        assert!(no_failures("ok   a\n").is_err());
        assert!(no_failures("FAIL a\nchecks\t1\n").is_err());
    }
}
