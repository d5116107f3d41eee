//! Derives `tests/protocol.txt` from the protocol's machine-readable specification:
//!
//! ```text
//! cargo run -p perilune-lsp --example protocol -- metaModel.json > lsp/server/tests/protocol.txt
//! ```
//!
//! Only what this server sends is kept: the results of the requests that it
//! answers, the messages that it sends by itself, and all types in them.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Requests of the client that are answered.
const ANSWERED: &[&str] = &[
    "initialize", "shutdown", "textDocument/diagnostic", "textDocument/documentSymbol", "workspace/symbol",
    "textDocument/definition", "textDocument/references", "textDocument/documentHighlight", "textDocument/hover",
    "textDocument/completion", "textDocument/signatureHelp", "textDocument/prepareRename", "textDocument/rename",
    "textDocument/codeAction", "workspace/executeCommand", "textDocument/semanticTokens/full",
    "textDocument/foldingRange",
];

/// What is sent without being asked for.
const SENT: &[&str] = &[
    "textDocument/publishDiagnostics", "window/showMessage", "window/logMessage", "client/registerCapability",
    "workspace/diagnostic/refresh",
];

fn main() {
    let path = std::env::args().nth(1).expect("the path of metaModel.json");
    let model: Value = serde_json::from_slice(&std::fs::read(path).expect("a readable file")).expect("JSON");
    let mut wanted = BTreeSet::new();
    println!("# What the server sends, by the machine-readable specification of the protocol, version 3.18.");
    println!("# Made by the example `protocol` of this crate.");
    for method in ANSWERED {
        let found = find(&model["requests"], "method", method);
        println!("result {method}: {}", written(&found["result"], &mut wanted));
    }
    for method in SENT {
        let lists = [&model["notifications"], &model["requests"]];
        let found = lists.into_iter().map(|list| find(list, "method", method)).find(|found| !found.is_null());
        let params = found.map_or(&Value::Null, |found| &found["params"]);
        println!("params {method}: {}", if params.is_null() { "null".into() } else { written(params, &mut wanted) });
    }
    let mut done = BTreeMap::new();
    while let Some(name) = wanted.pop_first() {
        done.entry(name).or_insert_with_key(|name| definition(&model, name, &mut wanted));
    }
    done.values().for_each(|line| println!("{line}"));
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn find<'m>(all: &'m Value, key: &str, name: &str) -> &'m Value {
    list(all).iter().find(|item| item[key] == name).unwrap_or(&Value::Null)
}

fn definition(model: &Value, name: &str, wanted: &mut BTreeSet<String>) -> String {
    let structure = find(&model["structures"], "name", name);
    if !structure.is_null() {
        let fields = fields(model, structure, wanted);
        return format!("type {name} = {{ {} }}", fields.into_values().collect::<Vec<_>>().join("; "));
    }
    let enumeration = find(&model["enumerations"], "name", name);
    if !enumeration.is_null() {
        let is_open = enumeration["supportsCustomValues"] == true;
        let values: Vec<String> = list(&enumeration["values"]).iter().map(|value| value["value"].to_string()).collect();
        let open = if is_open { format!(" | {}", text(&enumeration["type"]["name"])) } else { String::new() };
        return format!("type {name} = {}{open}", values.join(" | "));
    }
    let alias = find(&model["typeAliases"], "name", name);
    assert!(!alias.is_null(), "no type {name}");
    match name.starts_with("LSP") {
        true => format!("type {name} = any"),
        false => format!("type {name} = {}", written(&alias["type"], wanted)),
    }
}

/// All properties, those of what it extends included.
fn fields(model: &Value, structure: &Value, wanted: &mut BTreeSet<String>) -> BTreeMap<String, String> {
    let mut result = BTreeMap::new();
    for parent in list(&structure["extends"]).iter().chain(list(&structure["mixins"])) {
        result.extend(fields(model, find(&model["structures"], "name", text(&parent["name"])), wanted));
    }
    for property in list(&structure["properties"]) {
        result.insert(text(&property["name"]).to_string(), field(property, wanted));
    }
    result
}

fn field(property: &Value, wanted: &mut BTreeSet<String>) -> String {
    let mark = if property["optional"] == true { "?" } else { "" };
    format!("{}{mark}: {}", text(&property["name"]), written(&property["type"], wanted))
}

fn written(kind: &Value, wanted: &mut BTreeSet<String>) -> String {
    let joined = |separator: &str, wanted: &mut BTreeSet<String>| {
        list(&kind["items"]).iter().map(|item| written(item, wanted)).collect::<Vec<_>>().join(separator)
    };
    match text(&kind["kind"]) {
        "base" => text(&kind["name"]).to_string(),
        "reference" => {
            wanted.insert(text(&kind["name"]).to_string());
            text(&kind["name"]).to_string()
        }
        "array" => match written(&kind["element"], wanted) {
            element if element.contains(' ') => format!("({element})[]"),
            element => format!("{element}[]"),
        },
        "or" => joined(" | ", wanted),
        "and" => joined(" & ", wanted),
        "tuple" => format!("[{}]", joined(", ", wanted)),
        "map" => format!("{{ [string]: {} }}", written(&kind["value"], wanted)),
        "stringLiteral" => kind["value"].to_string(),
        "literal" => {
            let properties = list(&kind["value"]["properties"]);
            format!("{{ {} }}", properties.iter().map(|property| field(property, wanted)).collect::<Vec<_>>().join("; "))
        }
        other => panic!("a kind of type that is not known: {other:?}"),
    }
}
