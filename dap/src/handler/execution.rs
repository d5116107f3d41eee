//! Going on and standing still.

use perilune_live::protocol::{Continue, Empty, Method, Pause, Step, StepKind};
use serde_json::Value as Json;

use crate::conversion;
use crate::envelope::Call;
use crate::refusal::{Reason, Refusal};
use crate::session::{Answer, Course, Order, Outcome, Session, to_json};
use crate::types::argument::OfThread;
use crate::types::body;

/// `continue`.
pub fn go_on(session: &mut Session, call: &Call, _: Json) -> Outcome {
    let body = to_json(body::Continue { all_threads_continued: true })?;
    resume(session, call, Continue {}, body)
}

/// `next`.
pub fn next(session: &mut Session, call: &Call, arguments: OfThread) -> Outcome {
    step(session, call, &arguments, StepKind::Over)
}

/// `stepIn`.
pub fn step_in(session: &mut Session, call: &Call, arguments: OfThread) -> Outcome {
    step(session, call, &arguments, StepKind::Into)
}

/// `stepOut`.
pub fn step_out(session: &mut Session, call: &Call, arguments: OfThread) -> Outcome {
    step(session, call, &arguments, StepKind::Out)
}

fn step(session: &mut Session, call: &Call, arguments: &OfThread, kind: StepKind) -> Outcome {
    let coroutine = Some(coroutine_of(arguments.thread_id)?);
    resume(session, call, Step { kind, coroutine }, Json::Null)
}

/// The coroutine that a thread of the client stands for.
pub fn coroutine_of(thread: i64) -> Result<u64, Refusal> {
    let unknown = || Refusal::new(Reason::BadArguments, format!("there is no thread {thread}"));
    conversion::thread_in(thread).ok_or_else(unknown)
}

/// The response comes before whatever the program does next.
fn resume<M>(session: &mut Session, call: &Call, params: M, body: Json) -> Outcome
where
    M: Method<Result = Empty> + Send + 'static,
{
    if session.course == Course::Running {
        return Err(Refusal::not_stopped());
    }
    session.resume(call, params, body)
}

/// `pause`; an evaluation that does not end is ended by this, too.
pub fn pause(session: &mut Session, call: &Call, _: Json) -> Outcome {
    session.interrupt();
    match session.course {
        Course::Running => session.ask(call, Order::Pause, Pause {}, |_, Empty {}| Ok(Json::Null)),
        Course::Stopped(_) => Ok(Answer::Now(Json::Null)),
    }
}
