//! The files that are checked: those named, and the Lua files in folders that are named.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What was read, and what was not.
#[derive(Default)]
pub struct Files {
    /// Paths as they are shown, with their texts; each file once.
    pub texts: Vec<(PathBuf, String)>,
    /// Folders that were named: modules are looked for from here.
    pub roots: Vec<PathBuf>,
    /// What could not be read, and why.
    pub unreadable: Vec<String>,
    seen: BTreeSet<PathBuf>,
}

/// Reads all files below the paths. Hidden folders, `node_modules` and `target` are left out.
pub fn files(paths: &[PathBuf]) -> Files {
    let mut files = Files::default();
    for path in paths {
        if path.is_dir() {
            files.roots.push(path.clone());
            files.folder(path);
        } else {
            files.read(path);
        }
    }
    files
}

impl Files {
    /// All Lua files of a folder, in the order of names; links to folders are not followed.
    fn folder(&mut self, root: &Path) {
        let mut pending = vec![root.to_path_buf()];
        while let Some(folder) = pending.pop() {
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) => {
                    self.unreadable.push(format!("cannot read {}: {error}", folder.display()));
                    continue;
                }
            };
            let mut entries: Vec<fs::DirEntry> = entries.flatten().collect();
            entries.sort_by_key(fs::DirEntry::file_name);
            let is_folder = |entry: &&fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
            let (folders, others): (Vec<_>, Vec<_>) = entries.iter().partition(is_folder);
            let is_lua = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "lua");
            others.iter().map(|entry| entry.path()).filter(is_lua).for_each(|path| self.read(&path));
            let wanted = folders.iter().rev().filter(|entry| !is_left_out(&entry.file_name().to_string_lossy()));
            pending.extend(wanted.map(|entry| entry.path()));
        }
    }

    fn read(&mut self, path: &Path) {
        let identity = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        if !self.seen.insert(identity) {
            return;
        }
        match fs::read(path) {
            Ok(bytes) => self.texts.push((path.to_path_buf(), decoded(bytes))),
            Err(error) => self.unreadable.push(format!("cannot read {}: {error}", path.display())),
        }
    }
}

/// Lua takes any bytes; those that are no text are shown as what they are not.
fn decoded(bytes: Vec<u8>) -> String {
    match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    }
}

fn is_left_out(name: &str) -> bool {
    name.starts_with('.') || matches!(name, "node_modules" | "target")
}
