//! Targets and delegations: names with digests and sizes, and who else may sign some.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use super::key_map::{self, KeyMap, RoleSpec};
use super::{Document, FileMeta, HEADER_MEMBERS, Header};
use crate::json::{Entries, JsonError, KeptMembers, Node, Object};
use crate::names::RoleName;
use crate::reason::{Reason, StructureFault};
use crate::verify::RoleKeys;

/// A signed name: for docker a tag, its manifest's digest and size.
pub type Target = FileMeta;

/// The content of `targets` or of a delegation.
#[derive(Clone, Debug)]
pub struct Targets {
    header: Header,
    targets: SignedNames,
    delegations: Vec<Delegation>,
    keys: KeyMap,
}

/// The signed names: all of them are checked at once, and kept apart only for those who look at
/// them. A server that judges ten thousand of them does not.
#[derive(Clone, Debug)]
struct SignedNames {
    members: Option<KeptMembers>,
    all: OnceLock<BTreeMap<String, Target>>,
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
        self.targets.read_all()
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

impl SignedNames {
    fn read(entries: Entries<'_>) -> Result<Self, JsonError> {
        entries.iter().try_for_each(|(_, value)| FileMeta::check(value))?;
        Ok(Self { members: entries.keep(), all: OnceLock::new() })
    }

    fn read_all(&self) -> &BTreeMap<String, Target> {
        self.all.get_or_init(|| {
            let members = self.members.iter().flat_map(KeptMembers::iter);
            // Each was checked: none is left out.
            let read = members
                .filter_map(|(name, value)| Some((name.as_str(), FileMeta::read(value).ok()?)));
            read.map(|(name, target)| (name.to_owned(), target)).collect()
        })
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
    fn read(role: &RoleName, signed: Node<'_>) -> Result<Self, Reason> {
        let mut known = HEADER_MEMBERS.to_vec();
        known.extend(["delegations", "targets"]);
        let object = Object::new(signed, "signed", &known)?;
        let targets = SignedNames::read(object.map("targets")?)?;
        let delegated = match object.get("delegations") {
            Some(delegated) => Object::new(delegated, "delegations", &["keys", "roles"])?,
            None => Object::empty(),
        };
        let keys = key_map::read_keys(delegated.map("keys")?)?;
        let listed = delegated.list("roles")?.map(Listed::read).collect::<Result<Vec<_>, _>>()?;
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
    fn read(value: Node<'a>) -> Result<Self, JsonError> {
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
