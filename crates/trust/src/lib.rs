//! What the product is without HTTP: a publish goes in, a verdict comes out, and whatever must be
//! atomic happens here.
//!
//! Never in here: HTTP types, SQL, private keys.
//!
//! To add an operation: one file with one `impl Trust` block, named for the verb.

mod changes;
mod clock;
mod clock_watch;
mod delete;
mod error;
mod follow_deletions;
mod freshen;
mod health;
mod keep_fresh;
mod key_list;
mod load;
mod locks;
mod margins;
mod memory;
pub mod operate;
mod patience;
mod publish;
mod read;
mod recent_reads;
mod renew;
mod server_keys;
mod sign;
mod storage_limits;

use std::num::NonZeroU32;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Duration, Utc};
use countersign_custody::{Custody, KeyPlan};
use countersign_storage::{MetadataStore, StoredDocument};
use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::rules::Circumstances;

pub use clock::{Clock, SystemClock};
pub use clock_watch::{BackwardClock, ClockWentBack};
pub use countersign_custody::CustodyError;
pub use countersign_custody::signature_log::Caller as SignatureCaller;
pub use countersign_storage::{Change, ChangeCategory, ChangeRange, StorageError};
pub use error::{MissingKeys, TrustError};
pub use follow_deletions::{DeletionFollower, follow_deletions};
pub use health::Health;
pub use keep_fresh::keep_fresh;
pub use key_list::{KeyList, ListedKey, RemoteKeyList, Standing};
pub use memory::MemoryUse;
pub use publish::NewVersion;
pub use read::Led;
pub use renew::{Renewal, Round};
pub use storage_limits::{OverStorageLimit, StorageLimit, StorageLimits};

use clock_watch::ClockWatch;
use locks::GunLocks;
use memory::Memory;
use recent_reads::RecentReads;

/// What an operator may choose about how the server signs and judges.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The algorithm of new server keys, by GUN and role. Where they go is for custody to know.
    pub key_plan: Arc<KeyPlan>,
    /// How long a new timestamp lives.
    pub timestamp_lifetime: Duration,
    /// How long a new server-signed snapshot lives.
    pub snapshot_lifetime: Duration,
    /// How far above the highest stored version of its role a new version may be; `None`: any
    /// distance.
    pub max_version_step: Option<NonZeroU32>,
    /// What to do when the clock reads earlier than what is stored.
    pub backward_clock: BackwardClock,
    /// How long one operation may take before it fails as [`TrustError::TooSlow`].
    pub patience: std::time::Duration,
    /// Whether anything is stored or signed.
    pub writes: Writes,
    /// How many bytes the bodies of documents may take in memory, overhead included; 0: none is
    /// kept. Whoever sets more than that runs [`follow_deletions`] beside the service.
    pub body_bytes: u64,
}

/// Whether a service stores and signs anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writes {
    /// Publishes, deletions and new keys are taken, and what is due is signed again.
    Taken,
    /// Every operation that would store anything fails as [`TrustError::ReadOnly`]. Reads go on as
    /// long as what is stored has not expired.
    Refused,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            key_plan: Arc::default(),
            timestamp_lifetime: Duration::days(14),
            snapshot_lifetime: Duration::days(3 * 365),
            max_version_step: NonZeroU32::new(100_000),
            backward_clock: BackwardClock::Refused,
            patience: std::time::Duration::from_secs(60),
            writes: Writes::Taken,
            body_bytes: 64 * 1024 * 1024,
        }
    }
}

/// The service.
pub struct Trust {
    store: Arc<dyn MetadataStore>,
    custody: Arc<dyn Custody>,
    clock: Arc<dyn Clock>,
    policy: Policy,
    locks: GunLocks,
    memory: Memory,
    reads: RecentReads,
    watch: ClockWatch,
    storage_limits: Option<Arc<StorageLimits>>,
}

/// A document to serve: the exact bytes that were signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The exact bytes.
    pub bytes: Bytes,
    /// Their SHA-256.
    pub sha256: Sha256Digest,
    /// When this version was stored.
    pub stored_at: DateTime<Utc>,
}

impl From<StoredDocument> for Document {
    fn from(stored: StoredDocument) -> Self {
        Self { bytes: stored.bytes, sha256: stored.sha256, stored_at: stored.stored_at }
    }
}

impl Trust {
    /// The service over a store, a custody and a clock.
    #[must_use]
    pub fn new(
        store: Arc<dyn MetadataStore>,
        custody: Arc<dyn Custody>,
        clock: Arc<dyn Clock>,
        policy: Policy,
    ) -> Self {
        Self {
            memory: Memory::new(Arc::clone(&store), policy.body_bytes),
            store,
            custody,
            clock,
            locks: GunLocks::default(),
            reads: RecentReads::default(),
            watch: ClockWatch::new(policy.backward_clock),
            policy,
            storage_limits: None,
        }
    }

    /// The same service, which keeps what is stored within `limits`.
    #[must_use]
    pub fn within(self, limits: Arc<StorageLimits>) -> Self {
        Self { storage_limits: Some(limits), ..self }
    }

    /// How much the bodies in memory are used.
    #[must_use]
    pub fn memory_use(&self) -> MemoryUse {
        self.memory.usage()
    }

    /// Passes unless this service only reads.
    fn refuse_if_read_only(&self) -> Result<(), TrustError> {
        match self.policy.writes {
            Writes::Taken => Ok(()),
            Writes::Refused => Err(TrustError::ReadOnly),
        }
    }

    /// The time and the policy, as the rules take them.
    fn circumstances(&self) -> Circumstances {
        Circumstances {
            now: self.clock.now(),
            snapshot_lifetime: self.policy.snapshot_lifetime,
            max_version_step: self.policy.max_version_step,
        }
    }
}
