//! The rules of `docs/live-semantics.md`, each on a program that runs.

mod support;

use perilune_live::client::{Client, ClientError};
use perilune_live::protocol::{Code, Evaluate, EvaluateContext, Failure, Redefine, RedefineResult, Target};
use support::{Place, Running, run_live, until};

const PROGRAM: &str = "\
local advice = require 'advice'
local total = 0
local rate = 10

local function price(n)
  return n * 2
end

local M = { price = price }
local callbacks = { function(n) return price(n) + 1 end }

function M.sell(n)
  total = total + price(n)
  return total
end

function M.counter(start)
  local count = start
  return function()
    count = count + 1
    return count
  end
end

function M.wait()
  local first = coroutine.yield('old')
  return 'old ' .. first
end

function M.fail()
  error('here')
end

M.callbacks, M.advice = callbacks, advice
module = M
local deadline = os.clock() + 100
repeat until done or os.clock() > deadline
";

struct Program {
    client: Client,
    path: String,
    // The order of fields is the order of the end.
    _child: Running,
    _place: Place,
}

fn start() -> Program {
    let place = Place::new(&[("shop.lua", PROGRAM)]);
    let (client, child) = run_live(&place, &["run", "--live", "--wait", "shop.lua"]);
    let path = place.file("shop.lua").to_string_lossy().into_owned();
    let program = Program { client, path, _child: child, _place: place };
    until("the module", || (program.value("module ~= nil") == "true").then_some(()));
    program
}

impl Program {
    /// All values of an expression, as people see them.
    fn value(&self, text: &str) -> String {
        let request = Evaluate { text: text.into(), frame: None, context: EvaluateContext::Repl };
        match self.client.request(request) {
            Ok(result) => result.values.into_iter().map(|value| value.text).collect::<Vec<_>>().join(", "),
            Err(ClientError::Failed(failure)) => failure.message,
            Err(error) => panic!("{text}: {error}"),
        }
    }

    fn redefine(&self, text: &str, target: Target) -> Result<RedefineResult, Failure> {
        let request = Redefine { source: self.path.clone(), text: text.into(), target, check: false };
        match self.client.request(request) {
            Ok(result) => Ok(result),
            Err(ClientError::Failed(failure)) => Err(failure),
            Err(error) => panic!("{error}"),
        }
    }

    /// Replaces the function with this name in the program's text changed from `old` to `new`.
    #[track_caller]
    fn change(&self, name: &str, old: &str, new: &str) -> RedefineResult {
        assert!(PROGRAM.contains(old), "{old}");
        self.redefine(&PROGRAM.replace(old, new), Target::Named(name.into())).expect("a redefinition")
    }
}

#[test]
fn every_reference_to_a_closure_runs_the_new_code() {
    let program = start();
    let before = program.value("module.price(5), module.callbacks[1](5), module.sell(5)");
    let result = program.change("price", "n * 2", "n * 100");
    let after = program.value("module.price(5), module.callbacks[1](5), module.sell(5)");
    assert_eq!((before.as_str(), after.as_str()), ("10, 11, 10", "500, 501, 510"));
    assert_eq!((result.functions.len(), result.functions[0].closures), (1, 1));
}

#[test]
fn each_closure_keeps_its_own_variables() {
    let program = start();
    program.value("a, b = module.counter(10), module.counter(20)");
    assert_eq!(program.value("a(), a(), b()"), "11, 12, 21");
    let result = program.change("M.counter", "count = count + 1", "count = count + 1000");
    assert_eq!(program.value("a(), b(), module.counter(0)()"), "1012, 1021, 1000");
    let inner = result.functions.iter().find(|function| function.name.contains('/')).expect("the inner function");
    assert_eq!(inner.closures, 2);
}

#[test]
fn a_frame_finishes_the_code_it_began_with() {
    let program = start();
    program.value("co = coroutine.create(module.wait)");
    assert_eq!(program.value("coroutine.resume(co)"), "true, \"old\"");
    let result = program.change("M.wait", "'old ' .. first", "'new ' .. first");
    assert_eq!(result.functions[0].running, 1);
    assert_eq!(program.value("coroutine.resume(co, 'x')"), "true, \"old x\"");
    program.value("co = coroutine.create(module.wait) coroutine.resume(co)");
    assert_eq!(program.value("coroutine.resume(co, 'x')"), "true, \"new x\"");
}

