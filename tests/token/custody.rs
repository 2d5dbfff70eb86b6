//! Custody over a token: what trust may count on, as for sealed keys, and what stands in the rows.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use countersign_custody::pkcs11::TokenUri;
use countersign_custody::sealed::SealedSettings;
use countersign_custody::{Custody as _, CustodyError, KeysById as _, Purpose};
use countersign_storage::{KeyHome, KeyStore, SealedKey, StorageError, StorageResult};
use countersign_tests::peers::softhsm::LABEL;
use countersign_tuf::keys::{KeyId, ServerKeyAlgorithm};
use countersign_tuf::names::{Gun, ServerRole};

use crate::bench::{MESSAGE, gun, objects};
use crate::database::{ALGORITHMS, Bench, pending, sign_well};

#[tokio::test(flavor = "multi_thread")]
async fn the_row_of_a_key_names_the_token_and_holds_no_key() {
    let bench = Bench::start().await;
    let custody = bench.custody().await;
    for algorithm in ALGORITHMS {
        let key = pending(&custody, algorithm).await;
        let row = bench.row(key.id()).await;
        assert_eq!(row.home(), KeyHome::Token);
        for column in [&row.encryption_alg, &row.keywrap_alg, &row.passphrase_alias] {
            assert_eq!(column, "PKCS11");
        }
        let uri = TokenUri::parse(&row.sealed).unwrap();
        assert_eq!((uri.token(), hex::encode(uri.id()).as_str()), (LABEL, row.key_id.as_str()));
        assert_eq!((row.algorithm.as_str(), row.last_used), (algorithm.as_str(), None));
        assert_eq!((row.gun.as_str(), row.role.as_str()), (gun().as_str(), "timestamp"));
    }
}

