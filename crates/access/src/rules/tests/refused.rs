//! Files that are refused, with their place and the mend.

use proptest::prelude::*;

use super::super::{RULES_MAX, RULES_MAX_BYTES, Rules};

fn refusal(text: &str) -> String {
    Rules::parse(text).unwrap_err().to_string()
}

/// A rule that is right but for `line`, which is its third.
fn with(line: &str) -> String {
    format!("[[rules]]\nguns = ['a']\n{line}\n")
}

#[test]
fn a_word_that_is_not_known_is_refused_where_it_stands_with_the_nearest() {
    for (text, expected) in [
        ("[rule]\n", "1:2: unknown key \"rule\": did you mean `rules`?"),
        ("\n  wallpaper = 1\n", "2:3: unknown key \"wallpaper\": the keys are groups, rules"),
        (&with("allows = ['pull']"), "3:1: unknown key \"allows\": did you mean `allow`?"),
        (
            &with("allow = ['pull', 'pusch']\nanyone = true"),
            "3:18: unknown action \"pusch\": did you mean `push`?",
        ),
        (
            &with("allow = ['everything']\nanyone = true"),
            "3:10: unknown action \"everything\": the actions are changefeed, delete, pull, push, \
             rotate-keys",
        ),
        (
            &format!(
                "[groups.release]\nusers = ['a']\n{}",
                with("allow = ['pull']\ngroups = ['relase']")
            ),
            "6:11: unknown group \"relase\": did you mean `release`?",
        ),
        (
            &with("allow = ['pull']\ngroups = ['x']"),
            "4:11: unknown group \"x\": write [groups.x] with its members",
        ),
        ("[groups.a]\nuser = ['a']\n", "2:1: unknown key \"user\": did you mean `users`?"),
        (
            &with("allow = ['push']\nanyone = true\nroles = ['releases']"),
            "5:10: \"releases\" is no pattern: write targets/NAME in a-z 0-9 - _, or one of root, \
             targets, snapshot, timestamp",
        ),
        (
            &with("allow = ['push']\nanyone = true\nroles = ['target']"),
            "5:10: \"target\" is no pattern: did you mean `targets`?",
        ),
    ] {
        assert_eq!(refusal(text), expected);
    }
}

#[test]
fn what_would_mean_nothing_or_everything_by_accident_is_refused() {
    for (text, expected) in [
        (with("allow = []\nanyone = true"), "3:9: `allow` is an empty list"),
        (with("allow = ['pull']"), "1:1: the rule is about nobody"),
        (with("anyone = true"), "1:1: the rule neither allows nor denies"),
        (with("allow = ['pull']\ndeny = ['push']\nanyone = true"), "1:1: the rule both allows"),
        (with("allow = ['pull']\nusers = []"), "4:9: `users` is an empty list"),
        (with("allow = ['pull']\nusers = ['']"), "4:10: \"\" is no name"),
        (with("allow = ['pull']\nusers = [\"a\\n\"]"), "4:10: \"a\\n\" is no name"),
        (with("allow = ['pull']\nusers = [1]"), "4:10: `users` holds something else than text"),
        (with("allow = ['pull']\nusers = 'a'"), "4:9: `users` is no list"),
        (with("allow = ['pull']\nanyone = false"), "4:10: `anyone` is something else than true"),
        (with("allow = ['pull']\nanyone = true\nusers = ['a']"), "1:1: `anyone` already is"),
        (with("allow = ['pull']\nanyone = true\nname = 1"), "5:8: `name` is no text"),
        (
            with("allow = ['pull', 'push']\nanyone = true\nroles = ['targets/a']"),
            "5:10: `roles` is about push only",
        ),
        (
            "[[rules]]\nallow = ['pull']\nanyone = true\n".to_owned(),
            "1:1: the rule is about no GUN",
        ),
        (
            "[[rules]]\nallow = ['pull']\nanyone = true\nguns = ['a/']\n".to_owned(),
            "4:9: \"a/\" is no pattern: end it with `/**`",
        ),
        ("[groups.a]\n".to_owned(), "1:9: the group \"a\" has nobody in it"),
        ("groups = 1\n".to_owned(), "1:10: `groups` is no table"),
        ("[groups]\na = ['x']\n".to_owned(), "2:5: the group \"a\" is no table"),
        ("rules = 1\n".to_owned(), "1:9: `rules` is no list"),
        ("rules = [1]\n".to_owned(), "1:10: a rule is no table"),
        ("a = \n".to_owned(), "1:5: "),
        ("rules = []\nrules = []\n".to_owned(), "2:1: duplicate key"),
    ] {
        let said = refusal(&text);
        assert!(said.starts_with(expected), "{said}\n{text}");
        assert_eq!(said.lines().count(), 1);
    }
}

#[test]
fn a_file_at_its_limits_is_read_and_one_over_them_is_not() {
    let rule = "[[rules]]\nallow=['pull']\nusers=['u']\nguns=['a/*/b*c']\n";
    let rules = Rules::parse(&rule.repeat(RULES_MAX)).unwrap();
    assert_eq!(rules.count(), RULES_MAX);
    assert!(refusal(&rule.repeat(RULES_MAX + 1)).contains("more than 5000 rules"));
    let long = |bytes: usize| format!("#{}", "x".repeat(bytes - 1));
    assert!(Rules::parse(&long(RULES_MAX_BYTES)).is_ok());
    assert!(refusal(&long(RULES_MAX_BYTES + 1)).contains("more than 1048576 bytes"));
}

proptest! {
    #[test]
    fn no_text_stops_the_reader(text in any::<String>()) {
        Rules::parse(&text).ok();
    }

    #[test]
    fn no_text_near_a_file_of_rules_stops_the_reader(
        pieces in proptest::collection::vec(
            prop::sample::select(vec![
                "[[rules]]", "[groups.a]", "[groups]", "\n", "allow", "deny", " = ", "[", "]", "'pull'",
                "'push'", "true", "false", "guns", "'**'", "'a/*'", "roles", "'targets/a'", ", ",
                "users", "'x'", "anyone", "anonymous", "groups", "'a'", "\"", "1", "{", "}", ".", "é",
            ]),
            0..60,
        )
    ) {
        let text: String = pieces.concat();
        if let Err(error) = Rules::parse(&text) {
            prop_assert!(error.line <= text.matches('\n').count() + 1);
        }
    }
}
