//! Keys that another process holds: a notary-signer, ours or Go's.
//!
//! - [`protocol`] is what the two say to each other; [`HEALTH_SERVICES`] and [`caller`] are what is
//!   said beside it.
//! - `custody` is [`crate::Custody`] over a signer; `known_keys` is what it remembers,
//!   `kept_bindings` whose each key is, in the database or, where no table can be had, in
//!   `unstored_bindings`.
//! - `calls` are the calls with their answers judged by `replies`; `link` is the way there, with
//!   deadlines and tries; `connector`, `signer_tls` and `server_verifier` make its connection.
//!
//! Never in here: private keys.
//!
//! Source: signer spec 1.

pub mod caller;
mod calls;
mod connector;
mod custody;
mod fault;
mod kept_bindings;
mod known_keys;
mod link;
mod old_keys;
pub mod protocol;
mod replies;
mod server_verifier;
mod signer_tls;
mod unstored_bindings;

pub use custody::RemoteCustody;
pub use kept_bindings::KeptBindings;
pub use link::{BadAddress, SignerAt, SignerLink};
pub use old_keys::OldKeysGate;
pub use signer_tls::{BadTls, ClientIdentity, SignerTls};
pub use unstored_bindings::UnstoredBindings;

/// The names under which a notary-signer's health is asked, beside the empty one.
pub const HEALTH_SERVICES: [&str; 2] =
    ["grpc.health.v1.Health.KeyManagement", "grpc.health.v1.Health.Signer"];

/// The longest message of the protocol, in bytes (the Go signer's limit).
pub const MAX_MESSAGE_BYTES: usize = 4 * 1024 * 1024;
