//! Random rules, written as a file, against a model that asks each rule in turn, letter by letter.

use std::fmt::Write as _;

use countersign_tuf::names::{Gun, RoleName};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::super::{Rules, Warning};
use crate::{Action, Caller, Resource};

const USERS: [&str; 3] = ["alice", "bob", "ci"];
const CERTIFICATES: [&str; 2] = ["ci", "mirror"];
const GUNS: [&str; 9] = ["a", "a/b", "a/c", "a/b/c", "b", "b/a", "a/b.", "a/[b]", "x/b/c"];
const PATTERNS: [&str; 14] = [
    "**", "*", "a", "a/*", "a/**", "**/b", "**/c", "a/**/c", "*/b", "a/b*", "**/b.", "a/[b]",
    "*/*", "**/*c*",
];
const ROLES: [&str; 5] = ["root", "targets", "snapshot", "targets/a", "targets/a/b"];
const ROLE_PATTERNS: [&str; 6] = ["targets", "targets/*", "targets/**", "targets/a", "root", "*s*"];

#[derive(Clone, Debug)]
struct ModelRule {
    allow: bool,
    actions: Vec<Action>,
    anyone: bool,
    anonymous: bool,
    users: Vec<&'static str>,
    certificates: Vec<&'static str>,
    group: bool,
    guns: Vec<&'static str>,
    roles: Vec<&'static str>,
}

#[derive(Clone, Debug)]
struct Model {
    group_users: Vec<&'static str>,
    group_certificates: Vec<&'static str>,
    rules: Vec<ModelRule>,
}

fn some<T: Clone + std::fmt::Debug + 'static>(of: &[T]) -> impl Strategy<Value = Vec<T>> {
    subsequence(of.to_vec(), 0..=of.len())
}

fn model_rule() -> impl Strategy<Value = ModelRule> {
    let who = (0..4_u8, any::<bool>(), some(&USERS), some(&CERTIFICATES), any::<bool>());
    let what = (any::<bool>(), subsequence(Action::ALL.to_vec(), 1..=3));
    let on = (subsequence(PATTERNS.to_vec(), 1..=2), some(&ROLE_PATTERNS));
    (who, what, on).prop_map(|(who, (allow, mut actions), (guns, roles))| {
        let (kind, anonymous, users, certificates, group) = who;
        let nobody = !anonymous && users.is_empty() && certificates.is_empty() && !group;
        let anyone = kind == 0 || nobody;
        if !roles.is_empty() {
            actions = vec![Action::Push];
        }
        ModelRule { allow, actions, anyone, anonymous, users, certificates, group, guns, roles }
    })
}

fn model() -> impl Strategy<Value = Model> {
    let group = (some(&USERS), some(&CERTIFICATES));
    (group, proptest::collection::vec(model_rule(), 0..8)).prop_map(|(group, rules)| {
        let (mut group_users, group_certificates) = group;
        if group_users.is_empty() && group_certificates.is_empty() {
            group_users.push("alice");
        }
        Model { group_users, group_certificates, rules }
    })
}

fn callers() -> impl Strategy<Value = Caller> {
    let name = |names: Vec<&'static str>| {
        proptest::option::of(select(names)).prop_map(|name| name.map(ToOwned::to_owned))
    };
    (name(vec!["alice", "bob", "ci", "eve"]), name(vec!["ci", "mirror", "alice"]))
        .prop_map(|(token_user, certificate)| Caller { token_user, certificate })
}

impl Model {
    fn file(&self) -> String {
        let list = |names: &[&str]| format!("{names:?}");
        let mut text = String::from("[groups.g]\n");
        for (key, names) in
            [("users", &self.group_users), ("certificates", &self.group_certificates)]
        {
            if !names.is_empty() {
                writeln!(text, "{key} = {}", list(names)).unwrap();
            }
        }
        for rule in &self.rules {
            let effect = if rule.allow { "allow" } else { "deny" };
            let actions: Vec<&str> = rule.actions.iter().map(|a| a.as_str()).collect();
            writeln!(text, "[[rules]]\n{effect} = {}\nguns = {}", list(&actions), list(&rule.guns))
                .unwrap();
            if rule.anyone {
                text.push_str("anyone = true\n");
            } else {
                if rule.anonymous {
                    text.push_str("anonymous = true\n");
                }
                if rule.group {
                    text.push_str("groups = ['g']\n");
                }
                for (key, names) in [("users", &rule.users), ("certificates", &rule.certificates)] {
                    if !names.is_empty() {
                        writeln!(text, "{key} = {}", list(names)).unwrap();
                    }
                }
            }
            if !rule.roles.is_empty() {
                writeln!(text, "roles = {}", list(&rule.roles)).unwrap();
            }
        }
        text
    }

