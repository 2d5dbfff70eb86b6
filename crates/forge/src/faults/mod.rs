//! Faults that have a name: each function damages one thing in one document of a [`Repository`].
//!
//! Most faults change a document and sign it again, so that the fault is the only thing wrong;
//! the snapshot then names the damaged bytes. Some of these changes are no faults in Notary's
//! eyes (an upper-case `method`, whitespace): they stand here because a server must know that.

mod delegations;
mod hashes;
mod key_types;
mod members;
mod root_keys;
mod signatures;
mod text;
mod thresholds;

use serde_json::Value;

use crate::repository::Repository;

/// One way to damage one document.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// What is wrong, in words with hyphens.
    pub name: &'static str,
    /// Which documents can have it.
    pub target: Target,
    apply: fn(&mut Repository, &str),
}

/// Which documents a fault applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Every document that the client signs.
    Any,
    /// A delegation only.
    Delegation,
    /// The root only.
    Root,
    /// The snapshot only.
    Snapshot,
    /// Targets, listing at least the delegation `targets/a`.
    Targets,
}

impl Fault {
    /// Whether `role`'s document can have this fault.
    #[must_use]
    pub fn fits(&self, role: &str) -> bool {
        match self.target {
            Target::Any => true,
            Target::Delegation => role.starts_with("targets/"),
            Target::Root => role == "root",
            Target::Snapshot => role == "snapshot",
            Target::Targets => role == "targets",
        }
    }

    /// Damages `role`'s document in `repository`.
    pub fn apply(&self, repository: &mut Repository, role: &str) {
        (self.apply)(repository, role);
    }
}

/// Every fault, in a fixed order.
pub fn all() -> impl Iterator<Item = &'static Fault> {
    [
        signatures::FAULTS,
        members::FAULTS,
        text::FAULTS,
        thresholds::FAULTS,
        root_keys::FAULTS,
        key_types::FAULTS,
        hashes::FAULTS,
        delegations::FAULTS,
    ]
    .into_iter()
    .flatten()
}

/// The fault called `name`.
#[must_use]
pub fn named(name: &str) -> Option<&'static Fault> {
    all().find(|fault| fault.name == name)
}

const fn fault(name: &'static str, target: Target, apply: fn(&mut Repository, &str)) -> Fault {
    Fault { name, target, apply }
}

/// Changes the member at `pointer` of the document's `signed`, and signs.
fn replace(repository: &mut Repository, role: &str, pointer: &str, with: Value) {
    repository.edit(role, |signed| {
        if let Some(member) = signed.pointer_mut(pointer) {
            *member = with;
        }
    });
}

/// Changes the text of the document's `signed`, and signs what it says then.
fn rewrite(repository: &mut Repository, role: &str, change: impl FnOnce(&str) -> String) {
    repository.damage(role, |document| document.signed = change(&document.signed));
    repository.sign(role);
}

/// Changes the bytes of the whole document after signing.
fn reframe(repository: &mut Repository, role: &str, change: impl FnOnce(&str) -> Vec<u8>) {
    repository.damage(role, |document| {
        let bytes = document.to_bytes();
        document.bytes_instead = Some(change(&String::from_utf8_lossy(&bytes)));
    });
}

/// Writes the whole document anew from the texts of `signed` and `signatures`, after signing.
fn frame(repository: &mut Repository, role: &str, write: impl FnOnce(&str, &str) -> String) {
    repository.damage(role, |document| {
        let signatures = Value::Array(document.signatures.clone()).to_string();
        document.bytes_instead = Some(write(&document.signed, &signatures).into_bytes());
    });
}

#[cfg(test)]
mod tests;
