//! Features of one document, and the order of edits.

use crate::client::{MAIN, PATIENCE, Client, document, messages, place, ready, start, starts};
use serde_json::{Value, json};

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
    client.pushed_at_last(MAIN, &["undefined global 'shared'", "unexpected symbol near <eof>"]);
    client.open("file:///w/other.lua", "function shared() end\n");
    client.pushed_at_last(MAIN, &["unexpected symbol near <eof>"]);
    let change = json!({ "range": { "start": { "line": 1, "character": 0 }, "end": { "line": 2, "character": 0 } }, "text": "" });
    client.notify("textDocument/didChange", json!({
        "textDocument": { "uri": MAIN, "version": 2 }, "contentChanges": [change] }));
    client.pushed_at_last(MAIN, &[]);
    let definition = client.at("textDocument/definition", 0, 1);
    assert_eq!(definition["uri"], "file:///w/other.lua");
    client.notify("textDocument/didClose", json!({ "textDocument": { "uri": "file:///w/other.lua" } }));
    client.pushed_at_last(MAIN, &["undefined global 'shared'"]);
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
    let mut again = document();
    again["previousResultId"] = report["resultId"].clone();
    assert_eq!(client.ask("textDocument/diagnostic", again.clone()), json!({ "kind": "unchanged", "resultId": report["resultId"] }));
    client.notify("textDocument/didChange", json!({
        "textDocument": { "uri": MAIN, "version": 2 }, "contentChanges": [{ "text": "print()" }] }));
    let changed = client.ask("textDocument/diagnostic", again);
    assert_eq!((&changed["kind"], &changed["items"]), (&json!("full"), &json!([])));
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
    while !client.pushed(MAIN).contains(&"C stack overflow".into()) {}
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
