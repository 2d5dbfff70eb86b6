//! The publish rules on forged updates: one accepted case, then one per way to be wrong.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod certificates;
mod model;
mod publish;
mod races;
mod root;
#[path = "../server/mod.rs"]
mod server;
mod snapshot;
mod targets;
