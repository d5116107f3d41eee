//! What code that clients give sees in the frames of a program.

use serde_json::{Value as Json, json};

use super::line::Live;

/// Plain, and with the collector at work all the time.
const COLLECTORS: [&str; 2] = ["none", "cycles:20"];

/// Waits at a breakpoint; the frame that stands.
fn stop(live: &mut Live) -> Json {
    let stopped = live.wait("stopped");
    assert_eq!((&stopped["reason"], &stopped["text"]), (&json!("breakpoint"), &Json::Null));
    frame(live, &stopped["coroutine"])
}

fn frame(live: &mut Live, coroutine: &Json) -> Json {
    let stack = live.ask("stack", json!({ "coroutine": coroutine })).expect("a stack");
    stack["frames"][0]["id"].clone()
}

fn evaluate(live: &mut Live, frame: &Json, text: &str) -> String {
    match live.ask("evaluate", json!({ "text": text, "frame": frame })) {
        Ok(result) => {
            let values = result["values"].as_array().expect("values").iter();
            values.map(|value| value["text"].as_str().expect("a text").to_owned()).collect::<Vec<_>>().join(", ")
        }
        Err(error) => error["message"].as_str().expect("a message").to_owned(),
    }
}

fn go_on(live: &mut Live) {
    live.ask("continue", json!({})).expect("a program that stands");
}

/// Starts a program that stops at breakpoints.
fn begin(text: &str, collector: &str, breakpoints: Json) -> Live {
    let mut live = Live::tortured(text, collector, &["--wait"]);
    live.set_breakpoints(breakpoints);
    live.ask("start", json!({})).expect("a start");
    live
}

const NAMES: &str = "\
local function f(x, ...)
  local y = x * 2
  return y
end
for i = 1, 5 do f(i) end
local late = 5
for i = 1, 5 do f(i) end
late = nil
for i = 1, 5 do f(i, 'extra') end
";

#[test]
fn the_names_of_a_condition_are_looked_up_at_each_hit() {
    for collector in COLLECTORS {
        // In the first loop `late` is a global, later a variable of the module.
        let condition = "late == 5 and y == 6 or ... == 'extra' and x == 4";
        let mut live = begin(NAMES, collector, json!([{ "line": 3, "condition": condition }]));
        let at = stop(&mut live);
        assert_eq!(evaluate(&mut live, &at, "late, x, y"), "5, 3, 6");
        go_on(&mut live);
        let at = stop(&mut live);
        assert_eq!(evaluate(&mut live, &at, "late, x, y, ..."), "nil, 4, 8, \"extra\"");
        go_on(&mut live);
        live.finish_at(0);
    }
}

const COUNTERS: &str = "\
local list = {}
local function counter(start)
  local count = start
  list[#list + 1] = function()
    count = count + 1
    return count
  end
  return count
end
counter(10)
counter(20)
list[1]() list[2]() list[1]()
print(#kept, kept[1](), kept[2](), kept[3]())
";

#[test]
fn a_condition_sees_and_keeps_the_variables_of_each_frame() {
    for collector in COLLECTORS {
        let keep = "rawset(_G, 'kept', kept or {}) and rawset(kept, #kept + 1, function() return count end) and false";
        let live = begin(COUNTERS, collector, json!([{ "line": 6, "condition": keep }]));
        let left = live.finish_at(0);
        assert_eq!(left.out, "3\t12\t21\t12\n", "{left:?}");
    }
}

#[test]
fn a_condition_is_compiled_anew_for_new_code() {
    let text = "\
function f(x)
  local y = x
  return y
end
repeat
  done = f(3)
until done == 30 or os.clock() > 100
";
    let mut live = begin(text, "none", json!([{ "line": 3, "condition": "y == 30" }]));
    let new = text.replace("local y = x", "local z, y = 1, x * 10");
    let path = live.path().to_owned();
    live.ask("redefine", json!({ "source": path, "text": new, "target": "changed" })).expect("a redefinition");
    let at = stop(&mut live);
    assert_eq!(evaluate(&mut live, &at, "y, z"), "30, 1");
    go_on(&mut live);
    live.finish_at(0);
}

const CONSTANTS: &str = "\
local LIMIT <const>, NAME <const> = 10, 'shop'
local RATE <const> = 2.5
local function price(n)
  local EXTRA <const> = true
  local sum = n * RATE
  return sum
end
local function other(n)
  return n
end
print(price(4), debug.getlocal(price, 2), other(1))
";

#[test]
fn compile_time_constants_are_seen_and_never_set() {
    let mut live = begin(CONSTANTS, "none", json!([{ "line": 6 }, { "line": 9 }]));
    let at = stop(&mut live);
    assert_eq!(evaluate(&mut live, &at, "RATE, EXTRA, NAME, sum"), "2.5, true, \"shop\", 10.0");
    let refused = evaluate(&mut live, &at, "RATE = 3");
    assert!(refused.contains("attempt to assign to const variable 'RATE'"), "{refused}");
    let scopes = live.ask("scopes", json!({ "frame": at })).expect("scopes");
    let locals = scopes["scopes"][0]["reference"].clone();
    let children = live.ask("children", json!({ "reference": locals })).expect("children");
    let names: Vec<_> = children["children"].as_array().expect("a list").iter().map(|child| (child["name"].as_str(), child["text"].as_str())).collect();
    assert_eq!(names, [(Some("n"), Some("4")), (Some("RATE"), Some("2.5")), (Some("EXTRA"), Some("true")), (Some("sum"), Some("10.0"))]);
    let error = live.ask("setVariable", json!({ "reference": locals, "name": "EXTRA", "value": "1" })).expect_err("a constant");
    assert_eq!(error["message"], "'EXTRA' is a compile-time constant");
    go_on(&mut live);
    // A function that does not use it sees the module's constant all the same.
    let at = stop(&mut live);
    assert_eq!(evaluate(&mut live, &at, "RATE"), "2.5");
    go_on(&mut live);
    assert_eq!(live.finish("").out, "10.0\tnil\t1\n");
}

const COROUTINE: &str = "\
holder = coroutine.create(function(a)
  local list = { a }
  coroutine.yield()
  return list
end)
coroutine.resume(holder, 42)
local stop = 'here'
holder = nil
collectgarbage() collectgarbage()
print(kept(), kept(), #stop)
";

#[test]
fn variables_of_a_frame_outlive_its_coroutine() {
    // The coroutine is collected after the evaluation, or while that still runs.
    let keep = "kept = function() list[1] = list[1] + 1 return list[1] end";
    let lose = [keep, " holder = nil collectgarbage() collectgarbage() collectgarbage()"].concat();
    for (collector, text) in COLLECTORS.iter().flat_map(|collector| [(collector, keep), (collector, &lose)]) {
        let mut live = begin(COROUTINE, collector, json!([{ "line": 8 }]));
        stop(&mut live);
        let coroutines = live.ask("coroutines", json!({})).expect("coroutines");
        let suspended = coroutines["coroutines"][1]["id"].clone();
        // Innermost stands `yield`, a native.
        let stack = live.ask("stack", json!({ "coroutine": suspended })).expect("a stack");
        let at = stack["frames"][1]["id"].clone();
        assert_eq!(evaluate(&mut live, &at, "list[1]"), "42", "{stack}");
        assert_eq!(evaluate(&mut live, &at, text), "");
        go_on(&mut live);
        let left = live.finish_at(0);
        assert_eq!(left.out, "43\t44\t4\n", "{left:?}");
    }
}
