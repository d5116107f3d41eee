//! Folders of source files: what is in them, and copies of them.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

/// What is made, not written.
const MADE: &[&str] = &["node_modules", "dist"];

/// The files below a folder, relative to it, in order.
fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    let mut waiting = vec![PathBuf::new()];
    while let Some(relative) = waiting.pop() {
        let here = folder.join(&relative);
        let entries =
            fs::read_dir(&here).map_err(|error| format!("{}: {error}", here.display()))?;
        for entry in entries.flatten() {
            let name = entry.file_name();
            let path = relative.join(&name);
            if entry.path().is_dir() {
                if !MADE.iter().any(|made| name == *made) {
                    waiting.push(path);
                }
            } else if path.extension().is_none_or(|extension| extension != "vsix") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// A text that changes when a file of the folder does.
pub fn digest(folder: &Path) -> Result<String, String> {
    let mut hasher = DefaultHasher::new();
    for file in files(folder)? {
        let path = folder.join(&file);
        let content = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        (file, content).hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}

/// Copies the files of a folder into another one.
pub fn copy(from: &Path, into: &Path) -> Result<(), String> {
    for file in files(from)? {
        let target = into.join(&file);
        let parent = target.parent().unwrap_or(into);
        let copied = fs::create_dir_all(parent).and_then(|()| fs::copy(from.join(&file), &target));
        copied.map_err(|error| format!("{}: {error}", target.display()))?;
    }
    Ok(())
}
