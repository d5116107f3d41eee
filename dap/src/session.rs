//! One conversation with one client, from `initialize` to its end.
//!
//! A session has one thread. Whatever takes time (the client's stream, the
//! child's pipes, every request to the program) is on other threads, which only
//! put inputs into the session's queue. Its rules:
//!
//! 1. Each request is answered exactly once, by `finish`.
//! 2. Events of the program are passed on in their order, and none overtakes
//!    the response of a request that lets the program go on or changes its
//!    breakpoints: they wait while the gate is closed (`job`).
//! 3. What the program wrote before a stop, a result or its end is told before
//!    it (`drain`).
//! 4. `terminated` is sent once; after it the client only gets responses (`ending`).

mod admission;
mod drain;
mod ending;
mod job;
mod program;
mod start;

use std::collections::{HashMap, VecDeque};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::{Duration, Instant};

use perilune_live::protocol::{Event, Stopped};
use serde::Serialize;
use serde_json::Value as Json;

use crate::Options;
use crate::breakpoint::Breakpoints;
use crate::conversion::Convention;
use crate::envelope::{Incoming, Malformed, Request, Response, Writer};
use crate::event;
use crate::handle::Handles;
use crate::input::{Completion, Input};
use crate::refusal::{Reason, Refusal};
use crate::transport::FrameError;
use crate::types::argument::Initialize;

pub use admission::When;
pub use ending::{Alarm, Ending};
pub use job::{Order, Pending, UnderWay};
pub use program::{Origin, Program};
pub use start::{Found, Plan, Search, hello};

/// What a handler does about a request.
pub type Outcome = Result<Answer, Refusal>;

/// An answer that is there, or one that will be.
#[derive(Debug)]
pub enum Answer {
    /// The response's body.
    Now(Json),
    /// The response's body, and what happens right after the response.
    NowThen(Json, fn(&mut Session)),
    /// The session will `finish` the request.
    Later,
}

/// Makes a body an answer.
pub fn answer(body: impl Serialize) -> Outcome {
    to_json(body).map(Answer::Now)
}

/// A body as JSON.
pub fn to_json(body: impl Serialize) -> Result<Json, Refusal> {
    serde_json::to_value(body).map_err(|error| Refusal::new(Reason::Internal, format!("internal error: {error}")))
}

/// Where the conversation stands.
#[derive(Clone, Debug)]
pub enum Phase {
    /// Before `initialize`.
    New,
    /// Before `launch` or `attach`.
    Idle,
    /// The request with this number starts or looks for a program.
    Starting(i64),
    /// There is a program.
    Connected,
    /// `terminated` was sent.
    Over,
}

/// What the program does, as far as the client was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Course {
    /// It waits for `configurationDone`, or runs.
    Running,
    /// It stands.
    Stopped(Stopped),
}

/// What the client can do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Abilities {
    /// Takes types of variables.
    pub types: bool,
    /// Starts programs in a terminal.
    pub terminals: bool,
    /// Takes the event `invalidated`.
    pub invalidation: bool,
}

/// What follows from the client's answer to a request of ours.
pub type Continuation = Box<dyn FnOnce(&mut Session, Result<Json, String>) + Send>;

/// The state of a conversation.
pub struct Session {
    /// How the adapter was started.
    pub options: Options,
    /// Where other threads put what happens.
    pub inputs: SyncSender<Input>,
    /// The client's ear.
    pub writer: Writer,
    /// The client's counting and names.
    pub convention: Convention,
    /// What the client can do.
    pub abilities: Abilities,
    /// Where the conversation stands.
    pub phase: Phase,
    /// Counts starts, failed ones included.
    pub start_number: u64,
    /// What the client wants of the program that is started.
    pub plan: Plan,
    /// Whether `configurationDone` came.
    pub is_configured: bool,
    /// Whether the client wants its configuration answered before it starts a program.
    pub configures_early: bool,
    /// The client's breakpoints.
    pub breakpoints: Breakpoints,
    /// Which errors stop the program, once the client said so.
    pub error_stops: Option<perilune_live::protocol::ErrorStops>,
    /// Whether the program was just told to begin or to go on.
    pub is_resuming: bool,
    /// Frames and values that the client knows.
    pub handles: Handles,
    /// Coroutines that the client knows, with their names.
    pub threads: Vec<(u64, String)>,
    /// The program, while it is connected.
    pub program: Option<Program>,
    /// What the program does.
    pub course: Course,
    /// The child and how everything ends.
    pub ending: Ending,
    /// Requests whose answer is to come.
    pub pending: HashMap<i64, Pending>,
    /// Evaluations in their order; the first one is under way.
    pub evaluations: VecDeque<i64>,
    /// The one of them that the program was asked for.
    pub under_way: UnderWay,
    /// Requests that wait for a program.
    pub held: Vec<Request>,
    /// Requests to the client that it has not answered.
    pub questions: HashMap<i64, Continuation>,
    /// Requests to the program that have no answer yet.
    pub jobs: u32,
    /// How many things must be done before the next event of the program is passed on.
    pub gate: u32,
    /// Events of the program that wait for the gate.
    pub events: VecDeque<Event>,
    /// When to look whether something has happened.
    pub alarms: Vec<(Instant, Alarm)>,
    /// Whether the conversation is over.
    pub is_finished: bool,
}

