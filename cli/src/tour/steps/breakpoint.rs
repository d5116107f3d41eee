//! The program is launched and stops at a breakpoint.

use serde_json::json;

use super::{MAIN, Step};
use crate::tour::dap::Dap;
use crate::tour::print::Ink;
use crate::tour::workspace::find;
use crate::tour::{Seen, Stop, Tour, surprise};

/// The step.
pub const STEP: Step = Step {
    title: "A breakpoint with a condition",
    about: "The debug adapter starts the program in a process of its own and stops it where a worker has found a \
            failed request. Until then it runs at full speed: a breakpoint is a bit in one instruction.",
    protocol: "debug adapter: launch, setBreakpoints, configurationDone, stopped, stackTrace",
    run,
};

const LINE: &str = "statistics:add(entry, selected)";
const CONDITION: &str = "handled > 10 and entry.status == 503";

fn run(tour: &mut Tour) -> Seen<()> {
    let text = tour.workspace.text(MAIN)?;
    let line = find(&text, LINE)?.line;
    let path = tour.workspace.path(MAIN);
    let mut dap = Dap::start(tour.workspace.root())?;
    let cwd = tour.workspace.root().to_string_lossy().into_owned();
    let launch = dap.send("launch", json!({ "program": path, "cwd": cwd }))?;
    dap.event("initialized")?;
    let wanted = json!([{ "line": line + 1, "condition": CONDITION }]);
    dap.request("setBreakpoints", json!({ "source": { "path": path }, "breakpoints": wanted }))?;
    dap.request("configurationDone", json!({}))?;
    dap.answer(launch)?;
    let stopped = dap.event("stopped")?;
    let thread = stopped["threadId"].as_i64().unwrap_or_default();
    if stopped["reason"] != "breakpoint" {
        return Err(surprise("a stop at the breakpoint", stopped.to_string()));
    }
    let stack = dap.request("stackTrace", json!({ "threadId": thread }))?;
    let top = &stack["stackFrames"][0];
    if top["line"] != line + 1 {
        return Err(surprise(format!("a stop in line {}", line + 1), top.to_string()));
    }
    let frame = top["id"].as_i64().unwrap_or_default();
    for written in dap.lines() {
        tour.print.line(tour.print.ink(Ink::Faint, written));
    }
    tour.print.line(format!("stopped in {} where {CONDITION}", top["name"].as_str().unwrap_or("?")));
    tour.print.excerpt(MAIN, &text, line, "");
    tour.dap = Some(dap);
    tour.stop = Some(Stop { thread, frame });
    Ok(())
}
