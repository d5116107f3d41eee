//! From `launch` or `attach` to a program that runs.
//!
//! The program is looked for on another thread. What that thread finds counts
//! only while the start that it was made for is under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use perilune_live::client::{Client, ClientError};
use perilune_live::protocol::{self as live, Event, Hello, HelloResult, OnDisconnect, SessionInfo, Start, State, Status};
use serde_json::Value as Json;

use super::program::Ear;
use super::{Alarm, Answer, Course, Order, Origin, Outcome, Phase, Program, Session};
use crate::envelope::Call;
use crate::handler::breakpoint;
use crate::input::Input;
use crate::refusal::{Reason, Refusal};
use crate::types::body;

/// What the client wants of the program that it starts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plan {
    /// Stop before the first line.
    pub stops_on_entry: bool,
    /// Set no breakpoints and stop at no errors.
    pub is_undisturbed: bool,
    /// What it did when it was reached; `None` before.
    pub state: Option<State>,
}

/// How to look for a program.
pub struct Search {
    /// How it comes to be there.
    pub origin: Origin,
    /// Looks once.
    pub look: Box<dyn FnMut() -> Found + Send>,
    /// Between two looks.
    pub pause: Duration,
    /// When to give up.
    pub limit: Duration,
}

/// What a look showed.
pub enum Found {
    /// The program.
    Session(SessionInfo),
    /// It may come.
    NotYet,
    /// It will not come.
    Nothing(Refusal),
}

type Connection = Result<(Client, HelloResult), Refusal>;

impl Session {
    /// Begins a start; the events of its program wait until it is done.
    pub fn begin_start(&mut self, call: &Call, plan: Plan) {
        self.phase = Phase::Starting(call.seq);
        self.plan = plan;
        self.start_number += 1;
        self.gate += 1;
        self.renew_ending();
    }

    /// Looks for the program and connects to it.
    pub fn search(&mut self, search: Search) {
        let number = self.start_number;
        let inputs = self.inputs.clone();
        let stop = self.ending.search.clone();
        self.set_alarm(search.limit, Alarm::Search(number));
        let origin = search.origin;
        let thread = thread::Builder::new().name("search".to_owned()).spawn(move || {
            let Some(connection) = find(search, &stop, &Ear(inputs.clone())) else { return };
            let tell = move |session: &mut Session| session.on_connection(number, origin, connection);
            // A session that is over is not told; the connection closes.
            let _ = inputs.send(Input::Completed(Box::new(tell)));
        });
        if let Err(error) = thread {
            self.fail_start(&Refusal::new(Reason::Internal, format!("cannot look for the program: {error}")));
        }
    }

    fn on_connection(&mut self, number: u64, origin: Origin, connection: Connection) {
        let Phase::Starting(seq) = self.phase else { return };
        if number != self.start_number {
            return;
        }
        let program = connection.and_then(|(client, hello)| {
            self.plan.state = Some(hello.state);
            Program::new(origin, hello.session, client)
                .map_err(|error| Refusal::new(Reason::Internal, format!("cannot talk to the program: {error}")))
        });
        match program {
            Ok(program) => self.on_program(seq, program),
            Err(refusal) => self.fail_start(&refusal),
        }
    }

    fn on_program(&mut self, seq: i64, program: Program) {
        let process = body::Process {
            name: program.info.program.clone(),
            system_process_id: program.info.pid,
            is_local_process: true,
            start_method: if program.origin.is_ours() { "launch" } else { "attach" },
        };
        self.program = Some(program);
        self.phase = Phase::Connected;
        self.gate -= 1;
        self.threads = vec![(0, "main".to_owned())];
        self.finish(seq, &Ok(Json::Null));
        self.event("process", process);
        if self.configures_early {
            breakpoint::send_all(self);
        }
        if self.is_configured {
            self.begin_aside();
        }
        self.release_held();
        self.check_end();
    }

    /// The start failed; another one may follow.
    pub fn fail_start(&mut self, refusal: &Refusal) {
        let Phase::Starting(seq) = self.phase else { return };
        self.phase = Phase::Idle;
        self.gate -= 1;
        self.abandon();
        self.finish(seq, &Err(refusal.clone().shown()));
        self.release_held();
    }

    pub(super) fn on_search_over(&mut self, number: u64) {
        if number == self.start_number {
            self.fail_start(&Refusal::new(Reason::NoProgram, "the program could not be reached in time"));
        }
    }

    /// Everything is configured: the program may begin, or the client learns why it stands.
    pub fn begin(&mut self, call: &Call) -> Outcome {
        match self.plan.state {
            Some(State::Waiting) => {
                let start = Start { stop_on_entry: self.plan.stops_on_entry };
                self.resume(call, start, Json::Null)
            }
            Some(State::Stopped) => self.ask(call, Order::BeforeEvents, Status {}, |session, status| {
                session.find_stopped(status);
                Ok(Json::Null)
            }),
            _ => Ok(Answer::Now(Json::Null)),
        }
    }

    /// As `begin`, when the request was answered before there was a program.
    fn begin_aside(&mut self) {
        match self.plan.state {
            Some(State::Waiting) => {
                let start = Start { stop_on_entry: self.plan.stops_on_entry };
                self.ask_aside(Order::BeforeEvents, start, |session, result| {
                    if let Err(refusal) = result {
                        session.note(&format!("the program cannot begin: {}\n", refusal.text()));
                    }
                });
            }
            Some(State::Stopped) => self.ask_aside(Order::BeforeEvents, Status {}, |session, result| {
                if let Ok(status) = result {
                    session.find_stopped(status);
                }
            }),
            _ => {}
        }
    }

    /// The program stood before we came: that is news for the client.
    fn find_stopped(&mut self, status: live::StatusResult) {
        if let (Some(stopped), Course::Running) = (status.stopped, &self.course) {
            self.events.push_front(Event::Stopped(stopped));
        }
    }
}

/// Looks until it finds; `None` when nobody wants to know any more.
fn find(mut search: Search, stop: &Arc<AtomicBool>, ear: &Ear) -> Option<Connection> {
    while !stop.load(Ordering::Acquire) {
        match (search.look)() {
            Found::Session(info) => return Some(connect(&info, search.origin, ear)),
            Found::Nothing(refusal) => return Some(Err(refusal)),
            Found::NotYet => thread::sleep(search.pause),
        }
    }
    None
}

fn connect(info: &SessionInfo, origin: Origin, ear: &Ear) -> Connection {
    let on_disconnect = if origin.is_ours() { OnDisconnect::Terminate } else { OnDisconnect::Continue };
    let output = origin == Origin::Attached;
    let connected = Client::connect_with(info, hello(on_disconnect, output), Ear(ear.0.clone()));
    connected.map_err(|error: ClientError| Refusal::new(Reason::NoProgram, error.to_string()))
}

/// What the adapter says first. The program's output comes over a pipe of our
/// own, or is seen in the terminal; only of a program that was there before we
/// must ask for it.
pub fn hello(on_disconnect: OnDisconnect, output: bool) -> Hello {
    Hello { version: live::VERSION, client: "debug adapter".to_owned(), token: None, on_disconnect, output }
}
