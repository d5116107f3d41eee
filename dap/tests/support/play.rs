//! A conversation between a transcript and a real adapter process.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::monkey::Ledger;
use super::protocol::Protocol;

/// Ends a test that hangs.
const LIMIT: Duration = Duration::from_secs(30);

/// One conversation under way.
pub struct Play {
    adapter: Child,
    messages: Receiver<Json>,
    folder: PathBuf,
    pub protocol: Protocol,
    pub transcript: String,
    /// Programs that were started here, not by the adapter.
    programs: Vec<Child>,
    pids: BTreeMap<u64, String>,
    seq: i64,
    last_seq: i64,
    seen: BTreeMap<String, u32>,
    awaited: BTreeMap<String, u32>,
    terminal: Json,
    is_over: bool,
    shows_capabilities: bool,
    pub faults: Vec<String>,
}

impl Play {
    pub fn new(name: &str, text: &str) -> Play {
        let folder = std::env::temp_dir().join(format!("perilune-dap-{}-{name}", std::process::id()));
        std::fs::DirBuilder::new().mode(0o700).create(&folder).unwrap();
        let script = section(text, "program:").replace("$DIR", &folder.to_string_lossy());
        std::fs::write(folder.join("app.lua"), script).unwrap();
        let mut adapter = command(&folder);
        let adapter = adapter.arg("--adapter").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut adapter = adapter.spawn().unwrap();
        let stdout = adapter.stdout.take().unwrap();
        let (sender, messages) = channel();
        thread::spawn(move || {
            let mut stdout = BufReader::new(stdout);
            while let Some(message) = receive(&mut stdout) {
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        Play {
            adapter,
            messages,
            folder,
            protocol: Protocol::load(),
            transcript: String::new(),
            programs: Vec::new(),
            pids: BTreeMap::new(),
            seq: 0,
            last_seq: 0,
            seen: BTreeMap::new(),
            awaited: BTreeMap::new(),
            terminal: Json::Null,
            is_over: false,
            shows_capabilities: text.starts_with("# Capabilities"),
            faults: Vec::new(),
        }
    }

    /// Does what the lines say; the text with what came back.
    pub fn perform(&mut self, text: &str) -> String {
        let mut is_conversation = false;
        for line in text.lines() {
            if is_conversation && line.starts_with("<") {
                continue;
            }
            let _ = writeln!(self.transcript, "{line}");
            if is_conversation && !line.is_empty() && !line.starts_with('#') {
                self.step(line);
            }
            is_conversation |= line == "client:";
        }
        std::mem::take(&mut self.transcript)
    }

    pub fn step(&mut self, line: &str) {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb {
            ">" => {
                let seq = self.send(rest);
                let command = rest.split([' ', '!']).next().unwrap_or_default();
                *self.awaited.entry(format!("response {command}")).or_default() += 1;
                self.take_until(|message| message["request_seq"] == seq && message["type"] == "response");
            }
            ">>" => {
                self.send(rest);
            }
            "wait" => self.wait(rest),
            "all" => self.wait_for_all(rest),
            "start" => self.start(),
            "run" => self.run_in_terminal(),
            "answer" => self.answer(json!({ "success": true, "body": serde_json::from_str::<Json>(rest).unwrap() })),
            "decline" => self.answer(json!({ "success": false, "message": rest })),
            "raw" => {
                let bytes = rest.replace("\\n", "\n").replace("\\r", "\r");
                self.adapter.stdin.as_mut().unwrap().write_all(bytes.as_bytes()).unwrap();
            }
            "end" => self.end(),
            _ => panic!("no such step: {line}"),
        }
    }

    fn send(&mut self, request: &str) -> i64 {
        let (command, arguments) = request.split_once(' ').unwrap_or((request, "null"));
        let (command, is_wrong) = command.strip_suffix('!').map_or((command, false), |command| (command, true));
        let arguments = arguments.replace("$DIR", &self.folder.to_string_lossy());
        let arguments = self.programs.first().map_or(arguments.clone(), |program| {
            arguments.replace("$PID", &program.id().to_string())
        });
        let arguments: Json = serde_json::from_str(&arguments).unwrap_or_else(|error| panic!("{request}: {error}"));
        self.seq += 1;
        let mut message = json!({ "seq": self.seq, "type": "request", "command": command });
        if !arguments.is_null() {
            message["arguments"] = arguments;
        }
        if !is_wrong {
            self.faults.extend(self.protocol.faults(&message));
        }
        self.write(&message);
        self.seq
    }

    pub fn ask_nonsense(&mut self, requests: &[(String, Json)]) -> Result<(), String> {
        let mut open = BTreeSet::new();
        for (command, arguments) in requests {
            self.seq += 1;
            open.insert(self.seq);
            self.write(&json!({ "seq": self.seq, "type": "request", "command": command, "arguments": arguments }));
        }
        let mut ledger = Ledger::new(open);
        while !ledger.is_settled() {
            let message = self.next().ok_or("an answer is missing")?;
            ledger.enter(&message)?;
            self.last_seq = message["seq"].as_i64().unwrap_or_default();
            let faults = self.protocol.faults(&message);
            if !faults.is_empty() && message["command"] != "" {
                return Err(format!("{faults:?} in {message}"));
            }
        }
        Ok(())
    }

    fn write(&mut self, message: &Json) {
        let body = message.to_string();
        let stdin = self.adapter.stdin.as_mut().unwrap();
        let _ = write!(stdin, "Content-Length: {}\r\n\r\n{body}", body.len()).and_then(|()| stdin.flush());
    }

    fn answer(&mut self, mut message: Json) {
        self.seq += 1;
        message["seq"] = json!(self.seq);
        message["type"] = json!("response");
        message["command"] = json!("runInTerminal");
        message["request_seq"] = self.terminal["seq"].clone();
        self.write(&message);
    }

    fn wait(&mut self, name: &str) {
        let wanted = self.awaited.entry(name.to_owned()).or_default();
        *wanted += 1;
        let wanted = *wanted;
        while self.seen.get(name).copied().unwrap_or_default() < wanted {
            if self.take_one().is_none() {
                return;
            }
        }
    }

    fn wait_for_all(&mut self, names: &str) {
        let before = std::mem::take(&mut self.transcript);
        let mut open: Vec<&str> = names.split(", ").collect();
        while !open.is_empty() {
            let Some(name) = self.take_one() else { break };
            if let Some(at) = open.iter().position(|open| *open == name) {
                open.swap_remove(at);
            }
        }
        let mut lines: Vec<&str> = self.transcript.lines().collect();
        lines.sort_unstable();
        self.transcript = lines.into_iter().fold(before, |text, line| text + line + "\n");
    }

    fn take_until(&mut self, is_it: impl Fn(&Json) -> bool) {
        while let Some(message) = self.next() {
            let is_last = is_it(&message);
            self.record(&message);
            if is_last {
                return;
            }
        }
    }

    /// The name of the message that was taken.
    fn take_one(&mut self) -> Option<String> {
        self.next().map(|message| self.record(&message))
    }

    fn next(&mut self) -> Option<Json> {
        let message = self.messages.recv_timeout(LIMIT).ok();
        if message.is_none() {
            self.faults.push("the awaited message does not come".to_owned());
        }
        message
    }

    /// Checks a message and notes it; its name.
    fn record(&mut self, message: &Json) -> String {
        self.faults.extend(self.protocol.faults(message).into_iter().map(|fault| format!("{fault} in {message}")));
        let seq = message["seq"].as_i64().unwrap_or_default();
        if seq != self.last_seq + 1 {
            self.faults.push(format!("message {seq} follows {}", self.last_seq));
        }
        self.last_seq = seq;
        let is_response = message["type"] == "response";
        if self.is_over && !is_response {
            self.faults.push(format!("after terminated: {message}"));
        }
        self.is_over |= message["event"] == "terminated";
        if message["command"] == "runInTerminal" {
            self.terminal = message.clone();
        }
        let name = match is_response {
            true => format!("response {}", message["command"].as_str().unwrap_or_default()),
            false => message["event"].as_str().or(message["command"].as_str()).unwrap_or_default().to_owned(),
        };
        *self.seen.entry(name.clone()).or_default() += 1;
        let line = self.show(message);
        let _ = writeln!(self.transcript, "< {line}");
        name
    }

    fn show(&mut self, message: &Json) -> String {
        let text = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
        let with = |title: String, part: &Json| match part {
            Json::Null => title,
            part => format!("{title} {}", sorted(part)),
        };
        let line = match text("type").as_str() {
            "event" => with(format!("event {}", text("event")), &message["body"]),
            "request" => with(format!("request {}", text("command")), &message["arguments"]),
            // Told in full by the transcript that is about them.
            _ if message["success"] == true && message["command"] == "initialize" && !self.shows_capabilities => {
                "ok initialize {…}".to_owned()
            }
            _ if message["success"] == true => with(format!("ok {}", text("command")), &message["body"]),
            _ => {
                let error = &message["body"]["error"];
                let shown = if error["showUser"] == true { ", shown" } else { "" };
                let short = text("message");
                let format = error["format"].as_str().unwrap_or_default();
                let short = if short == format { String::new() } else { format!(" [{short}]") };
                format!("error {}: {format} ({}{shown}){short}", text("command"), error["id"])
            }
        };
        if let Some(pid) = message["body"]["systemProcessId"].as_u64() {
            self.pids.insert(pid, "$PID".to_owned());
        }
        for program in &self.programs {
            self.pids.insert(program.id().into(), "$PID".to_owned());
        }
        let line = line.replace(&*self.folder.to_string_lossy(), "$DIR");
        let line = line.replace(&*std::env::current_exe().unwrap().to_string_lossy(), "$PERILUNE");
        let line = self.pids.iter().fold(line, |line, (pid, name)| line.replace(&pid.to_string(), name));
        match line.split_once("\"PERILUNE_LAUNCH\":\"") {
            Some((before, after)) => {
                format!("{before}\"PERILUNE_LAUNCH\":\"$MARK{}", &after[after.find('"').unwrap()..])
            }
            None => line,
        }
    }

    /// Runs the program as somebody in a shell would; returns when it can be reached.
    fn start(&mut self) {
        let mut program = command(&self.folder);
        program.args(["run", "--live"]).arg(self.folder.join("app.lua"));
        let program = program.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let file = self.folder.join(format!("perilune/{}.json", program.id()));
        self.programs.push(program);
        for _ in 0..3000 {
            if file.exists() {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("the program cannot be reached");
    }

    fn run_in_terminal(&mut self) {
        let arguments = &self.terminal["arguments"];
        let words = arguments["args"].as_array().unwrap().iter();
        let words: Vec<&str> = words.map(|word| word.as_str().unwrap()).collect();
        let mut program = command(&self.folder);
        for (name, value) in arguments["env"].as_object().unwrap() {
            match value.as_str() {
                Some(value) => program.env(name, value),
                None => program.env_remove(name),
            };
        }
        program.args(&words[1..]).current_dir(arguments["cwd"].as_str().unwrap());
        self.programs.push(program.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap());
    }

    /// Hangs up, takes what still comes, and tells how adapter and programs end.
    pub fn end(&mut self) {
        drop(self.adapter.stdin.take());
        while let Ok(message) = self.messages.recv_timeout(LIMIT) {
            self.record(&message);
        }
        let status = self.adapter.wait().unwrap();
        let _ = writeln!(self.transcript, "< the adapter ended: {status}");
        for program in &mut self.programs {
            // One that goes on by itself was left alone.
            thread::sleep(Duration::from_millis(200));
            match program.try_wait().unwrap() {
                Some(status) => writeln!(self.transcript, "< the program ended: {status}").unwrap(),
                None => writeln!(self.transcript, "< the program goes on").unwrap(),
            }
        }
    }
}

impl Drop for Play {
    fn drop(&mut self) {
        for child in self.programs.iter_mut().chain([&mut self.adapter]) {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// This binary, in an environment of its own.
fn command(folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env("XDG_RUNTIME_DIR", folder).current_dir(folder);
    command
}

fn section<'a>(text: &'a str, title: &str) -> std::borrow::Cow<'a, str> {
    let lines = text.lines().skip_while(|line| *line != title).skip(1);
    lines.take_while(|line| *line != "client:").fold(String::new(), |text, line| text + line + "\n").into()
}

fn receive(input: &mut impl BufRead) -> Option<Json> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if input.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim() {
            "" => break,
            line => length = line.strip_prefix("Content-Length: ")?.parse().ok()?,
        }
    }
    let mut body = vec![0; length];
    input.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}

/// JSON with the keys in order, whatever features `serde_json` was built with.
fn sorted(value: &Json) -> String {
    match value {
        Json::Object(fields) => {
            let fields: BTreeMap<&String, &Json> = fields.iter().collect();
            let fields: Vec<String> =
                fields.iter().map(|(name, value)| format!("{}:{}", json!(name), sorted(value))).collect();
            format!("{{{}}}", fields.join(","))
        }
        Json::Array(items) => format!("[{}]", items.iter().map(sorted).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}
