//! The snapshot: which versions belong together.

use std::collections::BTreeMap;

use super::{Document, FileMeta, HEADER_MEMBERS, Header};
use crate::json::{JsonError, Node, Object};
use crate::names::RoleName;
use crate::reason::Reason;

/// A snapshot's content: length and hashes by role name, as the document writes the names.
#[derive(Clone, Debug)]
pub struct Snapshot {
    header: Header,
    meta: BTreeMap<String, FileMeta>,
}

impl Snapshot {
    /// The entry of a role.
    #[must_use]
    pub fn entry(&self, role: &RoleName) -> Option<&FileMeta> {
        self.meta.get(role.as_str())
    }

    /// All entries whose names are role names.
    pub fn entries(&self) -> impl Iterator<Item = (RoleName, &FileMeta)> {
        self.meta.iter().filter_map(|(name, meta)| Some((RoleName::parse(name).ok()?, meta)))
    }

    /// All entries by name.
    pub(super) fn meta(&self) -> &BTreeMap<String, FileMeta> {
        &self.meta
    }
}

impl Document for Snapshot {
    fn read(role: &RoleName, signed: Node<'_>) -> Result<Self, Reason> {
        let meta = read_meta(signed)?;
        let header = Header::read(role, signed, "Snapshot")?;
        for required in [RoleName::Root, RoleName::Targets] {
            FileMeta::check_required(meta.get(required.as_str()), role, &required)?;
        }
        Ok(Self { header, meta })
    }

    fn header(&self) -> &Header {
        &self.header
    }
}

/// The `meta` map that snapshots and timestamps share.
pub(super) fn read_meta(signed: Node<'_>) -> Result<BTreeMap<String, FileMeta>, JsonError> {
    let mut known = HEADER_MEMBERS.to_vec();
    known.push("meta");
    Object::new(signed, "signed", &known)?
        .map("meta")?
        .iter()
        .map(|(name, value)| Ok((name.as_str().to_owned(), FileMeta::read(value)?)))
        .collect()
}
