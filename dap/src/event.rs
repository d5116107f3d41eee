//! Events of the program, as the client is told them.

use perilune_live::protocol::{self as live, Coroutine, Coroutines, Event, OutputCategory, StopReason, Stopped};
use serde_json::json;

use crate::conversion;
use crate::session::{Course, Order, Session};
use crate::types::body::{self, Output};

/// Beyond this many coroutines that came or went, clients are not told of each: they ask for all at a stop anyway.
const TOLD: usize = 1000;

/// A remark of the adapter in the client's console.
pub fn note(text: &str) -> Output {
    Output { category: "console", output: text.to_owned(), ..Output::default() }
}

/// Passes on an event whose turn has come.
pub fn pass_on(session: &mut Session, event: Event) {
    match event {
        Event::Stopped(stopped) => stop(session, stopped),
        Event::Continued {} => go_on(session),
        Event::Breakpoint(breakpoint) => {
            if let Some(id) = session.breakpoints.change(breakpoint) {
                breakpoints_changed(session, &[id]);
            }
        }
        // Of texts there may be as many as the program likes; clients that want to see them ask.
        Event::Loaded(source) if source.path.is_some() => {
            let source = session.convention.source_out(&source);
            session.event("loadedSource", json!({ "reason": "new", "source": source }));
        }
        Event::Loaded(_) => {}
        Event::Redefined { source, .. } => redefined(session, source),
        // These do not wait for their turn.
        Event::Output(text) => output(session, text),
        Event::Terminated { .. } => {}
    }
}

/// A stop is told after the coroutines that it shows for the first or no more time.
fn stop(session: &mut Session, stopped: Stopped) {
    session.ask_aside(Order::BeforeEvents, Coroutines {}, move |session, result| {
        if let Ok(result) = result {
            meet_coroutines(session, &result.coroutines);
        }
        session.course = Course::Stopped(stopped.clone());
        session.event("stopped", stopped_out(session, stopped));
    });
}

fn stopped_out(session: &Session, stopped: Stopped) -> body::Stopped {
    let (reason, description) = match stopped.reason {
        StopReason::Entry => ("entry", None),
        StopReason::Breakpoint if stopped.text.is_some() => ("breakpoint", Some("Error in a breakpoint")),
        StopReason::Breakpoint => ("breakpoint", None),
        StopReason::Step => ("step", None),
        StopReason::Pause => ("pause", None),
        StopReason::Error => ("exception", Some("Error")),
    };
    body::Stopped {
        reason,
        description,
        thread_id: conversion::thread_out(stopped.coroutine),
        text: stopped.text,
        all_threads_stopped: true,
        hit_breakpoint_ids: session.breakpoints.ids_of(&stopped.breakpoints),
    }
}

/// Somebody else let the program go on; what we did ourselves the client knows.
fn go_on(session: &mut Session) {
    let Course::Stopped(stopped) = std::mem::replace(&mut session.course, Course::Running) else { return };
    session.handles.clear();
    let thread = conversion::thread_out(stopped.coroutine);
    session.event("continued", json!({ "threadId": thread, "allThreadsContinued": true }));
}

/// Learns which coroutines there are, and tells the client of those that came and went.
pub fn meet_coroutines(session: &mut Session, coroutines: &[Coroutine]) {
    let now: Vec<(u64, String)> = coroutines.iter().map(|known| (known.id, known.name.clone())).collect();
    let before = std::mem::replace(&mut session.threads, now);
    let ids = |list: &[(u64, String)]| list.iter().map(|(id, _)| *id).collect::<std::collections::BTreeSet<u64>>();
    let (before, now) = (ids(&before), ids(&session.threads));
    for (reason, ids) in [("exited", &before - &now), ("started", &now - &before)] {
        for id in ids.into_iter().take(TOLD) {
            session.event("thread", json!({ "reason": reason, "threadId": conversion::thread_out(id) }));
        }
    }
}

/// Tells the client what became of its breakpoints.
pub fn breakpoints_changed(session: &mut Session, ids: &[i64]) {
    for breakpoint in session.breakpoints.bodies(ids, &session.convention) {
        session.event("breakpoint", json!({ "reason": "changed", "breakpoint": breakpoint }));
    }
}

fn redefined(session: &mut Session, source: String) {
    let source = live::SourceRef { name: source.clone(), path: Some(source), id: None };
    let source = session.convention.source_out(&source);
    session.event("loadedSource", json!({ "reason": "changed", "source": source }));
    if session.abilities.invalidation && session.course != Course::Running {
        session.event("invalidated", json!({ "areas": ["stacks", "variables"] }));
    }
}

/// Passes on what was written, or logged by a breakpoint.
pub fn output(session: &mut Session, output: live::Output) {
    let category = match output.category {
        OutputCategory::Log => "console",
        OutputCategory::Stdout => "stdout",
        OutputCategory::Stderr => "stderr",
    };
    let source = output.location.as_ref().map(|location| session.convention.source_out(&location.source));
    let line = output.location.as_ref().map(|location| session.convention.line_out(location.line));
    session.event("output", Output { category, output: output.text, source, line });
}
