//! The Lua 5.4 library, on the virtual machine's public native interface only.
//!
//! Fast paths are native. Whatever calls back into Lua is either a resumable native, whose state is in
//! its window, or a chunk of Lua it calls: so callbacks may yield, and are debugged like anything else.
#![forbid(unsafe_code)]

mod support;
mod leaf;
mod text;
mod base;
mod load;
mod package;
mod advice;
mod table;
mod math;
mod random;
mod os;
mod date;
mod io;
mod stream;
mod string;
mod utf8;

use perilune_vm::{Ctx, Error};

pub use load::{read_chunk, strip_shebang};
pub use stream::flush_all;

/// Installs every library into the globals and into `package.loaded`.
pub fn open(ctx: &mut Ctx<'_>) -> Result<(), Error> {
    base::open(ctx)?;
    package::open(ctx)?;
    perilune_vm::builtin::open_coroutine(ctx)?;
    support::publish(ctx, b"coroutine")?;
    perilune_vm::builtin::open_debug(ctx)?;
    support::publish(ctx, b"debug")?;
    table::open(ctx)?;
    math::open(ctx)?;
    os::open(ctx)?;
    io::open(ctx)?;
    string::open(ctx)?;
    utf8::open(ctx)
}
