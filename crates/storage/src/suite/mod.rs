//! The conformance suite: what the contract promises, as ordinary functions over `&dyn` stores.
//!
//! Every function wants a store of its own that is empty, and panics with what it saw when a
//! promise is broken. It knows no engine. An engine's tests list all of it with
//! [`conformance_tests!`](crate::conformance_tests) and [`racing_tests!`](crate::racing_tests), or
//! run it in turn from [`conformance_cases!`](crate::conformance_cases) and
//! [`racing_cases!`](crate::racing_cases).
//!
//! To add a case: write the function in its theme's file and add its name to the macro's list.

pub mod aliases;
pub mod archive;
pub mod change_numbers;
pub mod changefeed;
pub mod conflicts;
pub mod durable;
mod heads_at_once;
pub mod inventory;
pub mod key_bindings;
pub mod key_catalogue;
pub mod key_upkeep;
pub mod keys;
mod list;
pub mod metadata;
mod must;
pub mod passphrase_moves;
pub mod published;
pub mod racing;
pub mod retention;
pub mod root_walk;
mod samples;
pub mod usage;

pub use list::{Case, RacingCase, Running};
