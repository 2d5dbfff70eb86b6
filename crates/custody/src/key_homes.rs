//! Keys in several homes at once: new ones go where the plan says, old ones are found wherever
//! they are.
//!
//! A key that is in none of the homes is `None` only if every home could be asked: a home that is
//! away never makes a key look lost, since a lost key leads to a new one.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use countersign_tuf::keys::{KeyId, PublicKey, ServerKeyAlgorithm};
use countersign_tuf::names::{Gun, ServerRole};
use thiserror::Error;

use crate::key_plan::{Home, KeyPlan};
use crate::known_homes::KnownHomes;
use crate::{Custody, CustodyError, KeySignature};

/// The homes of keys, and which of them new keys go to.
pub struct KeyHomes {
    plan: Arc<KeyPlan>,
    homes: Vec<(Home, Arc<dyn Custody>)>,
    known: KnownHomes,
}

/// A plan sends keys to a home that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("new keys are to go to the home {0}, which is not configured")]
pub struct NoSuchHome(pub Home);

impl KeyHomes {
    /// Custody over `homes`. Of two for one home the first counts.
    ///
    /// # Errors
    /// [`NoSuchHome`] when the plan names one that is not among them.
    pub fn new(
        plan: Arc<KeyPlan>,
        homes: Vec<(Home, Arc<dyn Custody>)>,
    ) -> Result<Self, NoSuchHome> {
        let is_there = |wanted: Home| homes.iter().any(|(home, _)| *home == wanted);
        if let Some(missing) = plan.homes().find(|wanted| !is_there(*wanted)) {
            return Err(NoSuchHome(missing));
        }
        Ok(Self { plan, homes, known: KnownHomes::default() })
    }

    /// The custody of one home, if it is there.
    #[must_use]
    pub fn home(&self, wanted: Home) -> Option<&Arc<dyn Custody>> {
        self.homes.iter().find(|(home, _)| *home == wanted).map(|(_, custody)| custody)
    }

    /// As [`Custody::try_out`], with the home that the key lives in.
    ///
    /// # Errors
    /// As [`Custody::sign`].
    pub async fn try_out_where_it_is(
        &self,
        gun: &Gun,
        role: ServerRole,
        id: &KeyId,
        message: &[u8],
    ) -> Result<Option<(Home, KeySignature)>, CustodyError> {
        let mut asked = Asked::nobody(self, id);
        for (home, custody) in self.order(gun, role, id) {
            let answer = custody.try_out(gun, role, id, message).await;
            if let Some(signature) = asked.note(home, answer) {
                return Ok(Some((home, signature)));
            }
        }
        asked.in_vain().map(|()| None)
    }

    async fn find_where_it_is(
        &self,
        gun: &Gun,
        role: ServerRole,
        id: &KeyId,
    ) -> Result<Option<PublicKey>, CustodyError> {
        let mut asked = Asked::nobody(self, id);
        for (home, custody) in self.order(gun, role, id) {
            let answer = custody.find_key(gun, role, id).await;
            if let Some(key) = asked.note(home, answer) {
                return Ok(Some(key));
            }
        }
        asked.in_vain().map(|()| None)
    }

    async fn sign_where_it_is(
        &self,
        gun: &Gun,
        role: ServerRole,
        id: &KeyId,
        message: &[u8],
    ) -> Result<Option<KeySignature>, CustodyError> {
        let mut asked = Asked::nobody(self, id);
        for (home, custody) in self.order(gun, role, id) {
            let answer = custody.sign(gun, role, id, message).await;
            if let Some(signature) = asked.note(home, answer) {
                return Ok(Some(signature));
            }
        }
        asked.in_vain().map(|()| None)
    }

    /// Where a new key of this GUN and role goes.
    fn planned(&self, gun: &Gun, role: ServerRole) -> Result<&Arc<dyn Custody>, CustodyError> {
        let home = self.plan.choose(gun, role).home;
        self.home(home).ok_or_else(|| CustodyError::Other(NoSuchHome(home).to_string()))
    }

    /// All homes, in the order in which they are asked for a key: where it was found last, where
    /// new ones of its GUN and role go, then the others.
    fn order(&self, gun: &Gun, role: ServerRole, id: &KeyId) -> Vec<(Home, Arc<dyn Custody>)> {
        let (last, planned) = (self.known.of(id), self.plan.choose(gun, role).home);
        let mut order = self.homes.clone();
        // Stable: the others stay as they came.
        order.sort_by_key(|(home, _)| (last != Some(*home), *home != planned));
        order
    }
}

