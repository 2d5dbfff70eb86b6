//! What the client knows of one server: its repositories there, the keys it was given, the
//! answers it may need again. There is one world per server; both follow the same plan.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use countersign_forge::repository::{Repository, ServerKeys};
use serde_json::Value;

/// Who holds the snapshot key of a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SnapshotHolder {
    Client,
    Server,
}

/// The client's side of everything at one server.
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) now: DateTime<Utc>,
    /// By GUN: what was published last.
    pub(crate) repositories: BTreeMap<String, Repository>,
    /// By GUN and role: the key that the server offered last.
    pub(crate) keys: BTreeMap<(String, String), Value>,
    /// By GUN (empty: all): the IDs of the change rows seen last.
    pub(crate) change_ids: BTreeMap<String, Vec<String>>,
    /// By GUN: hex SHA-256 of documents seen last, by file name.
    pub(crate) digests: BTreeMap<(String, String), String>,
}

impl World {
    pub(crate) fn new(seed: u64, now: DateTime<Utc>) -> Self {
        Self {
            seed,
            now,
            repositories: BTreeMap::new(),
            keys: BTreeMap::new(),
            change_ids: BTreeMap::new(),
            digests: BTreeMap::new(),
        }
    }

    /// What was published last at `gun`, to change and publish again.
    pub(crate) fn repository(&self, gun: &str) -> Repository {
        self.repositories.get(gun).cloned().unwrap_or_else(|| panic!("nothing published at {gun}"))
    }

    /// The key that the server offered for `role` of `gun`.
    pub(crate) fn key(&self, gun: &str, role: &str) -> Value {
        let key = self.keys.get(&(gun.to_owned(), role.to_owned()));
        key.cloned().unwrap_or_else(|| panic!("no {role} key asked for {gun}"))
    }

    /// A new collection with the server's keys: root, targets and snapshot at version 1.
    pub(crate) fn fresh(&self, gun: &str, holder: SnapshotHolder) -> Repository {
        let snapshot = (holder == SnapshotHolder::Server).then(|| self.key(gun, "snapshot"));
        let server = ServerKeys { timestamp: self.key(gun, "timestamp"), snapshot };
        Repository::new(gun, self.seed ^ name_hash(gun), self.now, &server)
    }

    /// A collection with something of everything: targets with an entry, the delegations
    /// `targets/a` and `targets/a/b`.
    pub(crate) fn furnished(&self, gun: &str, holder: SnapshotHolder) -> Repository {
        let mut repository = self.fresh(gun, holder);
        let key = repository.new_ecdsa_key();
        repository.add_delegation("targets/a", key);
        let key = repository.new_ed25519_key();
        repository.add_delegation("targets/a/b", key);
        repository.add_target("targets", "v1", b"content");
        repository.add_target("targets/a", "v2", b"other content");
        repository
    }
}

/// FNV-1a: gives each GUN its own keys, the same on both servers and in every run.
fn name_hash(gun: &str) -> u64 {
    gun.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
