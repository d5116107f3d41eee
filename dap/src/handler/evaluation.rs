//! Expressions of the person, and what completes them.

use perilune_live::client::{Client, ClientError};
use perilune_live::protocol::{self as live, Code, EvaluateContext, Failure, Value};

use super::variable::{assigned, children_of, kind_of};
use crate::conversion;
use crate::envelope::Call;
use crate::refusal::Refusal;
use crate::session::{Order, Outcome, Session, to_json};
use crate::types::argument::{Completions, Evaluate, SetExpression};
use crate::types::body;

fn frame_of(session: &Session, number: Option<i64>) -> Result<Option<u64>, Refusal> {
    number.map(|number| session.handles.frame_in(number)).transpose()
}

/// `evaluate`.
pub fn evaluate(session: &mut Session, call: &Call, arguments: Evaluate) -> Outcome {
    let frame = frame_of(session, arguments.frame_id)?;
    let context = match arguments.context.as_deref() {
        None | Some("repl") => EvaluateContext::Repl,
        Some("hover") => EvaluateContext::Hover,
        // What is looked at or copied must not change anything.
        Some(_) => EvaluateContext::Watch,
    };
    let request = live::Evaluate { text: arguments.expression, frame, context };
    session.ask(call, Order::Evaluation, request, move |session, result| {
        to_json(evaluated(session, result.values, frame))
    })
}

/// One value with its children; or several as one text, each of them a child.
fn evaluated(session: &mut Session, values: Vec<Value>, frame: Option<u64>) -> body::Evaluated {
    if let [value] = values.as_slice() {
        let children = children_of(session, value, frame);
        return body::Evaluated { result: value.text.clone(), kind: kind_of(session, value), children };
    }
    let texts: Vec<&str> = values.iter().map(|value| value.text.as_str()).collect();
    let result = texts.join(", ");
    let mut children = body::Children::default();
    if values.iter().any(|value| value.reference != 0) {
        children.indexed_variables = u32::try_from(values.len()).unwrap_or(u32::MAX);
        children.variables_reference = session.handles.values_out(values, frame);
    }
    body::Evaluated { result, kind: None, children }
}

/// `setExpression`: an assignment, then a look at what was assigned.
pub fn set_expression(session: &mut Session, call: &Call, arguments: SetExpression) -> Outcome {
    let frame = frame_of(session, arguments.frame_id)?;
    let job = move |client: &Client| assign(client, arguments, frame);
    session.work(call, Order::Evaluation, job, move |session, value| to_json(assigned(session, value, frame)))
}

fn assign(client: &Client, arguments: SetExpression, frame: Option<u64>) -> Result<Value, ClientError> {
    let SetExpression { expression, value, .. } = arguments;
    // Lines of their own, so that a comment at the end harms nothing.
    let text = format!("{expression}\n= (\n{value}\n)");
    client.request(live::Evaluate { text, frame, context: EvaluateContext::Repl })?;
    let look = live::Evaluate { text: expression, frame, context: EvaluateContext::Watch };
    let mut values = client.request(look)?.values;
    if values.is_empty() {
        let failure = Failure::new(Code::EvaluationFailed, "the expression has no value");
        return Err(ClientError::Failed(failure));
    }
    Ok(values.swap_remove(0))
}

/// `completions`.
pub fn completions(session: &mut Session, call: &Call, arguments: Completions) -> Outcome {
    let frame = frame_of(session, arguments.frame_id)?;
    // The first line when none is told; one that is not there is empty.
    let index = arguments.line.map_or(0, |line| session.convention.line_in(line).saturating_sub(1) as usize);
    let line_start: usize = arguments.text.split_inclusive('\n').take(index).map(str::len).sum();
    let units = session.convention.units_in(arguments.column);
    let line = arguments.text[line_start..].split('\n').next().unwrap_or_default();
    let left = conversion::bytes_before(line, units);
    let text = arguments.text[..line_start + left].to_owned();
    let line = line[..left].to_owned();
    session.ask(call, Order::Evaluation, live::Complete { text, frame }, move |session, result| {
        to_json(body::Completions { targets: targets(session, &line, result) })
    })
}

/// Candidates, with the part of the line before the cursor that each replaces.
fn targets(session: &Session, line: &str, result: live::CompleteResult) -> Vec<body::CompletionItem> {
    let start = line.len().saturating_sub(result.replace as usize);
    let start = line.floor_char_boundary(start);
    let length = i64::try_from(conversion::units_of(&line[start..])).unwrap_or(i64::MAX);
    let start = session.convention.units_out(conversion::units_of(&line[..start]));
    let item = |candidate: live::Candidate| body::CompletionItem {
        label: candidate.text,
        kind: icon(&candidate.kind),
        detail: candidate.kind,
        start,
        length,
    };
    result.candidates.into_iter().map(item).collect()
}

/// The protocol's kind for a type.
fn icon(kind: &str) -> &'static str {
    match kind {
        "keyword" => "keyword",
        "function" => "function",
        "table" => "module",
        _ => "variable",
    }
}
