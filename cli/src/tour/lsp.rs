//! The tour as an editor: a client of `perilune lsp`.

use std::collections::VecDeque;
use std::time::Instant;

use serde_json::{Value as Json, json};

use super::wire::{LIMIT, Peer};
use super::workspace::{Place, Workspace};
use super::{Seen, Surprise, surprise};

/// A connection to the language server.
pub struct Lsp {
    peer: Peer,
    next_id: i64,
    version: i64,
    root: String,
    /// Notifications that nobody asked for yet.
    notes: VecDeque<Json>,
}

impl Lsp {
    /// Starts the server on the workspace.
    pub fn start(workspace: &Workspace) -> Seen<Lsp> {
        let peer = Peer::start("lsp", workspace.root())?;
        let root = uri(&workspace.root().to_string_lossy());
        let mut lsp = Lsp { peer, next_id: 0, version: 0, root: root.clone(), notes: VecDeque::new() };
        let folder = json!({ "uri": root, "name": "tour" });
        let parameters = json!({
            "processId": std::process::id(),
            "rootUri": root,
            "workspaceFolders": [folder],
            "capabilities": {
                "general": { "positionEncodings": ["utf-8"] },
                "textDocument": { "hover": { "contentFormat": ["plaintext"] } },
            },
        });
        let result = lsp.request("initialize", parameters)?;
        if result["capabilities"]["positionEncoding"] != "utf-8" {
            return Err(surprise("a server that counts columns in bytes", result.to_string()));
        }
        lsp.notify("initialized", json!({}))?;
        Ok(lsp)
    }

    /// The address of a file of the workspace.
    pub fn uri(&self, name: &str) -> String {
        format!("{}/{name}", self.root)
    }

    /// Opens a file with this text.
    pub fn open(&mut self, name: &str, text: &str) -> Seen<()> {
        self.version += 1;
        let document = json!({ "uri": self.uri(name), "languageId": "lua", "version": self.version, "text": text });
        self.notify("textDocument/didOpen", json!({ "textDocument": document }))
    }

    /// Replaces the text of an open file.
    pub fn change(&mut self, name: &str, text: &str) -> Seen<()> {
        self.version += 1;
        let document = json!({ "uri": self.uri(name), "version": self.version });
        let parameters = json!({ "textDocument": document, "contentChanges": [{ "text": text }] });
        self.notify("textDocument/didChange", parameters)
    }

    /// Waits for diagnostics of the text that was sent last. What the server says first need not be its last
    /// word: it may still be reading the other files.
    pub fn diagnostics(&mut self, name: &str, what: &str, is_wanted: impl Fn(&[Json]) -> bool) -> Seen<Vec<Json>> {
        let (uri, version) = (self.uri(name), self.version);
        let is_current = |note: &Json| {
            let parameters = &note["params"];
            note["method"] == "textDocument/publishDiagnostics" && parameters["uri"] == uri && parameters["version"] == version
        };
        let deadline = Instant::now() + LIMIT;
        let mut last = Vec::new();
        loop {
            let late = |surprise: Surprise| Surprise { came: format!("{}; before that {last:?}", surprise.came), ..surprise };
            let note = self.wait_for(what, deadline, is_current).map_err(late)?;
            last = note["params"]["diagnostics"].as_array().cloned().unwrap_or_default();
            if is_wanted(&last) {
                return Ok(last);
            }
        }
    }

    /// The text of a hover.
    pub fn hover(&mut self, name: &str, place: Place) -> Seen<String> {
        let parameters = json!({ "textDocument": { "uri": self.uri(name) }, "position": position(place) });
        let result = self.request("textDocument/hover", parameters)?;
        let contents = &result["contents"];
        let text = contents["value"].as_str().or_else(|| contents.as_str());
        text.map(str::to_owned).ok_or_else(|| surprise("a hover", result.to_string()))
    }

    /// Runs a command of the server.
    pub fn execute(&mut self, command: &str, arguments: Json) -> Seen<Json> {
        self.request("workspace/executeCommand", json!({ "command": command, "arguments": arguments }))
    }

    /// Ends the server as the protocol wants it.
    pub fn finish(&mut self) -> Seen<()> {
        self.request("shutdown", Json::Null)?;
        self.peer.send(&json!({ "jsonrpc": "2.0", "method": "exit" }))?;
        self.peer.finish()
    }

    fn notify(&mut self, method: &str, parameters: Json) -> Seen<()> {
        self.peer.send(&json!({ "jsonrpc": "2.0", "method": method, "params": parameters }))
    }

    /// Asks and waits for the result; an error is a surprise.
    pub fn request(&mut self, method: &str, parameters: Json) -> Seen<Json> {
        let answer = self.ask(method, parameters)?;
        match answer.get("error") {
            Some(error) => Err(surprise(format!("a result of {method}"), error.to_string())),
            None => Ok(answer["result"].clone()),
        }
    }

    /// Asks and waits for the whole answer.
    fn ask(&mut self, method: &str, parameters: Json) -> Seen<Json> {
        self.next_id += 1;
        let id = self.next_id;
        let mut message = json!({ "jsonrpc": "2.0", "id": id, "method": method });
        if !parameters.is_null() {
            message["params"] = parameters;
        }
        self.peer.send(&message)?;
        let wanted = format!("an answer to {method}");
        let deadline = Instant::now() + LIMIT;
        loop {
            let message = self.peer.receive(&wanted, deadline)?;
            if message.get("method").is_none() && message["id"] == id {
                return Ok(message);
            }
            self.keep(message)?;
        }
    }

    fn wait_for(&mut self, wanted: &str, deadline: Instant, is_wanted: impl Fn(&Json) -> bool) -> Seen<Json> {
        loop {
            if let Some(at) = self.notes.iter().position(&is_wanted) {
                return self.notes.remove(at).ok_or_else(|| surprise(wanted, "nothing"));
            }
            let message = self.peer.receive(wanted, deadline)?;
            self.keep(message)?;
        }
    }

    /// Answers what the server asks, with nothing, and keeps what it tells.
    fn keep(&mut self, message: Json) -> Seen<()> {
        if message.get("method").is_some() && message.get("id").is_some() {
            return self.peer.send(&json!({ "jsonrpc": "2.0", "id": message["id"], "result": Json::Null }));
        }
        self.notes.push_back(message);
        Ok(())
    }
}

/// A place as the protocol writes it.
pub fn position(place: Place) -> Json {
    json!({ "line": place.line, "character": place.column })
}

/// The address of a path. What has a meaning in addresses is escaped.
fn uri(path: &str) -> String {
    let mut text = String::from("file://");
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}
