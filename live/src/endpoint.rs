//! The program's end of the live protocol.
//!
//! One thread accepts, two serve each connection; they read, check and queue.
//! The thread that runs the program takes requests from the queue when it is
//! ready, and whatever it answers or tells is only queued, too: no client can
//! make it wait. What requests mean is not known here, except for `hello`.

mod accept;
mod connection;
mod hub;
mod listen;
mod output;
mod reply;
mod window;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::{self, Receiver};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::protocol::{Event, Hello, OnDisconnect, Request, SessionInfo, State, VERSION};
use crate::session::{Directory, DirectoryError, SessionFile};
use crate::wire::Address;

use accept::Acceptor;
use hub::Hub;
pub use listen::{Listen, ListenError};
pub use reply::Reply;

/// How long the end waits for clients to take what was said to them.
const FLUSH: Duration = Duration::from_secs(2);

/// The program, as its session tells of it.
#[derive(Clone, Debug, Default)]
pub struct ProgramInfo {
    /// Its file; made absolute here.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
}

/// Takes a copy of what the program writes.
pub type OutputTap = Box<dyn Fn(&[u8]) + Send>;

/// A connection that said hello. Never used again for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub(crate) u64);

/// What the program's thread has to deal with.
#[derive(Debug)]
pub enum Input {
    /// A client is there; its hello is answered already.
    Joined {
        /// Who.
        client: ClientId,
        /// What it said.
        hello: Hello,
    },
    /// A client asks. Comes after its `Joined`, in the order in which it asked.
    Request {
        /// Who.
        client: ClientId,
        /// What; never `hello`.
        request: Request,
        /// Where the answer goes.
        reply: Reply,
    },
    /// A client's connection ended. The last that is heard of it.
    Left {
        /// Who.
        client: ClientId,
        /// What it wanted to happen then.
        on_disconnect: OnDisconnect,
    },
    /// The person at the program's terminal wants it to end, see [`Endpoint::alarm`].
    Interrupted,
}

impl Input {
    /// Whether it ends code that runs for a client.
    pub fn is_urgent(&self) -> bool {
        match self {
            Input::Request { request, .. } => {
                matches!(request, Request::Interrupt(_) | Request::Pause(_) | Request::Terminate(_))
            }
            Input::Interrupted => true,
            Input::Joined { .. } | Input::Left { .. } => false,
        }
    }
}

/// How soon an input has to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// When the code of a client that runs has ended.
    Patient,
    /// That code ends for it.
    Urgent,
}

/// Called after something was queued, from any thread.
pub type Wake = Arc<dyn Fn(Urgency) + Send + Sync>;

