//! The extension of VS Code: packed, and tried in a real editor.
//!
//! The editor is code-server, the same editor served to a browser, because it
//! can be installed by npm. The browser is the system's Chromium, headless.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::apt::Package;
use super::archive;
use super::node::{is_stamped, stamp};
use super::{Bench, source};
use crate::project;

pub const PACKAGES: &[Package] = &[
    Package::program("chromium", "chromium"),
    Package::library("fonts-dejavu-core"),
    // What npm compiles native modules of code-server with.
    Package::library("libkrb5-dev"),
    Package::program("g++", "g++"),
    Package::program("make", "make"),
];

/// Below the folder of the libraries, where node's look-up finds them.
const COPY: &str = "source";

pub fn command(bench: &Bench) -> Result<Command, String> {
    let modules = bench
        .node
        .modules(&source("vscode"), &bench.folder.join("vscode"))?;
    let package = pack(bench)?;
    let mut command = bench.node.command("node");
    command.arg(source("vscode").join("run.js"));
    command
        .env("NODE_PATH", &modules)
        .env("PERILUNE_VSIX", package);
    command.env(
        "PERILUNE_EXTENSION",
        bench.folder.join("extension").join(COPY),
    );
    if bench.write {
        command.env(
            "PERILUNE_SCREENSHOT",
            project::root().join("docs/images/vscode.png"),
        );
    }
    Ok(command)
}

/// Packs the extension in a copy of its folder, so that nothing is written to the sources.
fn pack(bench: &Bench) -> Result<PathBuf, String> {
    let from = project::root().join("editors/vscode");
    let folder = bench.folder.join("extension");
    bench.node.modules(&from, &folder)?;
    let copy = folder.join(COPY);
    let package = copy.join("perilune.vsix");
    let content = archive::digest(&from)?;
    let packed = folder.join("packed");
    if is_stamped(&packed, &content) && package.is_file() {
        return Ok(package);
    }
    bench.fresh(&format!("extension/{COPY}"))?;
    archive::copy(&from, &copy)?;
    for script in ["check", "package"] {
        run(bench, &copy, script)?;
    }
    std::fs::create_dir_all(&packed).map_err(|error| error.to_string())?;
    stamp(&packed, &content)?;
    Ok(package)
}

fn run(bench: &Bench, folder: &Path, script: &str) -> Result<(), String> {
    bench
        .node
        .npm(folder, &["run", script])
        .map_err(|why| format!("npm run {script} of the extension: {why}"))
}
