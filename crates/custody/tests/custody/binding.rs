//! A key is used only for the GUN and role that it was made for.

use countersign_custody::Custody as _;
use countersign_custody::sealed::SealedCustody;
use countersign_storage::SealedKey;
use countersign_tuf::keys::{KeyId, PublicKey, ServerKeyAlgorithm, verify_signature};
use countersign_tuf::names::{Gun, ServerRole};

use crate::workbench::{MESSAGE, Workbench, gun, pending, sign_well};

async fn is_unknown(custody: &SealedCustody, gun: &Gun, role: ServerRole, id: &KeyId) {
    assert_eq!(custody.find_key(gun, role, id).await.unwrap(), None);
    assert_eq!(custody.sign(gun, role, id, MESSAGE).await.unwrap(), None);
}

#[tokio::test]
async fn key_is_found_and_signs_for_its_gun_and_role() {
    let bench = Workbench::new();
    let custody = bench.custody().await;
    let key = pending(&custody).await;
    let found = custody.find_key(&gun(), ServerRole::Timestamp, key.id()).await.unwrap();
    assert_eq!(found.as_ref(), Some(&key));
    sign_well(&custody, &key).await;
}

#[tokio::test]
async fn ed25519_key_signs_as_ed25519() {
    let bench = Workbench::new();
    let custody = bench.custody().await;
    let (role, algorithm) = (ServerRole::Snapshot, ServerKeyAlgorithm::Ed25519);
    let key: PublicKey = custody.pending_key(&gun(), role, algorithm).await.unwrap();
    let signature = custody.sign(&gun(), role, key.id(), MESSAGE).await.unwrap().unwrap();
    assert!(verify_signature(&key, &algorithm.signature_method(), MESSAGE, &signature.bytes));
}

#[tokio::test]
async fn key_of_another_gun_is_unknown() {
    let bench = Workbench::new();
    let custody = bench.custody().await;
    let key = pending(&custody).await;
    for other in ["registry.example/team/app2", "registry.example/team/App"] {
        let other = Gun::parse(other).unwrap();
        is_unknown(&custody, &other, ServerRole::Timestamp, key.id()).await;
    }
}

#[tokio::test]
async fn key_of_another_role_is_unknown() {
    let bench = Workbench::new();
    let custody = bench.custody().await;
    let key = pending(&custody).await;
    is_unknown(&custody, &gun(), ServerRole::Snapshot, key.id()).await;
}

#[tokio::test]
async fn refused_binding_leaves_the_key_pending() {
    let bench = Workbench::new();
    let custody = bench.custody().await;
    let key = pending(&custody).await;
    is_unknown(&custody, &gun(), ServerRole::Snapshot, key.id()).await;
    assert_eq!(bench.store.rows()[0].last_used, None);
}

/// A key whose row lacks what `missing` removes, as an old signer left it.
async fn old_key(bench: &Workbench, missing: impl Fn(&mut SealedKey)) -> PublicKey {
    let key = pending(&bench.custody().await).await;
    bench.store.edit(missing);
    key
}

async fn binds(custody: &SealedCustody, gun: &Gun, role: ServerRole, id: &KeyId) -> bool {
    custody.bind(gun, role, id).await.unwrap()
}

#[tokio::test]
async fn key_whose_row_names_no_gun_or_no_role_is_unknown_until_it_is_bound() {
    let missing: [fn(&mut SealedKey); 3] = [
        |row| row.gun.clear(),
        |row| row.role.clear(),
        |row| (row.gun, row.role) = Default::default(),
    ];
    for missing in missing {
        let bench = Workbench::new();
        let key = old_key(&bench, missing).await;
        let custody = bench.custody().await;
        is_unknown(&custody, &gun(), ServerRole::Timestamp, key.id()).await;
        assert!(binds(&custody, &gun(), ServerRole::Timestamp, key.id()).await);
        sign_well(&custody, &key).await;
        sign_well(&bench.custody().await, &key).await;
    }
}

#[tokio::test]
async fn old_key_that_is_bound_refuses_every_other_gun_and_role() {
    let bench = Workbench::new();
    let key = old_key(&bench, |row| (row.gun, row.role) = Default::default()).await;
    let (custody, other) = (bench.custody().await, Gun::parse("registry.example/other").unwrap());
    assert!(binds(&custody, &gun(), ServerRole::Timestamp, key.id()).await);
    let bound = bench.store.rows();
    for (gun, role) in [(&other, ServerRole::Timestamp), (&gun(), ServerRole::Snapshot)] {
        assert!(!binds(&custody, gun, role, key.id()).await);
        is_unknown(&custody, gun, role, key.id()).await;
    }
    assert!(binds(&custody, &gun(), ServerRole::Timestamp, key.id()).await);
    assert_eq!(bench.store.rows(), bound);
}

#[tokio::test]
async fn old_key_that_names_its_gun_is_not_bound_to_another() {
    let bench = Workbench::new();
    let key = old_key(&bench, |row| row.role.clear()).await;
    let (custody, other) = (bench.custody().await, Gun::parse("registry.example/other").unwrap());
    assert!(!binds(&custody, &other, ServerRole::Timestamp, key.id()).await);
    assert_eq!(bench.store.rows()[0].role, "");
}

#[tokio::test]
async fn key_that_was_made_here_is_not_bound_anew() {
    let bench = Workbench::new();
    let custody = bench.custody().await;
    let key = pending(&custody).await;
    let rows = bench.store.rows();
    let other = Gun::parse("registry.example/other").unwrap();
    assert!(!binds(&custody, &other, ServerRole::Timestamp, key.id()).await);
    assert!(!binds(&custody, &gun(), ServerRole::Timestamp, &KeyId::claimed("")).await);
    assert!(
        !binds(&custody, &gun(), ServerRole::Timestamp, &KeyId::claimed(&"0".repeat(64))).await
    );
    assert_eq!(bench.store.rows(), rows);
}

/// Signer spec 9.1: an empty ID must not stand for any key; other spellings name none.
#[tokio::test]
async fn id_that_is_no_key_id_is_unknown() {
    let bench = Workbench::new();
    let custody = bench.custody().await;
    let key = pending(&custody).await;
    let upper = key.id().as_str().to_uppercase();
    for id in ["", "%", upper.as_str()] {
        is_unknown(&custody, &gun(), ServerRole::Timestamp, &KeyId::claimed(id)).await;
    }
}
