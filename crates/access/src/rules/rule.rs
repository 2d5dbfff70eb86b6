//! One rule, and whom it is about.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::pattern::Patterns;
use crate::{Action, Caller};

/// One rule of the file.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) place: RulePlace,
    pub(super) effect: Effect,
    pub(super) actions: Vec<Action>,
    pub(super) who: Who,
    pub(super) guns: Patterns,
    /// For a rule about push only: which roles of an upload it is about; `None` is all.
    pub(super) roles: Option<Patterns>,
}

impl Rule {
    /// Whether the rule is about this caller and action, wherever.
    pub(super) fn concerns(&self, caller: &Caller, action: Action) -> bool {
        self.actions.contains(&action) && self.who.includes(caller)
    }
}

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Allow,
    Deny,
}

/// Which rule it is, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RulePlace {
    /// The line where it begins, counted from 1.
    pub line: usize,
    /// Its name, if it has one.
    pub name: Option<String>,
}

impl fmt::Display for RulePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "the rule {name:?} in line {}", self.line),
            None => write!(f, "the rule in line {}", self.line),
        }
    }
}

/// Some callers under one name.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) line: usize,
    pub(super) users: BTreeSet<String>,
    pub(super) certificates: BTreeSet<String>,
}

/// Whom a rule is about.
#[derive(Debug)]
pub(super) enum Who {
    Anyone,
    Some(Named),
}

/// Callers by what is known of them; one of it is enough.
#[derive(Debug, Default)]
pub(super) struct Named {
    pub(super) anonymous: Anonymous,
    pub(super) users: BTreeSet<String>,
    pub(super) certificates: BTreeSet<String>,
    pub(super) groups: Vec<Arc<Group>>,
}

/// Whether a rule is about those of whom nothing is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Anonymous {
    #[default]
    Not,
    Too,
}

impl Who {
    fn includes(&self, caller: &Caller) -> bool {
        match self {
            Self::Anyone => true,
            Self::Some(named) => match caller.user() {
                None => named.anonymous == Anonymous::Too,
                Some(user) => {
                    named.has_user(user)
                        || caller.certificate.as_deref().is_some_and(|name| named.has_holder(name))
                }
            },
        }
    }

    /// Whether everybody in `other` surely is in this.
    pub(super) fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Anyone, _) => true,
            (Self::Some(_), Self::Anyone) => false,
            (Self::Some(mine), Self::Some(theirs)) => mine.covers(theirs),
        }
    }
}

impl Named {
    fn has_user(&self, user: &str) -> bool {
        self.users.contains(user) || self.groups.iter().any(|group| group.users.contains(user))
    }

    fn has_holder(&self, certificate: &str) -> bool {
        self.certificates.contains(certificate)
            || self.groups.iter().any(|group| group.certificates.contains(certificate))
    }

    fn covers(&self, other: &Self) -> bool {
        let users = |group: &Arc<Group>| group.users.iter().all(|user| self.has_user(user));
        let holders = |group: &Arc<Group>| group.certificates.iter().all(|n| self.has_holder(n));
        (self.anonymous == Anonymous::Too || other.anonymous == Anonymous::Not)
            && other.users.iter().all(|user| self.has_user(user))
            && other.certificates.iter().all(|name| self.has_holder(name))
            && other.groups.iter().all(|group| users(group) && holders(group))
    }
}
