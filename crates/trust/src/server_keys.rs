//! The public halves of the server's keys, and new ones on request.
//!
//! Source: server spec 5.2; contract section 3 (pending keys, keys that custody does not find).

use countersign_tuf::keys::PublicKey;
use countersign_tuf::metadata::Root;
use countersign_tuf::names::{Gun, RoleName, ServerRole};
use countersign_tuf::verify::{RoleKeys, Unverified};

use crate::{Trust, TrustError};

impl Trust {
    /// The key that a publisher is to name in the root for this role: the one that the current
    /// root names, else a pending one. One that the root names and custody does not find is
    /// answered all the same: a lost key must never look like a new one.
    ///
    /// # Errors
    /// [`TrustError`] when keys or root could not be looked up.
    pub async fn key(&self, gun: &Gun, role: ServerRole) -> Result<PublicKey, TrustError> {
        match self.existing_key(gun, role).await? {
            Some(key) => Ok(key),
            None => self.rotate_key(gun, role).await,
        }
    }

    /// What [`Trust::key`] answers if it need not make a key.
    ///
    /// # Errors
    /// [`TrustError`] when keys or root could not be looked up.
    pub async fn existing_key(
        &self,
        gun: &Gun,
        role: ServerRole,
    ) -> Result<Option<PublicKey>, TrustError> {
        self.within_patience(self.find_existing_key(gun, role)).await
    }

    async fn find_existing_key(
        &self,
        gun: &Gun,
        role: ServerRole,
    ) -> Result<Option<PublicKey>, TrustError> {
        let Some(named) = self.named_keys(gun, role).await? else {
            return self.find_pending_key(gun, role).await;
        };
        for id in named.keys.keys() {
            if let Some(key) = self.custody.find_key(gun, role, id).await? {
                return Ok(Some(key));
            }
        }
        match named.keys.into_values().next() {
            Some(key) => Ok(Some(key)),
            None => self.find_pending_key(gun, role).await,
        }
    }

    /// What [`Trust::rotate_key`] answers if it need not make a key.
    ///
    /// # Errors
    /// [`TrustError::Custody`] when keys could not be looked up; [`TrustError::ReadOnly`].
    pub async fn pending_key(
        &self,
        gun: &Gun,
        role: ServerRole,
    ) -> Result<Option<PublicKey>, TrustError> {
        self.refuse_if_read_only()?;
        self.within_patience(self.find_pending_key(gun, role)).await
    }

    async fn find_pending_key(
        &self,
        gun: &Gun,
        role: ServerRole,
    ) -> Result<Option<PublicKey>, TrustError> {
        let algorithm = self.policy.key_plan.choose(gun, role).algorithm;
        Ok(self.custody.find_pending(gun, role, algorithm).await?)
    }

    /// A pending key for this role: one that has not signed yet. Nothing else changes until a
    /// root that names it is published.
    ///
    /// # Errors
    /// [`TrustError::Custody`] when none could be made; [`TrustError::ReadOnly`].
    pub async fn rotate_key(&self, gun: &Gun, role: ServerRole) -> Result<PublicKey, TrustError> {
        self.refuse_if_read_only()?;
        let algorithm = self.policy.key_plan.choose(gun, role).algorithm;
        self.within_patience(async { Ok(self.custody.pending_key(gun, role, algorithm).await?) })
            .await
    }

    /// What [`Trust::rotate_key`] answers, for whoever has just been told by
    /// [`Trust::existing_key`] or [`Trust::pending_key`] that there is none.
    ///
    /// # Errors
    /// As [`Trust::rotate_key`].
    pub async fn make_key(&self, gun: &Gun, role: ServerRole) -> Result<PublicKey, TrustError> {
        self.refuse_if_read_only()?;
        let algorithm = self.policy.key_plan.choose(gun, role).algorithm;
        self.within_patience(async { Ok(self.custody.make_pending(gun, role, algorithm).await?) })
            .await
    }

    /// The keys that the current root names for a role. `None`: there is no root.
    async fn named_keys(
        &self,
        gun: &Gun,
        role: ServerRole,
    ) -> Result<Option<RoleKeys>, TrustError> {
        let Some(current) = self.load_current(gun).await? else { return Ok(None) };
        let root = self.load_named(gun, &current.snapshot_content, &RoleName::Root).await?;
        let Some(root) = root else { return Ok(None) };
        // Verified when it was stored. A root whose certificates have expired since still says
        // which keys are in use.
        let content = Unverified::<Root>::parse(RoleName::Root, root.bytes)
            .and_then(|root| root.read_untrusted())
            .map_err(|reason| TrustError::StoredInvalid { role: RoleName::Root, reason })?;
        Ok(Some(content.role_keys(&role.name())))
    }
}
