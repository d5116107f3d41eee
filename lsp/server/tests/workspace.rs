//! Files that are not open.

use crate::client::{Client, messages, place_in, places, start};
use serde_json::{Value, json};
use std::path::Path;
use tempfile::TempDir;

const QUEUE: &str = "local M = {}\n-- Puts something at the end.\nfunction M.push(x) return x end\nfunction M:pop() return self.push(1) end\nreturn M\n";
const MAIN: &str = "local queue = require 'lib.queue'\nqueue.push(1)\nqueue:pop()\nshared()\n";

/// A folder with these files, and a client that has it as workspace.
fn workspace(files: &[(&str, &str)], capabilities: Value) -> (TempDir, Client) {
    let folder = tempfile::tempdir().unwrap();
    files.iter().for_each(|(path, text)| write(folder.path(), path, text));
    let mut client = start();
    client.initialize_in(Some(&uri(folder.path(), "")), capabilities);
    (folder, client)
}

fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn uri(folder: &Path, path: &str) -> String {
    let folder = folder.display();
    if path.is_empty() { format!("file://{folder}") } else { format!("file://{folder}/{path}") }
}

fn sample() -> (TempDir, Client, String) {
    let files = [("lib/queue.lua", QUEUE), ("main.lua", MAIN), ("other.lua", "function shared() end\nrequire('lib.queue').push(2)\n")];
    let (folder, mut client) = workspace(&files, json!({}));
    let main = uri(folder.path(), "main.lua");
    client.open(&main, MAIN);
    (folder, client, main)
}

#[test]
fn definitions_and_references_reach_files_that_are_not_open() {
    let (folder, mut client, main) = sample();
    assert_eq!(client.pushed(&main), Vec::<String>::new());
    let at = |line, character| place_in(&main, line, character);
    assert_eq!(places(&client.ask("textDocument/definition", at(1, 7))), ["queue.lua:3:12"]);
    assert_eq!(places(&client.ask("textDocument/definition", at(2, 7))), ["queue.lua:4:12"]);
    assert_eq!(places(&client.ask("textDocument/definition", at(3, 2))), ["other.lua:1:10"]);
    assert_eq!(places(&client.ask("textDocument/definition", at(0, 26))), ["queue.lua:1:1"]);
    let mut params = at(1, 7);
    params["context"] = json!({ "includeDeclaration": true });
    let mut found = places(&client.ask("textDocument/references", params));
    found.sort();
    assert_eq!(found, ["main.lua:2:7", "other.lua:2:22", "queue.lua:3:12", "queue.lua:4:30"]);
    let hover = client.ask("textDocument/hover", at(1, 7));
    let shown = hover["contents"]["value"].as_str().unwrap();
    assert!(shown.contains("function M.push(x)") && shown.contains("Puts something at the end."), "{shown}");
    let symbols = client.ask("workspace/symbol", json!({ "query": "push" }));
    assert_eq!((symbols[0]["name"].as_str(), symbols.as_array().unwrap().len()), (Some("M.push"), 1));
    assert_eq!(symbols[0]["location"]["uri"], uri(folder.path(), "lib/queue.lua"));
    client.quit();
}

#[test]
fn renaming_edits_files_that_are_not_open() {
    let (folder, mut client, main) = sample();
    let mut params = place_in(&main, 1, 7);
    params["newName"] = json!("append");
    let edit = client.ask("textDocument/rename", params);
    let changes = edit["changes"].as_object().unwrap();
    let count = |path: &str| changes[&uri(folder.path(), path)].as_array().unwrap().len();
    assert_eq!((changes.len(), count("lib/queue.lua"), count("main.lua"), count("other.lua")), (3, 2, 1, 1));
    client.quit();
}

#[test]
fn doubtful_edits_are_confirmed_by_a_person_or_told_of() {
    let files = [("lib/queue.lua", QUEUE), ("use.lua", "return function(q) q.push(1) end\n")];
    let confirming = json!({ "workspace": { "workspaceEdit": { "documentChanges": true, "changeAnnotationSupport": {} } } });
    let (folder, mut client) = workspace(&files, confirming);
    let unknown = client.ask("textDocument/definition", place_in(&uri(folder.path(), "use.lua"), 0, 21));
    assert_eq!(places(&unknown), ["queue.lua:3:12"], "a function of this name");
    let mut params = place_in(&uri(folder.path(), "lib/queue.lua"), 2, 12);
    params["newName"] = json!("append");
    let edit = client.ask("textDocument/rename", params.clone());
    assert_eq!(edit["changeAnnotations"]["doubtful"]["needsConfirmation"], true);
    let changes = edit["documentChanges"].as_array().unwrap();
    let annotated = changes.iter().find(|change| change["textDocument"]["uri"].as_str().unwrap().ends_with("use.lua"));
    assert_eq!(annotated.unwrap()["edits"][0]["annotationId"], "doubtful");
    client.quit();
    let (folder, mut client) = workspace(&files, json!({}));
    params["textDocument"]["uri"] = json!(uri(folder.path(), "lib/queue.lua"));
    let edit = client.ask("textDocument/rename", params);
    assert_eq!(edit["changes"].as_object().unwrap().len(), 1);
    let message = client.next("window/showMessage")["message"].to_string();
    assert!(message.contains("use.lua:1"), "{message}");
    client.quit();
}

