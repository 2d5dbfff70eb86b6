//! Does the publisher's own snapshot fit everything else?
//!
//! Source: server spec 4, step 4a; quirk Q-07.

use chrono::{DateTime, Utc};

use crate::metadata::{Envelope, Root, Snapshot};
use crate::names::RoleName;
use crate::reason::Reason;
use crate::verify::{Unverified, Verified};

use super::publish::Stored;
use super::targets::Tree;
use super::update::Update;

/// Decides on a snapshot of the update.
pub(super) fn follow_snapshot(
    offered: &Envelope,
    update: &Update,
    root: &Verified<Root>,
    tree: &Tree,
    stored: &Stored,
    now: DateTime<Utc>,
) -> Result<Verified<Snapshot>, Reason> {
    let keys = root.content().role_keys(&RoleName::Snapshot);
    let snapshot = Unverified::<Snapshot>::new(RoleName::Snapshot, offered.clone())?
        .verify(&keys)?
        .unexpired(now)?;
    let loaded = std::iter::once((root.role(), root.digests()))
        .chain(tree.documents().map(|document| (document.role(), document.digests())));
    for (role, digests) in loaded {
        let no_checksum = || Reason::NoChecksum(role.clone());
        let entry = snapshot.content().entry(role).ok_or_else(no_checksum)?;
        entry.matches(role, digests)?;
        // Without a SHA-256 nobody could ask for the document, whatever else fits.
        entry.sha256().ok_or_else(no_checksum)?;
    }
    refuse_unknown_documents(update, tree, stored)?;
    Ok(snapshot)
}

/// A snapshot that names a document which is nowhere would make that role unreachable. Entries of
/// delegations that nobody lists any more may stay.
fn refuse_unknown_documents(update: &Update, tree: &Tree, stored: &Stored) -> Result<(), Reason> {
    for (role, sha256) in update.new_claims(stored.snapshot.as_ref()) {
        let needed = match role {
            RoleName::Targets => true,
            RoleName::Delegation(_) => tree.lists(&role),
            RoleName::Root | RoleName::Snapshot | RoleName::Timestamp => false,
        };
        let held =
            sha256.is_some_and(|sha256| stored.documents_held.contains(&(role.clone(), sha256)));
        if needed && !held {
            return Err(Reason::NotStored(role));
        }
    }
    Ok(())
}
