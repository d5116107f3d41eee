//! A file that is edited is afterwards to the server what it is to a server that sees it anew.

use super::client::{Client, converse};
use crate::corpus;
use crate::random::Random;
use crate::target::document::{edit, piece, place};
use perilune_ide::{Encoding, Position};
use serde_json::{Value, json};

const EDITED: &str = "file:///w/edited.lua";
const FRESH: &str = "file:///w/fresh.lua";

/// What the server says of a whole text; together it shows every token and its place.
const VIEWS: [&str; 4] = [
    "textDocument/semanticTokens/full", "textDocument/documentSymbol", "textDocument/foldingRange", "textDocument/diagnostic",
];

/// Edits a file at random and compares it with a fresh copy of a model.
pub async fn session(random: &mut Random) {
    let (encoding, name) =
        *random.pick(&[(Encoding::Utf8, "utf-8"), (Encoding::Utf16, "utf-16"), (Encoding::Utf32, "utf-32")]);
    let ended = converse(|mut client| async {
        let capabilities = json!({ "general": { "positionEncodings": [name] }, "textDocument": { "diagnostic": {} } });
        let result = client.ask("initialize", json!({ "capabilities": capabilities })).await;
        assert_eq!(result["capabilities"]["positionEncoding"], name);
        client.notify("initialized", json!({})).await;
        let mut model = first(random);
        open(&mut client, EDITED, &model).await;
        for version in 2..2 + random.below(25) {
            change(random, &mut client, &mut model, encoding, version).await;
            if random.one_in(4) {
                // An analysis of the text in between must not live on.
                client.ask(VIEWS[0], document(EDITED)).await;
            }
        }
        open(&mut client, FRESH, &model).await;
        compare(&mut client, &model).await;
        client
    })
    .await;
    assert!(!ended, "the server ends by itself");
}

fn first(random: &mut Random) -> String {
    if random.one_in(2) {
        return piece(random);
    }
    let text = String::from_utf8_lossy(&random.pick(corpus::programs()).text).into_owned();
    text.lines().take(random.below(40)).map(|line| format!("{line}\n")).collect()
}

async fn open(client: &mut Client, uri: &str, text: &str) {
    let document = json!({ "uri": uri, "languageId": "lua", "version": 1, "text": text });
    client.notify("textDocument/didOpen", json!({ "textDocument": document })).await;
}

/// One notification with one or more edits, each on the result of those before.
async fn change(random: &mut Random, client: &mut Client, model: &mut String, encoding: Encoding, version: usize) {
    let mut changes = Vec::new();
    for _ in 0..=random.below(3) {
        let new = piece(random);
        if random.one_in(12) {
            changes.push(json!({ "text": new }));
            *model = new;
            continue;
        }
        let (from, to) = (place(random), place(random));
        changes.push(json!({ "range": { "start": position(from), "end": position(to) }, "text": new }));
        edit(model, from, to, encoding, &new);
    }
    let document = json!({ "uri": EDITED, "version": version });
    client.notify("textDocument/didChange", json!({ "textDocument": document, "contentChanges": changes })).await;
}

fn position(place: Position) -> Value {
    json!({ "line": place.line, "character": place.column })
}

fn document(uri: &str) -> Value {
    json!({ "textDocument": { "uri": uri } })
}

async fn compare(client: &mut Client, model: &str) {
    for view in VIEWS {
        let edited = seen(client.ask(view, document(EDITED)).await);
        let fresh = seen(client.ask(view, document(FRESH)).await);
        assert_eq!(edited, fresh, "{view} of {model:?}");
    }
}

/// A result without what names it and its file.
fn seen(mut result: Value) -> String {
    if let Some(fields) = result.as_object_mut() {
        fields.remove("resultId");
    }
    result.to_string().replace(FRESH, EDITED)
}