#[test]
fn changes_on_disk_are_followed_when_the_client_watches() {
    let watching = json!({ "workspace": { "didChangeWatchedFiles": { "dynamicRegistration": true } } });
    let (folder, mut client) = workspace(&[("main.lua", "shared()\n")], watching);
    let registration = client.next("client/registerCapability")["registrations"][0].clone();
    assert_eq!(registration["method"], "workspace/didChangeWatchedFiles");
    assert_eq!(registration["registerOptions"]["watchers"][0]["globPattern"], "**/*.lua");
    let main = uri(folder.path(), "main.lua");
    client.open(&main, "shared()\n");
    let undefined = ["undefined global 'shared'"];
    client.pushed_at_last(&main, &undefined);
    write(folder.path(), "lib/new.lua", "function shared() end\n");
    let changed = |client: &mut Client, path: &str, kind: u32| {
        let change = json!({ "uri": uri(folder.path(), path), "type": kind });
        client.notify("workspace/didChangeWatchedFiles", json!({ "changes": [change] }));
    };
    changed(&mut client, "lib/new.lua", 1);
    client.pushed_at_last(&main, &[]);
    write(folder.path(), "lib/new.lua", "function other() end\n");
    changed(&mut client, "lib/new.lua", 2);
    client.pushed_at_last(&main, &undefined);
    write(folder.path(), "lib/new.lua", "shared = 1\n");
    changed(&mut client, "lib/new.lua", 2);
    client.pushed_at_last(&main, &[]);
    std::fs::remove_dir_all(folder.path().join("lib")).unwrap();
    changed(&mut client, "lib", 3);
    client.pushed_at_last(&main, &undefined);
    client.quit();
}

#[test]
fn changes_on_disk_are_noticed_when_the_client_does_not_watch() {
    let (folder, mut client, main) = sample();
    write(folder.path(), "lib/queue.lua", &format!("\n\n{QUEUE}"));
    // What is known is young at first; it is read again when it is old. The first reading may have met the file
    // while it was empty.
    loop {
        let found = client.ask("textDocument/definition", place_in(&main, 1, 7));
        if found.is_null() {
            continue;
        }
        let found = places(&found);
        if found == ["queue.lua:5:12"] {
            break;
        }
        assert_eq!(found, ["queue.lua:3:12"]);
    }
    client.quit();
}

#[test]
fn a_closed_file_is_as_it_is_on_disk() {
    let (folder, mut client, main) = sample();
    let queue = uri(folder.path(), "lib/queue.lua");
    client.open(&queue, &format!("\n{QUEUE}"));
    assert_eq!(places(&client.ask("textDocument/definition", place_in(&main, 1, 7))), ["queue.lua:4:12"]);
    client.notify("textDocument/didClose", json!({ "textDocument": { "uri": queue } }));
    loop {
        let found = client.ask("textDocument/definition", place_in(&main, 1, 7));
        if !found.is_null() && places(&found) == ["queue.lua:3:12"] {
            break;
        }
    }
    client.quit();
}

#[test]
fn modules_beside_a_file_without_a_workspace_are_read() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "mod.lua", "local base = require 'base'\nreturn { go = 1, base = base }\n");
    write(folder.path(), "base.lua", "return { deep = 1 }\n");
    let mut client = start();
    client.initialize(json!({}));
    let main = uri(folder.path(), "main.lua");
    client.open(&main, "local m = require 'mod'\nprint(m.go, m.base.deep)\n");
    for (character, expected) in [(9, "mod.lua:2:10"), (20, "base.lua:1:10")] {
        loop {
            let found = client.ask("textDocument/definition", place_in(&main, 1, character));
            if !found.is_null() {
                assert_eq!(places(&found), [expected]);
                break;
            }
        }
    }
    client.quit();
}

#[test]
fn folders_come_and_go() {
    let (folder, mut client) = workspace(&[("main.lua", "shared()\n")], json!({}));
    let main = uri(folder.path(), "main.lua");
    client.open(&main, "shared()\n");
    client.pushed_at_last(&main, &["undefined global 'shared'"]);
    let other = tempfile::tempdir().unwrap();
    write(other.path(), "b.lua", "function shared() end\n");
    let named = json!([{ "uri": uri(other.path(), ""), "name": "other" }]);
    client.notify("workspace/didChangeWorkspaceFolders", json!({ "event": { "added": named, "removed": [] } }));
    client.pushed_at_last(&main, &[]);
    client.notify("workspace/didChangeWorkspaceFolders", json!({ "event": { "added": [], "removed": named } }));
    client.pushed_at_last(&main, &["undefined global 'shared'"]);
    let report = client.ask("textDocument/diagnostic", json!({ "textDocument": { "uri": main } }));
    assert_eq!(messages(&report["items"]), ["undefined global 'shared'"]);
    client.quit();
}
