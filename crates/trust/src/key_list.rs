//! List keys: what the server holds, and whether the current root of each GUN names it.
//!
//! Reads only, needs no passphrase, and keeps one page and one root in memory.
//!
//! Source: contract section 3 (pending keys, rows with empty GUN or role).

use std::collections::VecDeque;
use std::fmt;

use countersign_storage::{KeyCatalogue, KeyRecord, MetadataStore, StorageError};
use countersign_tuf::metadata::Root;
use countersign_tuf::names::{Gun, RoleName};
use countersign_tuf::verify::Unverified;

/// How many records are read at a time.
const PAGE: u32 = 500;

/// Goes through the keys of a catalogue, in the order of GUN, role and key ID.
pub struct KeyList<'a> {
    catalogue: &'a dyn KeyCatalogue,
    metadata: &'a dyn MetadataStore,
    only: Option<Gun>,
    page: VecDeque<KeyRecord>,
    last: Option<KeyRecord>,
    root: Option<(String, CurrentRoot)>,
}

/// A key, and what the current root of its GUN says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedKey {
    /// The key.
    pub record: KeyRecord,
    /// What the root says.
    pub standing: Standing,
}

/// What the current root of a key's GUN says of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It names the key for the key's role.
    Named,
    /// It does not name the key, which has signed: a later one took its place.
    NotNamed,
    /// The GUN has no root, although the key has signed: the GUN was deleted.
    NoRoot,
    /// The key has not signed yet, and no root names it.
    Pending,
    /// The key was made for no GUN or no role: a root that names it will bind it.
    Unbound,
    /// The stored root cannot be read.
    UnreadableRoot,
}

impl Standing {
    /// The word that users read.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Named => "yes",
            Self::NotNamed => "no",
            Self::NoRoot => "no root",
            Self::Pending => "pending",
            Self::Unbound => "unbound",
            Self::UnreadableRoot => "unreadable root",
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The newest stored root of a GUN.
enum CurrentRoot {
    Missing,
    Readable(Box<Root>),
    Unreadable,
}

impl<'a> KeyList<'a> {
    /// The list of all keys of `catalogue`, or of those of one GUN; roots are looked up in
    /// `metadata`, which may be another database.
    pub fn new(
        catalogue: &'a dyn KeyCatalogue,
        metadata: &'a dyn MetadataStore,
        only: Option<Gun>,
    ) -> Self {
        Self { catalogue, metadata, only, page: VecDeque::new(), last: None, root: None }
    }

    /// The next key; `None` after the last.
    ///
    /// # Errors
    /// [`StorageError`] when it could not be looked up.
    pub async fn next(&mut self) -> Result<Option<ListedKey>, StorageError> {
        if self.page.is_empty() {
            let gun = self.only.as_ref().map(Gun::as_str);
            self.page = self.catalogue.records(gun, self.last.as_ref(), PAGE).await?.into();
            self.last = self.page.back().cloned().or(self.last.take());
        }
        let Some(record) = self.page.pop_front() else { return Ok(None) };
        let standing = self.standing(&record).await?;
        Ok(Some(ListedKey { record, standing }))
    }

    async fn standing(&mut self, record: &KeyRecord) -> Result<Standing, StorageError> {
        if record.gun.is_empty() || record.role.is_empty() {
            return Ok(Standing::Unbound);
        }
        if self.root.as_ref().is_none_or(|(gun, _)| *gun != record.gun) {
            self.root = Some((record.gun.clone(), self.current_root(&record.gun).await?));
        }
        let has_signed = record.last_used.is_some();
        Ok(match self.root.as_ref().map(|(_, root)| root) {
            Some(CurrentRoot::Readable(root)) if names(root, record) => Standing::Named,
            Some(CurrentRoot::Unreadable) => Standing::UnreadableRoot,
            Some(CurrentRoot::Readable(_)) if has_signed => Standing::NotNamed,
            Some(CurrentRoot::Missing) | None if has_signed => Standing::NoRoot,
            _ => Standing::Pending,
        })
    }

    async fn current_root(&self, gun: &str) -> Result<CurrentRoot, StorageError> {
        // A GUN that cannot be has no metadata either.
        let Ok(gun) = Gun::parse(gun) else { return Ok(CurrentRoot::Missing) };
        let stored = match self.metadata.newest(&gun, &RoleName::Root).await {
            Ok(Some(stored)) => stored,
            Ok(None) => return Ok(CurrentRoot::Missing),
            // A damaged row is that GUN's trouble, and no reason to list no key.
            Err(StorageError::Corrupt { .. }) => return Ok(CurrentRoot::Unreadable),
            Err(other) => return Err(other),
        };
        let read = Unverified::<Root>::parse(RoleName::Root, stored.bytes)
            .and_then(|root| root.read_untrusted());
        Ok(read.map_or(CurrentRoot::Unreadable, |root| CurrentRoot::Readable(Box::new(root))))
    }
}

fn names(root: &Root, record: &KeyRecord) -> bool {
    RoleName::parse(&record.role)
        .is_ok_and(|role| root.role_keys(&role).keys.keys().any(|id| id.as_str() == record.key_id))
}
