//! Keys of the signer that were met a while ago, so that a signature is one call.
//!
//! What is kept never changes: an ID is the hash of its key, and a key is bound once. Whether the
//! signer still has the key is its to say at each call.

use chrono::{DateTime, Utc};
use countersign_tuf::keys::{KeyId, PublicKey};
use countersign_tuf::names::{Gun, ServerRole};
use quick_cache::sync::Cache;

/// The most keys that are kept; each takes well below a kilobyte.
const MOST: usize = 16_384;

/// A key that this server may use.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// Its public half, once it was asked for.
    pub(super) key: Option<PublicKey>,
    /// The GUN it is bound to.
    pub(super) gun: Gun,
    /// The role it is bound to.
    pub(super) role: ServerRole,
    /// When its last use was noted; `None`: it has not signed here.
    pub(super) last_used: Option<DateTime<Utc>>,
}

impl Known {
    pub(super) fn is_for(&self, gun: &Gun, role: ServerRole) -> bool {
        self.gun == *gun && self.role == role
    }
}

/// A bounded map from key ID to what is known of the key.
pub(super) struct KnownKeys(Cache<String, Known>);

impl KnownKeys {
    pub(super) fn new() -> Self {
        Self(Cache::new(MOST))
    }

    pub(super) fn find(&self, id: &KeyId) -> Option<Known> {
        self.0.get(id.as_str())
    }

    pub(super) fn keep(&self, id: &KeyId, known: Known) {
        self.0.insert(id.as_str().to_owned(), known);
    }

    /// Forgets a key that the signer does not have any more.
    pub(super) fn forget(&self, id: &KeyId) {
        self.0.remove(id.as_str());
    }
}
