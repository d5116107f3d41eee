//! The editor's end.

use crate::protocol;
use perilune_lsp::Finder;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// Only ends what hangs.
pub const PATIENCE: Duration = Duration::from_secs(120);
pub const MAIN: &str = "file:///w/main.lua";

/// Messages out by a pipe, messages in by a thread that reads the other pipe.
pub struct Client {
    pub to_server: std::io::PipeWriter,
    from_server: Receiver<Value>,
    pub ended: Receiver<bool>,
    next_id: i64,
    /// What came while an answer was awaited, and was no answer.
    pub notes: Vec<Value>,
    version: i64,
}

fn read_message(input: &mut impl BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if input.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end().strip_prefix("Content-Length: ") {
            Some(number) => length = number.parse().expect("a length"),
            None if line.trim_end().is_empty() => break,
            None => {}
        }
    }
    let mut body = vec![0; length];
    input.read_exact(&mut body).ok()?;
    Some(serde_json::from_slice(&body).expect("JSON"))
}

/// A server that finds no programs.
pub fn start() -> Client {
    start_with(Arc::new(|_| Vec::new()))
}

/// Copies a blocking pipe into an asynchronous one and back.
pub fn start_with(finder: Finder) -> Client {
    let (server_input, to_server) = std::io::pipe().unwrap();
    let (client_input, server_output) = std::io::pipe().unwrap();
    let (messages, from_server) = channel();
    let (end, ended) = channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let input = tokio::fs::File::from_std(std::fs::File::from(std::os::fd::OwnedFd::from(server_input)));
        let output = tokio::fs::File::from_std(std::fs::File::from(std::os::fd::OwnedFd::from(server_output)));
        let result = runtime.block_on(perilune_lsp::serve(input, output, finder));
        end.send(result.is_ok()).ok();
        runtime.shutdown_background();
    });
    std::thread::spawn(move || {
        let mut input = BufReader::new(client_input);
        while let Some(message) = read_message(&mut input) {
            if messages.send(message).is_err() {
                break;
            }
        }
    });
    Client { to_server, from_server, ended, next_id: 0, notes: Vec::new(), version: 1 }
}

/// A session with one open document.
pub fn ready(text: &str) -> Client {
    let mut client = start();
    client.initialize(json!({}));
    client.open(MAIN, text);
    client
}

impl Client {
    pub fn raw(&mut self, bytes: &[u8]) {
        self.to_server.write_all(bytes).unwrap();
    }

