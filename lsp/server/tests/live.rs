//! The running program behind the editor.

use crate::client::{Client, MAIN, document, place, place_in, range, start_with};
use crate::program::{self, Program};
use serde_json::{Value, json};

const TEXT: &str = "local M = { size = 1 }\nlocal s = 'ä🌙' function M.step(n)\n  return M.size + n\nend\nprint(M.step(1), s)\n";

fn live(script: impl Fn(&str, &Value) -> Option<Value> + Send + Sync + 'static) -> (Program, Client) {
    let program = program::start(script);
    let client = begin(&program, TEXT);
    (program, client)
}

fn begin(program: &Program, text: &str) -> Client {
    let mut client = start_with(program.finder());
    let literal = json!({ "codeActionLiteralSupport": { "codeActionKind": { "valueSet": [] } } });
    client.initialize_in(Some("file:///w"), json!({ "textDocument": { "codeAction": literal } }));
    client.open(MAIN, text);
    client
}

fn value(text: &str) -> Option<Value> {
    Some(json!({ "result": { "values": [{ "text": text, "type": "integer", "reference": 0 }] } }))
}

fn hover(client: &mut Client, line: u32, character: u32) -> String {
    client.at("textDocument/hover", line, character)["contents"]["value"].as_str().unwrap().to_string()
}

fn command(name: &str, position: Option<(u32, u32)>) -> Value {
    let mut argument = json!({ "uri": MAIN });
    if let Some((line, character)) = position {
        argument["position"] = json!({ "line": line, "character": character });
    }
    json!({ "command": name, "arguments": [argument] })
}

fn done() -> Option<Value> {
    let function = json!({ "name": "M.step", "line": 2, "closures": 3, "running": 1 });
    Some(json!({ "result": { "functions": [function], "added": [], "removed": ["M.old"] } }))
}

fn refused() -> Option<Value> {
    let refusal = |message: &str, from: (u32, u32), to: (u32, u32)| json!({
        "message": message, "start": { "line": from.0, "column": from.1 }, "end": { "line": to.0, "column": to.1 } });
    // Byte columns: the name `M.step` begins after 29 bytes of line 2.
    let refusals = [refusal("it is ambiguous", (2, 29), (2, 35)), refusal("it is gone", (9, 9), (9, 9))];
    Some(json!({ "error": { "code": "refused", "message": "refused", "refusals": refusals } }))
}

#[test]
fn a_hover_shows_the_value_in_the_running_program() {
    let (program, mut client) = live(|_, params| value(&format!("`{}`", params["expression"].as_str().unwrap())));
    let shown = hover(&mut client, 2, 12);
    assert!(shown.contains("field M.size") || shown.contains("size"), "{shown}");
    assert!(shown.contains("**live** in app.lua (pid 4711), integer\n\n```lua\n`M.size`\n```"), "{shown}");
    let asked = program.asked_for("lookup");
    assert_eq!(asked, [json!({ "source": "/w/main.lua", "expression": "M.size", "position": { "line": 3, "column": 13 } })]);
    hover(&mut client, 1, 27);
    assert_eq!(program.asked_for("lookup")[1]["position"], json!({ "line": 2, "column": 31 }), "columns are bytes");
    client.quit();
}

#[test]
fn a_program_that_does_not_answer_delays_nothing() {
    let (_program, mut client) = live(|_, _| None);
    let hovers: Vec<i64> = (0..40).map(|_| client.request("textDocument/hover", place(2, 12))).collect();
    let redefinitions: Vec<i64> = (0..3).map(|_| client.request("workspace/executeCommand", command("perilune.redefine", Some((2, 3))))).collect();
    client.change(MAIN, json!([{ "range": range((0, 0), (0, 0)), "text": "first = 1\n" }]));
    let symbols = client.ask("textDocument/documentSymbol", document());
    assert_eq!(symbols[0]["name"], "first");
    for id in hovers {
        let shown = client.answer(id)["result"]["contents"]["value"].to_string();
        assert!(shown.contains("size") && !shown.contains("live"), "{shown}");
    }
    for id in redefinitions {
        assert_eq!(client.answer(id)["result"]["failed"], "the program did not answer in time");
    }
    client.quit();
}

#[test]
fn a_question_under_way_can_be_cancelled() {
    let (_program, mut client) = live(|_, _| None);
    let id = client.request("workspace/executeCommand", command("perilune.redefine", Some((2, 3))));
    client.notify("$/cancelRequest", json!({ "id": id }));
    assert_eq!(client.answer(id)["error"]["code"], -32800);
    client.quit();
}

