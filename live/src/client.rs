//! The client's end of the live protocol, for debug adapter, language server and REPL.
//!
//! Two threads serve a connection: one writes, one reads and hands events on.
//! Any thread may ask; it waits for its own answer only.

mod link;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::protocol::{Event, Failure, Hello, HelloResult, Method, SessionInfo, VERSION};
use crate::wire::Address;

use link::{Link, Owner};

/// How long connecting may take, and then again the answer to `hello`.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection to a running program. Clones share it; when the last one is
/// dropped, it is closed.
#[derive(Clone, Debug)]
pub struct Client {
    owner: Arc<Owner>,
}

/// Why a request has no result.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody answers at the session's address.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// The session's address.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// The connection ended before the answer came.
    #[error("the connection to the program ended")]
    Closed,
    /// No answer came in time; one that comes later is dropped.
    #[error("the program did not answer in time")]
    Timeout,
    /// The program answered that it cannot.
    #[error(transparent)]
    Failed(Failure),
    /// The program does not speak the protocol.
    #[error("the program answered what the protocol does not allow: {0}")]
    Protocol(String),
}

/// What a client does with what it is told; everything is called on the
/// connection's own thread, in order.
///
/// A request made from here waits for an answer that only this thread can
/// take: it never returns. Hand events to another thread instead.
pub trait Handler: Send + 'static {
    /// The program tells something.
    fn event(&mut self, event: Event);

    /// The connection ended, from whichever side. The last call.
    fn closed(&mut self) {}
}

/// A handler that only looks at events.
struct OnEvent<F>(F);

impl<F: FnMut(Event) + Send + 'static> Handler for OnEvent<F> {
    fn event(&mut self, event: Event) {
        (self.0)(event);
    }
}

impl Client {
    /// Connects to a session. Version and token of the hello are filled in here.
    ///
    /// Events go to `on_event` on the connection's own thread, in order, and
    /// the first may come before this returns. A request made from there waits
    /// for ever: see [`Handler`], which also hears of the end of the connection.
    ///
    /// # Errors
    /// When there is no program at the address, or it refuses the hello.
    pub fn connect(
        session: &SessionInfo,
        hello: Hello,
        on_event: impl FnMut(Event) + Send + 'static,
    ) -> Result<(Client, HelloResult), ClientError> {
        Client::connect_with(session, hello, OnEvent(on_event))
    }

    /// As [`Client::connect`], for who wants to hear of the end, too.
    ///
    /// # Errors
    /// When there is no program at the address, or it refuses the hello.
    pub fn connect_with(
        session: &SessionInfo,
        hello: Hello,
        handler: impl Handler,
    ) -> Result<(Client, HelloResult), ClientError> {
        let fail = |source| ClientError::Connect { address: session.address.clone(), source };
        let address =
            Address::parse(&session.address).ok_or_else(|| fail(io::ErrorKind::InvalidInput.into()))?;
        let link = Link::start(address.connect(PATIENCE).map_err(fail)?, handler).map_err(fail)?;
        let client = Client { owner: Arc::new(Owner(link)) };
        let hello = Hello { version: VERSION, token: session.token.clone(), ..hello };
        let result = client.request_timeout(hello, PATIENCE)?;
        Ok((client, result))
    }

    /// Asks, and waits for the answer as long as the connection lasts.
    ///
    /// # Errors
    /// The program's failure, or the end of the connection.
    pub fn request<M: Method>(&self, params: M) -> Result<M::Result, ClientError> {
        self.ask(params, None)
    }

    /// Asks, and waits for the answer for a limited time.
    ///
    /// # Errors
    /// As [`Client::request`], and [`ClientError::Timeout`].
    pub fn request_timeout<M: Method>(&self, params: M, timeout: Duration) -> Result<M::Result, ClientError> {
        self.ask(params, Some(timeout))
    }

    /// Ends the connection; requests that wait for an answer fail. Events that
    /// were already read are still handed on.
    pub fn close(&self) {
        self.owner.0.close();
    }

    /// Whether the connection ended, from whichever side.
    pub fn is_closed(&self) -> bool {
        self.owner.0.is_closed()
    }

    fn ask<M: Method>(&self, params: M, timeout: Option<Duration>) -> Result<M::Result, ClientError> {
        let outcome = self.owner.0.exchange(params.into_request(), timeout)?;
        serde_json::from_str(outcome.get()).map_err(|error| ClientError::Protocol(error.to_string()))
    }
}
