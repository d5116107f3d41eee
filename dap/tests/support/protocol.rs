//! The protocol as a table (`tests/protocol.txt`), and messages held against it.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

const TABLE: &str = include_str!("../protocol.txt");

/// Each section's fields, under `request NAME`, `response NAME`, `event NAME`, `type NAME` or `error response`.
pub struct Protocol(BTreeMap<String, Section>);

/// Part of a message.
#[derive(Default)]
pub struct Section {
    /// Whether the message must have it.
    pub is_required: bool,
    /// Its fields.
    pub fields: Vec<Field>,
    /// What it stands for, when it has no fields.
    pub alias: Option<String>,
}

/// A field.
pub struct Field {
    pub name: String,
    pub is_required: bool,
    pub kind: String,
}

impl Protocol {
    /// Reads the table.
    pub fn load() -> Protocol {
        let mut sections = BTreeMap::new();
        let mut name = String::new();
        for line in TABLE.lines() {
            if let Some(alias) = line.strip_prefix("  = ") {
                let section: &mut Section = sections.get_mut(&name).unwrap();
                section.alias = Some(alias.to_owned());
            } else if let Some(field) = line.strip_prefix("  ") {
                let section: &mut Section = sections.get_mut(&name).unwrap();
                section.fields.push(Field::parse(field));
            } else {
                let words: Vec<&str> = line.split(' ').collect();
                name = words[..2].join(" ");
                let is_required = words.get(2).is_some_and(|part| !part.ends_with('?'));
                sections.insert(name.clone(), Section { is_required, ..Section::default() });
            }
        }
        Protocol(sections)
    }

