//! Malformed, oversized, untimely and random messages; a good request is answered all the same.

use super::client::{Client, converse};
use crate::mutate::{PIECES, mutate};
use crate::random::Random;
use serde_json::{Map, Value, json};

const URI: &str = "file:///w/a.lua";

const METHODS: &[&str] = &[
    "initialize", "initialized", "shutdown", "textDocument/didOpen", "textDocument/didChange", "textDocument/didClose",
    "textDocument/didSave", "textDocument/hover", "textDocument/definition", "textDocument/references",
    "textDocument/documentHighlight", "textDocument/documentSymbol", "textDocument/rename", "textDocument/prepareRename",
    "textDocument/semanticTokens/full", "textDocument/foldingRange", "textDocument/diagnostic", "$/cancelRequest",
    "$/setTrace", "workspace/symbol", "workspace/didChangeConfiguration", "workspace/didChangeWatchedFiles", "no/such",
    "perilune/parseError", "perilune/invalidRequest", "", "\u{0}", "window/workDoneProgress/cancel",
];

const KEYS: &[&str] = &[
    "textDocument", "uri", "position", "line", "character", "text", "version", "contentChanges", "range", "start", "end",
    "newName", "context", "includeDeclaration", "languageId", "capabilities", "id", "general", "positionEncodings",
    "processId", "rootUri", "rangeLength",
];

/// Talks nonsense for a while, then asks something sensible.
pub async fn session(random: &mut Random) {
    let may_exit = random.one_in(10);
    let rounds = 1 + random.below(25);
    let ended = converse(|mut client| async {
        if !random.one_in(4) {
            client.try_call("initialize", json!({ "capabilities": {} })).await;
            client.notify("initialized", json!({})).await;
        }
        for _ in 0..rounds {
            say(random, &mut client).await;
        }
        if may_exit {
            client.notify("exit", Value::Null).await;
        }
        probe(&mut client).await;
        client
    })
    .await;
    assert!(!ended || may_exit, "the server ends although nobody said exit");
}

/// A false length may swallow requests, but not for ever.
async fn probe(client: &mut Client) {
    for _ in 0..100 {
        if client.try_call("textDocument/hover", place()).await.is_some() {
            return;
        }
    }
    panic!("the server does not answer any more");
}

fn place() -> Value {
    json!({ "textDocument": { "uri": URI }, "position": { "line": 0, "character": 0 } })
}

async fn say(random: &mut Random, client: &mut Client) {
    match random.below(8) {
        0 => client.raw(&bytes(random, 300)).await,
        1 => {
            let body = bytes(random, 200);
            let length = [body.len(), random.below(4000), 0, body.len() + 1][random.below(4)];
            client.raw(&[format!("Content-Length: {length}\r\n\r\n").as_bytes(), &body].concat()).await;
        }
        2 => {
            let head = *random.pick(&[
                "Content-Length: -3\r\n\r\n", "Content-Length: 99999999999999999999999\r\n\r\n", "Content-Length:\r\n\r\n",
                "content-length: 2\r\n\r\n{}", "Content-Type: x\r\n\r\n", "\r\n\r\n\r\n", "Content-Length: 1e3\r\n\r\n",
                "Content-Length: 999999999999\r\n\r\n{}", "Content-Length: 2\n\n{}", "Content-Length: 2\r\nContent-Type: y\r\n\r\n{}",
            ]);
            client.raw(head.as_bytes()).await;
        }
        3 => {
            let mut body = message(random).to_string().into_bytes();
            mutate(random, &mut body);
            client.raw(&[format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes(), &body].concat()).await;
        }
        4 if random.one_in(6) => {
            let depth = 50_000 + random.below(200_000);
            let body = ["[".repeat(depth), "]".repeat(depth)].concat();
            client.raw(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes()).await;
        }
        5 => {
            let text: String = (0..random.below(200)).map(|_| *random.pick(PIECES)).collect();
            let document = json!({ "uri": URI, "languageId": "lua", "version": random.below(9), "text": text });
            client.notify("textDocument/didOpen", json!({ "textDocument": document })).await;
        }
        _ => client.send(&message(random)).await,
    }
}

fn bytes(random: &mut Random, most: usize) -> Vec<u8> {
    (0..random.below(most)).map(|_| random.byte()).collect()
}

/// A message of the right shape with random contents.
fn message(random: &mut Random) -> Value {
    let mut message = Map::new();
    if !random.one_in(20) {
        message.insert("jsonrpc".into(), json!("2.0"));
    }
    if random.one_in(2) {
        message.insert("id".into(), if random.one_in(8) { value(random, 2) } else { json!(random.below(1000)) });
    }
    if !random.one_in(12) {
        message.insert("method".into(), json!(random.pick(METHODS)));
    } else if random.one_in(2) {
        message.insert("result".into(), value(random, 2));
    }
    let params = match random.below(4) {
        0 => value(random, 4),
        1 => place(),
        _ => request(random),
    };
    message.insert("params".into(), params);
    Value::Object(message)
}

/// Parameters that any of the methods understands, with wild numbers.
fn request(random: &mut Random) -> Value {
    let mut number = || *random.pick(&[0_i64, 1, 3, -1, 70_000, 4_294_967_295, i64::MAX]);
    let position = json!({ "line": number(), "character": number() });
    let range = json!({ "start": position, "end": { "line": number(), "character": number() } });
    json!({
        "textDocument": { "uri": URI, "version": number(), "text": "local x = 1", "languageId": "lua" },
        "position": position,
        "contentChanges": [{ "range": range, "text": "x\n" }, { "range": range, "rangeLength": number(), "text": "" }],
        "newName": "y",
        "context": { "includeDeclaration": true },
        "capabilities": {},
    })
}

fn value(random: &mut Random, depth: usize) -> Value {
    match random.below(if depth == 0 { 6 } else { 9 }) {
        0 => Value::Null,
        1 => json!(random.one_in(2)),
        2 => json!(random.word() as i64),
        3 => json!(1.5e300),
        4 => json!(*random.pick(PIECES)),
        5 => json!(URI),
        6 => (0..random.below(4)).map(|_| value(random, depth - 1)).collect(),
        _ => {
            let count = random.below(5);
            Value::Object((0..count).map(|_| (random.pick(KEYS).to_string(), value(random, depth - 1))).collect())
        }
    }
}
