//! The adapter as a server: one session for each connection, several at a time.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use serde_json::{Value as Json, json};

/// Ends a test that hangs.
const LIMIT: Duration = Duration::from_secs(30);

fn address() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || perilune_dap::serve(&listener, &perilune_dap::Options { perilune: "/none".into() }));
    address
}

struct Connection {
    input: BufReader<TcpStream>,
    output: TcpStream,
}

impl Connection {
    fn to(address: std::net::SocketAddr) -> Connection {
        let output = TcpStream::connect(address).unwrap();
        output.set_read_timeout(Some(LIMIT)).unwrap();
        Connection { input: BufReader::new(output.try_clone().unwrap()), output }
    }

    fn ask(&mut self, command: &str) -> Json {
        let body = json!({ "seq": 1, "type": "request", "command": command, "arguments": {} }).to_string();
        write!(self.output, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        loop {
            let message = self.receive();
            if message["type"] == "response" {
                return message;
            }
        }
    }

    fn receive(&mut self) -> Json {
        let mut header = String::new();
        self.input.read_line(&mut header).unwrap();
        let length = header.trim().strip_prefix("Content-Length: ").unwrap().parse().unwrap();
        self.input.read_line(&mut header).unwrap();
        let mut body = vec![0; length];
        self.input.read_exact(&mut body).unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    /// Whether the adapter hangs up.
    fn ends(&mut self) -> bool {
        let mut rest = Vec::new();
        self.input.read_to_end(&mut rest).is_ok()
    }
}

#[test]
fn sessions_do_not_know_of_each_other() {
    let address = address();
    let (mut one, mut two) = (Connection::to(address), Connection::to(address));
    assert_eq!(one.ask("initialize")["success"], true);
    assert_eq!(two.ask("threads")["message"], "the first request must be `initialize`");
    assert_eq!(one.ask("disconnect")["success"], true);
    assert!(one.ends());
    assert_eq!(two.ask("initialize")["success"], true);
}

#[test]
fn a_client_that_cannot_be_understood_only_harms_itself() {
    let address = address();
    let (mut good, mut bad) = (Connection::to(address), Connection::to(address));
    bad.output.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert!(bad.ends());
    assert_eq!(good.ask("initialize")["success"], true);
}
