//! Requests to the program: in which order they are sent, and what follows.

use std::sync::{Arc, Mutex, PoisonError};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use perilune_live::client::{Client, ClientError};
use perilune_live::protocol::{Empty, Interrupt, Method};
use serde_json::Value as Json;

use super::{Alarm, Answer, Course, Outcome, Session};
use crate::envelope::Call;
use crate::input::Input;
use crate::refusal::Refusal;

/// How long an evaluation may take to end when it is first interrupted; longer each time.
const AGAIN: Duration = Duration::from_millis(100);
/// How often that becomes longer.
const DOUBLINGS: u32 = 5;

/// When a request to the program is sent, and what waits for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// After the requests before it.
    InTurn,
    /// As `InTurn`, and no event of the program is passed on before the response.
    BeforeEvents,
    /// After the evaluations before it; it may never end.
    Evaluation,
    /// After the pauses before it; no event of the program is passed on before the response.
    Pause,
    /// At once, whatever else waits; its answer is not waited for long.
    AtOnce,
}

impl Order {
    fn closes_gate(self) -> bool {
        matches!(self, Order::BeforeEvents | Order::Pause)
    }
}

/// A request of the client whose answer is to come.
#[derive(Debug)]
pub struct Pending {
    /// What to answer.
    pub call: Call,
    stage: Stage,
}

impl Pending {
    /// For a request that was just taken.
    pub fn new(call: Call) -> Pending {
        Pending { call, stage: Stage::default() }
    }
}

/// How far a request to the program is; two threads may want to move it on.
#[derive(Clone, Debug, Default)]
struct Stage(Arc<AtomicU8>);

const QUEUED: u8 = 0;
const SENT: u8 = 1;
const WITHDRAWN: u8 = 2;

impl Stage {
    /// Whether it may be sent.
    fn send(&self) -> bool {
        self.0.compare_exchange(QUEUED, SENT, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Whether it was sent already.
    fn withdraw(&self) -> bool {
        self.0.swap(WITHDRAWN, Ordering::AcqRel) == SENT
    }
}

/// The evaluation that the program was asked for and has not answered.
///
/// An interruption ends whatever evaluation it meets. So it is only sent while
/// the one it is meant for is under way, and the next one is sent after it.
#[derive(Clone, Debug, Default)]
pub struct UnderWay(Arc<Mutex<Option<i64>>>);

impl UnderWay {
    fn during<T>(&self, seq: i64, job: impl FnOnce() -> T) -> T {
        self.set(Some(seq));
        let result = job();
        self.set(None);
        result
    }

    fn set(&self, seq: Option<i64>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = seq;
    }

    fn interrupt(&self, seq: i64, client: &Client) -> Result<Empty, Refusal> {
        let current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if *current != Some(seq) {
            return Ok(Empty {});
        }
        // The program may be unable to answer; what is sent to it next comes after this all the same.
        client.request_timeout(Interrupt {}, AGAIN).map_err(Refusal::from)
    }
}

impl Session {
    /// Asks the program for the answer to a request.
    pub fn ask<M>(
        &mut self,
        call: &Call,
        order: Order,
        params: M,
        then: impl FnOnce(&mut Session, M::Result) -> Result<Json, Refusal> + Send + 'static,
    ) -> Outcome
    where
        M: Method + Send + 'static,
        M::Result: Send + 'static,
    {
        self.work(call, order, move |client| client.request(params), then)
    }

    /// As `ask`, for what takes more than one request to the program.
    pub fn work<T: Send + 'static>(
        &mut self,
        call: &Call,
        order: Order,
        job: impl FnOnce(&Client) -> Result<T, ClientError> + Send + 'static,
        then: impl FnOnce(&mut Session, T) -> Result<Json, Refusal> + Send + 'static,
    ) -> Outcome {
        let seq = call.seq;
        let stage = self.pending.get(&seq).map(|pending| pending.stage.clone()).unwrap_or_default();
        if order == Order::Evaluation {
            self.evaluations.push_back(seq);
        }
        let under_way = (order == Order::Evaluation).then(|| self.under_way.clone());
        let job = move |client: &Client| {
            if !stage.send() {
                return Err(Refusal::cancelled());
            }
            let result = match under_way {
                Some(under_way) => under_way.during(seq, || job(client)),
                None => job(client),
            };
            result.map_err(Refusal::from)
        };
        self.submit(order, job, move |session, result| {
            session.evaluations.retain(|evaluation| *evaluation != seq);
            let finish = move |session: &mut Session| {
                let result = result.and_then(|result| then(session, result));
                session.finish_unless_ended(seq, result);
            };
            // Only evaluations write anything.
            if order == Order::Evaluation { session.after_output(finish) } else { finish(session) }
        });
        Ok(Answer::Later)
    }

    /// Lets the program begin or go on. The response comes before whatever it does next.
    pub fn resume<M>(&mut self, call: &Call, params: M, body: Json) -> Outcome
    where
        M: Method<Result = Empty> + Send + 'static,
    {
        self.is_resuming = true;
        let seq = call.seq;
        self.ask_aside(Order::BeforeEvents, params, move |session, result| {
            session.is_resuming = false;
            if result.is_ok() {
                session.course = Course::Running;
                session.handles.clear();
            }
            // A program that went on to its end at once has gone on.
            let result = match result {
                Err(refusal) if refusal != Refusal::ended() => Err(refusal),
                _ => Ok(body),
            };
            session.finish(seq, &result);
            session.release_held();
        });
        Ok(Answer::Later)
    }

    /// All that is open at the end is answered together, when it is known how the program ended.
    fn finish_unless_ended(&mut self, seq: i64, result: Result<Json, Refusal>) {
        let has_ended = matches!(&result, Err(refusal) if *refusal == Refusal::ended());
        if !has_ended || self.program.is_none() {
            self.finish(seq, &result);
        }
    }

    /// Asks the program for something that no request of the client is about.
    pub fn ask_aside<M>(
        &mut self,
        order: Order,
        params: M,
        then: impl FnOnce(&mut Session, Result<M::Result, Refusal>) + Send + 'static,
    ) where
        M: Method + Send + 'static,
        M::Result: Send + 'static,
    {
        let job = move |client: &Client| match order {
            // A program inside of an evaluation answers after it; what is sent next may be what ends it.
            Order::AtOnce => client.request_timeout(params, AGAIN),
            _ => client.request(params),
        };
        self.submit(order, move |client| job(client).map_err(Refusal::from), then);
    }

    fn submit<T: Send + 'static>(
        &mut self,
        order: Order,
        job: impl FnOnce(&Client) -> Result<T, Refusal> + Send + 'static,
        then: impl FnOnce(&mut Session, Result<T, Refusal>) + Send + 'static,
    ) {
        let closes_gate = order.closes_gate();
        self.gate += u32::from(closes_gate);
        self.jobs += 1;
        let done = move |session: &mut Session, result| {
            session.gate -= u32::from(closes_gate);
            session.jobs -= 1;
            then(session, result);
            session.check_end();
        };
        let Some(program) = &self.program else {
            return done(self, Err(Refusal::ended()));
        };
        let mut promise = Promise { inputs: self.inputs.clone(), done: Some(Box::new(done)) };
        program.submit(order, Box::new(move |client| promise.keep(job(client))));
    }

