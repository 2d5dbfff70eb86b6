//! A store, a clock that tests move, and the ways to open custody over them.

use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};

use countersign_custody::sealed::{
    DEFAULT_ALIAS, Now, OpenError, Passphrase, Passphrases, Rounds, SealedCustody, SealedSettings,
};
use countersign_custody::{Custody as _, CustodyError, KeySignature};
use countersign_storage::KeyStore;
use countersign_tuf::keys::{PublicKey, ServerKeyAlgorithm, verify_signature};
use countersign_tuf::names::{Gun, ServerRole};

use crate::memory_store::MemoryStore;

/// The message that [`sign`] signs.
pub(crate) const MESSAGE: &[u8] = br#"{"_type":"Timestamp","version":1}"#;

/// The passphrase of [`Workbench::custody`].
pub(crate) const SECRET: &str = "planted passphrase";

/// One key database, which outlives the custody that is opened over it.
pub(crate) struct Workbench {
    pub(crate) store: Arc<MemoryStore>,
    time: Arc<Mutex<DateTime<Utc>>>,
}

impl Workbench {
    pub(crate) fn new() -> Self {
        let time = DateTime::parse_from_rfc3339("2026-11-24T12:00:00Z").unwrap().to_utc();
        Self { store: Arc::default(), time: Arc::new(Mutex::new(time)) }
    }

    /// What the clock says.
    pub(crate) fn time(&self) -> DateTime<Utc> {
        *self.time.lock().unwrap()
    }

    /// Moves the clock; a negative step moves it back.
    pub(crate) fn pass(&self, step: TimeDelta) {
        *self.time.lock().unwrap() += step;
    }

    /// Custody of one process, under [`SECRET`].
    pub(crate) async fn custody(&self) -> SealedCustody {
        self.open(only(SECRET)).await.unwrap()
    }

    /// Custody of one process, under these passphrases.
    pub(crate) async fn open(&self, passphrases: Passphrases) -> Result<SealedCustody, OpenError> {
        self.open_with(passphrases, SealedSettings::default().pending_keys).await
    }

    /// Custody of one process that lets so many keys wait for their first signature.
    pub(crate) async fn limited(&self, pending_keys: u32) -> SealedCustody {
        self.open_with(only(SECRET), pending_keys).await.unwrap()
    }

    /// Custody of one process that shares its passphrases with whoever follows the check value.
    pub(crate) async fn open_shared(
        &self,
        passphrases: Arc<Passphrases>,
    ) -> Result<SealedCustody, OpenError> {
        self.open_with(passphrases, SealedSettings::default().pending_keys).await
    }

    async fn open_with(
        &self,
        passphrases: impl Into<Arc<Passphrases>>,
        pending_keys: u32,
    ) -> Result<SealedCustody, OpenError> {
        let rounds = Rounds::new(1_000).unwrap();
        let settings = SealedSettings { rounds, pending_keys, ..SealedSettings::default() };
        let store: Arc<dyn KeyStore> = self.store.clone();
        let time = Arc::clone(&self.time);
        let now: Now = Arc::new(move || *time.lock().unwrap());
        SealedCustody::open(store, passphrases, settings, now).await
    }
}

/// A passphrase.
pub(crate) fn secret(text: &str) -> Passphrase {
    Passphrase::new(text.into()).unwrap()
}

/// One passphrase under the alias of new rows.
pub(crate) fn only(text: &str) -> Passphrases {
    Passphrases::new(DEFAULT_ALIAS, secret(text))
}

/// The GUN that most tests use.
pub(crate) fn gun() -> Gun {
    Gun::parse("registry.example/team/app").unwrap()
}

/// The pending ECDSA key of [`gun`]'s timestamp role.
pub(crate) async fn pending(custody: &SealedCustody) -> PublicKey {
    custody.pending_key(&gun(), ServerRole::Timestamp, ServerKeyAlgorithm::Ecdsa).await.unwrap()
}

/// Signs [`MESSAGE`] for [`gun`]'s timestamp role.
pub(crate) async fn sign(
    custody: &SealedCustody,
    key: &PublicKey,
) -> Result<Option<KeySignature>, CustodyError> {
    custody.sign(&gun(), ServerRole::Timestamp, key.id(), MESSAGE).await
}

/// Signs [`MESSAGE`] and proves that the signature is `key`'s.
pub(crate) async fn sign_well(custody: &SealedCustody, key: &PublicKey) {
    let signature = sign(custody, key).await.unwrap().unwrap();
    assert_eq!(&signature.key, key);
    let method = ServerKeyAlgorithm::Ecdsa.signature_method();
    assert!(verify_signature(key, &method, MESSAGE, &signature.bytes));
}
