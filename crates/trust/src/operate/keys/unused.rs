//! Keys that were made for a publish that never came: let go of after a long time.
//!
//! Whoever asks for the key of a collection that is not there yet leaves one behind. A root that
//! names such a key later is answered as one whose key is missing, and its publisher asks again.
//!
//! Source: contract section 3 (pending keys).

use chrono::{DateTime, Duration, Utc};
use countersign_storage::{KeyRecord, Removal, SealedKey, StorageResult};

use super::retire::Retiring;
use super::stored_roots::StoredRoots;

/// How many keys are looked at by one query.
const PAGE: u32 = 500;

/// The keys that were made and never used.
#[derive(Clone, Copy)]
pub struct UnusedKeys<'a> {
    /// Where keys and roots are.
    pub among: Retiring<'a>,
    /// For how long a key may wait for its first signature.
    pub waited_for: Duration,
}

/// What became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// How many were let go of, or would have been.
    pub retired: u64,
}

impl UnusedKeys<'_> {
    /// Lets go of the keys that have waited for longer and that no stored root names. A key that
    /// names no GUN, or does not say when it was made, stays.
    ///
    /// # Errors
    /// When a store does not answer; what was let go of until then stays so.
    pub async fn collect(&self, removal: Removal, now: DateTime<Utc>) -> StorageResult<Collected> {
        let mut collected = Collected::default();
        let mut last: Option<String> = None;
        loop {
            let before = now - self.waited_for;
            let page = self.among.upkeep.pending_since(before, last.as_deref(), PAGE).await?;
            let Some(end) = page.last() else { return Ok(collected) };
            last = Some(end.key_id.clone());
            for record in page {
                if self.collect_one(&record, removal, now).await? {
                    collected.retired = collected.retired.saturating_add(1);
                }
            }
        }
    }

    async fn collect_one(
        &self,
        record: &KeyRecord,
        removal: Removal,
        now: DateTime<Utc>,
    ) -> StorageResult<bool> {
        if record.gun.is_empty() || record.role.is_empty() || record.created_at.is_none() {
            return Ok(false);
        }
        // Whatever its version: an old root that is put back would need it.
        let roots = StoredRoots::of(self.among.inventory, &record.gun).await?;
        if roots.ever_named(&record.key_id) != Some(false) {
            return Ok(false);
        }
        let found = self.among.keys.by_id(&record.key_id).await?;
        let waits = |row: &SealedKey| row.key_id == record.key_id && row.last_used.is_none();
        let Some(row) = found.filter(waits) else { return Ok(false) };
        match removal {
            Removal::Rehearsed => Ok(true),
            Removal::Real => Ok(self.among.retire_judged(&row, now).await?.is_ok()),
        }
    }
}
