//! The root: who may sign what.

use std::collections::BTreeMap;

use super::key_map::{self, KeyMap, RoleSpec};
use super::{Document, HEADER_MEMBERS, Header};
use crate::json::{Node, Object};
use crate::names::RoleName;
use crate::reason::{Reason, StructureFault};
use crate::verify::RoleKeys;

/// The base roles in the order in which Notary looks at them.
const BASE_ROLES: [RoleName; 4] =
    [RoleName::Root, RoleName::Targets, RoleName::Snapshot, RoleName::Timestamp];

/// A root's content.
#[derive(Clone, Debug)]
pub struct Root {
    header: Header,
    keys: KeyMap,
    roles: BTreeMap<RoleName, RoleSpec>,
}

impl Root {
    /// The keys of one of the four base roles; a role without keys for a delegation.
    #[must_use]
    pub fn role_keys(&self, role: &RoleName) -> RoleKeys {
        match self.roles.get(role) {
            Some(spec) => spec.keys(role.clone(), &self.keys),
            None => RoleKeys { role: role.clone(), keys: BTreeMap::new(), threshold: 1 },
        }
    }

    /// The keys of each of the four base roles.
    pub fn base_roles(&self) -> impl Iterator<Item = RoleKeys> {
        self.roles.iter().map(|(role, spec)| spec.keys(role.clone(), &self.keys))
    }
}

impl Document for Root {
    fn read(role: &RoleName, signed: Node<'_>) -> Result<Self, Reason> {
        let mut known = HEADER_MEMBERS.to_vec();
        known.extend(["consistent_snapshot", "keys", "roles"]);
        let object = Object::new(signed, "signed", &known)?;
        object.check_boolean("consistent_snapshot")?;
        let keys = key_map::read_keys(object.map("keys")?)?;
        let mut specs = BTreeMap::new();
        for (name, value) in object.map("roles")?.iter().filter(|(_, value)| !value.is_null()) {
            let spec = RoleSpec::read(Object::new(value, "role", &key_map::ROLE_MEMBERS)?)?;
            specs.insert(name.as_str(), spec);
        }
        let header = Header::read(role, signed, "Root")?;
        let mut roles = BTreeMap::new();
        for base in BASE_ROLES {
            let spec = specs.remove(base.as_str()).ok_or_else(|| Reason::Structure {
                role: role.clone(),
                fault: StructureFault::MissingRole(base.clone()),
            })?;
            spec.check(role, base.as_str(), &keys)?;
            roles.insert(base, spec);
        }
        Ok(Self { header, keys, roles })
    }

    fn header(&self) -> &Header {
        &self.header
    }
}
