//! Errors of Lua programs on their way through Rust.

/// An error of the Lua program. The error value stands in the VM until
/// `pcall`, a resumer or the host takes it.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct Error(());

impl Error {
    /// The error value is in its place.
    pub(crate) const fn new() -> Error {
        Error(())
    }
}
