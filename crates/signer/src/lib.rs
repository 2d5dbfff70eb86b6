//! A notary-signer for others: the gRPC services `KeyManagement`, `Signer` and health, over custody.
//!
//! [`router`] answers calls from a [`Signer`]. Whoever serves it puts a [`Caller`] into each
//! request; without one nothing is answered.
//!
//! - `caller` is who asks, and who may.
//! - `purpose` reads what a key is wanted for, where the caller says so.
//! - `key_management`, `signing` and `health` are the services, one file each.
//! - `calls` bounds what calls may use.
//! - `refusal` is the one place that knows the codes.
//! - `metrics` counts and measures calls, `counted_keys` what becomes of keys; `metrics_page` shows it.
//!
//! Never in here: the formats of keys, TLS.
//!
//! Source: signer spec 1 and 9.

mod caller;
mod calls;
mod counted_keys;
mod health;
mod key_id;
mod key_management;
mod method;
mod metrics;
mod metrics_page;
mod purpose;
mod refusal;
mod router;
mod signer;
mod signing;

pub use caller::{Caller, Client, Clients};
pub use calls::CallLimits;
pub use metrics_page::metrics_router;
pub use router::router;
pub use signer::{Signer, Terms, WithoutGun};
