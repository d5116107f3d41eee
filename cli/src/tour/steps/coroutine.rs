//! Every coroutine with its stack, not only the one that runs.

use serde_json::{Value as Json, json};

use super::Step;
use crate::tour::print::Ink;
use crate::tour::{Seen, Tour, surprise};

/// The step.
pub const STEP: Step = Step {
    title: "All coroutines, with their stacks",
    about: "Coroutines are the debugger's threads. One stands at the breakpoint, the main one resumed it, the \
            others wait, and each says in which line.",
    protocol: "debug adapter: threads, stackTrace",
    run,
};

/// The main coroutine, the producer, three workers and the ticker.
const COUNT: usize = 6;
/// Functions in which some coroutine must be.
const EXPECTED: &[&str] = &["work", "pop", "sleep"];
const FRAMES: usize = 3;

fn run(tour: &mut Tour) -> Seen<()> {
    let stopped = tour.stop()?.thread;
    let dap = tour.dap()?;
    let threads = dap.request("threads", json!({}))?;
    let threads = threads["threads"].as_array().cloned().unwrap_or_default();
    let mut seen = String::new();
    let mut lines = Vec::new();
    for thread in &threads {
        let stack = dap.request("stackTrace", json!({ "threadId": thread["id"], "levels": 20 }))?;
        let name = thread["name"].as_str().unwrap_or("?");
        let mark = if thread["id"] == stopped { ">" } else { " " };
        lines.push((Ink::Bright, format!("{mark} {name}")));
        let frames = stack["stackFrames"].as_array().cloned().unwrap_or_default();
        seen += &frames.iter().map(|frame| frame["name"].to_string()).collect::<String>();
        lines.extend(frames.iter().take(FRAMES).map(|frame| (Ink::Faint, frame_text(frame))));
        if frames.len() > FRAMES {
            lines.push((Ink::Faint, format!("      and {} more", frames.len() - FRAMES)));
        }
    }
    for (ink, line) in lines {
        tour.print.line(tour.print.ink(ink, line));
    }
    if threads.len() != COUNT {
        return Err(surprise(format!("{COUNT} coroutines"), format!("{}", threads.len())));
    }
    match EXPECTED.iter().find(|name| !seen.contains(**name)) {
        Some(missing) => Err(surprise(format!("a coroutine in {missing}"), seen)),
        None => Ok(()),
    }
}

fn frame_text(frame: &Json) -> String {
    let name = frame["name"].as_str().unwrap_or("?");
    match frame["source"]["name"].as_str() {
        Some(source) => format!("      {name:<24} {source}:{}", frame["line"]),
        None => format!("      {name}"),
    }
}
