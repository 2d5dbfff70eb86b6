//! For whom old keys are that name no GUN or no role: the first stored root that names them.
//!
//! Source: contract section 3; signer spec 3.1 (rows older than the two columns).

use std::collections::{BTreeMap, btree_map::Entry};

use countersign_storage::SealedKey;
use countersign_tuf::metadata::Root;
use countersign_tuf::names::{Gun, RoleName, ServerRole};
use countersign_tuf::verify::Unverified;

use super::account::Account;
use super::{Import, Stage, Step, source};
use crate::operate::HeldKeys;

/// How many names or records are read at a time.
pub(super) const PAGE: u32 = 1_000;

/// Old keys by ID, and for whom they are.
#[derive(Debug, Default)]
pub(super) struct Bindings {
    bound: BTreeMap<String, (String, ServerRole)>,
    /// How many keys there are in all.
    pub(super) keys: u64,
}

/// What an old row says; empty where it is silent.
struct Old {
    gun: String,
    role: String,
    /// The number of the root's row that names it first, and for whom.
    found: Option<(i64, String, ServerRole)>,
}

impl Bindings {
    /// The row, bound where it is silent.
    pub(super) fn bind(&self, row: SealedKey) -> SealedKey {
        match self.bound.get(&row.key_id) {
            Some((gun, role)) => {
                SealedKey { gun: gun.clone(), role: role.as_str().to_owned(), ..row }
            }
            None => row,
        }
    }

    /// The keys as the server will find them.
    pub(super) fn held<'k>(&self, keys: HeldKeys<'k>) -> HeldKeys<'k> {
        keys.bound_by(self.bound.clone())
    }

    pub(super) fn is_bound(&self, key_id: &str) -> bool {
        self.bound.contains_key(key_id)
    }
}

impl Import<'_> {
    /// Looks through all stored roots, if there is any old key.
    pub(super) async fn bindings(&self, account: &mut Account) -> Step<Bindings> {
        self.watch.begin(Stage::Counting, None);
        let (mut old, mut keys) = (BTreeMap::new(), 0_u64);
        let mut last = None;
        loop {
            let page = source(self.source.catalogue.records(None, last.as_ref(), PAGE).await)?;
            let Some(end) = page.last() else { break };
            last = Some(end.clone());
            for record in page {
                self.go_on()?;
                self.watch.advance();
                keys = keys.saturating_add(1);
                if record.gun.is_empty() || record.role.is_empty() {
                    let silent = Old { gun: record.gun, role: record.role, found: None };
                    old.insert(record.key_id, silent);
                }
            }
        }
        if !old.is_empty() {
            self.look_through_roots(&mut old).await?;
        }
        let bound: BTreeMap<_, _> = old
            .into_iter()
            .filter_map(|(id, old)| old.found.map(|(_, gun, role)| (id, (gun, role))))
            .collect();
        account.keys_bound = u64::try_from(bound.len()).unwrap_or(u64::MAX);
        Ok(Bindings { bound, keys })
    }

    async fn look_through_roots(&self, old: &mut BTreeMap<String, Old>) -> Step {
        let mut last: Option<String> = None;
        loop {
            let page = source(self.source.inventory.guns(last.as_deref(), PAGE).await)?;
            let Some(end) = page.last() else { return Ok(()) };
            last = Some(end.clone());
            for gun in page {
                self.go_on()?;
                self.watch.advance();
                self.look_through_roots_of(&gun, old).await?;
            }
        }
    }

    /// What cannot be read names nothing; that is told when the GUN is judged.
    async fn look_through_roots_of(&self, gun: &str, old: &mut BTreeMap<String, Old>) -> Step {
        if Gun::parse(gun).is_err() {
            return Ok(());
        }
        let Some(rows) = self.readable(self.source.inventory.versions(gun).await)? else {
            return Ok(());
        };
        for row in rows.iter().filter(|row| row.role == "root") {
            let bytes = self.readable(self.source.inventory.bytes(row.id).await)?;
            let Some(bytes) = bytes.flatten() else { continue };
            let root = Unverified::<Root>::parse(RoleName::Root, bytes)
                .and_then(|root| root.read_untrusted());
            let Ok(root) = root else { continue };
            for role in [ServerRole::Timestamp, ServerRole::Snapshot] {
                for id in root.role_keys(&role.name()).keys.keys() {
                    note(old, id.as_str(), row.id, gun, role);
                }
            }
        }
        Ok(())
    }
}

fn note(old: &mut BTreeMap<String, Old>, key_id: &str, row: i64, gun: &str, role: ServerRole) {
    let Entry::Occupied(mut entry) = old.entry(key_id.to_owned()) else { return };
    let old = entry.get_mut();
    let fits = |has: &str, wanted: &str| has.is_empty() || has == wanted;
    let is_first = old.found.as_ref().is_none_or(|(found, ..)| row < *found);
    if is_first && fits(&old.gun, gun) && fits(&old.role, role.as_str()) {
        old.found = Some((row, gun.to_owned(), role));
    }
}