    pub fn send(&mut self, message: &Value) {
        let body = message.to_string();
        self.raw(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
    }

    pub fn notify(&mut self, method: &str, params: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    /// The next message; a request of the server is granted.
    pub fn receive(&mut self) -> Value {
        let message = self.from_server.recv_timeout(PATIENCE).expect("a message in time");
        if let Some(method) = message["method"].as_str() {
            protocol::check("params", method, message.get("params").unwrap_or(&Value::Null));
            if let Some(id) = message.get("id") {
                self.send(&json!({ "jsonrpc": "2.0", "id": id, "result": null }));
            }
        }
        message
    }

    /// Sends a request; its number.
    pub fn request(&mut self, method: &str, params: Value) -> i64 {
        self.next_id += 1;
        let id = self.next_id;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        id
    }

    /// The whole answer to a request.
    pub fn answer(&mut self, id: i64) -> Value {
        let is_answer = |message: &Value| message.get("id") == Some(&json!(id)) && message.get("method").is_none();
        if let Some(index) = self.notes.iter().position(is_answer) {
            return self.notes.remove(index);
        }
        loop {
            let message = self.receive();
            if is_answer(&message) {
                return message;
            }
            self.notes.push(message);
        }
    }

    pub fn call(&mut self, method: &str, params: Value) -> Value {
        let id = self.request(method, params);
        let answer = self.answer(id);
        if let Some(result) = answer.get("result") {
            protocol::check("result", method, result);
        }
        answer
    }

    #[track_caller]
    pub fn ask(&mut self, method: &str, params: Value) -> Value {
        let answer = self.call(method, params);
        assert!(answer.get("error").is_none(), "{answer}");
        answer["result"].clone()
    }

    #[track_caller]
    pub fn at(&mut self, method: &str, line: u32, character: u32) -> Value {
        self.ask(method, place(line, character))
    }

    pub fn initialize(&mut self, capabilities: Value) -> Value {
        self.initialize_in(None, capabilities)
    }

    /// In a workspace of one folder.
    pub fn initialize_in(&mut self, folder: Option<&str>, capabilities: Value) -> Value {
        let folders = folder.map(|uri| json!([{ "uri": uri, "name": "w" }]));
        let result = self.ask("initialize", json!({
            "processId": null, "rootUri": null, "workspaceFolders": folders, "capabilities": capabilities }));
        self.notify("initialized", json!({}));
        result
    }

    pub fn open(&mut self, uri: &str, text: &str) {
        let document = json!({ "uri": uri, "languageId": "lua", "version": 1, "text": text });
        self.notify("textDocument/didOpen", json!({ "textDocument": document }));
    }

    pub fn change(&mut self, uri: &str, changes: Value) {
        self.version += 1;
        let document = json!({ "uri": uri, "version": self.version });
        self.notify("textDocument/didChange", json!({ "textDocument": document, "contentChanges": changes }));
    }

    /// The next message that is wanted; others wait for whoever wants them.
    fn wait_for(&mut self, is_wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(index) = self.notes.iter().position(&is_wanted) {
            return self.notes.remove(index);
        }
        loop {
            let message = self.receive();
            if is_wanted(&message) {
                return message;
            }
            self.notes.push(message);
        }
    }

    /// The parameters of the next message with this method.
    pub fn next(&mut self, method: &str) -> Value {
        self.wait_for(|message| message["method"] == method)["params"].clone()
    }

    /// The next diagnostics pushed for a file.
    pub fn pushed_items(&mut self, uri: &str) -> Value {
        let is_wanted = |message: &Value| {
            message["method"] == "textDocument/publishDiagnostics" && message["params"]["uri"] == uri
        };
        self.wait_for(is_wanted)["params"]["diagnostics"].clone()
    }

    /// Waits until these are the messages pushed for a file; the diagnostics.
    pub fn pushed_at_last(&mut self, uri: &str, expected: &[&str]) -> Value {
        loop {
            let items = self.pushed_items(uri);
            if messages(&items) == expected {
                return items;
            }
        }
    }

    /// Their messages.
    pub fn pushed(&mut self, uri: &str) -> Vec<String> {
        messages(&self.pushed_items(uri))
    }

    pub fn quit(mut self) {
        self.ask("shutdown", Value::Null);
        self.send(&json!({ "jsonrpc": "2.0", "method": "exit" }));
        assert_eq!(self.ended.recv_timeout(PATIENCE), Ok(true), "the server ends, though its input stays open");
    }
}

pub fn place(line: u32, character: u32) -> Value {
    place_in(MAIN, line, character)
}

pub fn place_in(uri: &str, line: u32, character: u32) -> Value {
    json!({ "textDocument": { "uri": uri }, "position": { "line": line, "character": character } })
}

pub fn document() -> Value {
    json!({ "textDocument": { "uri": MAIN } })
}

pub fn range(from: (u32, u32), to: (u32, u32)) -> Value {
    let position = |(line, character): (u32, u32)| json!({ "line": line, "character": character });
    json!({ "start": position(from), "end": position(to) })
}

pub fn messages(diagnostics: &Value) -> Vec<String> {
    let all = diagnostics.as_array().expect("a list");
    all.iter().map(|found| found["message"].as_str().unwrap_or_default().to_string()).collect()
}

pub fn starts(list: &Value) -> Vec<(u64, u64)> {
    let start = |item: &Value| {
        let start = &item["range"]["start"];
        (start["line"].as_u64().unwrap(), start["character"].as_u64().unwrap())
    };
    list.as_array().expect("a list").iter().map(start).collect()
}

/// `main.lua:3:1` for each location, both counted from 1.
pub fn places(list: &Value) -> Vec<String> {
    let list = if list.is_array() { list.clone() } else { json!([list]) };
    let shown = |item: &Value| {
        let start = &item["range"]["start"];
        let name = item["uri"].as_str().unwrap().rsplit('/').next().unwrap();
        format!("{name}:{}:{}", start["line"].as_u64().unwrap() + 1, start["character"].as_u64().unwrap() + 1)
    };
    list.as_array().unwrap().iter().map(shown).collect()
}
