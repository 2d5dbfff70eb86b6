//! A reader's way from the root to the last delegation, over whatever answers.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::names::{Gun, RoleName};
use countersign_tuf::trusted_set::{Delegations, Limits, RootChain, TrustedSet};

use crate::upload;

/// What a reader has come to trust, and the bytes of it, by role.
#[derive(Debug)]
pub struct Followed {
    /// What is trusted.
    pub set: TrustedSet,
    /// The bytes of each role.
    pub documents: BTreeMap<String, Vec<u8>>,
}

/// Follows a collection as a client does; `before` is what the same client trusted until now.
/// `fetch` answers with the current document of a role, or with the one of a digest.
///
/// # Errors
/// A document is not there, or does not prove itself.
pub async fn follow(
    gun: &str,
    before: Option<&Followed>,
    fetch: impl AsyncFn(&RoleName, Option<Sha256Digest>) -> Result<Vec<u8>>,
) -> Result<Followed> {
    let mut documents = BTreeMap::new();
    let mut keep = |role: &RoleName, bytes: Vec<u8>| {
        documents.insert(role.to_string(), bytes.clone());
        Bytes::from(bytes)
    };
    let root = keep(&RoleName::Root, fetch(&RoleName::Root, None).await?);
    let now = upload::now();
    let chain = match before {
        Some(before) => before.set.refresh(now),
        None => RootChain::begin(Gun::parse(gun)?, root, now, Limits::default())?,
    };
    let timestamp = keep(&RoleName::Timestamp, fetch(&RoleName::Timestamp, None).await?);
    let timestamp = chain.update_timestamp(timestamp)?;
    let named = timestamp.wanted().sha256();
    let snapshot = keep(&RoleName::Snapshot, fetch(&RoleName::Snapshot, named).await?);
    let snapshot = timestamp.update_snapshot(snapshot)?;
    let named = snapshot.snapshot().content().entry(&RoleName::Targets);
    let named = named.context("the snapshot names no targets")?.sha256();
    let targets = keep(&RoleName::Targets, fetch(&RoleName::Targets, named).await?);
    let mut delegations = snapshot.update_targets(targets)?;
    loop {
        match delegations {
            Delegations::Complete(set) => return Ok(Followed { set, documents }),
            Delegations::Wanted(wanted) => {
                let role = wanted.role().clone();
                let bytes = keep(&role, fetch(&role, wanted.wanted().sha256()).await?);
                delegations = wanted.update(bytes)?;
            }
        }
    }
}
