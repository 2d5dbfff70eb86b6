//! Publishes that are refused, in Notary's words, with nothing changed.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, header};
use countersign_forge::damage::{Damage, apply, pointers};
use countersign_forge::faults;
use countersign_forge::key::Key;
use countersign_forge::repository::{Repository, ServerKeys};
use countersign_trust::{Clock as _, SystemClock};
use serde_json::{Value, json};

use crate::bench::{Answer, GUN, Server, SnapshotBy};

fn check(answer: &Answer, row: &str, name: &str, message: &str) {
    assert_eq!(answer.code(), "INVALID_UPDATE", "{row}: {answer:?}");
    let detail = answer.detail();
    assert_eq!(detail["Name"], name, "{row}: {detail}");
    let said = detail["Error"]["Msg"].as_str().unwrap();
    assert!(said.ends_with(message), "{row}: {said}");
}

/// A collection with a delegation, of which one document has one fault, as a first publish.
async fn check_first(row: &str, fault: &str, role: &str, name: &str, message: &str) {
    let server = Server::start().await;
    let mut collection = server.collection(GUN, SnapshotBy::Client).await;
    let key = collection.new_ecdsa_key();
    collection.add_delegation("targets/a", key);
    faults::named(fault).unwrap_or_else(|| panic!("{fault}")).apply(&mut collection, role);
    check(&server.refuses(&collection.all_parts()).await, row, name, message);
}

/// Checklist rows C-060, C-061, C-091.
#[tokio::test]
async fn a_root_that_the_wrong_keys_signed_is_refused() {
    let leaf = "unable to retrieve valid leaf certificates";
    let integrity = "failed to validate integrity of roots";
    for (row, fault, message) in [
        ("C-060", "signature-of-strange-key", integrity),
        ("C-060", "signature-wrong", integrity),
        ("C-060", "signature-absent", integrity),
        ("C-061", "certificate-other-name", leaf),
        ("C-061", "root-key-without-certificate", leaf),
    ] {
        check_first(row, fault, "root", "ErrBadRoot", message).await;
    }
    let wrong_id = "key ID is not valid for key content";
    check_first("C-091", "targets-key-under-wrong-id", "root", "ErrBadTargets", wrong_id).await;
}

/// Checklist row C-058.
#[tokio::test]
async fn a_first_root_of_version_0_or_3_is_refused() {
    for version in [0, 3] {
        let server = Server::start().await;
        let mut collection = server.collection(GUN, SnapshotBy::Client).await;
        collection.edit("root", |root| root["version"] = json!(version));
        let message =
            format!("Root modifications must increment the version. Current 1, new {version}");
        let answer = server.refuses(&collection.all_parts()).await;
        check(&answer, "C-058", "ErrBadRoot", &message);
    }
}

/// Checklist rows C-064 and C-065.
#[tokio::test]
async fn a_root_whose_roles_are_incomplete_is_refused() {
    let server = Server::start().await;
    let good = server.collection(GUN, SnapshotBy::Client).await;

    let mut collection = good.clone();
    collection.edit("root", |root| {
        root["roles"].as_object_mut().unwrap().remove("snapshot");
    });
    let answer = server.refuses(&collection.all_parts()).await;
    let message = "root type metadata invalid: missing snapshot role specification";
    check(&answer, "C-064", "ErrBadRoot", message);

    let mut collection = good;
    collection.edit("root", |root| root["roles"]["snapshot"]["keyids"] = json!(["0123"]));
    let answer = server.refuses(&collection.all_parts()).await;
    let message = "root type metadata invalid: key ID 0123 specified in snapshot without \
                   corresponding key";
    check(&answer, "C-065", "ErrBadRoot", message);
}

/// Checklist row C-066.
#[tokio::test]
async fn a_root_with_a_timestamp_key_of_a_stranger_is_refused() {
    let server = Server::start().await;
    let keys = ServerKeys { timestamp: Key::ecdsa([9; 32]).to_json(), snapshot: None };
    let collection = Repository::new(GUN, 1, SystemClock.now(), &keys);
    let answer = server.refuses(&collection.all_parts()).await;
    check(&answer, "C-066", "ErrBadRoot", "no timestamp keys exist on the server");
}

