//! Conversations with the server over pipes, in raw JSON-RPC.
//!
//! Whatever the server says is held against the protocol (`protocol.txt`).

mod client;
mod protocol;
mod program;
mod session;
mod workspace;
mod typing;
mod robustness;
mod live;
