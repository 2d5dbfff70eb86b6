//! Custody within the server's process: rows in SQLite, keys opened once.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use chrono::Utc;
use countersign_custody::Custody;
use countersign_custody::sealed::{
    DEFAULT_ALIAS, Passphrase, Passphrases, SealedCustody, SealedSettings,
};
use countersign_storage::KeyStore;
use countersign_tuf::keys::{KeyId, ServerKeyAlgorithm};
use countersign_tuf::names::{Gun, ServerRole};

use crate::place::{Place, own_processor_time};

/// A custody, and its keys by their numbers.
pub(crate) struct Embedded {
    name: &'static str,
    custody: Arc<dyn Custody>,
    keys: Vec<(Gun, KeyId)>,
}

impl Embedded {
    /// Sealed keys in a store.
    pub(crate) async fn sealed(
        name: &'static str,
        store: Arc<dyn KeyStore>,
        keys: usize,
    ) -> Result<Self> {
        let passphrase = Passphrase::new("of a bench".into()).context("a passphrase")?;
        let passphrases = Passphrases::new(DEFAULT_ALIAS, passphrase);
        #[expect(clippy::disallowed_methods, reason = "the clock of whoever opens custody")]
        let now = Arc::new(Utc::now);
        let custody =
            SealedCustody::open(store, passphrases, SealedSettings::default(), now).await?;
        Self::over(name, Arc::new(custody), keys).await
    }

    /// Any custody, with new keys.
    pub(crate) async fn over(
        name: &'static str,
        custody: Arc<dyn Custody>,
        keys: usize,
    ) -> Result<Self> {
        let mut made = Vec::new();
        for number in 0..keys {
            let gun = gun(number)?;
            let algorithm = ServerKeyAlgorithm::Ecdsa;
            let key = custody.pending_key(&gun, ServerRole::Timestamp, algorithm).await?;
            made.push((gun, key.id().clone()));
        }
        Ok(Self { name, custody, keys: made })
    }
}

#[async_trait]
impl Place for Embedded {
    fn name(&self) -> &'static str {
        self.name
    }

    async fn sign(&self, number: usize, message: &[u8]) -> Result<()> {
        let (gun, id) = self.keys.get(number).context("no such key")?;
        let signed = self.custody.sign(gun, ServerRole::Timestamp, id, message).await?;
        signed.context("the key is gone").map(drop)
    }

    fn spent(&self) -> Result<Duration> {
        own_processor_time()
    }
}

/// The GUN of a key's number.
pub(crate) fn gun(number: usize) -> Result<Gun> {
    Ok(Gun::parse(&format!("example.com/team/app-{number}"))?)
}

/// The file of the embedded store.
pub(crate) fn file(directory: &Path) -> std::path::PathBuf {
    directory.join("countersign.db")
}
