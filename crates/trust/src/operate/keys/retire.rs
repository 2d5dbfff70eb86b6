//! Letting go of a key, so that nobody can sign with it any more.
//!
//! Beside servers: a publish that is under way may be about to name the key. So it is looked again
//! afterwards, and what was needed after all is brought back.

use chrono::{DateTime, Duration, Utc};
use countersign_storage::{Inventory, KeyStore, KeyUpkeep, RetiredKey, SealedKey, StorageResult};
use thiserror::Error;

use super::stored_roots::StoredRoots;

/// Where keys and roots are.
#[derive(Clone, Copy)]
pub struct Retiring<'a> {
    /// The keys.
    pub keys: &'a dyn KeyStore,
    /// How they go.
    pub upkeep: &'a dyn KeyUpkeep,
    /// The roots.
    pub inventory: &'a dyn Inventory,
    /// Whether those are all.
    pub roots: RootsOf,
}

/// Which roots may name the keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RootsOf {
    /// Those that are stored beside the keys. Where nothing is stored, as with a signer, it is not
    /// known which keys are named, and those that have signed stay.
    #[default]
    ThisServer,
    /// Those of servers elsewhere; whoever asks knows that they do not name the keys.
    OtherServers,
}

/// A key that was let go of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retired {
    /// Its ID.
    pub key_id: String,
    /// The GUN it was made for.
    pub gun: String,
    /// The role it was made for.
    pub role: String,
}

/// Why a key stays.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Kept {
    /// There is none of this ID, or it was let go of before.
    #[error("there is no such key, or it is retired already")]
    NoSuchKey,
    /// The current root names it: without it nothing of the GUN can be signed.
    #[error("the current root of {gun} (version {version}) names it: rotate it first")]
    Named {
        /// The GUN.
        gun: String,
        /// The version of its current root.
        version: i32,
    },
    /// It was to be brought back, and is not retired.
    #[error("there is no retired key of this ID")]
    NotRetired,
    /// It has signed, and nothing is stored here that could say whether a root names it.
    #[error(
        "it has signed, and no root is stored here to say whether one names it, as on a signer's \
         database: look at its servers, and if none names it give --roots-elsewhere"
    )]
    RootsElsewhere,
    /// A publish took it into use just now; it is as it was.
    #[error("it was taken into use just now")]
    TakenIntoUse,
    /// It belongs to no GUN yet.
    #[error("it names no GUN or no role, so any root may name it: publish under it first")]
    Unbound,
    /// The roots cannot be read.
    #[error("a root of {gun} cannot be read, so it is not known whether that names it")]
    UnreadableRoot {
        /// The GUN.
        gun: String,
    },
}

impl Retiring<'_> {
    /// Lets go of a key that the current root of its GUN does not name.
    ///
    /// # Errors
    /// When a store does not answer; then it is not known whether the key is retired.
    pub async fn retire(
        &self,
        key_id: &str,
        now: DateTime<Utc>,
    ) -> StorageResult<Result<Retired, Kept>> {
        let row = match self.judge(key_id).await? {
            Ok(row) => row,
            Err(kept) => return Ok(Err(kept)),
        };
        self.retire_judged(&row, now).await
    }

    /// The key, if the current root of its GUN does not name it. Changes nothing.
    ///
    /// # Errors
    /// When a store does not answer.
    pub async fn judge(&self, key_id: &str) -> StorageResult<Result<SealedKey, Kept>> {
        let found = self.keys.by_id(key_id).await?.filter(|row| row.key_id == key_id);
        let Some(row) = found else { return Ok(Err(Kept::NoSuchKey)) };
        if row.gun.is_empty() || row.role.is_empty() {
            return Ok(Err(Kept::Unbound));
        }
        Ok(self.judge_roots(&row).await?.map(|()| row))
    }

    async fn judge_roots(&self, row: &SealedKey) -> StorageResult<Result<(), Kept>> {
        let roots = StoredRoots::of(self.inventory, &row.gun).await?;
        let gun = row.gun.clone();
        let needs_roots = self.roots == RootsOf::ThisServer && row.last_used.is_some();
        if needs_roots && roots.current().is_none() && self.stores_nothing().await? {
            return Ok(Err(Kept::RootsElsewhere));
        }
        Ok(match roots.names_now(&row.key_id) {
            Some(false) => Ok(()),
            Some(true) => Err(Kept::Named { gun, version: roots.current().unwrap_or_default() }),
            None => Err(Kept::UnreadableRoot { gun }),
        })
    }

    async fn stores_nothing(&self) -> StorageResult<bool> {
        Ok(self.inventory.guns(None, 1).await?.is_empty())
    }

    /// Lets go of a key that [`Retiring::judge`] gave. Taken into use since, it stays.
    ///
    /// # Errors
    /// As [`Retiring::retire`].
    pub async fn retire_judged(
        &self,
        row: &SealedKey,
        now: DateTime<Utc>,
    ) -> StorageResult<Result<Retired, Kept>> {
        if !self.upkeep.retire(&row.key_id, now).await? {
            return Ok(Err(Kept::NoSuchKey));
        }
        // A publish that had its signature before now comes to its end with it: the first
        // signature of a key is noted before it is handed out.
        let has_signed = match self.find_retired(&row.key_id, now).await? {
            Some(retired) => retired.record.last_used != row.last_used,
            None => false,
        };
        let is_named = self.judge_roots(row).await?.is_err();
        if has_signed || is_named {
            self.upkeep.bring_back(&row.key_id, now).await?;
            return Ok(Err(Kept::TakenIntoUse));
        }
        let SealedKey { key_id, gun, role, .. } = row.clone();
        tracing::info!(key_id, gun, role, "a server key is retired: it signs nothing any more");
        Ok(Ok(Retired { key_id, gun, role }))
    }

    /// A key that was let go of before.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn find_retired(
        &self,
        key_id: &str,
        now: DateTime<Utc>,
    ) -> StorageResult<Option<RetiredKey>> {
        // What begins with all but the last digit comes just after these digits alone.
        let mut after = key_id.to_owned();
        after.pop();
        let (later, most) = (now + Duration::days(1), 32);
        let found = self.upkeep.retired(later, Some(&after), most).await?;
        Ok(found.into_iter().find(|retired| retired.record.key_id == key_id))
    }
}