    fn is_about(&self, rule: &ModelRule, caller: &Caller) -> bool {
        let user = caller.token_user.clone().or_else(|| caller.certificate.clone());
        let has = |list: &[&str], name: &Option<String>| {
            name.as_ref().is_some_and(|name| list.contains(&name.as_str()))
        };
        rule.anyone
            || (rule.anonymous && user.is_none())
            || has(&rule.users, &user)
            || has(&rule.certificates, &caller.certificate)
            || (rule.group
                && (has(&self.group_users, &user)
                    || has(&self.group_certificates, &caller.certificate)))
    }

    /// The index of the rule that decides, for one role if it is given.
    fn first(
        &self,
        caller: &Caller,
        action: Action,
        gun: &str,
        role: Option<&str>,
    ) -> Option<usize> {
        self.rules.iter().position(|rule| {
            let roles = rule.roles.is_empty()
                || role.is_some_and(|role| rule.roles.iter().any(|p| matches(p, role)));
            self.is_about(rule, caller)
                && rule.actions.contains(&action)
                && rule.guns.iter().any(|pattern| matches(pattern, gun))
                && roles
        })
    }

    fn allows(&self, caller: &Caller, action: Action, gun: &str, role: Option<&str>) -> bool {
        self.first(caller, action, gun, role).is_some_and(|at| self.rules[at].allow)
    }
}

/// Whether `name` matches `pattern`, by trying everything.
fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<&str> = pattern.split('/').collect();
    let name: Vec<&str> = name.split('/').collect();
    segments(&pattern, &name)
}

fn segments(pattern: &[&str], name: &[&str]) -> bool {
    match pattern {
        [] => name.is_empty(),
        ["**"] => !name.is_empty(),
        ["**", rest @ ..] => (0..=name.len()).any(|skipped| segments(rest, &name[skipped..])),
        [first, rest @ ..] => name.split_first().is_some_and(|(segment, below)| {
            letters(first.as_bytes(), segment.as_bytes()) && segments(rest, below)
        }),
    }
}

fn letters(pattern: &[u8], text: &[u8]) -> bool {
    match pattern {
        [] => text.is_empty(),
        [b'*', rest @ ..] => (0..=text.len()).any(|taken| letters(rest, &text[taken..])),
        [letter, rest @ ..] => text.first() == Some(letter) && letters(rest, &text[1..]),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn every_decision_is_that_of_the_model(model in model(), caller in callers()) {
        let rules = Rules::parse(&model.file()).unwrap();
        for name in GUNS {
            let gun = Gun::parse(name).unwrap();
            let resource = Resource::Gun(gun.clone());
            for action in [Action::Changefeed, Action::Delete, Action::Pull, Action::RotateKeys] {
                let decision = rules.decide(&caller, action, &resource);
                let expected = model.first(&caller, action, name, None);
                prop_assert_eq!(decision.allowed, expected.is_some_and(|at| model.rules[at].allow));
                prop_assert_eq!(decision.rule, expected.map(|at| &rules.rules[at].place));
            }
            let mut some_role = false;
            for text in ROLES {
                let role = RoleName::parse(text).unwrap();
                let allowed = rules.decide_push(&caller, &gun, &role).allowed;
                prop_assert_eq!(allowed, model.allows(&caller, Action::Push, name, Some(text)));
                some_role |= allowed;
            }
            // Patterns may let a role through that is not in the list, never the other way round.
            let push = rules.decide(&caller, Action::Push, &resource).allowed;
            prop_assert!(push || !some_role, "{}", name);
        }
    }

    #[test]
    fn the_whole_changefeed_shows_no_gun_whose_own_changefeed_is_denied(
        model in model(),
        caller in callers(),
    ) {
        let rules = Rules::parse(&model.file()).unwrap();
        if rules.decide(&caller, Action::Changefeed, &Resource::Catalog).allowed {
            for name in GUNS {
                prop_assert!(model.allows(&caller, Action::Changefeed, name, None), "{}", name);
            }
        }
    }

    #[test]
    fn a_rule_that_is_said_never_to_decide_never_does(model in model(), caller in callers()) {
        let rules = Rules::parse(&model.file()).unwrap();
        for warning in rules.warnings() {
            let Warning::Shadowed { rule, .. } = warning else { continue };
            let at = rules.rules.iter().position(|one| one.place == rule).unwrap();
            for (name, action) in GUNS.iter().flat_map(|gun| Action::ALL.map(|a| (gun, a))) {
                for role in ROLES {
                    prop_assert_ne!(model.first(&caller, action, name, Some(role)), Some(at));
                }
            }
        }
    }
}
