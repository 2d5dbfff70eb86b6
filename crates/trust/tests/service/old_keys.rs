//! Server keys that another signer left: some name no GUN, some are of kinds that are not made
//! here.

use std::sync::Arc;

use chrono::Duration;
use countersign_custody::Custody;
use countersign_custody::sealed::{Passphrase, Passphrases, SealedCustody, SealedSettings};
use countersign_forge::repository::{Repository, ServerKeys};
use countersign_storage::{Heads, KeyStore as _, MetadataStore as _, SealedKey};
use countersign_trust::operate::{OldKeys, OldKeysBound};
use countersign_trust::{Clock as _, TrustError};
use countersign_tuf::accepted::{AcceptedDocument, AcceptedUpdate};
use countersign_tuf::keys::{KeyId, KeyType, PublicKey};
use countersign_tuf::names::ServerRole;
use countersign_tuf::reason::Reason;
use countersign_tuf::rules::Refusal;
use serde_json::{Value, json};

use crate::bench::{Bench, gun, role, service, signed};

const ONE: &str = "example.com/team/one";
const TWO: &str = "example.com/team/two";

/// Puts the row of the timestamp key that `from` has for [`ONE`] into `to`, as a signer wrote it
/// that knew neither GUN nor role.
async fn move_unbound(from: &Bench, to: &Bench) -> SealedKey {
    let key = from.trust.key(&gun(ONE), ServerRole::Timestamp).await.unwrap();
    let row = from.store.by_id(key.id().as_str()).await.unwrap().unwrap();
    let old = SealedKey { gun: String::new(), role: String::new(), last_used: None, ..row };
    to.store.insert_unless_pending(&old, to.clock.now()).await.unwrap()
}

/// The public half of a row, as a root lists it.
fn listed(row: &SealedKey) -> Value {
    let key = PublicKey::new(KeyType::parse(&row.algorithm), row.public.clone());
    json!({"keytype": row.algorithm, "keyval": {"private": null, "public": key.public_base64()}})
}

fn repository(bench: &Bench, name: &str, timestamp: Value) -> Repository {
    Repository::new(name, 7, bench.clock.now(), &ServerKeys { timestamp, snapshot: None })
}

fn refused_without_key(result: Result<(), TrustError>) -> bool {
    matches!(result, Err(TrustError::Refused(Refusal::BadRoot(Reason::NoTimestampKey))))
}

/// Contract section 3.
#[tokio::test]
async fn an_old_key_signs_for_the_first_gun_that_names_it_and_for_no_other() {
    for [first, second] in [[ONE, TWO], [TWO, ONE]] {
        let (elsewhere, bench) = (Bench::new().await, Bench::new().await);
        let old = move_unbound(&elsewhere, &bench).await;
        let parts = repository(&bench, first, listed(&old)).all_parts();
        bench.publish(first, parts).await.unwrap();
        let row = bench.store.by_id(&old.key_id).await.unwrap().unwrap();
        assert_eq!((row.gun.as_str(), row.role.as_str()), (first, "timestamp"));

        let before = bench.state(second).await;
        let parts = repository(&bench, second, listed(&old)).all_parts();
        assert!(refused_without_key(bench.publish(second, parts).await));
        assert_eq!(bench.state(second).await, before);
        let bench = bench.restart().await;
        bench.clock.advance(Duration::days(30));
        assert_eq!(bench.version(first, "timestamp").await, 2);
    }
}

#[tokio::test]
async fn an_old_key_is_not_bound_by_a_root_that_is_refused() {
    let (elsewhere, bench) = (Bench::new().await, Bench::new().await);
    let old = move_unbound(&elsewhere, &bench).await;
    let mut parts = repository(&bench, ONE, listed(&old)).all_parts();
    parts.retain(|(role, _)| role != "targets");
    bench.publish(ONE, parts).await.unwrap_err();
    assert_eq!(bench.store.by_id(&old.key_id).await.unwrap(), Some(old));
}

/// The root was stored before the key came: the first signature under it binds.
#[tokio::test]
async fn an_old_key_is_bound_by_a_stored_root_when_it_signs_again() {
    let (elsewhere, bench) = (Bench::new().await, Bench::new().await);
    let key = elsewhere.key(ONE, ServerRole::Timestamp).await;
    elsewhere.publish(ONE, repository(&elsewhere, ONE, key).all_parts()).await.unwrap();
    copy_documents(&elsewhere, &bench).await;
    let old = move_unbound(&elsewhere, &bench).await;
    assert_eq!(bench.version(ONE, "timestamp").await, 1);
    assert_eq!(bench.store.by_id(&old.key_id).await.unwrap(), Some(old.clone()));

    bench.clock.advance(Duration::days(30));
    assert_eq!(bench.version(ONE, "timestamp").await, 2);
    let parts = repository(&bench, TWO, listed(&old)).all_parts();
    assert!(refused_without_key(bench.publish(TWO, parts).await));
}

