//! Who may do what.
//!
//! Pure: no I/O, no HTTP, no async, clock passed in. Never in here: what a publish may contain;
//! that is the business of `countersign-tuf`.
//!
//! - [`Caller`] is whom a request comes from, [`Action`] what it wants to do, [`Resource`] on what.
//! - [`Rules`] say who may do what on which GUNs, from a file.
//! - [`audit`] is the record of what was decided.
//! - [`AccessItem`] is the same in the words of registry tokens.
//! - [`token`] reads and verifies those tokens.
//! - [`users`] are those of the built-in token service, [`issue`] is what it gives out.

mod action;
pub mod audit;
mod caller;
pub mod issue;
mod item;
mod rules;
pub mod token;
pub mod users;

pub use action::{Action, Resource};
pub use caller::Caller;
pub use item::AccessItem;
pub use rules::{
    Decision, RULES_MAX, RULES_MAX_BYTES, RulePlace, Rules, RulesError, Warning as RulesWarning,
};
