//! The types of this crate against the protocol's table (`tests/protocol.txt`).
//!
//! That what is sent has the table's fields is checked by the transcripts, on
//! every message. Here: whatever the table allows as arguments can be read.

#[path = "support/protocol.rs"]
mod protocol;

use perilune_dap::types::argument as take;
use protocol::Protocol;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

fn reads<T: DeserializeOwned>(arguments: &Json) -> Option<String> {
    serde_json::from_value::<T>(arguments.clone()).err().map(|error| error.to_string())
}

type Reader = fn(&Json) -> Option<String>;

const READERS: &[(&str, Reader)] = &[
    ("initialize", reads::<take::Initialize>),
    ("setBreakpoints", reads::<take::SetBreakpoints>),
    ("setExceptionBreakpoints", reads::<take::SetExceptionBreakpoints>),
    ("stackTrace", reads::<take::StackTrace>),
    ("exceptionInfo", reads::<take::OfThread>),
    ("scopes", reads::<take::Scopes>),
    ("variables", reads::<take::Variables>),
    ("setVariable", reads::<take::SetVariable>),
    ("evaluate", reads::<take::Evaluate>),
    ("setExpression", reads::<take::SetExpression>),
    ("completions", reads::<take::Completions>),
    ("source", reads::<take::SourceText>),
    ("next", reads::<take::OfThread>),
    ("stepIn", reads::<take::OfThread>),
    ("stepOut", reads::<take::OfThread>),
    ("cancel", reads::<take::Cancel>),
    ("disconnect", reads::<take::Disconnect>),
];

#[test]
fn all_arguments_that_the_protocol_allows_can_be_read() {
    let protocol = Protocol::load();
    let mut count = 0;
    for (command, read) in READERS {
        let section = protocol.section(&format!("request {command}")).expect("a request of the table");
        for arguments in protocol.objects(section) {
            assert_eq!(read(&arguments), None, "{command} {arguments}");
            count += 1;
        }
    }
    assert!(count > 150, "only {count} samples");
}

#[test]
fn a_field_that_must_be_there_is_missed() {
    let protocol = Protocol::load();
    for (command, read) in READERS {
        let section = protocol.section(&format!("request {command}")).unwrap();
        let is_needed = section.fields.iter().any(|field| field.is_required);
        // The adapter does not care who its client thinks it is.
        if is_needed && *command != "initialize" {
            assert!(read(&json!({})).is_some(), "{command}");
        }
    }
}

#[test]
fn the_table_notices_faults() {
    let protocol = Protocol::load();
    let faults = |body: Json| {
        let message = json!({ "seq": 1, "type": "event", "event": "stopped", "body": body });
        protocol.faults(&message)
    };
    assert_eq!(faults(json!({ "reason": "step", "threadId": 1 })), Vec::<String>::new());
    assert_eq!(faults(json!({ "threadId": 1 })), ["event stopped.reason is missing"]);
    assert_eq!(faults(json!({ "reason": "step", "thread": 1 })), ["event stopped.thread is not in the table"]);
    assert_eq!(faults(json!({ "reason": 5 })), ["event stopped.reason is 5, not string"]);
    let big = json!({ "reason": "step", "threadId": 3_000_000_000_u32 });
    assert_eq!(faults(big), ["event stopped.threadId is 3000000000, not int32"]);
    let unknown = json!({ "seq": 1, "type": "event", "event": "paused" });
    assert_eq!(protocol.faults(&unknown), ["event paused is not in the table"]);
    let extra = json!({ "seq": 1, "type": "event", "event": "initialized", "time": 3 });
    assert_eq!(protocol.faults(&extra), ["time: not part of an envelope"]);
}