/// Contract section 3.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_given_again_until_it_has_signed_and_is_usable_ever_after() {
    let bench = Bench::start().await;
    let custody = bench.custody().await;
    for algorithm in ALGORITHMS {
        let first = pending(&custody, algorithm).await;
        assert_eq!(pending(&custody, algorithm).await, first);
        let restarted = bench.custody().await;
        assert_eq!(pending(&restarted, algorithm).await, first);
        sign_well(&restarted, &first).await;
        assert!(bench.row(first.id()).await.last_used.is_some());
        let second = pending(&custody, algorithm).await;
        assert_ne!(second.id(), first.id());
        sign_well(&custody, &second).await;
        sign_well(&custody, &first).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_at_once_get_one_key_and_no_other_stays_in_the_token() {
    let bench = Bench::start().await;
    let processes = [bench.custody().await, bench.custody().await].map(Arc::new);
    let before = objects(&bench.hsm);
    let callers: Vec<_> = (0..12)
        .map(|caller| {
            let custody = Arc::clone(&processes[caller % 2]);
            tokio::spawn(async move { pending(&*custody, ServerKeyAlgorithm::Ecdsa).await })
        })
        .collect();
    let mut keys = Vec::new();
    for caller in callers {
        keys.push(caller.await.unwrap());
    }
    assert!(keys.iter().all(|key| *key == keys[0]));
    assert_eq!(bench.rows().await, 1);
    // Of keys removed while others look, SoftHSM now and then leaves the file of one half behind.
    let there = objects(&bench.hsm) - before;
    assert!((2..=3).contains(&there), "{there} objects for one key");
    sign_well(&*processes[1], &keys[0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_signs_for_its_own_gun_and_role_alone() {
    let bench = Bench::start().await;
    let custody = bench.custody().await;
    let key = pending(&custody, ServerKeyAlgorithm::Ecdsa).await;
    let other = Gun::parse("registry.example/other").unwrap();
    for (gun, role) in [(&other, ServerRole::Timestamp), (&gun(), ServerRole::Snapshot)] {
        assert_eq!(custody.find_key(gun, role, key.id()).await.unwrap(), None);
        assert_eq!(custody.sign(gun, role, key.id(), MESSAGE).await.unwrap(), None);
        assert!(!custody.bind(gun, role, key.id()).await.unwrap());
        let purpose = Some(Purpose { gun, role });
        assert_eq!(custody.sign_by_id(key.id(), purpose, MESSAGE).await.unwrap(), None);
    }
    assert_eq!(bench.row(key.id()).await.last_used, None);
    let known = custody.key_by_id(key.id()).await.unwrap().unwrap();
    assert_eq!((&known.key, known.gun.as_str()), (&key, gun().as_str()));
    let purpose = Some(Purpose { gun: &gun(), role: ServerRole::Timestamp });
    let signed = custody.sign_by_id(key.id(), purpose, MESSAGE).await.unwrap().unwrap();
    assert_eq!(signed.by, known);
    let unknown = KeyId::claimed(&"ab".repeat(32));
    assert_eq!(custody.sign(&gun(), ServerRole::Timestamp, &unknown, b"").await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_home_has_its_own_pending_key_and_passes_over_the_others() {
    let bench = Bench::start().await;
    let (in_token, sealed) = (bench.custody().await, bench.sealed().await);
    let key = pending(&in_token, ServerKeyAlgorithm::Ecdsa).await;
    let other = pending(&sealed, ServerKeyAlgorithm::Ecdsa).await;
    assert_ne!(key.id(), other.id());
    let role = ServerRole::Timestamp;
    assert_eq!(in_token.find_key(&gun(), role, other.id()).await.unwrap(), None);
    // Without its token a key is out of reach, and never absent.
    let error = sealed.sign(&gun(), role, key.id(), MESSAGE).await.unwrap_err();
    assert!(matches!(&error, CustodyError::BadKey { key_id, .. } if key_id == key.id().as_str()));
    assert!(error.to_string().contains("[pkcs11]"), "{error}");
    sign_well(&in_token, &key).await;
    sign_well(&sealed, &other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_away_is_unavailable_and_leads_to_no_new_key() {
    let bench = Bench::start().await;
    let custody = bench.custody().await;
    let key = pending(&custody, ServerKeyAlgorithm::Ecdsa).await;
    custody.check().await.unwrap();
    bench.hsm.unplug().unwrap();
    let (gun, role, other) = (gun(), ServerRole::Timestamp, ServerKeyAlgorithm::Ed25519);
    let errors = [
        custody.sign(&gun, role, key.id(), MESSAGE).await.unwrap_err(),
        custody.pending_key(&gun, role, ServerKeyAlgorithm::Ecdsa).await.unwrap_err(),
        custody.pending_key(&gun, role, other).await.unwrap_err(),
        custody.find_key(&gun, role, key.id()).await.unwrap_err(),
        custody.check().await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, CustodyError::Unavailable { .. }), "{error}");
    }
    assert_eq!(bench.rows().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_the_token_lost_is_an_error_and_never_absent() {
    let bench = Bench::start().await;
    let custody = bench.custody().await;
    let key = pending(&custody, ServerKeyAlgorithm::Ecdsa).await;
    bench.hsm.unplug().unwrap();
    bench.hsm.add_token(LABEL).unwrap();
    let custody = bench.custody().await;
    let (gun, role) = (gun(), ServerRole::Timestamp);
    let errors = [
        custody.sign(&gun, role, key.id(), MESSAGE).await.unwrap_err(),
        custody.pending_key(&gun, role, ServerKeyAlgorithm::Ecdsa).await.unwrap_err(),
        custody.find_key(&gun, role, key.id()).await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, CustodyError::BadKey { .. }), "{error}");
    }
    assert_eq!(bench.rows().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_names_another_key_or_none_signs_nothing() {
    let bench = Bench::start().await;
    let custody = bench.custody().await;
    let (one, other) = (
        pending(&custody, ServerKeyAlgorithm::Ecdsa).await,
        custody.pending_key(&gun(), ServerRole::Snapshot, ServerKeyAlgorithm::Ecdsa).await.unwrap(),
    );
    let row = bench.row(one.id()).await;
    let changed = |sealed: &[u8]| SealedKey { sealed: sealed.to_vec(), ..row.clone() };
    let others = bench.row(other.id()).await.sealed;
    for sealed in [&others[..], b"pkcs11:token=elsewhere;id=%01", b"eyJhbGciOiJ.a.b.c.d", b""] {
        let store = Arc::new(OneRow { row: Mutex::new(Some(changed(sealed))) });
        let custody = bench.custody_over(store, SealedSettings::default()).await;
        let error = custody.sign(&gun(), ServerRole::Timestamp, one.id(), MESSAGE).await;
        let error = error.unwrap_err();
        assert!(matches!(error, CustodyError::BadKey { .. }), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_whose_row_cannot_be_stored_does_not_stay_in_the_token() {
    let bench = Bench::start().await;
    let store = Arc::new(OneRow { row: Mutex::new(None) });
    let custody = bench.custody_over(store, SealedSettings::default()).await;
    custody.check().await.unwrap();
    let before = objects(&bench.hsm);
    let error = custody
        .pending_key(&gun(), ServerRole::Timestamp, ServerKeyAlgorithm::Ecdsa)
        .await
        .unwrap_err();
    assert!(matches!(error, CustodyError::Unavailable { .. }), "{error}");
    assert_eq!(objects(&bench.hsm), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_in_the_token_count_among_those_that_may_wait() {
    let bench = Bench::start().await;
    let settings = SealedSettings { pending_keys: 1, ..SealedSettings::default() };
    let custody = bench.custody_over(bench.store.clone(), settings).await;
    pending(&custody, ServerKeyAlgorithm::Ecdsa).await;
    let before = objects(&bench.hsm);
    let error = custody
        .pending_key(&gun(), ServerRole::Snapshot, ServerKeyAlgorithm::Ecdsa)
        .await
        .unwrap_err();
    assert!(matches!(error, CustodyError::TooManyPending { limit: 1 }), "{error}");
    assert_eq!(objects(&bench.hsm), before);
}

/// A store with at most one row, which takes no other.
struct OneRow {
    row: Mutex<Option<SealedKey>>,
}

impl OneRow {
    fn row(&self) -> Option<SealedKey> {
        self.row.lock().unwrap().clone()
    }
}

#[async_trait]
impl KeyStore for OneRow {
    async fn pending(
        &self,
        _: &str,
        _: &str,
        _: &str,
        _: KeyHome,
    ) -> StorageResult<Option<SealedKey>> {
        Ok(None)
    }

    async fn insert_unless_pending(
        &self,
        _: &SealedKey,
        _: DateTime<Utc>,
    ) -> StorageResult<SealedKey> {
        let reason = "the test takes no rows".to_owned();
        Err(StorageError::Unavailable { reason })
    }

    async fn count_pending(&self, _: u32) -> StorageResult<u32> {
        Ok(0)
    }

    async fn by_id(&self, key_id: &str) -> StorageResult<Option<SealedKey>> {
        Ok(self.row().filter(|row| row.key_id == key_id))
    }

    async fn bind(
        &self,
        key_id: &str,
        _: &str,
        _: &str,
        _: DateTime<Utc>,
    ) -> StorageResult<Option<SealedKey>> {
        self.by_id(key_id).await
    }

    async fn mark_used(&self, _: &str, _: DateTime<Utc>) -> StorageResult<()> {
        Ok(())
    }

    async fn passphrase_check(&self) -> StorageResult<Option<Vec<u8>>> {
        Ok(None)
    }

    async fn insert_passphrase_check(&self, sealed: &[u8]) -> StorageResult<Vec<u8>> {
        Ok(sealed.to_vec())
    }
}
