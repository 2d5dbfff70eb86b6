//! What rules leave of what is asked for.

use super::*;
use crate::testing::access_under;

const RULES: &str = r#"
[[rules]]
name = "everybody reads what is public"
anyone = true
allow = ["pull"]
guns = ["registry.example/public/**"]

[[rules]]
name = "alice owns her own"
users = ["alice"]
allow = ["pull", "push", "delete", "rotate-keys"]
guns = ["registry.example/alice/**"]

[[rules]]
name = "bob signs one delegation"
users = ["bob"]
allow = ["push"]
guns = ["registry.example/alice/app"]
roles = ["targets/bob"]
"#;

fn issuing_under_rules() -> Issuing {
    let server = issuing();
    let trust = broken_trust(BrokenStore::Panics);
    let service = Service {
        access: Arc::new(access_under(RULES)),
        token_service: Some(Arc::clone(&server.service)),
        ..Service::open(trust)
    };
    Issuing { app: App::new(service, settings(Limits::for_tests())), ..server }
}

/// The rights in the token for `scope` at `service`.
async fn access(server: &Issuing, who: Option<(&str, &str)>, service: &str, scope: &str) -> Value {
    let authorization = who.map(|(name, password)| basic(name, password));
    let query = format!("service={service}&scope={scope}");
    claims(&server.ask(&query, authorization.as_deref()).await)["access"].take()
}

const ALICE: Option<(&str, &str)> = Some(("alice", RIGHT));
const BOB: Option<(&str, &str)> =
    Some(("bob", "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"));

#[tokio::test]
async fn nobody_in_particular_gets_what_the_rules_let_anybody_have() {
    let server = issuing_under_rules();
    let public = "repository:registry.example/public/a:pull,push";
    let expected = json!([repository("registry.example/public/a", &["pull"])]);
    assert_eq!(access(&server, None, "trust", public).await, expected);
    let private = "repository:registry.example/alice/app:pull,push";
    assert_eq!(access(&server, None, "trust", private).await, json!([]));
    assert_eq!(access(&server, None, "trust", "registry:catalog:*").await, json!([]));
}

#[tokio::test]
async fn a_user_gets_no_more_than_the_rules_allow() {
    let server = issuing_under_rules();
    let own = "repository:registry.example/alice/app:pull,push,*";
    let expected = json!([repository("registry.example/alice/app", &["pull", "push", "*"])]);
    assert_eq!(access(&server, ALICE, "trust", own).await, expected);
    let other = "repository:registry.example/bob/app:pull,push,*";
    assert_eq!(access(&server, ALICE, "trust", other).await, json!([]));
    assert_eq!(access(&server, ALICE, "trust", "registry:catalog:*").await, json!([]));
}

#[tokio::test]
async fn who_may_publish_one_role_may_push() {
    let server = issuing_under_rules();
    let asked = "repository:registry.example/alice/app:push,pull,*";
    let expected = json!([repository("registry.example/alice/app", &["push", "pull"])]);
    assert_eq!(access(&server, BOB, "trust", asked).await, expected);
}

#[tokio::test]
async fn a_registrys_names_are_judged_with_its_prefix_before_them() {
    let server = issuing_under_rules();
    let own = "repository:alice/app:pull,push,delete";
    let expected = json!([repository("alice/app", &["pull", "push", "delete"])]);
    assert_eq!(access(&server, ALICE, "registry", own).await, expected);
    let public = "repository:public/a:pull,push";
    let expected = json!([repository("public/a", &["pull"])]);
    assert_eq!(access(&server, None, "registry", public).await, expected);
    let whole = "repository:registry.example/alice/app:pull";
    assert_eq!(access(&server, ALICE, "registry", whole).await, json!([]));
}
