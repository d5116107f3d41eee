//! A running program's end of the live protocol, as a script.

use perilune_live::protocol::{SessionInfo, VERSION};
use perilune_lsp::Finder;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// Answers a request by `{ "result": … }` or `{ "error": … }`, or not at all.
type Script = dyn Fn(&str, &Value) -> Option<Value> + Send + Sync;

/// A program that answers by a script.
pub struct Program {
    folder: TempDir,
    /// What it was asked, `hello` apart.
    pub asked: Arc<Mutex<Vec<Value>>>,
    streams: Arc<Mutex<Vec<UnixStream>>>,
}

/// Listens on a socket until the test ends.
pub fn start(script: impl Fn(&str, &Value) -> Option<Value> + Send + Sync + 'static) -> Program {
    let folder = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(folder.path().join("socket")).unwrap();
    let program = Program { folder, asked: Arc::default(), streams: Arc::default() };
    let (asked, streams, session) = (Arc::clone(&program.asked), Arc::clone(&program.streams), program.session());
    let script: Arc<Script> = Arc::new(script);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            streams.lock().unwrap().push(stream.try_clone().unwrap());
            let (asked, script, session) = (Arc::clone(&asked), Arc::clone(&script), session.clone());
            std::thread::spawn(move || serve(stream, &session, &asked, &*script));
        }
    });
    program
}

fn serve(stream: UnixStream, session: &SessionInfo, asked: &Mutex<Vec<Value>>, script: &Script) {
    let mut output = stream.try_clone().unwrap();
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        let request: Value = serde_json::from_str(&line).expect("JSON");
        let method = request["method"].as_str().unwrap();
        let answer = match method {
            "hello" => Some(json!({ "result": { "version": VERSION, "session": session, "state": "running" } })),
            _ => {
                asked.lock().unwrap().push(request.clone());
                script(method, &request["params"])
            }
        };
        if let Some(mut answer) = answer {
            answer["id"] = request["id"].clone();
            if writeln!(output, "{answer}").is_err() {
                break;
            }
        }
    }
}

impl Program {
    pub fn session(&self) -> SessionInfo {
        SessionInfo {
            version: VERSION,
            pid: 4711,
            program: "/w/app.lua".into(),
            args: vec!["-x".into()],
            cwd: "/w".into(),
            started: 1,
            address: format!("unix:{}", self.folder.path().join("socket").display()),
            token: None,
        }
    }

    pub fn finder(&self) -> Finder {
        let session = self.session();
        Arc::new(move |_| vec![session.clone()])
    }

    /// The requests with this method, without what was asked before them.
    pub fn asked_for(&self, method: &str) -> Vec<Value> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|request| request["method"] == method).map(|request| request["params"].clone()).collect()
    }

    /// Ends all connections.
    pub fn hang_up(&self) {
        for stream in self.streams.lock().unwrap().drain(..) {
            stream.shutdown(std::net::Shutdown::Both).ok();
        }
    }
}
