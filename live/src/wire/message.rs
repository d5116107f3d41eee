//! From a line to a message and back.

use std::io::{self, Write};
use std::sync::Arc;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, IntoDeserializer, MapAccess};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::names::tagged_names;
use crate::protocol::{Code, Envelope, Event, Failure, MAX_DEPTH, MAX_LINE, Request, Response};

/// A message from the program, as its client sees it.
#[derive(Debug)]
pub enum FromProgram {
    /// The answer to a request.
    Answer {
        /// The request's; 0 when the program could not read it.
        id: u64,
        /// The result, not yet read, or why there is none.
        outcome: Result<Box<RawValue>, Failure>,
    },
    /// An event.
    Event(Event),
    /// An event that this version does not know.
    Unknown,
}

/// A message does not fit into a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message is longer than {MAX_LINE} bytes")]
pub struct TooLong;

/// Reads a client's line.
///
/// # Errors
/// The answer that the client gets instead, with the request's id if that can be read.
pub fn read_request(line: &[u8]) -> Result<Envelope, Response> {
    let parts: Parts = parse(line).map_err(|message| refusal(0, Code::InvalidRequest, message))?;
    let id = parts.id.and_then(|id| serde_json::from_str(id.get()).ok());
    let Some(id) = id else {
        return Err(refusal(0, Code::InvalidRequest, "`id`: expected an integer of 64 bits without sign"));
    };
    let Some(method) = parts.method.and_then(|method| serde_json::from_str::<String>(method.get()).ok())
    else {
        return Err(refusal(id, Code::InvalidRequest, "`method`: expected a string"));
    };
    if !tagged_names::<Request>("method").contains(&&*method) {
        return Err(refusal(id, Code::UnknownMethod, format!("there is no method `{}`", shorten(&method))));
    }
    let request = read_tagged("method", &method, parts.params);
    let request = request.map_err(|message| refusal(id, Code::InvalidRequest, message))?;
    Ok(Envelope { id, request })
}

/// Reads a program's line.
///
/// # Errors
/// What is wrong with it.
pub fn read_from_program(line: &[u8]) -> Result<FromProgram, String> {
    let parts: Parts = parse(line)?;
    if let Some(event) = parts.event {
        if !tagged_names::<Event>("event").contains(&&*event) {
            return Ok(FromProgram::Unknown);
        }
        return read_tagged("event", &event, parts.params).map(FromProgram::Event);
    }
    let id = parts.id.and_then(|id| serde_json::from_str(id.get()).ok());
    let Some(id) = id else { return Err("`id`: expected an integer of 64 bits without sign".to_string()) };
    let outcome = match (parts.result, parts.error) {
        (_, Some(failure)) => Err(failure),
        (Some(result), None) => Ok(result.to_owned()),
        (None, None) => return Err("an answer has neither `result` nor `error`".to_string()),
    };
    Ok(FromProgram::Answer { id, outcome })
}

/// A message as one line, its end included.
///
/// # Errors
/// When the line would be longer than either side accepts.
pub fn encode<T: Serialize>(message: &T) -> Result<Arc<Vec<u8>>, TooLong> {
    let mut line = Bounded(Vec::new());
    serde_json::to_writer(&mut line, message).map_err(|_| TooLong)?;
    line.write_all(b"\n").map_err(|_| TooLong)?;
    Ok(Arc::new(line.0))
}

/// Text that a stranger chose, short enough for a message.
fn shorten(text: &str) -> String {
    text.chars().take(64).collect()
}

fn refusal(id: u64, code: Code, message: impl Into<String>) -> Response {
    Response { id, result: None, error: Some(Failure::new(code, message)) }
}

/// The fields of any message, as far as they can be told without knowing which it is.
#[derive(Deserialize)]
struct Parts<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Option<&'a RawValue>,
    event: Option<String>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    error: Option<Failure>,
}

fn parse(line: &[u8]) -> Result<Parts<'_>, String> {
    check_depth(line)?;
    let text =
        std::str::from_utf8(line).map_err(|error| format!("no UTF-8 from byte {}", error.valid_up_to()))?;
    // Derived readers take arrays for objects; the protocol does not.
    if !is_object(text) {
        return Err("expected a JSON object".to_string());
    }
    serde_json::from_str(text).map_err(|error| error.to_string())
}

fn is_object(text: &str) -> bool {
    text.trim_start_matches([' ', '\t', '\r', '\n']).starts_with('{')
}

/// Counts brackets outside strings: cheap, and before anything recurses over the text.
fn check_depth(line: &[u8]) -> Result<(), String> {
    let (mut depth, mut is_string, mut is_escaped) = (0_usize, false, false);
    for byte in line {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_string => is_escaped = true,
            b'"' => is_string = !is_string,
            _ if is_string => {}
            b'[' | b'{' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(format!("nested deeper than {MAX_DEPTH}"));
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// Reads a `Request` or an `Event` of a known name.
fn read_tagged<'a, T: Deserialize<'a>>(
    tag: &'static str,
    name: &'a str,
    params: Option<&'a RawValue>,
) -> Result<T, String> {
    if params.is_some_and(|params| !is_object(params.get())) {
        return Err("`params`: expected a JSON object".to_string());
    }
    let tagged = Tagged { tag, name, params, next: Field::Tag };
    serde_path_to_error::deserialize(MapAccessDeserializer::new(tagged)).map_err(|error| {
        let path = error.path().to_string();
        let message = error.into_inner().to_string();
        // Positions count from the beginning of the parameters: they would mislead.
        let message = message.rfind(" at line ").map_or(&*message, |at| &message[..at]);
        format!("`{path}`: {message}")
    })
}

/// `{tag: name, "params": params}` as serde sees it, without a copy of the parameters.
struct Tagged<'a> {
    tag: &'static str,
    name: &'a str,
    params: Option<&'a RawValue>,
    next: Field,
}

enum Field {
    Tag,
    Params,
    End,
}

impl<'a> MapAccess<'a> for Tagged<'a> {
    type Error = serde_json::Error;

    fn next_key_seed<K: DeserializeSeed<'a>>(&mut self, seed: K) -> Result<Option<K::Value>, Self::Error> {
        let key = match self.next {
            Field::Tag => self.tag,
            Field::Params => "params",
            Field::End => return Ok(None),
        };
        seed.deserialize(key.into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value, Self::Error> {
        match self.next {
            Field::Tag => {
                self.next = Field::Params;
                seed.deserialize(self.name.into_deserializer())
            }
            Field::Params | Field::End => {
                self.next = Field::End;
                match self.params {
                    Some(params) => seed.deserialize(params),
                    None => seed.deserialize(&mut serde_json::Deserializer::from_str("{}")),
                }
            }
        }
    }
}

/// Collects at most [`MAX_LINE`] bytes.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_LINE {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
