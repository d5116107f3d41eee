//! What the server sends, held against the types of the protocol.

use serde_json::Value;
use std::collections::HashMap;
use std::sync::LazyLock;

/// A type of the protocol.
#[derive(Debug)]
enum Type {
    /// A name of the list, or of a basic type.
    Named(String),
    /// This very value.
    Literal(Value),
    List(Box<Type>),
    Map(Box<Type>),
    /// Fields: name, whether it may be missing, type.
    Structure(Vec<(String, bool, Type)>),
    Tuple(Vec<Type>),
    Any(Vec<Type>),
}

static TYPES: LazyLock<HashMap<String, Type>> = LazyLock::new(|| {
    let lines = include_str!("protocol.txt").lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| {
        let (name, kind) = line.split_once(" = ").or_else(|| line.split_once(": ")).expect("a name and a type");
        let mut reader = Reader { rest: kind };
        let parsed = reader.union();
        assert!(reader.rest.trim().is_empty(), "{line}");
        (name.trim_start_matches("type ").to_string(), parsed)
    }).collect()
});

struct Reader<'t> {
    rest: &'t str,
}

impl Reader<'_> {
    fn eat(&mut self, token: &str) -> bool {
        let trimmed = self.rest.trim_start();
        let rest = trimmed.strip_prefix(token);
        self.rest = rest.unwrap_or(trimmed);
        rest.is_some()
    }

    fn word(&mut self) -> String {
        let trimmed = self.rest.trim_start();
        let end = trimmed.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(trimmed.len());
        self.rest = &trimmed[end..];
        trimmed[..end].to_string()
    }

    fn union(&mut self) -> Type {
        let mut members = vec![self.postfix()];
        while self.eat("|") {
            members.push(self.postfix());
        }
        if members.len() == 1 { members.remove(0) } else { Type::Any(members) }
    }

    fn postfix(&mut self) -> Type {
        let mut kind = self.simple();
        while self.eat("[]") {
            kind = Type::List(Box::new(kind));
        }
        kind
    }

    fn simple(&mut self) -> Type {
        if self.eat("(") {
            let inner = self.union();
            assert!(self.eat(")"), "{}", self.rest);
            return inner;
        }
        if self.eat("[") {
            let mut items = vec![self.union()];
            while self.eat(",") {
                items.push(self.union());
            }
            assert!(self.eat("]"), "{}", self.rest);
            return Type::Tuple(items);
        }
        if self.eat("{") {
            return self.braces();
        }
        if self.rest.starts_with(['"', '-']) || self.rest.starts_with(|letter: char| letter.is_ascii_digit()) {
            return self.literal();
        }
        Type::Named(self.word())
    }

    fn literal(&mut self) -> Type {
        let mut values = serde_json::Deserializer::from_str(self.rest).into_iter::<Value>();
        let value = values.next().expect("a value").expect("JSON");
        self.rest = &self.rest[values.byte_offset()..];
        Type::Literal(value)
    }

    fn braces(&mut self) -> Type {
        if self.eat("[string]:") {
            let value = self.union();
            assert!(self.eat("}"), "{}", self.rest);
            return Type::Map(Box::new(value));
        }
        let mut fields = Vec::new();
        while !self.eat("}") {
            let name = self.word();
            let is_optional = self.eat("?");
            assert!(self.eat(":"), "{name}: {}", self.rest);
            fields.push((name, is_optional, self.union()));
            self.eat(";");
        }
        Type::Structure(fields)
    }
}

/// Asserts that a message of the server is what the protocol wants; `what` is `result` or `params`.
#[track_caller]
pub fn check(what: &str, method: &str, value: &Value) {
    let kind = TYPES.get(&format!("{what} {method}")).unwrap_or_else(|| panic!("unexpected {what} of {method}"));
    if let Err(reason) = fits(kind, value) {
        panic!("{what} of {method}: {reason}\n{value:#}");
    }
}

