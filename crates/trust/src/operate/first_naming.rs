//! For whom old keys are that name no GUN or no role: the first stored root that names them.
//!
//! Source: contract section 3; signer spec 3.1 (rows older than the two columns).

use std::collections::{BTreeMap, btree_map::Entry};

use bytes::Bytes;
use countersign_storage::KeyRecord;
use countersign_tuf::metadata::Root;
use countersign_tuf::names::{Gun, RoleName, ServerRole};
use countersign_tuf::verify::Unverified;

/// Old keys, and the first root so far that names each.
#[derive(Debug, Default)]
pub(super) struct FirstNaming(BTreeMap<String, Old>);

/// What an old row says; empty where it is silent.
#[derive(Debug)]
struct Old {
    gun: String,
    role: String,
    /// The number of the root's row that names it first, and for whom.
    found: Option<(i64, String, ServerRole)>,
}

impl FirstNaming {
    /// Takes note of a key, if it is an old one.
    pub(super) fn note_key(&mut self, record: KeyRecord) {
        if record.gun.is_empty() || record.role.is_empty() {
            let old = Old { gun: record.gun, role: record.role, found: None };
            self.0.insert(record.key_id, old);
        }
    }

    /// Whether there is no old key.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes note of the keys that a stored root names. One that cannot be read, or of a GUN that
    /// cannot be, names nothing; that is told when the GUN is judged.
    pub(super) fn note_root(&mut self, gun: &str, row: i64, bytes: Bytes) {
        let root =
            Unverified::<Root>::parse(RoleName::Root, bytes).and_then(|root| root.read_untrusted());
        let (Ok(root), Ok(_)) = (root, Gun::parse(gun)) else { return };
        for role in [ServerRole::Timestamp, ServerRole::Snapshot] {
            for id in root.role_keys(&role.name()).keys.keys() {
                self.note(id.as_str(), row, gun, role);
            }
        }
    }

    /// The keys that a root names, each with its GUN and role.
    pub(super) fn bindings(self) -> BTreeMap<String, (String, ServerRole)> {
        let bound = |(id, old): (String, Old)| old.found.map(|(_, gun, role)| (id, (gun, role)));
        self.0.into_iter().filter_map(bound).collect()
    }

    fn note(&mut self, key_id: &str, row: i64, gun: &str, role: ServerRole) {
        let Entry::Occupied(mut entry) = self.0.entry(key_id.to_owned()) else { return };
        let old = entry.get_mut();
        let fits = |has: &str, wanted: &str| has.is_empty() || has == wanted;
        let is_first = old.found.as_ref().is_none_or(|(found, ..)| row < *found);
        if is_first && fits(&old.gun, gun) && fits(&old.role, role.as_str()) {
            old.found = Some((row, gun.to_owned(), role));
        }
    }
}
