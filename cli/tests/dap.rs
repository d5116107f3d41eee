//! The debug adapter and real programs, through the whole system.

mod support;

#[path = "dap/client.rs"]
mod client;

use client::{Client, Stop};
use serde_json::{Value as Json, json};
use support::{Place, Running, until, wait};

/// A program with its marks: `-- NAME` at the end of a line names it.
struct Program {
    place: Place,
    text: &'static str,
}

impl Program {
    fn new(text: &'static str) -> Program {
        Program { place: Place::new(&[("app.lua", text)]), text }
    }

    /// As `new`, with another file beside it.
    fn with(text: &'static str, name: &str, other: &str) -> Program {
        Program { place: Place::new(&[("app.lua", text), (name, other)]), text }
    }

    fn line(&self, mark: &str) -> i64 {
        let mark = format!("-- {mark}");
        1 + self.text.lines().position(|line| line.ends_with(&mark)).expect("a mark") as i64
    }

    fn path(&self) -> String {
        self.place.file("app.lua").to_string_lossy().into_owned()
    }

    /// Launches it with breakpoints at marks, each with what is special about it.
    fn launch(&self, arguments: Json, breakpoints: &[(&str, Json)]) -> Client {
        let mut client = Client::new(&self.place);
        let mut all = json!({ "program": self.path() });
        for (name, value) in arguments.as_object().expect("arguments") {
            all[name.as_str()] = value.clone();
        }
        client.ask("launch", all);
        self.set_breakpoints(&mut client, breakpoints);
        client.ask("configurationDone", Json::Null);
        client
    }

    fn set_breakpoints(&self, client: &mut Client, breakpoints: &[(&str, Json)]) {
        let breakpoint = |(mark, special): &(&str, Json)| {
            let mut breakpoint = special.clone();
            breakpoint["line"] = json!(self.line(mark));
            breakpoint
        };
        let breakpoints: Vec<Json> = breakpoints.iter().map(breakpoint).collect();
        let arguments = json!({ "source": { "path": self.path() }, "breakpoints": breakpoints });
        let body = client.ask("setBreakpoints", arguments);
        for (breakpoint, answer) in breakpoints.iter().zip(body["breakpoints"].as_array().expect("breakpoints")) {
            assert_eq!((&answer["verified"], &answer["line"]), (&json!(true), &breakpoint["line"]), "{answer}");
        }
    }

    #[track_caller]
    fn check(&self, stop: &Stop, reason: &str, mark: &str) {
        assert_eq!((stop.reason.as_str(), stop.line), (reason, self.line(mark)), "{stop:?}");
    }
}

fn plain(mark: &str) -> (&str, Json) {
    (mark, json!({}))
}

/// The variables of a frame's scope, as `name = value`.
fn variables(client: &mut Client, frame: i64, scope: &str) -> Vec<String> {
    let reference = reference(client, frame, scope);
    let body = client.ask("variables", json!({ "variablesReference": reference }));
    let text = |variable: &Json| format!("{} = {}", variable["name"], variable["value"]).replace('"', "");
    body["variables"].as_array().expect("variables").iter().map(text).collect()
}

fn reference(client: &mut Client, frame: i64, scope: &str) -> i64 {
    let body = client.ask("scopes", json!({ "frameId": frame }));
    let scopes = body["scopes"].as_array().expect("scopes");
    let scope = scopes.iter().find(|known| known["name"] == scope).expect("the scope");
    scope["variablesReference"].as_i64().expect("a number")
}

/// What is left of the program: its output and its exit code.
fn finish(client: &mut Client) -> i64 {
    let code = client.wait("exited")["exitCode"].as_i64().expect("a code");
    client.wait("terminated");
    code
}

const LOOP: &str = "\
local total = 0
local function add(n)
  total = total + n -- add
  return total -- return
end
for i = 1, 6 do
  add(i) -- loop
end
print('total', total) -- end
os.exit(total)
";

#[test]
fn a_program_runs_to_its_end_and_tells_its_exit_code() {
    let program = Program::new(LOOP);
    let mut client = program.launch(json!({}), &[]);
    assert_eq!(finish(&mut client), 21);
    assert_eq!(client.stdout, "total\t21\n");
    client.leave(Json::Null);
}