/// Checklist rows C-067 and C-068.
#[tokio::test]
async fn a_rotation_without_the_old_key_or_with_a_gap_is_refused() {
    let (server, published) = Server::with(SnapshotBy::Client).await;

    let mut collection = published.clone();
    let key = collection.new_root_key();
    collection.rotate("root", key);
    let mut skipped = collection.clone();
    collection.forget_former_root_keys();
    collection.sign("root");
    collection.bump("snapshot");
    let answer = server.refuses(&collection.parts(&["root", "snapshot"])).await;
    let message = "could not rotate trust to a new trusted root: failed to validate data with \
                   current trusted certificates";
    check(&answer, "C-067", "ErrBadRoot", message);

    skipped.bump("root");
    skipped.bump("snapshot");
    let answer = server.refuses(&skipped.parts(&["root", "snapshot"])).await;
    let message = "Root modifications must increment the version. Current 1, new 3";
    check(&answer, "C-068", "ErrBadRoot", message);
}

/// Checklist row C-069.
#[tokio::test]
async fn a_publish_without_the_snapshot_that_the_client_holds_is_refused() {
    let server = Server::start().await;
    let collection = server.collection(GUN, SnapshotBy::Client).await;
    let answer = server.refuses(&collection.parts(&["root", "targets"])).await;
    assert_eq!(answer.detail()["Name"], "ErrBadHierarchy");
    assert_eq!(answer.detail()["Error"]["Missing"], "snapshot");
}

/// Checklist row C-070.
#[tokio::test]
async fn a_first_publish_without_targets_is_refused() {
    let server = Server::start().await;
    let collection = server.collection(GUN, SnapshotBy::Server).await;
    let answer = server.refuses(&collection.parts(&["root"])).await;
    check(&answer, "C-070", "ErrValidation", "targets must be loaded first");
}

/// Checklist rows C-071, C-072, C-073, C-092.
#[tokio::test]
async fn a_snapshot_that_does_not_match_is_refused() {
    let missing = "snapshot type metadata invalid: missing targets sha256 checksum information";
    for (row, fault, message) in [
        ("C-072", "signature-wrong", "valid signatures did not meet threshold for snapshot"),
        ("C-073", "targets-entry-absent", missing),
        ("C-092", "targets-hash-absent", missing),
    ] {
        check_first(row, fault, "snapshot", "ErrBadSnapshot", message).await;
    }
    let server = Server::start().await;
    let mut collection = server.collection(GUN, SnapshotBy::Client).await;
    faults::named("targets-hash-wrong").unwrap().apply(&mut collection, "snapshot");
    let answer = server.refuses(&collection.all_parts()).await;
    let said = answer.detail()["Error"]["Msg"].as_str().unwrap().to_owned();
    let listed = said.strip_prefix("sha256 checksum for targets did not match: expected ");
    assert_eq!(listed.map(str::len), Some(64), "C-071: {said}");
}

/// Checklist rows C-074 and C-086.
#[tokio::test]
async fn targets_that_do_not_count_are_refused() {
    for (row, fault, message) in [
        ("C-074", "signature-wrong", "valid signatures did not meet threshold for targets"),
        ("C-074", "version-zero", "targets type metadata invalid: version cannot be less than one"),
        (
            "C-074",
            "type-lower-case",
            "targets type metadata invalid: expected type Targets, not targets",
        ),
        ("C-086", "target-custom-fraction", "json: unsupported value: 1.5"),
    ] {
        check_first(row, fault, "targets", "ErrBadTargets", message).await;
    }
}

/// Checklist row C-075.
#[tokio::test]
async fn a_delegation_that_its_parent_does_not_list_is_refused() {
    let message = "tuf: invalid role targets/a. delegation does not exist";
    check_first("C-075", "delegation-not-listed", "targets", "ErrBadTargets", message).await;
}

