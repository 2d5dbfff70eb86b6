//! The service on a data directory, without HTTP.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use countersign_custody::Custody;
use countersign_custody::sealed::{Passphrase, Passphrases, Rounds, SealedCustody, SealedSettings};
use countersign_storage::MetadataStore;
use countersign_storage::engine::sqlite::SqliteStore;
use countersign_tests::upload;
use countersign_trust::{Policy, SystemClock, Trust};
use countersign_tuf::names::{Gun, RoleName, ServerRole};
use countersign_tuf::rules::UploadedPart;
use serde_json::{Value, json};

/// The parts of a publish: role name and bytes.
pub(crate) type Parts = Vec<(String, Vec<u8>)>;

/// Store and custody in one directory.
pub(crate) struct Service {
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) custody: Arc<dyn Custody>,
}

impl Service {
    /// Opens what is in `data`, or begins there.
    pub(crate) async fn open(data: &Path) -> Result<Self> {
        let store = Arc::new(SqliteStore::open(&data.join("countersign.db")).await?);
        let rounds = Rounds::new(1000).context("too few rounds")?;
        let settings = SealedSettings { rounds, ..Default::default() };
        let passphrase = Passphrase::new("throwaway".to_owned().into()).context("no passphrase")?;
        let passphrases = Passphrases::new("countersign", passphrase);
        let now = Arc::new(upload::now);
        let custody = SealedCustody::open(store.clone(), passphrases, settings, now).await?;
        Ok(Self { store, custody: Arc::new(custody) })
    }

    pub(crate) fn trust(&self) -> Trust {
        trust(self.store.clone(), self.custody.clone())
    }
}

/// The service over a store and a custody.
pub(crate) fn trust(store: Arc<dyn MetadataStore>, custody: Arc<dyn Custody>) -> Trust {
    Trust::new(store, custody, Arc::new(SystemClock), Policy::default())
}

/// Publishes parts to a GUN.
pub(crate) async fn publish(trust: &Trust, gun: &Gun, parts: &Parts) -> Result<()> {
    let read = |(role, bytes): &(String, Vec<u8>)| {
        Ok(UploadedPart::parse(RoleName::parse(role)?, bytes.clone().into())?)
    };
    let parts = parts.iter().map(read).collect::<Result<Vec<_>>>()?;
    trust.publish(gun, parts).await?;
    Ok(())
}

/// The public key that the service offers, as a root lists it.
pub(crate) async fn offered_key(trust: &Trust, gun: &Gun, role: ServerRole) -> Result<Value> {
    let key = trust.key(gun, role).await?;
    Ok(json!({"keytype": key.key_type().as_str(),
        "keyval": {"private": null, "public": key.public_base64()}}))
}
