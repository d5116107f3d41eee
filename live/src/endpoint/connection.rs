//! One connection: what is read from it, and what waits to be written to it.

use std::io::{self, Read};
use std::net::Shutdown;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use super::hub::Hub;
use super::listen::is_same_secret;
use super::reply::{Reply, failure_line, result_line};
use super::window::Window;
use super::{ClientId, Input};
use crate::protocol::{
    Code, Envelope, Event, Failure, Hello, HelloResult, MAX_LINE, Output, OutputCategory, Request, Response,
    VERSION,
};
use crate::wire::{LineError, LineReader, Outbox, Push, Stream, encode, read_request};

/// How long a client may take to say hello.
const HELLO_TIME: Duration = Duration::from_secs(10);
/// Longest line of somebody who has not said hello.
const HELLO_LINE: usize = 64 << 10;
/// Bytes that may wait before output is left out: a program that prints in a
/// tight loop must not lose its debugger because a console is slow.
const OUTPUT_WAITING: usize = 32 << 20;
/// How long a client that is shown out may take to read why.
const LINGER: Duration = Duration::from_secs(1);

/// A connection, as all threads see it.
pub(super) struct Connection {
    client: ClientId,
    stream: Stream,
    outbox: Outbox,
    window: Window,
    hello: OnceLock<Hello>,
    /// Bytes of output that the client was not told.
    lost: AtomicUsize,
}

/// Why a connection ends.
enum End {
    /// The client is gone, or we are.
    Gone,
    /// It broke a rule that ends the conversation; the answer to the request with this id.
    ShownOut(u64, Failure),
}

impl Connection {
    pub fn new(client: ClientId, stream: Stream) -> Connection {
        Connection {
            client,
            stream,
            outbox: Outbox::default(),
            window: Window::default(),
            hello: OnceLock::new(),
            lost: AtomicUsize::new(0),
        }
    }

    pub fn client(&self) -> ClientId {
        self.client
    }

    /// What the client said when it joined.
    pub fn hello(&self) -> Option<&Hello> {
        self.hello.get()
    }

    /// What limits the client's unanswered requests.
    pub fn window(&self) -> &Window {
        &self.window
    }

    /// Whether an event is for this client.
    pub fn wants(&self, event: &Event) -> bool {
        let Some(hello) = self.hello.get() else { return false };
        match event {
            Event::Output(output) => hello.output || output.category == OutputCategory::Log,
            _ => true,
        }
    }

    /// Whether something waits to be written.
    pub fn is_behind(&self) -> bool {
        self.outbox.waiting() > 0
    }

    /// Queues the lines of an event. Output is left out while too much waits, and that is said afterwards.
    pub fn tell(&self, event: &Event, lines: &[Arc<Vec<u8>>]) {
        let has_room = self.outbox.waiting() < OUTPUT_WAITING;
        match event {
            Event::Output(output) if !has_room => {
                self.lost.fetch_add(output.text.len(), Ordering::Relaxed);
                return;
            }
            _ if has_room => self.tell_lost(),
            _ => {}
        }
        for line in lines {
            self.say(line.clone());
        }
    }

    fn tell_lost(&self) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost == 0 {
            return;
        }
        let text = format!("[{lost} bytes of output were left out: the client did not read them]\n");
        let note = Output { category: OutputCategory::Stderr, text, location: None };
        if let Ok(line) = encode(&Event::Output(note)) {
            self.say(line);
        }
    }

    /// Queues a line; a client that lets too many of them wait is gone.
    pub fn say(&self, line: Arc<Vec<u8>>) {
        if self.outbox.push(line) == Push::Overflowing {
            self.close();
        }
    }

    /// Says why there is no room for this client, before anything is read from it.
    pub fn turn_away(&self, failure: Failure) {
        if let Some(line) = failure_line(0, failure) {
            self.say(line);
        }
        self.finish();
        // One short line never fills the buffer of a new connection.
        self.outbox.write_to(&self.stream);
    }

    /// Makes the client one of those that are told events, after the answer to its hello.
    pub fn welcome(&self, id: u64, result: &HelloResult, hello: Hello) {
        if let Ok(line) = result_line(id, result) {
            self.say(line);
        }
        // Said once: a second hello never comes here.
        let _ = self.hello.set(hello);
    }

    /// Says nothing more than what is queued.
    pub fn finish(&self) {
        self.outbox.finish();
    }

    /// Waits until the queue is written.
    pub fn wait_written(&self, until: Instant) {
        self.outbox.wait_written(until);
    }

    /// Ends both directions now; the threads of the connection end, too.
    pub fn close(&self) {
        self.outbox.close();
        self.window.close();
        self.stream.shutdown(Shutdown::Both);
    }
}

/// Serves a connection on two threads; the second one is the writer.
pub(super) fn start(connection: Arc<Connection>, hub: &Arc<Hub>) -> io::Result<()> {
    let guard = Guard { connection: connection.clone(), hub: hub.clone() };
    let writer = thread::Builder::new().name("live-write".to_string());
    writer.spawn(move || {
        connection.outbox.write_to(&connection.stream);
        connection.stream.shutdown(Shutdown::Write);
    })?;
    let reader = thread::Builder::new().name("live-read".to_string());
    reader.spawn(move || serve(&guard.connection, &guard.hub)).map(drop)
}

/// Whatever ends the reader, the connection ends and the program hears of it.
struct Guard {
    connection: Arc<Connection>,
    hub: Arc<Hub>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.connection.close();
        self.hub.leave(&self.connection);
    }
}

