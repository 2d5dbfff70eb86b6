//! Keys that another process holds: a notary-signer, ours or Go's.
//!
//! - [`protocol`] is what the two say to each other; [`HEALTH_SERVICES`] and [`caller`] are what is
//!   said beside it.
//!
//! Never in here: private keys.
//!
//! Source: signer spec 1.

pub mod caller;
pub mod protocol;

/// The names under which a notary-signer's health is asked, beside the empty one.
pub const HEALTH_SERVICES: [&str; 2] =
    ["grpc.health.v1.Health.KeyManagement", "grpc.health.v1.Health.Signer"];

/// The longest message of the protocol, in bytes (the Go signer's limit).
pub const MAX_MESSAGE_BYTES: usize = 4 * 1024 * 1024;
