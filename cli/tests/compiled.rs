//! Tools on a program whose loop runs as machine code: they see and change the same state.

mod support;

use perilune_live::client::Client;
use perilune_live::protocol::{
    BreakpointSpec, Children, ChildFilter, Continue, CountRuns, Evaluate, EvaluateContext, Feedback, Frame, FunctionFeedback, Pause, Redefine, ScopeKind,
    Scopes, SetBreakpoints, SetVariable, Stack, Stage, Status, Step, StepKind, StopReason, Stopped, Target,
};
use support::{Place, Running, run_live, until};

const PROGRAM: &str = "\
state = {rounds = 0}
local function work(i)
  local twice = i * 2
  state.rounds = state.rounds + 1
  return twice
end
local function loop()
  local i = 0
  repeat
    i = i + 1
    local got = work(i)
    if got ~= i * 2 then state.odd = got end
  until state.done
end
loop()
";
/// The line in the callee that stops.
const LINE: u32 = 3;

struct Program {
    client: Client,
    path: String,
    _child: Running,
    _place: Place,
}

/// The program, once it has done so many rounds that its functions are compiled.
fn start(jit: &str) -> Program {
    let place = Place::new(&[("hot.lua", PROGRAM)]);
    let (client, child) = run_live(&place, &["run", jit, "--live", "--wait", "hot.lua"]);
    let path = place.file("hot.lua").to_string_lossy().into_owned();
    let program = Program { client, path, _child: child, _place: place };
    program.runs_on();
    program
}

impl Program {
    fn evaluate(&self, text: &str, frame: Option<u64>) -> String {
        let request = Evaluate { text: text.into(), frame, context: EvaluateContext::Repl };
        let result = self.client.request(request).expect("an evaluation");
        result.values.into_iter().map(|value| value.text).collect::<Vec<_>>().join(", ")
    }

    /// Waits for a few thousand more rounds.
    fn runs_on(&self) {
        let rounds = || self.evaluate("state and state.rounds or 0", None).parse::<u64>().expect("a number");
        let before = rounds();
        until("more rounds", || (rounds() > before + 5000).then_some(()));
    }

    fn breakpoints(&self, breakpoints: Vec<BreakpointSpec>) {
        self.client.request(SetBreakpoints { source: self.path.clone(), breakpoints }).expect("breakpoints");
    }

    fn stopped(&self) -> (Stopped, Vec<Frame>) {
        let stopped = until("the stop", || self.client.request(Status {}).expect("a status").stopped);
        let stack = Stack { coroutine: stopped.coroutine, start: 0, count: None };
        (stopped, self.client.request(stack).expect("a stack").frames)
    }

    fn goes_on(&self) {
        self.client.request(Continue {}).expect("to go on");
    }

    /// The local variables of a frame, as (name, value), and what they are changed by.
    fn locals(&self, frame: u64) -> (u64, Vec<(String, String)>) {
        let scopes = self.client.request(Scopes { frame }).expect("scopes").scopes;
        let locals = scopes.iter().find(|scope| scope.kind == ScopeKind::Locals).expect("local variables");
        let request = Children { reference: locals.reference, start: 0, count: None, filter: ChildFilter::All };
        let children = self.client.request(request).expect("variables").children;
        (locals.reference, children.into_iter().map(|child| (child.name, child.value.text)).collect())
    }
}

fn line(frame: &Frame) -> u32 {
    frame.location.as_ref().expect("a place").line
}

#[track_caller]
fn a_breakpoint_stops_and_a_change_is_seen(jit: &str) {
    let program = start(jit);
    program.breakpoints(vec![BreakpointSpec { line: LINE, ..Default::default() }]);
    let (stopped, frames) = program.stopped();
    assert_eq!((stopped.reason, line(&frames[0]), line(&frames[1])), (StopReason::Breakpoint, LINE, 11));
    let i = program.evaluate("i", Some(frames[1].id));
    let (reference, locals) = program.locals(frames[0].id);
    assert_eq!(locals[0], ("i".to_string(), i.clone()));
    program
        .client
        .request(SetVariable { reference, name: "i".into(), value: "-4".into(), frame: Some(frames[0].id) })
        .expect("a change");
    // The next round stops again; the one before it has seen the change.
    program.goes_on();
    let frames = until("the next round", || {
        let (_, frames) = program.stopped();
        (program.evaluate("i", Some(frames[1].id)) != i).then_some(frames)
    });
    assert_eq!(program.evaluate("state.odd", Some(frames[0].id)), "-8");
    program.breakpoints(vec![]);
    program.goes_on();
    program.runs_on();
    program.evaluate("state.done = true", None);
}

#[test]
fn a_breakpoint_stops_a_hot_loop_and_a_change_is_seen() {
    a_breakpoint_stops_and_a_change_is_seen("--jit=on");
}

#[test]
fn a_breakpoint_stops_an_eager_loop_and_a_change_is_seen() {
    a_breakpoint_stops_and_a_change_is_seen("--jit=eager");
}

/// The caller is machine code in the middle of a call, and its variable stays in registers between calls.
#[test]
fn a_variable_of_a_compiled_caller_is_changed() {
    for jit in ["--jit=on", "--jit=eager"] {
        let program = start(jit);
        program.breakpoints(vec![BreakpointSpec { line: LINE, ..Default::default() }]);
        let (_, frames) = program.stopped();
        assert_eq!(program.evaluate("state.odd", Some(frames[0].id)), "nil");
        let (reference, locals) = program.locals(frames[1].id);
        assert_eq!(locals[0].0, "i");
        program
            .client
            .request(SetVariable { reference, name: "i".into(), value: "-1000.5".into(), frame: Some(frames[1].id) })
            .expect("a change");
        program.goes_on();
        let next = until("the next round", || {
            let (_, frames) = program.stopped();
            let (_, locals) = program.locals(frames[0].id);
            (locals[0].1 == "-999.5").then_some(frames)
        });
        // What the round got that was under way no longer fits its own variable.
        assert_ne!(program.evaluate("state.odd", Some(next[0].id)), "nil");
        program.breakpoints(vec![]);
        program.goes_on();
        program.runs_on();
        program.evaluate("state.done = true", None);
    }
}

