//! Repositories, one after another: judged as a whole, then put in with the timestamps last, so
//! that whoever reads the target meanwhile finds a whole one or none.

use std::collections::BTreeMap;

use countersign_storage::{
    ArchivedDocument, ChangeRange, StorageError, StorageResult, VersionRecord,
};
use countersign_tuf::names::{Gun, RoleName, Version};

use super::account::{Account, count};
use super::bindings::{Bindings, PAGE};
use super::{Destination, Import, Pass, Side, Stage, Step, source, target};
use crate::operate::check::Judged;
use crate::operate::{Checker, HeldKeys, Sources};

/// How many documents, and how many of their bytes, go into one transaction.
const BATCH_DOCUMENTS: usize = 500;
const BATCH_BYTES: usize = 8 * 1024 * 1024;

impl<'a> Import<'a> {
    /// What can be read; `None` when the store says that it cannot be. A store that does not answer
    /// ends the import.
    pub(super) fn readable<T>(&self, answer: StorageResult<T>) -> Step<Option<T>> {
        match answer {
            Ok(value) => Ok(Some(value)),
            Err(StorageError::Corrupt { .. }) => Ok(None),
            Err(other) => source(Err(other)),
        }
    }

    pub(super) async fn move_repositories(
        &self,
        bindings: &Bindings,
        account: &mut Account,
    ) -> Step {
        let total = self.count_guns().await?;
        self.watch.begin(Stage::Repositories, Some(total));
        let checker = self.checker(bindings);
        let mut last: Option<String> = None;
        loop {
            let page = source(self.source.inventory.guns(last.as_deref(), PAGE).await)?;
            let Some(end) = page.last() else { return Ok(()) };
            last = Some(end.clone());
            for gun in page {
                self.go_on()?;
                self.move_repository(&checker, &gun, Pass::First, account).await?;
                self.watch.advance();
            }
        }
    }

    /// Moves what the source's changefeed names behind `after`, up to `until`.
    pub(super) async fn move_changed_repositories(
        &self,
        mut after: i64,
        until: i64,
        bindings: &Bindings,
        account: &mut Account,
    ) -> Step {
        self.watch.begin(Stage::ChangedRepositories, None);
        let checker = self.checker(bindings);
        while after < until {
            let page = self.read_changes(after, account).await?;
            after = page.end;
            let named = page.changes.into_iter().filter(|change| change.id <= until);
            let mut guns: Vec<String> = named.map(|change| change.gun).collect();
            guns.sort_unstable();
            guns.dedup();
            for gun in guns {
                self.go_on()?;
                self.move_repository(&checker, &gun, Pass::Second, account).await?;
                self.watch.advance();
            }
        }
        Ok(())
    }

    /// Whatever an earlier run moved and the source has no more.
    pub(super) async fn remove_repositories_that_are_gone(
        &self,
        side: Side<'_>,
        account: &mut Account,
    ) -> Step {
        let mut last: Option<String> = None;
        loop {
            let page = target(side.inventory.guns(last.as_deref(), PAGE).await)?;
            let Some(end) = page.last() else { return Ok(()) };
            last = Some(end.clone());
            for gun in page {
                self.go_on()?;
                let rows = self.readable(self.source.inventory.versions(&gun).await)?;
                if rows.is_some_and(|rows| rows.is_empty()) {
                    remove(side, &gun).await?;
                    count(&mut account.guns_removed);
                }
            }
        }
    }

