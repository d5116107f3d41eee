//! Where the lines of earlier conversations are kept: only their author can read them.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// The file of the history, made if it is not there; `None` when there is no place for it.
pub fn file() -> Option<PathBuf> {
    let directory = directory()?;
    make(&directory).ok()?;
    Some(directory.join("history"))
}

/// `$XDG_STATE_HOME/perilune`, or `~/.local/state/perilune`.
fn directory() -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))?;
    Some(state.join("perilune"))
}

fn make(directory: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        builder.mode(0o700);
        options.mode(0o600);
    }
    builder.recursive(true).create(directory)?;
    options.append(true).create(true).open(directory.join("history")).map(|_| ())
}
