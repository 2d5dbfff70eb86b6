//! Publishes that are accepted, and what follows from them.

use axum::http::Method;
use countersign_forge::faults;
use serde_json::Value;

use crate::bench::{GUN, Server, SnapshotBy};

async fn version(server: &Server, role: &str) -> i64 {
    server.get(GUN, &format!("{role}.json")).await.json()["signed"]["version"].as_i64().unwrap()
}

/// Checklist rows C-059, C-079.
#[tokio::test]
async fn versions_may_begin_anywhere_and_jump() {
    let server = Server::start().await;
    let mut collection = server.collection(GUN, SnapshotBy::Client).await;
    for (role, version) in [("root", 2), ("targets", 7), ("snapshot", 9)] {
        collection.edit(role, |signed| signed["version"] = serde_json::json!(version));
    }
    server.accepts(&collection.all_parts()).await;
    collection.edit("targets", |signed| signed["version"] = serde_json::json!(11));
    collection.bump("snapshot");
    server.accepts(&collection.parts(&["targets", "snapshot"])).await;
    assert_eq!(version(&server, "targets").await, 11);
}

/// Checklist rows C-062, C-080, C-090, C-092, C-105.
#[tokio::test]
async fn oddities_that_notary_takes_are_taken() {
    for (fault, role) in [
        ("certificate-name-wildcard", "root"),
        ("method-upper-case", "targets"),
        ("targets-two-keys-two-signatures", "root"),
        ("targets-length-wrong", "snapshot"),
        ("targets-hash-unheard-of", "snapshot"),
        ("text-members-reordered", "targets"),
        ("text-whitespace-inside", "targets"),
    ] {
        let server = Server::start().await;
        let mut collection = server.collection(GUN, SnapshotBy::Client).await;
        faults::named(fault).unwrap_or_else(|| panic!("{fault}")).apply(&mut collection, role);
        server.accepts(&collection.all_parts()).await;
        let stored = server.get(GUN, &format!("{role}.json")).await.body;
        assert_eq!(stored, collection.document(role).unwrap().to_bytes(), "{fault}");
    }
}

/// Checklist row C-068.
#[tokio::test]
async fn a_rotation_signed_by_both_keys_is_accepted() {
    let (server, mut collection) = Server::with(SnapshotBy::Client).await;
    let key = collection.new_root_key();
    collection.rotate("root", key);
    collection.bump("snapshot");
    server.accepts(&collection.parts(&["root", "snapshot"])).await;
    assert_eq!(version(&server, "root").await, 2);
}

/// Checklist rows C-052 and C-076.
#[tokio::test]
async fn a_delegation_comes_with_the_parent_that_creates_it() {
    let (server, mut collection) = Server::with(SnapshotBy::Server).await;
    let key = collection.new_ecdsa_key();
    collection.add_delegation("targets/a", key);
    server.accepts(&collection.parts(&["targets/a", "targets"])).await;
    assert_eq!(version(&server, "targets/a").await, 1);
}

/// Checklist rows C-082 and C-083.
#[tokio::test]
async fn the_last_part_of_a_role_counts_and_a_timestamp_does_not() {
    let (server, mut collection) = Server::with(SnapshotBy::Server).await;
    collection.bump("targets");
    let earlier = collection.parts(&["targets"]);
    collection.bump("targets");
    let mut parts = earlier;
    parts.extend(collection.parts(&["targets"]));
    parts.push(("timestamp".to_owned(), br#"{"signed":{},"signatures":[]}"#.to_vec()));
    server.accepts(&parts).await;
    assert_eq!(version(&server, "targets").await, 3);
    assert_eq!(version(&server, "timestamp").await, 2);
}

/// Checklist rows C-084 and C-089.
#[tokio::test]
async fn an_empty_publish_makes_a_new_snapshot_and_timestamp() {
    let (server, _) = Server::with(SnapshotBy::Server).await;
    server.accepts(&Vec::new()).await;
    assert_eq!(version(&server, "snapshot").await, 2);
    assert_eq!(version(&server, "timestamp").await, 2);
    let feed = server.call(Method::GET, "/v2/_trust/changefeed?records=10").await.json();
    assert_eq!(feed["count"], 2);
}

/// Checklist row C-085.
#[tokio::test]
async fn targets_in_any_layout_come_back_byte_for_byte() {
    for fault in ["extra-member", "text-whitespace-inside", "text-trailing-newline"] {
        let server = Server::start().await;
        let mut collection = server.collection(GUN, SnapshotBy::Server).await;
        faults::named(fault).unwrap().apply(&mut collection, "targets");
        server.accepts(&collection.all_parts()).await;
        let stored = server.get(GUN, "targets.json").await.body;
        assert_eq!(stored, collection.document("targets").unwrap().to_bytes(), "{fault}");
    }
}

/// Checklist rows C-122 and C-123.
#[tokio::test]
async fn a_rotated_timestamp_key_signs_once_a_root_names_it() {
    let (server, mut collection) = Server::with(SnapshotBy::Server).await;
    let path = format!("/v2/{GUN}/_trust/tuf/timestamp.key");
    let old = server.get(GUN, "timestamp.key").await.json();
    let new = server.call(Method::POST, &path).await.json();
    assert_ne!(new, old);
    assert_eq!(server.get(GUN, "timestamp.key").await.json(), old);

    collection.rotate_to_server("timestamp", &new);
    server.accepts(&collection.parts(&["root"])).await;
    assert_eq!(server.get(GUN, "timestamp.key").await.json(), new);
    let timestamp = server.get(GUN, "timestamp.json").await.json();
    let signers: Vec<&Value> =
        timestamp["signatures"].as_array().unwrap().iter().map(|s| &s["keyid"]).collect();
    assert_eq!(
        signers,
        [&collection.document("root").unwrap().value()["roles"]["timestamp"]["keyids"][0]]
    );
}

/// Checklist rows C-130 and C-131.
#[tokio::test]
async fn a_deleted_collection_leaves_its_neighbour_and_may_begin_again() {
    let (server, _) = Server::with(SnapshotBy::Server).await;
    let neighbour = server.collection("example.com/team/apple", SnapshotBy::Server).await;
    let published = server.publish("example.com/team/apple", &neighbour.all_parts()).await;
    assert_eq!(published.status, 200);
    let deleted = server.call(Method::DELETE, &format!("/v2/{GUN}/_trust/tuf/")).await;
    assert_eq!(deleted.status, 200);
    assert_eq!(server.get(GUN, "root.json").await.status, 404);
    assert_eq!(server.get("example.com/team/apple", "root.json").await.status, 200);

    let again = server.collection(GUN, SnapshotBy::Server).await;
    server.accepts(&again.all_parts()).await;
    assert_eq!(version(&server, "root").await, 1);
}
