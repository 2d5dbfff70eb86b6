//! The client's trusted set: what it believes of what it is served.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails"
)]

#[path = "../client/mod.rs"]
mod client;
mod delegations;
mod endless;
mod forgery;
mod freshness;
mod mirror;
mod mix_and_match;
mod names;
mod roots;
mod vectors;
