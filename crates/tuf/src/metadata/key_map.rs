//! The `keys` maps of roots and delegations, and the roles that name keys in them.

use std::collections::BTreeMap;

use crate::json::{Entries, JsonError, Node, Object};
use crate::keys::{KeyId, KeyType, PublicKey};
use crate::names::RoleName;
use crate::reason::{Reason, StructureFault};
use crate::verify::RoleKeys;

/// Keys by the IDs under which a document lists them (which may be false).
pub(super) type KeyMap = BTreeMap<KeyId, PublicKey>;

/// Which keys sign a role, and how many of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RoleSpec {
    pub(super) key_ids: Vec<KeyId>,
    pub(super) threshold: i64,
}

/// Members that [`RoleSpec`] is read from.
pub(super) const ROLE_MEMBERS: [&str; 2] = ["keyids", "threshold"];

pub(super) fn read_keys(entries: Entries<'_>) -> Result<KeyMap, JsonError> {
    entries.iter().map(|(id, value)| Ok((KeyId::claimed(id.as_str()), read_key(value)?))).collect()
}

impl RoleSpec {
    pub(super) fn read(object: Object<'_>) -> Result<Self, JsonError> {
        let key_ids = object.texts("keyids")?.iter().map(|id| KeyId::claimed(id)).collect();
        Ok(Self { key_ids, threshold: object.integer("threshold")? })
    }

    /// Checks that the threshold is at least one and that every key is in `keys`, in this order.
    pub(super) fn check(
        &self,
        document: &RoleName,
        role: &str,
        keys: &KeyMap,
    ) -> Result<(), Reason> {
        let fault = |fault| Reason::Structure { role: document.clone(), fault };
        if self.threshold < 1 {
            let (role, threshold) = (role.to_owned(), self.threshold);
            return Err(fault(StructureFault::Threshold { role, threshold }));
        }
        match self.key_ids.iter().find(|id| !keys.contains_key(*id)) {
            None => Ok(()),
            Some(id) => Err(fault(StructureFault::UnknownKey {
                key_id: id.to_string(),
                role: role.to_owned(),
            })),
        }
    }

    /// The keys themselves.
    pub(super) fn keys(&self, role: RoleName, keys: &KeyMap) -> RoleKeys {
        let listed = self
            .key_ids
            .iter()
            .filter_map(|id| keys.get(id).map(|key| (id.clone(), key.clone())))
            .collect();
        RoleKeys { role, keys: listed, threshold: self.threshold }
    }
}

fn read_key(value: Node<'_>) -> Result<PublicKey, JsonError> {
    let object = Object::new(value, "key", &["keytype", "keyval"])?;
    let halves = match object.get("keyval") {
        Some(halves) => Object::new(halves, "keyval", &["private", "public"])?,
        None => Object::empty(),
    };
    halves.base64("private")?;
    Ok(PublicKey::new(KeyType::parse(object.text("keytype")?), halves.base64("public")?))
}
