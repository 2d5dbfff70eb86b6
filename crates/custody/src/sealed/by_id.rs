//! Sealed keys by their IDs alone, as a notary-signer is asked for them.
//!
//! Source: signer spec 1.2.

use async_trait::async_trait;
use countersign_storage::SealedKey;
use countersign_tuf::keys::KeyId;

use super::custody::SealedCustody;
use crate::{
    Custody as _, CustodyError, Home, KeySignature, KeysById, KnownKey, Purpose, SignatureById,
};

#[async_trait]
impl KeysById for SealedCustody {
    async fn key_by_id(&self, id: &KeyId) -> Result<Option<KnownKey>, CustodyError> {
        let Some(row) = self.row(id).await? else { return Ok(None) };
        let key = self.opened(&row).await?.public().clone();
        Ok(Some(KnownKey { key, gun: row.gun, role: row.role, home: Home::Sealed }))
    }

    async fn sign_by_id(
        &self,
        id: &KeyId,
        purpose: Option<Purpose<'_>>,
        message: &[u8],
    ) -> Result<Option<SignatureById>, CustodyError> {
        let asked_at = (self.now)();
        if let Some(recent) = self.opened.recent(id.as_str(), asked_at)
            && purpose.is_none_or(|purpose| purpose.is_of(&recent.row.gun, &recent.row.role))
        {
            let KeySignature { key, bytes } = recent.sign(message).await?;
            let (gun, role) = (recent.row.gun.clone(), recent.row.role.clone());
            let by = KnownKey { key, gun, role, home: Home::Sealed };
            return Ok(Some(SignatureById { by, bytes }));
        }
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
        let KeySignature { key, bytes } = self.sign_with(&row, asked_at, message).await?;
        let by = KnownKey { key, gun: row.gun, role: row.role, home: Home::Sealed };
        Ok(Some(SignatureById { by, bytes }))
    }

    fn forget(&self, id: &KeyId) {
        self.opened.forget(id.as_str());
    }
}