impl Session {
    /// A conversation that has not begun.
    pub fn new(options: Options, inputs: SyncSender<Input>, output: Box<dyn Write + Send>) -> Session {
        Session {
            options,
            inputs,
            writer: Writer::new(output),
            convention: Convention::default(),
            abilities: Abilities::default(),
            phase: Phase::New,
            start_number: 0,
            plan: Plan::default(),
            is_configured: false,
            configures_early: false,
            breakpoints: Breakpoints::default(),
            error_stops: None,
            is_resuming: false,
            handles: Handles::default(),
            threads: Vec::new(),
            program: None,
            course: Course::Running,
            ending: Ending::default(),
            pending: HashMap::new(),
            evaluations: VecDeque::new(),
            under_way: UnderWay::default(),
            held: Vec::new(),
            questions: HashMap::new(),
            jobs: 0,
            gate: 0,
            events: VecDeque::new(),
            alarms: Vec::new(),
            is_finished: false,
        }
    }

    /// Takes what happens until the conversation is over; why it ended, if not as it should.
    pub fn run(mut self, inputs: &Receiver<Input>) -> Result<(), FrameError> {
        let mut broken = None;
        while !self.is_finished {
            match self.next(inputs) {
                Some(Input::ClientGone(error)) => {
                    broken = broken.or(error);
                    self.on_client_gone();
                }
                Some(input) => self.take(input),
                None => self.ring(),
            }
            self.deliver();
            if self.writer.is_broken() {
                self.on_client_gone();
            }
        }
        self.abandon();
        broken.map_or(Ok(()), Err)
    }

    /// What happens next; `None` when an alarm is due first.
    fn next(&self, inputs: &Receiver<Input>) -> Option<Input> {
        let Some(due) = self.alarms.iter().map(|(due, _)| *due).min() else {
            // The session itself has a sender, so the queue never closes.
            return inputs.recv().ok();
        };
        inputs.recv_timeout(due.saturating_duration_since(Instant::now())).ok()
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Message(Incoming::Request(request)) => self.on_request(request),
            Input::Message(Incoming::Response(response)) => self.on_response(response),
            Input::Malformed(malformed) => self.on_malformed(&malformed),
            Input::ClientGone(_) => self.on_client_gone(),
            Input::Live(event) => self.on_live(event),
            Input::LiveGone => self.on_live_gone(),
            // One of a start that failed is no concern any more.
            Input::Child(number, input) if number == self.start_number => self.on_child(input),
            Input::Child(..) => {}
            Input::Completed(completion) => self.on_completed(completion),
        }
    }

    fn on_malformed(&mut self, malformed: &Malformed) {
        let refusal = Refusal::new(Reason::BadArguments, &malformed.text);
        self.writer.respond(&malformed.call, &Err(refusal));
    }

    fn on_response(&mut self, response: Response) {
        if let Some(continuation) = self.questions.remove(&response.request_seq) {
            continuation(self, response.body);
        }
    }

    fn on_completed(&mut self, completion: Completion) {
        let outcome = catch_unwind(AssertUnwindSafe(|| completion(self)));
        if outcome.is_err() {
            self.event("output", event::note("internal error in the debug adapter\n"));
        }
    }

    /// Log messages are passed on at once, whatever waits: they may be many, and nothing depends on their order.
    fn on_live(&mut self, event: Event) {
        match event {
            Event::Output(output) => event::output(self, output),
            Event::Terminated { exit_code } => self.on_announced(exit_code),
            Event::Stopped(stopped) => self.on_stopped(stopped),
            event => self.events.push_back(event),
        }
    }

    /// A stop is passed on after what the program wrote before it.
    fn on_stopped(&mut self, stopped: Stopped) {
        self.events.push_back(Event::Stopped(stopped));
        self.gate += 1;
        self.after_output(|session| session.gate -= 1);
    }

    /// Passes on the program's events as long as nothing is in their way.
    fn deliver(&mut self) {
        while self.gate == 0 {
            let Some(event) = self.events.pop_front() else { return };
            event::pass_on(self, event);
        }
    }

    /// Answers a request, once; one that was withdrawn has its answer already.
    pub fn finish(&mut self, seq: i64, result: &Result<Json, Refusal>) {
        if let Some(pending) = self.pending.remove(&seq) {
            self.writer.respond(&pending.call, result);
        }
    }

    /// Tells the client something, unless it was told that everything is over.
    pub fn event(&mut self, name: &str, body: impl Serialize) {
        if !matches!(self.phase, Phase::Over) {
            self.writer.event(name, Some(body));
        }
    }

    /// As `event`, for events that have nothing more to say.
    pub fn event_alone(&mut self, name: &str) {
        if !matches!(self.phase, Phase::Over) {
            self.writer.event(name, None::<Json>);
        }
    }

    /// Rings after some time.
    pub fn set_alarm(&mut self, after: Duration, alarm: Alarm) {
        self.alarms.push((Instant::now() + after, alarm));
    }

    fn ring(&mut self) {
        let now = Instant::now();
        let (due, later) = std::mem::take(&mut self.alarms).into_iter().partition(|(due, _)| *due <= now);
        self.alarms = later;
        let due: Vec<(Instant, Alarm)> = due;
        for (_, alarm) in due {
            self.on_alarm(alarm);
        }
    }

    /// Learns what the client is like.
    pub fn meet(&mut self, client: &Initialize) {
        self.convention = Convention::new(client);
        self.abilities = Abilities {
            types: client.supports_variable_type == Some(true),
            terminals: client.supports_run_in_terminal_request == Some(true),
            invalidation: client.supports_invalidated_event == Some(true),
        };
        self.phase = Phase::Idle;
    }
}