/// Why an endpoint cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// There is no place for the socket or the session file.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The address cannot be listened at.
    #[error("cannot listen at {address}: {source}")]
    Listen {
        /// Which.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// This process has an endpoint in this directory.
    #[error("process {0} has an endpoint already")]
    Taken(u32),
    /// The session file cannot be written.
    #[error("cannot write the session file in {}: {source}", .directory.display())]
    SessionFile {
        /// Where.
        directory: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The system lacks something else: a thread, random bytes, the working directory.
    #[error("cannot open the endpoint: {0}")]
    System(#[source] io::Error),
}

/// The open endpoint. Dropping it tells nobody anything, but waits up to two
/// seconds until clients have what was said to them, ends their connections,
/// and removes socket and session file.
pub struct Endpoint {
    // The order of fields is the order of the end: first nobody finds it any more.
    file: Option<SessionFile>,
    acceptor: Acceptor,
    teller: Option<JoinHandle<()>>,
    hub: Arc<Hub>,
    info: SessionInfo,
}

impl Endpoint {
    /// Opens an endpoint with its session file in the standard directory.
    ///
    /// `wake` is called (from any thread) after something was queued, so that
    /// the attention of the program's thread can be raised.
    ///
    /// # Errors
    /// When the address or the directory cannot be used.
    pub fn open(
        listen: &Listen,
        program: ProgramInfo,
        wake: Wake,
    ) -> Result<(Endpoint, Receiver<Input>), EndpointError> {
        Endpoint::open_in(&Directory::standard()?, listen, program, wake)
    }

    /// Opens an endpoint with its session file in a directory of the caller's.
    ///
    /// # Errors
    /// As [`Endpoint::open`].
    pub fn open_in(
        directory: &Directory,
        listen: &Listen,
        program: ProgramInfo,
        wake: Wake,
    ) -> Result<(Endpoint, Receiver<Input>), EndpointError> {
        let pid = std::process::id();
        if directory.find_by_pid(pid).is_some() {
            return Err(EndpointError::Taken(pid));
        }
        // What is there under our id was left by a dead process that had it before.
        directory.remove(pid);
        let listener = listen.bind(directory, pid)?;
        let token = listen.token().map_err(EndpointError::System)?;
        let info = describe(program, listener.address(), token).map_err(EndpointError::System)?;
        let (inputs, receiver) = mpsc::channel();
        let hub = Arc::new(Hub::new(info.clone(), inputs, wake));
        let acceptor = Acceptor::start(listener, hub.clone()).map_err(EndpointError::System)?;
        let teller = Some(output::start(hub.clone()).map_err(EndpointError::System)?);
        let mut endpoint = Endpoint { file: None, acceptor, teller, hub, info };
        endpoint.file = Some(SessionFile::write(directory, &endpoint.info).map_err(|source| {
            EndpointError::SessionFile { directory: directory.path().to_path_buf(), source }
        })?);
        Ok((endpoint, receiver))
    }

    /// The session, its token included.
    pub fn info(&self) -> &SessionInfo {
        &self.info
    }

    /// Sets what `hello` says about the program. Call it before the event that
    /// tells of the change: then a client that joins in between misses nothing.
    pub fn set_state(&self, state: State) {
        self.hub.set_state(state);
    }

    /// Sends an event to all clients; what the program wrote only to those that asked for it.
    pub fn broadcast(&self, event: &Event) {
        self.hub.broadcast(event);
    }

    /// Sends an event to one client, if it is still there.
    pub fn send(&self, client: ClientId, event: &Event) {
        self.hub.send(client, event);
    }

    /// A function that sends what the program writes to standard output to the
    /// clients that asked for it, line by line; the beginning of a line after a moment.
    ///
    /// It may be called after the endpoint is closed, and does nothing then.
    pub fn output_tap(&self) -> OutputTap {
        let hub = self.hub.clone();
        Box::new(move |bytes| hub.written(bytes))
    }

    /// How many clients there are.
    pub fn clients(&self) -> usize {
        self.hub.clients()
    }

    /// How many urgent inputs are queued or are about to be, so that an
    /// evaluation can tell that it has to end. Whoever takes one subtracts it.
    pub fn urgent(&self) -> &Arc<AtomicUsize> {
        self.hub.urgent()
    }

    /// A function that queues [`Input::Interrupted`]. It may be called after the endpoint is closed.
    pub fn alarm(&self) -> impl Fn() + Send + 'static {
        let hub = self.hub.clone();
        move || hub.queue(Input::Interrupted)
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.file = None;
        self.acceptor.stop();
        self.hub.end(FLUSH);
        if let Some(teller) = self.teller.take() {
            // A panic there has been reported; there is nothing left to tell.
            let _ = teller.join();
        }
    }
}

fn describe(program: ProgramInfo, address: &Address, token: Option<String>) -> io::Result<SessionInfo> {
    let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let absolute = match program.program.as_os_str().is_empty() {
        true => PathBuf::new(),
        false => std::path::absolute(&program.program)?,
    };
    Ok(SessionInfo {
        version: VERSION,
        pid: std::process::id(),
        program: absolute.to_string_lossy().into_owned(),
        args: program.args,
        cwd: std::env::current_dir()?.to_string_lossy().into_owned(),
        started,
        address: address.to_string(),
        token,
    })
}
