//! Runs the binary in a folder of its own and looks at what it writes.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use perilune_live::client::Client;
use perilune_live::protocol::{Hello, OnDisconnect, Start, VERSION};
use perilune_live::session::Directory;
use tempfile::TempDir;

/// Ends a hang; nothing here takes long.
const LIMIT: Duration = Duration::from_secs(120);

/// A folder with files, and an environment in which only this test's programs are seen.
pub struct Place {
    directory: TempDir,
}

/// What a process left behind.
#[derive(Debug)]
pub struct Left {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Place {
    pub fn new(files: &[(&str, &str)]) -> Place {
        let directory = tempfile::Builder::new().prefix("perilune-cli-").tempdir().expect("a temporary folder");
        for (name, text) in files {
            std::fs::write(directory.path().join(name), text).expect("a file");
        }
        Place { directory }
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The path of a file as the programs see it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path().canonicalize().expect("the folder").join(name)
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_perilune"));
        command.args(arguments).current_dir(self.path());
        for variable in ["LUA_INIT", "LUA_INIT_5_4", "LUA_PATH", "LUA_PATH_5_4", "LUA_CPATH", "PERILUNE_JIT"] {
            command.env_remove(variable);
        }
        for variable in ["XDG_RUNTIME_DIR", "XDG_STATE_HOME", "TMPDIR"] {
            command.env(variable, self.path());
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs to the end with this input.
    pub fn run(&self, arguments: &[&str], input: &str) -> Left {
        finish(self.command(arguments).spawn().expect("perilune starts"), input)
    }
}

/// Runs without any files.
pub fn run(arguments: &[&str], input: &str) -> Left {
    Place::new(&[]).run(arguments, input)
}

/// Gives a process its input and waits for its end.
pub fn finish(mut child: Child, input: &str) -> Left {
    let mut stdin = child.stdin.take().expect("a pipe");
    let text = input.to_owned();
    // A process that ends early does not read all.
    std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let out = reader(child.stdout.take().expect("a pipe"));
    let err = reader(child.stderr.take().expect("a pipe"));
    let code = wait(&mut child);
    Left { code, out: out.join().expect("output"), err: err.join().expect("output") }
}

fn reader(mut pipe: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).expect("a pipe that can be read");
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// The exit code of a process that ends.
pub fn wait(child: &mut Child) -> Option<i32> {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(status) = child.try_wait().expect("a child") {
            return status.code();
        }
        if Instant::now() > deadline {
            child.kill().expect("a child that can be killed");
            panic!("the process does not end");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Repeats a question until it has the wanted answer.
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "never came: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A process that is killed when the test ends, however it ends.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Runs a program live and starts it, with a client whose end ends it.
pub fn run_live(place: &Place, arguments: &[&str]) -> (Client, Running) {
    let child = Running(place.command(arguments).spawn().expect("perilune starts"));
    let pid = child.0.id();
    let folder = place.path().join("perilune");
    let session = until("the session", || Directory::existing(&folder).ok().and_then(|directory| directory.find_by_pid(pid)));
    let hello = Hello { version: VERSION, client: "test".into(), token: None, on_disconnect: OnDisconnect::Terminate, output: false };
    let (client, _) = Client::connect(&session, hello, |_| {}).expect("a connection");
    client.request(Start { stop_on_entry: false }).expect("a start");
    (client, child)
}
