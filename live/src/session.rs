//! Programs that can be reached, and where they say so.
//!
//! Each leaves a file and a socket in a directory that only its user can
//! enter. The files are hints: a program that died leaves one behind, and
//! whoever looks through the directory removes it.

mod directory;
mod file;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Pid;

use crate::protocol::SessionInfo;
use crate::wire::Address;

pub use directory::{Directory, DirectoryError};
pub use file::SessionFile;

/// How long a program may take to accept a connection before it counts as there but busy.
const PATIENCE: Duration = Duration::from_millis(200);

/// The programs of this user that can be reached, the newest first.
///
/// Removes what dead ones left behind. A directory that does not exist or
/// cannot be trusted has none.
pub fn list() -> Vec<SessionInfo> {
    let directories = Directory::candidates().into_iter().filter_map(|path| Directory::existing(&path).ok());
    let mut sessions: Vec<SessionInfo> = directories.flat_map(|directory| directory.list()).collect();
    newest_first(&mut sessions);
    sessions
}

/// The program with this process id.
pub fn find_by_pid(pid: u32) -> Option<SessionInfo> {
    list().into_iter().find(|session| session.pid == pid)
}

/// Programs whose file or working directory lies in a workspace, the newest first.
pub fn find_for_workspace(root: &Path) -> Vec<SessionInfo> {
    in_workspace(list(), root)
}

fn in_workspace(sessions: Vec<SessionInfo>, root: &Path) -> Vec<SessionInfo> {
    let root = canonical(root);
    let is_inside = |path: &str| !path.is_empty() && canonical(Path::new(path)).starts_with(&root);
    let belongs = |session: &SessionInfo| is_inside(&session.program) || is_inside(&session.cwd);
    sessions.into_iter().filter(belongs).collect()
}

/// A path without symbolic links; as it is when nothing is there any more.
fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
}

fn newest_first(sessions: &mut [SessionInfo]) {
    sessions.sort_by_key(|session| std::cmp::Reverse((session.started, session.pid)));
}

/// Whether a session's process is there and its socket takes connections.
fn is_reachable(session: &SessionInfo) -> bool {
    use std::io::ErrorKind::{ConnectionRefused, NotFound};
    let Some(address) = Address::parse(&session.address) else { return false };
    if !is_alive(session.pid) {
        return false;
    }
    // Any other failure may pass: a full queue, no descriptors left, a program that is suspended.
    !address.connect(PATIENCE).is_err_and(|error| matches!(error.kind(), ConnectionRefused | NotFound))
}

/// Whether there is a process with this id.
fn is_alive(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    // The process of another user is there although it may not be signalled.
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}
