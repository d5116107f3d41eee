//! Between the wire and the framework: only well-formed messages pass.
//!
//! The framework ends at the first message that it cannot decode. So messages
//! are framed and checked here; a malformed one is replaced by a request with a
//! null id whose answer is the error that the protocol wants.

use serde_json::Value;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tower_lsp_server::jsonrpc::{Request, Response};

/// Stands for a message that is not JSON, or not framed.
pub(crate) const PARSE_ERROR: &str = "perilune/parseError";
/// Stands for JSON that is not a message.
pub(crate) const INVALID_REQUEST: &str = "perilune/invalidRequest";

const HEADER: &[u8] = b"Content-Length:";
/// Longer headers are garbage.
const MAX_HEADER: usize = 4096;
/// Longer messages are garbage.
const MAX_BODY: usize = 256 << 20;

/// Copies messages until the input ends or says `exit`.
pub(crate) async fn pump(
    mut input: impl AsyncRead + Unpin,
    mut output: impl AsyncWrite + Unpin,
    said_exit: Arc<AtomicBool>,
) -> io::Result<()> {
    let mut framer = Framer::default();
    let mut chunk = vec![0; 64 * 1024];
    loop {
        while let Some(message) = framer.next() {
            let is_exit = is_exit(&message);
            said_exit.fetch_or(is_exit, Ordering::Relaxed);
            let sent = send(&mut output, &message).await;
            if is_exit || sent.is_err() {
                return Ok(());
            }
        }
        match input.read(&mut chunk).await? {
            0 => return Ok(()),
            count => framer.buffer.extend_from_slice(&chunk[..count]),
        }
    }
}

async fn send(output: &mut (impl AsyncWrite + Unpin), message: &Value) -> io::Result<()> {
    let body = message.to_string();
    output.write_all(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes()).await
}

fn is_exit(message: &Value) -> bool {
    message.get("method").and_then(Value::as_str) == Some("exit")
}

/// Bytes that were read and not yet taken.
#[derive(Default)]
struct Framer {
    buffer: Vec<u8>,
    /// Whether garbage is being skipped, which was already reported.
    is_lost: bool,
}

impl Framer {
    /// The next message, or what stands for a malformed one; `None` when more bytes are needed.
    fn next(&mut self) -> Option<Value> {
        loop {
            let Some(start) = find(&self.buffer, HEADER) else {
                return self.skip_garbage();
            };
            if self.buffer[..start].iter().any(|byte| !byte.is_ascii_whitespace()) && !is_other_header(&self.buffer[..start]) {
                self.buffer.drain(..start);
                if !self.was_lost() {
                    return Some(failure(PARSE_ERROR));
                }
                continue;
            }
            let head = &self.buffer[start..];
            let Some(head_length) = find(head, b"\r\n\r\n") else {
                if head.len() < MAX_HEADER {
                    return None;
                }
                self.buffer.drain(..start + HEADER.len());
                return Some(failure(PARSE_ERROR));
            };
            let Some(length) = content_length(&head[..head_length]) else {
                self.buffer.drain(..start + HEADER.len());
                self.is_lost = true;
                return Some(failure(PARSE_ERROR));
            };
            let body = start + head_length + 4;
            if self.buffer.len() < body + length {
                return None;
            }
            self.is_lost = false;
            return Some(self.take(body, length));
        }
    }

    fn was_lost(&mut self) -> bool {
        std::mem::take(&mut self.is_lost)
    }

    /// Drops what cannot be the beginning of a header.
    fn skip_garbage(&mut self) -> Option<Value> {
        if self.buffer.len() < MAX_HEADER {
            return None;
        }
        let keep = self.buffer.len() - HEADER.len();
        self.buffer.drain(..keep);
        let was_lost = std::mem::replace(&mut self.is_lost, true);
        (!was_lost).then(|| failure(PARSE_ERROR))
    }

    fn take(&mut self, body: usize, length: usize) -> Value {
        let bytes = &self.buffer[body..body + length];
        match serde_json::from_slice::<Value>(bytes) {
            Ok(value) => {
                self.buffer.drain(..body + length);
                checked(value)
            }
            Err(_) => {
                // A length that was too long swallowed the next header.
                let end = find(bytes, HEADER).unwrap_or(length);
                self.buffer.drain(..body + end);
                failure(PARSE_ERROR)
            }
        }
    }
}

/// Whether these bytes are whole header lines, such as `Content-Type`.
fn is_other_header(bytes: &[u8]) -> bool {
    let text = std::str::from_utf8(bytes).unwrap_or_default().trim_start();
    text.ends_with("\r\n") && text.lines().all(|line| line.starts_with("Content-Type:"))
}

fn content_length(head: &[u8]) -> Option<usize> {
    let line = std::str::from_utf8(&head[HEADER.len()..]).ok()?.lines().next()?;
    line.trim().parse().ok().filter(|length| *length <= MAX_BODY)
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window.eq_ignore_ascii_case(wanted))
}

/// The message itself if the framework will take it.
fn checked(value: Value) -> Value {
    let is_message = match value.get("method") {
        Some(_) => {
            let has_params = value.get("params").is_none_or(|params| params.is_object() || params.is_array() || params.is_null());
            has_params && serde_json::from_value::<Request>(value.clone()).is_ok()
        }
        None => serde_json::from_value::<Response>(value.clone()).is_ok(),
    };
    let is_reserved = |method: &Value| matches!(method.as_str(), Some(PARSE_ERROR | INVALID_REQUEST));
    if is_message && !value.get("method").is_some_and(is_reserved) {
        return value;
    }
    failure(INVALID_REQUEST)
}

fn failure(method: &str) -> Value {
    serde_json::json!({ "jsonrpc": "2.0", "id": null, "method": method })
}
