//! The session directory: who can enter it, and what stays in it.

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use perilune_live::endpoint::{Endpoint, Listen, ProgramInfo};
use perilune_live::protocol::SessionInfo;
use perilune_live::session::{Directory, DirectoryError, SessionFile};
use support::{PATIENCE, Program};

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o777
}

fn names(directory: &Directory) -> Vec<String> {
    let entries = fs::read_dir(directory.path()).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A session whose socket is accepting, in a process that is there.
fn live(directory: &Directory, pid: u32, program: &str, started: u64) -> (SessionInfo, UnixListener) {
    let path = directory.path().join(format!("{started}.listening"));
    let listener = UnixListener::bind(&path).unwrap();
    let address = format!("unix:{}", path.display());
    (session(pid, program, started, address), listener)
}

fn session(pid: u32, program: &str, started: u64, address: String) -> SessionInfo {
    let (program, cwd) = (program.to_string(), "/".to_string());
    SessionInfo { version: 1, pid, program, args: Vec::new(), cwd, started, address, token: None }
}

/// A process id that nobody has: its process was waited for.
fn dead_pid() -> u32 {
    let mut child = Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    child.id()
}

#[test]
fn only_the_user_can_enter() {
    let program = Program::new();
    let pid = std::process::id();
    let directory = program.directory.path();
    assert_eq!(names(&program.directory), [format!("{pid}.json"), format!("{pid}.sock")]);
    assert_eq!(mode(directory), 0o700);
    assert_eq!(mode(&directory.join(format!("{pid}.json"))), 0o600);
    assert_eq!(mode(&program.directory.socket(pid)), 0o600);
}

#[test]
fn the_file_says_where_the_program_is_and_goes_with_it() {
    let program = Program::listening("0");
    assert_eq!(program.directory.list(), [program.session()]);
    assert_eq!(program.directory.find_by_pid(std::process::id()), Some(program.session()));
    assert_eq!(program.session().token.map(|token| token.len()), Some(64));
    let Program { endpoint, directory, temporary: _temporary, .. } = program;
    drop(endpoint);
    assert_eq!(names(&directory), [""; 0]);
}

#[test]
fn unsafe_directories_are_refused() {
    let temporary = tempfile::tempdir().unwrap();
    let (real, link, file) =
        (temporary.path().join("real"), temporary.path().join("link"), temporary.path().join("file"));
    Directory::open(&real).unwrap();
    symlink(&real, &link).unwrap();
    fs::write(&file, "").unwrap();
    assert!(matches!(Directory::open(&link), Err(DirectoryError::NoDirectory { .. })));
    assert!(matches!(Directory::open(&file), Err(DirectoryError::NoDirectory { .. })));
    for mode in [0o755, 0o770, 0o701, 0o500] {
        fs::set_permissions(&real, Permissions::from_mode(mode)).unwrap();
        assert!(
            matches!(Directory::open(&real), Err(DirectoryError::Mode { mode: told, .. }) if told == mode)
        );
    }
    let missing = temporary.path().join("missing").join("deep");
    let message = Directory::open(&missing).unwrap_err().to_string();
    assert!(message.starts_with(&format!("the session directory {} cannot be used: ", missing.display())));
    assert!(Directory::existing(&missing).is_err());
}

#[test]
fn what_dead_programs_leave_is_removed() {
    let program = Program::new();
    let directory = &program.directory;
    let (own, dead) = (std::process::id(), dead_pid());
    for name in [format!("{dead}.sock"), format!("{dead}.json.new"), "notes.txt".to_string()] {
        fs::write(directory.path().join(name), "").unwrap();
    }
    let address = format!("unix:{}", directory.socket(dead).display());
    std::mem::forget(SessionFile::write(directory, &session(dead, "/app/main.lua", 1, address)).unwrap());
    assert_eq!(directory.list(), [program.session()]);
    assert_eq!(names(directory), [format!("{own}.json"), format!("{own}.sock"), "notes.txt".to_string()]);
}

#[test]
fn a_process_that_lives_but_does_not_listen_is_no_session() {
    let temporary = tempfile::tempdir().unwrap();
    let directory = Directory::open(&temporary.path().join("d")).unwrap();
    let own = std::process::id();
    drop(UnixListener::bind(directory.socket(own)).unwrap());
    let address = format!("unix:{}", directory.socket(own).display());
    std::mem::forget(SessionFile::write(&directory, &session(own, "/app/main.lua", 1, address)).unwrap());
    assert_eq!(names(&directory).len(), 2);
    assert_eq!(directory.find_by_pid(own), None);
    assert_eq!(names(&directory), [""; 0]);
}

#[test]
fn a_socket_left_by_the_last_process_with_our_id_is_replaced() {
    let temporary = tempfile::tempdir().unwrap();
    let directory = Directory::open(&temporary.path().join("d")).unwrap();
    drop(UnixListener::bind(directory.socket(std::process::id())).unwrap());
    let opened = Endpoint::open_in(&directory, &Listen::Unix, ProgramInfo::default(), Arc::new(|_| ()));
    assert_eq!(directory.list(), [opened.unwrap().0.info().clone()]);
}

#[test]
fn files_that_are_no_sessions_are_passed_over() {
    let temporary = tempfile::tempdir().unwrap();
    let directory = Directory::open(&temporary.path().join("d")).unwrap();
    let (own, init) = (std::process::id(), 1);
    fs::write(directory.path().join(format!("{own}.json")), "{").unwrap();
    symlink("/dev/zero", directory.path().join(format!("{init}.json"))).unwrap();
    assert_eq!(directory.list(), []);
    let (other, _listener) = live(&directory, init, "/app/main.lua", 1);
    let text = serde_json::to_string(&other).unwrap();
    fs::write(directory.path().join(format!("{own}.json")), text).unwrap();
    assert_eq!(directory.list(), [], "a file under another process's name");
}

#[test]
fn programs_are_found_by_the_workspace_they_belong_to() {
    let temporary = tempfile::tempdir().unwrap();
    let directory = Directory::open(&temporary.path().join("d")).unwrap();
    let workspace = temporary.path().join("work");
    fs::create_dir(&workspace).unwrap();
    symlink(&workspace, temporary.path().join("alias")).unwrap();
    let inside = workspace.join("main.lua").display().to_string();
    fs::write(&inside, "").unwrap();
    let beside = temporary.path().join("workshop/main.lua").display().to_string();
    let mut child = Command::new("sleep").arg("600").spawn().unwrap();
    let mut other = Command::new("sleep").arg("600").spawn().unwrap();
    let (by_cwd, _first) = live(&directory, child.id(), &beside, 10);
    let by_cwd = SessionInfo { cwd: workspace.display().to_string(), ..by_cwd };
    let (by_file, _second) = live(&directory, std::process::id(), &inside, 20);
    let (neither, _third) = live(&directory, other.id(), &beside, 30);
    let files = [&by_cwd, &by_file, &neither].map(|session| SessionFile::write(&directory, session).unwrap());
    let found = directory.find_for_workspace(&temporary.path().join("alias"));
    let all = directory.list();
    child.kill().and_then(|()| child.wait()).unwrap();
    other.kill().and_then(|()| other.wait()).unwrap();
    assert_eq!(found, [by_file.clone(), by_cwd.clone()]);
    assert_eq!(all, [neither, by_file.clone(), by_cwd]);
    assert_eq!(directory.list(), [by_file], "the others are dead now");
    drop(files);
}

#[test]
fn looking_for_sessions_leaves_the_program_in_peace() {
    let program = Program::new();
    let (mut raw, _) = program.joined();
    for _ in 0..100 {
        assert_eq!(program.directory.list().len(), 1);
    }
    raw.say(r#"{"id":2,"method":"status"}"#);
    assert!(program.inputs.recv_timeout(PATIENCE).is_ok());
}
