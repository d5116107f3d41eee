//! Messages of the protocol as they stand on the wire.

#[path = "support/examples.rs"]
mod examples;

use std::collections::BTreeSet;

use examples::{EVENTS, REQUESTS, RESULTS};
use perilune_live::protocol::{self, Code, Empty, Envelope, Event, Method, Request, Response};
use perilune_live::wire::{FromProgram, encode, read_from_program, read_request, tagged_names, unit_names};
use serde_json::{Value as Json, json};

fn tags(messages: &[&str], tag: &str) -> BTreeSet<String> {
    let tag_of = |text: &&str| serde_json::from_str::<Json>(text).unwrap()[tag].as_str().unwrap().to_string();
    messages.iter().map(tag_of).collect()
}

fn named(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| name.to_string()).collect()
}

#[test]
fn every_request_is_read_and_written_as_the_same_text() {
    assert_eq!(tags(REQUESTS, "method"), named(tagged_names::<Request>("method")));
    for text in REQUESTS {
        let envelope = read_request(text.as_bytes()).unwrap_or_else(|answer| panic!("{text}\n{answer:?}"));
        let line = encode(&envelope).unwrap();
        assert_eq!(String::from_utf8_lossy(&line), format!("{text}\n"));
    }
}

#[test]
fn every_event_is_read_and_written_as_the_same_text() {
    assert_eq!(tags(EVENTS, "event"), named(tagged_names::<Event>("event")));
    for text in EVENTS {
        let Ok(FromProgram::Event(event)) = read_from_program(text.as_bytes()) else { panic!("{text}") };
        let line = encode(&event).unwrap();
        assert_eq!(String::from_utf8_lossy(&line), format!("{text}\n"));
    }
}

