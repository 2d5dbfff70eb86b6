//! Keys by their IDs alone, as a notary-signer is asked for them (signer spec 1.2, 9.1).

use countersign_custody::{Home, KeysById as _, KnownKey, Purpose};
use countersign_storage::SealedKey;
use countersign_tuf::keys::{KeyId, ServerKeyAlgorithm, verify_signature};
use countersign_tuf::names::{Gun, ServerRole};

use crate::workbench::{MESSAGE, Workbench, gun, pending};

#[tokio::test]
async fn a_key_is_told_with_its_purpose_and_signs_for_whoever_knows_its_id() {
    let bench = Workbench::new();
    let custody = bench.custody().await;
    let key = pending(&custody).await;
    let known = KnownKey {
        key: key.clone(),
        gun: gun().as_str().to_owned(),
        role: ServerRole::Timestamp.as_str().to_owned(),
        home: Home::Sealed,
    };
    assert_eq!(custody.key_by_id(key.id()).await.unwrap().as_ref(), Some(&known));
    let signed = custody.sign_by_id(key.id(), None, MESSAGE).await.unwrap().unwrap();
    assert_eq!(signed.by, known);
    let method = ServerKeyAlgorithm::Ecdsa.signature_method();
    assert!(verify_signature(&key, &method, MESSAGE, &signed.bytes));
    assert!(bench.store.rows()[0].last_used.is_some());
}

#[tokio::test]
async fn a_key_does_not_sign_for_another_purpose_than_its_own() {
    let bench = Workbench::new();
    let custody = bench.custody().await;
    let key = pending(&custody).await;
    let (own, other) = (gun(), Gun::parse("registry.example/other").unwrap());
    let rows = bench.store.rows();
    for (gun, role) in [(&other, ServerRole::Timestamp), (&own, ServerRole::Snapshot)] {
        let purpose = Some(Purpose { gun, role });
        assert_eq!(custody.sign_by_id(key.id(), purpose, MESSAGE).await.unwrap(), None);
    }
    assert_eq!(bench.store.rows(), rows, "nothing signed, nothing bound");
    let purpose = Some(Purpose { gun: &own, role: ServerRole::Timestamp });
    assert!(custody.sign_by_id(key.id(), purpose, MESSAGE).await.unwrap().is_some());
}

#[tokio::test]
async fn an_old_key_is_bound_to_the_first_purpose_that_it_signs_for() {
    let bench = Workbench::new();
    let custody = bench.custody().await;
    let key = pending(&custody).await;
    bench.store.edit(|row: &mut SealedKey| (row.gun, row.role) = Default::default());
    assert!(custody.sign_by_id(key.id(), None, MESSAGE).await.unwrap().is_some());
    assert_eq!(bench.store.rows()[0].gun, "", "without a purpose it stays bound to none");
    let (own, other) = (gun(), Gun::parse("registry.example/other").unwrap());
    let purpose = Purpose { gun: &own, role: ServerRole::Timestamp };
    let signed = custody.sign_by_id(key.id(), Some(purpose), MESSAGE).await.unwrap().unwrap();
    assert_eq!((signed.by.gun.as_str(), signed.by.role.as_str()), (own.as_str(), "timestamp"));
    let purpose = Purpose { gun: &other, role: ServerRole::Timestamp };
    assert_eq!(custody.sign_by_id(key.id(), Some(purpose), MESSAGE).await.unwrap(), None);
}

#[tokio::test]
async fn an_id_that_is_none_names_no_key() {
    let bench = Workbench::new();
    let custody = bench.custody().await;
    let key = pending(&custody).await;
    let upper = key.id().as_str().to_uppercase();
    for id in ["", "%", upper.as_str(), &"0".repeat(64)] {
        let id = KeyId::claimed(id);
        assert_eq!(custody.key_by_id(&id).await.unwrap(), None);
        assert_eq!(custody.sign_by_id(&id, None, MESSAGE).await.unwrap(), None);
    }
    assert_eq!(bench.store.rows()[0].last_used, None);
}
