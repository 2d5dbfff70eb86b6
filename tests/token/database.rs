//! A token, and a key database beside it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use countersign_custody::Custody;
use countersign_custody::pkcs11::TokenCustody;
use countersign_custody::sealed::{
    Now, Passphrase, Passphrases, Rounds, SealedCustody, SealedSettings,
};
use countersign_storage::engine::sqlite::SqliteStore;
use countersign_storage::{KeyCatalogue as _, KeyStore, SealedKey};
use countersign_tests::peers::softhsm::SoftHsm;
use countersign_tuf::keys::{KeyId, PublicKey, ServerKeyAlgorithm, verify_signature};
use countersign_tuf::names::ServerRole;
use tempfile::TempDir;

use crate::bench::{MESSAGE, gun, token};

pub(crate) const ALGORITHMS: [ServerKeyAlgorithm; 2] =
    [ServerKeyAlgorithm::Ecdsa, ServerKeyAlgorithm::Ed25519];

/// A token, and a key database beside it.
pub(crate) struct Bench {
    pub(crate) hsm: SoftHsm,
    pub(crate) store: Arc<SqliteStore>,
    _folder: TempDir,
}

impl Bench {
    pub(crate) async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let store = SqliteStore::open(&folder.path().join("keys.db")).await.unwrap();
        Self { hsm: SoftHsm::start().unwrap(), store: Arc::new(store), _folder: folder }
    }

    /// Custody of one process.
    pub(crate) async fn custody(&self) -> TokenCustody {
        self.custody_over(self.store.clone(), SealedSettings::default()).await
    }

    pub(crate) async fn custody_over(
        &self,
        store: Arc<dyn KeyStore>,
        settings: SealedSettings,
    ) -> TokenCustody {
        TokenCustody::new(store, token(&self.hsm).await.unwrap(), settings, now())
    }

    pub(crate) async fn sealed(&self) -> SealedCustody {
        let rounds = Rounds::new(1_000).unwrap();
        let settings = SealedSettings { rounds, ..SealedSettings::default() };
        SealedCustody::open(self.store.clone(), passphrases(), settings, now()).await.unwrap()
    }

    pub(crate) async fn row(&self, id: &KeyId) -> SealedKey {
        self.store.by_id(id.as_str()).await.unwrap().unwrap()
    }

    pub(crate) async fn rows(&self) -> usize {
        self.store.records(None, None, 1_000).await.unwrap().len()
    }
}

/// What seals keys in the database.
pub(crate) fn passphrases() -> Passphrases {
    Passphrases::new("countersign", Passphrase::new("a passphrase".into()).unwrap())
}

/// What the clock says.
pub(crate) fn time() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn now() -> Now {
    Arc::new(time)
}

/// The pending key of [`gun`]'s timestamp role.
pub(crate) async fn pending(custody: &dyn Custody, algorithm: ServerKeyAlgorithm) -> PublicKey {
    custody.pending_key(&gun(), ServerRole::Timestamp, algorithm).await.unwrap()
}

/// Signs, and proves that the signature is the key's.
pub(crate) async fn sign_well(custody: &dyn Custody, key: &PublicKey) {
    let signature = custody.sign(&gun(), ServerRole::Timestamp, key.id(), MESSAGE).await;
    let signature = signature.unwrap().unwrap();
    assert_eq!(&signature.key, key);
    let method = key.key_type().server_method().unwrap();
    assert!(verify_signature(key, &method, MESSAGE, &signature.bytes));
}
