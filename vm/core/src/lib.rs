//! Values, heap, interpreter, coroutines and introspection of Perilune, and the way to embed it.
//!
//! The machine knows neither its library nor its tools: they come to it
//! through [`Ctx`] and the hooks here. A program makes a [`Vm`], opens the library,
//! and works on a window of values:
//!
//! ```
//! use perilune_vm::{Options, Vm};
//!
//! let mut vm = Vm::new(Options::default());
//! vm.with(perilune_stdlib::open).expect("the library opens");
//! let sum = vm.with(|ctx| {
//!     if ctx.load(b"local a, b = ... return a + b", b"=sum", b"t").is_err() {
//!         return Err(ctx.error_top());
//!     }
//!     ctx.push_int(20);
//!     ctx.push_int(22);
//!     ctx.call(2, Some(1))?;
//!     let sum = ctx.to_int(-1);
//!     ctx.set_top(0);
//!     Ok(sum)
//! });
//! assert_eq!(sum, Ok(Some(42)));
//! ```
//!
//! `docs/embedding.md` tells more: functions and userdata in Rust, handles, errors, limits, threads.
//!
//! # The safe interface
//!
//! What this page shows is safe, but for what says `unsafe`: whatever a host does with it, it breaks no memory.
//! Modules that are public but hidden from this page (`value`, `object`, `cache`, `arith`, `heap`, `stack`) are the
//! inside of the machine, which `perilune-jit` has to know. They believe the addresses they are given, also in
//! functions that are not marked `unsafe`; they are no part of the safe interface, and change without notice.

#[doc(hidden)]
pub mod value;
#[doc(hidden)]
pub mod object;
#[doc(hidden)]
pub mod cache;
mod meta;
pub mod number;
#[doc(hidden)]
pub mod arith;
#[doc(hidden)]
pub mod heap;
mod buffer;
mod string;
mod shape;
mod table;
mod collect;
mod proto;
#[doc(hidden)]
pub mod stack;
mod error;
mod interp;
mod call;
mod unwind;
mod limit;
mod debug;
pub mod inspect;
pub mod leaf;
pub mod tier;
mod api;
mod vm;
pub mod builtin;
mod switch;
mod torture;

pub use api::{Ctx, Kind, LoadError, NativeFn, Next, Value};
pub use buffer::Buffer;
pub use error::Error;
pub use limit::{OnLimit, Patience, Stop, StopHandle};
pub use torture::Torture;
pub use vm::{Buffering, Options, Vm};

/// The examples of `docs/embedding.md`, as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/embedding.md")]
pub struct Embedding;
