//! Values: the variables of a frame, an expression, and a hover that knows the running program.

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::{MAIN, Step};
use crate::tour::print::Ink;
use crate::tour::wire::LIMIT;
use crate::tour::workspace::{Place, find};
use crate::tour::{Seen, Tour, surprise};

/// The step.
pub const STEP: Step = Step {
    title: "Values, in the debugger and in the editor",
    about: "The debugger shows the locals of the frame and evaluates in it. The mouse rests on a variable in the \
            editor, and the language server asks the program what is in it now.",
    protocol: "debug adapter: scopes, variables, evaluate; language server: textDocument/hover",
    run,
};

const EXPRESSION: &str = "entry.path, entry.latency > 250, statistics:mean()";
const COUNTER: &str = "rounds = rounds + 1";

fn run(tour: &mut Tour) -> Seen<()> {
    let frame = tour.stop()?.frame;
    let dap = tour.dap()?;
    let scopes = dap.request("scopes", json!({ "frameId": frame }))?;
    let reference = scopes["scopes"][0]["variablesReference"].clone();
    let locals = dap.request("variables", json!({ "variablesReference": reference }))?;
    let locals = locals["variables"].as_array().cloned().unwrap_or_default();
    let value = dap.request("evaluate", json!({ "expression": EXPRESSION, "frameId": frame, "context": "repl" }))?;
    let printed = dap.lines().len();
    let last_round = dap.lines().last().and_then(|line| round(line));

    for local in &locals {
        let name = local["name"].as_str().unwrap_or("?");
        tour.print.line(format!("{name:<10} {}", local["value"].as_str().unwrap_or("?")));
    }
    check_local(&locals, "worker", |value| value.parse::<u32>().is_ok())?;
    check_local(&locals, "entry", |value| value.contains("503"))?;
    let result = value["result"].as_str().unwrap_or_default();
    tour.print.line(format!("{} {EXPRESSION}", tour.print.ink(Ink::Faint, ">")));
    tour.print.line(tour.print.ink(Ink::Right, result));
    if !result.contains('/') {
        return Err(surprise("the path of a request", value.to_string()));
    }
    let last_round = last_round.ok_or_else(|| surprise("a round that was reported", format!("{printed} lines")))?;
    hover(tour, last_round)
}

/// The hover on the counter of rounds must tell the round that was reported last.
///
/// The server looks for programs now and then, and no hover waits for it: so it is asked again.
fn hover(tour: &mut Tour, last_round: u64) -> Seen<()> {
    let text = tour.workspace.text(MAIN)?;
    let Place { line, column } = find(&text, COUNTER)?;
    let deadline = Instant::now() + LIMIT;
    let live = loop {
        let hover = tour.lsp.hover(MAIN, Place { line, column: column + 1 })?;
        match hover.lines().find(|line| line.starts_with("live in")) {
            Some(live) => break live.to_owned(),
            None if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(50)),
            None => return Err(surprise("a hover with the live value", format!("{hover:?}"))),
        }
    };
    tour.print.line(format!("the mouse rests on `rounds` in line {}:", line + 1));
    tour.print.line(tour.print.ink(Ink::Right, format!("  {live}")));
    let tells = live.ends_with(&format!(": {last_round}"));
    if tells { Ok(()) } else { Err(surprise(format!("the value {last_round}, as was reported"), live)) }
}

fn check_local(locals: &[Json], name: &str, is_right: impl Fn(&str) -> bool) -> Seen<()> {
    let local = locals.iter().find(|local| local["name"] == name);
    let value = local.and_then(|local| local["value"].as_str()).unwrap_or("(absent)");
    if is_right(value) { Ok(()) } else { Err(surprise(format!("a sensible local {name}"), value)) }
}

/// The number of a reported round.
pub fn round(line: &str) -> Option<u64> {
    line.strip_prefix("round ")?.trim_start().split(':').next()?.parse().ok()
}
