//! Tokens that verify, and what their `access` is worth.

use anyhow::Result;
use serde_json::{Value, json};

use super::{GUN, InGo, Kind, Right, Worth, bearer};
use crate::stage::{Stage, entry};

/// A good token with this `access`.
fn with(stage: &Stage, gun: &str, access: Value) -> Result<Vec<String>> {
    Ok(bearer(stage.good(gun).claim("access", access).sign(&stage.trusted.key)?))
}

/// A good token whose `access` has one entry on the GUN that is asked for.
fn on(stage: &Stage, gun: &str, actions: &[&str]) -> Result<Vec<String>> {
    with(stage, gun, json!([entry("repository", gun, actions)]))
}

const NOTHING: Worth = Worth::Rights(&[]);
const PULL: &[Right] = &[("repository", GUN, &["pull"])];
const PUSH: &[Right] = &[("repository", GUN, &["push"])];
const PUSH_PULL: &[Right] = &[("repository", GUN, &["push", "pull"])];
const ALL: &[Right] = &[("repository", GUN, &["*"])];
const CATALOG: &[Right] = &[("registry", "catalog", &["*"])];

pub(super) fn kinds() -> Vec<Kind> {
    let mut kinds = rights();
    kinds.extend(elsewhere());
    kinds.extend(shapes());
    kinds
}

fn rights() -> Vec<Kind> {
    use Worth::Rights;
    vec![
        Kind::new("pull", Rights(PULL), |s, g| on(s, g, &["pull"])),
        Kind::new("push", Rights(PUSH), |s, g| on(s, g, &["push"])),
        Kind::new("pull-and-push", Rights(PUSH_PULL), |s, g| on(s, g, &["pull", "push"])),
        Kind::new("all", Rights(ALL), |s, g| on(s, g, &["*"])),
        Kind::new("all-and-pull", Rights(ALL), |s, g| on(s, g, &["*", "pull"])),
        Kind::new("delete", Rights(&[("repository", GUN, &["delete"])]), |s, g| {
            on(s, g, &["delete"])
        }),
        Kind::new("everything-but-all", Rights(PUSH_PULL), |s, g| {
            on(s, g, &["pull", "push", "delete", "admin"])
        }),
        Kind::new("catalog", Rights(CATALOG), |s, g| {
            with(s, g, json!([entry("registry", "catalog", &["*"])]))
        }),
        Kind::new("catalog-to-pull", Rights(&[("registry", "catalog", &["pull"])]), |s, g| {
            with(s, g, json!([entry("registry", "catalog", &["pull"])]))
        }),
        Kind::new("pull-and-push-in-two-entries", Rights(PUSH_PULL), |s, g| {
            let pull = entry("repository", g, &["pull"]);
            with(s, g, json!([pull, entry("repository", g, &["push"])]))
        }),
        Kind::new("pull-twice", Rights(PULL), |s, g| on(s, g, &["pull", "pull"])),
    ]
}

