//! Whether the server holds the key that a root names, without opening it.

use std::collections::BTreeMap;

use countersign_storage::{KeyBindings, KeyStore, StorageResult};
use countersign_tuf::keys::KeyId;
use countersign_tuf::names::{Gun, ServerRole};

/// The keys of a store, and for whom those are that name no GUN or no role.
pub struct HeldKeys<'a> {
    store: &'a dyn KeyStore,
    bindings: BTreeMap<String, (String, ServerRole)>,
    at_signer: Option<&'a dyn KeyBindings>,
}

impl<'a> HeldKeys<'a> {
    /// The keys of `store`. One that names no GUN or no role is anybody's whose root names it.
    #[must_use]
    pub fn of(store: &'a dyn KeyStore) -> Self {
        Self { store, bindings: BTreeMap::new(), at_signer: None }
    }

    /// The same, where these keys, by ID, are for this GUN and role only, if their rows are silent.
    #[must_use]
    pub fn bound_by(self, bindings: BTreeMap<String, (String, ServerRole)>) -> Self {
        Self { bindings, ..self }
    }

    /// The same, and those of a signer, as far as this server knows for whom they are.
    #[must_use]
    pub fn and_at_signer(self, bound: &'a dyn KeyBindings) -> Self {
        Self { at_signer: Some(bound), ..self }
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
        let Some(row) = self.store.by_id(id.as_str()).await? else {
            let Some(at_signer) = self.at_signer else { return Ok(false) };
            let bound = at_signer.binding(id.as_str()).await?;
            return Ok(bound.is_some_and(|bound| bound.gun == *gun && bound.role == role));
        };
        let bound = self.bindings.get(id.as_str());
        let fits = |has: &str, wanted: &str, bound: Option<&str>| {
            has == wanted || (has.is_empty() && bound.is_none_or(|bound| bound == wanted))
        };
        Ok(row.key_id == id.as_str()
            && fits(&row.gun, gun.as_str(), bound.map(|(gun, _)| gun.as_str()))
            && fits(&row.role, role.as_str(), bound.map(|(_, role)| role.as_str())))
    }
}
