//! One function for each request: arguments in, answer out.

pub mod breakpoint;
mod custom;
mod evaluation;
mod execution;
mod lifecycle;
mod source;
mod stack;
mod variable;

use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

use crate::envelope::Call;
use crate::refusal::{Reason, Refusal};
use crate::session::{Outcome, Session, When};
use crate::{attach, launch};

/// A request that this adapter takes.
pub struct Handler {
    command: &'static str,
    /// When it makes sense.
    pub when: When,
    /// What is done about it.
    pub run: fn(&mut Session, &Call, Json) -> Outcome,
}

const HANDLERS: &[Handler] = &[
    row("initialize", When::First, |s, c, a| typed(s, c, a, lifecycle::initialize)),
    row("launch", When::Idle, launch::launch),
    row("attach", When::Idle, attach::attach),
    row("setBreakpoints", When::Configuring, |s, c, a| typed(s, c, a, breakpoint::set)),
    row("setExceptionBreakpoints", When::Configuring, |s, c, a| typed(s, c, a, breakpoint::set_exceptions)),
    row("configurationDone", When::Beginning, lifecycle::configuration_done),
    row("threads", When::Connected, stack::threads),
    row("stackTrace", When::Connected, |s, c, a| typed(s, c, a, stack::stack_trace)),
    row("exceptionInfo", When::Connected, |s, c, a| typed(s, c, a, stack::exception_info)),
    row("scopes", When::Connected, |s, c, a| typed(s, c, a, variable::scopes)),
    row("variables", When::Connected, |s, c, a| typed(s, c, a, variable::variables)),
    row("setVariable", When::Connected, |s, c, a| typed(s, c, a, variable::set)),
    row("evaluate", When::Connected, |s, c, a| typed(s, c, a, evaluation::evaluate)),
    row("setExpression", When::Connected, |s, c, a| typed(s, c, a, evaluation::set_expression)),
    row("completions", When::Connected, |s, c, a| typed(s, c, a, evaluation::completions)),
    row("loadedSources", When::Connected, source::loaded),
    row("source", When::Connected, |s, c, a| typed(s, c, a, source::text)),
    row("continue", When::Connected, execution::go_on),
    row("next", When::Connected, |s, c, a| typed(s, c, a, execution::next)),
    row("stepIn", When::Connected, |s, c, a| typed(s, c, a, execution::step_in)),
    row("stepOut", When::Connected, |s, c, a| typed(s, c, a, execution::step_out)),
    row("pause", When::Settled, execution::pause),
    row("perilune/coroutines", When::Connected, custom::coroutines),
    row("perilune/redefine", When::Connected, |s, c, a| typed(s, c, a, custom::redefine)),
    row("cancel", When::Always, |s, c, a| typed(s, c, a, lifecycle::cancel)),
    row("terminate", When::Always, lifecycle::terminate),
    row("disconnect", When::Always, |s, c, a| typed(s, c, a, lifecycle::disconnect)),
];

const fn row(command: &'static str, when: When, run: fn(&mut Session, &Call, Json) -> Outcome) -> Handler {
    Handler { command, when, run }
}

/// The handler of a request.
pub fn find(command: &str) -> Option<&'static Handler> {
    HANDLERS.iter().find(|handler| handler.command == command)
}

/// Reads the arguments; absent ones are as good as empty.
fn typed<A: DeserializeOwned>(
    session: &mut Session,
    call: &Call,
    arguments: Json,
    handle: fn(&mut Session, &Call, A) -> Outcome,
) -> Outcome {
    let bad = |what: String| {
        let text = format!("bad arguments of `{}`: {what}", call.command);
        Refusal::new(Reason::BadArguments, text)
    };
    let arguments = match arguments {
        Json::Null => json!({}),
        Json::Object(_) => arguments,
        // As the fields of a type they would be taken from lists, too.
        _ => return Err(bad("they are no object".to_owned())),
    };
    let arguments = serde_json::from_value(arguments).map_err(|error| bad(error.to_string()))?;
    handle(session, call, arguments)
}