    /// Withdraws a request that is an evaluation; whether it was one.
    pub fn withdraw(&mut self, seq: i64) -> bool {
        if !self.evaluations.contains(&seq) {
            return false;
        }
        let was_sent = self.pending.get(&seq).is_some_and(|pending| pending.stage.withdraw());
        self.finish(seq, &Err(Refusal::cancelled()));
        if was_sent {
            self.interrupt();
        }
        true
    }

    /// Ends the evaluation under way, if there is one.
    pub fn interrupt(&mut self) {
        if let Some(seq) = self.evaluations.front().copied() {
            self.interrupt_again(seq, 0);
        }
    }

    /// It may have been overtaken on its way to the program, or have caught the error that should end it.
    pub(super) fn interrupt_again(&mut self, seq: i64, times: u32) {
        if self.evaluations.front() == Some(&seq) {
            let under_way = self.under_way.clone();
            self.submit(Order::AtOnce, move |client| under_way.interrupt(seq, client), |_, _| {});
            let pause = AGAIN * 2_u32.pow(times.min(DOUBLINGS));
            self.set_alarm(pause, Alarm::Interrupt { seq, times: times + 1 });
        }
    }
}

/// What is to follow from a job; it follows, too, when the job is lost.
struct Promise<T: Send + 'static> {
    inputs: SyncSender<Input>,
    done: Option<Done<T>>,
}

type Done<T> = Box<dyn FnOnce(&mut Session, Result<T, Refusal>) + Send>;

impl<T: Send + 'static> Promise<T> {
    fn keep(&mut self, result: Result<T, Refusal>) {
        if let Some(done) = self.done.take() {
            // A session that is over owes nothing.
            let _ = self.inputs.send(Input::Completed(Box::new(move |session| done(session, result))));
        }
    }
}

impl<T: Send + 'static> Drop for Promise<T> {
    fn drop(&mut self) {
        self.keep(Err(Refusal::ended()));
    }
}
