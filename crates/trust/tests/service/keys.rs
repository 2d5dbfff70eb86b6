//! Which key a publisher is told to name.

use std::sync::Arc;

use countersign_custody::{Guns, KeyChoice, KeyPlan, KeyRule};
use countersign_trust::Policy;
use countersign_tuf::keys::{KeyType, ServerKeyAlgorithm};
use countersign_tuf::names::ServerRole;

use crate::bench::{Bench, gun, read};

const GUN: &str = "example.com/team/app";

#[tokio::test]
async fn the_pending_key_is_the_same_every_time_and_after_a_restart() {
    let bench = Bench::new().await;
    let first = bench.key(GUN, ServerRole::Timestamp).await;
    assert_eq!(bench.key(GUN, ServerRole::Timestamp).await, first);
    let rotated = bench.trust.rotate_key(&gun(GUN), ServerRole::Timestamp).await.unwrap();
    assert_eq!(first["keyval"]["public"], rotated.public_base64());
    let bench = bench.restart().await;
    assert_eq!(bench.key(GUN, ServerRole::Timestamp).await, first);
    assert_ne!(bench.key(GUN, ServerRole::Snapshot).await, first);
}

#[tokio::test]
async fn after_publishing_the_key_is_the_one_in_the_root_until_a_root_names_the_next() {
    let bench = Bench::new().await;
    let mut repository = bench.server_snapshot(GUN).await;
    let first = bench.key(GUN, ServerRole::Timestamp).await;
    bench.publish(GUN, repository.all_parts()).await.unwrap();
    assert_eq!(bench.key(GUN, ServerRole::Timestamp).await, first);
    let next = bench.trust.rotate_key(&gun(GUN), ServerRole::Timestamp).await.unwrap();
    assert_ne!(first["keyval"]["public"], next.public_base64());
    assert_eq!(bench.key(GUN, ServerRole::Timestamp).await, first);
    let listed = serde_json::json!({"keytype": next.key_type().as_str(),
        "keyval": {"private": null, "public": next.public_base64()}});
    repository.rotate_to_server("timestamp", &listed);
    bench.publish(GUN, repository.parts(&["root"])).await.unwrap();
    assert_eq!(bench.key(GUN, ServerRole::Timestamp).await, listed);
    let timestamp = bench.current(GUN, "timestamp").await.unwrap();
    let document: serde_json::Value = serde_json::from_slice(&timestamp.bytes).unwrap();
    assert_eq!(document["signatures"].as_array().unwrap().len(), 1);
    assert_eq!(document["signatures"][0]["keyid"], next.id().as_str());
}

#[tokio::test]
async fn a_key_that_the_root_names_and_custody_lacks_is_answered_all_the_same() {
    let bench = Bench::new().await;
    let repository = bench.client_snapshot(GUN).await;
    let own = repository.keys("snapshot")[0].to_json();
    bench.publish(GUN, repository.all_parts()).await.unwrap();
    assert_eq!(
        bench.key(GUN, ServerRole::Snapshot).await["keyval"]["public"],
        own["keyval"]["public"]
    );
}

fn plan(default: ServerKeyAlgorithm, rules: Vec<KeyRule>) -> Policy {
    let default = KeyChoice { algorithm: default, ..KeyChoice::default() };
    Policy { key_plan: Arc::new(KeyPlan { default, rules }), ..Policy::default() }
}

#[tokio::test]
async fn a_new_key_is_of_the_algorithm_that_the_first_rule_for_its_gun_and_role_names() {
    let bench = Bench::new().await;
    let rule =
        |role, guns, algorithm| KeyRule { role, guns, algorithm: Some(algorithm), home: None };
    let (ecdsa, ed25519) = (ServerKeyAlgorithm::Ecdsa, ServerKeyAlgorithm::Ed25519);
    let below = |prefix: &str| Guns::Below(prefix.parse().unwrap());
    let rules = vec![
        rule(Some(ServerRole::Snapshot), below("example.com/team/"), ecdsa),
        rule(None, below("example.com/"), ed25519),
    ];
    let trust = bench.other(plan(ecdsa, rules));
    for (name, role, expected) in [
        ("example.com/team/app", ServerRole::Snapshot, ecdsa),
        ("example.com/team/app", ServerRole::Timestamp, ed25519),
        ("example.com/other", ServerRole::Snapshot, ed25519),
        ("example.org/app", ServerRole::Timestamp, ecdsa),
    ] {
        let key = trust.key(&gun(name), role).await.unwrap();
        assert_eq!(*key.key_type(), expected.key_type(), "{name} {role}");
        assert_eq!(trust.rotate_key(&gun(name), role).await.unwrap(), key, "{name} {role}");
    }
}

#[tokio::test]
async fn another_algorithm_leaves_the_keys_of_existing_roots_alone_and_counts_for_the_next_key() {
    let bench = Bench::new().await;
    let mut repository = bench.server_snapshot(GUN).await;
    bench.publish(GUN, repository.all_parts()).await.unwrap();
    let first = bench.key(GUN, ServerRole::Timestamp).await;
    let later = bench.other(plan(ServerKeyAlgorithm::Ed25519, Vec::new()));
    let named = later.key(&gun(GUN), ServerRole::Timestamp).await.unwrap();
    assert_eq!(first["keyval"]["public"], named.public_base64());
    repository.add_target("targets", "v2", b"two");
    let parts = read(repository.parts(&["targets"]));
    later.publish(&gun(GUN), parts).await.unwrap();
    assert_eq!(bench.key(GUN, ServerRole::Timestamp).await, first);
    let next = later.rotate_key(&gun(GUN), ServerRole::Timestamp).await.unwrap();
    assert_eq!(*next.key_type(), KeyType::Ed25519);
    let listed = serde_json::json!({"keytype": next.key_type().as_str(),
        "keyval": {"private": null, "public": next.public_base64()}});
    repository.rotate_to_server("timestamp", &listed);
    later.publish(&gun(GUN), read(repository.parts(&["root"]))).await.unwrap();
    let timestamp = bench.current(GUN, "timestamp").await.unwrap();
    let document: serde_json::Value = serde_json::from_slice(&timestamp.bytes).unwrap();
    assert_eq!(document["signatures"][0]["keyid"], next.id().as_str());
    assert_eq!(document["signatures"][0]["method"], "eddsa");
}
