//! Conversations with the server over pipes, in raw JSON-RPC.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);
const MAIN: &str = "file:///w/main.lua";

/// A client: messages out by a pipe, messages in by a thread that reads the other pipe.
struct Client {
    to_server: std::io::PipeWriter,
    from_server: Receiver<Value>,
    ended: Receiver<bool>,
    next_id: i64,
    /// Notifications that came while an answer was awaited.
    notes: Vec<Value>,
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

/// Copies a blocking pipe into an asynchronous one and back.
fn start() -> Client {
    let (server_input, to_server) = std::io::pipe().unwrap();
    let (client_input, server_output) = std::io::pipe().unwrap();
    let (messages, from_server) = channel();
    let (end, ended) = channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let input = tokio::fs::File::from_std(std::fs::File::from(std::os::fd::OwnedFd::from(server_input)));
        let output = tokio::fs::File::from_std(std::fs::File::from(std::os::fd::OwnedFd::from(server_output)));
        let result = runtime.block_on(perilune_lsp::serve(input, output));
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
    Client { to_server, from_server, ended, next_id: 0, notes: Vec::new() }
}

impl Client {
    fn raw(&mut self, bytes: &[u8]) {
        self.to_server.write_all(bytes).unwrap();
    }

    fn send(&mut self, message: &Value) {
        let body = message.to_string();
        self.raw(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
    }

    fn notify(&mut self, method: &str, params: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    fn receive(&mut self) -> Value {
        self.from_server.recv_timeout(PATIENCE).expect("a message in time")
    }

    /// The whole answer.
    fn call(&mut self, method: &str, params: Value) -> Value {
        self.next_id += 1;
        let id = self.next_id;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        loop {
            let message = self.receive();
            if message.get("id") == Some(&json!(id)) {
                return message;
            }
            self.notes.push(message);
        }
    }

    #[track_caller]
    fn ask(&mut self, method: &str, params: Value) -> Value {
        let answer = self.call(method, params);
        assert!(answer.get("error").is_none(), "{answer}");
        answer["result"].clone()
    }

    fn at(&mut self, method: &str, line: u32, character: u32) -> Value {
        self.ask(method, place(line, character))
    }

    fn initialize(&mut self, capabilities: Value) -> Value {
        let result = self.ask("initialize", json!({ "processId": null, "rootUri": null, "capabilities": capabilities }));
        self.notify("initialized", json!({}));
        result
    }

    fn open(&mut self, uri: &str, text: &str) {
        let document = json!({ "uri": uri, "languageId": "lua", "version": 1, "text": text });
        self.notify("textDocument/didOpen", json!({ "textDocument": document }));
    }

    /// Messages of the next diagnostics pushed for a file.
    fn pushed(&mut self, uri: &str) -> Vec<String> {
        loop {
            let message = if self.notes.is_empty() { self.receive() } else { self.notes.remove(0) };
            if message["method"] == "textDocument/publishDiagnostics" && message["params"]["uri"] == uri {
                return messages(&message["params"]["diagnostics"]);
            }
        }
    }

    fn quit(mut self) {
        self.ask("shutdown", Value::Null);
        self.send(&json!({ "jsonrpc": "2.0", "method": "exit" }));
        assert_eq!(self.ended.recv_timeout(PATIENCE), Ok(true), "the server ends, though its input stays open");
    }
}

fn place(line: u32, character: u32) -> Value {
    json!({ "textDocument": { "uri": MAIN }, "position": { "line": line, "character": character } })
}

fn document() -> Value {
    json!({ "textDocument": { "uri": MAIN } })
}

fn messages(diagnostics: &Value) -> Vec<String> {
    let all = diagnostics.as_array().expect("a list");
    all.iter().map(|found| found["message"].as_str().unwrap_or_default().to_string()).collect()
}

fn starts(list: &Value) -> Vec<(u64, u64)> {
    let start = |item: &Value| {
        let start = &item["range"]["start"];
        (start["line"].as_u64().unwrap(), start["character"].as_u64().unwrap())
    };
    list.as_array().expect("a list").iter().map(start).collect()
}

fn ready(text: &str) -> Client {
    let mut client = start();
    client.initialize(json!({}));
    client.open(MAIN, text);
    client
}

const SAMPLE: &str = "-- Width in cells.\nlocal width = 1\nlocal M = {}\nfunction M.start(n)\n  return width + n\nend\nfunction M:stop()\n  self.start(width)\nend\nreturn M\n";

#[test]
fn features_answer() {
    let mut client = ready(SAMPLE);
    assert_eq!(client.pushed(MAIN), Vec::<String>::new());
    let definition = client.at("textDocument/definition", 4, 10);
    assert_eq!(definition["range"]["start"], json!({ "line": 1, "character": 6 }));
    let mut params = place(1, 7);
    params["context"] = json!({ "includeDeclaration": true });
    assert_eq!(starts(&client.ask("textDocument/references", params.clone())), [(1, 6), (4, 9), (7, 13)]);
    params["context"] = json!({ "includeDeclaration": false });
    assert_eq!(starts(&client.ask("textDocument/references", params)), [(4, 9), (7, 13)]);
    assert_eq!(starts(&client.at("textDocument/documentHighlight", 7, 8)), [(3, 11), (7, 7)]);
    let hover = client.at("textDocument/hover", 7, 14);
    let shown = hover["contents"]["value"].as_str().unwrap();
    assert!(shown.contains("local width = 1") && shown.contains("Width in cells."), "{shown}");
    let symbols = client.ask("textDocument/documentSymbol", document());
    let names: Vec<_> = symbols.as_array().unwrap().iter().map(|symbol| symbol["name"].clone()).collect();
    assert_eq!(names, ["width", "M", "M.start", "M:stop"]);
    let folds = client.ask("textDocument/foldingRange", document());
    assert_eq!((&folds[0]["startLine"], &folds[0]["endLine"]), (&json!(3), &json!(4)));
    let tokens = client.ask("textDocument/semanticTokens/full", document());
    assert_eq!(tokens["data"].as_array().unwrap()[..10], json!([0, 0, 18, 1, 0, 1, 0, 5, 0, 0]).as_array().unwrap()[..]);
    client.quit();
}

#[test]
fn renaming_edits_all_uses_or_says_why_not() {
    let mut client = ready(SAMPLE);
    let prepared = client.at("textDocument/prepareRename", 4, 10);
    assert_eq!(prepared["placeholder"], "width");
    let mut params = place(4, 10);
    params["newName"] = json!("cells");
    let edit = client.ask("textDocument/rename", params.clone());
    assert_eq!(starts(&edit["changes"][MAIN]), [(1, 6), (4, 9), (7, 13)]);
    for (name, reason) in [("end", "reserved"), ("n", "taken"), ("1", "not a name")] {
        params["newName"] = json!(name);
        let answer = client.call("textDocument/rename", params.clone());
        assert!(answer["error"]["message"].as_str().unwrap().contains(reason), "{answer}");
    }
    client.quit();
}

#[test]
fn diagnostics_follow_edits_and_other_files() {
    let mut client = ready("shared()\nlocal x = \n");
    assert_eq!(client.pushed(MAIN), ["unexpected symbol near <eof>", "undefined global 'shared'"]);
    client.open("file:///w/other.lua", "function shared() end\n");
    assert_eq!(client.pushed(MAIN), ["unexpected symbol near <eof>"]);
    let change = json!({ "range": { "start": { "line": 1, "character": 0 }, "end": { "line": 2, "character": 0 } }, "text": "" });
    client.notify("textDocument/didChange", json!({
        "textDocument": { "uri": MAIN, "version": 2 }, "contentChanges": [change] }));
    assert_eq!(client.pushed(MAIN), Vec::<String>::new());
    let definition = client.at("textDocument/definition", 0, 1);
    assert_eq!(definition["uri"], "file:///w/other.lua");
    client.notify("textDocument/didClose", json!({ "textDocument": { "uri": "file:///w/other.lua" } }));
    assert_eq!(client.pushed(MAIN), ["undefined global 'shared'"]);
    let report = client.ask("textDocument/diagnostic", document());
    assert_eq!(messages(&report["items"]), ["undefined global 'shared'"]);
    client.quit();
}

#[test]
fn a_client_that_pulls_is_not_pushed_to() {
    let mut client = start();
    let result = client.initialize(json!({ "textDocument": { "diagnostic": {} } }));
    assert_eq!(result["capabilities"]["diagnosticProvider"]["interFileDependencies"], true);
    client.open(MAIN, "nobody()");
    let report = client.ask("textDocument/diagnostic", document());
    assert_eq!((&report["kind"], messages(&report["items"])), (&json!("full"), vec!["undefined global 'nobody'".into()]));
    assert!(client.notes.is_empty(), "{:?}", client.notes);
    client.quit();
}

#[test]
fn columns_count_in_the_agreed_units() {
    for (encoding, column) in [("utf-8", 19), ("utf-16", 16), ("utf-32", 15)] {
        let mut client = start();
        let result = client.initialize(json!({ "general": { "positionEncodings": [encoding] } }));
        assert_eq!(result["capabilities"]["positionEncoding"], encoding);
        client.open(MAIN, "local s = 'ä🌙' local t = s return t, s");
        let definition = client.at("textDocument/documentHighlight", 0, column + 6);
        let expected = u64::from(column) + 6;
        let found = starts(&definition);
        assert!(found.first().is_some_and(|start| start.1 == expected), "{encoding}: {found:?}");
        client.quit();
    }
}

#[test]
fn two_hundred_edits_arrive_in_order() {
    let mut client = ready("");
    let mut text = String::new();
    for version in 2..202 {
        let line = format!("local v{version} = {version}\n");
        // Alternately at the front and at the end, several in one message.
        let (front, end) = (json!({ "line": 0, "character": 0 }), json!({ "line": 9999, "character": 0 }));
        let edit = |at: &Value, text: &str| json!({ "range": { "start": at, "end": at }, "text": text });
        client.notify("textDocument/didChange", json!({
            "textDocument": { "uri": MAIN, "version": version },
            "contentChanges": [edit(&front, &line), edit(&end, "-- z\n")] }));
        text = format!("{line}{text}-- z\n");
    }
    let symbols = client.ask("textDocument/documentSymbol", document());
    let names: Vec<String> = symbols.as_array().unwrap().iter().map(|symbol| symbol["name"].as_str().unwrap().into()).collect();
    let expected: Vec<String> = (2..202).rev().map(|version| format!("v{version}")).collect();
    assert_eq!(names, expected);
    let stale = json!({ "textDocument": { "uri": MAIN, "version": 3 }, "contentChanges": [{ "text": "" }] });
    client.notify("textDocument/didChange", stale);
    assert_eq!(client.ask("textDocument/documentSymbol", document()).as_array().unwrap().len(), 200);
    client.quit();
}

#[test]
fn malformed_input_does_not_end_the_session() {
    let mut client = ready("local x = 1\nprint(x)");
    let noise: Vec<u8> = (0..9000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let garbage: Vec<Vec<u8>> = vec![
        b"Content-Length: banana\r\n\r\n".to_vec(),
        b"Content-Length: -1\r\n\r\n".to_vec(),
        b"Content-Length: 99999999999999999999\r\n\r\n".to_vec(),
        b"Content-Length: 9999999999999\r\n\r\n{}".to_vec(),
        b"Content-Length: 5\r\n\r\n{oops".to_vec(),
        b"Content-Length: 4\r\n\r\n\xff\xfe\xfd\xfc".to_vec(),
        b"Content-Length: 0\r\n\r\n".to_vec(),
        b"Content-Length: 2\r\n\r\n[]".to_vec(),
        b"Content-Length: 4\r\n\r\nnull".to_vec(),
        br#"{"jsonrpc":"2.0"}"#.to_vec(),
        noise,
        format!("Content-Length: {}\r\n\r\n{deep}", deep.len()).into_bytes(),
    ];
    for bytes in garbage {
        client.raw(&bytes);
        let answer = client.at("textDocument/definition", 1, 6);
        assert_eq!(answer["range"]["start"]["character"], 6);
    }
    for message in [
        json!({ "jsonrpc": "2.0", "id": 1.5, "method": "shutdown" }),
        json!({ "jsonrpc": "1.0", "id": 77, "method": "shutdown" }),
        json!({ "jsonrpc": "2.0", "id": 78, "method": 3 }),
        json!({ "jsonrpc": "2.0", "id": 4711, "result": null }),
        json!({ "jsonrpc": "2.0", "method": "textDocument/didChange", "params": { "nonsense": true } }),
        json!({ "jsonrpc": "2.0", "method": "no/such/notification" }),
    ] {
        client.send(&message);
    }
    assert!(client.notes.iter().any(|note| note["error"]["code"] == -32700));
    assert_eq!(client.call("no/such/request", json!({}))["error"]["code"], -32601);
    assert_eq!(client.call("textDocument/hover", json!({ "position": "here" }))["error"]["code"], -32602);
    assert_eq!(client.at("textDocument/definition", 1, 6)["range"]["start"]["character"], 6);
    client.quit();
}

#[test]
fn unknown_documents_and_places_have_empty_answers() {
    let mut client = start();
    let early = client.call("textDocument/hover", place(0, 0));
    assert_eq!(early["error"]["code"], -32002);
    client.initialize(json!({}));
    client.notify("textDocument/didClose", document());
    client.notify("textDocument/didChange", json!({ "textDocument": { "uri": MAIN, "version": 5 }, "contentChanges": [{ "text": "x" }] }));
    for method in ["documentSymbol", "foldingRange", "semanticTokens/full"] {
        assert_eq!(client.ask(&format!("textDocument/{method}"), document()), Value::Null, "{method}");
    }
    for method in ["definition", "hover", "documentHighlight", "prepareRename"] {
        assert_eq!(client.at(&format!("textDocument/{method}"), 7, 7), Value::Null, "{method}");
    }
    assert_eq!(client.ask("textDocument/diagnostic", document())["items"], json!([]));
    client.open(MAIN, &format!("x = {}", "f(".repeat(50_000)));
    assert_eq!(client.pushed(MAIN)[0], "C stack overflow");
    assert_eq!(client.at("textDocument/hover", 4_000_000_000, 4_000_000_000), Value::Null);
    client.quit();
}

#[test]
fn exit_without_shutdown_is_an_error() {
    let mut client = ready("");
    client.send(&json!({ "jsonrpc": "2.0", "method": "exit" }));
    assert_eq!(client.ended.recv_timeout(PATIENCE), Ok(false));
}

#[test]
fn a_client_that_hangs_up_ends_the_server() {
    let Client { to_server, ended, .. } = ready("");
    drop(to_server);
    assert_eq!(ended.recv_timeout(PATIENCE), Ok(true));
}
