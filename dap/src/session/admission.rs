//! Which request may come when.
//!
//! Clients send configuration in different orders around `launch`. What needs
//! the program waits while one is being started. Breakpoints that come before
//! anybody said `launch` wait a moment, too: with a program the answer says
//! whether they are good, and a client that wants its answer first gets one
//! without a program.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::{Alarm, Answer, Outcome, Pending, Phase, Session};
use crate::envelope::Request;
use crate::handler::{self, Handler};
use crate::refusal::{Reason, Refusal};

/// How long configuration waits for `launch` or `attach`.
const PATIENCE: Duration = Duration::from_secs(1);
/// Requests that may be under way at a time.
const LIMIT: usize = 1000;

/// When a request makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At any time.
    Always,
    /// As the very first.
    First,
    /// Without a program.
    Idle,
    /// Before the program and with it; the sooner there is one the better.
    Configuring,
    /// As `Configuring`, and when the program has ended already, which is no mistake of the client's.
    Beginning,
    /// With a program.
    Connected,
    /// With a program that is not just being told to go on, which a pause would overtake.
    Settled,
}

enum Verdict {
    Run,
    Hold,
    Refuse(Refusal),
}

impl Session {
    /// Takes a request: runs it, lets it wait, or refuses it.
    pub(super) fn on_request(&mut self, request: Request) {
        let Some(handler) = handler::find(&request.call.command) else {
            let text = format!("unknown request `{}`", request.call.command);
            let refusal = Refusal::new(Reason::UnknownRequest, text);
            return self.writer.respond(&request.call, &Err(refusal));
        };
        match self.verdict(handler.when) {
            Verdict::Run => self.run_request(handler, request),
            Verdict::Refuse(refusal) => self.writer.respond(&request.call, &Err(refusal)),
            Verdict::Hold => {
                if matches!(self.phase, Phase::Idle) && self.held.is_empty() {
                    self.set_alarm(PATIENCE, Alarm::Configuration);
                }
                self.held.push(request);
            }
        }
    }

    fn verdict(&self, when: When) -> Verdict {
        let refuse = |text: &str| Verdict::Refuse(Refusal::new(Reason::OutOfOrder, text));
        match (&self.phase, when) {
            (_, When::Always) | (Phase::New, When::First) | (Phase::Over, When::Beginning) => Verdict::Run,
            (Phase::New, _) => refuse("the first request must be `initialize`"),
            (_, When::First) => refuse("`initialize` comes only once"),
            (Phase::Over, _) => Verdict::Refuse(Refusal::ended()),
            _ if self.held.len() + self.pending.len() >= LIMIT => refuse("too many requests are under way"),
            (Phase::Idle, When::Idle) => Verdict::Run,
            (Phase::Idle, When::Configuring | When::Beginning) if self.configures_early => Verdict::Run,
            (Phase::Idle | Phase::Starting(_), When::Configuring | When::Beginning) => Verdict::Hold,
            (Phase::Idle, When::Connected | When::Settled) => refuse("there is no program: `launch` or `attach` first"),
            (Phase::Starting(_), When::Idle) => refuse("a program is being started already"),
            (Phase::Starting(_), When::Connected | When::Settled) => Verdict::Hold,
            (Phase::Connected, When::Idle) => refuse("there is a program already"),
            (Phase::Connected, When::Settled) if self.is_resuming => Verdict::Hold,
            (Phase::Connected, _) => Verdict::Run,
        }
    }

    /// Runs a request and answers it, now or later.
    fn run_request(&mut self, handler: &Handler, request: Request) {
        let Request { call, arguments } = request;
        let seq = call.seq;
        if self.pending.contains_key(&seq) {
            let text = format!("request number {seq} is under way already");
            return self.writer.respond(&call, &Err(Refusal::new(Reason::BadArguments, text)));
        }
        self.pending.insert(seq, Pending::new(call.clone()));
        let run = AssertUnwindSafe(|| (handler.run)(self, &call, arguments));
        let outcome: Outcome = catch_unwind(run).unwrap_or_else(|_| {
            Err(Refusal::new(Reason::Internal, "internal error in the debug adapter").shown())
        });
        match outcome {
            Ok(Answer::Now(body)) => self.finish(seq, &Ok(body)),
            Ok(Answer::NowThen(body, next)) => {
                self.finish(seq, &Ok(body));
                next(self);
            }
            Ok(Answer::Later) => {}
            Err(refusal) => self.finish(seq, &Err(refusal)),
        }
    }

    /// Runs what has waited, as far as it makes sense by now.
    pub fn release_held(&mut self) {
        for request in std::mem::take(&mut self.held) {
            self.on_request(request);
        }
    }

    /// Runs the configuration that has waited long enough for a program.
    pub(super) fn configure_without_program(&mut self) {
        if !matches!(self.phase, Phase::Idle) {
            return;
        }
        self.configures_early = true;
        self.release_held();
    }
}
