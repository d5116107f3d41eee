//! Programs that run live, and what ends them or the code that clients run in them.
#![cfg(unix)]

mod support;

#[path = "live/line.rs"]
mod line;

#[path = "live/evaluation.rs"]
mod evaluation;

use line::Live;
use serde_json::json;
use support::{Left, Place};

#[track_caller]
fn check_interrupted(left: &Left, place: &str) {
    assert_eq!(left.code, Some(1), "{left:?}");
    assert!(left.err.contains(&format!("app.lua:{place}: interrupted!\nstack traceback:\n")), "{left:?}");
}

#[test]
fn an_interrupt_is_an_error_of_the_program() {
    let mut live = Live::start("started = true\nwhile true do end\n");
    live.wait_for("started");
    live.interrupt();
    assert_eq!(live.wait("terminated")["exitCode"], 1);
    check_interrupted(&live.finish(""), "2");
}

#[test]
fn an_interrupt_can_be_caught_and_ends_a_long_native_once() {
    // No safepoint comes before the search ends, so what shows that it begins is what was written.
    let text = "local text, pattern, count = ('a'):rep(1 << 20), ('.-'):rep(50) .. 'b', 0\nio.write('.') io.flush()\n\
        local _, message\n\
        repeat _, message = pcall(string.find, text, pattern) count = count + 1 until message\n\
        print(message, count)\nfor _ = 1, 1e6 do end\nprint('still there')\n";
    let live = Live::start_writing(text);
    live.interrupt();
    let left = live.finish("");
    assert_eq!((left.code, left.out.as_str()), (Some(0), ".interrupted!\t1\nstill there\n"), "{left:?}");
}

#[test]
fn a_second_interrupt_kills() {
    let mut live = Live::start("started = true\nlocal function f() return f() end\nrepeat pcall(f) caught = true until false\n");
    live.wait_for("started");
    live.interrupt();
    live.wait_for("caught");
    live.interrupt();
    assert_eq!(live.finish("").code, None, "ended by the signal");
}

#[test]
fn an_interrupt_ends_a_program_that_stands() {
    let mut live = Live::start("started = true\nlocal n = 0\nwhile true do\n  n = n + 1\nend\n");
    live.ask("setErrorStops", json!({ "stops": "all" })).expect("error stops");
    live.wait_for("started");
    live.ask("pause", json!({})).expect("a pause");
    live.wait("stopped");
    live.interrupt();
    live.wait("continued");
    assert_eq!(live.wait("terminated")["exitCode"], 1, "no stop at the error");
    let left = live.finish("");
    assert!(left.err.contains("interrupted!"), "{left:?}");
}

#[test]
fn an_interrupt_ends_a_program_that_waits_for_its_start() {
    let mut live = Live::begin(Place::new(&[("app.lua", "print('never')\n")]), &["--wait"]);
    live.interrupt();
    assert_eq!(live.wait("terminated")["exitCode"], 1);
    let left = live.finish("");
    check_interrupted(&left, "1");
    assert_eq!(left.out, "");
}

#[test]
fn an_interrupt_ends_an_evaluation_and_then_the_program() {
    let mut live = Live::start("started = true\nwhile true do end\n");
    live.wait_for("started");
    let endless = live.send("evaluate", json!({ "text": "evaluating = true while true do end", "context": "repl" }));
    // What waits behind the evaluation shows when it has begun: it cannot end by itself.
    std::thread::sleep(std::time::Duration::from_millis(50));
    live.interrupt();
    let error = live.answer(endless).expect_err("the evaluation ends");
    assert!(error["message"].as_str().is_some_and(|text| text.contains("interrupted!")), "{error}");
    live.wait("terminated");
    check_interrupted(&live.finish(""), "2");
}

/// A program that is blocked until it gets a line of input; requests wait meanwhile.
const BLOCKED: &str = "io.write('.') io.flush()\nio.read()\nwhile not over do end\n";

