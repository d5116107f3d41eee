//! What comes from the system's package manager.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::command;
use crate::project;

const LIMIT: Duration = Duration::from_secs(1200);

/// A Debian package, and the program by which it is known to be there.
///
/// A machine of another kind, which has the program, will do as well.
pub struct Package {
    name: &'static str,
    program: Option<&'static str>,
}

impl Package {
    /// A package that is there when its program is.
    pub const fn program(name: &'static str, program: &'static str) -> Package {
        Package {
            name,
            program: Some(program),
        }
    }

    /// A package without a program of its own.
    pub const fn library(name: &'static str) -> Package {
        Package {
            name,
            program: None,
        }
    }

    fn is_there(&self) -> bool {
        self.program
            .map_or_else(|| is_installed(self.name), command::is_program)
    }
}

fn is_installed(package: &str) -> bool {
    let query = Command::new("dpkg-query")
        .args(["-W", "-f", "${db:Status-Status}", package])
        .output();
    query.is_ok_and(|output| output.stdout == b"installed")
}

/// Sees to it that the packages are there, or says which are missing.
pub fn require(packages: &[Package]) -> Result<(), String> {
    let missing = missing(packages);
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    if !command::is_program("apt-get") || !nix::unistd::Uid::effective().is_root() {
        return Err(format!(
            "these Debian packages are missing and only root can install them: {names}"
        ));
    }
    println!("installing {names}");
    // Lists of packages may be absent or stale; only then are they fetched.
    let outcome = install(&missing).or_else(|_| update().and_then(|()| install(&missing)));
    outcome
        .map_err(|why| format!("these Debian packages could not be installed: {names}\n{why}"))?;
    match self::missing(packages) {
        left if left.is_empty() => Ok(()),
        left => Err(format!(
            "still missing after their installation: {}",
            left.join(" ")
        )),
    }
}

fn missing(packages: &[Package]) -> Vec<&'static str> {
    packages
        .iter()
        .filter(|package| !package.is_there())
        .map(|package| package.name)
        .collect()
}

fn install(packages: &[&str]) -> Result<(), String> {
    apt_get(&[&["install", "-y", "--no-install-recommends"], packages].concat())
}

fn update() -> Result<(), String> {
    apt_get(&["update"])
}

fn apt_get(arguments: &[&str]) -> Result<(), String> {
    let log: PathBuf = project::target().join("clients/apt.log");
    let mut command = Command::new("apt-get");
    command
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null());
    command::run_logged(&mut command, LIMIT, &log)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let packages = [
            Package::program("dash", "sh"),
            Package::library("no-such-package-of-debian"),
        ];
        assert_eq!(missing(&packages), ["no-such-package-of-debian"]);
    }
}