fn fits(kind: &Type, value: &Value) -> Result<(), String> {
    let wrong = |wanted: &str| Err(format!("{wanted} expected, not {value}"));
    match kind {
        Type::Named(name) => match basic(name, value) {
            Some(true) => Ok(()),
            Some(false) => wrong(name),
            None => {
                let kind = TYPES.get(name).ok_or_else(|| format!("no type {name}"))?;
                fits(kind, value).map_err(|reason| format!("{name}: {reason}"))
            }
        },
        Type::Literal(wanted) if wanted == value => Ok(()),
        Type::Literal(wanted) => wrong(&wanted.to_string()),
        Type::List(element) => match value.as_array() {
            Some(items) => items.iter().try_for_each(|item| fits(element, item)),
            None => wrong("a list"),
        },
        Type::Map(element) => match value.as_object() {
            Some(items) => items.values().try_for_each(|item| fits(element, item)),
            None => wrong("an object"),
        },
        Type::Tuple(kinds) => match value.as_array() {
            Some(items) if items.len() == kinds.len() => {
                kinds.iter().zip(items).try_for_each(|(kind, item)| fits(kind, item))
            }
            _ => wrong("a tuple"),
        },
        Type::Structure(fields) => structure(fields, value),
        Type::Any(kinds) => {
            let reasons: Vec<String> = kinds.iter().filter_map(|kind| fits(kind, value).err()).collect();
            if reasons.len() < kinds.len() { Ok(()) } else { Err(reasons.join("; or ")) }
        }
    }
}

fn structure(fields: &[(String, bool, Type)], value: &Value) -> Result<(), String> {
    let Some(object) = value.as_object() else { return Err(format!("an object expected, not {value}")) };
    if let Some(unknown) = object.keys().find(|key| !fields.iter().any(|(name, ..)| name == *key)) {
        return Err(format!("unknown field {unknown}"));
    }
    fields.iter().try_for_each(|(name, is_optional, kind)| match object.get(name) {
        Some(field) => fits(kind, field).map_err(|reason| format!("{name}: {reason}")),
        None if *is_optional => Ok(()),
        None => Err(format!("field {name} is missing")),
    })
}

/// Whether a value is of a basic type; `None` when the type is not one.
fn basic(name: &str, value: &Value) -> Option<bool> {
    Some(match name {
        "string" => value.is_string(),
        "URI" | "DocumentUri" => value.as_str().is_some_and(|text| text.contains(':')),
        "boolean" => value.is_boolean(),
        "integer" => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
        "uinteger" => value.as_u64().is_some_and(|number| i32::try_from(number).is_ok()),
        "decimal" => value.is_number(),
        "null" => value.is_null(),
        "any" => true,
        _ => return None,
    })
}

#[test]
fn the_list_of_types_is_complete_and_can_tell() {
    use serde_json::json;
    fn names(kind: &Type, found: &mut Vec<String>) {
        match kind {
            Type::Named(name) => found.push(name.clone()),
            Type::Literal(_) => {}
            Type::List(inner) | Type::Map(inner) => names(inner, found),
            Type::Structure(fields) => fields.iter().for_each(|(.., kind)| names(kind, found)),
            Type::Tuple(kinds) | Type::Any(kinds) => kinds.iter().for_each(|kind| names(kind, found)),
        }
    }
    let mut found = Vec::new();
    TYPES.values().for_each(|kind| names(kind, &mut found));
    let unknown: Vec<String> = found.into_iter().filter(|name| basic(name, &Value::Null).is_none() && !TYPES.contains_key(name)).collect();
    assert_eq!(unknown, Vec::<String>::new());
    let hover = &TYPES["result textDocument/hover"];
    assert!(fits(hover, &json!({ "contents": { "kind": "markdown", "value": "x" } })).is_ok());
    assert!(fits(hover, &Value::Null).is_ok());
    assert!(fits(hover, &json!({ "contents": { "kind": "html", "value": "x" } })).is_err());
    assert!(fits(hover, &json!({ "content": "x" })).is_err());
    let edit = &TYPES["result textDocument/rename"];
    let versioned = |document: Value| json!({ "documentChanges": [{ "textDocument": document, "edits": [] }] });
    assert!(fits(edit, &versioned(json!({ "uri": "file:///x", "version": null }))).is_ok());
    assert!(fits(edit, &versioned(json!({ "uri": "file:///x" }))).is_err());
}
