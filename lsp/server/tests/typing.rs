//! Completion and signatures.

use crate::client::{MAIN, document, place, ready};
use serde_json::{Value, json};

fn labels(items: &Value) -> Vec<String> {
    items.as_array().unwrap().iter().map(|item| item["label"].as_str().unwrap().to_string()).collect()
}

#[test]
fn fields_are_completed_in_place_of_what_was_written() {
    let mut client = ready("local M = {}\n-- Begins.\nfunction M.start(n) end\nM.limit = 1\nM.st\n");
    let items = client.at("textDocument/completion", 4, 4);
    assert_eq!(labels(&items), ["limit", "start"]);
    let start = &items[1];
    assert_eq!((start["kind"].as_u64(), start["detail"].as_str()), (Some(3), Some("M.start(n)")));
    assert_eq!(start["documentation"], "Begins.");
    assert_eq!(start["textEdit"]["range"]["start"]["character"], 2);
    assert_eq!(client.at("textDocument/completion", 1, 5), Value::Null, "inside a comment");
    client.quit();
}

#[test]
fn the_library_is_completed_and_its_calls_are_explained() {
    let mut client = ready("string.\nlocal text = ('x'):rep(2, )\n");
    let names = labels(&client.at("textDocument/completion", 0, 7));
    assert!(names.contains(&"format".into()) && names.contains(&"gsub".into()), "{names:?}");
    let help = client.at("textDocument/signatureHelp", 1, 26);
    assert_eq!(help["signatures"][0]["label"], "string.rep(s, n [, sep]) -> string");
    assert_eq!((help["activeParameter"].as_u64(), &help["signatures"][0]["parameters"][1]["label"]), (Some(1), &json!("sep")));
    let hover = client.at("textDocument/hover", 1, 20);
    let shown = hover["contents"]["value"].as_str().unwrap();
    assert!(shown.contains("copies of") && shown.contains("manual.html#6.4"), "{shown}");
    client.quit();
}

#[test]
fn hovers_are_plain_for_clients_that_want_them_so() {
    let mut client = crate::client::start();
    client.initialize(json!({ "textDocument": { "hover": { "contentFormat": ["plaintext"] } } }));
    client.open(MAIN, "local a_b = 1\nprint(a_b)");
    let hover = client.at("textDocument/hover", 1, 7);
    assert_eq!(hover["contents"], json!({ "kind": "plaintext", "value": "local a_b\nlocal a_b = 1" }));
    assert_eq!(client.ask("textDocument/documentSymbol", document())[0]["name"], "a_b");
    assert_eq!(client.ask("textDocument/hover", place(9, 9)), Value::Null);
    client.quit();
}