#[test]
fn new_code_may_use_a_variable_that_the_old_did_not_capture() {
    let program = start();
    program.change("price", "n * 2", "n * rate");
    assert_eq!(program.value("module.price(5)"), "50");
}

#[test]
fn a_new_variable_of_the_module_gets_its_initial_value_and_nothing_else_runs() {
    let program = start();
    assert_eq!(program.value("module.sell(5)"), "10");
    let text = PROGRAM.replace("local rate = 10", "local rate = 10\nlocal tax = rate * 3").replace("n * 2", "n * 2 + tax");
    program.redefine(&text, Target::Named("price".into())).expect("a redefinition");
    assert_eq!(program.value("module.sell(5)"), "50");
}

#[test]
fn a_new_function_comes_into_being() {
    let program = start();
    let text = PROGRAM.replace("function M.fail()", "function M.refund(n)\n  total = total - n\n  return total\nend\n\nfunction M.fail()");
    let result = program.redefine(&text, Target::Named("M.refund".into())).expect("a definition");
    assert_eq!(result.added, ["M.refund"]);
    assert_eq!(program.value("module.sell(5), module.refund(4)"), "10, 6");
}

#[test]
fn a_refusal_names_all_reasons_and_changes_nothing() {
    let program = start();
    program.value("a = module.counter(10)");
    // The inner function would need two variables of a call that is over.
    let text = PROGRAM.replace("local count = start", "local count, step, limit = start, 1, 100").replace("count = count + 1", "count = math.min(count + step, limit)");
    let failure = program.redefine(&text, Target::Named("M.counter".into())).expect_err("a refusal");
    assert_eq!(failure.code, Code::Refused);
    let variables: Vec<_> = failure.refusals.iter().map(|refusal| (refusal.start.line, refusal.message.contains("'step'"), refusal.message.contains("'limit'"))).collect();
    assert_eq!(variables, [(20, true, false), (20, false, true)]);
    assert_eq!(program.value("a(), module.counter(0)()"), "11, 1");

    let failure = program.redefine(&PROGRAM.replace("n * 2", "n * * 2"), Target::Changed).expect_err("a refusal");
    assert_eq!((failure.refusals[0].start.line, failure.refusals[0].start.column), (6, 14));
    assert_eq!(program.value("module.price(5)"), "10");
}

#[test]
fn what_changed_is_found_by_comparing() {
    let program = start();
    let text = PROGRAM.replace("n * 2", "n * 3").replace("'old ' .. first", "'new ' .. first").replace("function M.fail", "function M.fault");
    let result = program.redefine(&text, Target::Changed).expect("a redefinition");
    let names: Vec<_> = result.functions.iter().map(|function| function.name.as_str()).collect();
    assert_eq!(names, ["price", "M.wait"]);
    assert_eq!((result.added, result.removed), (vec!["M.fault".to_owned()], vec!["M.fail".to_owned()]));
    assert_eq!(program.value("module.price(5)"), "15");
    let again = program.redefine(&text, Target::Changed).expect("a redefinition");
    assert!(again.functions.is_empty(), "{again:?}");
}

#[test]
fn lines_are_those_that_the_person_sees() {
    let program = start();
    assert_eq!(program.value("select(2, pcall(module.fail))"), "\"shop.lua:31: here\"");
    program.redefine(&PROGRAM.replace("  return n * 2", "  -- twice\n  -- as much\n  return n * 2"), Target::Changed).expect("a redefinition");
    assert_eq!(program.value("select(2, pcall(module.fail))"), "\"shop.lua:33: here\"");
}

#[test]
fn advice_stays_when_the_function_is_redefined() {
    let program = start();
    program.value("module.advice.add(module.price, 'around', function(f, n) return -f(n) end, { name = 'minus' })");
    assert_eq!(program.value("module.price(5), module.sell(5)"), "-10, -10");
    program.change("price", "n * 2", "n * 100");
    assert_eq!(program.value("module.price(5), #module.advice.list(module.price)"), "-500, 1");
    program.value("module.advice.remove(module.price, 'minus')");
    assert_eq!(program.value("module.price(5)"), "500");
}
