//! Check: judge one repository as it is stored.
//!
//! Every row is what it says; a client finds its way from the first stored root to every current
//! document; and the server holds the keys that the current root wants it to sign with.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use countersign_storage::{Inventory, StorageError, StorageResult, VersionRecord};
use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::metadata::{Document, Root, Snapshot, Targets, Timestamp};
use countersign_tuf::names::{Gun, RoleName, ServerRole};
use countersign_tuf::reason::Reason;
use countersign_tuf::time::Expires;
use countersign_tuf::trusted_set::TrustedSet;
use countersign_tuf::verify::{Unverified, Verified};

use super::bodies::Bodies;
use super::client::{self, Lost};
use super::held_keys::HeldKeys;
use super::report::{DamagedRow, Fault, Note, Report, RowDamage};

/// Where repositories and the server's keys are.
pub struct Sources<'a> {
    /// The repositories.
    pub inventory: &'a dyn Inventory,
    /// The keys.
    pub keys: HeldKeys<'a>,
}

/// Judges repositories, one at a time.
pub struct Checker<'a> {
    sources: Sources<'a>,
    now: DateTime<Utc>,
}

/// A repository that was judged: the report, and what it was judged by.
pub(super) struct Judged<'a> {
    pub(super) report: Report,
    pub(super) rows: Vec<VersionRecord>,
    pub(super) bodies: Bodies<'a>,
}

impl<'a> Checker<'a> {
    /// A checker at this time.
    #[must_use]
    pub fn new(sources: Sources<'a>, now: DateTime<Utc>) -> Self {
        Self { sources, now }
    }

    /// What is to be said of the repository of exactly this GUN.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] when the store does not answer. What it answers and cannot be
    /// is in the report.
    pub async fn check(&self, gun: &str) -> Result<Report, StorageError> {
        Ok(self.judge(gun).await?.report)
    }

    pub(super) async fn judge(&self, gun: &str) -> StorageResult<Judged<'a>> {
        let report = Report {
            gun: gun.to_owned(),
            versions: 0,
            size_bytes: 0,
            faults: Vec::new(),
            damaged: Vec::new(),
            notes: Vec::new(),
        };
        let bodies = Bodies::of(self.sources.inventory);
        let mut judged = Judged { report, rows: Vec::new(), bodies };
        match self.examine(gun, &mut judged).await {
            Ok(()) => {}
            Err(Lost::Fault(fault)) => judged.report.faults.push(fault),
            Err(Lost::Storage(error @ StorageError::Unavailable { .. })) => return Err(error),
            Err(Lost::Storage(error)) => {
                judged.report.faults.push(Fault::Unreadable(error.to_string()));
            }
        }
        Ok(judged)
    }

    async fn examine(&self, gun: &str, judged: &mut Judged<'a>) -> Result<(), Lost> {
        let Judged { report, rows, bodies } = judged;
        *rows = self.sources.inventory.versions(gun).await?;
        report.versions = rows.len();
        report.size_bytes = rows.iter().map(|row| row.size_bytes).sum();
        for row in rows.iter() {
            let bytes = bodies.get(row.id).await?;
            let bytes = bytes.ok_or_else(|| {
                Lost::Fault(Fault::Unreadable(format!("row {} went away meanwhile", row.id)))
            })?;
            if let Err(damage) = examine_row(row, bytes) {
                let (id, role, version) = (row.id, row.role.clone(), row.version);
                report.damaged.push(DamagedRow { id, role, version, damage });
            }
        }
        let gun = Gun::parse(gun).map_err(|bad| Lost::Fault(bad.into()))?;
        let set = client::follow(&gun, rows, bodies, self.now).await?;
        self.look_for_keys(&gun, &set, report).await?;
        Ok(())
    }

    /// A missing timestamp key is a fault; a snapshot key that is not here is its owner's.
    async fn look_for_keys(
        &self,
        gun: &Gun,
        set: &TrustedSet,
        report: &mut Report,
    ) -> Result<(), Lost> {
        let root = set.root().content();
        let timestamp = root.role_keys(&RoleName::Timestamp);
        let (mut held, mut missing) = (0_usize, Vec::new());
        for id in timestamp.keys.keys() {
            if self.sources.keys.holds(gun, ServerRole::Timestamp, id).await? {
                held = held.saturating_add(1);
            } else {
                missing.push(id.to_string());
            }
        }
        let needed = usize::try_from(timestamp.threshold).unwrap_or(usize::MAX);
        if held < needed {
            report.faults.push(Fault::NoTimestampKey { held, needed, missing });
        }
        let mut signs_snapshots = false;
        for id in root.role_keys(&RoleName::Snapshot).keys.keys() {
            signs_snapshots |= self.sources.keys.holds(gun, ServerRole::Snapshot, id).await?;
        }
        report.notes = self.notes(set, signs_snapshots.then_some(RoleName::Snapshot));
        Ok(())
    }

    /// What has expired that the server does not sign again, and what does not count.
    fn notes(&self, set: &TrustedSet, signed_here: Option<RoleName>) -> Vec<Note> {
        let top = [expiry(set.root()), expiry(set.snapshot())].into_iter();
        let expiries = top.chain(set.targets().map(expiry));
        let expired = expiries
            .filter(|(role, at)| at.is_past(self.now) && signed_here.as_ref() != Some(role))
            .map(|(role, at)| Note::Expired { role, at });
        let skipped = set.skipped().iter();
        let skipped =
            skipped.map(|(role, why)| Note::Skipped { role: role.clone(), why: why.clone() });
        expired.chain(skipped).collect()
    }
}

fn expiry<T: Document>(document: &Verified<T>) -> (RoleName, Expires) {
    (document.role().clone(), document.content().header().expires)
}

/// Judges a row by itself.
fn examine_row(row: &VersionRecord, bytes: Bytes) -> Result<(), RowDamage> {
    let role = RoleName::parse(&row.role).map_err(|_| RowDamage::Role)?;
    if row.version < 1 {
        return Err(RowDamage::Version);
    }
    if row.sha256 != Some(Sha256Digest::of(&bytes).to_hex()) {
        return Err(RowDamage::Digest);
    }
    let stated = match &role {
        RoleName::Root => version_in::<Root>(role, bytes),
        RoleName::Snapshot => version_in::<Snapshot>(role, bytes),
        RoleName::Timestamp => version_in::<Timestamp>(role, bytes),
        RoleName::Targets | RoleName::Delegation(_) => version_in::<Targets>(role, bytes),
    };
    match stated.map_err(RowDamage::Content)? {
        stated if stated == i64::from(row.version) => Ok(()),
        stated => Err(RowDamage::OtherVersion(stated)),
    }
}

fn version_in<T: Document>(role: RoleName, bytes: Bytes) -> Result<i64, Reason> {
    let document = Unverified::<T>::parse(role, bytes)?.read_untrusted()?;
    Ok(document.header().version.get())
}
