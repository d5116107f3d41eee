//! The directory of sessions: where it is, and that nobody else can enter it.

use std::fs::{self, DirBuilder, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::file;
use super::{in_workspace, is_alive, is_reachable, newest_first};
use crate::protocol::SessionInfo;

/// A directory whose owner is this user and that nobody else can enter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory(PathBuf);

/// Why a directory cannot hold sessions.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// It cannot be made or looked at.
    #[error("the session directory {} cannot be used: {source}", .path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is a file, or a symbolic link that could lead anywhere.
    #[error("the session directory {} is no directory (symbolic links are not followed)", .path.display())]
    NoDirectory {
        /// Which.
        path: PathBuf,
    },
    /// Somebody else made it.
    #[error("the session directory {} belongs to user {owner}, not to user {user}", .path.display())]
    Owner {
        /// Which.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who we are.
        user: u32,
    },
    /// Others could enter it.
    #[error("the session directory {} has mode {mode:03o}, only 700 is safe", .path.display())]
    Mode {
        /// Which.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
}

impl Directory {
    /// The standard directory, made if it is not there.
    ///
    /// It is `$XDG_RUNTIME_DIR/perilune`, or `perilune-UID` in the directory
    /// for temporary files when that variable names no directory.
    ///
    /// # Errors
    /// When it cannot be made, or others could tamper with it.
    pub fn standard() -> Result<Directory, DirectoryError> {
        Directory::open(&standard_path(runtime_directory(), temporary_directory()))
    }

    /// Where sessions may be: the program and who looks for it need not share an environment.
    pub fn candidates() -> Vec<PathBuf> {
        let runtime = runtime_directory().map(|path| path.join("perilune"));
        runtime.into_iter().chain([temporary_directory()]).collect()
    }

    /// A directory at this path, made if it is not there.
    ///
    /// # Errors
    /// As [`Directory::standard`].
    pub fn open(path: &Path) -> Result<Directory, DirectoryError> {
        match DirBuilder::new().mode(0o700).create(path) {
            Err(source) if source.kind() != io::ErrorKind::AlreadyExists => {
                Err(DirectoryError::Io { path: path.to_path_buf(), source })
            }
            _ => Directory::existing(path),
        }
    }

    /// The directory at this path, if it is there and safe.
    ///
    /// # Errors
    /// As [`Directory::standard`].
    pub fn existing(path: &Path) -> Result<Directory, DirectoryError> {
        let path = path.to_path_buf();
        match fs::symlink_metadata(&path) {
            Err(source) => Err(DirectoryError::Io { path, source }),
            Ok(metadata) => check(path, &metadata),
        }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The sessions in it that can be reached, the newest first; files of dead ones are removed.
    pub fn list(&self) -> Vec<SessionInfo> {
        let mut sessions: Vec<SessionInfo> =
            self.pids().into_iter().filter_map(|pid| self.session(pid)).collect();
        newest_first(&mut sessions);
        sessions
    }

    /// The session in it with this process id.
    pub fn find_by_pid(&self, pid: u32) -> Option<SessionInfo> {
        self.session(pid)
    }

    /// The sessions in it whose program or working directory lies in a workspace, the newest first.
    pub fn find_for_workspace(&self, root: &Path) -> Vec<SessionInfo> {
        in_workspace(self.list(), root)
    }

    pub(crate) fn file(&self, pid: u32) -> PathBuf {
        self.0.join(format!("{pid}.json"))
    }

    pub(crate) fn draft(&self, pid: u32) -> PathBuf {
        self.0.join(format!("{pid}.json.new"))
    }

    /// Where a program's Unix socket is.
    pub fn socket(&self, pid: u32) -> PathBuf {
        self.0.join(format!("{pid}.sock"))
    }

    /// Processes that have a file of any kind here.
    fn pids(&self) -> Vec<u32> {
        let entries = fs::read_dir(&self.0).into_iter().flatten().flatten();
        let mut pids: Vec<u32> = entries.filter_map(|entry| pid_of(entry.file_name().to_str()?)).collect();
        pids.sort_unstable();
        pids.dedup();
        pids
    }

    /// The session of a process; when there is none any more, its files go.
    fn session(&self, pid: u32) -> Option<SessionInfo> {
        let session = file::read(&self.file(pid)).filter(|session| session.pid == pid);
        match session {
            Some(session) if is_reachable(&session) => Some(session),
            // A process that lives and has no file yet is just opening its endpoint.
            None if is_alive(pid) => None,
            _ => {
                self.remove(pid);
                None
            }
        }
    }

    /// Removes what a dead process left behind.
    pub(crate) fn remove(&self, pid: u32) {
        for path in [self.file(pid), self.draft(pid), self.socket(pid)] {
            // What cannot be removed is skipped by whoever reads it.
            let _ = fs::remove_file(path);
        }
    }
}

fn check(path: PathBuf, metadata: &Metadata) -> Result<Directory, DirectoryError> {
    let user = rustix::process::geteuid().as_raw();
    if !metadata.is_dir() {
        return Err(DirectoryError::NoDirectory { path });
    }
    check_access(path, metadata.uid(), user, metadata.mode() & 0o777)
}

fn check_access(path: PathBuf, owner: u32, user: u32, mode: u32) -> Result<Directory, DirectoryError> {
    if owner != user {
        Err(DirectoryError::Owner { path, owner, user })
    } else if mode != 0o700 {
        Err(DirectoryError::Mode { path, mode })
    } else {
        Ok(Directory(path))
    }
}

/// The directory in the run-time directory, if that one is there.
fn standard_path(runtime: Option<PathBuf>, temporary: PathBuf) -> PathBuf {
    match runtime {
        Some(path) if path.is_dir() => path.join("perilune"),
        _ => temporary,
    }
}

/// `$XDG_RUNTIME_DIR`; its specification has relative paths ignored.
fn runtime_directory() -> Option<PathBuf> {
    std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute())
}

fn temporary_directory() -> PathBuf {
    std::env::temp_dir().join(format!("perilune-{}", rustix::process::geteuid().as_raw()))
}

/// The process that a file in the directory belongs to.
fn pid_of(name: &str) -> Option<u32> {
    let (pid, ending) = name.split_once('.')?;
    let is_ours = matches!(ending, "json" | "json.new" | "sock");
    pid.parse().ok().filter(|_| is_ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_of_somebody_else_is_refused() {
        let message = |owner, mode| match check_access("/run/perilune".into(), owner, 1000, mode) {
            Ok(_) => "fine".to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(message(1000, 0o700), "fine");
        let owner = "the session directory /run/perilune belongs to user 0, not to user 1000";
        assert_eq!(message(0, 0o700), owner);
        assert_eq!(
            message(1000, 0o750),
            "the session directory /run/perilune has mode 750, only 700 is safe"
        );
    }

    #[test]
    fn the_run_time_directory_comes_first_when_it_is_there() {
        let path =
            |runtime: Option<&str>| standard_path(runtime.map(PathBuf::from), "/tmp/perilune-7".into());
        assert_eq!(path(Some("/")), Path::new("/perilune"));
        assert_eq!(path(Some("/nowhere/at/all")), Path::new("/tmp/perilune-7"));
        assert_eq!(path(None), Path::new("/tmp/perilune-7"));
    }

    #[test]
    fn files_are_known_by_their_names() {
        assert_eq!(pid_of("12.json"), Some(12));
        assert_eq!(pid_of("12.json.new"), Some(12));
        assert_eq!(pid_of("12.sock"), Some(12));
        for other in ["12", "12.txt", "x.json", "-1.sock", ".json"] {
            assert_eq!(pid_of(other), None, "{other}");
        }
    }
}
