//! What is served, by name, version and digest.

use axum::http::{Method, header};
use ring::digest::{SHA256, digest};

use crate::bench::{GUN, Server, SnapshotBy};

fn sha256(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Checklist rows C-036 and C-037.
#[tokio::test]
async fn a_digest_is_found_under_its_own_role_and_gun_only() {
    let (server, collection) = Server::with(SnapshotBy::Server).await;
    let bytes = collection.document("targets").unwrap().to_bytes();
    let hex = sha256(&bytes);
    let found = server.get(GUN, &format!("targets.{hex}.json")).await;
    assert_eq!((found.status, found.body.as_ref()), (200, bytes.as_slice()));
    for (gun, file) in [
        (GUN, format!("root.{hex}.json")),
        (GUN, format!("targets/a.{hex}.json")),
        (GUN, format!("targets.{}.json", hex.to_uppercase())),
        ("example.com/team/other", format!("targets.{hex}.json")),
    ] {
        assert_eq!(server.get(gun, &file).await.status, 404, "{gun} {file}");
    }
}

/// Checklist rows C-038, C-039, C-042.
#[tokio::test]
async fn every_version_is_served_until_the_collection_is_deleted() {
    let (server, mut collection) = Server::with(SnapshotBy::Server).await;
    let key = collection.new_ecdsa_key();
    collection.add_delegation("targets/a", key);
    server.accepts(&collection.parts(&["targets", "targets/a"])).await;
    let first = collection.document("targets/a").unwrap().to_bytes();
    collection.add_target("targets/a", "v1", b"one");
    server.accepts(&collection.parts(&["targets/a"])).await;

    for file in ["1.targets/a.json", "01.targets/a.json"] {
        assert_eq!(server.get(GUN, file).await.body, first, "{file}");
    }
    let by_digest = format!("targets/a.{}.json", sha256(&first));
    assert_eq!(server.get(GUN, &by_digest).await.body, first);

    server.call(Method::DELETE, &format!("/v2/{GUN}/_trust/tuf/")).await;
    for file in ["targets/a.json", "1.targets/a.json", &by_digest, "2.targets.json"] {
        assert_eq!(server.get(GUN, file).await.status, 404, "{file}");
    }
}

/// Checklist rows C-040 and C-128: readers by name see one state.
#[tokio::test]
async fn documents_by_name_are_those_that_timestamp_and_snapshot_name() {
    let (server, mut collection) = Server::with(SnapshotBy::Server).await;
    collection.add_target("targets", "v1", b"one");
    server.accepts(&collection.parts(&["targets"])).await;
    let timestamp = server.get(GUN, "timestamp.json").await.json();
    let snapshot = server.get(GUN, "snapshot.json").await;
    let named = |meta: &serde_json::Value| meta["hashes"]["sha256"].as_str().unwrap().to_owned();
    let base64 = |bytes: &[u8]| {
        let entry = countersign_forge::repository::meta_entry(bytes);
        entry["hashes"]["sha256"].as_str().unwrap().to_owned()
    };
    assert_eq!(named(&timestamp["signed"]["meta"]["snapshot"]), base64(&snapshot.body));
    for role in ["root", "targets"] {
        let served = server.get(GUN, &format!("{role}.json")).await.body;
        let listed = named(&snapshot.json()["signed"]["meta"][role]);
        assert_eq!(listed, base64(&served), "{role}");
    }
}

/// Checklist row C-041.
#[tokio::test]
async fn a_delegation_that_no_snapshot_names_is_not_there() {
    let (server, _) = Server::with(SnapshotBy::Server).await;
    let answer = server.get(GUN, "targets/a.json").await;
    assert_eq!((answer.status, answer.code().as_str()), (404, "METADATA_NOT_FOUND"));
    assert_eq!(answer.detail(), serde_json::json!({}));
}

/// Checklist rows C-034 and C-035.
#[tokio::test]
async fn documents_say_how_old_they_are_and_absences_and_keys_are_not_cached() {
    let (server, _) = Server::with(SnapshotBy::Server).await;
    for role in ["root", "targets", "snapshot", "timestamp"] {
        for file in [format!("{role}.json"), format!("1.{role}.json")] {
            let headers = server.get(GUN, &file).await.headers;
            assert!(headers.contains_key(header::LAST_MODIFIED), "{file}");
            assert!(headers.contains_key(header::CACHE_CONTROL), "{file}");
        }
    }
    for file in ["timestamp.key", "targets/a.json", "9.root.json"] {
        let headers = server.get(GUN, file).await.headers;
        assert!(!headers.contains_key(header::CACHE_CONTROL), "{file}");
    }
}
