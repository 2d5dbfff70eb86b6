//! Sealed keys by their IDs alone, as a notary-signer is asked for them.
//!
//! Source: signer spec 1.2.

use async_trait::async_trait;
use countersign_tuf::keys::KeyId;

use super::custody::SealedCustody;
use crate::{CustodyError, KeySignature, KeysById, KnownKey};

#[async_trait]
impl KeysById for SealedCustody {
    async fn key_by_id(&self, id: &KeyId) -> Result<Option<KnownKey>, CustodyError> {
        let Some(row) = self.row(id).await? else { return Ok(None) };
        let key = self.opened(&row).await?.public().clone();
        Ok(Some(KnownKey { key, gun: row.gun, role: row.role }))
    }

    async fn sign_by_id(
        &self,
        id: &KeyId,
        message: &[u8],
    ) -> Result<Option<KeySignature>, CustodyError> {
        match self.row(id).await? {
            Some(row) => self.sign_with(&row, message).await.map(Some),
            None => Ok(None),
        }
    }
}