/// What is known of a function.
fn feedback(program: &Program, name: &str) -> FunctionFeedback {
    let request = Feedback { source: program.path.clone(), line: None };
    let functions = program.client.request(request).expect("feedback").functions;
    functions.into_iter().find(|it| it.name.as_deref() == Some(name)).expect("the function")
}

#[test]
fn what_was_seen_is_told() {
    let program = start("--jit=on");
    let work = feedback(&program, "work");
    assert_eq!((work.lines, work.stage, work.countdown), ((2, 6), Stage::Compiled, None));
    assert!(work.code_bytes > 0 && work.misses == 0, "{work:?}");
    let site = |of: &FunctionFeedback, line: u32, name: &str| {
        let found = of.sites.iter().find(|site| site.line == line && site.instruction == name).cloned();
        found.unwrap_or_else(|| panic!("no {name} in line {line}: {of:?}"))
    };
    let product = site(&work, 3, "mul_k");
    assert_eq!((product.operands, product.result.as_deref()), (vec!["integer".to_owned()], Some("integer")));
    assert_eq!(site(&work, 4, "set_field").cache.as_deref(), Some("own"));
    assert_eq!(site(&work, 4, "add_imm").operands, ["integer"]);
    let outer = feedback(&program, "loop");
    assert_eq!(site(&outer, 11, "call").callee.as_deref(), Some("Lua"));
    program.evaluate("state.rounds = state.rounds + 0.5", None);
    let changed = until("the sum of floats", || {
        let sum = site(&feedback(&program, "work"), 4, "add_imm");
        (sum.operands == ["number"]).then_some(sum)
    });
    assert!(changed.misses > 0, "{changed:?}");
    program.evaluate("state.done = true", None);
}

#[test]
fn calls_and_rounds_are_counted_when_a_client_asks() {
    let program = start("--jit=on");
    assert_eq!(feedback(&program, "work").calls, None);
    program.client.request(CountRuns { on: true }).expect("to count");
    let counted = |at_least: u64| {
        until("counts", || {
            let calls = feedback(&program, "work").calls?;
            let rounds = feedback(&program, "loop").sites.iter().find_map(|site| site.rounds)?;
            (calls >= at_least && rounds >= at_least).then_some((calls, rounds))
        })
    };
    let (calls, _) = counted(1000);
    let (more, rounds) = counted(calls + 1000);
    assert!(more > calls && rounds > calls, "{calls}, then {more} and {rounds}");
    program.client.request(CountRuns { on: false }).expect("to stop counting");
    assert_eq!(feedback(&program, "work").calls, None);
    program.runs_on();
    program.evaluate("state.done = true", None);
}

#[test]
fn what_was_seen_is_told_without_a_compiler() {
    let program = start("--jit=off");
    let work = feedback(&program, "work");
    assert_eq!((work.stage, work.countdown, work.code_bytes), (Stage::Interpreted, None, 0));
    assert!(work.sites.iter().any(|site| site.instruction == "set_field" && site.cache.as_deref() == Some("own")));
}

#[test]
fn a_false_condition_lets_the_loop_run_on() {
    let program = start("--jit=on");
    let never = BreakpointSpec { line: LINE, condition: Some("i < 0".into()), ..Default::default() };
    program.breakpoints(vec![never]);
    program.runs_on();
    let late = BreakpointSpec { line: LINE, condition: Some("i % 1000 == 0".into()), ..Default::default() };
    program.breakpoints(vec![late]);
    let (_, frames) = program.stopped();
    assert_eq!(program.evaluate("i % 1000", Some(frames[0].id)), "0");
}

#[test]
fn steps_go_from_line_to_line_through_compiled_functions() {
    let program = start("--jit=on");
    program.client.request(Pause {}).expect("a pause");
    program.stopped();
    program.breakpoints(vec![BreakpointSpec { line: 11, ..Default::default() }]);
    program.goes_on();
    let mut lines = Vec::new();
    until("the breakpoint", || (program.stopped().0.reason == StopReason::Breakpoint).then_some(()));
    program.breakpoints(vec![]);
    for kind in [StepKind::Into, StepKind::Over, StepKind::Out, StepKind::Over, StepKind::Over, StepKind::Over] {
        program.client.request(Step { kind, coroutine: None }).expect("a step");
        let (stopped, frames) = program.stopped();
        assert_eq!(stopped.reason, StopReason::Step);
        lines.push(line(&frames[0]));
    }
    assert_eq!(lines, [3, 4, 12, 13, 10, 11]);
    program.goes_on();
    program.runs_on();
}

#[test]
fn a_hot_loop_calls_the_new_code() {
    let program = start("--jit=on");
    let text = PROGRAM.replace("local twice = i * 2", "local twice = i * 3");
    let request = Redefine { source: program.path.clone(), text, target: Target::Named("work".into()), check: false };
    program.client.request(request).expect("a redefinition");
    until("the new result", || (program.evaluate("state.odd ~= nil", None) == "true").then_some(()));
    program.runs_on();
}
