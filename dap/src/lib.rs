//! The debug adapter: the Debug Adapter Protocol on one side, the live protocol on the other.
//!
//! It never runs Lua: it starts `perilune run --live --wait` as a child or in
//! the client's terminal, or finds a program that runs already, and translates.
//!
//! `transport` frames messages, `envelope` says who answers what, `types` names
//! the payloads. `session` is one conversation; it hands each request to a
//! function in `handler`, and what the program tells to `event`.

#![forbid(unsafe_code)]

mod transport;
mod envelope;
mod refusal;
pub mod types;
mod conversion;
mod handle;
mod breakpoint;
mod field;
mod process;
mod input;
mod session;
mod launch;
mod attach;
mod handler;
mod event;

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use envelope::Incoming;
use input::Input;
use session::Session;

/// Inputs that may wait for a session; whoever has more waits itself.
const QUEUE: usize = 64;

/// What the adapter needs to know from its host.
#[derive(Clone, Debug)]
pub struct Options {
    /// The `perilune` that runs programs, unless a launch names another one.
    pub perilune: PathBuf,
}

/// Why the adapter cannot serve (any more).
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The client broke the protocol's framing.
    #[error("the client cannot be understood: {0}")]
    Client(String),
    /// Others than this machine's users could reach the adapter, which runs whatever it is told to.
    #[error("{0} can be reached from other machines: listen at 127.0.0.1 or [::1]")]
    NotLoopback(std::net::SocketAddr),
    /// The operating system's reason.
    #[error("cannot serve: {0}")]
    Io(#[from] io::Error),
}

/// Serves one client on standard input and output until it is done.
///
/// # Errors
/// When the client breaks the framing, or the system has no thread.
pub fn serve_stdio(options: Options) -> Result<(), ServeError> {
    converse(options, BufReader::new(io::stdin()), Box::new(io::stdout()))
}

/// Serves every client that connects, each in a session of its own. Does not return while that works.
///
/// # Errors
/// When the listener is not bound to a loopback address, or fails.
pub fn serve(listener: &TcpListener, options: &Options) -> Result<(), ServeError> {
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        return Err(ServeError::NotLoopback(address));
    }
    loop {
        let (stream, _) = listener.accept()?;
        let options = options.clone();
        // Without a thread this client is turned away, and others may have more luck.
        let _ = thread::Builder::new().name("session".to_owned()).spawn(move || serve_stream(options, &stream));
    }
}

/// A client that cannot be served only loses its own connection.
fn serve_stream(options: Options, stream: &TcpStream) {
    let halves = stream.set_nodelay(true).and_then(|()| Ok((stream.try_clone()?, stream.try_clone()?)));
    if let Ok((input, output)) = halves {
        let _ = converse(options, BufReader::new(input), Box::new(output));
    }
    let _ = stream.shutdown(Shutdown::Both);
}

/// One conversation. The thread that reads may outlive it, waiting for input.
fn converse(
    options: Options,
    input: impl BufRead + Send + 'static,
    output: Box<dyn Write + Send>,
) -> Result<(), ServeError> {
    let (sender, inputs) = sync_channel(QUEUE);
    let to_session = sender.clone();
    thread::Builder::new().name("client".to_owned()).spawn(move || listen(input, &to_session))?;
    let session = Session::new(options, sender, output);
    session.run(&inputs).map_err(|error| ServeError::Client(error.to_string()))
}

/// Hands what the client says to the session.
fn listen(mut input: impl BufRead, session: &SyncSender<Input>) {
    loop {
        let (said, is_last) = match transport::read(&mut input) {
            Ok(Some(body)) => (Incoming::parse(&body).map_or_else(Input::Malformed, Input::Message), false),
            Ok(None) => (Input::ClientGone(None), true),
            Err(error) => (Input::ClientGone(Some(error)), true),
        };
        if session.send(said).is_err() || is_last {
            return;
        }
    }
}
