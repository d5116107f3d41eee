//! What a program tells of itself, as text.

use perilune_live::client::{Client, ClientError};
use perilune_live::protocol::{
    Coroutine, CoroutineStatus, Coroutines, Failure, Frame, Location, RedefineResult, Stack, State, StatusResult,
    StopReason, Stopped,
};

/// Frames that are shown of a stack.
const FRAMES: u32 = 100;

/// What a program does, after "which".
pub fn state_text(state: State) -> &'static str {
    match state {
        State::Waiting => "waits for its first instruction (:continue starts it)",
        State::Running => "runs",
        State::Stopped => "is stopped",
        State::Ended => "has ended",
    }
}

/// What the program does and how large it is.
pub fn status(status: &StatusResult) -> String {
    let what = match &status.stopped {
        Some(stopped) => format!("is stopped ({})", reason(stopped)),
        None => state_text(status.state).to_owned(),
    };
    let (coroutines, kibibytes, clients) = (status.coroutines, status.memory / 1024, status.clients);
    format!("the program {what}; {coroutines} coroutines, {kibibytes} KiB, {clients} clients")
}

fn reason(stopped: &Stopped) -> String {
    let word = match stopped.reason {
        StopReason::Entry => "entry",
        StopReason::Breakpoint => "breakpoint",
        StopReason::Step => "step",
        StopReason::Pause => "pause",
        StopReason::Error => "error",
    };
    match &stopped.text {
        Some(text) => format!("{word}: {text}"),
        None => word.into(),
    }
}

/// Where and why the program has stopped.
pub fn stopped(client: &Client, stopped: &Stopped) -> String {
    let innermost = client.request(Stack { coroutine: stopped.coroutine, start: 0, count: Some(1) });
    let place = match innermost.ok().and_then(|stack| stack.frames.into_iter().next()) {
        Some(frame) => format!(" at {}", frame_text(&frame)),
        None => String::new(),
    };
    format!("stopped{place} ({}), coroutine {}", reason(stopped), stopped.coroutine)
}

/// All coroutines, one a line.
pub fn coroutines(client: &Client) -> Result<String, ClientError> {
    let coroutines = client.request(Coroutines {})?.coroutines;
    Ok(coroutines.iter().map(coroutine_line).collect())
}

fn coroutine_line(coroutine: &Coroutine) -> String {
    let status = match coroutine.status {
        CoroutineStatus::Running => "running",
        CoroutineStatus::Suspended => "suspended",
        CoroutineStatus::Normal => "normal",
        CoroutineStatus::Dead => "dead",
    };
    let place = coroutine.location.as_ref().map_or(String::new(), place);
    format!("{:>5}  {status:<9}  {place:<24}  {}\n", coroutine.id, coroutine.name)
}

/// A coroutine's frames, numbered from the innermost, and their ids.
pub fn stack(client: &Client, coroutine: u64) -> Result<(String, Vec<u64>), ClientError> {
    let stack = client.request(Stack { coroutine, start: 0, count: Some(FRAMES) })?;
    let mut text = String::new();
    for (number, frame) in stack.frames.iter().enumerate() {
        text += &format!("{number:>5}  {}\n", frame_text(frame));
    }
    let more = (stack.total as usize).saturating_sub(stack.frames.len());
    if more > 0 {
        text += &format!("       and {more} more\n");
    }
    Ok((text, stack.frames.into_iter().map(|frame| frame.id).collect()))
}

fn frame_text(frame: &Frame) -> String {
    let place = frame.location.as_ref().map_or("[native]".into(), place);
    let outdated = if frame.outdated { " (redefined since)" } else { "" };
    format!("{place}  {}{outdated}", frame.name)
}

fn place(location: &Location) -> String {
    format!("{}:{}", location.source.name, location.line)
}

/// What a redefinition did.
pub fn redefined(result: &RedefineResult) -> String {
    let replaced = result.functions.iter().map(|function| {
        let old = if function.running > 0 { format!(", {} calls finish the old code", function.running) } else { String::new() };
        format!("redefined {} ({} closures{old})", function.name, function.closures)
    });
    let added = result.added.iter().map(|name| format!("new: {name}"));
    let removed = result.removed.iter().map(|name| format!("gone, but callable: {name}"));
    let lines: Vec<String> = replaced.chain(added).chain(removed).collect();
    if lines.is_empty() { "nothing differs from what runs".into() } else { lines.join("\n") }
}

/// Why a redefinition was refused.
pub fn refused(path: &str, failure: &Failure) -> String {
    let reasons = failure.refusals.iter().map(|refusal| {
        format!("\n  {path}:{}:{}: {}", refusal.start.line, refusal.start.column, refusal.message)
    });
    failure.message.clone() + &reasons.collect::<String>()
}
