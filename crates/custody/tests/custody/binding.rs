//! A key is used only for the GUN and role that it was made for.

use countersign_custody::Custody as _;
use countersign_custody::sealed::SealedCustody;
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

#[tokio::test]
async fn key_whose_row_names_no_gun_or_no_role_is_unknown() {
    for without_gun in [true, false] {
        let bench = Workbench::new();
        let custody = bench.custody().await;
        let key = pending(&custody).await;
        bench.store.edit(|row| match without_gun {
            true => row.gun.clear(),
            false => row.role.clear(),
        });
        is_unknown(&custody, &gun(), ServerRole::Timestamp, key.id()).await;
    }
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
