//! Requests that make no sense: each is answered exactly once, and nothing else happens.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::protocol::Protocol;

/// Requests that are sent; those that begin and end things are left to the transcripts.
const COMMANDS: &[&str] = &[
    "setBreakpoints",
    "setExceptionBreakpoints",
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
    "perilune/coroutines",
    "perilune/redefine",
    "restart",
    "",
];

/// Every request with good arguments, and with arguments that are spoilt in many ways.
pub fn requests(protocol: &Protocol) -> Vec<(String, Json)> {
    let mut all = Vec::new();
    for command in COMMANDS {
        let mut good = match protocol.section(&format!("request {command}")) {
            Some(section) => protocol.objects(section),
            None => vec![json!({ "source": "/a.lua", "text": "x", "target": "changed" })],
        };
        good.extend([json!(null), json!([]), json!("x"), json!(-1), json!({}), json!({ "a": deep(55) })]);
        for arguments in good {
            all.extend(spoilt(&arguments).into_iter().map(|arguments| ((*command).to_owned(), arguments)));
            all.push(((*command).to_owned(), arguments));
        }
    }
    all
}

/// The arguments with each field missing, and with values of other types in it.
fn spoilt(arguments: &Json) -> Vec<Json> {
    let mut all = Vec::new();
    for name in arguments.as_object().into_iter().flat_map(|fields| fields.keys()) {
        for wrong in [json!(null), json!([[]]), json!(1.5), json!(u64::MAX), json!({ "x": null }), json!("💥")] {
            let mut spoilt = arguments.clone();
            spoilt[name.as_str()] = wrong;
            all.push(spoilt);
        }
    }
    all
}

fn deep(levels: usize) -> Json {
    (0..levels).fold(json!(0), |inner, _| json!([inner]))
}

/// Which requests are still to be answered; complains about what is answered twice or unasked.
pub struct Ledger {
    open: BTreeSet<i64>,
}

impl Ledger {
    pub fn new(open: BTreeSet<i64>) -> Ledger {
        Ledger { open }
    }

    pub fn is_settled(&self) -> bool {
        self.open.is_empty()
    }

    /// Takes a message from the adapter.
    pub fn enter(&mut self, message: &Json) -> Result<(), String> {
        let Some(seq) = message["request_seq"].as_i64() else { return Ok(()) };
        if self.open.remove(&seq) { Ok(()) } else { Err(format!("nobody asked for {message}")) }
    }
}
