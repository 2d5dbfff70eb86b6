//! What is the same whichever database keeps it: each flow is a function over a `Session`.
//!
//! The tests of each theme play them against the Go server and against Countersign on SQLite; those
//! of the engines against Countersign on a database server.
//! What never comes in: knowing on what a flow is played.

pub(crate) mod delegations;
pub(crate) mod keys;
pub(crate) mod publishing;
pub(crate) mod rivals;
