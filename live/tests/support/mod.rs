//! A program that only has an endpoint, and somebody who talks to it in plain lines.
#![allow(dead_code)] // Each test binary uses a part.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use perilune_live::endpoint::{ClientId, Endpoint, Input, Listen, ProgramInfo, Reply};
use perilune_live::protocol::{Empty, Event, Hello, Output, OutputCategory, Request, SessionInfo};
use perilune_live::session::Directory;
use tempfile::TempDir;

/// Ends a test that hangs; far above what anything takes.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub const HELLO: &str = r#"{"id":1,"method":"hello","params":{"version":1,"client":"test","output":true}}"#;

pub struct Program {
    pub endpoint: Endpoint,
    pub inputs: Receiver<Input>,
    pub directory: Directory,
    pub temporary: TempDir,
}

impl Program {
    pub fn new() -> Program {
        Program::listening("unix")
    }

    pub fn listening(address: &str) -> Program {
        let temporary = tempfile::tempdir().unwrap();
        let directory = Directory::open(&temporary.path().join("perilune")).unwrap();
        let program = ProgramInfo { program: "app/main.lua".into(), args: vec!["-x".to_string()] };
        let listen: Listen = address.parse().unwrap();
        let (endpoint, inputs) = Endpoint::open_in(&directory, &listen, program, Arc::new(|_| ())).unwrap();
        Program { endpoint, inputs, directory, temporary }
    }

    pub fn session(&self) -> SessionInfo {
        self.endpoint.info().clone()
    }

    /// A connection that has not said anything.
    pub fn raw(&self) -> Raw {
        Raw::connect(&self.session().address)
    }

    /// A connection that has said hello.
    pub fn joined(&self) -> (Raw, ClientId) {
        let mut raw = self.raw();
        raw.say(HELLO);
        assert!(raw.hear().contains(r#""id":1,"result":"#));
        (raw, self.expect_joined().0)
    }

    pub fn next(&self) -> Input {
        self.inputs.recv_timeout(PATIENCE).expect("an input")
    }

    #[track_caller]
    pub fn expect_joined(&self) -> (ClientId, Hello) {
        match self.next() {
            Input::Joined { client, hello } => (client, hello),
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    pub fn expect_request(&self) -> (ClientId, Request, Reply) {
        match self.next() {
            Input::Request { client, request, reply } => (client, request, reply),
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    pub fn expect_left(&self, who: ClientId) {
        match self.next() {
            Input::Left { client, .. } => assert_eq!(client, who),
            other => panic!("{other:?}"),
        }
    }
}

enum Socket {
    Unix(UnixStream),
    Tcp(TcpStream),
}

/// A client without manners.
pub struct Raw {
    socket: Socket,
    reader: BufReader<Box<dyn Read + Send>>,
}

impl Raw {
    pub fn connect(address: &str) -> Raw {
        match address.split_once(':').unwrap() {
            ("unix", path) => {
                let stream = UnixStream::connect(path).unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                let reader = BufReader::new(Box::new(stream.try_clone().unwrap()) as Box<dyn Read + Send>);
                Raw { socket: Socket::Unix(stream), reader }
            }
            (_, address) => {
                let stream = TcpStream::connect(address).unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                let reader = BufReader::new(Box::new(stream.try_clone().unwrap()) as Box<dyn Read + Send>);
                Raw { socket: Socket::Tcp(stream), reader }
            }
        }
    }

    /// Sends a line.
    pub fn say(&mut self, line: &str) {
        self.send(line.as_bytes()).unwrap();
        self.send(b"\n").unwrap();
    }

    pub fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match &mut self.socket {
            Socket::Unix(stream) => stream.write_all(bytes),
            Socket::Tcp(stream) => stream.write_all(bytes),
        }
    }

    /// The next line, or nothing at the end of the connection.
    pub fn hear(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        line.trim_end().to_string()
    }

    /// Everything up to the end of the connection.
    pub fn hear_all(&mut self) -> Vec<String> {
        std::iter::from_fn(|| Some(self.hear()).filter(|line| !line.is_empty())).collect()
    }
}

pub fn output(category: OutputCategory, text: &str) -> Event {
    Event::Output(Output { category, text: text.to_string(), location: None })
}

/// A client that joins now is served as if nothing had happened.
#[track_caller]
pub fn assert_alive(program: &Program) {
    let (mut raw, client) = program.joined();
    raw.say(r#"{"id":2,"method":"start"}"#);
    let (_, _, reply) = program.expect_request();
    reply.ok(&Empty {});
    assert_eq!(raw.hear(), r#"{"id":2,"result":{}}"#);
    drop(raw);
    program.expect_left(client);
}
