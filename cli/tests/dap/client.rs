//! A client of the debug adapter, as an editor is one.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::support::{Place, Running, wait};

/// Ends a test that hangs.
const LIMIT: Duration = Duration::from_secs(120);

/// A client with an adapter of its own.
pub struct Client {
    adapter: Running,
    stdin: Option<ChildStdin>,
    messages: Receiver<Json>,
    /// Events that nobody has waited for yet.
    events: VecDeque<Json>,
    /// Answers that came before others that were waited for.
    answers: Vec<Json>,
    seq: i64,
    /// What the program wrote, and what breakpoints logged.
    pub stdout: String,
    pub console: String,
}

/// Where and why a program stands.
#[derive(Debug, PartialEq)]
pub struct Stop {
    pub reason: String,
    pub thread: i64,
    pub line: i64,
    pub function: String,
    /// Number of the innermost frame.
    pub frame: i64,
}

impl Client {
    /// Starts an adapter and introduces itself.
    pub fn new(place: &Place) -> Client {
        let mut command = place.command(&["dap"]);
        let mut adapter = command.stderr(Stdio::inherit()).spawn().expect("an adapter");
        let (stdin, stdout) = (adapter.stdin.take(), adapter.stdout.take().expect("a pipe"));
        let (sender, messages) = channel();
        thread::spawn(move || {
            let mut stdout = BufReader::new(stdout);
            while let Some(message) = receive(&mut stdout) {
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let (stdout, console) = (String::new(), String::new());
        let events = VecDeque::new();
        let (adapter, answers) = (Running(adapter), Vec::new());
        let mut client = Client { adapter, stdin, messages, events, answers, seq: 0, stdout, console };
        client.ask("initialize", json!({ "adapterID": "perilune", "supportsVariableType": true }));
        client
    }

    /// Sends a request without waiting; its number.
    pub fn send(&mut self, command: &str, arguments: Json) -> i64 {
        self.seq += 1;
        let message = json!({ "seq": self.seq, "type": "request", "command": command, "arguments": arguments });
        let body = message.to_string();
        let stdin = self.stdin.as_mut().expect("a connection");
        write!(stdin, "Content-Length: {}\r\n\r\n{body}", body.len()).expect("an adapter that reads");
        self.seq
    }

    /// The answer to a request: its body, or the text of its error.
    pub fn answer(&mut self, seq: i64) -> Result<Json, String> {
        loop {
            let early = self.answers.iter().position(|answer| answer["request_seq"] == seq);
            let message = match early {
                Some(at) => self.answers.swap_remove(at),
                None => self.next(),
            };
            if message["request_seq"] == seq && message["type"] == "response" {
                let error = message["body"]["error"]["format"].as_str().unwrap_or_default().to_owned();
                return if message["success"] == true { Ok(message["body"].clone()) } else { Err(error) };
            }
            self.keep(message);
        }
    }

    /// The body of the answer to a request that must be good.
    #[track_caller]
    pub fn ask(&mut self, command: &str, arguments: Json) -> Json {
        let seq = self.send(command, arguments);
        self.answer(seq).unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    /// The text of the error of a request that must fail.
    #[track_caller]
    pub fn refused(&mut self, command: &str, arguments: Json) -> String {
        let seq = self.send(command, arguments);
        self.answer(seq).expect_err(command)
    }

    /// The next event of this name.
    pub fn wait(&mut self, name: &str) -> Json {
        loop {
            if let Some(at) = self.events.iter().position(|event| event["event"] == name) {
                return self.events.remove(at).expect("an event")["body"].clone();
            }
            let message = self.next();
            self.keep(message);
        }
    }

    /// Waits until the program has written this to standard output. Output is no event for `wait`:
    /// it arrives in pieces.
    pub fn wait_output(&mut self, text: &str) {
        while !self.stdout.contains(text) {
            let message = self.next();
            self.keep(message);
        }
    }

    /// Whether an event of this name has arrived that nobody waited for.
    pub fn has(&self, name: &str) -> bool {
        self.events.iter().any(|event| event["event"] == name)
    }

    /// Waits until the program stands.
    pub fn stopped(&mut self) -> Stop {
        let event = self.wait("stopped");
        let thread = event["threadId"].as_i64().expect("a thread");
        let frame = self.frames(thread)[0].clone();
        Stop {
            reason: event["reason"].as_str().expect("a reason").to_owned(),
            thread,
            line: frame["line"].as_i64().expect("a line"),
            function: frame["name"].as_str().expect("a name").to_owned(),
            frame: frame["id"].as_i64().expect("a number"),
        }
    }

    pub fn frames(&mut self, thread: i64) -> Vec<Json> {
        let stack = self.ask("stackTrace", json!({ "threadId": thread }));
        stack["stackFrames"].as_array().expect("frames").clone()
    }

    /// Lets the stopped thread step, and waits until it stands again.
    pub fn step(&mut self, command: &str, stop: &Stop) -> Stop {
        self.ask(command, json!({ "threadId": stop.thread }));
        self.stopped()
    }

    /// The text of a value.
    pub fn evaluate(&mut self, expression: &str, stop: &Stop) -> String {
        let arguments = json!({ "expression": expression, "frameId": stop.frame, "context": "repl" });
        self.ask("evaluate", arguments)["result"].as_str().expect("a text").to_owned()
    }

    /// Takes leave, and waits for the adapter's end.
    pub fn leave(mut self, arguments: Json) {
        self.ask("disconnect", arguments);
        assert_eq!(wait(&mut self.adapter.0), Some(0));
    }

    /// Dies; the adapter ends, too.
    pub fn die(mut self) {
        self.stdin = None;
        assert_eq!(wait(&mut self.adapter.0), Some(0));
    }

    /// Kills the adapter.
    pub fn kill_adapter(mut self) {
        self.adapter.0.kill().expect("a process");
    }

    fn next(&mut self) -> Json {
        self.messages.recv_timeout(LIMIT).expect("a message of the adapter")
    }

    fn keep(&mut self, message: Json) {
        if message["type"] == "response" {
            return self.answers.push(message);
        }
        if message["event"] != "output" {
            return self.events.push_back(message);
        }
        let text = message["body"]["output"].as_str().expect("a text");
        match message["body"]["category"].as_str() {
            Some("console") => self.console += text,
            Some("stdout") => self.stdout += text,
            _ => self.events.push_back(message),
        }
    }
}

fn receive(input: &mut impl BufRead) -> Option<Json> {
    let mut header = String::new();
    input.read_line(&mut header).ok()?;
    let length = header.trim().strip_prefix("Content-Length: ")?.parse().ok()?;
    input.read_line(&mut header).ok()?;
    let mut body = vec![0; length];
    input.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}