/// Rights on something else.
fn elsewhere() -> Vec<Kind> {
    vec![
        Kind::new("other-gun", NOTHING, |s, g| {
            with(s, g, json!([entry("repository", "example.com/other", &["*", "pull", "push"])]))
        }),
        Kind::new("longer-gun", NOTHING, |s, g| {
            with(s, g, json!([entry("repository", &format!("{g}/x"), &["*", "pull", "push"])]))
        }),
        Kind::new("shorter-gun", NOTHING, |s, g| {
            let shorter = g.get(..g.len() - 1).unwrap_or("example.com");
            with(s, g, json!([entry("repository", shorter, &["*", "pull", "push"])]))
        }),
        Kind::new("gun-with-slash", NOTHING, |s, g| {
            with(s, g, json!([entry("repository", &format!("{g}/"), &["*", "pull", "push"])]))
        }),
        Kind::new("gun-in-capitals", NOTHING, |s, g| {
            with(s, g, json!([entry("repository", &g.to_uppercase(), &["*", "pull", "push"])]))
        }),
        Kind::new("gun-with-pattern", NOTHING, |s, g| {
            with(s, g, json!([entry("repository", "example.com/*", &["*", "pull", "push"])]))
        }),
        Kind::new("gun-without-host", NOTHING, |s, g| {
            let bare = g.trim_start_matches("example.com/");
            with(s, g, json!([entry("repository", bare, &["*", "pull", "push"])]))
        }),
        Kind::new("gun-empty", NOTHING, |s, g| {
            with(s, g, json!([entry("repository", "", &["*", "pull", "push"])]))
        }),
        Kind::new("type-of-plugins", NOTHING, |s, g| {
            with(s, g, json!([entry("repository(plugin)", g, &["*", "pull", "push"])]))
        }),
        Kind::new("type-in-capitals", NOTHING, |s, g| {
            with(s, g, json!([entry("Repository", g, &["*", "pull", "push"])]))
        }),
        Kind::new("type-of-registries", NOTHING, |s, g| {
            with(s, g, json!([entry("registry", g, &["*", "pull", "push"])]))
        }),
        Kind::new("catalog-as-repository", NOTHING, |s, g| {
            with(s, g, json!([entry("repository", "catalog", &["*"])]))
        }),
        Kind::new("actions-in-capitals", NOTHING, |s, g| on(s, g, &["PULL", "PUSH"])),
        Kind::new("actions-in-one-word", NOTHING, |s, g| on(s, g, &["pull,push"])),
    ]
}

/// What `access` may look like.
fn shapes() -> Vec<Kind> {
    use Worth::{Invalid, Rights};
    vec![
        Kind::new("without-access", NOTHING, |s, g| {
            Ok(bearer(s.good(g).without("access").sign(&s.trusted.key)?))
        }),
        Kind::new("access-null", NOTHING, |s, g| with(s, g, Value::Null)),
        Kind::new("access-empty", NOTHING, |s, g| with(s, g, json!([]))),
        Kind::new("access-of-null", Invalid, |s, g| with(s, g, json!([null]))).but_go(InGo::Panics),
        Kind::new("access-with-null", Invalid, |s, g| {
            with(s, g, json!([entry("repository", g, &["*"]), null]))
        })
        .but_go(InGo::Panics),
        Kind::new("access-of-nothing", NOTHING, |s, g| with(s, g, json!([{}]))),
        Kind::new("access-no-list", Invalid, |s, g| with(s, g, entry("repository", g, &["*"]))),
        Kind::new("access-of-strings", Invalid, |s, g| {
            with(s, g, json!([format!("repository:{g}:*")]))
        }),
        Kind::new("class-image", Rights(PUSH_PULL), |s, g| {
            let mut entry = entry("repository", g, &["pull", "push"]);
            entry["class"] = "image".into();
            with(s, g, json!([entry]))
        }),
        Kind::new("class-plugin", Rights(ALL), |s, g| {
            let mut entry = entry("repository", g, &["*"]);
            entry["class"] = "plugin".into();
            with(s, g, json!([entry]))
        }),
        Kind::new("class-a-number", Invalid, |s, g| {
            let mut entry = entry("repository", g, &["*"]);
            entry["class"] = 1.into();
            with(s, g, json!([entry]))
        }),
        Kind::new("entry-with-more", Rights(ALL), |s, g| {
            let mut entry = entry("repository", g, &["*"]);
            entry["cluster"] = json!({"x": 1.5});
            with(s, g, json!([entry]))
        }),
        Kind::new("actions-null", NOTHING, |s, g| {
            with(s, g, json!([{"type": "repository", "name": g, "actions": null}]))
        }),
        Kind::new("actions-empty", NOTHING, |s, g| on(s, g, &[])),
        Kind::new("actions-of-null", Invalid, |s, g| {
            with(s, g, json!([{"type": "repository", "name": g, "actions": [null]}]))
        })
        .but_go(InGo::Worth(NOTHING)),
        Kind::new("actions-a-string", Invalid, |s, g| {
            with(s, g, json!([{"type": "repository", "name": g, "actions": "*"}]))
        }),
        Kind::new("actions-of-numbers", Invalid, |s, g| {
            with(s, g, json!([{"type": "repository", "name": g, "actions": [1]}]))
        }),
    ]
}