#[test]
fn breakpoints_of_each_kind() {
    let program = Program::new(LOOP);
    let breakpoints = [
        ("add", json!({ "condition": "n == 2" })),
        ("return", json!({ "hitCondition": ">= 5" })),
        ("loop", json!({ "logMessage": "i is {i}, total {total}" })),
        ("end", json!({ "condition": "no.such.thing" })),
    ];
    let mut client = program.launch(json!({}), &breakpoints);
    let stop = client.stopped();
    program.check(&stop, "breakpoint", "add");
    assert_eq!(stop.function, "add");
    assert_eq!(variables(&mut client, stop.frame, "Locals"), ["n = 2"]);
    assert_eq!(variables(&mut client, stop.frame, "Upvalues"), ["total = 1"]);
    client.ask("continue", json!({ "threadId": 1 }));
    let stop = client.stopped();
    program.check(&stop, "breakpoint", "return");
    assert_eq!(client.evaluate("n", &stop), "5");
    client.ask("continue", json!({ "threadId": 1 }));
    program.check(&client.stopped(), "breakpoint", "return");
    client.ask("continue", json!({ "threadId": 1 }));
    let event = client.wait("stopped");
    assert!(event["text"].as_str().expect("what is wrong").contains("index a nil value"), "{event}");
    assert_eq!(client.console.lines().nth(2), Some("i is 3, total 3"));
    assert_eq!(client.console.lines().count(), 6);
    // Breakpoints that are taken away do not stop.
    program.set_breakpoints(&mut client, &[]);
    client.ask("continue", json!({ "threadId": 1 }));
    assert_eq!(finish(&mut client), 21);
    client.leave(Json::Null);
}

