//! The file that tells of one session.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

use super::Directory;
use crate::protocol::SessionInfo;

/// Longest file that is read: arguments are bounded by the system, and this is far above.
const LIMIT: u64 = 8 << 20;

/// The file of this process's session; it goes when this is dropped.
#[derive(Debug)]
pub struct SessionFile {
    directory: Directory,
    pid: u32,
}

impl SessionFile {
    /// Tells of a session, from one moment to the next: nobody sees half a file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(directory: &Directory, session: &SessionInfo) -> io::Result<SessionFile> {
        let draft = directory.draft(session.pid);
        let written =
            write_draft(&draft, session).and_then(|()| fs::rename(&draft, directory.file(session.pid)));
        if let Err(error) = written {
            let _ = fs::remove_file(&draft);
            return Err(error);
        }
        Ok(SessionFile { directory: directory.clone(), pid: session.pid })
    }
}

impl Drop for SessionFile {
    fn drop(&mut self) {
        self.directory.remove(self.pid);
    }
}

fn write_draft(path: &Path, session: &SessionInfo) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    serde_json::to_writer(&mut file, session)?;
    file.write_all(b"\n")
}

/// The session in a file, if it is one.
pub(super) fn read(path: &Path) -> Option<SessionInfo> {
    // Neither a link nor a pipe that nobody writes to can hold the reader up.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).ok()?;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    file.take(LIMIT).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}
