//! What an operator does with a whole store, beside the requests that are served from it.
//!
//! Never in here: SQL, printing, and anything that a request waits for.
//!
//! - `check` judges one repository as it is stored; `report` is what it says.
//! - `bodies` reads documents, `held_keys` looks keys up, `client` goes a client's way.
//! - `old_keys` binds keys that name no GUN, `first_naming` tells to whom.
//! - [`keys`] is about the server's keys: which roots name them, letting go, trying out.
//! - `signer_keys` binds keys of a signer from before this server.
//! - [`import`] moves everything from one store to another.
//! - `gc` clears a store of what no client can need; `kept` decides what that is;
//!   `gc_rounds` does it again and again.
//! - `sign_above` signs what a backup holds above what clients have seen; `lost` tells what it lacks.

mod bodies;
mod check;
mod client;
mod first_naming;
pub mod gc;
mod gc_rounds;
mod held_keys;
pub mod import;
mod kept;
pub mod keys;
mod lost;
mod old_keys;
mod report;
mod sign_above;
mod signer_keys;

pub use check::{Checker, Sources};
pub use gc_rounds::{Rounds, UnusedKeyRounds};
pub use held_keys::HeldKeys;
pub use lost::{Loss, issued, lost};
pub use old_keys::{OldKeys, OldKeysBound};
pub use report::{DamagedRow, Fault, Note, Report, RowDamage};
pub use sign_above::{Jump, SignedAbove, issued_since};
pub use signer_keys::SignerKeys;
