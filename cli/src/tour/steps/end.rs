//! The program, the debug adapter and the language server end.

use serde_json::json;

use super::Step;
use crate::tour::{Seen, Tour};

/// The step.
pub const STEP: Step = Step {
    title: "The end of the program",
    about: "The debugger terminates the program; adapter and language server leave as their protocols want it.",
    protocol: "debug adapter: terminate, exited, terminated, disconnect; language server: shutdown, exit",
    run,
};

fn run(tour: &mut Tour) -> Seen<()> {
    let dap = tour.dap()?;
    let rounds = dap.lines().len();
    dap.request("terminate", json!({}))?;
    let exited = dap.event("exited")?;
    dap.event("terminated")?;
    dap.request("disconnect", json!({}))?;
    dap.finish()?;
    tour.lsp.finish()?;
    tour.print.line(format!("the program wrote {rounds} lines; its exit code is {}", exited["exitCode"]));
    Ok(())
}
