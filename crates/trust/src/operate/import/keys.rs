//! Sealed keys: opened to see whether they can sign, and moved as they are or sealed anew.

use countersign_custody::sealed::{KeyFlaw, Moved};
use countersign_storage::{ArchivedKey, KeyRecord, SealedKey, StorageError};
use futures_util::future::try_join_all;

use super::account::{Account, KeyTrouble, count};
use super::bindings::{Bindings, PAGE};
use super::{Destination, Import, Pass, Side, Stage, Step, source, target};
use crate::{KeyList, Standing};

/// How many keys are opened at once, and put in with one transaction.
const BATCH: usize = 64;

/// A key on its way.
struct OnItsWay {
    record: KeyRecord,
    /// As it was stored, but for its binding.
    row: SealedKey,
    /// As it has arrived earlier.
    there: Option<SealedKey>,
}

impl Import<'_> {
    pub(super) async fn move_keys(
        &self,
        bindings: &Bindings,
        pass: Pass,
        account: &mut Account,
    ) -> Step {
        let stage = match pass {
            Pass::First => Stage::Keys,
            Pass::Second => Stage::ChangedKeys,
        };
        self.watch.begin(stage, Some(bindings.keys));
        let mut list = KeyList::new(self.source.catalogue, self.source.metadata, None);
        let mut batch = Vec::new();
        while let Some(listed) = source(list.next().await)? {
            self.go_on()?;
            self.watch.advance();
            let is_named = matches!(listed.standing, Standing::Named)
                || bindings.is_bound(&listed.record.key_id);
            if pass == Pass::First && !is_named {
                count(&mut account.keys_unnamed);
            }
            let Some(key) = self.fetch(listed.record, bindings, pass, account).await? else {
                continue;
            };
            batch.push(key);
            if batch.len() >= BATCH {
                self.move_batch(std::mem::take(&mut batch), pass, account).await?;
            }
        }
        self.move_batch(batch, pass, account).await
    }

    /// Takes out of the target what was deleted in the source after it had been moved.
    pub(super) async fn remove_deleted_keys(&self, side: Side<'_>, account: &mut Account) -> Step {
        let mut last: Option<KeyRecord> = None;
        loop {
            let page = target(side.catalogue.records(None, last.as_ref(), PAGE).await)?;
            let Some(end) = page.last() else { return Ok(()) };
            last = Some(end.clone());
            for record in page {
                self.go_on()?;
                let id = record.key_id.as_str();
                if source(self.source.key_archive.is_marked_deleted(id).await)? {
                    target(side.key_archive.remove_key(id).await)?;
                    count(&mut account.keys_removed);
                }
            }
        }
    }

    /// The key's row, and what the target has of it; `None` when the row is gone or unreadable.
    async fn fetch(
        &self,
        record: KeyRecord,
        bindings: &Bindings,
        pass: Pass,
        account: &mut Account,
    ) -> Step<Option<OnItsWay>> {
        let row = match self.source.keys.by_id(&record.key_id).await {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(None),
            Err(damaged @ StorageError::Corrupt { .. }) => {
                if pass == Pass::First {
                    let flaw = KeyFlaw::Unusable(damaged.to_string());
                    account.key_troubles.push(trouble(&record, flaw));
                }
                return Ok(None);
            }
            Err(other) => return source(Err(other)),
        };
        let there = match self.target() {
            Some(side) => target(side.keys.by_id(&row.key_id).await)?,
            None => None,
        };
        Ok(Some(OnItsWay { record, row: bindings.bind(row), there }))
    }

    async fn move_batch(&self, batch: Vec<OnItsWay>, pass: Pass, account: &mut Account) -> Step {
        let moved = try_join_all(batch.iter().map(|key| self.arrive(key, pass))).await?;
        let mut changed = Vec::new();
        for (key, Moved { key: arrived, flaw }) in batch.into_iter().zip(moved) {
            if let Some(flaw) = flaw {
                let trouble = trouble(&key.record, flaw);
                if pass == Pass::First || !account.key_troubles.contains(&trouble) {
                    account.key_troubles.push(trouble);
                }
            }
            if key.there.as_ref() == Some(&arrived) {
                if pass == Pass::First {
                    count(&mut account.keys_unchanged);
                }
                continue;
            }
            count(&mut account.keys);
            changed.push(ArchivedKey { key: arrived, created_at: key.record.created_at });
        }
        match self.destination {
            Destination::Store(side) if !changed.is_empty() => {
                target(side.key_archive.put_keys_unjudged(&changed).await)
            }
            Destination::Store(_) | Destination::Nowhere(_) => Ok(()),
        }
    }

    /// The first pass of each run looks into every key, so that its report is whole; the second
    /// only into what changed.
    async fn arrive(&self, key: &OnItsWay, pass: Pass) -> Step<Moved> {
        let kept = key.there.as_ref().and_then(|there| self.mover.kept(&key.row, there));
        match (kept, pass) {
            (Some(key), Pass::Second) => Ok(Moved { key, flaw: None }),
            (Some(kept), Pass::First) => Ok(self.mover.look_into(kept).await?),
            (None, _) => Ok(self.mover.look_into(key.row.clone()).await?),
        }
    }
}

fn trouble(record: &KeyRecord, flaw: KeyFlaw) -> KeyTrouble {
    KeyTrouble {
        key_id: record.key_id.clone(),
        gun: record.gun.clone(),
        role: record.role.clone(),
        flaw,
    }
}
