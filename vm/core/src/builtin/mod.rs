//! The part of the library that is about the machine itself: protected calls,
//! coroutines, the collector, introspection.

pub mod base;
pub mod coroutine;
pub mod debuglib;
mod prompt;

use crate::api::{Ctx, NativeFn};
use crate::error::Error;

pub use base::install as install_base;
pub use coroutine::open as open_coroutine;
pub use debuglib::open as open_debug;

/// Sets natives as fields of the table on the top.
///
/// # Errors
/// The memory limit.
pub fn install(ctx: &mut Ctx<'_>, functions: &[(&'static str, &'static str, NativeFn)]) -> Result<(), Error> {
    for (field, name, function) in functions {
        ctx.push_native(name, *function, 0)?;
        ctx.raw_set_field(-2, field.as_bytes())?;
    }
    Ok(())
}
