//! Coroutines and their frames.

use perilune_live::client::{Client, ClientError};
use perilune_live::protocol::{ErrorStops, Frame, FrameKind, Stack, StackResult, StopReason};
use serde_json::Value as Json;

use super::execution::coroutine_of;
use crate::conversion;
use crate::envelope::Call;
use crate::event;
use crate::refusal::{Reason, Refusal};
use crate::session::{Course, Order, Outcome, Session, answer, to_json};
use crate::types::argument::{OfThread, StackTrace};
use crate::types::body;

/// Frames that the program tells at a time.
const PAGE: u32 = 1000;
/// Frames told to a client that wants all; the total tells it how many there are.
const ALL: u32 = 10_000;
/// Frames in the text of an error.
const IN_TEXT: u32 = 50;

/// `threads`: a running program is not disturbed for it.
pub fn threads(session: &mut Session, call: &Call, _: Json) -> Outcome {
    if session.course == Course::Running {
        return answer(known_threads(session));
    }
    session.ask(call, Order::InTurn, perilune_live::protocol::Coroutines {}, |session, result| {
        event::meet_coroutines(session, &result.coroutines);
        to_json(known_threads(session))
    })
}

fn known_threads(session: &Session) -> body::Threads {
    let thread = |(id, name): &(u64, String)| body::Thread { id: conversion::thread_out(*id), name: name.clone() };
    body::Threads { threads: session.threads.iter().map(thread).collect() }
}

/// `stackTrace`.
pub fn stack_trace(session: &mut Session, call: &Call, arguments: StackTrace) -> Outcome {
    let coroutine = coroutine_of(arguments.thread_id)?;
    if session.course == Course::Running {
        return Err(Refusal::not_stopped());
    }
    let start = arguments.start_frame.unwrap_or(0);
    let levels = arguments.levels.filter(|levels| *levels != 0).unwrap_or(u32::MAX);
    let job = move |client: &Client| stack(client, coroutine, start, levels.min(ALL));
    session.work(call, Order::InTurn, job, |session, stack| {
        let stack_frames = stack.frames.into_iter().map(|frame| frame_out(session, frame)).collect();
        to_json(body::StackTrace { stack_frames, total_frames: stack.total })
    })
}

/// Asks for frames page by page.
fn stack(client: &Client, coroutine: u64, start: u32, wanted: u32) -> Result<StackResult, ClientError> {
    let mut all = StackResult { frames: Vec::new(), total: 0 };
    loop {
        let have = u32::try_from(all.frames.len()).unwrap_or(u32::MAX);
        let count = Some((wanted - have.min(wanted)).min(PAGE));
        let page = client.request(Stack { coroutine, start: start.saturating_add(have), count })?;
        all.total = page.total;
        let is_last = page.frames.is_empty();
        all.frames.extend(page.frames);
        let have = all.frames.len() as u64;
        if is_last || have >= u64::from(wanted) || have + u64::from(start) >= u64::from(all.total) {
            return Ok(all);
        }
    }
}

fn frame_out(session: &mut Session, frame: Frame) -> body::StackFrame {
    let (source, line) = match &frame.location {
        Some(location) => {
            let source = session.convention.source_out(&location.source);
            (Some(source), session.convention.line_out(location.line))
        }
        None => (None, 0),
    };
    let column = if source.is_some() { session.convention.units_out(0) } else { 0 };
    let outdated = if frame.outdated { " (old version)" } else { "" };
    body::StackFrame {
        id: session.handles.frame_out(frame.id),
        name: format!("{}{outdated}", frame.name),
        source,
        line,
        column,
        presentation_hint: (frame.kind == FrameKind::Native).then_some("subtle"),
    }
}

/// `exceptionInfo`: the error that the program stands at.
pub fn exception_info(session: &mut Session, call: &Call, arguments: OfThread) -> Outcome {
    let coroutine = coroutine_of(arguments.thread_id)?;
    let message = match &session.course {
        Course::Running => return Err(Refusal::not_stopped()),
        Course::Stopped(stopped) if stopped.reason == StopReason::Error && stopped.coroutine == coroutine => {
            stopped.text.clone()
        }
        Course::Stopped(_) => return Err(Refusal::new(Reason::Refused, "this thread does not stand at an error")),
    };
    let job = move |client: &Client| client.request(Stack { coroutine, start: 0, count: Some(IN_TEXT) });
    session.work(call, Order::InTurn, job, move |session, stack| {
        let is_all = session.error_stops == Some(ErrorStops::All);
        let stack_trace = Some(traceback(&stack));
        to_json(body::ExceptionInfo {
            exception_id: "error",
            description: message.clone(),
            break_mode: if is_all { "always" } else { "unhandled" },
            details: body::ExceptionDetails { message, stack_trace },
        })
    })
}

fn traceback(stack: &StackResult) -> String {
    let mut lines: Vec<String> = stack.frames.iter().map(traceback_line).collect();
    let left = u64::from(stack.total).saturating_sub(lines.len() as u64);
    if left > 0 {
        lines.push(format!("... ({left} more)"));
    }
    lines.join("\n")
}

fn traceback_line(frame: &Frame) -> String {
    match &frame.location {
        Some(location) => format!("{}:{}: in {}", location.source.name, location.line, frame.name),
        None => format!("[native]: in {}", frame.name),
    }
}
