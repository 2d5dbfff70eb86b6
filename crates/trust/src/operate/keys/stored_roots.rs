//! Which stored roots of a GUN name a key. Nothing of them is believed: they say what was stored.

use std::collections::BTreeMap;

use countersign_storage::{Inventory, StorageError, StorageResult};
use countersign_tuf::metadata::Root;
use countersign_tuf::names::RoleName;
use countersign_tuf::verify::Unverified;

/// The versions of the first and the last stored root that name a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Naming {
    /// The lowest version.
    pub first: i32,
    /// The highest version.
    pub last: i32,
}

/// The stored roots of one GUN.
#[derive(Debug, Default)]
pub struct StoredRoots {
    current: Option<i32>,
    named: BTreeMap<String, Naming>,
    unreadable: Vec<i32>,
}

impl StoredRoots {
    /// Reads all roots of exactly this GUN, its current one last.
    ///
    /// # Errors
    /// [`StorageError`] when the store does not answer. What it answers and cannot be counts as a
    /// root that cannot be read.
    pub async fn of(inventory: &dyn Inventory, gun: &str) -> StorageResult<Self> {
        let mut roots = Self::default();
        let rows = match inventory.versions(gun).await {
            Err(StorageError::Corrupt { .. }) => {
                roots.unreadable.push(0);
                return Ok(roots);
            }
            read => read?,
        };
        for row in rows.iter().filter(|row| row.role == RoleName::Root.as_str()) {
            roots.current = roots.current.max(Some(row.version));
            let bytes = match inventory.bytes(row.id).await {
                Err(StorageError::Corrupt { .. }) => None,
                read => read?,
            };
            let root = bytes.and_then(|bytes| {
                Unverified::<Root>::parse(RoleName::Root, bytes).ok()?.read_untrusted().ok()
            });
            match root {
                Some(root) => roots.note(row.version, &root),
                None => roots.unreadable.push(row.version),
            }
        }
        Ok(roots)
    }

    /// For whatever role: a key that is named at all may be needed.
    fn note(&mut self, version: i32, root: &Root) {
        let roles = [RoleName::Root, RoleName::Targets, RoleName::Snapshot, RoleName::Timestamp];
        let ids = roles.iter().flat_map(|role| root.role_keys(role).keys.into_keys());
        for id in ids {
            let naming = self
                .named
                .entry(id.as_str().to_owned())
                .or_insert(Naming { first: version, last: version });
            naming.first = naming.first.min(version);
            naming.last = naming.last.max(version);
        }
    }

    /// The version of the current root; `None`: the GUN has none.
    #[must_use]
    pub fn current(&self) -> Option<i32> {
        self.current
    }

    /// The roots that name this key, as far as they can be read.
    #[must_use]
    pub fn naming(&self, key_id: &str) -> Option<Naming> {
        self.named.get(key_id).copied()
    }

    /// Whether the current root names this key; `None`: it cannot be read.
    #[must_use]
    pub fn names_now(&self, key_id: &str) -> Option<bool> {
        if self.unreadable.iter().any(|version| *version == 0 || Some(*version) == self.current) {
            return None;
        }
        let now = self.naming(key_id).is_some_and(|naming| Some(naming.last) == self.current);
        Some(now)
    }

    /// Whether any stored root names this key; `None`: not all can be read.
    #[must_use]
    pub fn ever_named(&self, key_id: &str) -> Option<bool> {
        match self.naming(key_id) {
            Some(_) => Some(true),
            None if self.unreadable.is_empty() => Some(false),
            None => None,
        }
    }
}