/// Two collections name one old key, as the Go server takes it: the root that was stored first wins,
/// whoever signs first.
#[tokio::test]
async fn old_keys_are_bound_to_the_first_stored_root_that_names_them() {
    let (elsewhere, bench) = (Bench::new().await, Bench::new().await);
    let key = elsewhere.key(ONE, ServerRole::Timestamp).await;
    elsewhere.publish(ONE, repository(&elsewhere, ONE, key.clone()).all_parts()).await.unwrap();
    // What was stored later has the name that comes first.
    copy_documents_to(&elsewhere, &bench, TWO).await;
    copy_documents_to(&elsewhere, &bench, ONE).await;
    let old = move_unbound(&elsewhere, &bench).await;
    let unnamed =
        SealedKey { key_id: "ab".repeat(32), algorithm: "ed25519".to_owned(), ..old.clone() };
    bench.store.insert_unless_pending(&unnamed, bench.clock.now()).await.unwrap();
    let old_keys =
        || OldKeys { catalogue: &*bench.store, keys: &*bench.store, inventory: &*bench.store };
    let now = bench.clock.now();
    assert_eq!(old_keys().bind(now).await.unwrap(), OldKeysBound { bound: 1, unnamed: 1 });
    let row = bench.store.by_id(&old.key_id).await.unwrap().unwrap();
    assert_eq!((row.gun.as_str(), row.role.as_str()), (TWO, "timestamp"));
    assert_eq!(bench.store.by_id(&unnamed.key_id).await.unwrap(), Some(unnamed));
    assert_eq!(old_keys().bind(now).await.unwrap(), OldKeysBound { bound: 0, unnamed: 1 });
}

async fn copy_documents(from: &Bench, to: &Bench) {
    copy_documents_to(from, to, ONE).await;
}

async fn copy_documents_to(from: &Bench, to: &Bench, name: &str) {
    let mut documents = Vec::new();
    for name in ["root", "targets", "snapshot", "timestamp"] {
        let stored = from.store.newest(&gun(ONE), &role(name)).await.unwrap().unwrap();
        documents.push(AcceptedDocument::new(role(name), stored.version, stored.bytes));
    }
    let timestamp = documents.pop().unwrap();
    let update = AcceptedUpdate::from_unchecked(documents, timestamp);
    to.store.commit(&gun(name), &Heads::new(), &update, to.clock.now()).await.unwrap();
}

/// Rows that the Go signer signs with, although it makes none like them.
#[tokio::test]
async fn keys_on_p384_and_of_rsa_sign_timestamps() {
    for (name, method) in [("foreign-p384", "ecdsa"), ("foreign-rsa2048", "rsapss")] {
        let bench = Bench::new().await;
        let row = go_signer_row(name);
        bench.store.insert_unless_pending(&row, bench.clock.now()).await.unwrap();
        let custody = with_go_signer_passphrase(&bench).await;
        let trust = service(bench.store.clone(), custody, bench.clock.clone());
        let parts = repository(&bench, &row.gun, listed(&row)).all_parts();
        trust.publish(&gun(&row.gun), crate::bench::read(parts)).await.unwrap();
        let timestamp = trust.current(&gun(&row.gun), &role("timestamp")).await.unwrap().unwrap();
        let document: Value = serde_json::from_slice(&timestamp.bytes).unwrap();
        assert_eq!(document["signatures"][0]["method"], method);
        assert_eq!(document["signatures"][0]["keyid"], row.key_id);
        assert_eq!(signed(&timestamp)["version"], 1);
        let found = trust.key(&gun(&row.gun), ServerRole::Timestamp).await.unwrap();
        assert_eq!(found.id(), &KeyId::claimed(&row.key_id));
    }
}

/// A row of the vectors in `tests/vectors/signer`, not used yet.
fn go_signer_row(name: &str) -> SealedKey {
    let file: Value =
        serde_json::from_str(include_str!("../../../../tests/vectors/signer/private_keys.json"))
            .unwrap();
    let rows = file["rows"].as_array().unwrap();
    let row = &rows.iter().find(|row| row["name"] == name).unwrap()["row"];
    let column = |name: &str| row[name].as_str().unwrap().to_owned();
    SealedKey {
        key_id: column("key_id"),
        encryption_alg: column("encryption_alg"),
        keywrap_alg: column("keywrap_alg"),
        algorithm: column("algorithm"),
        passphrase_alias: column("passphrase_alias"),
        public: hex::decode(column("public_hex")).unwrap(),
        sealed: column("private").into_bytes(),
        gun: column("gun"),
        role: column("role"),
        last_used: None,
    }
}

/// Custody over the bench's store that also has the passphrase of those rows.
async fn with_go_signer_passphrase(bench: &Bench) -> Arc<dyn Custody> {
    let secret = |text: &str| Passphrase::new(text.to_owned().into()).unwrap();
    let passphrases = Passphrases::new("countersign", secret("throwaway"))
        .with("timestamp_1", secret("throwaway-db-passphrase-1"));
    let clock = Arc::clone(&bench.clock);
    let now = Arc::new(move || clock.now());
    let settings = SealedSettings::default();
    let opened = SealedCustody::open(bench.store.clone(), passphrases, settings, now).await;
    Arc::new(opened.unwrap())
}
