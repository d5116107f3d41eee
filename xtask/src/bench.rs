//! `bench/programs` and `bench/single` timed by `perilune bench`, beside the implementations that are to be had.

use std::process::Command;

use crate::options::Options;
use crate::report::Report;
use crate::{engine, project};

const RESULTS: &str = "bench/results.md";

pub fn run(options: &Options, report: &mut Report) {
    report.check("bench", measure(options));
}

fn measure(options: &Options) -> Result<(), String> {
    let mut bench = Command::new(engine::perilune(options)?);
    bench.arg("bench").args(["--rounds", &options.rounds.to_string()]);
    bench.arg("--against").arg(engine::lua(options)?);
    if options.peers {
        let luajit = engine::luajit()?;
        bench.arg("--against").arg(&luajit);
        bench.arg("--against").arg(format!("{} -joff", luajit.display()));
        bench.arg("--against").arg(engine::luau()?);
    }
    if options.write {
        bench.arg("--write").arg(project::root().join(RESULTS));
    }
    let wanted = |program: &std::path::PathBuf| options.wants(&project::name(program));
    for program in project::programs("bench/single").into_iter().filter(wanted) {
        bench.arg("--single").arg(program);
    }
    bench.args(project::programs("bench/programs").into_iter().filter(wanted));
    let status = bench.status().map_err(|error| format!("perilune does not start: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("perilune bench ended with {status}")) }
}
