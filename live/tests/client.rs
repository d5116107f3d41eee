//! The client against an endpoint, and against programs that do not keep to the protocol.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use perilune_live::client::{Client, ClientError, Handler};
use perilune_live::endpoint::Input;
use perilune_live::protocol::{
    Code, Continue, Empty, Evaluate, EvaluateResult, Event, Failure, Hello, Interrupt, OnDisconnect, Output,
    OutputCategory, Request, SessionInfo, SetBreakpoints, Source, SourceResult, State, Status, Terminate,
    Value,
};
use support::{PATIENCE, Program};

fn hello(name: &str) -> Hello {
    let client = name.to_string();
    Hello { version: 0, client, token: None, on_disconnect: OnDisconnect::Continue, output: true }
}

fn connect(program: &Program) -> Client {
    let (client, _) = Client::connect(&program.session(), hello("test"), |_| ()).unwrap();
    program.expect_joined();
    client
}

/// Answers evaluations with their text, until it is asked to terminate.
fn serve(program: Program) -> JoinHandle<Program> {
    thread::spawn(move || {
        loop {
            match program.next() {
                Input::Request { request: Request::Evaluate(evaluate), reply, .. } => {
                    program.endpoint.broadcast(&printed(&evaluate.text));
                    let value = Value { text: evaluate.text, kind: "string".to_string(), ..Value::default() };
                    reply.ok(&EvaluateResult { values: vec![value] });
                }
                Input::Request { request: Request::Continue(_), reply, .. } => {
                    reply.fail(Failure::new(Code::NotStopped, "the program is not stopped"));
                }
                Input::Request { request: Request::Terminate(_), reply, .. } => {
                    reply.ok(&Empty {});
                    program.endpoint.broadcast(&Event::Terminated { exit_code: 0 });
                    return program;
                }
                Input::Request { .. } | Input::Joined { .. } | Input::Left { .. } | Input::Interrupted => {}
            }
        }
    })
}

fn printed(text: &str) -> Event {
    Event::Output(Output { category: OutputCategory::Stdout, text: text.to_string(), location: None })
}

fn evaluate(text: impl Into<String>) -> Evaluate {
    Evaluate { text: text.into(), frame: None, context: Default::default() }
}

/// Tells what it hears.
struct Recorder(mpsc::Sender<String>);

impl Handler for Recorder {
    fn event(&mut self, event: Event) {
        let text = match event {
            Event::Output(output) => output.text,
            other => format!("{other:?}"),
        };
        self.0.send(text).unwrap_or_default();
    }

    fn closed(&mut self) {
        self.0.send("closed".to_string()).unwrap_or_default();
    }
}

#[test]
fn a_conversation_over_either_transport() {
    for address in ["unix", "127.0.0.1:0", "[::1]:0", "0.0.0.0:0"] {
        let program = Program::listening(address);
        program.endpoint.set_state(State::Running);
        let session = program.session();
        let serving = serve(program);
        let (tell, told) = mpsc::channel();
        let (client, welcome) = Client::connect_with(&session, hello("test"), Recorder(tell)).unwrap();
        assert_eq!(welcome.state, State::Running);
        assert_eq!(welcome.session, SessionInfo { token: None, ..session });
        assert_eq!(client.request(evaluate("one")).unwrap().values[0].text, "one");
        let failure = client.request(Continue {}).unwrap_err();
        assert_eq!(failure.to_string(), "the program is not stopped");
        assert!(matches!(failure, ClientError::Failed(Failure { code: Code::NotStopped, .. })));
        client.request(Terminate {}).unwrap();
        drop(serving.join().unwrap());
        assert_eq!(told.recv_timeout(PATIENCE).unwrap(), "one");
        assert_eq!(told.recv_timeout(PATIENCE).unwrap(), "Terminated { exit_code: 0 }");
        assert_eq!(told.recv_timeout(PATIENCE).unwrap(), "closed");
        assert!(client.is_closed());
        assert!(matches!(client.request(Status {}), Err(ClientError::Closed)));
    }
}

#[test]
fn many_clients_with_many_threads_each_get_their_own_answers() {
    let program = Program::new();
    let session = program.session();
    let serving = serve(program);
    let clients: Vec<Client> =
        (0..8).map(|_| Client::connect(&session, hello("test"), |_| ()).unwrap().0).collect();
    thread::scope(|scope| {
        for (index, client) in clients.iter().enumerate() {
            for thread in 0..4 {
                let client = client.clone();
                scope.spawn(move || {
                    for round in 0..50 {
                        let text = format!("{index} {thread} {round}");
                        assert_eq!(client.request(evaluate(&text)).unwrap().values[0].text, text);
                    }
                });
            }
        }
    });
    clients[0].request(Terminate {}).unwrap();
    serving.join().unwrap();
}

#[test]
fn large_messages_pass_and_too_large_ones_are_refused_here() {
    let program = Program::new();
    let session = program.session();
    let serving = serve(program);
    let (client, _) = Client::connect(&session, hello("test"), |_| ()).unwrap();
    let text = "x".repeat(15 << 20);
    assert!(client.request(evaluate(&text)).unwrap().values[0].text == text);
    let refused = client.request(evaluate("x".repeat(16 << 20))).unwrap_err();
    assert_eq!(refused.to_string(), "the request is longer than 16777216 bytes");
    client.request(Terminate {}).unwrap();
    serving.join().unwrap();
}

#[test]
fn a_late_answer_is_dropped() {
    let program = Program::new();
    let client = connect(&program);
    let late = client.request_timeout(Source { id: 1 }, Duration::from_millis(1));
    assert!(matches!(late, Err(ClientError::Timeout)));
    program.expect_request().2.ok(&SourceResult { text: "late".to_string() });
    let asking = thread::spawn(move || client.request(Source { id: 2 }).unwrap().text);
    program.expect_request().2.ok(&SourceResult { text: "in time".to_string() });
    assert_eq!(asking.join().unwrap(), "in time");
}

