//! The endpoint against clients that behave, and against those that do not.

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread;

use perilune_live::endpoint::{Endpoint, EndpointError, Input, Listen, ProgramInfo, Urgency};
use perilune_live::protocol::{
    Code, Empty, Event, Failure, OnDisconnect, OutputCategory, Request, SourceResult, State,
};
use support::{HELLO, PATIENCE, Program, Raw, assert_alive, output};

const REFUSED: &str = r#"{"id":1,"error":{"code":"unauthorized","message":"#;

#[test]
fn hello_is_answered_with_the_session_and_without_its_secret() {
    let program = Program::listening("127.0.0.1:0");
    program.endpoint.set_state(State::Stopped);
    let session = program.session();
    let token = session.token.clone().unwrap();
    let mut raw = program.raw();
    raw.say(&format!(
        r#"{{"id":7,"method":"hello","params":{{"version":1,"client":"x","token":"{token}","onDisconnect":"terminate"}}}}"#
    ));
    let expected = serde_json::json!({"id": 7, "result": {
        "version": 1,
        "state": "stopped",
        "session": {
            "version": 1,
            "pid": std::process::id(),
            "program": std::path::absolute("app/main.lua").unwrap(),
            "args": ["-x"],
            "cwd": std::env::current_dir().unwrap(),
            "started": session.started,
            "address": session.address,
        },
    }});
    assert_eq!(serde_json::from_str::<serde_json::Value>(&raw.hear()).unwrap(), expected);
    let (client, hello) = program.expect_joined();
    assert_eq!((hello.client.as_str(), hello.on_disconnect), ("x", OnDisconnect::Terminate));
    assert_eq!(program.endpoint.clients(), 1);
    drop(raw);
    match program.next() {
        Input::Left { client: who, on_disconnect } => {
            assert_eq!((who, on_disconnect), (client, OnDisconnect::Terminate));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn requests_come_in_order_and_may_be_answered_in_another() {
    let program = Program::new();
    let (mut raw, client) = program.joined();
    raw.say(
        "{\"id\":2,\"method\":\"source\",\"params\":{\"id\":10}}\n\n  \r\n{\"id\":3,\"method\":\"pause\"}",
    );
    let (from, first, first_reply) = program.expect_request();
    assert_eq!(from, client);
    assert!(matches!(first, Request::Source(source) if source.id == 10));
    let (_, second, second_reply) = program.expect_request();
    assert!(matches!(second, Request::Pause(_)));
    second_reply.fail(Failure::new(Code::Busy, "not now"));
    first_reply.ok(&SourceResult { text: "line\n\u{2028}".to_string() });
    assert_eq!(raw.hear(), r#"{"id":3,"error":{"code":"busy","message":"not now"}}"#);
    assert_eq!(raw.hear(), "{\"id\":2,\"result\":{\"text\":\"line\\n\u{2028}\"}}");
}

#[test]
fn a_request_that_nobody_answers_is_answered() {
    let program = Program::new();
    let (mut raw, _) = program.joined();
    raw.say(r#"{"id":2,"method":"pause"}"#);
    drop(program.expect_request());
    let ended = r#"{"id":2,"error":{"code":"ended","message":"the program ended before it could answer"}}"#;
    assert_eq!(raw.hear(), ended);
}

#[test]
fn bad_requests_are_answered_and_the_conversation_goes_on() {
    let program = Program::new();
    let (mut raw, _) = program.joined();
    raw.say("nonsense");
    raw.say(r#"{"id":4,"method":"fly"}"#);
    raw.say(r#"{"id":5,"method":"scopes","params":{"frame":"x"}}"#);
    raw.say(HELLO);
    raw.say(r#"{"id":6,"method":"status"}"#);
    assert_eq!(
        raw.hear(),
        r#"{"id":0,"error":{"code":"invalid-request","message":"expected a JSON object"}}"#
    );
    assert_eq!(
        raw.hear(),
        r#"{"id":4,"error":{"code":"unknown-method","message":"there is no method `fly`"}}"#
    );
    assert!(
        raw.hear().starts_with(r#"{"id":5,"error":{"code":"invalid-request","message":"`params.frame`: "#)
    );
    let again = r#"{"id":1,"error":{"code":"invalid-request","message":"`hello` was said already"}}"#;
    assert_eq!(raw.hear(), again);
    assert!(matches!(program.expect_request().1, Request::Status(_)));
}

#[test]
fn whoever_does_not_begin_with_a_good_hello_is_shown_out() {
    let program = Program::new();
    let firsts = [
        (
            r#"{"id":1,"method":"status"}"#,
            r#"{"id":1,"error":{"code":"unauthorized","message":"the first request must be `hello`"}}"#,
        ),
        (
            "POST / HTTP/1.1",
            r#"{"id":0,"error":{"code":"invalid-request","message":"expected a JSON object"}}"#,
        ),
        (
            r#"{"id":1,"method":"hello","params":{"version":2,"client":"x"}}"#,
            r#"{"id":1,"error":{"code":"unauthorized","message":"the program speaks version 1, the client version 2"}}"#,
        ),
    ];
    for (first, answer) in firsts {
        let mut raw = program.raw();
        raw.say(first);
        let _ = raw.send(format!("{HELLO}\n").as_bytes());
        assert_eq!(raw.hear_all(), [answer]);
    }
    assert_eq!(program.endpoint.clients(), 0);
    assert_alive(&program);
}

#[test]
fn tcp_needs_the_token() {
    let program = Program::listening(":0");
    let token = program.session().token.unwrap();
    assert!(program.session().address.starts_with("tcp:127.0.0.1:"));
    let hello =
        |token: &str| format!(r#"{{"id":1,"method":"hello","params":{{"version":1,"client":"x"{token}}}}}"#);
    let mut other = token.clone().into_bytes();
    other[63] = if other[63] == b'0' { b'1' } else { b'0' };
    let other = String::from_utf8(other).unwrap();
    for (told, answer) in [
        (String::new(), r#""a token is needed: it stands in the session file"}}"#),
        (format!(r#","token":"{other}""#), r#""the token is wrong"}}"#),
        (r#","token":"""#.to_string(), r#""the token is wrong"}}"#),
    ] {
        let mut raw = program.raw();
        raw.say(&hello(&told));
        assert_eq!(raw.hear_all(), [format!("{REFUSED}{answer}")]);
    }
    let mut raw = program.raw();
    raw.say(&hello(&format!(r#","token":"{token}""#)));
    assert!(raw.hear().starts_with(r#"{"id":1,"result":"#));
}

#[test]
fn a_client_that_dies_within_a_line_has_left() {
    let program = Program::new();
    let (mut raw, client) = program.joined();
    raw.send(br#"{"id":2,"method":"termi"#).unwrap();
    drop(raw);
    program.expect_left(client);
    assert_alive(&program);
    drop(program.raw());
    let mut silent = program.raw();
    silent.send(b"{").unwrap();
    drop(silent);
    assert_alive(&program);
}

#[test]
fn events_go_to_whom_they_concern() {
    let program = Program::new();
    let (mut loud, first) = program.joined();
    // Taken before the next one: connections are accepted in order.
    let mut stranger = program.raw();
    let mut quiet = program.raw();
    quiet.say(r#"{"id":1,"method":"hello","params":{"version":1,"client":"quiet"}}"#);
    quiet.hear();
    let (second, _) = program.expect_joined();
    let endpoint = &program.endpoint;
    endpoint.broadcast(&output(OutputCategory::Stdout, "a"));
    endpoint.broadcast(&output(OutputCategory::Stderr, "b"));
    endpoint.broadcast(&output(OutputCategory::Log, "c"));
    endpoint.send(second, &Event::Continued {});
    endpoint.send(first, &Event::Terminated { exit_code: 3 });
    let texts = |lines: &[&str]| -> Vec<String> {
        let line = |line: &&str| match line.split_once(' ') {
            Some((category, text)) => {
                format!(r#"{{"event":"output","params":{{"category":"{category}","text":"{text}"}}}}"#)
            }
            None => line.to_string(),
        };
        lines.iter().map(line).collect()
    };
    let terminated = r#"{"event":"terminated","params":{"exitCode":3}}"#;
    let Program { endpoint, .. } = program;
    drop(endpoint);
    assert_eq!(loud.hear_all(), texts(&["stdout a", "stderr b", "log c", terminated]));
    assert_eq!(quiet.hear_all(), texts(&["log c", r#"{"event":"continued","params":{}}"#]));
    assert_eq!(stranger.hear_all(), [""; 0]);
}

#[test]
fn what_is_written_is_told_in_lines_and_before_anything_else() {
    let program = Program::new();
    let (mut raw, _) = program.joined();
    let line =
        |text: &str| format!(r#"{{"event":"output","params":{{"category":"stdout","text":"{text}"}}}}"#);
    let tap = program.endpoint.output_tap();
    for piece in [&b"1"[..], b"\t", b"2", b"\n", b"gr\xc3"] {
        tap(piece);
    }
    // Where a line is cut depends on how long its parts take to come.
    let mut told = String::new();
    while !told.ends_with("gr") {
        let event: serde_json::Value = serde_json::from_str(&raw.hear()).unwrap();
        told.push_str(event["params"]["text"].as_str().unwrap());
    }
    assert_eq!(told, "1\t2\ngr", "a prompt is told although its line does not end");
    tap(b"\xbcn");
    program.endpoint.broadcast(&Event::Continued {});
    assert_eq!(raw.hear(), line("ün"));
    assert_eq!(raw.hear(), r#"{"event":"continued","params":{}}"#);
    raw.say(r#"{"id":2,"method":"pause"}"#);
    let (_, _, reply) = program.expect_request();
    tap(b"before the answer");
    reply.ok(&Empty {});
    assert_eq!(raw.hear(), line("before the answer"));
    assert_eq!(raw.hear(), r#"{"id":2,"result":{}}"#);
    tap(b"the end");
    drop(program);
    tap(b"nobody hears this");
    assert_eq!(raw.hear_all(), [line("the end")]);
}

#[test]
fn the_end_waits_for_those_who_listen() {
    let program = Program::new();
    let (mut raw, _) = program.joined();
    let text = "x".repeat(1 << 20);
    for _ in 0..16 {
        program.endpoint.broadcast(&output(OutputCategory::Stdout, &text));
    }
    program.endpoint.broadcast(&Event::Terminated { exit_code: 0 });
    let listening = thread::spawn(move || raw.hear_all());
    drop(program);
    let heard = listening.join().unwrap();
    assert_eq!(heard.len(), 17);
    assert_eq!(heard[16], r#"{"event":"terminated","params":{"exitCode":0}}"#);
}

#[test]
fn the_end_does_not_wait_for_ever_for_those_who_do_not() {
    let program = Program::new();
    let (_raw, client) = program.joined();
    program.endpoint.send(client, &output(OutputCategory::Stdout, &"x".repeat(8 << 20)));
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        drop(program);
        done.send(()).unwrap();
    });
    is_done.recv_timeout(PATIENCE).expect("the endpoint is closed");
}

#[test]
fn urgent_inputs_are_counted() {
    let (woken, wakes) = mpsc::channel();
    let temporary = tempfile::tempdir().unwrap();
    let directory = perilune_live::session::Directory::open(&temporary.path().join("d")).unwrap();
    let wake = Arc::new(move |urgency| woken.send(urgency).unwrap_or_default());
    let (endpoint, inputs) =
        Endpoint::open_in(&directory, &Listen::Unix, ProgramInfo::default(), wake).unwrap();
    let mut raw = Raw::connect(&endpoint.info().address);
    raw.say(HELLO);
    assert_eq!(wakes.recv_timeout(PATIENCE), Ok(Urgency::Patient));
    raw.say(r#"{"id":2,"method":"evaluate","params":{"text":"while true do end"}}"#);
    assert_eq!(wakes.recv_timeout(PATIENCE), Ok(Urgency::Patient));
    assert_eq!(endpoint.urgent().load(Ordering::Acquire), 0);
    for method in ["interrupt", "pause", "terminate"] {
        raw.say(&format!(r#"{{"id":3,"method":"{method}"}}"#));
        assert_eq!(wakes.recv_timeout(PATIENCE), Ok(Urgency::Urgent), "{method}");
    }
    endpoint.alarm()();
    assert_eq!(wakes.recv_timeout(PATIENCE), Ok(Urgency::Urgent));
    assert_eq!(endpoint.urgent().load(Ordering::Acquire), 4);
    let queued: Vec<Input> = inputs.try_iter().collect();
    assert_eq!(queued.iter().map(Input::is_urgent).collect::<Vec<_>>(), [false, false, true, true, true, true]);
}

#[test]
fn requests_after_the_queue_is_gone_are_answered() {
    let program = Program::new();
    let (mut raw, _) = program.joined();
    let Program { endpoint: _endpoint, inputs, .. } = program;
    drop(inputs);
    raw.say(r#"{"id":2,"method":"status"}"#);
    assert!(raw.hear().starts_with(r#"{"id":2,"error":{"code":"ended","#));
}

#[test]
fn a_process_has_one_endpoint_in_a_directory() {
    let program = Program::new();
    let again = Endpoint::open_in(&program.directory, &Listen::Unix, ProgramInfo::default(), Arc::new(|_| ()));
    assert!(matches!(again.map(|_| ()), Err(EndpointError::Taken(pid)) if pid == std::process::id()));
    assert_alive(&program);
}

#[test]
fn an_address_that_is_taken_is_an_error_that_says_so() {
    let program = Program::listening(":0");
    let address = program.session().address.replace("tcp:", "");
    let temporary = tempfile::tempdir().unwrap();
    let directory = perilune_live::session::Directory::open(&temporary.path().join("d")).unwrap();
    let listen: Listen = address.parse().unwrap();
    let again = Endpoint::open_in(&directory, &listen, ProgramInfo::default(), Arc::new(|_| ()));
    let message = again.map(|_| ()).unwrap_err().to_string();
    assert!(message.starts_with(&format!("cannot listen at tcp:{address}: ")), "{message}");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}
