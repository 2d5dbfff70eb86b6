//! The server's signatures on the documents it writes.
//!
//! Source: server spec 5.2: the server signs with every key of the role that it holds.

use bytes::Bytes;
use countersign_custody::{CustodyError, KeySignature};
use countersign_tuf::accepted::AcceptedUpdate;
use countersign_tuf::keys::KeyId;
use countersign_tuf::metadata::{Draft, DraftSignature};
use countersign_tuf::names::{Gun, ServerRole};
use countersign_tuf::rules::NeedsTimestamp;
use countersign_tuf::verify::RoleKeys;

use crate::{MissingKeys, Trust, TrustError};

impl Trust {
    /// Signs a draft with every key of its role that custody holds. The keys are those that a
    /// verified root of this GUN names.
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
            let signature = match key.key_type().server_method() {
                Some(method) if key.id() == id => self
                    .sign_with(gun, role, id, draft.message())
                    .await?
                    .map(|made| DraftSignature { key_id: id.clone(), method, bytes: made.bytes }),
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

    /// A signature by a key that a verified root names. One that an old signer bound to no GUN or
    /// role is bound to these first.
    async fn sign_with(
        &self,
        gun: &Gun,
        role: ServerRole,
        id: &KeyId,
        message: &[u8],
    ) -> Result<Option<KeySignature>, CustodyError> {
        let signature = self.custody.sign(gun, role, id, message).await?;
        if signature.is_some() || !self.custody.bind(gun, role, id).await? {
            return Ok(signature);
        }
        self.custody.sign(gun, role, id, message).await
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
