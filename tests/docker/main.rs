//! The real docker, client and daemon, with a registry and Countersign: what its users see, and
//! what the server then serves to a newcomer.
//!
//! [`world`] starts everything; every test has a world of its own.
//! What never comes in: the Go server. That the two answer alike is shown in `e2e/` and
//! `differential/`.

#![cfg(test)]

mod attacks;
mod away;
mod daily;
mod keys;
mod rivals;
mod signers;
mod turns;
mod world;
