//! A program that runs no Lua: it answers the live protocol by a script.
//!
//! The script is the file that it is told to run:
//!
//! ```text
//! state stopped                      what hello says (else: waiting)
//! print TEXT | complain TEXT         writes to standard output, or error
//! on METHOD [/PART/] ANSWER          what to answer when METHOD comes (with these parameters, and others)
//! ```
//!
//! ANSWER is JSON for a result, `fail CODE TEXT` for a failure, or `nothing`
//! for no answer until an `interrupt` comes. Indented lines after it are done
//! after the answer: `event JSON`, `print`, `complain`, `exit CODE`, `announce
//! CODE` (an exit with its event), `kill` and `cut`. Of several entries for
//! the same request each serves once, the last one for ever.

use std::io::Write;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use perilune_live::endpoint::{Endpoint, Input, Listen, ProgramInfo, Reply};
use perilune_live::protocol::{Code, Event, Failure, OnDisconnect, State};
use serde_json::{Value as Json, json};

struct Rule {
    method: String,
    part: Json,
    answer: String,
    then: Vec<String>,
}

/// Plays the program with this command line (after the executable's path).
pub fn run(line: &[String]) {
    let file = line.iter().position(|word| word.starts_with('/')).expect("a program");
    let script = std::fs::read_to_string(&line[file]).expect("a script");
    let (setup, rules) = parse(&script);
    let program = ProgramInfo { program: line[file].clone().into(), args: line[file + 1..].to_vec() };
    if setup.iter().any(|line| line == "unreachable") {
        setup.iter().for_each(|line| write(line));
        std::process::exit(3);
    }
    let (endpoint, inputs) = Endpoint::open(&Listen::default(), program, Arc::new(|_| {})).expect("an endpoint");
    for line in setup {
        match line.strip_prefix("state ") {
            Some(state) => endpoint.set_state(serde_json::from_value::<State>(json!(state)).expect("a state")),
            None => write(&line),
        }
    }
    serve(endpoint, &inputs, rules);
}

fn parse(script: &str) -> (Vec<String>, Vec<Rule>) {
    let (mut setup, mut rules) = (Vec::new(), Vec::<Rule>::new());
    for line in script.lines().filter(|line| !line.trim().is_empty()) {
        if let Some(then) = line.strip_prefix(' ') {
            rules.last_mut().expect("a rule").then.push(then.trim().to_owned());
        } else if let Some(rule) = line.strip_prefix("on ") {
            let (method, rest) = rule.split_once(' ').expect("an answer");
            let (part, answer) = match rest.strip_prefix('/').and_then(|rest| rest.split_once("/ ")) {
                Some((part, answer)) => (part, answer),
                None => ("", rest),
            };
            let part = serde_json::from_str(&format!("{{{part}}}")).expect("parameters");
            let [method, answer] = [method, answer].map(str::to_owned);
            rules.push(Rule { method, part, answer, then: Vec::new() });
        } else {
            setup.push(line.to_owned());
        }
    }
    (setup, rules)
}

fn serve(endpoint: Endpoint, inputs: &Receiver<Input>, mut rules: Vec<Rule>) {
    let mut endpoint = Some(endpoint);
    let mut unanswered: Vec<Reply> = Vec::new();
    while let Ok(input) = inputs.recv() {
        match input {
            Input::Joined { .. } | Input::Interrupted => {}
            Input::Left { on_disconnect, .. } => {
                if on_disconnect == OnDisconnect::Terminate && endpoint.is_some() {
                    std::process::exit(9);
                }
            }
            Input::Request { request, reply, .. } => {
                let request = serde_json::to_value(request).expect("a request");
                let (method, params) = (request["method"].as_str().unwrap_or_default(), &request["params"]);
                let is_it = |rule: &&Rule| rule.method == method && has(params, &rule.part);
                let mut fitting = rules.iter().filter(is_it);
                let (Some(rule), has_more) = (fitting.next(), fitting.next().is_some()) else {
                    reply.fail(Failure::new(Code::UnknownMethod, format!("no rule for {method} {params}")));
                    continue;
                };
                let at = rules.iter().position(|other| std::ptr::eq(other, rule)).expect("the rule");
                let then = rule.then.clone();
                let answer = rule.answer.clone();
                if has_more {
                    rules.remove(at);
                }
                if method == "interrupt" {
                    for reply in unanswered.drain(..) {
                        reply.fail(Failure::new(Code::EvaluationFailed, "interrupted"));
                    }
                }
                give(&answer, reply, &mut unanswered);
                for action in then {
                    act(&action, &mut endpoint);
                }
            }
        }
    }
    // The endpoint was cut off; the program itself goes on.
    loop {
        std::thread::park();
    }
}

/// Whether a value has everything that a pattern has.
fn has(value: &Json, pattern: &Json) -> bool {
    match (value, pattern) {
        (Json::Object(value), Json::Object(pattern)) => {
            pattern.iter().all(|(name, pattern)| value.get(name).is_some_and(|value| has(value, pattern)))
        }
        (Json::Array(value), Json::Array(pattern)) => {
            value.len() == pattern.len() && value.iter().zip(pattern).all(|(value, pattern)| has(value, pattern))
        }
        (value, pattern) => value == pattern,
    }
}

fn give(answer: &str, reply: Reply, unanswered: &mut Vec<Reply>) {
    if answer == "nothing" {
        return unanswered.push(reply);
    }
    if let Some(failure) = answer.strip_prefix("fail ") {
        let (code, text) = failure.split_once(' ').expect("a text");
        let (text, refusals) = text.split_once(" @ ").unwrap_or((text, "[]"));
        let mut failure = Failure::new(serde_json::from_value(json!(code)).expect("a code"), text);
        failure.refusals = serde_json::from_str(refusals).expect("refusals");
        return reply.fail(failure);
    }
    reply.ok(&serde_json::from_str::<Json>(answer).expect("a result"));
}

fn act(action: &str, endpoint: &mut Option<Endpoint>) {
    let (verb, rest) = action.split_once(' ').unwrap_or((action, ""));
    match verb {
        "event" => {
            let event: Event = serde_json::from_str(rest).expect("an event");
            endpoint.as_ref().expect("an endpoint").broadcast(&event);
        }
        "announce" => {
            let exit_code = rest.parse().expect("a code");
            endpoint.as_ref().expect("an endpoint").broadcast(&Event::Terminated { exit_code });
            drop(endpoint.take());
            std::process::exit(exit_code);
        }
        "exit" => std::process::exit(rest.parse().expect("a code")),
        "kill" => {
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        }
        "cut" => drop(endpoint.take()),
        _ => write(action),
    }
}

/// Texts are Rust's escapes, so that bytes that are no text can be written.
fn write(line: &str) {
    let unescape = |text: &str| -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            match (byte, byte == b'\\') {
                (_, true) => match rest.next() {
                    Some(b'n') => bytes.push(b'\n'),
                    Some(b'x') => {
                        let digits = [rest.next().unwrap_or(b'0'), rest.next().unwrap_or(b'0')];
                        let digits = std::str::from_utf8(&digits).expect("digits").to_owned();
                        bytes.push(u8::from_str_radix(&digits, 16).expect("a byte"));
                    }
                    other => bytes.extend(other),
                },
                (byte, false) => bytes.push(byte),
            }
        }
        bytes
    };
    if let Some(text) = line.strip_prefix("print ") {
        let _ = std::io::stdout().write_all(&unescape(text));
        let _ = std::io::stdout().flush();
    } else if let Some(text) = line.strip_prefix("complain ") {
        let _ = std::io::stderr().write_all(&unescape(text));
    }
}
