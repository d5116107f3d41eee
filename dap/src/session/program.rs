//! The connection to the program, and the threads that wait for its answers.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Sender, SyncSender};
use std::thread;

use perilune_live::client::{Client, ClientError, Handler};
use perilune_live::protocol::{Event, SessionInfo};

use super::Order;
use crate::input::Input;
use crate::refusal::{Reason, Refusal};

/// Work on a thread that may wait for the program.
pub type Job = Box<dyn FnOnce(&Client) + Send>;

/// How the program came to this session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It is a child of ours.
    Child,
    /// The client started it in a terminal at our request.
    Terminal,
    /// It was there before.
    Attached,
}

impl Origin {
    /// Whether it is ours to end.
    pub fn is_ours(self) -> bool {
        self != Origin::Attached
    }
}

/// A connected program.
///
/// Requests on one lane are sent one after the other. There are several, so
/// that an evaluation that does not end only holds up other evaluations and
/// pauses, and what is to end it is held up by nothing.
pub struct Program {
    /// How it came here.
    pub origin: Origin,
    /// What it says about itself.
    pub info: SessionInfo,
    client: Client,
    in_turn: Sender<Job>,
    evaluations: Sender<Job>,
    pauses: Sender<Job>,
    urgent: Sender<Job>,
}

impl Program {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system has no more.
    pub fn new(origin: Origin, info: SessionInfo, client: Client) -> io::Result<Program> {
        let in_turn = lane("requests", client.clone())?;
        let evaluations = lane("evaluations", client.clone())?;
        let pauses = lane("pauses", client.clone())?;
        let urgent = lane("urgent", client.clone())?;
        Ok(Program { origin, info, client, in_turn, evaluations, pauses, urgent })
    }

    /// Puts work on the lane of its kind.
    pub(super) fn submit(&self, order: Order, job: Job) {
        let lane = match order {
            Order::InTurn | Order::BeforeEvents => &self.in_turn,
            Order::Evaluation => &self.evaluations,
            Order::Pause => &self.pauses,
            Order::AtOnce => &self.urgent,
        };
        // A lane lives as long as its sender.
        let _ = lane.send(job);
    }

    /// Ends the connection; work that waits for an answer fails.
    pub fn close(&self) {
        self.client.close();
    }
}

fn lane(name: &str, client: Client) -> io::Result<Sender<Job>> {
    let (sender, jobs) = mpsc::channel::<Job>();
    thread::Builder::new().name(name.to_owned()).spawn(move || {
        for job in jobs {
            // A job that panics is dropped, which answers it; the lane goes on.
            let _ = catch_unwind(AssertUnwindSafe(|| job(&client)));
        }
    })?;
    Ok(sender)
}

/// Hands on what the program tells.
pub struct Ear(pub SyncSender<Input>);

impl Handler for Ear {
    fn event(&mut self, event: Event) {
        // A session that is over does not listen.
        let _ = self.0.send(Input::Live(event));
    }

    fn closed(&mut self) {
        let _ = self.0.send(Input::LiveGone);
    }
}

impl From<ClientError> for Refusal {
    fn from(error: ClientError) -> Refusal {
        match error {
            ClientError::Failed(failure) => failure.into(),
            ClientError::Closed => Refusal::ended(),
            ClientError::Protocol(_) => Refusal::new(Reason::Internal, error.to_string()),
            _ => Refusal::new(Reason::NoProgram, error.to_string()),
        }
    }
}
