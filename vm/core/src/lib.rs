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
//! The modules below that name parts of the machine are the doors for the compiler and for tools.

pub mod value;
pub mod object;
pub mod cache;
pub mod meta;
pub mod number;
pub mod arith;
pub mod heap;
pub mod string;
pub mod shape;
pub mod table;
pub mod collect;
pub mod proto;
pub mod stack;
pub mod error;
pub mod interp;
pub mod call;
pub mod unwind;
pub mod limit;
pub mod debug;
pub mod inspect;
pub mod leaf;
pub mod tier;
pub mod api;
pub mod vm;
pub mod builtin;
mod torture;

pub use api::{Ctx, Kind, LoadError, NativeFn, Next, Value};
pub use error::Error;
pub use limit::{OnLimit, Patience, Stop, StopHandle};
pub use torture::Torture;
pub use vm::{Buffering, Options, Vm};

/// The examples of `docs/embedding.md`, as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/embedding.md")]
pub struct Embedding;
