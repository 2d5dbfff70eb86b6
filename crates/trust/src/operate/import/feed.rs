//! The changefeed: what the target has must be the source's; what it lacks is put in, numbers,
//! dates and order as they are.

use std::collections::BTreeMap;

use countersign_storage::{Change, ChangeRange, MetadataStore, StorageError};

use super::account::{Account, count};
use super::{Import, ImportError, Side, Stage, Step, source, target};

/// How many changes are read at a time.
const PAGE: u32 = 1_000;

/// Some changes of the source.
pub(super) struct Page {
    pub(super) changes: Vec<Change>,
    /// Where to go on. `i64::MAX` at the end.
    pub(super) end: i64,
}

impl Import<'_> {
    /// Passes a target that holds nothing but the source's changes.
    pub(super) async fn refuse_foreign_changes(&self) -> Step {
        let Some(side) = self.target() else { return Ok(()) };
        let (mut after, mut nothing) = (0, Account::default());
        loop {
            self.go_on()?;
            let page = target(changes(side.metadata, after, PAGE).await)?;
            let (Some(first), Some(last)) = (page.first(), page.last()) else { return Ok(()) };
            let known = self.source_changes(first.id, last.id, &mut nothing).await?;
            let is_known = |change: &&Change| {
                known.get(&change.id).is_some_and(|found| is_same(found, change))
            };
            if let Some(Change { id, gun, .. }) = page.iter().find(|change| !is_known(change)) {
                return Err(ImportError::Foreign { id: *id, gun: gun.clone() }.into());
            }
            after = last.id;
        }
    }

    /// Puts in what the target lacks of the changes up to `until`.
    pub(super) async fn move_changes(
        &self,
        side: Side<'_>,
        until: i64,
        account: &mut Account,
    ) -> Step {
        self.watch.begin(Stage::Changes, None);
        account.changes_left_out.clear();
        let mut after = 0;
        while after < until {
            self.go_on()?;
            let page = self.read_changes(after, account).await?;
            let missing = lacking(side.metadata, after, &page, until).await?;
            if !missing.is_empty() {
                target(side.archive.put_changes_unannounced(&missing).await)?;
            }
            for _ in &missing {
                count(&mut account.changes);
                self.watch.advance();
            }
            after = page.end;
        }
        Ok(())
    }

    /// The source's changes with numbers from `first` to `last`.
    async fn source_changes(
        &self,
        first: i64,
        last: i64,
        account: &mut Account,
    ) -> Step<BTreeMap<i64, Change>> {
        let (mut after, mut found) = (first.saturating_sub(1), BTreeMap::new());
        while after < last {
            let page = self.read_changes(after, account).await?;
            after = page.end;
            found.extend(page.changes.into_iter().map(|change| (change.id, change)));
        }
        Ok(found)
    }

    /// The next changes of the source. Rows that cannot be read are noted and passed over.
    pub(super) async fn read_changes(&self, after: i64, account: &mut Account) -> Step<Page> {
        match changes(self.source.metadata, after, PAGE).await {
            Ok(changes) => {
                let is_last = changes.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
                let end = if is_last { None } else { changes.last().map(|change| change.id) };
                Ok(Page { changes, end: end.unwrap_or(i64::MAX) })
            }
            Err(StorageError::Corrupt { .. }) => self.read_changes_singly(after, account).await,
            Err(other) => source(Err(other)),
        }
    }

    async fn read_changes_singly(&self, mut after: i64, account: &mut Account) -> Step<Page> {
        let mut read = Vec::new();
        for _ in 0..PAGE {
            match changes(self.source.metadata, after, 1).await {
                Ok(mut page) => match page.pop() {
                    Some(change) => {
                        after = change.id;
                        read.push(change);
                    }
                    None => return Ok(Page { changes: read, end: i64::MAX }),
                },
                Err(damaged @ StorageError::Corrupt { .. }) => {
                    let StorageError::Corrupt { row, .. } = &damaged else { break };
                    let Some(id) = row.parse().ok().filter(|id| *id > after) else {
                        return source(Err(damaged));
                    };
                    after = id;
                    account.changes_left_out.push(damaged.to_string());
                }
                Err(other) => return source(Err(other)),
            }
        }
        Ok(Page { changes: read, end: after })
    }
}

async fn changes(
    store: &dyn MetadataStore,
    after: i64,
    limit: u32,
) -> Result<Vec<Change>, StorageError> {
    store.changes(None, ChangeRange::After { id: after, limit }).await
}

/// Those of `page` up to `until` that the target has not; the page begins behind `after`.
async fn lacking(
    store: &dyn MetadataStore,
    after: i64,
    page: &Page,
    until: i64,
) -> Step<Vec<Change>> {
    let mut missing: BTreeMap<i64, &Change> = page
        .changes
        .iter()
        .filter(|change| change.id <= until)
        .map(|change| (change.id, change))
        .collect();
    let last = missing.last_key_value().map_or(after, |(id, _)| *id);
    let mut at = after;
    while at < last {
        let there = target(changes(store, at, PAGE).await)?;
        at = there.last().map_or(i64::MAX, |change| change.id);
        for change in there {
            missing.remove(&change.id);
        }
    }
    Ok(missing.into_values().cloned().collect())
}

/// Whether two changes tell the same. Their dates may differ in how finely they are kept.
fn is_same(one: &Change, other: &Change) -> bool {
    (&one.gun, one.version, &one.sha256, one.category)
        == (&other.gun, other.version, &other.sha256, other.category)
}
