//! What no well-behaved client does, and what few do.

use crate::client::{Client, MAIN, PATIENCE, document, place, range, ready, start};
use serde_json::{Value, json};

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

/// The text that the server has, by the names of its outline.
fn outline(client: &mut Client) -> Vec<String> {
    let symbols = client.ask("textDocument/documentSymbol", document());
    symbols.as_array().unwrap().iter().map(|symbol| symbol["name"].as_str().unwrap().to_string()).collect()
}

#[test]
fn the_handshake_is_once_and_in_order() {
    let mut client = start();
    for method in ["textDocument/hover", "shutdown", "no/such/request"] {
        let code = client.call(method, place(0, 0))["error"]["code"].clone();
        assert!(code == -32002 || code == -32601, "{method}: {code}");
    }
    client.notify("textDocument/didOpen", json!({ "textDocument": { "uri": MAIN, "languageId": "lua", "version": 1, "text": "x" } }));
    client.initialize(json!({}));
    assert_eq!(client.ask("textDocument/documentSymbol", document()), Value::Null, "opened too early");
    assert_eq!(client.call("initialize", json!({ "capabilities": {} }))["error"]["code"], -32600);
    client.ask("shutdown", Value::Null);
    for method in ["textDocument/hover", "shutdown"] {
        assert_eq!(client.call(method, place(0, 0))["error"]["code"], -32600, "{method}");
    }
    client.send(&json!({ "jsonrpc": "2.0", "method": "exit" }));
    assert_eq!(client.ended.recv_timeout(PATIENCE), Ok(true));
}

#[test]
fn an_exit_before_the_handshake_is_an_error() {
    let mut client = start();
    client.send(&json!({ "jsonrpc": "2.0", "method": "exit" }));
    assert_eq!(client.ended.recv_timeout(PATIENCE), Ok(false));
}

#[test]
fn cancelling_what_is_not_under_way_does_nothing() {
    let mut client = ready("local x = 1\nprint(x)");
    for id in [json!(1), json!(99), json!("none"), Value::Null] {
        client.notify("$/cancelRequest", json!({ "id": id }));
    }
    client.notify("$/unknown", json!({}));
    assert_eq!(client.at("textDocument/definition", 1, 6)["range"]["start"]["character"], 6);
    client.quit();
}

#[test]
fn edits_outside_the_text_are_moved_inside() {
    let mut client = ready("a = 1\n");
    let huge = u32::MAX;
    client.change(MAIN, json!([{ "range": range((huge, huge), (huge, huge)), "text": "b = 2\n" }]));
    client.change(MAIN, json!([{ "range": range((1, 9999), (7, 0)), "text": "\nc = 3" }]));
    client.change(MAIN, json!([{ "range": range((2, 0), (0, 0)), "text": "d = 4\n" }]));
    assert_eq!(outline(&mut client), ["a", "b", "d", "c"]);
    client.change(MAIN, json!([{ "range": range((0, 0), (huge, 0)), "text": "" }]));
    assert_eq!(outline(&mut client), Vec::<String>::new());
    client.quit();
}

#[test]
fn pairs_of_units_and_all_line_ends_are_counted() {
    let mut client = ready("s = '🌙'\r\nt = 'ä'\ru = 1\n");
    // Inside the pair: taken for its beginning.
    client.change(MAIN, json!([{ "range": range((0, 6), (0, 7)), "text": "x" }]));
    client.change(MAIN, json!([{ "range": range((2, 0), (2, 1)), "text": "v" }]));
    assert_eq!(outline(&mut client), ["s", "t", "v"]);
    let symbols = client.ask("textDocument/documentSymbol", document());
    assert_eq!(symbols[0]["range"], range((0, 0), (0, 7)));
    assert_eq!(symbols[2]["range"], range((2, 0), (2, 5)));
    client.quit();
}

#[test]
fn long_and_deep_documents_are_served() {
    let line = "data[#data + 1] = { name = 'a longer text in one of many lines', value = 12345 }\n";
    let long = format!("local data = {{}}\n{}function last() end\n", line.repeat((10 << 20) / line.len()));
    let mut client = ready(&long);
    for count in 0..20 {
        client.change(MAIN, json!([{ "range": range((1, 0), (1, 0)), "text": format!("function f{count}() end\n") }]));
    }
    let names = outline(&mut client);
    assert_eq!((names.len(), names[1].as_str(), names[21].as_str()), (22, "f19", "last"));
    let one_line = format!("return {{ {} }}", "'ä', a.b, ".repeat(40_000));
    client.open("file:///w/one.lua", &one_line);
    let tokens = client.ask("textDocument/semanticTokens/full", json!({ "textDocument": { "uri": "file:///w/one.lua" } }));
    assert_eq!(tokens["data"].as_array().unwrap().len() % 5, 0);
    for unit in ["(", "{", "function() ", "if a then else ", "a."] {
        client.open("file:///w/deep.lua", &unit.repeat(50_000));
        client.ask("textDocument/foldingRange", json!({ "textDocument": { "uri": "file:///w/deep.lua" } }));
    }
    client.quit();
}

#[test]
fn random_messages_are_answered_or_dropped() {
    let mut client = ready("local x = 1\nprint(x)");
    let mut seed = 7u32;
    let mut random = |limit: u32| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) % limit
    };
    let methods = ["textDocument/hover", "textDocument/rename", "textDocument/codeAction", "workspace/executeCommand",
        "textDocument/didChange", "workspace/didChangeWatchedFiles", "workspace/symbol", "completionItem/resolve",
        "workspace/didChangeWorkspaceFolders", "textDocument/completion", "$/cancelRequest", "textDocument/didClose"];
    let values = [Value::Null, json!([]), json!({}), json!(-1), json!("x"), json!({ "uri": "::" }), json!({ "uri": MAIN }),
        json!({ "line": -1, "character": 1e300 }), json!({ "line": 0, "character": 0 }), json!([[[]]]), json!(true)];
    let keys = ["textDocument", "position", "contentChanges", "changes", "event", "command", "arguments", "range",
        "context", "newName", "query", "id"];
    for _ in 0..600 {
        let mut params = json!({});
        for _ in 0..random(5) {
            params[keys[random(12) as usize]] = values[random(11) as usize].clone();
        }
        let method = methods[random(12) as usize];
        if random(2) == 0 {
            let answer = client.call(method, params);
            assert!(answer.get("result").is_some() || answer["error"]["code"].is_i64(), "{answer}");
        } else {
            client.notify(method, params);
        }
    }
    client.open(MAIN, "local y = 1\nprint(y)");
    assert_eq!(client.at("textDocument/definition", 1, 6)["range"]["start"]["character"], 6);
    client.quit();
}
