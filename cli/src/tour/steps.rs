//! The steps, in order. Each is a file of its own.

mod mistake;
mod breakpoint;
mod coroutine;
mod value;
mod redefinition;
mod refusal;
mod end;

use super::{Seen, Tour};

/// The file in which most of it happens.
const MAIN: &str = "main.lua";

/// A step of the tour.
pub struct Step {
    /// In a few words.
    pub title: &'static str,
    /// What is shown.
    pub about: &'static str,
    /// The requests behind it.
    pub protocol: &'static str,
    /// Does and checks it.
    pub run: fn(&mut Tour) -> Seen<()>,
}

/// The steps, in order.
pub const STEPS: &[Step] = &[
    mistake::STEP,
    breakpoint::STEP,
    coroutine::STEP,
    value::STEP,
    redefinition::STEP,
    refusal::STEP,
    end::STEP,
];
