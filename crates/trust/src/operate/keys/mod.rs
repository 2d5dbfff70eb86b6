//! What an operator does with the server's keys: find out which root names them, let go of those
//! that none does, and try out the others.
//!
//! - `stored_roots` tells which stored roots of a GUN name a key.
//! - `retire` lets go of one key, `unused` of those that were made and never used.
//! - `verify` tries out every key that the server is to sign with.

mod retire;
mod stored_roots;
mod unused;
mod verify;

pub use retire::{Kept, Retired, Retiring, RootsOf};
pub use stored_roots::{Naming, StoredRoots};
pub use unused::{Collected, UnusedKeys};
pub use verify::{KeyVerdict, KeyVerifier, TriedKey, TriedRole};
