//! A reader: follows a collection from its root to its last delegation, as a client does, and
//! never believes anything older than before.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use countersign_tests::upload;
use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::names::{Gun, RoleName};
use countersign_tuf::trusted_set::{
    Attack, Delegations, Limits, RootChain, TrustedSet, TrustedSnapshot,
};
use rand::Rng as _;
use rand::rngs::StdRng;

use super::{Bell, Client};
use crate::history::{By, Edition, Moment, Set};

/// About how long a reader waits between two collections, in milliseconds.
const PACE: u64 = 120;

/// How often a root may be replaced while one reader follows it.
const ROOTS: usize = 20;

/// Documents by role.
pub(crate) type Documents = HashMap<Arc<str>, Vec<u8>>;

/// A collection and its roles, each of which may be asked for by name.
pub(crate) type Collection = (Arc<str>, Vec<Arc<str>>);

/// One reader, and what it has come to trust.
pub(crate) struct Reader {
    pub(super) client: Client,
    pub(super) rng: StdRng,
    trusted: HashMap<Arc<str>, TrustedSet>,
}

/// Why a refresh has no end.
enum Stop {
    /// A document was not served.
    NotServed,
    /// What was served does not follow from what is trusted.
    Refused(String),
}

impl From<Attack> for Stop {
    fn from(attack: Attack) -> Self {
        Self::Refused(attack.to_string())
    }
}

impl Reader {
    pub(crate) fn new(client: Client, rng: StdRng) -> Self {
        Self { client, rng, trusted: HashMap::new() }
    }

    /// Reads collections by chance until the bell rings, then each of them once more.
    pub(crate) async fn read(mut self, collections: Arc<[Collection]>, mut bell: Bell) {
        while bell.pause(&mut self.rng, PACE).await {
            let chosen = self.rng.random_range(0..collections.len());
            let Some((gun, roles)) = collections.get(chosen) else { return };
            self.refresh(gun).await;
            // And one document past everything else, as it is now.
            let chosen = self.rng.random_range(0..roles.len());
            let Some(role) = roles.get(chosen) else { return };
            self.client.document(&mut self.rng, gun, role, By::Name).await;
        }
        for (gun, _) in collections.iter() {
            self.refresh(gun).await;
        }
    }

    /// Follows the collection, and writes down what it found. `None`: something was not served, or
    /// is not to be believed.
    pub(crate) async fn refresh(&mut self, gun: &Arc<str>) -> Option<Documents> {
        let mut documents = Documents::new();
        let mut began = self.client.recorder().now();
        let followed = self.follow(gun, &mut documents, &mut began).await;
        let refused = match &followed {
            Ok(_) => None,
            Err(Stop::Refused(reason)) => Some(reason.clone()),
            Err(Stop::NotServed) => return None,
        };
        let editions = documents.iter().filter_map(|(role, bytes)| Edition::of(role, bytes).ok());
        let (editions, ended) = (editions.collect(), self.client.recorder().now());
        let gun = Arc::clone(gun);
        self.client.recorder().set(Set { gun: Arc::clone(&gun), began, ended, editions, refused });
        self.trusted.insert(gun, followed.ok()?);
        Some(documents)
    }

    async fn follow(
        &mut self,
        gun: &Arc<str>,
        documents: &mut Documents,
        began: &mut Moment,
    ) -> Result<TrustedSet, Stop> {
        let snapshot = self.follow_roots(gun, documents, began).await?;
        let named = snapshot.snapshot().content().entry(&RoleName::Targets);
        let digest = named.and_then(|entry| entry.sha256());
        let targets = self.named(gun, &RoleName::Targets, digest, documents).await?;
        let mut delegations = snapshot.update_targets(targets)?;
        loop {
            match delegations {
                Delegations::Complete(set) if set.skipped().is_empty() => return Ok(set),
                Delegations::Complete(set) => {
                    return Err(Stop::Refused(format!("skipped: {:?}", set.skipped())));
                }
                Delegations::Wanted(wanted) => {
                    let (role, digest) = (wanted.role().clone(), wanted.wanted().sha256());
                    let bytes = self.named(gun, &role, digest, documents).await?;
                    delegations = wanted.update(bytes)?;
                }
            }
        }
    }

