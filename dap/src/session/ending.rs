//! How a program, and with it the conversation, ends.
//!
//! A child has ended when it is reaped and its output is read; a program that
//! is none has ended when its connection has. Either way the client is told
//! once, and whatever it waits for is refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use perilune_live::protocol::Terminate;
use serde_json::{Value as Json, json};

use super::drain::Drains;
use super::{Origin, Phase, Session};
use crate::event;
use crate::input::{ChildInput, Stream};
use crate::process::{Child, Exit, Urgency, signal_other};
use crate::refusal::{Reason, Refusal};
use crate::types::body::Output;

/// How long a program may take to end when it is asked to, and again when it gets a signal.
const PATIENCE: Duration = Duration::from_secs(1);
/// How much of what a child wrote before it could be reached is told when it cannot be.
const LAST_WORDS: usize = 4000;

/// What to look at when the time comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// Configuration waits for a program that nobody has asked for.
    Configuration,
    /// Nobody has found this start's program.
    Search(u64),
    /// An evaluation was interrupted.
    Interrupt {
        /// Its request.
        seq: i64,
        /// How often.
        times: u32,
    },
    /// The program was asked to end, or its connection was cut.
    Polite,
    /// The program got a signal.
    Final,
}

/// What is known about the program's end.
#[derive(Default)]
pub struct Ending {
    /// The process, if it is a child of ours.
    pub child: Option<Child>,
    /// Set when nobody needs the program any more that is being looked for.
    pub search: Arc<AtomicBool>,
    /// What waits for the child's output.
    pub(super) drains: Drains,
    exit: Option<Exit>,
    is_drained: bool,
    /// The exit code, as the program announced it.
    announced: Option<i32>,
    is_cut: bool,
    /// Whether it is being made to end.
    is_wanted: bool,
    /// Requests that are answered when it has.
    waiting: Vec<i64>,
    is_client_gone: bool,
    last_words: String,
}

impl Session {
    /// Makes the program end: by request, then by signal.
    pub fn terminate(&mut self) {
        if self.ending.is_wanted || matches!(self.phase, Phase::Over) {
            return;
        }
        self.ending.is_wanted = true;
        if self.program.is_some() {
            self.ask_aside(super::Order::AtOnce, Terminate {}, |_, _| {});
            self.set_alarm(PATIENCE, Alarm::Polite);
        } else {
            self.on_alarm(Alarm::Polite);
        }
    }

    /// As `terminate`; the request is answered when the program has ended.
    pub fn terminate_and_leave(&mut self, seq: i64) {
        self.ending.waiting.push(seq);
        self.terminate();
    }

    /// Leaves the program as it is.
    pub fn leave(&mut self) {
        // What is not there at the end is not killed.
        self.ending.child = None;
        self.is_finished = true;
    }

    pub(super) fn on_alarm(&mut self, alarm: Alarm) {
        match alarm {
            Alarm::Configuration => self.configure_without_program(),
            Alarm::Search(number) => self.on_search_over(number),
            Alarm::Interrupt { seq, times } => self.interrupt_again(seq, times),
            Alarm::Polite => {
                self.signal(Urgency::Polite);
                self.set_alarm(PATIENCE, Alarm::Final);
            }
            Alarm::Final => {
                self.signal(Urgency::Final);
                // What is no child is given up; a child will be reaped.
                if let Some(program) = &self.program {
                    program.close();
                }
            }
        }
    }

    fn signal(&self, urgency: Urgency) {
        let is_there = self.ending.exit.is_none();
        match (&self.ending.child, &self.program, urgency) {
            (Some(child), _, Urgency::Polite) if is_there => child.terminate(),
            (Some(child), _, Urgency::Final) if is_there => child.kill(),
            // As long as it holds the connection, the number is its own.
            (None, Some(program), urgency) if program.origin == Origin::Terminal && !self.ending.is_cut => {
                signal_other(program.info.pid, urgency);
            }
            _ => {}
        }
    }

    pub(super) fn on_child(&mut self, input: ChildInput) {
        match input {
            ChildInput::Wrote(stream, text) => self.on_wrote(stream, &text),
            ChildInput::Drained(stream) => self.on_drained(stream),
            ChildInput::Exited => self.on_exited(),
        }
    }

    fn on_wrote(&mut self, stream: Stream, text: &str) {
        if stream == Stream::Stderr && matches!(self.phase, Phase::Starting(_)) {
            let room = LAST_WORDS.saturating_sub(self.ending.last_words.len());
            self.ending.last_words.push_str(&text[..text.floor_char_boundary(room)]);
        }
        let output = Output { category: stream.category(), output: text.to_owned(), ..Output::default() };
        self.event("output", output);
    }

