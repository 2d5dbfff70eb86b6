//! Read: documents by name, by digest, by version.
//!
//! Source: server spec 1.4, 5.1, 6.3.

use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::names::{Gun, RoleName, Version};

use crate::{Document, Trust, TrustError};

impl Trust {
    /// The current document of a role: what the newest timestamp leads to. Timestamp and snapshot
    /// are signed again first when they have expired or are about to. `None`: there is none.
    ///
    /// # Errors
    /// [`TrustError`] when it could not be looked up, or not be signed.
    pub async fn current(
        &self,
        gun: &Gun,
        role: &RoleName,
    ) -> Result<Option<Document>, TrustError> {
        if let Some(found) = self.current_at_once(gun, role) {
            return Ok(Some(found));
        }
        let found = self.within_patience(self.find_current(gun, role)).await?;
        if found.is_some() {
            self.reads.note(gun);
        }
        Ok(found)
    }

    /// The same where nobody has to be waited for: the document is in memory, it is known that
    /// nothing was committed since it was the current one, and there is nothing to sign. `None`:
    /// that is not so, whether or not there is one.
    #[must_use]
    pub fn current_at_once(&self, gun: &Gun, role: &RoleName) -> Option<Document> {
        let found = self.find_at_once(gun, role)?;
        self.reads.note(gun);
        Some(found)
    }

    /// The same with nothing but a look at the database, where it was read before what the newest
    /// timestamp leads to: the way of nearly every read that cannot be answered at once, in a small
    /// future.
    ///
    /// # Errors
    /// [`TrustError`] when it could not be looked up.
    pub async fn current_by_lead(&self, gun: &Gun, role: &RoleName) -> Result<Led, TrustError> {
        if !self.memory.has_a_lead(gun) {
            return Ok(Led::Nowhere);
        }
        let looking = tokio::time::timeout(self.policy.patience, self.find_by_lead(gun, role));
        let led = looking.await.unwrap_or_else(|_| Err(self.too_slow()))?;
        if matches!(led, Led::To(_)) {
            self.reads.note(gun);
        }
        Ok(led)
    }

    async fn find_current(
        &self,
        gun: &Gun,
        role: &RoleName,
    ) -> Result<Option<Document>, TrustError> {
        match self.find_by_lead(gun, role).await? {
            Led::To(document) => return Ok(Some(document)),
            Led::ToNothing => return Ok(None),
            Led::Nowhere => {}
        }
        match role {
            RoleName::Timestamp => {
                Ok(self.load_fresh(gun).await?.map(|current| current.timestamp.into()))
            }
            RoleName::Snapshot => {
                Ok(self.load_fresh(gun).await?.map(|current| current.snapshot.into()))
            }
            RoleName::Delegation(_) | RoleName::Root | RoleName::Targets => {
                Ok(self.load_current_named(gun, role).await?.map(Document::from))
            }
        }
    }

    fn find_at_once(&self, gun: &Gun, role: &RoleName) -> Option<Document> {
        let timestamp = self.memory.unchanged_timestamp(gun)??;
        let lead = self.memory.lead(gun, timestamp.sha256)?;
        if is_signed_here(role) && !self.is_fresh(gun, &timestamp, &lead) {
            return None;
        }
        if *role == RoleName::Timestamp {
            return Some(timestamp.into());
        }
        self.memory.recall(gun, role, lead.sha256(role)?).map(Document::from)
    }

    /// The current document of a role where it is known what the newest timestamp leads to, and
    /// there is nothing to sign.
    async fn find_by_lead(&self, gun: &Gun, role: &RoleName) -> Result<Led, TrustError> {
        if matches!(role, RoleName::Delegation(_)) || !self.memory.keeps_anything() {
            return Ok(Led::Nowhere);
        }
        let Some(timestamp) = self.memory.newest_timestamp(gun).await? else {
            return Ok(Led::ToNothing);
        };
        let Some(lead) = self.memory.lead(gun, timestamp.sha256) else { return Ok(Led::Nowhere) };
        if is_signed_here(role) && !self.is_fresh(gun, &timestamp, &lead) {
            return Ok(Led::Nowhere);
        }
        if *role == RoleName::Timestamp {
            return Ok(Led::To(timestamp.into()));
        }
        let Some(sha256) = lead.sha256(role) else { return Ok(Led::Nowhere) };
        let found = self.memory.by_digest(gun, role, sha256).await?;
        Ok(found.map_or(Led::Nowhere, |found| Led::To(found.into())))
    }

    /// The document of a role with this digest. From memory where it is there: no query is made
    /// then, and it is served as well while the database is away.
    ///
    /// # Errors
    /// [`TrustError::Storage`] when it could not be looked up.
    pub async fn by_digest(
        &self,
        gun: &Gun,
        role: &RoleName,
        sha256: Sha256Digest,
    ) -> Result<Option<Document>, TrustError> {
        if let Some(found) = self.by_digest_at_once(gun, role, sha256) {
            return Ok(Some(found));
        }
        self.within_patience(async {
            Ok(self.memory.by_digest(gun, role, sha256).await?.map(Document::from))
        })
        .await
    }

    /// The same where it is in memory. `None`: it is not, whether or not there is one.
    #[must_use]
    pub fn by_digest_at_once(
        &self,
        gun: &Gun,
        role: &RoleName,
        sha256: Sha256Digest,
    ) -> Option<Document> {
        self.memory.recall(gun, role, sha256).map(Document::from)
    }

    /// The document of a role at this version.
    ///
    /// # Errors
    /// [`TrustError::Storage`] when it could not be looked up.
    pub async fn by_version(
        &self,
        gun: &Gun,
        role: &RoleName,
        version: Version,
    ) -> Result<Option<Document>, TrustError> {
        self.within_patience(async {
            Ok(self.store.by_version(gun, role, version).await?.map(Document::from))
        })
        .await
    }
}

/// Whether the server renews documents of this role when they are about to expire.
fn is_signed_here(role: &RoleName) -> bool {
    matches!(role, RoleName::Timestamp | RoleName::Snapshot)
}

/// Where the newest timestamp led.
#[derive(Clone, Debug)]
pub enum Led {
    /// To this document.
    To(Document),
    /// There is none, so nothing is published.
    ToNothing,
    /// It is not known yet, or something has to be done first.
    Nowhere,
}
