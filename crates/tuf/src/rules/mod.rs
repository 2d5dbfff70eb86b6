//! May this update follow the current state? Pure rules, in Notary's order.
//!
//! [`decide`] takes everything that the decision needs and reads nothing else. It returns a
//! [`Decision`]: a chain of states in which the server's own signatures are still missing, and at
//! whose end stands an [`AcceptedUpdate`](crate::accepted::AcceptedUpdate). A refusal is typed,
//! and which one wins when several apply is part of the contract.
//!
//! Source: server spec 4 (order and texts), contract section 3 (where Notary is wrong).
//!
//! To add a rule: a `Reason` with its text, the check in the file of the role it concerns, a case
//! in that file's table of tests, and a line in `docs/compatibility.md` if Notary has no such rule.

mod decision;
mod freshen;
mod publish;
mod refusal;
mod root;
mod snapshot;
mod targets;
mod update;

pub use decision::{Decision, NeedsSnapshot, NeedsTimestamp};
pub use freshen::{Freshness, freshness, renew_snapshot, renew_timestamp};
pub use publish::{Circumstances, Stored, decide};
pub use refusal::Refusal;
pub use root::stored_root;
pub(crate) use root::verify_succession;
pub(crate) use targets::Tree;
pub use update::{Update, UploadedPart};
