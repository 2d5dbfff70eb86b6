//! Old keys that name no GUN, under a server that begins: bound before anything is signed ahead.
//!
//! A key that nobody has bound yet is bound by the first root that it signs under. On a database
//! where two collections name one key, that would be whoever asks first; the contract wants the
//! first stored root, whoever asks.
//!
//! Source: contract section 3.

use chrono::{DateTime, Utc};
use countersign_storage::{Inventory, KeyCatalogue, KeyStore, StorageError, StorageResult};

use super::first_naming::FirstNaming;

/// How many names or records are read at a time.
const PAGE: u32 = 1_000;

/// Where old keys and the roots that name them are.
#[derive(Clone, Copy)]
pub struct OldKeys<'a> {
    /// The list of the keys.
    pub catalogue: &'a dyn KeyCatalogue,
    /// The keys.
    pub keys: &'a dyn KeyStore,
    /// The roots.
    pub inventory: &'a dyn Inventory,
}

/// What became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OldKeysBound {
    /// How many were bound now.
    pub bound: u64,
    /// How many no stored root names: the first one that will name them binds them.
    pub unnamed: u64,
}

impl OldKeys<'_> {
    /// Binds every key that names no GUN to the GUN and role of the first stored root that names
    /// it. Reads no root where there is no such key.
    ///
    /// # Errors
    /// [`StorageError`] when the stores do not answer. What was bound stays so.
    pub async fn bind(&self, now: DateTime<Utc>) -> StorageResult<OldKeysBound> {
        let (mut naming, mut old) = (FirstNaming::default(), 0_u64);
        let mut last = None;
        loop {
            // Rows without a GUN come together, and have no role either.
            let page = self.catalogue.records(Some(""), last.as_ref(), PAGE).await?;
            let Some(end) = page.last() else { break };
            last = Some(end.clone());
            for record in page {
                naming.note_key(record);
                old = old.saturating_add(1);
            }
        }
        if naming.is_empty() {
            return Ok(OldKeysBound::default());
        }
        self.look_through_roots(&mut naming).await?;
        let mut bound = 0_u64;
        for (key_id, (gun, role)) in naming.bindings() {
            self.keys.bind(&key_id, &gun, role.as_str(), now).await?;
            bound = bound.saturating_add(1);
        }
        Ok(OldKeysBound { bound, unnamed: old.saturating_sub(bound) })
    }

    async fn look_through_roots(&self, naming: &mut FirstNaming) -> StorageResult<()> {
        let mut last: Option<String> = None;
        loop {
            let page = self.inventory.guns(last.as_deref(), PAGE).await?;
            let Some(end) = page.last() else { return Ok(()) };
            last = Some(end.clone());
            for gun in page {
                let rows = readable(self.inventory.versions(&gun).await)?.unwrap_or_default();
                for row in rows.iter().filter(|row| row.role == "root") {
                    let bytes = readable(self.inventory.bytes(row.id).await)?.flatten();
                    if let Some(bytes) = bytes {
                        naming.note_root(&gun, row.id, bytes);
                    }
                }
            }
        }
    }
}

/// A row that cannot be read concerns its own GUN.
fn readable<T>(read: StorageResult<T>) -> StorageResult<Option<T>> {
    match read {
        Ok(found) => Ok(Some(found)),
        Err(StorageError::Corrupt { .. }) => Ok(None),
        Err(other) => Err(other),
    }
}
