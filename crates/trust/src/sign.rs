//! The server's signatures on the documents it writes.
//!
//! Source: server spec 5.2: the server signs with every key of the role that it holds.

use bytes::Bytes;
use countersign_tuf::accepted::AcceptedUpdate;
use countersign_tuf::keys::{KeyId, KeyType, SignatureMethod};
use countersign_tuf::metadata::{Draft, DraftSignature};
use countersign_tuf::names::{Gun, ServerRole};
use countersign_tuf::rules::NeedsTimestamp;
use countersign_tuf::verify::RoleKeys;

use crate::{MissingKeys, Trust, TrustError};

impl Trust {
    /// Signs a draft with every key of its role that custody holds.
    ///
    /// # Errors
    /// [`TrustError::MissingKeys`] when those are fewer than the role's threshold.
    pub(crate) async fn sign<T: Sync>(
        &self,
        gun: &Gun,
        role: ServerRole,
        keys: &RoleKeys,
        draft: &Draft<T>,
    ) -> Result<Bytes, TrustError> {
        let mut signatures = Vec::new();
        let mut missing: Vec<KeyId> = Vec::new();
        for (id, key) in &keys.keys {
            let signature = match method(key.key_type()) {
                Some(method) if key.id() == id => {
                    self.custody.sign(gun, role, id, draft.message()).await?.map(|made| {
                        DraftSignature { key_id: id.clone(), method, bytes: made.bytes }
                    })
                }
                _ => None,
            };
            match signature {
                Some(signature) => signatures.push(signature),
                None => missing.push(id.clone()),
            }
        }
        let needed = usize::try_from(keys.threshold).unwrap_or(usize::MAX);
        if signatures.len() < needed {
            return Err(MissingKeys { found: signatures.len(), needed, missing }.into());
        }
        Ok(draft.with_signatures(&signatures))
    }

    /// Signs the timestamp that completes an update.
    pub(crate) async fn sign_timestamp(
        &self,
        gun: &Gun,
        waiting: NeedsTimestamp,
    ) -> Result<AcceptedUpdate, TrustError> {
        let expires = self.clock.now() + self.policy.timestamp_lifetime;
        let signed_badly = |reason| TrustError::SignedBadly { role: ServerRole::Timestamp, reason };
        let draft = waiting.draft(expires).map_err(signed_badly)?;
        let raw = self.sign(gun, ServerRole::Timestamp, &waiting.keys(), &draft).await?;
        waiting.signed(raw).map_err(signed_badly)
    }
}

/// The method by which a key of this type signs, when the server can hold such a key.
fn method(key_type: &KeyType) -> Option<SignatureMethod> {
    match key_type {
        KeyType::Ecdsa => Some(SignatureMethod::Ecdsa),
        KeyType::Ed25519 => Some(SignatureMethod::Eddsa),
        KeyType::EcdsaX509 | KeyType::Rsa | KeyType::RsaX509 | KeyType::Unknown(_) => None,
    }
}
