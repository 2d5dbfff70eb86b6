//! Rules against files by hand, and against a slow model of "first match decides".

mod model;
mod refused;

use countersign_tuf::names::{Gun, RoleName};

use super::{Rules, Warning};
use crate::{Action, Caller, Resource};

const FILE: &str = r#"
[groups.release]
users = ["alice", "bob"]
certificates = ["ci.example.com"]

[[rules]]
name = "mallory is out"
deny = ["pull", "push", "delete", "rotate-keys", "changefeed"]
users = ["mallory"]
guns = ["**"]

[[rules]]
allow = ["pull"]
anyone = true
guns = ["example.com/public/**"]

[[rules]]
allow = ["pull", "push"]
groups = ["release"]
guns = ["example.com/**"]

[[rules]]
name = "team a signs for itself"
allow = ["push"]
users = ["anna"]
guns = ["example.com/team/*"]
roles = ["targets/a"]

[[rules]]
allow = ["changefeed"]
certificates = ["mirror"]
guns = ["**"]

[[rules]]
allow = ["changefeed"]
anonymous = true
guns = ["example.com/public/*"]
"#;

fn user(name: &str) -> Caller {
    Caller { token_user: Some(name.to_owned()), certificate: None }
}

fn holder(name: &str) -> Caller {
    Caller { token_user: None, certificate: Some(name.to_owned()) }
}

fn gun(name: &str) -> Resource {
    Resource::Gun(Gun::parse(name).unwrap())
}

fn said(caller: &Caller, action: Action, resource: &Resource) -> String {
    Rules::parse(FILE).unwrap().decide(caller, action, resource).to_string()
}

#[test]
fn the_first_rule_about_the_caller_the_action_and_the_gun_decides() {
    let public = gun("example.com/public/app");
    let private = gun("example.com/private/app");
    for (caller, action, resource, expected) in [
        (user("mallory"), Action::Pull, &public, "the rule \"mallory is out\" in line 6 denies it"),
        (user("carol"), Action::Pull, &public, "the rule in line 12 allows it"),
        (Caller::ANONYMOUS, Action::Pull, &public, "the rule in line 12 allows it"),
        (Caller::ANONYMOUS, Action::Push, &public, "no rule allows it"),
        (user("carol"), Action::Pull, &private, "no rule allows it"),
        (user("alice"), Action::Pull, &private, "the rule in line 17 allows it"),
        (user("alice"), Action::Delete, &private, "no rule allows it"),
        (holder("ci.example.com"), Action::Push, &private, "the rule in line 17 allows it"),
    ] {
        assert_eq!(said(&caller, action, resource), expected, "{caller:?} {action:?}");
    }
}

#[test]
fn a_group_asks_for_users_and_certificates_each_in_its_own_list() {
    let private = gun("example.com/private/app");
    assert_eq!(said(&user("ci.example.com"), Action::Push, &private), "no rule allows it");
    // Without a token, whom the certificate names is the user.
    assert_eq!(said(&holder("alice"), Action::Push, &private), "the rule in line 17 allows it");
    let both = Caller { certificate: Some("ci.example.com".to_owned()), ..user("carol") };
    assert_eq!(said(&both, Action::Push, &private), "the rule in line 17 allows it");
}

#[test]
fn push_for_some_roles_is_push_and_each_role_is_decided_by_itself() {
    let rules = Rules::parse(FILE).unwrap();
    let team = Gun::parse("example.com/team/app").unwrap();
    let anna = user("anna");
    let allowed = rules.decide(&anna, Action::Push, &Resource::Gun(team.clone()));
    assert_eq!(allowed.to_string(), "the rule \"team a signs for itself\" in line 22 allows it");
    for (role, expected) in [("targets/a", true), ("targets/b", false), ("targets", false)] {
        let role = RoleName::parse(role).unwrap();
        assert_eq!(rules.decide_push(&anna, &team, &role).allowed, expected, "{role}");
        assert!(rules.decide_push(&user("bob"), &team, &role).allowed, "{role}");
        assert!(!rules.decide_push(&user("mallory"), &team, &role).allowed, "{role}");
    }
}

#[test]
fn push_whose_every_role_is_denied_before_is_no_push() {
    let file = |roles: &str| {
        format!(
            "[[rules]]\ndeny = ['push']\nanyone = true\nguns = ['**']\nroles = ['targets/*']\n\
             [[rules]]\nallow = ['push']\nanyone = true\nguns = ['**']\nroles = [{roles}]\n"
        )
    };
    for (roles, expected) in [
        ("'targets/a'", false),
        ("'targets/a', 'targets/b*'", false),
        ("'targets/a/b'", true),
        ("'targets/a', 'snapshot'", true),
        ("'targets/**'", true),
    ] {
        let rules = Rules::parse(&file(roles)).unwrap();
        let decision = rules.decide(&Caller::ANONYMOUS, Action::Push, &gun("a"));
        assert_eq!(decision.allowed, expected, "{roles}");
    }
}

#[test]
fn the_changefeed_of_the_server_is_for_those_who_may_read_that_of_every_gun() {
    let catalog = Resource::Catalog;
    for (caller, expected) in [
        (holder("mirror"), "the rule in line 29 allows it"),
        (Caller::ANONYMOUS, "no rule allows it"),
        (user("mallory"), "the rule \"mallory is out\" in line 6 denies it"),
    ] {
        assert_eq!(said(&caller, Action::Changefeed, &catalog), expected, "{caller:?}");
    }
    let hides_one = "[[rules]]\ndeny = ['changefeed']\nanyone = true\nguns = ['secret/x']\n\
                     [[rules]]\nallow = ['changefeed']\nanyone = true\nguns = ['**']\n";
    let rules = Rules::parse(hides_one).unwrap();
    assert!(!rules.decide(&user("a"), Action::Changefeed, &catalog).allowed);
    assert!(rules.decide(&user("a"), Action::Changefeed, &gun("secret/y")).allowed);
}

#[test]
fn a_file_without_rules_allows_nothing() {
    for text in ["", "# nothing yet\n", "[groups]\n", "rules = []\n"] {
        let rules = Rules::parse(text).unwrap();
        assert_eq!(rules.count(), 0);
        assert!(!rules.decide(&user("a"), Action::Pull, &gun("a")).allowed);
    }
}

#[test]
fn what_never_decides_is_warned_of_with_its_line() {
    assert_eq!(Rules::parse(FILE).unwrap().warnings(), []);
    let text = "[groups.a]\nusers = ['x']\n[groups.b]\nusers = ['x', 'y']\n\
                [[rules]]\nallow = ['pull', 'push']\ngroups = ['b']\nguns = ['e/**']\n\
                [[rules]]\nname = 'late'\ndeny = ['push']\nusers = ['x']\nguns = ['e/*', 'e/a/b']\n\
                [[rules]]\ndeny = ['push']\nusers = ['x', 'z']\nguns = ['e/*']\n";
    let warnings = Rules::parse(text).unwrap().warnings();
    assert_eq!(warnings.iter().map(Warning::line).collect::<Vec<_>>(), [1, 9]);
    assert_eq!(
        warnings[0].to_string(),
        "the group \"a\" in line 1 is in no rule: name it in one, or take it out"
    );
    assert_eq!(
        warnings[1].to_string(),
        "the rule \"late\" in line 9 never decides, because the rule in line 5 comes before it: \
         put it above, or take it out"
    );
}
