//! Scopes, variables and what values consist of.

use perilune_live::client::{Client, ClientError};
use perilune_live::protocol::{self as live, ChildFilter, Children, ChildrenResult, ScopeKind, Value};

use crate::envelope::Call;
use crate::handle::Parent;
use crate::refusal::{Reason, Refusal};
use crate::session::{Order, Outcome, Session, answer, to_json};
use crate::types::argument::{Scopes, SetVariable, Variables};
use crate::types::body;

/// Children that the program tells at a time.
const PAGE: u32 = 1000;
/// Children told to a client that wants all of them at once.
const ALL: u32 = 10_000;

/// `scopes`.
pub fn scopes(session: &mut Session, call: &Call, arguments: Scopes) -> Outcome {
    let frame = session.handles.frame_in(arguments.frame_id)?;
    session.ask(call, Order::InTurn, live::Scopes { frame }, move |session, result| {
        let scopes = result.scopes.iter().map(|scope| scope_out(session, scope, frame)).collect();
        to_json(body::Scopes { scopes })
    })
}

fn scope_out(session: &mut Session, scope: &live::Scope, frame: u64) -> body::Scope {
    let (name, presentation_hint) = match scope.kind {
        ScopeKind::Locals => ("Locals", Some("locals")),
        ScopeKind::Upvalues => ("Upvalues", None),
        ScopeKind::Varargs => ("Varargs", Some("arguments")),
        ScopeKind::Globals => ("Globals", None),
    };
    body::Scope {
        name,
        presentation_hint,
        variables_reference: session.handles.parent_out(scope.reference, Some(frame)),
        named_variables: scope.count,
        // Not that it costs much, but nobody wants it open at every stop.
        expensive: scope.kind == ScopeKind::Globals,
    }
}

/// `variables`.
pub fn variables(session: &mut Session, call: &Call, arguments: Variables) -> Outcome {
    let filter = match arguments.filter.as_deref() {
        None => ChildFilter::All,
        Some("indexed") => ChildFilter::Indexed,
        Some("named") => ChildFilter::Named,
        Some(other) => return Err(Refusal::new(Reason::BadArguments, format!("there is no filter {other}"))),
    };
    let start = arguments.start.unwrap_or(0);
    let count = arguments.count.filter(|count| *count != 0).unwrap_or(u32::MAX);
    match session.handles.parent_in(arguments.variables_reference)?.clone() {
        Parent::Values { values, frame } => answer(several(session, values, frame, start, count)),
        Parent::Live { reference, frame } => {
            let job = move |client: &Client| children(client, reference, filter, start, count.min(ALL));
            session.work(call, Order::InTurn, job, move |session, result| {
                to_json(children_out(session, result, frame, start, count))
            })
        }
    }
}

/// Asks for children page by page.
fn children(
    client: &Client,
    reference: u64,
    filter: ChildFilter,
    start: u32,
    wanted: u32,
) -> Result<ChildrenResult, ClientError> {
    let mut all = ChildrenResult { children: Vec::new(), total: 0 };
    loop {
        let have = u32::try_from(all.children.len()).unwrap_or(u32::MAX);
        let count = Some((wanted - have.min(wanted)).min(PAGE));
        let page = client.request(Children { reference, start: start.saturating_add(have), count, filter })?;
        all.total = page.total;
        let is_last = page.children.is_empty();
        all.children.extend(page.children);
        let have = all.children.len() as u64;
        if is_last || have >= u64::from(wanted) || have + u64::from(start) >= u64::from(all.total) {
            return Ok(all);
        }
    }
}

fn children_out(
    session: &mut Session,
    result: ChildrenResult,
    frame: Option<u64>,
    start: u32,
    wanted: u32,
) -> body::Variables {
    let told = u32::try_from(result.children.len()).unwrap_or(u32::MAX);
    let left = result.total.saturating_sub(start).min(wanted).saturating_sub(told);
    let mut variables: Vec<body::Variable> =
        result.children.into_iter().map(|child| variable_out(session, child, frame)).collect();
    if left > 0 && told > 0 {
        let value = format!("{left} more, which this client did not ask for page by page");
        variables.push(body::Variable { name: "…".to_owned(), value, ..body::Variable::default() });
    }
    body::Variables { variables }
}

fn variable_out(session: &mut Session, variable: live::Variable, frame: Option<u64>) -> body::Variable {
    let children = children_of(session, &variable.value, frame);
    body::Variable {
        name: variable.name,
        kind: kind_of(session, &variable.value),
        value: variable.value.text,
        evaluate_name: variable.evaluate_name,
        children,
    }
}

/// The values of an evaluation that had several.
fn several(session: &mut Session, values: Vec<Value>, frame: Option<u64>, start: u32, count: u32) -> body::Variables {
    let numbered = values.into_iter().enumerate().skip(start as usize).take(count as usize);
    let variables = numbered.map(|(index, value)| {
        let name = format!("[{}]", index + 1);
        variable_out(session, live::Variable { name, evaluate_name: None, value }, frame)
    });
    body::Variables { variables: variables.collect() }
}

/// Where a value's children are.
pub fn children_of(session: &mut Session, value: &Value, frame: Option<u64>) -> body::Children {
    if value.reference == 0 {
        return body::Children::default();
    }
    body::Children {
        variables_reference: session.handles.parent_out(value.reference, frame),
        indexed_variables: value.indexed,
        named_variables: value.named,
    }
}

/// A value's type, if the client wants to know.
pub fn kind_of(session: &Session, value: &Value) -> Option<String> {
    session.abilities.types.then(|| value.kind.clone())
}

/// `setVariable`.
pub fn set(session: &mut Session, call: &Call, arguments: SetVariable) -> Outcome {
    let Parent::Live { reference, frame } = session.handles.parent_in(arguments.variables_reference)?.clone() else {
        return Err(Refusal::new(Reason::Refused, "a value of an evaluation cannot be assigned to").shown());
    };
    let SetVariable { name, value, .. } = arguments;
    // The value may be a call that does not end.
    let request = live::SetVariable { reference, name, value, frame };
    session.ask(call, Order::Evaluation, request, move |session, value| {
        to_json(assigned(session, value, frame))
    })
}

/// The new value after an assignment.
pub fn assigned(session: &mut Session, value: Value, frame: Option<u64>) -> body::Assigned {
    let children = children_of(session, &value, frame);
    body::Assigned { kind: kind_of(session, &value), value: value.text, children }
}
