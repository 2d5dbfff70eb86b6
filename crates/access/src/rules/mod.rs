//! Rules: who may do what on which GUNs.
//!
//! A file of rules is read from the top: the first rule that is about the caller, the action and
//! the GUN decides, and what no rule is about is refused. Rules only narrow what a token allows.
//!
//! To add a key: a field in `rule`, its reading in `read`, its part of the model in `tests`, its
//! row in `docs/rules.md`.

mod decide;
mod error;
mod pattern;
mod place;
mod read;
mod rule;
mod values;
mod warnings;

use std::sync::Arc;

pub use decide::Decision;
pub use error::RulesError;
pub use rule::RulePlace;
pub use warnings::Warning;

use rule::{Group, Rule};

/// The largest file of rules, in bytes.
pub const RULES_MAX_BYTES: usize = 1 << 20;
/// The most rules in a file.
pub const RULES_MAX: usize = 5_000;

/// Rules in their order.
#[derive(Debug)]
pub struct Rules {
    rules: Vec<Rule>,
    groups: Vec<Arc<Group>>,
}

impl Rules {
    /// How many rules there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.rules.len()
    }
}

#[cfg(test)]
mod tests;
