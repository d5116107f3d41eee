//! A mistake that is seen before anything runs.

use serde_json::Value as Json;

use super::{MAIN, Step};
use crate::tour::print::Ink;
use crate::tour::workspace::{edit, find};
use crate::tour::{Seen, Tour, surprise};

/// The step.
pub const STEP: Step = Step {
    title: "A mistake, seen before the program runs",
    about: "The editor opens main.lua in which a name is misspelt. The language server knows every global that \
            the workspace assigns, and this is none of them.",
    protocol: "language server: textDocument/didOpen, textDocument/didChange, textDocument/publishDiagnostics",
    run,
};

const RIGHT: &str = "record.parse(line)";
const WRONG: &str = "record.parse(lien)";
const NAME: &str = "lien";

fn run(tour: &mut Tour) -> Seen<()> {
    let right = tour.workspace.text(MAIN)?;
    let wrong = edit(&right, RIGHT, WRONG)?;
    let place = find(&wrong, WRONG)?;
    tour.lsp.open(MAIN, &wrong)?;
    let text_at = |diagnostic: &Json| {
        let start = &diagnostic["range"]["start"];
        let column = start["character"].as_u64().unwrap_or_default() as usize;
        let line = wrong.lines().nth(start["line"].as_u64()? as usize)?;
        Some((column, line.get(column..)?.to_owned()))
    };
    let is_it = |diagnostic: &Json| text_at(diagnostic).is_some_and(|(_, text)| text.starts_with(NAME));
    let what = format!("a diagnostic at {NAME} in line {}", place.line + 1);
    let found = tour.lsp.diagnostics(MAIN, &what, |found| found.iter().any(is_it))?;
    let Some(diagnostic) = found.iter().find(|diagnostic| is_it(diagnostic)) else {
        return Err(surprise(what, format!("{found:?}")));
    };
    let column = text_at(diagnostic).map_or(0, |(column, _)| column);
    let mark = format!("{}{} {}", " ".repeat(column), "^".repeat(NAME.len()), message(diagnostic));
    tour.print.excerpt(MAIN, &wrong, place.line, &mark);
    for other in found.iter().filter(|other| !is_it(other)) {
        let line = other["range"]["start"]["line"].as_u64().unwrap_or_default() + 1;
        tour.print.line(format!("and in line {line}: {}", tour.print.ink(Ink::Wrong, message(other))));
    }

    tour.lsp.change(MAIN, &right)?;
    tour.lsp.diagnostics(MAIN, "no diagnostics after the correction", <[Json]>::is_empty)?;
    tour.print.line(format!("the name is corrected: {}", tour.print.ink(Ink::Right, "no diagnostics")));
    Ok(())
}

fn message(diagnostic: &Json) -> &str {
    diagnostic["message"].as_str().unwrap_or_default()
}
