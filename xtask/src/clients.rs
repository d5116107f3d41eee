//! Real clients against the real binary: editors, protocol libraries, a terminal.
//!
//! Each suite is a folder of `tests/clients`. What it needs is installed below
//! `target/clients` and by the system's package manager; what may not be
//! installed is named and fails the suite, never skips it.

mod apt;
mod archive;
mod command;
mod emacs;
mod extension;
mod node;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::options::Options;
use crate::report::Report;
use crate::{engine, project};
use apt::Package;
use node::Node;

/// One folder of `tests/clients`.
struct Suite {
    name: &'static str,
    packages: &'static [Package],
    /// Ends a suite that hangs; a good run takes a fraction of it.
    limit: Duration,
    command: fn(&Bench) -> Result<Command, String>,
}

const SUITES: &[Suite] = &[
    Suite {
        name: "grammar",
        packages: &[],
        limit: minutes(1),
        command: |bench| bench.node_tests("grammar"),
    },
    Suite {
        name: "lsp",
        packages: &[],
        limit: minutes(4),
        command: |bench| bench.node_tests("lsp"),
    },
    Suite {
        name: "dap",
        packages: &[],
        limit: minutes(6),
        command: |bench| bench.node_tests("dap"),
    },
    Suite {
        name: "repl",
        packages: &[Package::program("tmux", "tmux")],
        limit: minutes(4),
        command: |bench| bench.node_tests("repl"),
    },
    Suite {
        name: "emacs",
        packages: emacs::PACKAGES,
        limit: minutes(6),
        command: emacs::command,
    },
    Suite {
        name: "vscode",
        packages: extension::PACKAGES,
        limit: minutes(8),
        command: extension::command,
    },
];

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

/// What every suite works with.
struct Bench {
    perilune: PathBuf,
    /// `target/clients`.
    folder: PathBuf,
    node: Node,
    /// Whether the screenshot of the documentation is taken anew.
    write: bool,
}

/// Runs the suites that are named; all when none is.
pub fn run(options: &Options, report: &mut Report) {
    let unknown = options
        .names
        .iter()
        .find(|name| !SUITES.iter().any(|suite| suite.name == *name));
    if let Some(name) = unknown {
        let known: Vec<&str> = SUITES.iter().map(|suite| suite.name).collect();
        return report.fail(
            name,
            &format!("no such suite; there are {}", known.join(", ")),
        );
    }
    let bench = match bench(options) {
        Ok(bench) => bench,
        Err(why) => return report.fail("clients", &why),
    };
    for suite in SUITES.iter().filter(|suite| options.wants(suite.name)) {
        report.step(&format!("clients {}", suite.name), || bench.run(suite));
    }
}

fn bench(options: &Options) -> Result<Bench, String> {
    let perilune = engine::perilune(options)?;
    let folder = project::target().join("clients");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let node = node::install(&folder)?;
    Ok(Bench {
        perilune,
        folder,
        node,
        write: options.write,
    })
}

impl Bench {
    fn run(&self, suite: &Suite) -> Result<(), String> {
        apt::require(suite.packages)?;
        let home = self.fresh("home")?;
        let mut command = (suite.command)(self)?;
        command
            .env("PERILUNE", &self.perilune)
            .env("HOME", home)
            .env_remove("PERILUNE_JIT")
            .env_remove("LUA_PATH")
            .env_remove("LUA_INIT")
            .current_dir(project::root());
        command::run(&mut command, suite.limit)
    }

    /// An empty folder of this name below `target/clients`.
    fn fresh(&self, name: &str) -> Result<PathBuf, String> {
        let folder = self.folder.join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder)
                .map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(folder)
    }

    /// The test runner of node on a suite's files, with the suite's libraries.
    fn node_tests(&self, name: &str) -> Result<Command, String> {
        let source = source(name);
        let modules = self.node.modules(&source, &self.folder.join(name))?;
        let mut command = self.node.command("node");
        command
            .env("NODE_PATH", modules)
            .args(["--test", "--test-concurrency=1"]);
        command.args(["--test-reporter=spec", "--test-timeout=60000"]);
        command.args(test_files(&source)?);
        Ok(command)
    }
}

fn source(suite: &str) -> PathBuf {
    project::root().join("tests/clients").join(suite)
}

fn test_files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.to_string_lossy().ends_with(".test.js"));
    files.sort();
    if files.is_empty() {
        Err(format!("{} has no tests", folder.display()))
    } else {
        Ok(files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suite_is_a_folder() {
        for suite in SUITES {
            assert!(source(suite.name).is_dir(), "{}", suite.name);
        }
    }
}
