//! Targets and delegations: names with digests and sizes, and who else may sign some.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::key_map::{self, KeyMap, RoleSpec};
use super::{Document, FileMeta, HEADER_MEMBERS, Header};
use crate::json::{JsonError, Object};
use crate::names::RoleName;
use crate::reason::{Reason, StructureFault};
use crate::verify::RoleKeys;

/// A signed name: for docker a tag, its manifest's digest and size.
pub type Target = FileMeta;

/// The content of `targets` or of a delegation.
#[derive(Clone, Debug)]
pub struct Targets {
    header: Header,
    targets: BTreeMap<String, Target>,
    delegations: Vec<Delegation>,
    keys: KeyMap,
}

/// A role that a targets document delegates to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delegation {
    name: RoleName,
    paths: Vec<String>,
    spec: RoleSpec,
}

impl Targets {
    /// The signed names.
    #[must_use]
    pub fn targets(&self) -> &BTreeMap<String, Target> {
        &self.targets
    }

    /// The roles delegated to, in the document's order.
    #[must_use]
    pub fn delegations(&self) -> &[Delegation] {
        &self.delegations
    }

    /// The keys of a role that this document delegates to directly.
    #[must_use]
    pub fn delegation_keys(&self, role: &RoleName) -> Option<RoleKeys> {
        let found = self.delegations.iter().find(|delegation| delegation.name == *role)?;
        Some(found.spec.keys(role.clone(), &self.keys))
    }
}

impl Delegation {
    /// The role's name.
    #[must_use]
    pub fn name(&self) -> &RoleName {
        &self.name
    }

    /// The prefixes that its target names must have one of.
    #[must_use]
    pub fn paths(&self) -> &[String] {
        &self.paths
    }
}

impl Document for Targets {
    fn read(role: &RoleName, signed: &Value) -> Result<Self, Reason> {
        let mut known = HEADER_MEMBERS.to_vec();
        known.extend(["delegations", "targets"]);
        let object = Object::new(signed, "signed", &known)?;
        let targets = object
            .map("targets")?
            .iter()
            .map(|(name, value)| Ok((name.clone(), FileMeta::read(value)?)))
            .collect::<Result<_, JsonError>>()?;
        let null = Value::Null;
        let delegated = Object::new(
            object.get("delegations").unwrap_or(&null),
            "delegations",
            &["keys", "roles"],
        )?;
        let keys = key_map::read_keys(delegated.map("keys")?)?;
        let listed =
            delegated.list("roles")?.iter().map(Listed::read).collect::<Result<Vec<_>, _>>()?;
        let header = Header::read(role, signed, "Targets")?;
        let delegations = check_delegations(role, listed, &keys)?;
        Ok(Self { header, targets, delegations, keys })
    }

    fn header(&self) -> &Header {
        &self.header
    }
}

/// A delegation as listed: its name may be no role name.
struct Listed<'a> {
    name: &'a str,
    paths: Vec<String>,
    spec: RoleSpec,
}

impl<'a> Listed<'a> {
    fn read(value: &'a Value) -> Result<Self, JsonError> {
        let mut known = key_map::ROLE_MEMBERS.to_vec();
        known.extend(["name", "paths"]);
        let object = Object::new(value, "delegation", &known)?;
        let (name, paths) = (object.text("name")?, object.texts("paths")?);
        Ok(Self { name, paths, spec: RoleSpec::read(object)? })
    }
}

/// Every delegation is a direct child of `role`, is listed once, and names keys that are there.
fn check_delegations(
    role: &RoleName,
    listed: Vec<Listed<'_>>,
    keys: &KeyMap,
) -> Result<Vec<Delegation>, Reason> {
    let fault = |fault| Reason::Structure { role: role.clone(), fault };
    let mut seen = BTreeSet::new();
    let mut delegations = Vec::with_capacity(listed.len());
    for Listed { name, paths, spec } in listed {
        let child =
            RoleName::parse(name).ok().filter(|child| child.parent().as_ref() == Some(role));
        let child = child.ok_or_else(|| fault(StructureFault::DelegationName(name.to_owned())))?;
        spec.check(role, name, keys)?;
        if !seen.insert(child.clone()) {
            return Err(fault(StructureFault::DuplicateDelegation(name.to_owned())));
        }
        delegations.push(Delegation { name: child, paths, spec });
    }
    Ok(delegations)
}
