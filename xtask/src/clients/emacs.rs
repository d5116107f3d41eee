//! Emacs in batch mode: the package is compiled and checked, then its tests run.

use std::process::Command;

use super::apt::Package;
use super::{Bench, source};

pub const PACKAGES: &[Package] = &[
    Package::program("emacs-nox", "emacs"),
    Package::library("elpa-eglot"),
    Package::library("elpa-lua-mode"),
    Package::library("elpa-dap-mode"),
    Package::program("git", "git"),
];

/// In this order: `quality` makes the package known to the others.
const FILES: &[&str] = &[
    "quality",
    "mode-test",
    "eglot-test",
    "live-test",
    "dap-test",
];

pub fn command(_: &Bench) -> Result<Command, String> {
    let folder = source("emacs");
    let mut command = Command::new("emacs");
    command.arg("--batch").arg("--directory").arg(&folder);
    for file in FILES {
        command
            .arg("--load")
            .arg(folder.join(file).with_extension("el"));
    }
    command.args(["--funcall", "ert-run-tests-batch-and-exit"]);
    Ok(command)
}
