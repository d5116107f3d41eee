//! What every message has: who answers what, in which order.
//!
//! Payloads stay JSON here; `types` gives them names.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value as Json;

use crate::refusal::Refusal;
use crate::transport;

/// A message of the client.
#[derive(Debug)]
pub enum Incoming {
    /// It wants something.
    Request(Request),
    /// It answers a request of ours.
    Response(Response),
}

/// A request of the client.
#[derive(Debug)]
pub struct Request {
    /// The client's number, repeated in the answer.
    pub call: Call,
    /// What it wants it with; null when it said nothing.
    pub arguments: Json,
}

/// A request that must be answered exactly once.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// The request's number.
    pub seq: i64,
    /// Its name.
    pub command: String,
}

/// The client's answer to a request of ours.
#[derive(Debug)]
pub struct Response {
    /// Our number.
    pub request_seq: i64,
    /// The body, or why there is none.
    pub body: Result<Json, String>,
}

/// A body that is no message, with as much of its envelope as could be read.
#[derive(Debug)]
pub struct Malformed {
    /// Whom to answer.
    pub call: Call,
    /// What is wrong.
    pub text: String,
}

impl Incoming {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Incoming, Malformed> {
        let malformed = |call: &Call, text: String| Malformed { call: call.clone(), text };
        let nobody = Call::default();
        if transport::is_too_deep(body) {
            let text = format!("the message nests deeper than {} levels", transport::MAX_DEPTH);
            return Err(malformed(&nobody, text));
        }
        let mut message: Json = serde_json::from_slice(body)
            .map_err(|error| malformed(&nobody, format!("the message is not valid json: {error}")))?;
        let text = |name: &str| message[name].as_str().map(str::to_owned);
        let seq = message["seq"].as_i64();
        let call = Call { seq: seq.unwrap_or_default(), command: text("command").unwrap_or_default() };
        let missing = |what: &str| malformed(&call, format!("the message has no valid `{what}`"));
        match text("type").as_deref() {
            Some("request") => {
                seq.ok_or_else(|| missing("seq"))?;
                text("command").ok_or_else(|| missing("command"))?;
                Ok(Incoming::Request(Request { call, arguments: message["arguments"].take() }))
            }
            Some("response") => {
                let request_seq = message["request_seq"].as_i64().ok_or_else(|| missing("request_seq"))?;
                let is_success = message["success"].as_bool().ok_or_else(|| missing("success"))?;
                let reason = text("message").unwrap_or_else(|| "no reason given".to_owned());
                let body = if is_success { Ok(message["body"].take()) } else { Err(reason) };
                Ok(Incoming::Response(Response { request_seq, body }))
            }
            _ => Err(missing("type")),
        }
    }
}

#[derive(Serialize)]
struct Envelope<'a, T> {
    seq: i64,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    content: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
}

#[derive(Serialize)]
struct Answer<'a> {
    request_seq: i64,
    success: bool,
    command: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a Json>,
}

#[derive(Serialize)]
struct Event<'a, B> {
    event: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<B>,
}

#[derive(Serialize)]
struct Question<'a, A> {
    command: &'a str,
    arguments: A,
}

/// The adapter's side of the conversation; numbers its messages.
pub struct Writer {
    output: Box<dyn Write + Send>,
    seq: i64,
    broken: bool,
}

impl Writer {
    /// Writes to this stream.
    pub fn new(output: Box<dyn Write + Send>) -> Writer {
        Writer { output, seq: 0, broken: false }
    }

    /// Whether the client no longer takes what is written.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Answers a request; a null body is left out.
    pub fn respond(&mut self, call: &Call, result: &Result<Json, Refusal>) {
        let command = call.command.as_str();
        match result {
            Ok(body) => {
                let body = Some(body).filter(|body| !body.is_null());
                let answer = Answer { request_seq: call.seq, success: true, command, body };
                self.send("response", answer, None);
            }
            Err(refusal) => {
                let body = refusal.body();
                let answer = Answer { request_seq: call.seq, success: false, command, body: Some(&body) };
                self.send("response", answer, Some(refusal.message()));
            }
        }
    }

    /// Tells the client something.
    pub fn event(&mut self, event: &str, body: Option<impl Serialize>) {
        self.send("event", Event { event, body }, None);
    }

    /// Asks the client for something; the number that its answer repeats.
    pub fn request(&mut self, command: &str, arguments: impl Serialize) -> i64 {
        self.send("request", Question { command, arguments }, None);
        self.seq
    }

    fn send(&mut self, kind: &'static str, content: impl Serialize, message: Option<&str>) {
        self.seq += 1;
        let envelope = Envelope { seq: self.seq, kind, content, message };
        let sent = serde_json::to_vec(&envelope)
            .map_err(io::Error::from)
            .and_then(|body| transport::write(&mut self.output, &body));
        self.broken |= sent.is_err();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &str) -> (i64, String) {
        let malformed = Incoming::parse(body.as_bytes()).unwrap_err();
        (malformed.call.seq, malformed.text)
    }

    #[test]
    fn a_malformed_message_says_what_is_missing() {
        let lacks = |what: &str| format!("the message has no valid `{what}`");
        assert_eq!(refused("{}"), (0, lacks("type")));
        assert_eq!(refused("[]"), (0, lacks("type")));
        assert_eq!(refused(r#"{"seq":3,"type":"request"}"#), (3, lacks("command")));
        assert_eq!(refused(r#"{"seq":"3","type":"request","command":"x"}"#), (0, lacks("seq")));
        assert_eq!(refused(r#"{"seq":3,"type":"event","event":"x"}"#), (3, lacks("type")));
        assert!(refused("{").1.starts_with("the message is not valid json"));
        assert!(refused(&"[".repeat(1000)).1.contains("deeper than 64"));
    }

    #[test]
    fn requests_without_arguments_have_null() {
        let parsed = Incoming::parse(br#"{"seq":1,"type":"request","command":"threads"}"#);
        let Ok(Incoming::Request(request)) = parsed else { panic!("no request") };
        assert_eq!((request.call.command.as_str(), request.arguments), ("threads", Json::Null));
    }
}
