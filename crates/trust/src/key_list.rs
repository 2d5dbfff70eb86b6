//! List keys: what the server holds, and whether the current root of each GUN names it.
//!
//! Reads only, needs no passphrase, and keeps one page and one root in memory.
//!
//! Source: contract section 3 (pending keys, rows with empty GUN or role).

use std::collections::VecDeque;
use std::fmt;

use countersign_storage::{
    KeyBinding, KeyBindings, KeyCatalogue, KeyRecord, MetadataStore, StorageError,
};
use countersign_tuf::metadata::Root;
use countersign_tuf::names::{Gun, RoleName};
use countersign_tuf::verify::Unverified;

/// How many records are read at a time.
const PAGE: u32 = 500;

/// Goes through the keys of a catalogue, in the order of GUN, role and key ID.
pub struct KeyList<'a> {
    catalogue: &'a dyn KeyCatalogue,
    only: Option<Gun>,
    page: VecDeque<KeyRecord>,
    last: Option<KeyRecord>,
    roots: CurrentRoots<'a>,
}

/// Goes through the keys that another signer holds, as far as this server has met them, in the
/// order of GUN, role and key ID.
pub struct RemoteKeyList<'a> {
    bindings: &'a dyn KeyBindings,
    only: Option<Gun>,
    page: VecDeque<KeyBinding>,
    last: Option<KeyBinding>,
    roots: CurrentRoots<'a>,
}

/// The current roots, one at a time: keys come in the order of their GUNs.
struct CurrentRoots<'a> {
    metadata: &'a dyn MetadataStore,
    last: Option<(String, CurrentRoot)>,
}

/// A key as a root may name it.
struct Asked<'k> {
    key_id: &'k str,
    gun: &'k str,
    role: &'k str,
    has_signed: bool,
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
        let roots = CurrentRoots { metadata, last: None };
        Self { catalogue, only, page: VecDeque::new(), last: None, roots }
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
        let asked = Asked {
            key_id: &record.key_id,
            gun: &record.gun,
            role: &record.role,
            has_signed: record.last_used.is_some(),
        };
        let standing = self.roots.standing(asked).await?;
        Ok(Some(ListedKey { record, standing }))
    }
}

impl<'a> RemoteKeyList<'a> {
    /// The list of all keys of `bindings`, or of those of one GUN.
    pub fn new(
        bindings: &'a dyn KeyBindings,
        metadata: &'a dyn MetadataStore,
        only: Option<Gun>,
    ) -> Self {
        let roots = CurrentRoots { metadata, last: None };
        Self { bindings, only, page: VecDeque::new(), last: None, roots }
    }

    /// The next key, and what the current root of its GUN says of it; `None` after the last.
    ///
    /// # Errors
    /// [`StorageError`] when it could not be looked up.
    pub async fn next(&mut self) -> Result<Option<(KeyBinding, Standing)>, StorageError> {
        if self.page.is_empty() {
            let (only, last) = (self.only.as_ref(), self.last.as_ref());
            self.page = self.bindings.bindings(only, last, PAGE).await?.into();
            self.last = self.page.back().cloned().or(self.last.take());
        }
        let Some(binding) = self.page.pop_front() else { return Ok(None) };
        let asked = Asked {
            key_id: &binding.key_id,
            gun: binding.gun.as_str(),
            role: binding.role.as_str(),
            has_signed: binding.last_used.is_some(),
        };
        let standing = self.roots.standing(asked).await?;
        Ok(Some((binding, standing)))
    }
}

impl CurrentRoots<'_> {
    async fn standing(&mut self, key: Asked<'_>) -> Result<Standing, StorageError> {
        if key.gun.is_empty() || key.role.is_empty() {
            return Ok(Standing::Unbound);
        }
        if self.last.as_ref().is_none_or(|(gun, _)| gun != key.gun) {
            self.last = Some((key.gun.to_owned(), self.current_root(key.gun).await?));
        }
        Ok(match self.last.as_ref().map(|(_, root)| root) {
            Some(CurrentRoot::Readable(root)) if names(root, &key) => Standing::Named,
            Some(CurrentRoot::Unreadable) => Standing::UnreadableRoot,
            Some(CurrentRoot::Readable(_)) if key.has_signed => Standing::NotNamed,
            Some(CurrentRoot::Missing) | None if key.has_signed => Standing::NoRoot,
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

fn names(root: &Root, key: &Asked<'_>) -> bool {
    RoleName::parse(key.role)
        .is_ok_and(|role| root.role_keys(&role).keys.keys().any(|id| id.as_str() == key.key_id))
}
