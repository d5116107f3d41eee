//! A client that speaks the live protocol line by line.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::process::Child;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value as Json, json};

use super::support::{Left, Place, finish, until};

/// Ends a test that hangs.
const LIMIT: Duration = Duration::from_secs(120);

/// A program, and a connection to it.
pub struct Live {
    /// `None` once its end is waited for.
    child: Option<Child>,
    input: BufReader<UnixStream>,
    events: VecDeque<Json>,
    answers: Vec<Json>,
    id: u64,
    path: String,
    _place: Place,
}

impl Live {
    /// Starts a program with this text.
    pub fn start(text: &str) -> Live {
        Live::begin(Place::new(&[("app.lua", text)]), &[])
    }

    /// Starts a program with this text, and waits until it has written something.
    pub fn start_writing(text: &str) -> Live {
        // What is written before anybody listens is told to nobody.
        let mut live = Live::begin(Place::new(&[("app.lua", text)]), &["--wait"]);
        live.ask("start", json!({})).expect("a start");
        live.wait("output");
        live
    }

    /// Starts `app.lua` with options.
    pub fn begin(place: Place, options: &[&str]) -> Live {
        Live::begin_with(place, "none", options)
    }

    /// Starts a program with options whose collector works as often as this says.
    pub fn tortured(text: &str, collector: &str, options: &[&str]) -> Live {
        Live::begin_with(Place::new(&[("app.lua", text)]), collector, options)
    }

    fn begin_with(place: Place, collector: &str, options: &[&str]) -> Live {
        let arguments = [&["run", "--live"], options, &["app.lua"]].concat();
        let child = place.command(&arguments).env("PERILUNE_TORTURE", collector).spawn().expect("perilune starts");
        let socket = place.path().join(format!("perilune/{}.sock", child.id()));
        let stream = until("the session", || UnixStream::connect(&socket).ok());
        stream.set_read_timeout(Some(LIMIT)).expect("a socket");
        let path = place.file("app.lua").to_string_lossy().into_owned();
        let input = BufReader::new(stream);
        let mut live = Live { child: Some(child), input, events: VecDeque::new(), answers: Vec::new(), id: 0, path, _place: place };
        live.ask("hello", json!({ "version": 1, "client": "test", "output": true })).expect("a welcome");
        live
    }

    /// Sends a request; its number.
    pub fn send(&mut self, method: &str, params: Json) -> u64 {
        self.id += 1;
        let line = json!({ "id": self.id, "method": method, "params": params });
        writeln!(self.input.get_mut(), "{line}").expect("a program that listens");
        self.id
    }

    /// Sends a request whose answer nobody wants.
    pub fn ask_later(&mut self, method: &str) {
        self.send(method, json!({}));
    }

    /// The result of a request, or its error.
    pub fn answer(&mut self, id: u64) -> Result<Json, Json> {
        loop {
            if let Some(at) = self.answers.iter().position(|answer| answer["id"] == id) {
                let mut answer = self.answers.swap_remove(at);
                return if answer["error"].is_null() { Ok(answer["result"].take()) } else { Err(answer["error"].take()) };
            }
            self.read();
        }
    }

    pub fn ask(&mut self, method: &str, params: Json) -> Result<Json, Json> {
        let id = self.send(method, params);
        self.answer(id)
    }

    /// The text of an expression's first value.
    #[track_caller]
    pub fn value(&mut self, text: &str) -> String {
        let result = self.ask("evaluate", json!({ "text": text, "context": "repl" }));
        result.expect("a value")["values"][0]["text"].as_str().expect("a text").to_owned()
    }

    /// Waits until a global of the program is true. A signal under way may end an evaluation before.
    pub fn wait_for(&mut self, global: &str) {
        until(global, || {
            let result = self.ask("evaluate", json!({ "text": global, "context": "repl" }));
            result.is_ok_and(|result| result["values"][0]["text"] == "true").then_some(())
        });
    }

    /// The program's file.
    pub fn path(&self) -> &str {
        &self.path
    }

    pub fn set_breakpoints(&mut self, breakpoints: Json) {
        let params = json!({ "source": self.path, "breakpoints": breakpoints });
        self.ask("setBreakpoints", params).expect("breakpoints");
    }

    /// The next event of this name that was not waited for yet.
    #[track_caller]
    pub fn wait(&mut self, name: &str) -> Json {
        loop {
            if let Some(at) = self.events.iter().position(|event| event["event"] == name) {
                return self.events.remove(at).expect("an event")["params"].clone();
            }
            self.read();
        }
    }

    /// Gives the program a line of input.
    pub fn type_line(&mut self) {
        let child = self.child.as_mut().expect("a program");
        child.stdin.as_mut().expect("a pipe").write_all(b"\n").expect("a program that reads");
    }

    /// Gives the program its last input and waits for its end.
    pub fn finish(mut self, input: &str) -> Left {
        finish(self.child.take().expect("a program"), input)
    }

    /// As `finish`, with this exit code.
    #[track_caller]
    pub fn finish_at(self, code: i32) -> Left {
        let left = self.finish("");
        assert_eq!(left.code, Some(code), "{left:?}");
        left
    }

    /// Sends Ctrl-C.
    pub fn interrupt(&self) {
        let pid = Pid::from_child(self.child.as_ref().expect("a program"));
        kill_process(pid, Signal::INT).expect("a process");
    }

    #[track_caller]
    fn read(&mut self) {
        let mut line = String::new();
        let count = self.input.read_line(&mut line).expect("a line in time");
        assert!(count > 0, "the connection ended; events so far: {:?}", self.events);
        let message: Json = serde_json::from_str(&line).expect("json");
        if message["event"].is_null() { self.answers.push(message) } else { self.events.push_back(message) }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            child.kill().ok();
            child.wait().ok();
        }
    }
}
