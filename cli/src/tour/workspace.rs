//! The folder that the tour's program lies in, for as long as the tour takes.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{Seen, surprise};

/// The program's files.
const FILES: &[(&str, &str)] = &[
    ("main.lua", include_str!("program/main.lua")),
    ("scheduler.lua", include_str!("program/scheduler.lua")),
    ("queue.lua", include_str!("program/queue.lua")),
    ("statistics.lua", include_str!("program/statistics.lua")),
    ("record.lua", include_str!("program/record.lua")),
    ("query.lua", include_str!("program/query.lua")),
];

/// A folder with the program; it goes when this is dropped.
pub struct Workspace {
    /// Removes the folder.
    _directory: TempDir,
    root: PathBuf,
}

/// A place in a text, both counted from 0; columns in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

impl Workspace {
    /// Writes the program into a fresh folder.
    pub fn new() -> Seen<Workspace> {
        let cannot = |error: std::io::Error| surprise("a folder for the program", error.to_string());
        let directory = tempfile::Builder::new().prefix("perilune-tour-").tempdir().map_err(cannot)?;
        let root = directory.path().canonicalize().map_err(cannot)?;
        for (name, text) in FILES {
            std::fs::write(root.join(name), text).map_err(cannot)?;
        }
        Ok(Workspace { _directory: directory, root })
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The path of a file in it.
    pub fn path(&self, name: &str) -> String {
        self.root.join(name).to_string_lossy().into_owned()
    }

    /// The text that a file has on the disk.
    pub fn text(&self, name: &str) -> Seen<String> {
        std::fs::read_to_string(self.root.join(name)).map_err(|error| surprise(format!("the file {name}"), error.to_string()))
    }

    /// Saves a text.
    pub fn save(&self, name: &str, text: &str) -> Seen<()> {
        std::fs::write(self.root.join(name), text).map_err(|error| surprise(format!("to write {name}"), error.to_string()))
    }
}

/// Replaces a part of a text that is there exactly once.
pub fn edit(text: &str, from: &str, to: &str) -> Seen<String> {
    match text.matches(from).count() {
        1 => Ok(text.replacen(from, to, 1)),
        count => Err(surprise(format!("{from:?} once in the program"), format!("{count} times"))),
    }
}

/// Where the first occurrence of a part of a text begins.
pub fn find(text: &str, part: &str) -> Seen<Place> {
    let offset = text.find(part).ok_or_else(|| surprise(format!("{part:?} in the program"), "a text without it"))?;
    let before = &text[..offset];
    let line = before.matches('\n').count();
    let column = offset - before.rfind('\n').map_or(0, |at| at + 1);
    Ok(Place { line, column })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_from_zero() {
        assert_eq!(find("a\nbc\n", "c").expect("is there"), Place { line: 1, column: 1 });
    }

    #[test]
    fn an_edit_wants_one_place() {
        assert_eq!(edit("a b", "b", "c").expect("once"), "a c");
        assert!(edit("a a", "a", "c").is_err());
    }
}
