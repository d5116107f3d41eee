//! What is limited, and what lies beyond each limit.

mod support;

use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::Duration;

use perilune_live::protocol::{
    Code, Empty, Event, Failure, OutputCategory, SourceRef, SourceResult, StopReason, Stopped,
};
use support::{HELLO, Program, Raw, assert_alive, output};

#[test]
fn a_line_that_is_too_long_ends_the_conversation() {
    let program = Program::new();
    let (mut raw, client) = program.joined();
    // The endpoint stops reading at the limit, so that not everything may get through.
    let piece = vec![b' '; 1 << 20];
    while raw.send(&piece).is_ok() {}
    let too_long =
        r#"{"id":0,"error":{"code":"invalid-request","message":"a line is longer than 16777216 bytes"}}"#;
    assert_eq!(raw.hear(), too_long);
    program.expect_left(client);
    assert_alive(&program);
}

#[test]
fn strangers_get_less_room() {
    let program = Program::new();
    let mut raw = program.raw();
    let _ = raw.send(&[b' '; 100 << 10]);
    let too_long =
        r#"{"id":0,"error":{"code":"invalid-request","message":"a line is longer than 65536 bytes"}}"#;
    assert_eq!(raw.hear_all(), [too_long]);
    assert_alive(&program);
}

#[test]
fn a_client_that_does_not_read_is_dropped_and_harms_nobody() {
    let program = Program::new();
    let (_slow, client) = program.joined();
    let loaded = SourceRef { name: "x".repeat(1 << 20), path: None, id: Some(1) };
    for _ in 0..80 {
        program.endpoint.broadcast(&Event::Loaded(loaded.clone()));
    }
    program.expect_left(client);
    assert_alive(&program);
}

#[test]
fn output_that_is_not_read_is_left_out_and_the_client_stays() {
    let program = Program::new();
    let (mut raw, client) = program.joined();
    let text = "x".repeat(1 << 20);
    for _ in 0..80 {
        program.endpoint.broadcast(&output(OutputCategory::Stdout, &text));
    }
    let mut heard = 0;
    while heard < 32 {
        assert!(raw.hear().len() > 1 << 20);
        heard += 1;
    }
    program.endpoint.broadcast(&Event::Continued {});
    let mut line = raw.hear();
    while line.len() > 1 << 20 {
        heard += 1;
        line = raw.hear();
    }
    let lost = (80 - heard) << 20;
    let note = format!("[{lost} bytes of output were left out: the client did not read them]\\n");
    assert_eq!(line, format!(r#"{{"event":"output","params":{{"category":"stderr","text":"{note}"}}}}"#));
    assert_eq!(raw.hear(), r#"{"event":"continued","params":{}}"#);
    drop(raw);
    program.expect_left(client);
}

#[test]
fn long_texts_are_split_or_cut_to_fit_into_lines() {
    let program = Program::new();
    let (mut raw, client) = program.joined();
    let written = "\u{1}ü".repeat(4 << 20);
    program.endpoint.broadcast(&output(OutputCategory::Stdout, &written));
    let text = Some("ü".repeat(20 << 20));
    let stopped = Stopped { reason: StopReason::Error, coroutine: 0, breakpoints: Vec::new(), text };
    program.endpoint.send(client, &Event::Stopped(stopped));
    let mut heard = String::new();
    while heard.len() < written.len() {
        let event: serde_json::Value = serde_json::from_str(&raw.hear()).unwrap();
        heard.push_str(event["params"]["text"].as_str().unwrap());
    }
    assert!(heard == written);
    let stopped: serde_json::Value = serde_json::from_str(&raw.hear()).unwrap();
    assert_eq!(stopped["event"], "stopped");
    assert_eq!(stopped["params"]["text"].as_str().map(str::len), Some(1 << 20));
}

#[test]
fn a_result_that_is_too_long_is_a_failure() {
    let program = Program::new();
    let (mut raw, _) = program.joined();
    raw.say(r#"{"id":2,"method":"source","params":{"id":1}}"#);
    program.expect_request().2.ok(&SourceResult { text: "x".repeat(17 << 20) });
    assert_eq!(
        raw.hear(),
        r#"{"id":2,"error":{"code":"invalid-request","message":"the result is longer than 16777216 bytes: ask for less at a time"}}"#
    );
    raw.say(r#"{"id":3,"method":"status"}"#);
    program.expect_request().2.fail(Failure::new(Code::EvaluationFailed, "ü".repeat(20 << 20)));
    let failure: serde_json::Value = serde_json::from_str(&raw.hear()).unwrap();
    assert_eq!(failure["error"]["code"], "evaluation-failed");
}

#[test]
fn unanswered_requests_are_limited() {
    let program = Program::new();
    let (mut raw, client) = program.joined();
    for id in 2..302 {
        raw.say(&format!(r#"{{"id":{id},"method":"status"}}"#));
    }
    let mut replies: Vec<_> = (0..256).map(|_| program.expect_request().2).collect();
    let more = program.inputs.recv_timeout(Duration::from_millis(200));
    assert_eq!(more.map(|_| ()), Err(RecvTimeoutError::Timeout));
    replies.pop().unwrap().ok(&Empty {});
    assert_eq!(raw.hear(), r#"{"id":257,"result":{}}"#);
    replies.push(program.expect_request().2);
    drop(raw);
    drop(replies);
    for _ in 0..43 {
        program.expect_request();
    }
    program.expect_left(client);
}

#[test]
fn unanswered_bytes_are_limited() {
    let program = Program::new();
    let (mut raw, _) = program.joined();
    let text = "x".repeat(15 << 20);
    let sender = thread::spawn(move || {
        for id in 2..8 {
            raw.say(&format!(r#"{{"id":{id},"method":"evaluate","params":{{"text":"{text}"}}}}"#));
        }
        raw
    });
    let mut replies: Vec<_> = (0..5).map(|_| program.expect_request().2).collect();
    let more = program.inputs.recv_timeout(Duration::from_millis(200));
    assert_eq!(more.map(|_| ()), Err(RecvTimeoutError::Timeout));
    replies.pop();
    program.expect_request();
    sender.join().unwrap();
}

#[test]
fn there_is_room_for_64_connections() {
    let program = Program::new();
    let mut all: Vec<(Raw, _)> = (0..64).map(|_| program.joined()).collect();
    let mut late = program.raw();
    assert_eq!(
        late.hear_all(),
        [r#"{"id":0,"error":{"code":"busy","message":"64 clients are connected already"}}"#]
    );
    let (raw, client) = all.pop().unwrap();
    drop(raw);
    program.expect_left(client);
    // The place is free once the connection's thread has ended, right after its last word.
    let mut joined = Raw::connect(&program.session().address);
    let mut answer = String::new();
    while !answer.contains("result") {
        joined = program.raw();
        let _ = joined.send(format!("{HELLO}\n").as_bytes());
        answer = joined.hear();
    }
    program.expect_joined();
    program.endpoint.broadcast(&Event::Continued {});
    assert_eq!(joined.hear(), r#"{"event":"continued","params":{}}"#);
    for (mut raw, _) in all {
        assert_eq!(raw.hear(), r#"{"event":"continued","params":{}}"#);
    }
}
