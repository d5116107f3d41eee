//! A redefinition that cannot work changes nothing and says why.

use serde_json::{Value as Json, json};

use super::value::round;
use super::{MAIN, Step};
use crate::tour::lsp::position;
use crate::tour::print::Ink;
use crate::tour::workspace::{edit, find};
use crate::tour::{Seen, Tour, surprise};

/// The step.
pub const STEP: Step = Step {
    title: "A redefinition that is refused",
    about: "The new `idle` uses `started`, a local of `pacer`. That call returned long ago, and the old `idle` did \
            not capture the variable: nobody knows its value. So nothing is changed, and the program runs on.",
    protocol: "language server: workspace/executeCommand perilune.redefine",
    run,
};

const OLD: &str = "local deadline = os.clock() + seconds";
const NEW: &str = "local deadline = os.clock() + seconds * #started";
const VARIABLE: &str = "started";

fn run(tour: &mut Tour) -> Seen<()> {
    let good = tour.workspace.text(MAIN)?;
    let text = edit(&good, OLD, NEW)?;
    let place = find(&text, NEW)?;
    tour.lsp.change(MAIN, &text)?;
    let uri = tour.lsp.uri(MAIN);
    let answer = tour.lsp.execute("perilune.redefine", json!([{ "uri": uri, "position": position(place) }]))?;
    let reasons = answer["refused"].as_array().cloned().unwrap_or_default();
    for reason in &reasons {
        let start = &reason["range"]["start"];
        let column = start["character"].as_u64().unwrap_or_default() as usize;
        let line = start["line"].as_u64().unwrap_or_default() as usize;
        tour.print.excerpt(MAIN, &text, line, &format!("{}^ {}", " ".repeat(column), message(reason)));
    }
    if !reasons.iter().any(|reason| message(reason).contains(VARIABLE)) {
        return Err(surprise(format!("a refusal because of {VARIABLE}"), answer.to_string()));
    }
    tour.lsp.change(MAIN, &good)?;
    let dap = tour.dap()?;
    let printed = dap.lines().len();
    let next = dap.wait_for_lines(printed, 1, "a report after the refusal", |line| round(line).is_some())?;
    tour.print.line(format!("and on it goes: {}", tour.print.ink(Ink::Right, &next[0])));
    Ok(())
}

fn message(reason: &Json) -> &str {
    reason["message"].as_str().unwrap_or_default()
}
