//! Keys of a signer from before this server, under a server that begins: each is bound to the first
//! stored root that names it, before whoever asks first can have it.
//!
//! Notary's signer tells nobody for whom it made a key. This server keeps that of keys that are made
//! through it; for those from before, the stored roots say it.
//!
//! Source: contract section 3.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use countersign_custody::CustodyError;
use countersign_custody::remote::RemoteCustody;
use countersign_storage::{Inventory, StorageError, StorageResult};
use countersign_tuf::keys::{KeyId, PublicKey};
use countersign_tuf::metadata::Root;
use countersign_tuf::names::{Gun, RoleName, ServerRole};
use countersign_tuf::verify::Unverified;

/// How many GUNs are read at a time.
const PAGE: u32 = 1_000;

/// How long to wait before signer or database are asked again.
const PAUSE: Duration = Duration::from_secs(5);

/// The first root so far that names each key: its row, its GUN, the role.
type FirstRoots = BTreeMap<String, (i64, Gun, ServerRole)>;

/// Where the keys of a signer and the roots that name them are.
#[derive(Clone, Copy)]
pub struct SignerKeys<'a> {
    /// The signer, and what its keys are bound to.
    pub custody: &'a RemoteCustody,
    /// The roots.
    pub inventory: &'a dyn Inventory,
}

impl SignerKeys<'_> {
    /// Binds every key of the signer that a stored root names and that is bound to none. Waits for
    /// database and signer as long as it takes. How many were bound.
    pub async fn bind(self) -> u64 {
        let named = loop {
            match self.unbound().await {
                Ok(named) => break named,
                Err(error) => {
                    tracing::warn!(%error, "the roots that name keys of the signer are looked for again");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        };
        let mut bound = 0_u64;
        for (id, (_, gun, role)) in named {
            if self.bind_one(&gun, role, &KeyId::claimed(&id)).await {
                bound = bound.saturating_add(1);
            }
        }
        self.custody.old_keys_gate().open();
        bound
    }

    /// A key that the signer has not is no key of its.
    async fn bind_one(&self, gun: &Gun, role: ServerRole, id: &KeyId) -> bool {
        loop {
            match self.custody.bind_first(gun, role, id).await {
                Ok(bound) => return bound,
                Err(CustodyError::Unavailable { reason }) => {
                    tracing::debug!(reason, "keys from before wait to be bound");
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => {
                    tracing::warn!(%error, %gun, %role, "a key from before is not bound");
                    return false;
                }
            }
        }
    }

    /// The keys that a stored root names and that are bound to none.
    async fn unbound(&self) -> Result<FirstRoots, CustodyError> {
        let (mut first, mut last) = (FirstRoots::new(), None::<String>);
        loop {
            let page = self.inventory.guns(last.as_deref(), PAGE).await?;
            let Some(end) = page.last() else { return Ok(first) };
            last = Some(end.clone());
            for gun in page {
                let Ok(gun) = Gun::parse(&gun) else { continue };
                for (id, (row, role)) in self.named_by(&gun).await? {
                    if self.custody.is_bound(&KeyId::claimed(&id)).await? {
                        continue;
                    }
                    let found = first.entry(id).or_insert_with(|| (row, gun.clone(), role));
                    if row < found.0 {
                        *found = (row, gun.clone(), role);
                    }
                }
            }
        }
    }

    /// The keys that roots of this GUN name for the server's roles, each with the first that does.
    async fn named_by(
        &self,
        gun: &Gun,
    ) -> Result<BTreeMap<String, (i64, ServerRole)>, CustodyError> {
        let mut named = BTreeMap::new();
        let rows = readable(self.inventory.versions(gun.as_str()).await)?.unwrap_or_default();
        for row in rows.iter().filter(|row| row.role == "root") {
            let Some(bytes) = readable(self.inventory.bytes(row.id).await)?.flatten() else {
                continue;
            };
            for (id, role) in server_keys(bytes) {
                let found = named.entry(id).or_insert((row.id, role));
                if row.id < found.0 {
                    *found = (row.id, role);
                }
            }
        }
        Ok(named)
    }
}

/// The keys that a root names for the server's roles. One that cannot be read names none; that is
/// told when its GUN is judged.
fn server_keys(root: Bytes) -> Vec<(String, ServerRole)> {
    let root =
        Unverified::<Root>::parse(RoleName::Root, root).and_then(|root| root.read_untrusted());
    let Ok(root) = root else { return Vec::new() };
    let of_role = |role: ServerRole| {
        let keys = root.role_keys(&role.name()).keys.into_iter();
        // Others are never a signer's.
        let could_sign = |(id, key): &(KeyId, PublicKey)| {
            key.id() == id && key.key_type().server_method().is_some()
        };
        keys.filter(could_sign).map(move |(id, _)| (id.as_str().to_owned(), role))
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
