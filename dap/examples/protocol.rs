//! Makes `tests/protocol.txt` of the protocol's JSON schema:
//!
//! ```text
//! cargo run -p perilune-dap --example protocol -- debugAdapterProtocol.json > dap/tests/protocol.txt
//! ```
//!
//! The list has, for each request, response, event and type that the adapter
//! uses, every field with its type. A `?` marks what may be absent.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use serde_json::{Map, Value as Json};

const REQUESTS: &[&str] = &[
    "initialize",
    "launch",
    "attach",
    "setBreakpoints",
    "setExceptionBreakpoints",
    "configurationDone",
    "threads",
    "stackTrace",
    "exceptionInfo",
    "scopes",
    "variables",
    "setVariable",
    "evaluate",
    "setExpression",
    "completions",
    "loadedSources",
    "source",
    "continue",
    "next",
    "stepIn",
    "stepOut",
    "pause",
    "cancel",
    "terminate",
    "disconnect",
    "runInTerminal",
];

const EVENTS: &[&str] = &[
    "initialized",
    "process",
    "output",
    "stopped",
    "continued",
    "thread",
    "breakpoint",
    "loadedSource",
    "invalidated",
    "exited",
    "terminated",
];

fn main() -> ExitCode {
    let schema = std::env::args().nth(1).and_then(|path| std::fs::read(path).ok());
    let Some(schema) = schema.and_then(|text| serde_json::from_slice::<Json>(&text).ok()) else {
        eprintln!("usage: protocol debugAdapterProtocol.json");
        return ExitCode::FAILURE;
    };
    print!("{}", Table::new(&schema["definitions"]).write());
    ExitCode::SUCCESS
}

struct Table<'a> {
    definitions: &'a Json,
    /// Named types that are still to be listed, and those that are.
    open: BTreeSet<String>,
    types: BTreeMap<String, String>,
}

impl<'a> Table<'a> {
    fn new(definitions: &'a Json) -> Table<'a> {
        Table { definitions, open: BTreeSet::new(), types: BTreeMap::new() }
    }

    fn write(mut self) -> String {
        let mut text = String::from("error response body\n");
        let error = self.body_of("ErrorResponse", "body");
        text += &self.fields(error);
        for name in REQUESTS {
            let name = capitalised(name);
            text += &self.section("request", &name, "Request", "arguments");
            text += &self.section("response", &name, "Response", "body");
        }
        for name in EVENTS {
            text += &self.section("event", &capitalised(name), "Event", "body");
        }
        while let Some(name) = self.open.pop_first() {
            let fields = self.named(&name);
            self.types.insert(name, fields);
        }
        for (name, fields) in &self.types {
            text += &format!("type {name}\n{fields}");
        }
        text
    }

    /// The part of a message that is not the envelope's.
    fn body_of(&self, definition: &str, part: &str) -> &'a Json {
        let own = self.definitions[definition]["allOf"].as_array().and_then(|all| all.last());
        let body = own.map_or(&Json::Null, |own| &own["properties"][part]);
        match body["$ref"].as_str() {
            Some(reference) => &self.definitions[last(reference)],
            None => body,
        }
    }

    fn section(&mut self, kind: &str, name: &str, suffix: &str, part: &str) -> String {
        let definition = format!("{name}{suffix}");
        let own = self.definitions[&definition]["allOf"].as_array().and_then(|all| all.last());
        let is_required = own.is_some_and(|own| requires(own, part));
        let body = self.body_of(&definition, part);
        let has_body = if is_required { format!(" {part}") } else { format!(" {part}?") };
        let title = format!("{kind} {}{has_body}\n", lowered(name));
        title + &self.fields(body)
    }

    fn fields(&mut self, object: &Json) -> String {
        let none = Map::new();
        let mut text = String::new();
        for (name, field) in object["properties"].as_object().unwrap_or(&none) {
            let mark = if requires(object, name) { "" } else { "?" };
            text += &format!("  {name}{mark} {}\n", self.kind(field));
        }
        text
    }

    fn named(&mut self, name: &str) -> String {
        let definition = &self.definitions[name];
        match definition["properties"].is_object() {
            true => self.fields(definition),
            false => format!("  = {}\n", self.kind(definition)),
        }
    }

    fn kind(&mut self, field: &Json) -> String {
        if let Some(reference) = field["$ref"].as_str() {
            let name = last(reference).to_owned();
            if !self.types.contains_key(&name) {
                self.open.insert(name.clone());
            }
            return name;
        }
        match &field["type"] {
            Json::Array(_) => "any".to_owned(),
            Json::String(kind) => self.simple(kind, field),
            _ => "any".to_owned(),
        }
    }

    fn simple(&mut self, kind: &str, field: &Json) -> String {
        match kind {
            "array" => format!("{}[]", self.kind(&field["items"])),
            "object" if field["additionalProperties"].is_object() => {
                let values = &field["additionalProperties"]["type"];
                if values.is_array() { "map of string|null" } else { "map of string" }.to_owned()
            }
            "integer" => {
                let format = field["format"].as_str().unwrap_or("int64");
                let natural = field["minimum"] == 0 && format == "int32";
                if natural { "uint31".to_owned() } else { format.to_owned() }
            }
            "string" => match field["enum"].as_array() {
                Some(words) => words.iter().map(Json::to_string).collect::<Vec<_>>().join("|"),
                None => kind.to_owned(),
            },
            other => other.to_owned(),
        }
    }
}

fn requires(object: &Json, name: &str) -> bool {
    object["required"].as_array().is_some_and(|required| required.iter().any(|required| required == name))
}

fn last(reference: &str) -> &str {
    reference.rsplit('/').next().unwrap_or(reference)
}

fn capitalised(name: &str) -> String {
    name[..1].to_uppercase() + &name[1..]
}

fn lowered(name: &str) -> String {
    name[..1].to_lowercase() + &name[1..]
}