#[test]
fn parameters_that_have_a_default_may_be_left_out() {
    let read = |text: &str| match read_request(text.as_bytes()) {
        Ok(Envelope { request, .. }) => serde_json::to_value(request).unwrap()["params"].clone(),
        Err(answer) => panic!("{text}\n{answer:?}"),
    };
    let hello = read(r#"{"id":1,"method":"hello","params":{"version":1,"client":"x"}}"#);
    assert_eq!(hello, json!({"version": 1, "client": "x", "onDisconnect": "continue", "output": false}));
    assert_eq!(read(r#"{"id":1,"method":"status"}"#), json!({}));
    assert_eq!(read(r#"{"id":1,"method":"status","params":null}"#), json!({}));
    assert_eq!(read(r#"{"id":1,"method":"start"}"#), json!({"stopOnEntry": false}));
    let children = read(r#"{"method":"children","params":{"reference":5},"id":1}"#);
    assert_eq!(children, json!({"reference": 5, "start": 0, "filter": "all"}));
    assert_eq!(
        read(r#"{"params":{"text":"1"},"id":1,"method":"evaluate"}"#),
        json!({"text": "1", "context": "repl"})
    );
    let unknown = read(r#"{"id":1,"method":"source","more":[1],"params":{"id":1,"colour":"red"}}"#);
    assert_eq!(unknown, json!({"id": 1}));
}

#[test]
fn what_is_wrong_with_a_request_is_said_with_its_id() {
    let deep = format!(r#"{{"id":1,"method":"status","params":{}{}}}"#, "[".repeat(64), "]".repeat(64));
    let cases: &[(&[u8], &str)] = &[
        (b"GET / HTTP/1.1", "0 invalid-request: expected a JSON object"),
        (b"[1,\"status\"]", "0 invalid-request: expected a JSON object"),
        (b"{\"id\":1", "0 invalid-request: EOF while parsing an object at line 1 column 7"),
        (b"{\"id\":1,\"method\":\"\xff\"}", "0 invalid-request: no UTF-8 from byte 18"),
        (b"{\"id\":1,\"id\":2}", "0 invalid-request: duplicate field `id` at line 1 column 12"),
        (deep.as_bytes(), "0 invalid-request: nested deeper than 64"),
        (b"{\"method\":\"status\"}", "0 invalid-request: `id`: expected an integer of 64 bits without sign"),
        (br#"{"id":-1,"method":"status"}"#, "0 invalid-request: `id`: expected an integer of 64 bits without sign"),
        (br#"{"id":2}"#, "2 invalid-request: `method`: expected a string"),
        (br#"{"id":2,"method":3}"#, "2 invalid-request: `method`: expected a string"),
        (br#"{"id":3,"method":"fly"}"#, "3 unknown-method: there is no method `fly`"),
        (br#"{"id":3,"method":"Status"}"#, "3 unknown-method: there is no method `Status`"),
        (br#"{"id":4,"method":"source"}"#, "4 invalid-request: `params`: missing field `id`"),
        (br#"{"id":4,"method":"source","params":[7]}"#, "4 invalid-request: `params`: expected a JSON object"),
        (
            br#"{"id":4,"method":"source","params":{"id":"7"}}"#,
            "4 invalid-request: `params.id`: invalid type: string \"7\", expected u64",
        ),
        (
            br#"{"id":5,"method":"setBreakpoints","params":{"source":"a","breakpoints":[{"line":1},{"line":-2}]}}"#,
            "5 invalid-request: `params.breakpoints[1].line`: invalid value: integer `-2`, expected u32",
        ),
        (
            br#"{"id":6,"method":"step","params":{"kind":"sideways"}}"#,
            "6 invalid-request: `params.kind`: unknown variant `sideways`, expected one of `over`, `into`, `out`",
        ),
        (
            br#"{"id":7,"method":"redefine","params":{"source":"a","text":"","target":{"at":{"line":1}}}}"#,
            "7 invalid-request: `params.target.at`: missing field `column`",
        ),
    ];
    for (line, expected) in cases {
        let answer = read_request(line).err().map(|answer| {
            let failure = answer.error.unwrap();
            let code = serde_json::to_value(failure.code).unwrap();
            format!("{} {}: {}", answer.id, code.as_str().unwrap(), failure.message)
        });
        assert_eq!(answer.as_deref(), Some(*expected), "{}", String::from_utf8_lossy(line));
    }
}

#[test]
fn brackets_in_strings_are_no_nesting() {
    let text = format!(r#"{{"id":1,"method":"evaluate","params":{{"text":"\"{}\\"}}}}"#, "[".repeat(1000));
    assert!(read_request(text.as_bytes()).is_ok());
}

#[test]
fn answers_are_read_and_nonsense_is_not() {
    let read = |text: &str| match read_from_program(text.as_bytes()) {
        Ok(FromProgram::Answer { id, outcome: Ok(result) }) => format!("{id} {result}"),
        Ok(FromProgram::Answer { id, outcome: Err(failure) }) => format!("{id} {:?} {failure}", failure.code),
        Ok(FromProgram::Unknown) => "unknown".to_string(),
        Ok(FromProgram::Event(event)) => format!("{event:?}"),
        Err(message) => message,
    };
    assert_eq!(read(r#"{"id":3,"result":{"text":"x"}}"#), r#"3 {"text":"x"}"#);
    let failure = r#"{"id":3,"error":{"code":"stale-id","message":"frame 7 is gone"}}"#;
    assert_eq!(read(failure), "3 StaleId frame 7 is gone");
    assert_eq!(read(r#"{"event":"invented","params":{"x":1}}"#), "unknown");
    assert_eq!(read(r#"{"id":3}"#), "an answer has neither `result` nor `error`");
    assert_eq!(read(r#"{"result":{}}"#), "`id`: expected an integer of 64 bits without sign");
    assert_eq!(
        read(r#"{"event":"breakpoint","params":{"id":1,"line":3}}"#),
        "`params`: missing field `verified`"
    );
}

#[test]
fn every_result_is_read_and_written_as_the_same_text() {
    let mut named = BTreeSet::new();
    for (method, text) in RESULTS {
        assert_eq!(rewritten(method, text), *text, "{method}");
        named.insert(*method);
    }
    let all = tagged_names::<Request>("method").iter().copied();
    let empty: Vec<_> = all.filter(|method| !named.contains(method)).collect();
    for method in &empty {
        assert_eq!(rewritten(method, "{}"), "{}", "{method}");
    }
    let expected = ["countRuns", "setErrorStops", "start", "pause", "continue", "step", "interrupt", "terminate"];
    assert_eq!(empty, expected);
}

/// A result, read and written again as the type that the method's clients get.
fn rewritten(method: &str, text: &str) -> String {
    match method {
        "hello" => rewrite::<protocol::Hello>(text),
        "status" => rewrite::<protocol::Status>(text),
        "sources" => rewrite::<protocol::Sources>(text),
        "source" => rewrite::<protocol::Source>(text),
        "feedback" => rewrite::<protocol::Feedback>(text),
        "countRuns" => rewrite::<protocol::CountRuns>(text),
        "setBreakpoints" => rewrite::<protocol::SetBreakpoints>(text),
        "setErrorStops" => rewrite::<protocol::SetErrorStops>(text),
        "start" => rewrite::<protocol::Start>(text),
        "pause" => rewrite::<protocol::Pause>(text),
        "continue" => rewrite::<protocol::Continue>(text),
        "step" => rewrite::<protocol::Step>(text),
        "coroutines" => rewrite::<protocol::Coroutines>(text),
        "stack" => rewrite::<protocol::Stack>(text),
        "scopes" => rewrite::<protocol::Scopes>(text),
        "children" => rewrite::<protocol::Children>(text),
        "evaluate" => rewrite::<protocol::Evaluate>(text),
        "lookup" => rewrite::<protocol::Lookup>(text),
        "setVariable" => rewrite::<protocol::SetVariable>(text),
        "complete" => rewrite::<protocol::Complete>(text),
        "redefine" => rewrite::<protocol::Redefine>(text),
        "interrupt" => rewrite::<protocol::Interrupt>(text),
        "terminate" => rewrite::<protocol::Terminate>(text),
        other => panic!("no type for {other}"),
    }
}

fn rewrite<M: Method>(text: &str) -> String {
    let result: M::Result = serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}\n{error}"));
    serde_json::to_string(&result).unwrap()
}

#[test]
fn failures_carry_every_reason_of_a_refusal() {
    let text = r#"{"id":3,"error":{"code":"refused","message":"2 reasons","refusals":[{"message":"`x` is gone","start":{"line":3,"column":1},"end":{"line":3,"column":2}}]}}"#;
    let response: Response = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&response).unwrap(), text);
    for name in unit_names::<Code>() {
        let code: Code = serde_json::from_value(json!(name)).unwrap();
        assert_eq!(serde_json::to_value(code).unwrap(), json!(name));
    }
    assert_eq!(serde_json::to_string(&Empty {}).unwrap(), "{}");
}

/// Changed at random places, always the same ones.
#[test]
fn damaged_messages_are_answered() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap() % below
    };
    let mut refused = 0;
    for round in 0..20_000 {
        let mut line = REQUESTS[round % REQUESTS.len()].as_bytes().to_vec();
        for _ in 0..=random(3) {
            let at = random(line.len());
            match random(3) {
                0 => line[at] = br#"{}[]",:\0-e.tn"#[random(14)],
                1 => line[at] = u8::try_from(random(256)).unwrap(),
                _ => line.truncate(at + 1),
            }
        }
        refused += usize::from(read_request(&line).is_err_and(|answer| answer.error.is_some()));
        let _ = read_from_program(&line);
    }
    assert!((10_000..20_000).contains(&refused), "{refused}");
}