#[test]
fn a_function_is_redefined_from_the_text_of_the_editor() {
    let (program, mut client) = live(|method, _| if method == "redefine" { done() } else { None });
    client.change(MAIN, json!([{ "range": range((2, 9), (2, 9)), "text": "2 * " }]));
    let result = client.ask("workspace/executeCommand", command("perilune.redefine", Some((2, 3))));
    assert_eq!(result["functions"][0]["name"], "M.step");
    let asked = &program.asked_for("redefine")[0];
    assert_eq!((&asked["source"], &asked["target"]), (&json!("/w/main.lua"), &json!({ "at": { "line": 3, "column": 4 } })));
    assert!(asked["text"].as_str().unwrap().contains("return 2 * M.size"));
    let message = client.next("window/showMessage");
    assert_eq!(message["type"], 3);
    assert_eq!(message["message"], "redefined M.step: 3 closures, 1 call still runs the old code; gone from the text, still callable: M.old");
    client.ask("workspace/executeCommand", command("perilune.redefineFile", None));
    assert_eq!(program.asked_for("redefine")[1]["target"], "changed");
    client.quit();
}

#[test]
fn refusals_are_diagnostics_until_the_next_edit_or_success() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let is_kind = std::sync::Arc::new(AtomicBool::new(false));
    let flag = std::sync::Arc::clone(&is_kind);
    let (_program, mut client) = live(move |_, _| if flag.load(Ordering::SeqCst) { done() } else { refused() });
    let reasons = ["it is ambiguous", "it is gone"];
    let result = client.ask("workspace/executeCommand", command("perilune.redefine", Some((2, 3))));
    let name = range((1, 25), (1, 31));
    assert_eq!(result["refused"][0], json!({ "message": "it is ambiguous", "range": name }));
    assert_eq!(client.next("window/showMessage")["message"], "not redefined: 2 reasons");
    let shown = client.pushed_at_last(MAIN, &reasons);
    assert_eq!((&shown[0]["range"], &shown[0]["source"], &shown[0]["severity"]), (&name, &json!("perilune live"), &json!(1)));
    assert_eq!((shown.as_array().unwrap().len(), &shown[1]["range"]), (2, &range((5, 0), (5, 0))));
    client.change(MAIN, json!([{ "range": range((4, 0), (4, 0)), "text": " " }]));
    client.pushed_at_last(MAIN, &[]);
    client.ask("workspace/executeCommand", command("perilune.redefine", Some((2, 3))));
    client.pushed_at_last(MAIN, &reasons);
    is_kind.store(true, Ordering::SeqCst);
    client.ask("workspace/executeCommand", command("perilune.redefine", Some((2, 3))));
    client.pushed_at_last(MAIN, &[]);
    client.quit();
}

#[test]
fn refusals_are_pushed_to_clients_that_pull_too() {
    let program = program::start(|_, _| refused());
    let mut client = start_with(program.finder());
    client.initialize_in(Some("file:///w"), json!({ "textDocument": { "diagnostic": {} } }));
    client.open(MAIN, TEXT);
    client.ask("workspace/executeCommand", command("perilune.redefine", Some((2, 3))));
    assert_eq!(client.pushed(MAIN).len(), 2);
    client.change(MAIN, json!([{ "range": range((4, 0), (4, 0)), "text": " " }]));
    assert_eq!(client.pushed(MAIN), Vec::<String>::new());
    client.quit();
}

#[test]
fn a_refusal_without_a_place_is_shown_at_the_function() {
    let (_program, mut client) = live(|_, _| Some(json!({ "error": { "code": "refused", "message": "no such source", "refusals": [] } })));
    let result = client.ask("workspace/executeCommand", command("perilune.redefine", Some((2, 3))));
    assert_eq!(result["refused"], json!([{ "message": "no such source", "range": range((2, 0), (2, 19)) }]));
    client.quit();
}

