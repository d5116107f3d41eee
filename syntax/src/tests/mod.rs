//! Tests, as fixtures: text in, text out.

mod deep;
mod dump;
mod errors;
mod forms;
mod lossless;
mod number;
mod recovery;
