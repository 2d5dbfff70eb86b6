//! Keys of a signer from before this server, under a server that begins: each is bound to the first
//! stored root that names it, before whoever asks first can have it.
//!
//! Notary's signer tells nobody for whom it made a key. This server keeps that of keys that are made
//! through it; for those from before, the stored roots say it. How far they were looked through is
//! kept, so that a later start looks at what was stored since.
//!
//! Source: contract section 3.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use countersign_custody::CustodyError;
use countersign_custody::remote::RemoteCustody;
use countersign_storage::{Inventory, RootWalk, StorageError, StorageResult};
use countersign_tuf::keys::{KeyId, PublicKey};
use countersign_tuf::metadata::Root;
use countersign_tuf::names::{Gun, RoleName, ServerRole};
use countersign_tuf::verify::Unverified;

/// How many rows are gone through at a time, of whatever roles.
const STEP: i64 = 10_000;

/// How many of the rows that were gone through are looked at again by the next start: a row may have
/// been stored after others with higher numbers.
const AGAIN: i64 = 1_000;

/// How long to wait before signer or database are asked again.
const PAUSE: Duration = Duration::from_secs(5);

/// A key that a root names, whose GUN that root is.
type Named = (KeyId, Gun, ServerRole);

/// Where the keys of a signer and the roots that name them are.
#[derive(Clone, Copy)]
pub struct SignerKeys<'a> {
    /// The signer, and what its keys are bound to.
    pub custody: &'a RemoteCustody,
    /// The rows of roots, and how far they were gone through for this signer.
    pub roots: &'a dyn RootWalk,
    /// The roots themselves.
    pub inventory: &'a dyn Inventory,
}

/// What became of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    ToItsFirstRoot,
    /// The signer does not have it, or it is another's.
    No,
    /// It could not be told.
    Unsettled,
}

impl SignerKeys<'_> {
    /// Binds every key of the signer that a stored root names and that is bound to none, in roots
    /// that no earlier start has gone through. Waits for database and signer as long as it takes. How
    /// many were bound.
    pub async fn bind(self) -> u64 {
        let signer = self.custody.signer().to_string();
        let (mut at, end) = loop {
            match self.extent(&signer).await {
                Ok(extent) => break extent,
                Err(error) => later(&error).await,
            }
        };
        let (mut bound, mut is_settled) = (0_u64, true);
        while at < end {
            let to = at.saturating_add(STEP).min(end);
            for (id, gun, role) in self.named_between(at, to).await {
                match self.bind_one(&gun, role, &id).await {
                    Bound::ToItsFirstRoot => bound = bound.saturating_add(1),
                    Bound::No => {}
                    Bound::Unsettled => is_settled = false,
                }
            }
            // What could not be settled is looked at again by the next start, and all after it.
            if is_settled && let Err(error) = self.roots.note_walked(&signer, to).await {
                tracing::debug!(%error, "how far the roots were looked through is not kept");
            }
            at = to;
        }
        self.custody.old_keys_gate().open();
        bound
    }

    /// The row after which the roots are to be gone through, and the last one.
    async fn extent(&self, signer: &str) -> StorageResult<(i64, i64)> {
        let walked_to = self.roots.walked_to(signer).await?;
        Ok((walked_to.saturating_sub(AGAIN).max(0), self.roots.last_row().await?))
    }

    /// The keys that are bound to none and that roots between the two rows name, each with the first
    /// that does.
    async fn named_between(&self, after: i64, to: i64) -> Vec<Named> {
        loop {
            match self.look_between(after, to).await {
                Ok(named) => return named,
                Err(error) => later(&error).await,
            }
        }
    }

    async fn look_between(&self, after: i64, to: i64) -> Result<Vec<Named>, CustodyError> {
        let (mut seen, mut named) = (BTreeSet::new(), Vec::new());
        for row in self.roots.roots(after, to).await? {
            let Ok(gun) = Gun::parse(&row.gun) else { continue };
            let Some(bytes) = readable(self.inventory.bytes(row.id).await)?.flatten() else {
                continue;
            };
            for (id, role) in server_keys(bytes) {
                if seen.insert(id.as_str().to_owned()) && !self.custody.is_bound(&id).await? {
                    named.push((id, gun.clone(), role));
                }
            }
        }
        Ok(named)
    }

    async fn bind_one(&self, gun: &Gun, role: ServerRole, id: &KeyId) -> Bound {
        loop {
            match self.custody.bind_first(gun, role, id).await {
                Ok(true) => return Bound::ToItsFirstRoot,
                Ok(false) => return Bound::No,
                Err(CustodyError::Unavailable { reason }) => {
                    tracing::debug!(reason, "keys from before wait to be bound");
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => {
                    tracing::warn!(%error, %gun, %role, "a key from before is not bound");
                    return Bound::Unsettled;
                }
            }
        }
    }
}

async fn later(error: &(dyn std::error::Error + Sync)) {
    tracing::warn!(%error, "the roots that name keys of the signer are looked for again");
    tokio::time::sleep(PAUSE).await;
}

/// The keys that a root names for the server's roles. One that cannot be read names none; that is
/// told when its GUN is judged.
fn server_keys(root: Bytes) -> Vec<(KeyId, ServerRole)> {
    let root =
        Unverified::<Root>::parse(RoleName::Root, root).and_then(|root| root.read_untrusted());
    let Ok(root) = root else { return Vec::new() };
    let of_role = |role: ServerRole| {
        let keys = root.role_keys(&role.name()).keys.into_iter();
        // Others are never a signer's.
        let could_sign = |(id, key): &(KeyId, PublicKey)| {
            key.id() == id && key.key_type().server_method().is_some()
        };
        keys.filter(could_sign).map(move |(id, _)| (id, role))
    };
    [ServerRole::Timestamp, ServerRole::Snapshot].into_iter().flat_map(of_role).collect()
}

/// A row that cannot be read concerns its own GUN.
fn readable<T>(read: StorageResult<T>) -> StorageResult<Option<T>> {
    match read {
        Ok(found) => Ok(Some(found)),
        Err(StorageError::Corrupt { .. }) => Ok(None),
        Err(other) => Err(other),
    }
}
