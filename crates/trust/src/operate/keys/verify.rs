//! Trying out the keys that the server is to sign with: found, opened, and a signature made and
//! verified, in the home that each lives in.

use chrono::{DateTime, Utc};
use countersign_custody::{CustodyError, Home, KeyHomes};
use countersign_storage::{KeyBindings, MetadataStore, StorageError, StorageResult};
use countersign_tuf::keys::{KeyId, PublicKey, verify_signature};
use countersign_tuf::metadata::Root;
use countersign_tuf::names::{Gun, RoleName, ServerRole};
use countersign_tuf::verify::{RoleKeys, Unverified};

use super::retire::Retiring;

/// What is signed: no JSON, so no metadata.
const TRIAL: &[u8] = b"countersign keys verify: whether this key signs. This is no metadata.";

/// Tries out keys, GUN by GUN.
#[derive(Clone, Copy)]
pub struct KeyVerifier<'a> {
    /// The keys.
    pub homes: &'a KeyHomes,
    /// The roots.
    pub metadata: &'a dyn MetadataStore,
    /// What is known of a signer's keys without asking it.
    pub at_signer: &'a dyn KeyBindings,
    /// Keys that were let go of.
    pub retired: Retiring<'a>,
    /// The time of the look.
    pub now: DateTime<Utc>,
}

/// The keys that a current root names for one role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriedRole {
    /// The role.
    pub role: ServerRole,
    /// How many of them must sign.
    pub threshold: usize,
    /// Each of them.
    pub keys: Vec<TriedKey>,
}

/// A key that was tried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriedKey {
    /// Its ID.
    pub key_id: String,
    /// What came of it.
    pub verdict: KeyVerdict,
}

/// What came of trying out a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyVerdict {
    /// It signs, and lives here.
    Signs(Home),
    /// Nobody holds it.
    NotHeld,
    /// It is held and makes no good signature.
    Fails(String),
    /// It could not be asked for now.
    NotAsked(String),
}

impl TriedRole {
    /// Whether the server can sign for this role.
    #[must_use]
    pub fn is_well(&self) -> bool {
        let signs = |key: &&TriedKey| matches!(key.verdict, KeyVerdict::Signs(_));
        let is_bad =
            |key: &TriedKey| matches!(key.verdict, KeyVerdict::Fails(_) | KeyVerdict::NotAsked(_));
        self.keys.iter().filter(signs).count() >= self.threshold && !self.keys.iter().any(is_bad)
    }
}

impl KeyVerifier<'_> {
    /// The roles of exactly this GUN that the server is to sign: the timestamp, and the snapshot
    /// where its owner does not hold the key. `None`: there is no root that can be read.
    ///
    /// # Errors
    /// [`StorageError`] when the root, or whose key it names, could not be looked up.
    pub async fn verify(&self, gun: &Gun) -> StorageResult<Option<Vec<TriedRole>>> {
        let Some(root) = self.current_root(gun).await? else { return Ok(None) };
        let mut tried = Vec::new();
        for role in [ServerRole::Timestamp, ServerRole::Snapshot] {
            let found = self.try_role(gun, role, root.role_keys(&role.name())).await;
            if !self.is_owners(gun, &found).await? {
                tried.push(found);
            }
        }
        Ok(Some(tried))
    }

    /// A snapshot key that is not here is its owner's, unless it is known to have been here.
    async fn is_owners(&self, gun: &Gun, found: &TriedRole) -> StorageResult<bool> {
        let is_nowhere = found.keys.iter().all(|key| key.verdict == KeyVerdict::NotHeld);
        if found.role != ServerRole::Snapshot || !is_nowhere {
            return Ok(false);
        }
        for key in &found.keys {
            if self.was_here(gun, &key.key_id).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn was_here(&self, gun: &Gun, key_id: &str) -> StorageResult<bool> {
        let bound = match self.at_signer.binding(key_id).await {
            // Whatever it said, a server wrote it.
            Err(StorageError::Corrupt { .. }) => return Ok(true),
            read => read?,
        };
        if bound.is_some_and(|binding| binding.gun == *gun) {
            return Ok(true);
        }
        let retired = self.retired.find_retired(key_id, self.now).await?;
        Ok(retired.is_some_and(|retired| retired.record.gun == gun.as_str()))
    }

    async fn current_root(&self, gun: &Gun) -> StorageResult<Option<Root>> {
        let stored = match self.metadata.newest(gun, &RoleName::Root).await {
            Err(StorageError::Corrupt { .. }) => None,
            read => read?,
        };
        let read =
            |bytes| Unverified::<Root>::parse(RoleName::Root, bytes).ok()?.read_untrusted().ok();
        Ok(stored.and_then(|stored| read(stored.bytes)))
    }

    async fn try_role(&self, gun: &Gun, role: ServerRole, named: RoleKeys) -> TriedRole {
        let mut keys = Vec::new();
        for (id, key) in &named.keys {
            let verdict = self.try_key(gun, role, id, key).await;
            keys.push(TriedKey { key_id: id.to_string(), verdict });
        }
        let threshold = usize::try_from(named.threshold).unwrap_or(usize::MAX);
        TriedRole { role, threshold, keys }
    }

    async fn try_key(
        &self,
        gun: &Gun,
        role: ServerRole,
        id: &KeyId,
        named: &PublicKey,
    ) -> KeyVerdict {
        let (home, signature) = match self.homes.try_out_where_it_is(gun, role, id, TRIAL).await {
            Ok(Some(found)) => found,
            Ok(None) => return KeyVerdict::NotHeld,
            Err(CustodyError::Unavailable { reason }) => return KeyVerdict::NotAsked(reason),
            Err(error) => return KeyVerdict::Fails(error.to_string()),
        };
        let Some(method) = named.key_type().server_method() else {
            let reason = format!("no server signs with keys of type {}", named.key_type().as_str());
            return KeyVerdict::Fails(reason);
        };
        if signature.key != *named {
            return KeyVerdict::Fails("its public half is not the one in the root".to_owned());
        }
        if !verify_signature(named, &method, TRIAL, &signature.bytes) {
            return KeyVerdict::Fails("it made a signature that does not verify".to_owned());
        }
        KeyVerdict::Signs(home)
    }
}