    fn checker(&self, bindings: &Bindings) -> Checker<'a> {
        let held = bindings.held(HeldKeys::of(self.source.keys));
        let keys = held.and_at_signer(self.source.bindings);
        Checker::new(Sources { inventory: self.source.inventory, keys }, self.now)
    }

    async fn count_guns(&self) -> Step<u64> {
        let (mut total, mut last) = (0_u64, None::<String>);
        loop {
            let page = source(self.source.inventory.guns(last.as_deref(), PAGE).await)?;
            let Some(end) = page.last() else { return Ok(total) };
            last = Some(end.clone());
            total = total.saturating_add(page.len().try_into().unwrap_or(u64::MAX));
            self.go_on()?;
        }
    }

    async fn move_repository(
        &self,
        checker: &Checker<'a>,
        gun: &str,
        pass: Pass,
        account: &mut Account,
    ) -> Step {
        let rows = self.readable(self.source.inventory.versions(gun).await)?;
        let there = match self.target() {
            Some(side) => target(side.inventory.versions(gun).await)?,
            None => Vec::new(),
        };
        match &rows {
            Some(rows) if rows.is_empty() => {
                account.forget(gun);
                if let (Destination::Store(side), false) = (self.destination, there.is_empty()) {
                    remove(side, gun).await?;
                    count(&mut account.guns_removed);
                }
                return Ok(());
            }
            // Whatever is there was judged when it was moved.
            Some(rows) if contents(rows) == contents(&there) => {
                if pass == Pass::First {
                    count(&mut account.guns_unchanged);
                }
                return Ok(());
            }
            Some(_) | None => {}
        }
        let judged = source(checker.judge(gun).await)?;
        account.forget(gun);
        self.tell(&judged, account);
        if !judged.report.verifies() {
            if let (Destination::Store(side), false) = (self.destination, there.is_empty()) {
                remove(side, gun).await?;
            }
            return Ok(());
        }
        self.put(gun, judged, &there, pass, account).await
    }

    /// Notes what is to be told of a repository.
    fn tell(&self, judged: &Judged<'_>, account: &mut Account) {
        let report = &judged.report;
        let gun = || report.gun.clone();
        let texts = |items: &mut dyn Iterator<Item = String>| items.collect::<Vec<_>>();
        let damaged = texts(&mut report.damaged.iter().map(ToString::to_string));
        if !report.verifies() {
            let mut reasons = texts(&mut report.faults.iter().map(ToString::to_string));
            reasons.extend(damaged);
            account.left_out.insert(gun(), reasons);
            return;
        }
        if !damaged.is_empty() {
            account.damaged.insert(gun(), damaged);
        }
        let notes = texts(&mut report.notes.iter().map(ToString::to_string));
        if !notes.is_empty() {
            account.notes.insert(gun(), notes);
        }
    }

    async fn put(
        &self,
        name: &str,
        judged: Judged<'a>,
        there: &[VersionRecord],
        pass: Pass,
        account: &mut Account,
    ) -> Step {
        let Judged { report, mut rows, mut bodies } = judged;
        rows.retain(|row| report.damaged.iter().all(|damaged| damaged.id != row.id));
        let (wanted, mut stored) = (contents(&rows), contents(there));
        // Another life of the same GUN: it was deleted and begun again.
        let is_another = stored.iter().any(|(place, digest)| wanted.get(place) != Some(digest));
        if is_another {
            stored.clear();
        }
        rows.retain(|row| !stored.contains_key(&place(row)));
        let Ok(gun) = Gun::parse(name) else { return Ok(()) };
        if let (Destination::Store(side), true) = (self.destination, is_another) {
            target(side.archive.remove_unannounced(&gun).await)?;
        }
        let counter = match (rows.is_empty() && !is_another, there.is_empty(), pass) {
            (true, _, Pass::First) => Some(&mut account.guns_unchanged),
            (true, _, Pass::Second) => None,
            (false, true, _) => Some(&mut account.guns_new),
            (false, false, _) => Some(&mut account.guns_updated),
        };
        if let Some(counter) = counter {
            count(counter);
        }
        rows.sort_by_key(|row| match row.role == RoleName::Timestamp.as_str() {
            true => (1, i64::from(row.version)),
            false => (0, row.id),
        });
        let mut batch = Batch::default();
        for row in &rows {
            let Some(bytes) = source(bodies.get(row.id).await)? else {
                // Deleted just now: the second pass, or the next run, sees to it.
                return Ok(());
            };
            let parsed = (RoleName::parse(&row.role), Version::new(i64::from(row.version)));
            let (Ok(role), Some(version)) = parsed else { continue };
            account.size_bytes =
                account.size_bytes.saturating_add(bytes.len().try_into().unwrap_or(0));
            count(&mut account.versions);
            let stored_at = row.stored_at.unwrap_or(self.now);
            batch.add(ArchivedDocument { role, version, bytes, stored_at });
            if batch.is_full() {
                self.flush(&gun, &mut batch).await?;
                self.go_on()?;
            }
        }
        self.flush(&gun, &mut batch).await
    }

    async fn flush(&self, gun: &Gun, batch: &mut Batch) -> Step {
        let Batch { documents, .. } = std::mem::take(batch);
        match self.destination {
            Destination::Store(side) if !documents.is_empty() => {
                target(side.archive.put_unjudged(gun, &documents).await)
            }
            Destination::Store(_) | Destination::Nowhere(_) => Ok(()),
        }
    }

    /// The number of the source's newest change; 0 when there is none.
    pub(super) async fn newest_change(&self) -> Step<i64> {
        let newest = ChangeRange::Latest { limit: 1 };
        match self.source.metadata.changes(None, newest).await {
            Ok(page) => Ok(page.last().map_or(0, |change| change.id)),
            Err(StorageError::Corrupt { row, .. }) => Ok(row.parse().unwrap_or(0)),
            Err(other) => source(Err(other)),
        }
    }
}

/// Documents for one transaction.
#[derive(Default)]
struct Batch {
    documents: Vec<ArchivedDocument>,
    size_bytes: usize,
}

impl Batch {
    fn add(&mut self, document: ArchivedDocument) {
        self.size_bytes = self.size_bytes.saturating_add(document.bytes.len());
        self.documents.push(document);
    }

    fn is_full(&self) -> bool {
        self.documents.len() >= BATCH_DOCUMENTS || self.size_bytes >= BATCH_BYTES
    }
}

type Contents<'r> = BTreeMap<(&'r str, i32), &'r str>;

fn place(row: &VersionRecord) -> (&str, i32) {
    (row.role.as_str(), row.version)
}

/// Digests by role and version.
fn contents(rows: &[VersionRecord]) -> Contents<'_> {
    rows.iter().map(|row| (place(row), row.sha256.as_deref().unwrap_or_default())).collect()
}

async fn remove(side: Side<'_>, name: &str) -> Step {
    let Ok(gun) = Gun::parse(name) else { return Ok(()) };
    target(side.archive.remove_unannounced(&gun).await)
}