#[test]
fn whoever_waits_is_told_when_the_connection_ends() {
    let program = Program::new();
    let client = connect(&program);
    let asking =
        [client.clone(), client.clone()].map(|client| thread::spawn(move || client.request(Interrupt {})));
    let requests = [program.next(), program.next()];
    client.close();
    for asking in asking {
        assert!(matches!(asking.join().unwrap(), Err(ClientError::Closed)));
    }
    assert!(client.is_closed());
    drop(requests);
    assert!(matches!(program.next(), Input::Left { .. }));
}

#[test]
fn the_last_clone_closes_the_connection() {
    let program = Program::new();
    let client = connect(&program);
    let clone = client.clone();
    drop(client);
    let asking = thread::spawn(move || clone.request(Status {}).map(|_| ()));
    drop(program.expect_request());
    assert!(matches!(asking.join().unwrap(), Err(ClientError::Failed(Failure { code: Code::Ended, .. }))));
    assert!(matches!(program.next(), Input::Left { .. }));
}

#[test]
fn a_handler_that_panics_ends_the_connection() {
    let program = Program::new();
    let (client, _) = Client::connect(&program.session(), hello("test"), |_| panic!("on purpose")).unwrap();
    program.expect_joined();
    program.endpoint.broadcast(&Event::Continued {});
    assert!(client.request(Status {}).is_err());
    while !matches!(program.next(), Input::Left { .. }) {}
}

#[test]
fn a_busy_client_still_hears_everything_in_order() {
    let program = Program::new();
    let (tell, told) = mpsc::channel();
    let (_client, _) = Client::connect_with(&program.session(), hello("test"), Recorder(tell)).unwrap();
    program.expect_joined();
    for number in 0..10_000 {
        program.endpoint.broadcast(&printed(&number.to_string()));
    }
    for number in 0..10_000 {
        assert_eq!(told.recv_timeout(PATIENCE).unwrap(), number.to_string());
    }
}

#[test]
fn refusals_reach_whoever_connects() {
    let program = Program::listening("0");
    let session = SessionInfo { token: Some("wrong".to_string()), ..program.session() };
    let refused = Client::connect(&session, hello("test"), |_| ()).unwrap_err();
    assert_eq!(refused.to_string(), "the token is wrong");
    let program = Program::new();
    let all: Vec<_> = (0..64).map(|_| program.joined()).collect();
    let refused = Client::connect(&program.session(), hello("test"), |_| ()).unwrap_err();
    assert_eq!(refused.to_string(), "64 clients are connected already");
    drop(all);
}

#[test]
fn nobody_at_the_address_is_an_error_that_names_it() {
    let program = Program::new();
    let session = program.session();
    let address = session.address.clone();
    drop(program);
    let gone = Client::connect(&session, hello("test"), |_| ()).unwrap_err().to_string();
    assert!(gone.starts_with(&format!("cannot connect to {address}: ")), "{gone}");
    let nonsense = SessionInfo { address: "pigeon:7".to_string(), ..session };
    assert!(matches!(Client::connect(&nonsense, hello("test"), |_| ()), Err(ClientError::Connect { .. })));
}

/// A program that reads one line and then says what it is told to.
fn impostor(says: &'static str) -> Result<(), String> {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let speaking = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut line = String::new();
        BufReader::new(stream.try_clone().unwrap()).read_line(&mut line).unwrap();
        stream.write_all(says.as_bytes()).unwrap_or_default();
    });
    let session = SessionInfo {
        version: 1,
        pid: 1,
        program: String::new(),
        args: Vec::new(),
        cwd: String::new(),
        started: 0,
        address: format!("unix:{}", path.display()),
        token: None,
    };
    let connected = Client::connect(&session, hello("test"), |_| ());
    speaking.join().unwrap();
    connected.map(|_| ()).map_err(|error| error.to_string())
}

#[test]
fn a_program_that_does_not_speak_the_protocol_is_an_error() {
    let wrong = |what: &str| Err(format!("the program answered what the protocol does not allow: {what}"));
    assert_eq!(impostor(""), Err("the connection to the program ended".to_string()));
    assert_eq!(impostor("{\"id\":1,\"resul"), Err("the connection to the program ended".to_string()));
    assert_eq!(impostor("SSH-2.0\n"), wrong("expected a JSON object"));
    assert_eq!(impostor("{\"id\":1}\n"), wrong("an answer has neither `result` nor `error`"));
    assert_eq!(impostor("{\"id\":1,\"result\":{}}\n"), wrong("missing field `version` at line 1 column 2"));
    assert_eq!(
        impostor("{\"id\":9,\"result\":{}}\n"),
        Err("the connection to the program ended".to_string())
    );
}

#[test]
fn parameters_arrive_as_they_were_given() {
    let program = Program::new();
    let client = connect(&program);
    let asking = thread::spawn(move || {
        let text = r#"{"source":"/app/ü.lua","breakpoints":[{"line":3,"logMessage":"\u0000{x}\n"}]}"#;
        client.request(serde_json::from_str::<SetBreakpoints>(text).unwrap()).map(|_| ())
    });
    let (_, request, reply) = program.expect_request();
    let Request::SetBreakpoints(wanted) = request else { panic!("{request:?}") };
    assert_eq!(wanted.source, "/app/ü.lua");
    assert_eq!(wanted.breakpoints[0].log_message.as_deref(), Some("\0{x}\n"));
    reply.fail(Failure::new(Code::Internal, "x"));
    asking.join().unwrap().unwrap_err();
}
