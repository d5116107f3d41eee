//! Perilune's project tasks: `cargo xtask test`, `suite`, `tidy`, `clients`, `bench`, `torture`.
//!
//! This file only chooses the task. Each task is a module named by its noun.

mod options;
mod project;
mod report;
mod process;
mod engine;
mod suite;
mod tidy;
mod clients;
mod bench;

use std::process::ExitCode;

use options::{Options, Task};
use report::Report;

fn main() -> ExitCode {
    match Options::parse(std::env::args().skip(1)) {
        Ok(options) => run(&options),
        Err(message) => {
            eprintln!("xtask: {message}\n{}", options::USAGE);
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> ExitCode {
    let mut report = Report::default();
    match options.task {
        Task::Test => test(options, &mut report),
        Task::Suite => suite::run(options, &mut report),
        Task::Tidy => tidy::run(&mut report),
        Task::Clients => clients::run(options, &mut report),
        Task::Bench => bench::run(options, &mut report),
        Task::Torture => report.step("torture", || torture(options)),
    }
    report.finish()
}

fn torture(options: &Options) -> Result<(), String> {
    let mut arguments = vec!["run", "--release", "-p", "perilune-torture", "--", "--minutes", &options.minutes];
    arguments.extend(options.names.iter().map(String::as_str));
    process::cargo(&arguments)
}

fn test(options: &Options, report: &mut Report) {
    report.step("cargo test", || process::cargo(&["test", "--workspace", "--release", "--quiet"]));
    suite::run(options, report);
    clients::run(options, report);
    tidy::run(report);
}
