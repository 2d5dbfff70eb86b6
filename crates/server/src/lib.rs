//! HTTP: turns a request into one call into `countersign-trust`, and the outcome into Notary's
//! answer; and the listener that requests come in by.
//!
//! Never in here: decisions about trust, SQL, private keys of roles.
//!
//! - `arrival` is a request as it came in, made once.
//! - `route` turns method and path into a `Route`; GUNs contain slashes, so no router could.
//! - `auth` decides whether the caller may have it.
//! - `audit` records what was changed and refused.
//! - `routes` mirrors the URLs, one file per operation.
//! - [`TokenService`] checks passwords and gives out tokens.
//! - `metrics` counts and measures, by operations from a closed set.
//! - `error` is the one place that knows Notary's codes.
//! - [`limits`](Limits) holds every bound on what a client may use.
//! - [`tls`] loads or makes certificates; `listener` serves.
//!
//! To add a route: a variant in `route`, a file in `routes`, an arm in `routes::operate`, a row
//! in the table tests of `route`, and a line in the route table of the documentation.

mod app;
mod arrival;
mod audit;
mod auth;
mod budgets;
mod connection;
mod entrance;
mod error;
mod farewell;
mod forwarded;
mod key_budget;
mod limits;
mod listener;
mod log;
mod metrics;
mod peer;
mod publish_rates;
mod request_limits;
mod route;
mod routes;
#[cfg(test)]
mod testing;
pub mod tls;
mod token_service;
mod upload;
mod wire;

pub use app::{Caching, ServerSettings, Service, router};
pub use audit::{Audit, AuditLog, Offered};
pub use auth::{
    Access, GivenBy, IssuerSettings, JwksUrl, LiveRules, Realm, RulesFileError, TokenKeysError,
    TokenSettings, Tokens, read_rules,
};
pub use countersign_tuf::metadata::DocumentLimits;
pub use limits::{Limits, Rate};
pub use listener::{
    ServeError, Stopping, Transport, Visitor, serve, serve_plain_router, serve_router,
};
pub use publish_rates::PublishRate;
pub use token_service::{
    GuessLimits, TokenService, TokenServiceSettings, UsersFile, UsersFileError,
};
pub use upload::{UnreadableUpload, read_upload};
