//! Publish and read, delete and changes.

use countersign_storage::{ChangeCategory, ChangeRange};
use countersign_trust::TrustError;
use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::names::{ServerRole, Version};

use crate::bench::{Bench, gun, role};

const GUN: &str = "example.com/team/app";

#[tokio::test]
async fn what_was_published_is_read_byte_for_byte_by_name_version_and_digest() {
    let bench = Bench::new().await;
    let parts = bench.client_snapshot(GUN).await.all_parts();
    bench.publish(GUN, parts.clone()).await.unwrap();
    for (name, bytes) in parts {
        let digest = Sha256Digest::of(&bytes);
        let (gun, role) = (gun(GUN), role(&name));
        assert_eq!(bench.current(GUN, &name).await.unwrap().bytes, bytes);
        let by_digest = bench.trust.by_digest(&gun, &role, digest).await.unwrap();
        let by_version = bench.trust.by_version(&gun, &role, Version::FIRST).await.unwrap();
        assert_eq!(by_digest.unwrap().bytes, bytes);
        assert_eq!(by_version.unwrap().bytes, bytes);
    }
    assert_eq!(bench.version(GUN, "timestamp").await, 1);
}

#[tokio::test]
async fn an_unknown_gun_has_no_documents() {
    let bench = Bench::new().await;
    for name in ["root", "targets", "snapshot", "timestamp", "targets/a"] {
        assert!(bench.current("nobody/knows", name).await.is_none());
    }
}

#[tokio::test]
async fn every_publish_raises_the_timestamp_by_one_and_adds_one_change() {
    let bench = Bench::new().await;
    let mut repository = bench.server_snapshot(GUN).await;
    bench.publish(GUN, repository.all_parts()).await.unwrap();
    for expected in 2..5 {
        repository.add_target("targets", &format!("v{expected}"), b"content");
        bench.publish(GUN, repository.parts(&["targets"])).await.unwrap();
        assert_eq!(bench.version(GUN, "timestamp").await, expected);
        let range = ChangeRange::After { id: 0, limit: 100 };
        let changes = bench.trust.changes(Some(&gun(GUN)), range).await.unwrap();
        assert_eq!(i64::try_from(changes.len()).unwrap(), expected);
        let newest = changes.last().unwrap();
        let timestamp = bench.current(GUN, "timestamp").await.unwrap();
        assert_eq!(newest.sha256, timestamp.sha256.to_hex());
    }
}

#[tokio::test]
async fn a_replayed_publish_is_an_old_version_and_changes_nothing() {
    let bench = Bench::new().await;
    let parts = bench.client_snapshot(GUN).await.all_parts();
    bench.publish(GUN, parts.clone()).await.unwrap();
    let before = bench.state(GUN).await;
    assert!(matches!(bench.publish(GUN, parts).await, Err(TrustError::OldVersion)));
    assert_eq!(bench.state(GUN).await, before);
}

#[tokio::test]
async fn a_refused_publish_changes_nothing_and_the_next_good_one_works() {
    let bench = Bench::new().await;
    let mut repository = bench.client_snapshot(GUN).await;
    bench.publish(GUN, repository.all_parts()).await.unwrap();
    repository.add_target("targets", "v1", b"one");
    repository.bump("snapshot");
    let mut broken = repository.clone();
    countersign_forge::faults::named("signature-wrong").unwrap().apply(&mut broken, "targets");
    let before = bench.state(GUN).await;
    let refused = bench.publish(GUN, broken.parts(&["targets", "snapshot"])).await;
    assert!(matches!(refused, Err(TrustError::Refused(_))), "{refused:?}");
    assert_eq!(bench.state(GUN).await, before);
    bench.publish(GUN, repository.parts(&["targets", "snapshot"])).await.unwrap();
    assert_eq!(bench.version(GUN, "targets").await, 2);
}

#[tokio::test]
async fn a_root_that_names_a_key_the_server_never_made_is_refused() {
    let bench = Bench::new().await;
    let strange = countersign_forge::key::Key::ed25519([9; 32]).to_json();
    let keys = countersign_forge::repository::ServerKeys { timestamp: strange, snapshot: None };
    let now = countersign_trust::Clock::now(bench.clock.as_ref());
    let repository = countersign_forge::repository::Repository::new(GUN, 7, now, &keys);
    let refused = bench.publish(GUN, repository.all_parts()).await.unwrap_err();
    assert_eq!(refused.to_string(), "no timestamp keys exist on the server");
}

#[tokio::test]
async fn a_server_key_of_another_gun_signs_nothing() {
    let bench = Bench::new().await;
    let foreign = bench.key("example.com/other", ServerRole::Timestamp).await;
    let keys = countersign_forge::repository::ServerKeys { timestamp: foreign, snapshot: None };
    let now = countersign_trust::Clock::now(bench.clock.as_ref());
    let repository = countersign_forge::repository::Repository::new(GUN, 7, now, &keys);
    let refused = bench.publish(GUN, repository.all_parts()).await.unwrap_err();
    assert_eq!(refused.to_string(), "no timestamp keys exist on the server");
}

#[tokio::test]
async fn delete_removes_one_gun_and_keeps_its_keys() {
    let bench = Bench::new().await;
    for name in ["a/b", "a/bc"] {
        let parts = bench.client_snapshot(name).await.all_parts();
        bench.publish(name, parts).await.unwrap();
    }
    bench.trust.delete(&gun("a/b")).await.unwrap();
    assert!(bench.current("a/b", "root").await.is_none());
    assert!(bench.current("a/bc", "root").await.is_some());
    let range = ChangeRange::Latest { limit: 1 };
    let newest = bench.trust.changes(None, range).await.unwrap();
    assert_eq!(newest[0].category, ChangeCategory::Deletion);
    let again = bench.client_snapshot("a/b").await.all_parts();
    bench.publish("a/b", again).await.unwrap();
    assert_eq!(bench.version("a/b", "timestamp").await, 1);
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let bench = Bench::new().await;
    let mut repository = bench.server_snapshot(GUN).await;
    bench.publish(GUN, repository.all_parts()).await.unwrap();
    let before = bench.current(GUN, "timestamp").await;
    let bench = bench.restart().await;
    assert_eq!(bench.current(GUN, "timestamp").await, before);
    repository.add_target("targets", "v1", b"one");
    bench.publish(GUN, repository.parts(&["targets"])).await.unwrap();
    assert_eq!(bench.version(GUN, "snapshot").await, 2);
}
