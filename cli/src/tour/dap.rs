//! The tour as a debugger's user interface: a client of `perilune dap`.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Instant;

use serde_json::{Value as Json, json};

use super::wire::{LIMIT, Peer};
use super::{Seen, surprise};

/// A connection to the debug adapter.
pub struct Dap {
    peer: Peer,
    next_sequence: i64,
    /// Answers and events that nobody asked for yet.
    kept: VecDeque<Json>,
    /// Lines that the program wrote to standard output.
    lines: Vec<String>,
    /// The beginning of a line whose end is still to come.
    partial: String,
    /// Process id of the program, until it has ended.
    program: Option<i32>,
}

impl Dap {
    /// Starts the adapter.
    pub fn start(directory: &Path) -> Seen<Dap> {
        let peer = Peer::start("dap", directory)?;
        let mut dap = Dap { peer, next_sequence: 0, kept: VecDeque::new(), lines: Vec::new(), partial: String::new(), program: None };
        let arguments = json!({
            "clientID": "perilune-tour",
            "adapterID": "perilune",
            "linesStartAt1": true,
            "columnsStartAt1": true,
            "pathFormat": "path",
        });
        dap.request("initialize", arguments)?;
        Ok(dap)
    }

    /// Sends a request; the answer is waited for by [`Dap::answer`].
    pub fn send(&mut self, command: &'static str, arguments: Json) -> Seen<(i64, &'static str)> {
        self.next_sequence += 1;
        let message = json!({ "seq": self.next_sequence, "type": "request", "command": command, "arguments": arguments });
        self.peer.send(&message)?;
        Ok((self.next_sequence, command))
    }

    /// The body of an answer; a failure is a surprise.
    pub fn answer(&mut self, (sequence, command): (i64, &'static str)) -> Seen<Json> {
        let is_wanted = |message: &Json| message["type"] == "response" && message["request_seq"] == sequence;
        let answer = self.wait_for(&format!("an answer to {command}"), is_wanted)?;
        if answer["success"] == true {
            return Ok(answer["body"].clone());
        }
        let reason = answer["body"]["error"]["format"].as_str().or(answer["message"].as_str()).unwrap_or("no reason");
        Err(surprise(format!("{command} to succeed"), format!("the answer {reason:?}")))
    }

    /// Asks and waits for the answer.
    pub fn request(&mut self, command: &'static str, arguments: Json) -> Seen<Json> {
        let sent = self.send(command, arguments)?;
        self.answer(sent)
    }

    /// The body of the next event of this name.
    pub fn event(&mut self, name: &str) -> Seen<Json> {
        let message = self.wait_for(&format!("the event {name}"), |message| message["type"] == "event" && message["event"] == name)?;
        Ok(message["body"].clone())
    }

    /// The lines that the program wrote so far.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Waits until the program wrote this many lines that are wanted, after the first `skip`; the last of them.
    pub fn wait_for_lines(&mut self, skip: usize, count: usize, what: &str, is_wanted: impl Fn(&str) -> bool) -> Seen<Vec<String>> {
        let deadline = Instant::now() + LIMIT;
        loop {
            let found: Vec<String> = self.lines.iter().skip(skip).filter(|line| is_wanted(line)).cloned().collect();
            if found.len() >= count {
                return Ok(found);
            }
            let message = self.peer.receive(what, deadline)?;
            self.keep(message);
        }
    }

    /// Waits for the end of the adapter.
    pub fn finish(&mut self) -> Seen<()> {
        self.peer.finish()
    }

    fn wait_for(&mut self, wanted: &str, is_wanted: impl Fn(&Json) -> bool) -> Seen<Json> {
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Some(at) = self.kept.iter().position(&is_wanted) {
                return self.kept.remove(at).ok_or_else(|| surprise(wanted, "nothing"));
            }
            let message = self.peer.receive(wanted, deadline)?;
            self.keep(message);
        }
    }

    fn keep(&mut self, message: Json) {
        let body = &message["body"];
        match message["event"].as_str() {
            Some("process") => self.program = body["systemProcessId"].as_i64().and_then(|pid| i32::try_from(pid).ok()),
            Some("exited") => self.program = None,
            _ => {}
        }
        if message["event"] == "output" && body["category"] == "stdout" {
            self.partial.push_str(body["output"].as_str().unwrap_or_default());
            while let Some(end) = self.partial.find('\n') {
                let rest = self.partial.split_off(end + 1);
                let line = std::mem::replace(&mut self.partial, rest);
                self.lines.push(line.trim_end().to_owned());
            }
        } else {
            self.kept.push_back(message);
        }
    }
}

impl Drop for Dap {
    /// Ends the program, too, when the tour ends before it should.
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(pid) = self.program.and_then(rustix::process::Pid::from_raw) {
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).ok();
        }
    }
}
