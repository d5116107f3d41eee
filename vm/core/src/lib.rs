//! Values, heap, interpreter, coroutines and introspection of Perilune.
//!
//! The machine knows neither its library nor its tools: they come to it
//! through [`Ctx`] and the hooks here.


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
