//! Keys whose use is counted, whichever custody has them.

use std::sync::Arc;

use async_trait::async_trait;
use countersign_custody::{
    Custody, CustodyError, KeySignature, KeysById, KnownKey, Purpose, SignatureById,
};
use countersign_tuf::keys::{KeyId, PublicKey, ServerKeyAlgorithm};
use countersign_tuf::names::{Gun, ServerRole};

use crate::metrics::{Metrics, Outcome};
use crate::purpose::server_role;

/// Keys, and where their use is counted.
pub(crate) struct CountedKeys {
    keys: Arc<dyn KeysById>,
    metrics: Arc<Metrics>,
}

impl CountedKeys {
    pub(crate) fn new(keys: Arc<dyn KeysById>, metrics: Arc<Metrics>) -> Self {
        Self { keys, metrics }
    }

    fn note<T>(&self, done: Result<T, CustodyError>) -> Result<T, CustodyError> {
        done.inspect_err(|error| self.metrics.failure(error))
    }
}

#[async_trait]
impl KeysById for CountedKeys {
    async fn key_by_id(&self, id: &KeyId) -> Result<Option<KnownKey>, CustodyError> {
        self.note(self.keys.key_by_id(id).await)
    }

    async fn sign_by_id(
        &self,
        id: &KeyId,
        purpose: Option<Purpose<'_>>,
        message: &[u8],
    ) -> Result<Option<SignatureById>, CustodyError> {
        let signed = self.note(self.keys.sign_by_id(id, purpose, message).await);
        let asked_for = purpose.map(|purpose| purpose.role);
        match &signed {
            Ok(Some(SignatureById { by, .. })) => {
                self.metrics.signature(server_role(&by.role), Outcome::Signed);
            }
            Ok(None) => self.metrics.signature(asked_for, Outcome::NoKey),
            Err(CustodyError::Unavailable { .. }) => {
                self.metrics.signature(asked_for, Outcome::Unavailable);
            }
            Err(_) => self.metrics.signature(asked_for, Outcome::Failed),
        }
        signed
    }

    fn forget(&self, id: &KeyId) {
        self.keys.forget(id);
    }
}

#[async_trait]
impl Custody for CountedKeys {
    async fn pending_key(
        &self,
        gun: &Gun,
        role: ServerRole,
        algorithm: ServerKeyAlgorithm,
    ) -> Result<PublicKey, CustodyError> {
        let key = self.note(self.keys.pending_key(gun, role, algorithm).await)?;
        self.metrics.pending_key(role, algorithm);
        Ok(key)
    }

    async fn find_pending(
        &self,
        gun: &Gun,
        role: ServerRole,
        algorithm: ServerKeyAlgorithm,
    ) -> Result<Option<PublicKey>, CustodyError> {
        self.note(self.keys.find_pending(gun, role, algorithm).await)
    }

    async fn find_key(
        &self,
        gun: &Gun,
        role: ServerRole,
        id: &KeyId,
    ) -> Result<Option<PublicKey>, CustodyError> {
        self.note(self.keys.find_key(gun, role, id).await)
    }

    async fn bind(&self, gun: &Gun, role: ServerRole, id: &KeyId) -> Result<bool, CustodyError> {
        self.note(self.keys.bind(gun, role, id).await)
    }

    async fn sign(
        &self,
        gun: &Gun,
        role: ServerRole,
        id: &KeyId,
        message: &[u8],
    ) -> Result<Option<KeySignature>, CustodyError> {
        self.note(self.keys.sign(gun, role, id, message).await)
    }

    async fn try_out(
        &self,
        gun: &Gun,
        role: ServerRole,
        id: &KeyId,
        message: &[u8],
    ) -> Result<Option<KeySignature>, CustodyError> {
        self.note(self.keys.try_out(gun, role, id, message).await)
    }

    /// Whoever looks whether keys can be reached tells of it in health.
    async fn check(&self) -> Result<(), CustodyError> {
        self.keys.check().await
    }
}
