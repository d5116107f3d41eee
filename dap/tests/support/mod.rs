//! What the adapter's tests share.

pub mod fake;
pub mod monkey;
pub mod play;
pub mod protocol;
