//! A client's refresh over documents that lie ready: what a downloader does, without the network.

use std::collections::BTreeMap;

use bytes::Bytes;
use countersign_tuf::names::RoleName;
use countersign_tuf::trusted_set::{Attack, Delegations, RootChain, TrustedSet};

/// What a server serves at one moment: the newest document of each role.
pub(crate) type Served = BTreeMap<RoleName, Bytes>;

/// Goes from the timestamp to the last delegation. Nothing is served for a missing role.
pub(crate) fn refresh(chain: &RootChain, served: &Served) -> Result<TrustedSet, Attack> {
    let fetch = |role: &RoleName| served.get(role).cloned().unwrap_or_default();
    let timestamp = chain.update_timestamp(fetch(&RoleName::Timestamp))?;
    let snapshot = timestamp.update_snapshot(fetch(&RoleName::Snapshot))?;
    let mut delegations = snapshot.update_targets(fetch(&RoleName::Targets))?;
    loop {
        match delegations {
            Delegations::Complete(set) => return Ok(set),
            Delegations::Wanted(wanted) => {
                let raw = fetch(wanted.role());
                delegations = wanted.update(raw)?;
            }
        }
    }
}
