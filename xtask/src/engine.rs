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
    let peers = build_peer("lua54")?;
    let ready = peers.join("lua5.4");
    // The crate cannot carry the dot in its name; the binary should.
    fs::copy(peers.join("release/lua54"), &ready).map_err(|error| error.to_string())?;
    Ok(ready)
}

/// Luau, built.
pub fn luau() -> Result<PathBuf, String> {
    Ok(build_peer("luau")?.join("release/luau"))
}

/// LuaJIT, which the system's package of that name has.
pub fn luajit() -> Result<PathBuf, String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut files = std::env::split_paths(&path).map(|folder| folder.join("luajit"));
    files.find(|file| file.is_file()).ok_or("luajit is not on the search path: install its package".into())
}

/// Builds one of `bench/peers`, and gives the folder for what comes out of that.
fn build_peer(name: &str) -> Result<PathBuf, String> {
    let peers = project::target().join("peers");
    let (target, manifest) = (peers.to_string_lossy(), format!("bench/peers/{name}/Cargo.toml"));
    process::cargo(&["build", "--release", "--quiet", "--manifest-path", &manifest, "--target-dir", &target])?;
    Ok(peers)
}

fn absolute(path: &PathBuf) -> Result<PathBuf, String> {
    fs::canonicalize(path).map_err(|error| format!("{}: {error}", path.display()))
}
