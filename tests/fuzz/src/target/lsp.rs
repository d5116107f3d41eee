//! Sessions with the language server, hostile and busy.
//!
//! Server and client run in one thread over pipes in memory. The clock is
//! paused: "nothing comes" is seen when both sides are idle, not after a time.

mod client;
mod edits;
mod noise;

use crate::random::Random;

/// One session.
pub fn case(seed: u64) {
    let mut random = Random::new(seed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        match random.below(2) {
            0 => noise::session(&mut random).await,
            _ => edits::session(&mut random).await,
        }
    });
}
