//! A running Lua program as a service.
//!
//! The program's process offers one protocol ([`protocol`], documented in
//! `docs/live-protocol.md`); language server, debug adapter and REPL are its
//! clients. Whatever touches the heap runs on the program's own thread at a
//! safepoint: other threads only queue.

pub mod client;
pub mod endpoint;
pub mod protocol;
pub mod service;
pub mod session;
pub mod wire;
