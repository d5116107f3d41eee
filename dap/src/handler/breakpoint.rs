//! Breakpoints and errors to stop at.

use perilune_live::protocol::{BreakpointSpec, ErrorStops, SetBreakpoints, SetErrorStops};
use serde_json::{Value as Json, json};

use crate::breakpoint::Wanted;
use crate::envelope::Call;
use crate::event;
use crate::refusal::{Reason, Refusal};
use crate::session::{Order, Outcome, Session, answer, to_json};
use crate::types::Source;
use crate::types::argument::{self, SetExceptionBreakpoints, SourceBreakpoint};
use crate::types::body::{Breakpoint, Breakpoints};

/// `setBreakpoints`.
pub fn set(session: &mut Session, call: &Call, arguments: argument::SetBreakpoints) -> Outcome {
    let key = key_of(session, &arguments.source)?;
    let specs = specs_of(session, arguments.breakpoints, arguments.lines);
    let ids = session.breakpoints.replace(&key, &arguments.source, specs);
    if session.plan.is_undisturbed || session.program.is_none() {
        return answer(Breakpoints { breakpoints: bodies(session, &ids) });
    }
    let wanted = session.breakpoints.wanted(&key);
    session.ask(call, Order::BeforeEvents, request(&wanted), move |session, result| {
        session.breakpoints.settle(&wanted.ids, result.breakpoints);
        to_json(Breakpoints { breakpoints: bodies(session, &ids) })
    })
}

fn specs_of(
    session: &Session,
    breakpoints: Option<Vec<SourceBreakpoint>>,
    lines: Option<Vec<i64>>,
) -> Vec<BreakpointSpec> {
    let from_lines = |lines: Vec<i64>| {
        lines.into_iter().map(|line| SourceBreakpoint { line, ..SourceBreakpoint::default() }).collect()
    };
    let wanted = breakpoints.unwrap_or_else(|| lines.map(from_lines).unwrap_or_default());
    wanted.into_iter().map(|wanted| spec_of(session, wanted)).collect()
}

/// Editors send empty texts for conditions that were never filled in.
fn spec_of(session: &Session, wanted: SourceBreakpoint) -> BreakpointSpec {
    let filled = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    BreakpointSpec {
        line: session.convention.line_in(wanted.line),
        condition: filled(wanted.condition),
        hit_condition: filled(wanted.hit_condition),
        log_message: filled(wanted.log_message),
    }
}

/// The program's name of a source.
fn key_of(session: &mut Session, source: &Source) -> Result<String, Refusal> {
    let bad = |text: String| Refusal::new(Reason::BadArguments, text);
    if let Some(number) = source.source_reference.filter(|number| *number != 0) {
        let known = session.convention.source_in(number).map(|known| known.name.clone());
        return known.ok_or_else(|| bad(format!("there is no source {number}")));
    }
    let path = source.path.as_ref().ok_or_else(|| bad("the source has no path".to_owned()))?;
    let known = session.convention.path_in(path);
    known.ok_or_else(|| bad(format!("the source {path} is no absolute path of a file")))
}

fn request(wanted: &Wanted) -> SetBreakpoints {
    SetBreakpoints { source: wanted.source.clone(), breakpoints: wanted.specs.clone() }
}

fn bodies(session: &Session, ids: &[i64]) -> Vec<Breakpoint> {
    let mut bodies = session.breakpoints.bodies(ids, &session.convention);
    if session.plan.is_undisturbed {
        for body in &mut bodies {
            body.message = Some("the program runs without debugging".to_owned());
            body.reason = Some("failed");
        }
    }
    bodies
}

/// `setExceptionBreakpoints`.
pub fn set_exceptions(session: &mut Session, call: &Call, arguments: SetExceptionBreakpoints) -> Outcome {
    let with_options = arguments.filter_options.into_iter().flatten().map(|option| option.filter_id);
    let filters: Vec<String> = arguments.filters.into_iter().chain(with_options).collect();
    let mut stops = ErrorStops::Never;
    for filter in &filters {
        stops = stops.max(match filter.as_str() {
            "all" => ErrorStops::All,
            "uncaught" => ErrorStops::Uncaught,
            other => return Err(Refusal::new(Reason::BadArguments, format!("there is no error filter {other}"))),
        });
    }
    session.error_stops = Some(stops);
    let body = json!({ "breakpoints": filters.iter().map(|_| json!({ "verified": true })).collect::<Vec<Json>>() });
    if session.plan.is_undisturbed || session.program.is_none() {
        return answer(body);
    }
    session.ask(call, Order::BeforeEvents, SetErrorStops { stops }, |_, _| Ok(body))
}

/// Tells the program what was configured before it was there, and the client what became of it.
pub fn send_all(session: &mut Session) {
    if session.plan.is_undisturbed {
        return;
    }
    for wanted in session.breakpoints.all_wanted() {
        session.ask_aside(Order::BeforeEvents, request(&wanted), move |session, result| {
            if let Ok(result) = result {
                session.breakpoints.settle(&wanted.ids, result.breakpoints);
                event::breakpoints_changed(session, &wanted.ids);
            }
        });
    }
    if let Some(stops) = session.error_stops {
        session.ask_aside(Order::BeforeEvents, SetErrorStops { stops }, |_, _| {});
    }
}
