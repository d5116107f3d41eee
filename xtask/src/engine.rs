//! The engines that run Lua programs: ours, and the peers it is compared with.

use std::fs;
use std::path::PathBuf;

use crate::options::Options;
use crate::{process, project};

/// The engine of this workspace, built when no path was given.
pub fn perilune(options: &Options) -> Result<PathBuf, String> {
    if let Some(path) = &options.perilune {
        return absolute(path);
    }
    process::cargo(&["build", "--release", "--quiet", "--package", "perilune"])?;
    Ok(project::target().join("release/perilune"))
}

/// The stock Lua 5.4 interpreter, built when no path was given.
pub fn lua(options: &Options) -> Result<PathBuf, String> {
    if let Some(path) = &options.lua {
        return absolute(path);
    }
    let peers = project::target().join("peers");
    let target = peers.to_string_lossy();
    let manifest = "bench/peers/lua54/Cargo.toml";
    process::cargo(&[
        "build", "--release", "--quiet", "--manifest-path", manifest, "--target-dir", &target,
    ])?;
    let ready = peers.join("lua5.4");
    // The crate cannot carry the dot in its name; the binary should.
    fs::copy(peers.join("release/lua54"), &ready).map_err(|error| error.to_string())?;
    Ok(ready)
}

/// LuaJIT, when the search path has one.
pub fn luajit() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join("luajit")).find(|file| file.is_file())
}

fn absolute(path: &PathBuf) -> Result<PathBuf, String> {
    fs::canonicalize(path).map_err(|error| format!("{}: {error}", path.display()))
}