/// Checklist row C-090.
#[tokio::test]
async fn two_signatures_of_one_key_are_not_two() {
    let message = "valid signatures did not meet threshold for targets";
    let fault = "targets-two-keys-one-signature";
    check_first("C-090", fault, "root", "ErrBadTargets", message).await;
    let server = Server::start().await;
    let mut collection = server.collection(GUN, SnapshotBy::Client).await;
    faults::named("targets-two-keys-one-signature").unwrap().apply(&mut collection, "root");
    collection.damage("targets", |document| {
        document.signatures =
            document.signatures.iter().flat_map(|s| [s.clone(), s.clone()]).collect();
    });
    let answer = server.refuses(&collection.all_parts()).await;
    check(&answer, "C-090", "ErrBadTargets", message);
}

/// Checklist row C-078; bug class 5, rollback.
#[tokio::test]
async fn one_old_role_among_new_ones_is_a_version_error() {
    let (server, mut collection) = Server::with(SnapshotBy::Client).await;
    for role in ["targets", "snapshot", "targets", "snapshot"] {
        collection.bump(role);
    }
    server.accepts(&collection.parts(&["targets", "snapshot"])).await;
    for old in ["targets", "snapshot"] {
        let mut next = collection.clone();
        for role in ["targets", "snapshot"] {
            let step = if role == old { -1 } else { 1 };
            let version = next.document(role).unwrap().value()["version"].as_i64().unwrap();
            next.edit(role, |signed| signed["version"] = json!(version + step));
        }
        let answer = server.refuses(&next.parts(&["targets", "snapshot"])).await;
        assert_eq!((answer.code().as_str(), answer.detail()), ("VERSION", json!({})), "{old}");
    }
}

/// Bug class 12, a malformed upload panics: nothing that stands where a member should, `null`
/// least of all, is worse than a refusal.
#[tokio::test]
async fn null_for_every_member_of_an_upload_is_an_answer() {
    let server = Server::start().await;
    let mut collection = server.collection(GUN, SnapshotBy::Client).await;
    let key = collection.new_ecdsa_key();
    collection.add_delegation("targets/a", key);
    let mut tried = 0;
    for role in ["root", "targets", "targets/a", "snapshot"] {
        let value = collection.document(role).unwrap().value();
        for pointer in pointers(&value) {
            let Some(null) = apply(&value, &pointer, Damage::Null) else { continue };
            let mut damaged = collection.clone();
            damaged.edit(role, |signed| *signed = null);
            let status = server.publish(GUN, &damaged.all_parts()).await.status;
            assert!([200, 400].contains(&status), "{role} {pointer}: {status}");
            tried += 1;
        }
    }
    assert!(tried > 60, "{tried}");
}

/// Bug class 25, decompression: a compressed body is no multipart, whatever its headers say.
#[tokio::test]
async fn a_compressed_upload_is_malformed() {
    let server = Server::start().await;
    let gzip_of_nothing = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("/v2/{GUN}/_trust/tuf/"))
        .header(header::CONTENT_TYPE, "multipart/form-data; boundary=edge")
        .header(header::CONTENT_ENCODING, "gzip")
        .body(Body::from(gzip_of_nothing.to_vec()));
    let answer = server.send(request.unwrap()).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "MALFORMED_UPLOAD"));
}

/// Checklist row C-016, for the longest names that can be.
#[tokio::test]
async fn no_refusal_is_longer_than_clients_read() {
    let server = Server::start().await;
    let mut collection = server.collection(GUN, SnapshotBy::Client).await;
    let long = "k".repeat(4_000);
    collection.edit("root", |root| root["roles"]["snapshot"]["keyids"] = json!([long]));
    let answer = server.refuses(&collection.all_parts()).await;
    assert!(answer.body.len() <= 1_024, "{} bytes", answer.body.len());
    assert!(matches!(answer.json(), Value::Object(_)));
}
