//! Whether the server holds the key that a root names, without opening it.

use std::collections::BTreeMap;

use countersign_storage::{KeyStore, StorageResult};
use countersign_tuf::keys::KeyId;
use countersign_tuf::names::{Gun, ServerRole};

/// The keys of a store, and for whom those are that name no GUN or no role.
pub struct HeldKeys<'a> {
    store: &'a dyn KeyStore,
    bindings: BTreeMap<String, (String, ServerRole)>,
}

impl<'a> HeldKeys<'a> {
    /// The keys of `store`. One that names no GUN or no role is anybody's whose root names it.
    #[must_use]
    pub fn of(store: &'a dyn KeyStore) -> Self {
        Self { store, bindings: BTreeMap::new() }
    }

    /// The same, where these keys, by ID, are for this GUN and role only, if their rows are silent.
    #[must_use]
    pub fn bound_by(self, bindings: BTreeMap<String, (String, ServerRole)>) -> Self {
        Self { bindings, ..self }
    }

    /// Whether the server could sign for this GUN and role with this key.
    pub(super) async fn holds(
        &self,
        gun: &Gun,
        role: ServerRole,
        id: &KeyId,
    ) -> StorageResult<bool> {
        if !id.is_well_formed() {
            return Ok(false);
        }
        let Some(row) = self.store.by_id(id.as_str()).await? else { return Ok(false) };
        let bound = self.bindings.get(id.as_str());
        let fits = |has: &str, wanted: &str, bound: Option<&str>| {
            has == wanted || (has.is_empty() && bound.is_none_or(|bound| bound == wanted))
        };
        Ok(row.key_id == id.as_str()
            && fits(&row.gun, gun.as_str(), bound.map(|(gun, _)| gun.as_str()))
            && fits(&row.role, role.as_str(), bound.map(|(_, role)| role.as_str())))
    }
}
