//! Requests beyond the protocol, for clients that know Perilune.

use perilune_live::client::{Client, ClientError};
use perilune_live::protocol::{self as live, Code, Coroutines, Failure, RedefineResult};
use serde_json::{Value as Json, json};

use crate::conversion;
use crate::envelope::Call;
use crate::refusal::{Reason, Refusal};
use crate::session::{Order, Outcome, Session, to_json};
use crate::types::argument::Redefine;

/// `perilune/coroutines`: the live protocol's answer; each coroutine has its `threadId` besides.
pub fn coroutines(session: &mut Session, call: &Call, _: Json) -> Outcome {
    session.ask(call, Order::InTurn, Coroutines {}, |_, result| {
        let mut list = Vec::new();
        for coroutine in &result.coroutines {
            let mut entry = to_json(coroutine)?;
            entry["threadId"] = json!(conversion::thread_out(coroutine.id));
            list.push(entry);
        }
        Ok(json!({ "coroutines": list }))
    })
}

/// `perilune/redefine`: what was replaced, or why nothing was. A refusal is an
/// answer, not a failure: it has places that an editor marks.
pub fn redefine(session: &mut Session, call: &Call, arguments: Redefine) -> Outcome {
    let bad = |text: String| Refusal::new(Reason::BadArguments, text).shown();
    let source = session.convention.path_in(&arguments.source);
    let source = source.ok_or_else(|| bad(format!("the source {} is no absolute path", arguments.source)))?;
    let target = serde_json::from_value(arguments.target).map_err(|error| {
        bad(format!("`target` is \"changed\", {{\"named\": name}} or {{\"at\": place}}: {error}"))
    })?;
    let request = live::Redefine { source, text: arguments.text, target, check: arguments.check == Some(true) };
    let job = move |client: &Client| refused_or(client.request(request));
    session.work(call, Order::InTurn, job, |_, result| match result {
        Ok(done) => to_json(done),
        Err(Failure { message, refusals, .. }) => Ok(json!({ "message": message, "refusals": refusals })),
    })
}

fn refused_or(
    result: Result<RedefineResult, ClientError>,
) -> Result<Result<RedefineResult, Failure>, ClientError> {
    match result {
        Err(ClientError::Failed(failure)) if failure.code == Code::Refused => Ok(Err(failure)),
        Err(error) => Err(error),
        Ok(done) => Ok(Ok(done)),
    }
}
