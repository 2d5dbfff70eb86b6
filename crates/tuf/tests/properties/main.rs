//! What must hold for any input: canonical text, signatures, and any sequence of updates.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "../client/mod.rs"]
mod client;
mod expected;
mod faults;
mod operation;
#[path = "../server/mod.rs"]
mod server;
mod signatures;
mod simulation;
mod text;
mod world;
