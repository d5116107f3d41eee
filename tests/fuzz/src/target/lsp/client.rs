//! The client's side of a session, in raw JSON-RPC.

use serde_json::{Value, json};
use std::future::Future;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

/// So large that a side never waits for the other to read.
const PIPE: usize = 64 << 20;

/// Idle for this long of paused time, both sides have nothing to do.
const IDLE: Duration = Duration::from_secs(1);

/// A client whose server runs beside it.
pub struct Client {
    to_server: DuplexStream,
    from_server: DuplexStream,
    buffer: Vec<u8>,
    next_id: i64,
}

/// Runs a server and a client until either is done; true when it was the server.
pub async fn converse<F>(talk: impl FnOnce(Client) -> F) -> bool
where
    F: Future<Output = Client>,
{
    let (to_server, input) = duplex(PIPE);
    let (output, from_server) = duplex(PIPE);
    let client = talk(Client { to_server, from_server, buffer: Vec::new(), next_id: 1_000_000 });
    tokio::select! {
        _ = perilune_lsp::serve(input, output, std::sync::Arc::new(|_| Vec::new())) => true,
        _client = client => false,
    }
}

impl Client {
    /// Sends bytes as they are.
    pub async fn raw(&mut self, bytes: &[u8]) {
        // A server that hung up is noticed by whoever waits for its answer.
        self.to_server.write_all(bytes).await.ok();
    }

    /// Sends a message.
    pub async fn send(&mut self, message: &Value) {
        let body = message.to_string();
        self.raw(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes()).await;
    }

    /// Sends a notification.
    pub async fn notify(&mut self, method: &str, params: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params })).await;
    }

    /// The next message; nothing when none comes.
    pub async fn receive(&mut self) -> Option<Value> {
        loop {
            if let Some(message) = self.take() {
                let code = &message["error"]["code"];
                assert_ne!(*code, -32603, "the server panicked: {message}");
                return Some(message);
            }
            let mut chunk = [0; 8192];
            match tokio::time::timeout(IDLE, self.from_server.read(&mut chunk)).await {
                Ok(Ok(count)) if count > 0 => self.buffer.extend_from_slice(&chunk[..count]),
                _ => return None,
            }
        }
    }

    fn take(&mut self) -> Option<Value> {
        const END: &[u8] = b"\r\n\r\n";
        let head = self.buffer.windows(END.len()).position(|window| window == END)?;
        let text = String::from_utf8_lossy(&self.buffer[..head]).into_owned();
        let length = text.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let length: usize = length.and_then(|it| it.trim().parse().ok()).expect("an answer has a length");
        let start = head + END.len();
        if self.buffer.len() < start + length {
            return None;
        }
        let message = serde_json::from_slice(&self.buffer[start..start + length]).expect("an answer is JSON");
        self.buffer.drain(..start + length);
        Some(message)
    }

    /// Sends a request and gives its whole answer; nothing when none comes.
    pub async fn try_call(&mut self, method: &str, params: Value) -> Option<Value> {
        self.next_id += 1;
        let id = self.next_id;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })).await;
        while let Some(message) = self.receive().await {
            if message["id"] == id && message.get("method").is_none() {
                return Some(message);
            }
        }
        None
    }

    /// As [`Client::try_call`], but there must be a result.
    #[track_caller]
    pub fn ask(&mut self, method: &'static str, params: Value) -> impl Future<Output = Value> {
        async move {
            let answer = self.try_call(method, params).await;
            let answer = answer.unwrap_or_else(|| panic!("no answer to {method}"));
            assert!(answer.get("error").is_none(), "{method}: {answer}");
            answer["result"].clone()
        }
    }
}
