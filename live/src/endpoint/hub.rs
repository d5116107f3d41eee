//! Who is connected, and what all of them share.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::connection::{self, Connection};
use super::output::Pending;
use super::{ClientId, Input, Urgency, Wake};
use crate::protocol::{
    Code, Event, Failure, Hello, HelloResult, Output, OutputCategory, SessionInfo, State, VERSION,
};
use crate::wire::{Stream, encode, lock};

/// Connections at a time, those that have not said hello included.
const CONNECTIONS: usize = 64;
/// Bytes of text that go into one event; even escaped they fit into a line.
const TEXT: usize = 1 << 20;

/// What the threads of an endpoint share.
pub(super) struct Hub {
    info: SessionInfo,
    people: Mutex<People>,
    left: Condvar,
    last_id: AtomicU64,
    inputs: Sender<Input>,
    wake: Wake,
    urgent: Arc<AtomicUsize>,
    pending: Pending,
}

struct People {
    state: State,
    is_over: bool,
    connections: BTreeMap<ClientId, Arc<Connection>>,
}

impl Hub {
    pub fn new(info: SessionInfo, inputs: Sender<Input>, wake: Wake) -> Hub {
        let people = People { state: State::Waiting, is_over: false, connections: BTreeMap::new() };
        Hub {
            info,
            people: Mutex::new(people),
            left: Condvar::new(),
            last_id: AtomicU64::new(0),
            inputs,
            wake,
            urgent: Arc::default(),
            pending: Pending::default(),
        }
    }

    pub fn info(&self) -> &SessionInfo {
        &self.info
    }

    pub fn urgent(&self) -> &Arc<AtomicUsize> {
        &self.urgent
    }

    pub fn set_state(&self, state: State) {
        lock(&self.people).state = state;
    }

    pub fn clients(&self) -> usize {
        lock(&self.people).connections.values().filter(|connection| connection.hello().is_some()).count()
    }

    /// Serves a new connection on threads of its own.
    pub fn serve(self: &Arc<Self>, stream: Stream) {
        let client = ClientId(self.last_id.fetch_add(1, Ordering::Relaxed) + 1);
        let connection = Arc::new(Connection::new(client, stream));
        let mut people = lock(&self.people);
        if people.is_over {
            return;
        }
        if people.connections.len() >= CONNECTIONS {
            drop(people);
            let message = format!("{CONNECTIONS} clients are connected already");
            connection.turn_away(Failure::new(Code::Busy, message));
            return;
        }
        people.connections.insert(client, connection.clone());
        drop(people);
        if connection::start(connection, self).is_err() {
            lock(&self.people).connections.remove(&client);
        }
    }

    /// Answers a good hello. The state it tells and the events that follow fit
    /// together, as nothing can be broadcast in between.
    pub fn join(&self, connection: &Connection, id: u64, hello: Hello) {
        let people = lock(&self.people);
        let session = SessionInfo { token: None, ..self.info.clone() };
        let result = HelloResult { version: VERSION, session, state: people.state };
        connection.welcome(id, &result, hello.clone());
        drop(people);
        self.queue(Input::Joined { client: connection.client(), hello });
    }

    /// The last word of a connection's thread.
    pub fn leave(&self, connection: &Connection) {
        if let Some(hello) = connection.hello() {
            self.queue(Input::Left { client: connection.client(), on_disconnect: hello.on_disconnect });
        }
        lock(&self.people).connections.remove(&connection.client());
        self.left.notify_all();
    }

    /// Hands something to the program's thread.
    pub fn queue(&self, input: Input) {
        let urgency = if input.is_urgent() { Urgency::Urgent } else { Urgency::Patient };
        if urgency == Urgency::Urgent {
            // Before it can be taken, which subtracts it.
            self.urgent.fetch_add(1, Ordering::Release);
        }
        // Nobody listens any more when the program is about to end; a request's
        // reply is then dropped, which answers it.
        let _ = self.inputs.send(input);
        (self.wake)(urgency);
    }

    /// What the program wrote and nobody was told.
    pub fn pending(&self) -> &Pending {
        &self.pending
    }

    /// The program wrote something to standard output.
    pub fn written(&self, bytes: &[u8]) {
        match self.are_listeners_behind() {
            Some(behind) => self.pending.add(bytes, behind, |text| self.tell_output(text)),
            None => self.pending.clear(),
        }
    }

    /// Tells the beginning of a line that has not ended.
    pub fn flush_output(&self) {
        self.pending.flush(|text| self.tell_output(text));
    }

    fn tell_output(&self, text: String) {
        let event = Event::Output(Output { category: OutputCategory::Stdout, text, location: None });
        tell(lock(&self.people).connections.values(), &event);
    }

    /// Whether something waits for a client that wants output; `None` when there is no such client.
    fn are_listeners_behind(&self) -> Option<bool> {
        let people = lock(&self.people);
        let wants = |connection: &&Arc<Connection>| connection.hello().is_some_and(|hello| hello.output);
        let listeners = people.connections.values().filter(wants);
        listeners.map(|listener| listener.is_behind()).reduce(|one, other| one || other)
    }

    pub fn broadcast(&self, event: &Event) {
        self.flush_output();
        let people = lock(&self.people);
        tell(people.connections.values(), event);
    }

    pub fn send(&self, client: ClientId, event: &Event) {
        self.flush_output();
        let people = lock(&self.people);
        tell(people.connections.get(&client).into_iter(), event);
    }

    /// Ends all connections when they have what was said to them, or when the time is up.
    pub fn end(&self, patience: Duration) {
        self.flush_output();
        self.pending.end();
        let connections: Vec<Arc<Connection>> = {
            let mut people = lock(&self.people);
            people.is_over = true;
            people.connections.values().cloned().collect()
        };
        for connection in &connections {
            connection.finish();
        }
        let until = Instant::now() + patience;
        for connection in &connections {
            connection.wait_written(until);
        }
        for connection in &connections {
            connection.close();
        }
        self.wait_for_leaving(Instant::now() + patience);
    }

    /// Waits until no thread is left that serves a connection.
    fn wait_for_leaving(&self, until: Instant) {
        let mut people = lock(&self.people);
        while !people.connections.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            people = self.left.wait_timeout(people, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("info", &self.info).finish_non_exhaustive()
    }
}

/// Tells those an event that want it; its text is made only if there are any.
fn tell<'a>(connections: impl Iterator<Item = &'a Arc<Connection>>, event: &Event) {
    let listeners: Vec<_> = connections.filter(|connection| connection.wants(event)).collect();
    if listeners.is_empty() {
        return;
    }
    let lines = lines(event);
    for connection in listeners {
        connection.tell(event, &lines);
    }
}

/// The lines of an event. The program decides how long its output and its
/// error messages are: long output becomes several events, a long message is cut.
fn lines(event: &Event) -> Vec<Arc<Vec<u8>>> {
    let fitting = match event {
        Event::Output(output) if output.text.len() > TEXT => split(output),
        Event::Stopped(stopped) => {
            let mut stopped = stopped.clone();
            stopped.text = stopped.text.map(|text| pieces(&text).next().unwrap_or_default().to_string());
            vec![Event::Stopped(stopped)]
        }
        event => return encode(event).into_iter().collect(),
    };
    fitting.iter().flat_map(encode).collect()
}

fn split(output: &Output) -> Vec<Event> {
    let event = |text: &str| Event::Output(Output { text: text.to_string(), ..output.clone() });
    pieces(&output.text).map(event).collect()
}

fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(TEXT));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}
