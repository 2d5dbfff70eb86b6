//! Keys of a token by their IDs alone, as a notary-signer is asked for them.
//!
//! Source: signer spec 1.2.

use async_trait::async_trait;
use countersign_storage::SealedKey;
use countersign_tuf::keys::KeyId;

use super::custody::TokenCustody;
use crate::{
    Custody as _, CustodyError, Home, KeySignature, KeysById, KnownKey, Purpose, SignatureById,
};

#[async_trait]
impl KeysById for TokenCustody {
    async fn key_by_id(&self, id: &KeyId) -> Result<Option<KnownKey>, CustodyError> {
        let Some(row) = self.row(id).await? else { return Ok(None) };
        let key = self.usable(&row).await?;
        Ok(Some(KnownKey { key, gun: row.gun, role: row.role, home: Home::Token }))
    }

    async fn sign_by_id(
        &self,
        id: &KeyId,
        purpose: Option<Purpose<'_>>,
        message: &[u8],
    ) -> Result<Option<SignatureById>, CustodyError> {
        let Some(row) = self.row(id).await? else { return Ok(None) };
        let row = match purpose {
            Some(purpose) if !purpose.is_of(&row.gun, &row.role) => {
                if !self.bind(purpose.gun, purpose.role, id).await? {
                    return Ok(None);
                }
                let (gun, role) = (purpose.gun.to_string(), purpose.role.to_string());
                SealedKey { gun, role, ..row }
            }
            _ => row,
        };
        let KeySignature { key, bytes } = self.sign_with(&row, message).await?;
        let by = KnownKey { key, gun: row.gun, role: row.role, home: Home::Token };
        Ok(Some(SignatureById { by, bytes }))
    }

    /// Nothing is held: each signature reads the row.
    fn forget(&self, _: &KeyId) {}
}
