//! Several homes of keys, as a notary-signer is asked for them: by the IDs of keys alone.

use std::sync::Arc;

use async_trait::async_trait;
use countersign_tuf::keys::{KeyId, PublicKey, ServerKeyAlgorithm};
use countersign_tuf::names::{Gun, ServerRole};

use crate::key_homes::{KeyHomes, NoSuchHome};
use crate::key_plan::{Home, KeyPlan};
use crate::{Custody, CustodyError, KeySignature, KeysById, KnownKey, Purpose, SignatureById};

/// The homes. New keys go where the plan says.
pub struct HomesById {
    homes: KeyHomes,
    by_id: Vec<Arc<dyn KeysById>>,
}

impl HomesById {
    /// Custody over `homes`, which are asked in this order.
    ///
    /// # Errors
    /// [`NoSuchHome`] when the plan names one that is not among them.
    pub fn new(
        plan: Arc<KeyPlan>,
        homes: Vec<(Home, Arc<dyn KeysById>)>,
    ) -> Result<Self, NoSuchHome> {
        let by_id = homes.iter().map(|(_, custody)| Arc::clone(custody)).collect();
        let homes = homes.into_iter().map(|(home, custody)| (home, custody as Arc<dyn Custody>));
        Ok(Self { homes: KeyHomes::new(plan, homes.collect())?, by_id })
    }

    async fn find(&self, id: &KeyId) -> Result<Option<KnownKey>, CustodyError> {
        let mut asked = Asked::default();
        for keys in &self.by_id {
            if let Some(found) = asked.note(keys.key_by_id(id).await) {
                return Ok(Some(found));
            }
        }
        asked.in_vain()
    }

    async fn sign_where_it_is(
        &self,
        id: &KeyId,
        purpose: Option<Purpose<'_>>,
        message: &[u8],
    ) -> Result<Option<SignatureById>, CustodyError> {
        let mut asked = Asked::default();
        for keys in &self.by_id {
            if let Some(found) = asked.note(keys.sign_by_id(id, purpose, message).await) {
                return Ok(Some(found));
            }
        }
        asked.in_vain()
    }
}

/// What homes said so far that have it not. That none has it is known only if all could be asked.
#[derive(Default)]
struct Asked {
    failure: Option<CustodyError>,
}

impl Asked {
    fn note<T>(&mut self, answer: Result<Option<T>, CustodyError>) -> Option<T> {
        match answer {
            Ok(found) => found,
            Err(error) => {
                // What can be mended by waiting comes before what cannot: more may be known then.
                let is_away = matches!(error, CustodyError::Unavailable { .. });
                if is_away || self.failure.is_none() {
                    self.failure = Some(error);
                }
                None
            }
        }
    }

    fn in_vain<T>(self) -> Result<Option<T>, CustodyError> {
        self.failure.map_or(Ok(None), Err)
    }
}

#[async_trait]
impl KeysById for HomesById {
    async fn key_by_id(&self, id: &KeyId) -> Result<Option<KnownKey>, CustodyError> {
        match self.find(id).await {
            // One that moved meanwhile is where it was not asked for any more.
            Err(CustodyError::BadKey { .. }) => self.find(id).await,
            other => other,
        }
    }

    async fn sign_by_id(
        &self,
        id: &KeyId,
        purpose: Option<Purpose<'_>>,
        message: &[u8],
    ) -> Result<Option<SignatureById>, CustodyError> {
        match self.sign_where_it_is(id, purpose, message).await {
            Err(CustodyError::BadKey { .. }) => self.sign_where_it_is(id, purpose, message).await,
            other => other,
        }
    }

    fn forget(&self, id: &KeyId) {
        for keys in &self.by_id {
            keys.forget(id);
        }
    }
}

#[async_trait]
impl Custody for HomesById {
    async fn pending_key(
        &self,
        gun: &Gun,
        role: ServerRole,
        algorithm: ServerKeyAlgorithm,
    ) -> Result<PublicKey, CustodyError> {
        self.homes.pending_key(gun, role, algorithm).await
    }

    async fn make_pending(
        &self,
        gun: &Gun,
        role: ServerRole,
        algorithm: ServerKeyAlgorithm,
    ) -> Result<PublicKey, CustodyError> {
        self.homes.make_pending(gun, role, algorithm).await
    }

    async fn find_pending(
        &self,
        gun: &Gun,
        role: ServerRole,
        algorithm: ServerKeyAlgorithm,
    ) -> Result<Option<PublicKey>, CustodyError> {
        self.homes.find_pending(gun, role, algorithm).await
    }

    async fn find_key(
        &self,
        gun: &Gun,
        role: ServerRole,
        id: &KeyId,
    ) -> Result<Option<PublicKey>, CustodyError> {
        self.homes.find_key(gun, role, id).await
    }

    async fn bind(&self, gun: &Gun, role: ServerRole, id: &KeyId) -> Result<bool, CustodyError> {
        self.homes.bind(gun, role, id).await
    }

    async fn sign(
        &self,
        gun: &Gun,
        role: ServerRole,
        id: &KeyId,
        message: &[u8],
    ) -> Result<Option<KeySignature>, CustodyError> {
        self.homes.sign(gun, role, id, message).await
    }

    async fn try_out(
        &self,
        gun: &Gun,
        role: ServerRole,
        id: &KeyId,
        message: &[u8],
    ) -> Result<Option<KeySignature>, CustodyError> {
        self.homes.try_out(gun, role, id, message).await
    }

    async fn check(&self) -> Result<(), CustodyError> {
        self.homes.check().await
    }
}