fn serve(connection: &Arc<Connection>, hub: &Arc<Hub>) {
    let until = Some(Instant::now() + HELLO_TIME);
    let mut lines = LineReader::new(Patient { stream: &connection.stream, until });
    let end = match greet(connection, hub, &mut lines) {
        Ok(()) => converse(connection, hub, &mut lines),
        Err(end) => end,
    };
    if let End::ShownOut(id, failure) = end {
        show_out(connection, id, failure, lines.source());
    }
}

/// Takes the hello.
fn greet(connection: &Connection, hub: &Hub, lines: &mut LineReader<Patient<'_>>) -> Result<(), End> {
    let line = next_line(lines, HELLO_LINE)?;
    let Envelope { id, request } = read_request(line).map_err(|answer| {
        let failure = answer.error.unwrap_or_else(|| Failure::new(Code::InvalidRequest, "no request"));
        End::ShownOut(answer.id, failure)
    })?;
    let hello = check_hello(request, hub.info().token.as_deref());
    let hello = hello.map_err(|message| End::ShownOut(id, Failure::new(Code::Unauthorized, message)))?;
    lines.source().wait_for_ever().map_err(|_| End::Gone)?;
    hub.join(connection, id, hello);
    Ok(())
}

fn check_hello(request: Request, token: Option<&str>) -> Result<Hello, String> {
    let Request::Hello(hello) = request else {
        return Err("the first request must be `hello`".to_string());
    };
    if hello.version != VERSION {
        return Err(format!("the program speaks version {VERSION}, the client version {}", hello.version));
    }
    match (token, &hello.token) {
        (None, _) => Ok(hello),
        (Some(token), Some(told)) if is_same_secret(token, told) => Ok(hello),
        (Some(_), Some(_)) => Err("the token is wrong".to_string()),
        (Some(_), None) => Err("a token is needed: it stands in the session file".to_string()),
    }
}

/// Takes requests until the client is gone.
fn converse(connection: &Arc<Connection>, hub: &Arc<Hub>, lines: &mut LineReader<Patient<'_>>) -> End {
    while connection.window.wait_until_open() {
        let line = match next_line(lines, MAX_LINE) {
            Ok(line) => line,
            Err(end) => return end,
        };
        let size = line.len();
        match read_request(line) {
            Ok(envelope) => take(connection, hub, envelope, size),
            Err(answer) => refuse(connection, answer),
        }
    }
    End::Gone
}

fn take(connection: &Arc<Connection>, hub: &Arc<Hub>, envelope: Envelope, size: usize) {
    let Envelope { id, request } = envelope;
    connection.window.take(size);
    let reply = Reply::new(connection.clone(), hub.clone(), id, size);
    let client = connection.client;
    match request {
        Request::Hello(_) => reply.fail(Failure::new(Code::InvalidRequest, "`hello` was said already")),
        request => hub.queue(Input::Request { client, request, reply }),
    }
}

fn refuse(connection: &Connection, answer: Response) {
    let line = answer.error.and_then(|failure| failure_line(answer.id, failure));
    if let Some(line) = line {
        connection.say(line);
    }
}

fn next_line<'a>(lines: &'a mut LineReader<Patient<'_>>, limit: usize) -> Result<&'a [u8], End> {
    lines.next_line(limit).map_err(end_of)?.ok_or(End::Gone)
}

fn end_of(error: LineError) -> End {
    match error {
        LineError::TooLong(_) => End::ShownOut(0, Failure::new(Code::InvalidRequest, error.to_string())),
        LineError::Io(error) if is_time_out(&error) => {
            let message = format!("no `hello` came within {} seconds", HELLO_TIME.as_secs());
            End::ShownOut(0, Failure::new(Code::Unauthorized, message))
        }
        LineError::Io(_) => End::Gone,
    }
}

fn is_time_out(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// Says why, and waits a moment for the client to read it: a connection that is
/// closed with something unread in it loses on TCP what was written to it.
fn show_out(connection: &Connection, id: u64, failure: Failure, stream: &mut Patient<'_>) {
    if let Some(line) = failure_line(id, failure) {
        connection.say(line);
    }
    connection.finish();
    let until = Instant::now() + LINGER;
    connection.wait_written(until);
    stream.until = Some(until);
    let mut unread = [0; 4096];
    while stream.read(&mut unread).is_ok_and(|count| count > 0) {}
}

/// Reads until a point in time, if there is one.
struct Patient<'a> {
    stream: &'a Stream,
    until: Option<Instant>,
}

impl Patient<'_> {
    fn wait_for_ever(&mut self) -> io::Result<()> {
        self.until = None;
        self.stream.set_read_timeout(None)
    }
}

impl Read for Patient<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if let Some(until) = self.until {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.stream.set_read_timeout(Some(left))?;
        }
        self.stream.read(into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    #[test]
    fn patience_is_for_all_of_a_line_not_for_each_byte() {
        let (mut client, ours) = UnixStream::pair().unwrap();
        let stream = Stream::Unix(ours);
        let until = Instant::now() + Duration::from_millis(50);
        let mut lines = LineReader::new(Patient { stream: &stream, until: Some(until) });
        let trickle = thread::spawn(move || while client.write_all(b"x").is_ok() {});
        let error = lines.next_line(usize::MAX).unwrap_err();
        assert!(matches!(end_of(error), End::ShownOut(0, failure) if failure.code == Code::Unauthorized));
        drop(stream);
        trickle.join().unwrap();
    }
}
