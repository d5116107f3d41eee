//! Files that are not open: found below the folders of the workspace, within limits.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Files that are read.
const MAX_FILES: usize = 5000;
/// Longest file that is read.
const MAX_FILE: u64 = 2 << 20;
/// Bytes that are read in all.
const MAX_TOTAL: u64 = 128 << 20;
/// Entries of folders that are looked at.
const MAX_ENTRIES: usize = 200_000;
/// Folders inside of folders.
const MAX_DEPTH: usize = 32;

/// When and how long a file was when it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
}

/// A file that was read.
pub(crate) struct Found {
    pub(crate) path: String,
    pub(crate) stamp: Stamp,
    pub(crate) text: String,
}

/// What differs from what was known.
#[derive(Default)]
pub(crate) struct Scan {
    /// New and changed files.
    pub(crate) found: Vec<Found>,
    /// Files that are no longer there.
    pub(crate) gone: Vec<String>,
    /// The limit that was met, if one was.
    pub(crate) limit: Option<String>,
}

/// Reads the Lua files below `folders` that are not as `known`.
///
/// Hidden folders, `node_modules` and `target` are left out, and links to folders are not followed.
pub(crate) fn scan(folders: &[PathBuf], known: &HashMap<String, Stamp>) -> Scan {
    let mut walk = Walk { known, scan: Scan::default(), seen: HashSet::new(), total: 0, entries: 0 };
    for folder in folders {
        walk.folders(folder);
    }
    let Walk { mut scan, seen, .. } = walk;
    if scan.limit.is_none() {
        let is_inside = |path: &str| folders.iter().any(|folder| Path::new(path).starts_with(folder));
        let gone = known.keys().filter(|path| !seen.contains(*path) && is_inside(path));
        scan.gone = gone.cloned().collect();
    }
    scan
}

/// Reads one file, if it is one that [`scan`] would read.
pub(crate) fn read(path: &Path) -> Option<Found> {
    let stamp = stamp(path)?;
    let bytes = fs::read(path).ok()?;
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    };
    Some(Found { path: path.to_str()?.to_string(), stamp, text })
}

/// Whether a path is below one of the folders and not in one that is left out.
pub(crate) fn is_wanted(path: &Path, folders: &[PathBuf]) -> bool {
    let is_inside = |folder: &PathBuf| {
        let rest = path.strip_prefix(folder).ok();
        rest.is_some_and(|rest| rest.iter().all(|part| !is_left_out(&part.to_string_lossy())))
    };
    is_lua(path) && folders.iter().any(is_inside)
}

fn is_lua(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "lua")
}

fn is_left_out(name: &str) -> bool {
    name.starts_with('.') || matches!(name, "node_modules" | "target")
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok().filter(|metadata| metadata.is_file() && metadata.len() <= MAX_FILE)?;
    Some(Stamp { modified: metadata.modified().ok(), length: metadata.len() })
}

struct Walk<'k> {
    known: &'k HashMap<String, Stamp>,
    scan: Scan,
    seen: HashSet<String>,
    total: u64,
    entries: usize,
}

impl Walk<'_> {
    /// A folder and all below it, in the order of names.
    fn folders(&mut self, root: &Path) {
        let mut pending = vec![(root.to_path_buf(), 0)];
        while let Some((folder, depth)) = pending.pop() {
            let Ok(entries) = fs::read_dir(&folder) else { continue };
            let mut entries: Vec<fs::DirEntry> = entries.flatten().collect();
            entries.sort_by_key(fs::DirEntry::file_name);
            let mut below = Vec::new();
            for entry in entries {
                self.entries += 1;
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                if is_folder && depth < MAX_DEPTH && !is_left_out(&entry.file_name().to_string_lossy()) {
                    below.push((entry.path(), depth + 1));
                } else if !is_folder && is_lua(&entry.path()) {
                    self.file(&entry.path());
                }
            }
            pending.extend(below.into_iter().rev());
            if self.meets_limit() {
                return;
            }
        }
    }

    fn file(&mut self, path: &Path) {
        let name = path.to_str().filter(|name| !self.seen.contains(*name) && self.seen.len() < MAX_FILES);
        let (Some(name), Some(stamp)) = (name, stamp(path)) else { return };
        self.total += stamp.length;
        self.seen.insert(name.to_string());
        if self.total <= MAX_TOTAL && self.known.get(name) != Some(&stamp) {
            self.scan.found.extend(read(path));
        }
    }

    fn meets_limit(&mut self) -> bool {
        let limit = match () {
            () if self.seen.len() >= MAX_FILES => format!("{MAX_FILES} files"),
            () if self.total > MAX_TOTAL => format!("{} MB", MAX_TOTAL >> 20),
            () if self.entries > MAX_ENTRIES => format!("{MAX_ENTRIES} entries of folders"),
            () => return false,
        };
        self.scan.limit = Some(limit);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_reads_what_is_new_and_notes_what_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        for path in ["a.lua", "lib/b.lua", ".hidden/c.lua", "node_modules/d.lua", "target/e.lua", "f.txt"] {
            write(path, "return 1");
        }
        write("long.lua", &" ".repeat(MAX_FILE as usize + 1));
        let folders = [folder.path().to_path_buf()];
        let first = scan(&folders, &HashMap::new());
        let names = |scan: &Scan| -> Vec<String> {
            let strip = |found: &Found| Path::new(&found.path).strip_prefix(folder.path()).unwrap().display().to_string();
            scan.found.iter().map(strip).collect()
        };
        assert_eq!(names(&first), ["a.lua", "lib/b.lua"]);
        let known: HashMap<String, Stamp> = first.found.iter().map(|found| (found.path.clone(), found.stamp)).collect();
        fs::remove_file(folder.path().join("a.lua")).unwrap();
        write("lib/b.lua", "return 22");
        let second = scan(&folders, &known);
        assert_eq!((names(&second), second.gone.len()), (vec!["lib/b.lua".to_string()], 1));
        assert!(is_wanted(&folder.path().join("x/y.lua"), &folders));
        assert!(!is_wanted(&folder.path().join(".git/y.lua"), &folders));
        assert!(!is_wanted(Path::new("/elsewhere/y.lua"), &folders));
    }
}