/// What several homes answered so far about one key.
struct Asked<'a> {
    id: &'a KeyId,
    known: &'a KnownHomes,
    failure: Option<CustodyError>,
}

impl<'a> Asked<'a> {
    fn nobody(homes: &'a KeyHomes, id: &'a KeyId) -> Self {
        Self { id, known: &homes.known, failure: None }
    }

    /// What `home` found, if it found it.
    fn note<T>(&mut self, home: Home, answer: Result<Option<T>, CustodyError>) -> Option<T> {
        let error = match answer {
            Ok(Some(found)) => {
                self.known.note(self.id, home);
                return Some(found);
            }
            Ok(None) => return None,
            Err(error) => error,
        };
        tracing::debug!(%home, key_id = %self.id, %error, "a home of keys failed");
        self.failure = Some(match self.failure.take() {
            // While one home is away nothing is known for good: trying again can help.
            Some(away @ CustodyError::Unavailable { .. }) => away,
            Some(other) if !matches!(error, CustodyError::Unavailable { .. }) => other,
            Some(_) | None => error,
        });
        None
    }

    /// What is known once every home was asked and none had the key.
    fn in_vain(self) -> Result<(), CustodyError> {
        self.failure.map_or(Ok(()), Err)
    }
}

#[async_trait]
impl Custody for KeyHomes {
    async fn pending_key(
        &self,
        gun: &Gun,
        role: ServerRole,
        algorithm: ServerKeyAlgorithm,
    ) -> Result<PublicKey, CustodyError> {
        self.planned(gun, role)?.pending_key(gun, role, algorithm).await
    }

    async fn make_pending(
        &self,
        gun: &Gun,
        role: ServerRole,
        algorithm: ServerKeyAlgorithm,
    ) -> Result<PublicKey, CustodyError> {
        self.planned(gun, role)?.make_pending(gun, role, algorithm).await
    }

    async fn find_pending(
        &self,
        gun: &Gun,
        role: ServerRole,
        algorithm: ServerKeyAlgorithm,
    ) -> Result<Option<PublicKey>, CustodyError> {
        self.planned(gun, role)?.find_pending(gun, role, algorithm).await
    }

    async fn find_key(
        &self,
        gun: &Gun,
        role: ServerRole,
        id: &KeyId,
    ) -> Result<Option<PublicKey>, CustodyError> {
        match self.find_where_it_is(gun, role, id).await {
            // One that moved meanwhile is where it was not asked for any more.
            Err(CustodyError::BadKey { .. }) => self.find_where_it_is(gun, role, id).await,
            other => other,
        }
    }

    async fn bind(&self, gun: &Gun, role: ServerRole, id: &KeyId) -> Result<bool, CustodyError> {
        let mut asked = Asked::nobody(self, id);
        for (home, custody) in self.order(gun, role, id) {
            let answer = custody.bind(gun, role, id).await;
            if asked.note(home, answer.map(|bound| bound.then_some(()))).is_some() {
                return Ok(true);
            }
        }
        asked.in_vain().map(|()| false)
    }

    async fn sign(
        &self,
        gun: &Gun,
        role: ServerRole,
        id: &KeyId,
        message: &[u8],
    ) -> Result<Option<KeySignature>, CustodyError> {
        match self.sign_where_it_is(gun, role, id, message).await {
            Err(CustodyError::BadKey { .. }) => self.sign_where_it_is(gun, role, id, message).await,
            other => other,
        }
    }

    async fn try_out(
        &self,
        gun: &Gun,
        role: ServerRole,
        id: &KeyId,
        message: &[u8],
    ) -> Result<Option<KeySignature>, CustodyError> {
        let found = self.try_out_where_it_is(gun, role, id, message).await?;
        Ok(found.map(|(_, signature)| signature))
    }

    /// All homes: the keys of each are in use.
    async fn check(&self) -> Result<(), CustodyError> {
        for (_, custody) in &self.homes {
            custody.check().await?;
        }
        Ok(())
    }
}

impl fmt::Debug for KeyHomes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let homes: Vec<Home> = self.homes.iter().map(|(home, _)| *home).collect();
        f.debug_struct("KeyHomes")
            .field("plan", &self.plan)
            .field("homes", &homes)
            .finish_non_exhaustive()
    }
}
