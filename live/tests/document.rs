//! The document of the protocol, held against the types that are spoken.

#[path = "support/examples.rs"]
mod examples;

use std::collections::BTreeSet;
use std::path::Path;

use examples::{EVENTS, REQUESTS, RESULTS};
use perilune_live::protocol::{Code, Event, Request, State, VERSION};
use perilune_live::wire::{FromProgram, read_from_program, read_request, tagged_names, unit_names};
use serde_json::Value as Json;

fn document() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/live-protocol.md");
    std::fs::read_to_string(path).unwrap()
}

/// Text from a heading to the next one of the same rank or a higher one.
fn section<'a>(document: &'a str, heading: &str) -> &'a str {
    let rank = heading.split(' ').next().unwrap();
    let at = document.find(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no section {heading}"));
    let text = &document[at + heading.len() + 1..];
    let is_end = |line: &str| line.starts_with('#') && line.split(' ').next().unwrap().len() <= rank.len();
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        if is_end(line) {
            break;
        }
        end += line.len();
    }
    &text[..end]
}

/// Names in backticks that headings or first cells of rows begin with.
fn names<'a>(text: &'a str, before: &str) -> BTreeSet<&'a str> {
    let name = |line: &'a str| line.strip_prefix(before)?.strip_prefix('`')?.split('`').next();
    text.lines().filter_map(name).collect()
}

fn set<'a>(names: &[&'a str]) -> BTreeSet<&'a str> {
    names.iter().copied().collect()
}

/// Every key of every object in a message.
fn keys(message: &Json, into: &mut BTreeSet<String>) {
    match message {
        Json::Object(fields) => {
            for (key, value) in fields {
                into.insert(key.clone());
                keys(value, into);
            }
        }
        Json::Array(elements) => elements.iter().for_each(|element| keys(element, into)),
        _ => {}
    }
}

#[test]
fn every_method_event_code_and_state_is_described_and_no_other() {
    let document = document();
    let requests = names(section(&document, "## Requests"), "### ");
    assert_eq!(requests, set(tagged_names::<Request>("method")));
    let events = names(section(&document, "## Events"), "### ");
    assert_eq!(events, set(tagged_names::<Event>("event")));
    assert_eq!(names(section(&document, "## Errors"), "| "), set(unit_names::<Code>()));
    assert_eq!(names(section(&document, "## States and order"), "| "), set(unit_names::<State>()));
    assert!(document.contains(&format!("\nVersion {VERSION}.\n")));
}

#[test]
fn every_field_is_described_where_it_belongs() {
    let document = document();
    let common: String = ["## Common objects", "## Discovery and protection", "## Errors"]
        .map(|heading| section(&document, heading))
        .concat();
    let mut messages: Vec<(String, Json)> = Vec::new();
    for text in REQUESTS {
        let message: Json = serde_json::from_str(text).unwrap();
        messages.push((message["method"].as_str().unwrap().to_string(), message["params"].clone()));
    }
    for text in EVENTS {
        let message: Json = serde_json::from_str(text).unwrap();
        messages.push((message["event"].as_str().unwrap().to_string(), message["params"].clone()));
    }
    for (method, text) in RESULTS {
        messages.push((method.to_string(), serde_json::from_str(text).unwrap()));
    }
    // These results are made of what other sections describe.
    let elsewhere = [
        ("status", "stopped"),
        ("setBreakpoints", "breakpoint"),
        ("redefined", "redefine"),
        ("lookup", "evaluate"),
    ];
    for (name, message) in messages {
        let mut text = section(&document, &format!("### `{name}`")).to_string() + &common;
        for (_, other) in elsewhere.iter().filter(|(from, _)| *from == name) {
            text += section(&document, &format!("### `{other}`"));
        }
        let mut fields = BTreeSet::new();
        keys(&message, &mut fields);
        for field in fields {
            let is_described = [format!("`{field}`"), format!("`{field}?`"), format!("{{\"{field}\":")]
                .iter()
                .any(|mention| text.contains(mention));
            assert!(is_described, "{name}: the field {field}");
        }
    }
}

#[test]
fn optional_parameters_are_marked_and_others_are_not() {
    let document = document();
    for method in tagged_names::<Request>("method") {
        let text = section(&document, &format!("### `{method}`"));
        let Some((_, table)) = text.split_once("| parameter |") else { continue };
        let table = table.split("\n\n").next().unwrap();
        let full = REQUESTS.iter().map(|text| serde_json::from_str::<Json>(text).unwrap());
        let full: Vec<Json> = full.filter(|request| request["method"] == *method).collect();
        for parameter in names(table, "| ") {
            let name = parameter.trim_end_matches('?');
            let with = full.iter().find(|request| request["params"].get(name).is_some());
            let mut without = with.unwrap_or_else(|| panic!("{method} has no {name}")).clone();
            without["params"].as_object_mut().unwrap().remove(name);
            let is_optional = read_request(without.to_string().as_bytes()).is_ok();
            assert_eq!(parameter.ends_with('?'), is_optional, "{method}: {parameter}");
        }
    }
}

#[test]
fn every_example_is_what_it_says() {
    let document = document();
    let mut examples = 0;
    for block in document.split("```json\n").skip(1) {
        for line in block.split("```").next().unwrap().lines() {
            let message: Json = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}\n{error}"));
            let is_good = match message.get("method") {
                Some(_) => read_request(line.as_bytes()).is_ok(),
                None => !matches!(read_from_program(line.as_bytes()), Err(_) | Ok(FromProgram::Unknown)),
            };
            assert!(is_good, "{line}");
            examples += 1;
        }
    }
    let kinds = tagged_names::<Request>("method").len() + tagged_names::<Event>("event").len();
    assert!(examples >= kinds, "{examples} examples");
}
