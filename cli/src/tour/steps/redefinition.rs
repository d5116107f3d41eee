//! A function of the running program is replaced; what the program knows stays.

use serde_json::{Value as Json, json};

use super::value::round;
use super::{MAIN, Step};
use crate::tour::lsp::position;
use crate::tour::print::Ink;
use crate::tour::workspace::{edit, find};
use crate::tour::{Seen, Tour, surprise};

/// The step.
pub const STEP: Step = Step {
    title: "A function is redefined while the program runs",
    about: "The breakpoint goes and the program runs on. In the editor, `describe` gets a new body, and the \
            language server hands it to the program. The ticker calls it in the next round; `rounds`, its \
            counter, goes on counting.",
    protocol: "debug adapter: setBreakpoints, continue, output; language server: workspace/executeCommand perilune.redefine",
    run,
};

const OLD: &str = r#"return string.format("round %3d: %4d lines, %3d slow", rounds, found.count, found.selected)"#;
const NEW: &str = r#"local share = 100 * found.selected / found.count
  return string.format("round %3d: %4.1f %% of %d are slow, mean %.0f ms", rounds, share, found.count, found:mean())"#;
const INSIDE: &str = "local share";
/// Lines that are shown of each version.
const SHOWN: usize = 4;

fn is_old(line: &str) -> bool {
    round(line).is_some() && line.ends_with(" slow")
}

fn is_new(line: &str) -> bool {
    round(line).is_some() && line.contains("mean")
}

fn run(tour: &mut Tour) -> Seen<()> {
    let path = tour.workspace.path(MAIN);
    let thread = tour.stop()?.thread;
    let dap = tour.dap()?;
    dap.request("setBreakpoints", json!({ "source": { "path": path }, "breakpoints": [] }))?;
    dap.request("continue", json!({ "threadId": thread }))?;
    let printed = dap.lines().len();
    dap.wait_for_lines(printed, SHOWN, "reports of the program that runs on", is_old)?;
    tour.stop = None;

    let old_text = tour.workspace.text(MAIN)?;
    let text = edit(&old_text, OLD, NEW)?;
    let place = find(&text, INSIDE)?;
    tour.workspace.save(MAIN, &text)?;
    tour.lsp.change(MAIN, &text)?;
    let uri = tour.lsp.uri(MAIN);
    let answer = tour.lsp.execute("perilune.redefine", json!([{ "uri": uri, "position": position(place) }]))?;
    if !answer["functions"].is_array() {
        return Err(surprise("a redefinition", answer.to_string()));
    }
    let after = tour.dap()?.wait_for_lines(printed, SHOWN, "reports by the new function", is_new)?;

    tour.print.line(tour.print.ink(Ink::Faint, format!("- {OLD}")));
    for line in NEW.lines() {
        tour.print.line(tour.print.ink(Ink::Right, format!("+ {}", line.trim_start())));
    }
    tour.print.line(format!("the program answers: {}", tour.print.ink(Ink::Bright, answer_text(&answer))));
    tour.print.blank();
    let lines = tour.dap()?.lines().to_vec();
    let before: Vec<String> = lines.iter().filter(|line| is_old(line)).cloned().collect();
    tour.print.beside(["before", "after"], &before[before.len() - SHOWN..], &after[..SHOWN]);
    check_rounds(&lines)
}

/// What the program says it replaced.
fn answer_text(answer: &Json) -> String {
    let functions = answer["functions"].as_array().cloned().unwrap_or_default();
    let texts = functions.iter().map(|function| {
        let name = function["name"].as_str().unwrap_or("?");
        format!("{name} is redefined, {} closure(s) run the new code", function["closures"])
    });
    texts.collect::<Vec<_>>().join("; ")
}

/// The rounds are counted from 1 without a gap, whichever function reported them.
fn check_rounds(lines: &[String]) -> Seen<()> {
    let rounds: Vec<u64> = lines.iter().filter_map(|line| round(line)).collect();
    let expected: Vec<u64> = (1..=rounds.len() as u64).collect();
    if rounds == expected { Ok(()) } else { Err(surprise("rounds counted without a gap", format!("{rounds:?}"))) }
}
