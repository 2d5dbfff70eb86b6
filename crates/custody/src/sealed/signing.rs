//! Signing with opened keys: which reading of a row is good enough, and on which thread it is done.
//!
//! Source: contract section 3 (`last_used`).

use std::sync::Arc;

use chrono::{DateTime, Utc};
use countersign_storage::SealedKey;
use countersign_tuf::keys::KeyId;

use super::custody::{SealedCustody, off_thread};
use super::fault::Fault;
use super::opened_keys::RecentKey;
use super::private_key::ServerKey;
use super::rows::{is_use_noted, note_use};
use crate::{CustodyError, KeySignature, Purpose};

impl SealedCustody {
    /// The opened key of this ID, if its row was read a moment before `now` and is for `purpose`.
    pub(super) fn recent(
        &self,
        purpose: Purpose<'_>,
        id: &KeyId,
        now: DateTime<Utc>,
    ) -> Option<RecentKey> {
        let recent = self.opened.recent(id.as_str(), now);
        recent.filter(|recent| purpose.is_of(&recent.row.gun, &recent.row.role))
    }

    /// Signs with the key of a row that was asked for at `asked_at`, and notes that.
    pub(super) async fn sign_with(
        &self,
        row: &SealedKey,
        asked_at: DateTime<Utc>,
        message: &[u8],
    ) -> Result<KeySignature, CustodyError> {
        let signature = self.signature(row, message).await?;
        note_use(&*self.store, row, (self.now)()).await?;
        // The first signature is never among those that ask for no row: until it is noted,
        // whoever retires the key may take it for one that has signed nothing.
        if is_use_noted(row, asked_at) {
            self.opened.note_read(row, asked_at);
        }
        Ok(signature)
    }

    /// Signs with the key of a row that was read just now.
    pub(super) async fn signature(
        &self,
        row: &SealedKey,
        message: &[u8],
    ) -> Result<KeySignature, CustodyError> {
        let key = self.opened(row).await?;
        signed(&key, message)
            .await?
            .map_err(|fault| fault.of_row(&row.key_id, &row.passphrase_alias))
    }
}

impl RecentKey {
    /// Signs; what there is to note of the row has been noted.
    pub(super) async fn sign(&self, message: &[u8]) -> Result<KeySignature, CustodyError> {
        let id = self.key.public().id().as_str();
        signed(&self.key, message).await?.map_err(|fault| fault.of_row(id, &self.row.alias))
    }
}

/// What `key` makes of `message`: on this thread if that takes hardly longer than the way to
/// another one.
async fn signed(
    key: &Arc<ServerKey>,
    message: &[u8],
) -> Result<Result<KeySignature, Fault>, CustodyError> {
    let bytes = if key.is_quick() {
        key.sign(message)
    } else {
        let (key, message) = (Arc::clone(key), message.to_vec());
        off_thread(move || key.sign(&message)).await?
    };
    Ok(bytes.map(|bytes| KeySignature { key: key.public().clone(), bytes }))
}