    fn on_exited(&mut self) {
        if let Some(child) = &mut self.ending.child {
            self.ending.exit = Some(child.reap());
            // The pipes themselves may stay open: its own children may hold them.
            self.after_output(|session| {
                session.ending.is_drained = true;
                session.check_end();
            });
        }
    }

    /// The program says that it ends.
    pub(super) fn on_announced(&mut self, exit_code: i32) {
        self.ending.announced = Some(exit_code);
    }

    pub(super) fn on_live_gone(&mut self) {
        self.ending.is_cut = true;
        if let (Some(_), None) = (&self.ending.child, self.ending.exit) {
            // It should be about to end.
            self.set_alarm(PATIENCE, Alarm::Polite);
        }
        self.check_end();
    }

    /// Looks whether everything that belongs to the program's end has happened.
    pub fn check_end(&mut self) {
        let ending = &self.ending;
        let is_over = match (&ending.child, &self.program) {
            (Some(_), program) => {
                // What the program told before its end is on the connection until that is cut.
                let is_told = program.is_none() || ending.is_cut;
                ending.exit.is_some() && ending.is_drained && is_told
            }
            (None, Some(_)) => ending.is_cut,
            (None, None) => false,
        };
        if let (true, Some(program), 1..) = (is_over, &self.program, self.jobs) {
            // What the program has answered is passed on first; the rest fails now.
            return program.close();
        }
        match self.phase {
            Phase::Starting(_) if is_over => self.fail_start(&self.stillborn()),
            Phase::Connected if is_over => self.end(),
            _ => {}
        }
    }

    /// Why a child that ended too early could not be debugged.
    fn stillborn(&self) -> Refusal {
        let how = self.ending.exit.map_or_else(String::new, |exit| format!(" {exit}"));
        let words = self.ending.last_words.trim_end();
        let words = if words.is_empty() { String::new() } else { format!(": {words}") };
        Refusal::new(Reason::NoProgram, format!("the program ended{how} before it could be reached{words}"))
    }

    fn end(&mut self) {
        if let Some(words) = self.obituary() {
            let output = Output { category: "stderr", output: words, ..Output::default() };
            self.event("output", output);
        }
        let exit_code = self.ending.exit.map(Exit::code).or(self.ending.announced);
        if let Some(program) = self.program.take() {
            program.close();
        }
        self.refuse_everything();
        if let Some(code) = exit_code {
            self.event("exited", json!({ "exitCode": code }));
        }
        self.event_alone("terminated");
        self.phase = Phase::Over;
        let waiting = std::mem::take(&mut self.ending.waiting);
        self.is_finished |= self.ending.is_client_gone || !waiting.is_empty();
        for seq in waiting {
            self.finish(seq, &Ok(Json::Null));
        }
    }

    /// How the program ended, if it did so without announcing it and nobody wanted it.
    fn obituary(&self) -> Option<String> {
        if self.ending.announced.is_some() || self.ending.is_wanted {
            return None;
        }
        Some(match self.ending.exit {
            Some(exit) => format!("the program ended {exit}\n"),
            None => "the connection to the program was lost\n".to_owned(),
        })
    }

    fn refuse_everything(&mut self) {
        self.events.clear();
        self.evaluations.clear();
        let refusal = || Err(Refusal::ended());
        for request in std::mem::take(&mut self.held) {
            self.writer.respond(&request.call, &refusal());
        }
        let mut open: Vec<i64> = self.pending.keys().copied().collect();
        open.retain(|seq| !self.ending.waiting.contains(seq));
        open.sort_unstable();
        for seq in open {
            self.finish(seq, &refusal());
        }
    }

    /// The client hung up: what was started for it ends, what was there before goes on.
    pub(super) fn on_client_gone(&mut self) {
        if std::mem::replace(&mut self.ending.is_client_gone, true) {
            return;
        }
        let is_ours = self.program.as_ref().is_some_and(|program| program.origin.is_ours());
        if matches!(self.phase, Phase::Connected) && is_ours {
            self.terminate();
        } else {
            self.is_finished = true;
        }
    }

    /// Nothing is left behind.
    pub(super) fn abandon(&mut self) {
        self.ending.search.store(true, Ordering::Release);
        if let Some(program) = self.program.take() {
            program.close();
        }
        if let (Some(child), None) = (&mut self.ending.child, self.ending.exit) {
            child.kill();
            child.reap();
        }
        self.ending.child = None;
    }

    /// What a new start needs: nothing of an old one that failed.
    pub fn renew_ending(&mut self) {
        let is_client_gone = self.ending.is_client_gone;
        let old = std::mem::replace(&mut self.ending, Ending { is_client_gone, ..Ending::default() });
        for then in old.drains.into_waiting() {
            then(self);
        }
    }

    /// Adds a note for the person to the output.
    pub fn note(&mut self, text: &str) {
        self.event("output", event::note(text));
    }
}
