//! Beginning and end of a conversation.

use std::collections::BTreeMap;

use perilune_live::protocol::OnDisconnect;
use serde_json::Value as Json;

use crate::envelope::Call;
use crate::refusal::{Reason, Refusal};
use crate::session::{Answer, Order, Outcome, Phase, Session, hello, to_json};
use crate::types::argument::{Cancel, Disconnect, Initialize};
use crate::types::body::{Capabilities, ExceptionFilter};

/// What works. What is not here does not, and clients do not ask for it.
const SUPPORTED: &[&str] = &[
    "supportsConfigurationDoneRequest",
    "supportsConditionalBreakpoints",
    "supportsHitConditionalBreakpoints",
    "supportsLogPoints",
    "supportsExceptionInfoRequest",
    "supportsDelayedStackTraceLoading",
    "supportsEvaluateForHovers",
    "supportsClipboardContext",
    "supportsSetVariable",
    "supportsSetExpression",
    "supportsCompletionsRequest",
    "supportsLoadedSourcesRequest",
    "supportsCancelRequest",
    "supportsTerminateRequest",
    "supportTerminateDebuggee",
];

/// `initialize`; the event `initialized` follows at once, as breakpoints can be set before there is a program.
pub fn initialize(session: &mut Session, _: &Call, client: Initialize) -> Outcome {
    if let Some(format) = client.path_format.as_deref().filter(|format| !matches!(*format, "path" | "uri")) {
        let text = format!("paths can be of format path or uri, not {format}");
        return Err(Refusal::new(Reason::BadArguments, text).shown());
    }
    session.meet(&client);
    let capabilities = to_json(capabilities())?;
    Ok(Answer::NowThen(capabilities, |session| session.event_alone("initialized")))
}

fn capabilities() -> Capabilities {
    let all = ExceptionFilter {
        filter: "all",
        label: "All errors",
        description: "Stop where an error is raised, even if a pcall catches it",
        default: false,
    };
    let uncaught = ExceptionFilter {
        filter: "uncaught",
        label: "Uncaught errors",
        description: "Stop where an error is raised that nothing catches",
        default: true,
    };
    Capabilities {
        exception_breakpoint_filters: vec![all, uncaught],
        completion_trigger_characters: vec![".", ":"],
        supported: SUPPORTED.iter().map(|name| (*name, true)).collect::<BTreeMap<_, _>>(),
    }
}

/// `configurationDone`: the program may begin.
pub fn configuration_done(session: &mut Session, call: &Call, _: Json) -> Outcome {
    if std::mem::replace(&mut session.is_configured, true) {
        return Err(Refusal::new(Reason::OutOfOrder, "the configuration is done already"));
    }
    if session.program.is_some() { session.begin(call) } else { Ok(Answer::Now(Json::Null)) }
}

/// `cancel`: withdraws an evaluation. Other requests do not take long enough.
pub fn cancel(session: &mut Session, _: &Call, arguments: Cancel) -> Outcome {
    if let Some(seq) = arguments.request_id {
        session.withdraw(seq);
    }
    Ok(Answer::Now(Json::Null))
}

/// `terminate`: answered at once; the end is told by events.
pub fn terminate(session: &mut Session, _: &Call, _: Json) -> Outcome {
    match session.phase {
        Phase::New | Phase::Idle => Err(Refusal::new(Reason::OutOfOrder, "there is no program")),
        // Clients also say this in answer to `terminated`.
        Phase::Over => Ok(Answer::Now(Json::Null)),
        Phase::Starting(_) => {
            give_up_start(session);
            Ok(Answer::Now(Json::Null))
        }
        Phase::Connected => Ok(Answer::NowThen(Json::Null, Session::terminate)),
    }
}

/// `disconnect`: what was launched ends, what was attached to goes on, unless the client wants it otherwise.
pub fn disconnect(session: &mut Session, call: &Call, arguments: Disconnect) -> Outcome {
    if matches!(session.phase, Phase::Starting(_)) {
        give_up_start(session);
    }
    let Some(program) = &session.program else {
        return Ok(Answer::NowThen(Json::Null, Session::leave));
    };
    let is_ours = program.origin.is_ours();
    if arguments.terminate_debuggee.unwrap_or(is_ours) {
        session.terminate_and_leave(call.seq);
        Ok(Answer::Later)
    } else if is_ours {
        detach(session, call)
    } else {
        Ok(Answer::NowThen(Json::Null, Session::leave))
    }
}

fn give_up_start(session: &mut Session) {
    session.fail_start(&Refusal::new(Reason::Cancelled, "the start of the program was given up"));
}

/// A program that was launched was told to end with our connection; it is told otherwise first.
fn detach(session: &mut Session, call: &Call) -> Outcome {
    let seq = call.seq;
    session.ask_aside(Order::AtOnce, hello(OnDisconnect::Continue, false), move |session, result| {
        let result = result.map(|_| Json::Null).map_err(|_| {
            let text = "this program was launched to end with its debugger: it cannot be left";
            Refusal::new(Reason::Refused, text).shown()
        });
        session.finish(seq, &result);
        if result.is_ok() {
            session.leave();
        }
    });
    Ok(Answer::Later)
}
