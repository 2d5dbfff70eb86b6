//! Which GUN and role each key of a remote signer is for. Notary's signer does not say, and would
//! sign for any; so this server keeps it, beside its metadata.
//!
//! Source: contract section 3 (a key signs only for the GUN and role it was made for).

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use countersign_tuf::names::{Gun, ServerRole};

use super::StorageResult;

/// A remote key, and what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyBinding {
    /// Lower-case hex key ID.
    pub key_id: String,
    /// `ecdsa`, `ed25519` or `rsa`.
    pub algorithm: String,
    /// The one GUN that it signs for.
    pub gun: Gun,
    /// The one role that it signs for.
    pub role: ServerRole,
    /// When it was first met.
    pub bound_at: DateTime<Utc>,
    /// When it last signed here, as far as that was noted; `None`: never.
    pub last_used: Option<DateTime<Utc>>,
}

/// A store of bindings.
///
/// Where this user could not make the table for them, there are none: calls that look answer so,
/// [`bind_key`](Self::bind_key) is refused as [`StorageError::Other`],
/// which names the mend, and the others find nothing to change.
#[async_trait]
pub trait KeyBindings: Send + Sync {
    /// The binding of exactly this key.
    async fn binding(&self, key_id: &str) -> StorageResult<Option<KeyBinding>>;

    /// Stores a binding unless the key has one; returns the one that it has afterwards. Atomic: of
    /// several callers at once, the first binds.
    async fn bind_key(&self, binding: &KeyBinding) -> StorageResult<KeyBinding>;

    /// Notes that the key signed at `at`. A key without a binding is no error.
    async fn note_binding_used(&self, key_id: &str, at: DateTime<Utc>) -> StorageResult<()>;

    /// The bindings that follow `after` (`None`: the first), in the order of GUN, role and key ID,
    /// compared byte for byte; at most `most`. Only those of `gun` where one is given.
    async fn bindings(
        &self,
        gun: Option<&Gun>,
        after: Option<&KeyBinding>,
        most: u32,
    ) -> StorageResult<Vec<KeyBinding>>;

    /// Forgets the binding of exactly this key. Whether there was one.
    async fn unbind_key(&self, key_id: &str) -> StorageResult<bool>;
}

/// The role of this name whose keys a server holds.
pub(crate) fn server_role(name: &str) -> Option<ServerRole> {
    [ServerRole::Snapshot, ServerRole::Timestamp].into_iter().find(|role| role.as_str() == name)
}
