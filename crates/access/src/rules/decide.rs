//! What the rules say to a wish: the first rule that is about it decides.

use std::fmt;

use countersign_tuf::names::{Gun, RoleName};

use super::Rules;
use super::pattern::Pattern;
use super::rule::{Effect, Rule, RulePlace};
use crate::{Action, Caller, Resource};

/// What the rules say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision<'a> {
    /// Whether the caller may do it.
    pub allowed: bool,
    /// The rule that decided; `None` when none is about it, which is a refusal.
    pub rule: Option<&'a RulePlace>,
}

impl<'a> Decision<'a> {
    const NO_RULE: Self = Self { allowed: false, rule: None };

    fn by(rule: &'a Rule) -> Self {
        Self { allowed: rule.effect == Effect::Allow, rule: Some(&rule.place) }
    }
}

impl fmt::Display for Decision<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.rule, self.allowed) {
            (None, _) => f.write_str("no rule allows it"),
            (Some(rule), true) => write!(f, "{rule} allows it"),
            (Some(rule), false) => write!(f, "{rule} denies it"),
        }
    }
}

impl Rules {
    /// Whether `caller` may do `action` on `resource`.
    ///
    /// Push is allowed when it is for at least one role; [`Rules::decide_push`] is about one. The
    /// changefeed of the whole server is allowed when the caller may read that of every GUN.
    #[must_use]
    pub fn decide(&self, caller: &Caller, action: Action, resource: &Resource) -> Decision<'_> {
        let rules = self.rules.iter().filter(|rule| rule.concerns(caller, action));
        match resource {
            Resource::Catalog => of_all_guns(rules),
            Resource::Gun(gun) => {
                let mut rules = rules.filter(|rule| rule.guns.admit(gun.as_str()));
                if action == Action::Push {
                    return of_some_role(rules);
                }
                rules.next().map_or(Decision::NO_RULE, Decision::by)
            }
        }
    }

    /// Whether `caller` may publish `role` of `gun`.
    #[must_use]
    pub fn decide_push(&self, caller: &Caller, gun: &Gun, role: &RoleName) -> Decision<'_> {
        self.rules
            .iter()
            .filter(|rule| rule.concerns(caller, Action::Push))
            .filter(|rule| rule.roles.as_ref().is_none_or(|roles| roles.admit(role.as_str())))
            .find(|rule| rule.guns.admit(gun.as_str()))
            .map_or(Decision::NO_RULE, Decision::by)
    }
}

/// An allow for every GUN decides, unless a deny that could hide a GUN comes before it. An allow
/// for some GUNs decides nothing here.
fn of_all_guns<'a>(rules: impl Iterator<Item = &'a Rule>) -> Decision<'a> {
    let decides =
        |rule: &&Rule| rule.effect == Effect::Deny || rule.guns.iter().any(Pattern::is_everything);
    rules.into_iter().find(decides).map_or(Decision::NO_RULE, Decision::by)
}

/// The first rule that lets some role through which no earlier one denies; else the rule that
/// denies what is left.
fn of_some_role<'a>(rules: impl Iterator<Item = &'a Rule>) -> Decision<'a> {
    let mut denied: Vec<&Rule> = Vec::new();
    for rule in rules {
        match (rule.effect, &rule.roles) {
            (Effect::Deny, None) => return Decision::by(rule),
            (Effect::Deny, Some(_)) => denied.push(rule),
            (Effect::Allow, None) => return Decision::by(rule),
            (Effect::Allow, Some(roles)) => {
                let hidden = |role: &Pattern| {
                    denied.iter().any(|deny| deny.roles.as_ref().is_some_and(|d| d.cover(role)))
                };
                if !roles.iter().all(hidden) {
                    return Decision::by(rule);
                }
            }
        }
    }
    denied.first().map_or(Decision::NO_RULE, |rule| Decision::by(rule))
}
