//! What is allowed in a file of rules, and surely not what was meant.

use std::fmt;

use super::Rules;
use super::rule::{Rule, RulePlace, Who};

/// Something in a file of rules that has no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// An earlier rule decides everything that this one is about.
    Shadowed {
        /// The rule that can never decide.
        rule: RulePlace,
        /// The rule that decides before it.
        by: RulePlace,
    },
    /// A group that no rule names.
    UnusedGroup {
        /// Where it is defined.
        line: usize,
        /// Its name.
        name: String,
    },
}

impl Warning {
    /// The line that it is about, counted from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        match self {
            Self::Shadowed { rule, .. } => rule.line,
            Self::UnusedGroup { line, .. } => *line,
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shadowed { rule, by } => write!(
                f,
                "{rule} never decides, because {by} comes before it: put it above, or take it out"
            ),
            Self::UnusedGroup { line, name } => write!(
                f,
                "the group {name:?} in line {line} is in no rule: name it in one, or take it out"
            ),
        }
    }
}

impl Rules {
    /// What has no effect, in the order of lines. What one earlier rule hides is found; what
    /// only several of them together hide is not.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        let mut before: Vec<&Rule> = Vec::new();
        let mut warnings = Vec::new();
        for rule in &self.rules {
            match before.iter().find(|earlier| hides(earlier, rule)) {
                Some(by) => {
                    let (rule, by) = (rule.place.clone(), by.place.clone());
                    warnings.push(Warning::Shadowed { rule, by });
                }
                None => before.push(rule),
            }
        }
        let named = |who: &Who, group: &str| match who {
            Who::Anyone => false,
            Who::Some(named) => named.groups.iter().any(|one| one.name == group),
        };
        for group in &self.groups {
            if !self.rules.iter().any(|rule| named(&rule.who, &group.name)) {
                warnings.push(Warning::UnusedGroup { line: group.line, name: group.name.clone() });
            }
        }
        warnings.sort_by_key(Warning::line);
        warnings
    }
}

/// Whether `earlier` decides everything that `later` is about.
fn hides(earlier: &Rule, later: &Rule) -> bool {
    let roles = match (&earlier.roles, &later.roles) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(mine), Some(theirs)) => mine.cover_all(theirs),
    };
    roles
        && later.actions.iter().all(|action| earlier.actions.contains(action))
        && earlier.who.covers(&later.who)
        && earlier.guns.cover_all(&later.guns)
}