    /// A section.
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.0.get(name)
    }

    /// What is wrong with a message, from either side.
    pub fn faults(&self, message: &Json) -> Vec<String> {
        let mut faults = Vec::new();
        let (envelope, part) = match message["type"].as_str() {
            Some("request") => (&["seq", "type", "command", "arguments"][..], "arguments"),
            Some("event") => (&["seq", "type", "event", "body"][..], "body"),
            Some("response") => (&["seq", "type", "request_seq", "success", "command", "message", "body"][..], "body"),
            _ => return vec![format!("no type: {message}")],
        };
        for name in message.as_object().unwrap().keys() {
            if !envelope.contains(&name.as_str()) {
                faults.push(format!("{name}: not part of an envelope"));
            }
        }
        self.check(&json!({ "seq": message["seq"] })["seq"], "int32", "seq", &mut faults);
        let name = section_name(message);
        if name.contains(" perilune/") {
            return faults;
        }
        if message["success"].is_boolean() {
            self.check(&message["request_seq"], "int32", "request_seq", &mut faults);
        }
        match self.section(&name) {
            None => faults.push(format!("{name} is not in the table")),
            Some(section) if message.get(part).is_none() => {
                if section.is_required {
                    faults.push(format!("{name} lacks its {part}"));
                }
            }
            Some(section) => self.check_fields(&message[part], section, &name, &mut faults),
        }
        faults
    }

    fn check_fields(&self, value: &Json, section: &Section, path: &str, faults: &mut Vec<String>) {
        let Some(object) = value.as_object() else {
            faults.push(format!("{path} is no object"));
            return;
        };
        for field in &section.fields {
            let path = format!("{path}.{}", field.name);
            match object.get(&field.name) {
                Some(value) => self.check(value, &field.kind, &path, faults),
                None if field.is_required => faults.push(format!("{path} is missing")),
                None => {}
            }
        }
        // What `launch` and `attach` take is up to the adapter.
        let is_free = path == "request launch" || path == "request attach";
        for name in object.keys() {
            if !is_free && !section.fields.iter().any(|field| field.name == *name) {
                faults.push(format!("{path}.{name} is not in the table"));
            }
        }
    }

    fn check(&self, value: &Json, kind: &str, path: &str, faults: &mut Vec<String>) {
        if let Some(items) = kind.strip_suffix("[]") {
            match value.as_array() {
                Some(list) => list.iter().for_each(|item| self.check(item, items, path, faults)),
                None => faults.push(format!("{path} is no list")),
            }
            return;
        }
        if let Some(section) = self.section(&format!("type {kind}")) {
            return match &section.alias {
                Some(alias) => self.check(value, alias, path, faults),
                None => self.check_fields(value, section, path, faults),
            };
        }
        if !is_a(value, kind) {
            faults.push(format!("{path} is {value}, not {kind}"));
        }
    }

    /// Values that a field may have, its extremes among them.
    pub fn samples(&self, kind: &str) -> Vec<Json> {
        if let Some(items) = kind.strip_suffix("[]") {
            let items = self.samples(items);
            return vec![json!([]), json!(items)];
        }
        if let Some(section) = self.section(&format!("type {kind}")) {
            return match &section.alias {
                Some(alias) => self.samples(alias),
                None => self.objects(section),
            };
        }
        match kind {
            "int32" => vec![json!(i32::MIN), json!(0), json!(i32::MAX)],
            "uint31" => vec![json!(0), json!(i32::MAX)],
            "uint32" => vec![json!(0), json!(u32::MAX)],
            "uint64" => vec![json!(0), json!((1_u64 << 53) - 1)],
            "int64" => vec![json!(-(1_i64 << 53) + 1), json!((1_i64 << 53) - 1)],
            "boolean" => vec![json!(false), json!(true)],
            "string" => vec![json!(""), json!("ä😀\u{0}")],
            "any" => vec![json!(null), json!([{}])],
            words => words.split('|').map(|word| serde_json::from_str(word).unwrap()).collect(),
        }
    }

    /// Objects with as little as allowed, as much as allowed, and each sample of each field.
    pub fn objects(&self, section: &Section) -> Vec<Json> {
        let first = |only_required: bool| -> Map<String, Json> {
            let wanted = section.fields.iter().filter(|field| field.is_required || !only_required);
            // A source may contain sources.
            let finite = wanted.filter(|field| field.kind != "Source[]");
            finite.map(|field| (field.name.clone(), self.samples(&field.kind).pop().unwrap())).collect()
        };
        let mut objects = vec![json!(first(true)), json!(first(false))];
        for field in section.fields.iter().filter(|field| field.kind != "Source[]") {
            for sample in self.samples(&field.kind) {
                let mut object = first(true);
                object.insert(field.name.clone(), sample);
                objects.push(json!(object));
            }
        }
        objects
    }
}

fn section_name(message: &Json) -> String {
    let text = |name: &str| message[name].as_str().unwrap_or_default();
    match text("type") {
        "event" => format!("event {}", text("event")),
        "response" if message["success"] == false => "error response".to_owned(),
        kind => format!("{kind} {}", text("command")),
    }
}

fn is_a(value: &Json, kind: &str) -> bool {
    let is_between = |low: i64, high: i64| value.as_i64().is_some_and(|number| (low..=high).contains(&number));
    match kind {
        "any" => true,
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "int32" => is_between(i32::MIN.into(), i32::MAX.into()),
        "uint31" => is_between(0, i32::MAX.into()),
        "uint32" => is_between(0, u32::MAX.into()),
        "uint64" => is_between(0, (1 << 53) - 1),
        "int64" => is_between(-(1 << 53) + 1, (1 << 53) - 1),
        "map of string" => value.as_object().is_some_and(|map| map.values().all(Json::is_string)),
        "map of string|null" => {
            value.as_object().is_some_and(|map| map.values().all(|value| value.is_string() || value.is_null()))
        }
        words => words.split('|').any(|word| serde_json::from_str::<Json>(word).is_ok_and(|word| word == *value)),
    }
}

impl Field {
    fn parse(line: &str) -> Field {
        let (name, kind) = line.split_once(' ').unwrap();
        let required = name.strip_suffix('?');
        Field { name: required.unwrap_or(name).to_owned(), is_required: required.is_none(), kind: kind.to_owned() }
    }
}
