//! The decision table once more under rules: a token and the rules must both allow a request.

use std::fs;

use anyhow::{Result, ensure};
use countersign_tests::peers::countersign::Countersign;

use crate::ask::Line;
use crate::routes::{HERE, Route};
use crate::server::{Whose, settings};
use crate::stage::Stage;
use crate::table::{Subject, play, play_users};

/// Who may what, as an operator writes it.
const RULES: &str = r#"
[groups.writers]
users = ["carol", "cecil"]

[[rules]]
deny = ["pull", "push", "delete", "rotate-keys", "changefeed"]
users = ["dave"]
guns = ["**"]

[[rules]]
allow = ["pull", "push", "delete", "rotate-keys", "changefeed"]
users = ["alice", "dave"]
guns = ["**"]

[[rules]]
allow = ["pull"]
users = ["bob"]
guns = ["example.com/*"]

[[rules]]
allow = ["push"]
groups = ["writers"]
guns = ["example.com/*"]

[[rules]]
allow = ["delete"]
users = ["dora"]
guns = ["**"]

[[rules]]
allow = ["rotate-keys"]
users = ["rita"]
guns = ["**"]

[[rules]]
allow = ["changefeed"]
users = ["fred"]
guns = ["**"]

[[rules]]
deny = ["changefeed"]
users = ["gina"]
guns = ["example.com/secret/**"]

[[rules]]
allow = ["changefeed"]
users = ["gina"]
guns = ["**"]

[[rules]]
allow = ["pull", "push", "delete", "rotate-keys", "changefeed"]
users = ["erin"]
guns = ["example.com/here/*", "here", "example.com/HERE", "example.com/her"]

[[rules]]
allow = ["pull"]
anonymous = true
guns = ["example.com/here"]

[[rules]]
deny = ["pull"]
anyone = true
guns = ["**"]
"#;

/// Everybody in the rules, somebody who is not, and nobody.
const USERS: [&str; 12] =
    ["alice", "bob", "carol", "cecil", "dave", "dora", "erin", "fred", "gina", "rita", "zoe", ""];

/// The same by hand. What nobody's rules are asked for, everybody may who has a token for it.
fn may(user: &str, route: &Route) -> bool {
    let Some(action) = route.wish else { return true };
    let here = route.path.contains(&format!("/{HERE}/"));
    let below_example = here || route.path.contains("/example.com/");
    match (user, action) {
        ("alice", _) | ("dora", "delete") | ("rita", "rotate-keys") | ("fred", "changefeed") => {
            true
        }
        ("bob", "pull") | ("carol" | "cecil", "push") | ("gina", "changefeed") => below_example,
        ("", "pull") => here,
        _ => false,
    }
}

/// Nobody may anything.
fn nobody(_: &str, route: &Route) -> bool {
    route.wish.is_none()
}

const NOTHING: &str = r#"
[[rules]]
deny = ["pull", "push", "delete", "rotate-keys", "changefeed"]
anyone = true
guns = ["**"]
"#;

#[tokio::test]
async fn under_rules_every_route_needs_a_token_and_a_rule() -> Result<()> {
    let stage = Stage::set()?;
    let rules = stage.folder().join("rules.toml");
    fs::write(&rules, RULES)?;
    let settings = settings(&stage, &format!("rules = \"{}\"\n", rules.display()))?;
    let mut server = Countersign::start_with(&settings).await?;
    let line = Line::secure(server.endpoint())?;
    let subject = Subject::prepare(Whose::Ours, line, &stage).await?;
    play_users(&subject, &stage, &USERS, may).await?.judge(400, 200)?;
    subject.is_unchanged(&stage).await?;
    let subjects = [subject];
    play(&subjects, &stage, may).await?.judge(1_000, 5_000)?;

    fs::write(&rules, NOTHING)?;
    server.restart().await?;
    play(&subjects, &stage, nobody).await?.judge(1_000, 5_000)?;
    fs::write(&rules, RULES)?;
    server.restart().await?;
    for subject in &subjects {
        subject.is_unchanged(&stage).await?;
    }
    ensure!(!stage.somebody_called(), "a URL in a token was fetched");
    Ok(())
}
