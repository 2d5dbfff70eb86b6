//! The timestamp: which snapshot is current, and until when that may be believed.

use super::snapshot::read_meta;
use super::{Document, FileMeta, Header};
use crate::digest::Sha256Digest;
use crate::json::Node;
use crate::names::RoleName;
use crate::reason::{Reason, StructureFault};

/// A timestamp's content.
#[derive(Clone, Debug)]
pub struct Timestamp {
    header: Header,
    snapshot: FileMeta,
    snapshot_sha256: Sha256Digest,
}

impl Timestamp {
    /// Length and hashes of the current snapshot.
    #[must_use]
    pub fn snapshot(&self) -> &FileMeta {
        &self.snapshot
    }

    /// The SHA-256 of the current snapshot.
    #[must_use]
    pub fn snapshot_sha256(&self) -> Sha256Digest {
        self.snapshot_sha256
    }
}

impl Document for Timestamp {
    fn read(role: &RoleName, signed: Node<'_>) -> Result<Self, Reason> {
        let mut meta = read_meta(signed)?;
        let header = Header::read(role, signed, "Timestamp")?;
        let missing = || Reason::Structure {
            role: role.clone(),
            fault: StructureFault::MissingChecksum(RoleName::Snapshot),
        };
        let snapshot = meta.remove(RoleName::Snapshot.as_str());
        FileMeta::check_required(snapshot.as_ref(), role, &RoleName::Snapshot)?;
        let snapshot = snapshot.ok_or_else(missing)?;
        let snapshot_sha256 = snapshot.sha256().ok_or_else(missing)?;
        Ok(Self { header, snapshot, snapshot_sha256 })
    }

    fn header(&self) -> &Header {
        &self.header
    }
}