#[test]
fn redefinition_is_offered_while_a_program_runs() {
    let (program, mut client) = live(|_, _| None);
    let actions = |client: &mut Client, line: u32, only: Value| {
        let mut params = json!({ "textDocument": { "uri": MAIN }, "range": range((line, 3), (line, 3)), "context": { "diagnostics": [] } });
        if !only.is_null() {
            params["context"]["only"] = only;
        }
        let list = client.ask("textDocument/codeAction", params);
        list.as_array().unwrap().iter().map(|action| action["title"].as_str().unwrap().to_string()).collect::<Vec<_>>()
    };
    let (one, all) = ("Redefine this function in the running program (M.step)", "Redefine what changed in this file in the running program");
    assert_eq!(actions(&mut client, 2, Value::Null), [one, all]);
    assert_eq!(actions(&mut client, 2, json!(["refactor"])), [one]);
    assert_eq!(actions(&mut client, 2, json!(["source"])), [all]);
    assert_eq!(actions(&mut client, 2, json!(["quickfix"])), Vec::<String>::new());
    assert_eq!(actions(&mut client, 4, Value::Null), [all]);
    drop(program);
    client.quit();
    let mut client = crate::client::ready(TEXT);
    assert_eq!(actions(&mut client, 2, Value::Null), Vec::<String>::new());
    client.quit();
}

#[test]
fn a_failed_connection_is_told() {
    let mut client = crate::client::ready(TEXT);
    let result = client.ask("workspace/executeCommand", command("perilune.redefine", Some((2, 3))));
    assert!(result["failed"].as_str().unwrap().contains("perilune run --live"), "{result}");
    assert_eq!(client.next("window/showMessage")["type"], 1);
    for params in [
        json!({ "command": "perilune.redefine", "arguments": [] }),
        json!({ "command": "perilune.redefine", "arguments": [{ "uri": MAIN }] }),
        json!({ "command": "perilune.redefine", "arguments": [{ "uri": "file:///w/none.lua", "position": { "line": 0, "character": 0 } }] }),
        json!({ "command": "perilune.unknown" }),
    ] {
        assert_eq!(client.call("workspace/executeCommand", params)["error"]["code"], -32602);
    }
    client.quit();
}

#[test]
fn a_program_that_ends_is_forgotten_and_the_next_one_found() {
    let (program, mut client) = live(|method, _| if method == "redefine" { done() } else { value("1") });
    assert!(hover(&mut client, 2, 12).contains("live"));
    program.hang_up();
    let result = client.ask("workspace/executeCommand", command("perilune.redefine", Some((2, 3))));
    assert!(result["functions"].is_array() || result["failed"].is_string());
    let result = client.ask("workspace/executeCommand", command("perilune.redefine", Some((2, 3))));
    assert_eq!(result["functions"][0]["name"], "M.step");
    assert!(hover(&mut client, 2, 12).contains("live"));
    client.quit();
}

#[test]
fn fields_of_the_running_program_are_offered() {
    let program = program::start(|method, params| match method {
        "lookup" => Some(json!({ "result": { "values": [{ "text": "{…}", "type": "table", "reference": 7, "named": 3 }] } })),
        "children" => {
            assert_eq!(params["reference"], 7);
            let child = |name: &str, kind: &str| json!({ "name": name, "text": "…", "type": kind, "reference": 0 });
            Some(json!({ "result": { "children": [child("made", "integer"), child("size", "integer"), child("run", "function"),
                child("not a name", "integer"), child("[1]", "integer")], "total": 5 } }))
        }
        _ => None,
    });
    let mut client = begin(&program, "local M = { size = 1 }\nM.\n");
    let names = |items: &Value| items.as_array().unwrap().iter().map(|item| item["label"].as_str().unwrap().to_string()).collect::<Vec<_>>();
    let items = client.at("textDocument/completion", 1, 2);
    assert_eq!(names(&items), ["size", "made", "run"]);
    assert_eq!(items[1]["detail"], "live integer: …");
    client.change(MAIN, json!([{ "range": range((1, 1), (1, 2)), "text": ":" }]));
    assert_eq!(names(&client.at("textDocument/completion", 1, 2)), ["run"]);
    client.quit();
}

#[test]
fn the_programs_of_the_workspace_are_listed_without_their_secrets() {
    let (_program, mut client) = live(|_, _| None);
    let list = client.ask("workspace/executeCommand", json!({ "command": "perilune.sessions" }));
    assert_eq!(list, json!([{ "pid": 4711, "program": "/w/app.lua", "args": ["-x"], "cwd": "/w", "started": 1 }]));
    assert_eq!(client.ask("textDocument/hover", place_in("file:///w/none.lua", 0, 0)), Value::Null);
    client.quit();
}