#[test]
fn an_interrupt_that_comes_before_its_evaluation_begins_is_not_lost() {
    let mut live = Live::start_writing(BLOCKED);
    let evaluations = ["while true do end", "string.find(('a'):rep(1 << 20), ('.-'):rep(50) .. 'b')"].map(|text| {
        let evaluation = live.send("evaluate", json!({ "text": text, "context": "repl" }));
        (evaluation, live.send("interrupt", json!({})))
    });
    live.type_line();
    for (evaluation, interrupt) in evaluations {
        let error = live.answer(evaluation).expect_err("the evaluation ends");
        assert!(error["message"].as_str().is_some_and(|text| text.contains("interrupted!")), "{error}");
        live.answer(interrupt).expect("an answer");
    }
    // What was taken from the queue ends nothing any more.
    assert_eq!(live.value("1 + 1"), "2");
    live.ask("evaluate", json!({ "text": "over = true", "context": "repl" })).expect("an evaluation");
    assert_eq!(live.finish("").code, Some(0));
}

#[test]
fn requests_that_are_not_urgent_end_no_evaluation() {
    let mut live = Live::start_writing(BLOCKED);
    // Long enough inside one native for the request to arrive there.
    let text = "('a'):rep(200):find(('a-'):rep(3) .. 'b')";
    let evaluation = live.send("evaluate", json!({ "text": text, "context": "repl" }));
    live.type_line();
    for _ in 0..50 {
        live.ask_later("status");
    }
    let result = live.answer(evaluation).expect("a result");
    assert_eq!(result["values"][0]["text"], "nil");
    live.ask("evaluate", json!({ "text": "over = true", "context": "repl" })).expect("an evaluation");
    assert_eq!(live.finish("").code, Some(0));
}

#[test]
fn a_pause_does_not_look_like_an_error_of_a_condition() {
    let mut live = Live::start("started = true\nlocal n = 0\nwhile true do\n  n = n + 1\nend\n");
    live.wait_for("started");
    live.set_breakpoints(json!([{ "line": 4, "condition": "n < 0" }]));
    for _ in 0..200 {
        live.ask("pause", json!({})).expect("a pause");
        let stopped = live.wait("stopped");
        assert_eq!((&stopped["reason"], &stopped["text"]), (&json!("pause"), &json!(null)));
        live.ask("continue", json!({})).expect("a program that stands");
    }
}

#[test]
fn a_program_that_ends_in_client_code_tells_its_exit_code() {
    for end in ["os.exit(3)", "os.exit(3, true)", "coroutine.wrap(os.exit)(3)"] {
        let mut live = Live::start("started = true\nlocal n = 0\nwhile true do\n  n = n + 1\nend\n");
        live.wait_for("started");
        let error = live.ask("evaluate", json!({ "text": end, "context": "repl" })).expect_err("no result");
        assert_eq!(error["code"], "ended");
        assert_eq!(live.wait("terminated")["exitCode"], 3, "{end}");
        assert_eq!(live.finish("").code, Some(3), "{end}");
    }
    let mut live = Live::start("started = true\nlocal n = 0\nwhile true do\n  n = n + 1\nend\n");
    live.wait_for("started");
    live.set_breakpoints(json!([{ "line": 4, "condition": "os.exit(4)" }]));
    assert_eq!(live.wait("terminated")["exitCode"], 4);
    assert_eq!(live.finish("").code, Some(4));
}

#[test]
fn a_program_that_ends_itself_tells_its_exit_code() {
    for end in ["os.exit(6)", "os.exit(6, true)", "coroutine.wrap(function() os.exit(6) end)()", "setmetatable({}, { __gc = function() os.exit(6) end }) collectgarbage()",
        "last = setmetatable({}, { __gc = function() os.exit(6) end })"] {
        let mut live = Live::start_writing(&format!("io.write('.') io.flush() io.read() print('bye') io.write('now') {end}"));
        live.type_line();
        assert_eq!(live.wait("terminated")["exitCode"], 6, "{end}");
        let left = live.finish("");
        assert_eq!((left.code, left.out.as_str()), (Some(6), ".bye\nnow"), "{end}");
    }
}
