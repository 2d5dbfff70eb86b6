//! Which key a publisher is told to name.

use countersign_tuf::names::ServerRole;

use crate::bench::{Bench, gun};

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