#[test]
fn values_are_seen_and_changed() {
    let program = Program::new("\
local config = { name = 'x', 10, 20, nested = { deep = true } }
local n = 1
print(n, config.name, config[2]) -- here
");
    let mut client = program.launch(json!({}), &[plain("here")]);
    let stop = client.stopped();
    let locals = reference(&mut client, stop.frame, "Locals");
    let shown = client.ask("variables", json!({ "variablesReference": locals }));
    let config = &shown["variables"][0];
    assert_eq!((&config["name"], &config["type"], &config["indexedVariables"]), (&json!("config"), &json!("table"), &json!(2)));
    let config = config["variablesReference"].clone();
    let indexed = client.ask("variables", json!({ "variablesReference": config, "filter": "indexed", "start": 1, "count": 1 }));
    assert_eq!(indexed["variables"][0]["value"], "20");
    let set = client.ask("setVariable", json!({ "variablesReference": locals, "name": "n", "value": "n + 41" }));
    assert_eq!(set["value"], "42");
    let set = client.ask("setExpression", json!({ "expression": "config.name", "value": "'new'", "frameId": stop.frame }));
    assert_eq!(set["value"], "\"new\"");
    assert_eq!(client.evaluate("config[2] = 7", &stop), "");
    assert_eq!(client.evaluate("n, config.nested.deep", &stop), "42, true");
    let error = client.refused("evaluate", json!({ "expression": "n = 5", "frameId": stop.frame, "context": "hover" }));
    assert!(!error.is_empty());
    assert_eq!(client.evaluate("n", &stop), "42", "looking changes nothing");
    let targets = client.ask("completions", json!({ "text": "config.na", "column": 10, "frameId": stop.frame }));
    let first = &targets["targets"][0];
    assert_eq!((&first["label"], &first["start"], &first["length"]), (&json!("name"), &json!(8), &json!(2)));
    client.ask("continue", json!({ "threadId": 1 }));
    assert_eq!(finish(&mut client), 0);
    assert_eq!(client.stdout, "42\tnew\t7\n");
    let error = client.refused("evaluate", json!({ "expression": "1" }));
    assert_eq!(error, "the program has ended");
    client.leave(Json::Null);
}

#[test]
fn a_breakpoint_waits_until_its_file_is_loaded() {
    let program = Program::with("local part = require 'part'\nprint(part(1))\n", "part.lua", "return function(n)\n  return n + 1\nend\n");
    let mut client = Client::new(&program.place);
    client.ask("launch", json!({ "program": program.path() }));
    let path = program.place.file("part.lua");
    let arguments = json!({ "source": { "path": path }, "breakpoints": [{ "line": 2 }] });
    let set = client.ask("setBreakpoints", arguments)["breakpoints"][0].clone();
    assert_eq!((&set["verified"], &set["reason"]), (&json!(false), &json!("pending")), "{set}");
    client.ask("configurationDone", Json::Null);
    let changed = client.wait("breakpoint");
    assert_eq!((&changed["breakpoint"]["id"], &changed["breakpoint"]["verified"]), (&set["id"], &json!(true)));
    let event = client.wait("stopped");
    assert_eq!(event["hitBreakpointIds"], json!([set["id"]]));
    let frame = client.frames(1)[0].clone();
    assert_eq!((&frame["source"]["path"], &frame["line"]), (&json!(path), &json!(2)));
    let sources = client.ask("loadedSources", Json::Null);
    let paths: Vec<&Json> = sources["sources"].as_array().expect("sources").iter().map(|source| &source["path"]).collect();
    assert!(paths.contains(&&json!(path)) && paths.contains(&&json!(program.path())), "{paths:?}");
    client.leave(Json::Null);
}

#[test]
fn files_have_the_names_that_the_client_gives_them() {
    let program = Program::new(LOOP);
    let link = program.place.path().join("link");
    std::os::unix::fs::symlink(program.place.path(), &link).expect("a link");
    let path = link.join("app.lua");
    let mut client = Client::new(&program.place);
    client.ask("launch", json!({ "program": program.path() }));
    let arguments = json!({ "source": { "path": path }, "breakpoints": [{ "line": program.line("add") }] });
    assert_eq!(client.ask("setBreakpoints", arguments)["breakpoints"][0]["verified"], true);
    client.ask("configurationDone", Json::Null);
    client.stopped();
    assert_eq!(client.frames(1)[0]["source"]["path"], json!(path));
    client.leave(Json::Null);
}

#[test]
fn a_function_is_redefined_while_the_program_stands() {
    let program = Program::new(LOOP);
    let mut client = program.launch(json!({}), &[("loop", json!({ "condition": "i == 4" }))]);
    client.stopped();
    let redefine = |client: &mut Client, text: &str| {
        client.ask("perilune/redefine", json!({ "source": program.path(), "text": text, "target": "changed" }))
    };
    let refused = redefine(&mut client, &LOOP.replace("total + n", "total +"));
    assert!(!refused["refusals"].as_array().expect("refusals").is_empty(), "{refused}");
    let done = redefine(&mut client, &LOOP.replace("total + n", "total + 100 * n"));
    assert_eq!(done["functions"][0]["name"], "add", "{done}");
    let mut changed = client.wait("loadedSource");
    if changed["reason"] == "new" {
        // The loading of the program itself may be told late.
        changed = client.wait("loadedSource");
    }
    assert_eq!((&changed["reason"], &changed["source"]["path"]), (&json!("changed"), &json!(program.path())));
    client.ask("continue", json!({ "threadId": 1 }));
    finish(&mut client);
    // 1 + 2 + 3, then a hundred times 4 + 5 + 6.
    assert_eq!(client.stdout, "total\t1506\n");
    client.leave(Json::Null);
}

const COROUTINES: &str = "\
local function worker(name)
  local got = coroutine.yield(name .. ' ready') -- yield
  got = got + 1 -- resumed
  error('worker fails') -- fails
end -- entry
local one = coroutine.create(worker) -- create
local two = coroutine.create(worker)
coroutine.resume(two, 'two') -- first
coroutine.resume(one, 'one') -- second
local ok, message = coroutine.resume(one, 1) -- third
local caught = pcall(worker, 'main') -- pcall
print(ok, message, caught) -- end
";

#[test]
fn coroutines_are_threads_and_steps_pass_over_yields() {
    let program = Program::new(COROUTINES);
    let mut client = program.launch(json!({ "stopOnEntry": true }), &[plain("first")]);
    // The first instruction makes the function, as in PUC Lua at the line where that ends.
    program.check(&client.stopped(), "entry", "entry");
    client.ask("continue", json!({ "threadId": 1 }));
    let stop = client.stopped();
    program.check(&stop, "breakpoint", "first");
    // Over a resume, whose coroutine yields.
    let stop = client.step("next", &stop);
    program.check(&stop, "step", "second");
    let threads = client.ask("threads", Json::Null);
    let threads = threads["threads"].as_array().expect("threads").clone();
    assert_eq!(threads.len(), 3, "{threads:?}");
    assert_eq!((&threads[0]["id"], &threads[0]["name"]), (&json!(1), &json!("main")));
    let suspended = client.frames(3);
    assert_eq!(suspended[0]["presentationHint"], "subtle", "{suspended:?}");
    assert_eq!(suspended[1]["line"], program.line("yield"));
    let frame = suspended[1]["id"].as_i64().expect("a number");
    assert!(variables(&mut client, frame, "Locals").contains(&"name = \\two\\".to_owned()));
    // Into a resumed coroutine, over its yield, and out.
    let stop = client.step("stepIn", &stop);
    assert_eq!((stop.thread, stop.line), (2, program.line("yield")));
    let stop = client.step("next", &stop);
    assert_eq!((stop.thread, stop.line), (2, program.line("resumed")), "a step over a yield ends after it");
    let stop = client.step("next", &stop);
    program.check(&stop, "step", "fails");
    // Out of a function by its error, into who resumed it.
    let stop = client.step("stepOut", &stop);
    assert_eq!(stop.thread, 1);
    client.ask("continue", json!({ "threadId": 1 }));
    assert_eq!(finish(&mut client), 0);
    client.leave(Json::Null);
}

const ERRORS: &str = "\
local function fail() -- fail
  local reason = 'inner'
  error(reason) -- raise
end
print(pcall(fail)) -- caught
local t
print(t.x) -- uncaught
";

#[test]
fn a_step_over_pcall_ends_behind_it() {
    let program = Program::new(ERRORS);
    let mut client = program.launch(json!({}), &[plain("caught")]);
    let stop = client.stopped();
    let stop = client.step("next", &stop);
    assert_eq!(stop.line, program.line("caught") + 1);
    client.leave(Json::Null);
}

#[test]
fn errors_stop_where_they_are_raised() {
    let program = Program::new(ERRORS);
    let mut client = Client::new(&program.place);
    client.ask("launch", json!({ "program": program.path() }));
    client.ask("setExceptionBreakpoints", json!({ "filters": ["all"] }));
    client.ask("configurationDone", Json::Null);
    let event = client.wait("stopped");
    assert_eq!(event["reason"], "exception");
    let info = client.ask("exceptionInfo", json!({ "threadId": 1 }));
    assert_eq!(info["breakMode"], "always");
    assert!(info["description"].as_str().expect("a message").ends_with("app.lua:3: inner"), "{info}");
    let frames = client.frames(1);
    assert_eq!(frames[1]["line"], program.line("raise"));
    client.ask("setExceptionBreakpoints", json!({ "filters": ["uncaught"] }));
    client.ask("continue", json!({ "threadId": 1 }));
    let stop = client.stopped();
    program.check(&stop, "exception", "uncaught");
    assert_eq!(client.evaluate("t", &stop), "nil", "its frame is there");
    client.ask("continue", json!({ "threadId": 1 }));
    assert_eq!(finish(&mut client), 1);
    let complaint = client.wait("output");
    assert_eq!(complaint["category"], "stderr");
    client.leave(Json::Null);
}

const BUSY: &str = "\
count = 0
local function spin()
  while true do
    count = count + 1
  end
end
spin()
";

#[test]
fn a_busy_loop_can_be_paused_and_ended() {
    let program = Program::new(BUSY);
    let mut client = program.launch(json!({}), &[]);
    let error = client.refused("stackTrace", json!({ "threadId": 1 }));
    assert_eq!(error, "the program is running: pause it first");
    client.ask("pause", json!({ "threadId": 1 }));
    let stop = client.stopped();
    assert_eq!(stop.reason, "pause");
    // The pause may come before the first call.
    assert!(["main chunk", "spin"].contains(&stop.function.as_str()), "{}", stop.function);
    client.ask("continue", json!({ "threadId": 1 }));
    client.ask("terminate", Json::Null);
    assert_eq!(finish(&mut client), 143);
    client.leave(Json::Null);
}

#[test]
fn an_evaluation_without_end_is_ended_by_pause() {
    let program = Program::new(LOOP);
    let mut client = program.launch(json!({}), &[plain("end")]);
    let stop = client.stopped();
    let endless = client.send("evaluate", json!({ "expression": "while true do end", "frameId": stop.frame }));
    let failing = client.send("evaluate", json!({ "expression": "while true do pcall(error) end" }));
    client.ask("pause", json!({ "threadId": 1 }));
    client.answer(endless).expect_err("an interruption");
    client.ask("cancel", json!({ "requestId": failing }));
    assert_eq!(client.answer(failing), Err("the request was cancelled".to_owned()));
    assert_eq!(client.evaluate("total", &stop), "21");
    client.ask("continue", json!({ "threadId": 1 }));
    assert_eq!(finish(&mut client), 21);
    client.leave(Json::Null);
}

/// A program that runs by itself and can be attached to.
fn start(program: &Program) -> Running {
    let child = program.place.command(&["run", "--live", "app.lua"]).spawn().expect("perilune");
    let pid = child.id().to_string();
    let is_listed = || program.place.run(&["sessions"], "").out.contains(&pid).then_some(());
    until("the session", is_listed);
    Running(child)
}

const TICKS: &str = "\
ticks = 0
stop = false
local function tick()
  ticks = ticks + 1 -- tick
end
while not stop do
  tick()
end
os.exit(5)
";

#[test]
fn a_running_program_is_attached_to_and_left_without_breakpoints() {
    let program = Program::new(TICKS);
    let mut running = start(&program);
    for selection in [json!({ "processId": running.0.id() }), json!({ "session": program.path() }), Json::Null] {
        let mut client = Client::new(&program.place);
        client.ask("attach", selection);
        program.set_breakpoints(&mut client, &[plain("tick")]);
        client.ask("configurationDone", Json::Null);
        program.check(&client.stopped(), "breakpoint", "tick");
        client.leave(Json::Null);
    }
    // It goes on although a client died while it stood.
    let mut client = Client::new(&program.place);
    client.ask("attach", json!({}));
    program.set_breakpoints(&mut client, &[plain("tick")]);
    client.ask("configurationDone", Json::Null);
    client.stopped();
    client.die();
    let mut client = Client::new(&program.place);
    client.ask("attach", json!({}));
    client.ask("configurationDone", Json::Null);
    let ticks = |client: &mut Client| client.ask("evaluate", json!({ "expression": "ticks" }))["result"].clone();
    let before = ticks(&mut client);
    until("more ticks", || (ticks(&mut client) != before).then_some(()));
    client.ask("evaluate", json!({ "expression": "stop = true" }));
    assert_eq!(finish(&mut client), 5);
    assert!(!client.has("stopped"), "its breakpoints went with who set them");
    client.leave(Json::Null);
    assert_eq!(wait(&mut running.0), Some(5));
}

#[test]
fn who_attaches_may_end_the_program() {
    let program = Program::new(TICKS);
    let mut running = start(&program);
    let mut client = Client::new(&program.place);
    client.ask("attach", json!({ "processId": running.0.id().to_string() }));
    client.ask("configurationDone", Json::Null);
    client.leave(json!({ "terminateDebuggee": true }));
    assert_eq!(wait(&mut running.0), Some(143));
}

/// Whether a process is (still) there.
fn process(client: &mut Client) -> u32 {
    client.wait("process")["systemProcessId"].as_u64().and_then(|pid| u32::try_from(pid).ok()).expect("a process")
}

fn is_listed(program: &Program, pid: u32) -> bool {
    program.place.run(&["sessions"], "").out.contains(&pid.to_string())
}

#[test]
fn a_launched_program_ends_with_its_client_and_with_its_adapter() {
    let program = Program::new(TICKS);
    for die in [Client::die, Client::kill_adapter] {
        let mut client = program.launch(json!({}), &[plain("tick")]);
        let pid = process(&mut client);
        client.stopped();
        assert!(is_listed(&program, pid));
        die(client);
        until("its end", || (!is_listed(&program, pid)).then_some(()));
    }
}

#[test]
fn a_program_that_does_not_compile_is_told_of() {
    let program = Program::new("local x = = 1\n");
    let mut client = Client::new(&program.place);
    let seq = client.send("launch", json!({ "program": program.path() }));
    if client.answer(seq).is_ok() {
        client.ask("configurationDone", Json::Null);
        assert_eq!(finish(&mut client), 1);
    }
    let complaint = client.wait("output");
    assert!(complaint["output"].as_str().expect("a text").contains("unexpected symbol near '='"), "{complaint}");
    client.leave(Json::Null);
}

#[test]
fn a_program_that_ends_in_an_evaluation_tells_its_exit_code() {
    let program = Program::new(LOOP);
    let mut client = program.launch(json!({}), &[plain("end")]);
    let stop = client.stopped();
    let arguments = json!({ "expression": "print('bye') os.exit(9)", "frameId": stop.frame, "context": "repl" });
    client.refused("evaluate", arguments);
    assert_eq!(finish(&mut client), 9);
    assert!(client.stdout.ends_with("bye\n"));
    client.leave(Json::Null);
}

#[test]
fn a_program_that_was_attached_to_tells_its_exit_code() {
    let program = Program::new(TICKS);
    let mut running = start(&program);
    let mut client = Client::new(&program.place);
    client.ask("attach", json!({ "processId": running.0.id() }));
    client.ask("configurationDone", Json::Null);
    client.refused("evaluate", json!({ "expression": "os.exit(11, true)", "context": "repl" }));
    assert_eq!(finish(&mut client), 11);
    client.leave(Json::Null);
    assert_eq!(wait(&mut running.0), Some(11));
}

const PRINTING: &str = "\
local function report(n)
  print('step ' .. n)
  io.write('begun ', n, ' ')
  return n -- report
end
for i = 1, 200 do
  report(i)
end
os.execute('sleep 1000 & echo $! > pid')
print('last words')
os.exit(7)
";

#[test]
fn what_a_busy_program_printed_is_told_at_once() {
    let program = Program::new("local function hello()\n  print('hello')\nend\nhello()\nwhile true do end\n");
    let mut client = program.launch(json!({}), &[]);
    client.wait_output("hello\n");
    client.leave(Json::Null);
}

#[test]
fn output_without_a_line_end_is_told_at_once_when_the_program_wants_no_buffer() {
    let text = "io.stdout:setvbuf('no')\nio.write('almost done')\nwhile true do end\n";
    let mut client = Program::new(text).launch(json!({}), &[]);
    client.wait_output("almost done");
    client.leave(Json::Null);
}

#[test]
fn what_was_written_before_a_stop_is_told_before_it() {
    let program = Program::new(PRINTING);
    let mut client = program.launch(json!({}), &[plain("report")]);
    let mut expected = String::new();
    for n in 1..=200 {
        client.wait("stopped");
        expected += &format!("step {n}\nbegun {n} ");
        assert!(client.stdout == expected, "stop {n} after {:?}", client.stdout.lines().last());
        client.ask("continue", json!({ "threadId": 1 }));
    }
    // A process that the program left behind holds its standard output open.
    assert_eq!(finish(&mut client), 7);
    assert!(client.stdout.ends_with("last words\n"), "{}", client.stdout);
    let pid = std::fs::read_to_string(program.place.path().join("pid")).expect("a process id");
    std::process::Command::new("kill").arg(pid.trim()).status().expect("kill runs");
    client.leave(Json::Null);
}

#[test]
fn what_an_evaluation_printed_is_told_before_its_result() {
    let program = Program::new(LOOP);
    let mut client = program.launch(json!({}), &[plain("end")]);
    let stop = client.stopped();
    for n in 1..=200 {
        client.evaluate(&format!("print({n})"), &stop);
        assert!(client.stdout.ends_with(&format!("{n}\n")), "{n}: {}", client.stdout);
    }
    client.leave(Json::Null);
}
