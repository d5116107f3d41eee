//! The language server: `perilune-ide` over the Language Server Protocol.
//!
//! `gate.rs` keeps malformed input from the framework and `guard.rs` panics
//! from ending it; `server.rs` is the one adapter to it. `store.rs` holds the
//! files and `disk.rs` finds those that are not open; `live.rs` asks the
//! program that runs. `convert.rs` translates places, and each file of
//! `handler` answers one kind of request.

mod gate;
mod guard;
mod server;
mod store;
mod disk;
mod live;
mod convert;
mod handler;

pub use live::Finder;

use guard::Guard;
use server::Backend;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncRead, AsyncWrite};
use tower_lsp_server::{LspService, Server};

/// Messages that are handled at a time. Those that wait for a running program must not hold up the others.
const CONCURRENCY: usize = 256;

/// Serves one client on standard input and output, until it says `exit` or hangs up.
///
/// # Errors
/// An `exit` that no `shutdown` announced, as the protocol wants it, or streams that fail.
pub fn run() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(16).build()?;
    let finder: Finder = Arc::new(perilune_live::session::find_for_workspace);
    let result = runtime.block_on(serve(tokio::io::stdin(), tokio::io::stdout(), finder));
    // A thread may still wait for standard input.
    runtime.shutdown_background();
    result
}

/// As [`run`], on any pair of streams, the runtime of the caller, and programs that `finder` finds.
///
/// # Errors
/// As [`run`].
pub async fn serve<I, O>(input: I, output: O, finder: Finder) -> io::Result<()>
where
    I: AsyncRead + Unpin,
    O: AsyncWrite,
{
    let was_shut_down = Arc::new(AtomicBool::new(false));
    let said_exit = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&was_shut_down);
    let (service, socket) = LspService::build(|client| Backend::new(client, flag, finder))
        .custom_method(gate::PARSE_ERROR, Backend::parse_error)
        .custom_method(gate::INVALID_REQUEST, Backend::invalid_request)
        .finish();
    let (clean_input, pipe) = tokio::io::duplex(64 * 1024);
    let server = Server::new(clean_input, output, socket).concurrency_level(CONCURRENCY).serve(Guard(service));
    let pump = gate::pump(input, pipe, Arc::clone(&said_exit));
    let mut pump = std::pin::pin!(pump);
    let mut server = std::pin::pin!(server);
    tokio::select! {
        () = &mut server => {}
        result = &mut pump => {
            result?;
            server.await;
        }
    }
    let is_rude = said_exit.load(Ordering::Relaxed) && !was_shut_down.load(Ordering::Relaxed);
    if is_rude { Err(io::Error::other("the client said exit before shutdown")) } else { Ok(()) }
}
