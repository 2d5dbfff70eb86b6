//! What an operator does with a whole store, beside the requests that are served from it.
//!
//! Never in here: SQL, printing, and anything that a request waits for.
//!
//! - `check` judges one repository as it is stored; `report` is what it says.
//! - `bodies` reads documents, `held_keys` looks keys up, `client` goes a client's way.
//! - [`import`] moves everything from one store to another.

mod bodies;
mod check;
mod client;
mod held_keys;
pub mod import;
mod report;

pub use check::{Checker, Sources};
pub use held_keys::HeldKeys;
pub use report::{DamagedRow, Fault, Note, Report, RowDamage};