    /// Root, timestamp and snapshot. A root that is replaced between the first and the last of
    /// them is asked for again.
    async fn follow_roots(
        &mut self,
        gun: &Arc<str>,
        documents: &mut Documents,
        began: &mut Moment,
    ) -> Result<TrustedSnapshot, Stop> {
        let known = self.trusted.get(gun).map(|set| set.refresh(upload::now()));
        let mut chain = self.newest_root(gun, known, documents).await?;
        for _ in 0..ROOTS {
            *began = self.client.recorder().now();
            let timestamp = self.current(gun, &RoleName::Timestamp, documents).await?;
            let timestamp = chain.update_timestamp(timestamp)?;
            let digest = timestamp.wanted().sha256();
            let snapshot = self.named(gun, &RoleName::Snapshot, digest, documents).await?;
            let of_another_root = match timestamp.update_snapshot(snapshot) {
                Ok(snapshot) => return Ok(snapshot),
                Err(attack @ Attack::MixAndMatch { role: RoleName::Root, .. }) => attack,
                Err(attack) => return Err(attack.into()),
            };
            let known = chain.root().version();
            let refreshed = timestamp.refresh(upload::now());
            chain = self.newest_root(gun, Some(refreshed), documents).await?;
            if chain.root().version() == known {
                return Err(of_another_root.into());
            }
        }
        Err(Stop::Refused("the root never stands still".to_owned()))
    }

    /// From the root that is trusted to the one that is current, version by version.
    async fn newest_root(
        &mut self,
        gun: &Arc<str>,
        chain: Option<RootChain>,
        documents: &mut Documents,
    ) -> Result<RootChain, Stop> {
        let bytes = self.current(gun, &RoleName::Root, documents).await?;
        let role: Arc<str> = RoleName::Root.as_str().into();
        let refused = |error: String| Stop::Refused(error);
        let newest = Edition::of(&role, &bytes).map_err(|error| refused(error.to_string()))?;
        let Some(mut chain) = chain else {
            let name = Gun::parse(gun).map_err(|error| refused(error.to_string()))?;
            return Ok(RootChain::begin(name, bytes, upload::now(), Limits::default())?);
        };
        let known = chain.root().version().get();
        if newest.version < known {
            return Err(refused(format!("root {} came after {known}", newest.version)));
        }
        for version in known + 1..=newest.version {
            let by = By::Version(version);
            let next = self.client.document(&mut self.rng, gun, &role, by).await;
            chain.update_root(next.ok_or(Stop::NotServed)?.into())?;
        }
        Ok(chain)
    }

    async fn current(
        &mut self,
        gun: &Arc<str>,
        role: &RoleName,
        documents: &mut Documents,
    ) -> Result<Bytes, Stop> {
        self.fetch(gun, role, By::Name, documents).await
    }

    async fn named(
        &mut self,
        gun: &Arc<str>,
        role: &RoleName,
        digest: Option<Sha256Digest>,
        documents: &mut Documents,
    ) -> Result<Bytes, Stop> {
        let digest = digest.ok_or_else(|| Stop::Refused(format!("nothing names a {role}")))?;
        self.fetch(gun, role, By::Digest(*digest.as_bytes()), documents).await
    }

    async fn fetch(
        &mut self,
        gun: &Arc<str>,
        role: &RoleName,
        by: By,
        documents: &mut Documents,
    ) -> Result<Bytes, Stop> {
        let role: Arc<str> = role.as_str().into();
        let bytes = self.client.document(&mut self.rng, gun, &role, by).await;
        let bytes = bytes.ok_or(Stop::NotServed)?;
        documents.insert(role, bytes.clone());
        Ok(bytes.into())
    }
}
