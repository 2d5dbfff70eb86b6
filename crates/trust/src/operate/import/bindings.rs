//! For whom old keys are that name no GUN or no role: the first stored root that names them.
//!
//! Source: contract section 3; signer spec 3.1 (rows older than the two columns).

use std::collections::BTreeMap;

use countersign_storage::SealedKey;
use countersign_tuf::names::ServerRole;

use super::account::Account;
use super::{Import, Stage, Step, source};
use crate::operate::HeldKeys;
use crate::operate::first_naming::FirstNaming;

/// How many names or records are read at a time.
pub(super) const PAGE: u32 = 1_000;

/// Old keys by ID, and for whom they are.
#[derive(Debug, Default)]
pub(super) struct Bindings {
    bound: BTreeMap<String, (String, ServerRole)>,
    /// How many keys there are in all.
    pub(super) keys: u64,
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
        let (mut naming, mut keys) = (FirstNaming::default(), 0_u64);
        let mut last = None;
        loop {
            let page = source(self.source.catalogue.records(None, last.as_ref(), PAGE).await)?;
            let Some(end) = page.last() else { break };
            last = Some(end.clone());
            for record in page {
                self.go_on()?;
                self.watch.advance();
                keys = keys.saturating_add(1);
                naming.note_key(record);
            }
        }
        if !naming.is_empty() {
            self.look_through_roots(&mut naming).await?;
        }
        let bound = naming.bindings();
        account.keys_bound = u64::try_from(bound.len()).unwrap_or(u64::MAX);
        Ok(Bindings { bound, keys })
    }

    async fn look_through_roots(&self, naming: &mut FirstNaming) -> Step {
        let mut last: Option<String> = None;
        loop {
            let page = source(self.source.inventory.guns(last.as_deref(), PAGE).await)?;
            let Some(end) = page.last() else { return Ok(()) };
            last = Some(end.clone());
            for gun in page {
                self.go_on()?;
                self.watch.advance();
                self.look_through_roots_of(&gun, naming).await?;
            }
        }
    }

    /// What cannot be read names nothing; that is told when the GUN is judged.
    async fn look_through_roots_of(&self, gun: &str, naming: &mut FirstNaming) -> Step {
        let Some(rows) = self.readable(self.source.inventory.versions(gun).await)? else {
            return Ok(());
        };
        for row in rows.iter().filter(|row| row.role == "root") {
            let bytes = self.readable(self.source.inventory.bytes(row.id).await)?;
            if let Some(bytes) = bytes.flatten() {
                naming.note_root(gun, row.id, bytes);
            }
        }
        Ok(())
    }
}
