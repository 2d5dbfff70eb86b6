//! Publish: an update goes in; it is stored whole, or nothing happens.
//!
//! Source: server spec 4; contract section 4 (races).

use std::collections::BTreeSet;
use std::sync::Arc;

use countersign_storage::{Commit, Heads, Used};
use countersign_tuf::accepted::{AcceptedDocument, AcceptedUpdate};
use countersign_tuf::keys::KeyId;
use countersign_tuf::names::{Gun, RoleName, ServerRole, Version};
use countersign_tuf::reason::Reason;
use countersign_tuf::rules::{Decision, Refusal, Stored, Update, UploadedPart, decide};

use crate::storage_limits::Reservation;
use crate::{Trust, TrustError};

/// How often an update is decided again because others keep moving its base.
const TRIES: usize = 32;

/// A version that was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewVersion {
    /// Its role.
    pub role: RoleName,
    /// The version.
    pub version: Version,
    /// The keys whose signatures on it were verified.
    pub signers: BTreeSet<KeyId>,
}

impl Trust {
    /// Publishes the parts of an upload, all or nothing. Says which roles have a new version:
    /// those of the upload, and those that the server signed.
    ///
    /// Who loses a race is decided again on the new state when the roles of the update did not
    /// move; else, or when the new state no longer allows it, a newer version exists.
    ///
    /// # Errors
    /// [`TrustError`]; nothing is stored then.
    pub async fn publish(
        &self,
        gun: &Gun,
        parts: Vec<UploadedPart>,
    ) -> Result<Vec<NewVersion>, TrustError> {
        let update = Arc::new(Update::new(parts));
        self.within_patience(self.publish_update(gun, &update)).await
    }

    async fn publish_update(
        &self,
        gun: &Gun,
        update: &Arc<Update>,
    ) -> Result<Vec<NewVersion>, TrustError> {
        self.refuse_if_read_only()?;
        let _turn = self.locks.turn(gun).await?;
        let (mut rival, mut room) = (false, None);
        for _ in 0..TRIES {
            let (base, stored) = self.load_for(gun, update).await?;
            if room.is_none() {
                room = Some(self.set_room_aside(gun, update, &base).await?);
            }
            let accepted = match self.accept(gun, update, stored).await {
                Ok(accepted) => accepted,
                // It was good until somebody else published: the version is what is wrong now.
                Err(TrustError::Refused(_)) if rival => return Err(TrustError::OldVersion),
                Err(other) => return Err(other),
            };
            let (generation, at) = (self.memory.generation(gun), self.clock.now());
            match self.store.commit(gun, &base, &accepted, at).await? {
                Commit::Done => {
                    self.memory.keep_committed(gun, generation, &accepted, at);
                    let bytes = accepted.documents().map(|document| document.bytes.len()).sum();
                    let used = |one: Reservation<'_>| one.use_up(size(bytes));
                    room.into_iter().flatten().for_each(used);
                    return Ok(new_versions(&accepted));
                }
                Commit::OldVersion(_) => return Err(TrustError::OldVersion),
                Commit::Moved(heads) if is_overtaken(update, &heads) => {
                    return Err(TrustError::OldVersion);
                }
                // Without one, a document is gone that the update names: the rules will say so.
                Commit::Moved(heads) => rival |= heads != base,
            }
        }
        Err(TrustError::Contended)
    }

    /// What the update will take of the limits, before anything is signed or stored for it.
    async fn set_room_aside(
        &self,
        gun: &Gun,
        update: &Update,
        base: &Heads,
    ) -> Result<Vec<Reservation<'_>>, TrustError> {
        let Some(limits) = &self.storage_limits else { return Ok(Vec::new()) };
        let documents = update.roles().filter_map(|role| update.get(role));
        let bytes = size(documents.map(|document| document.raw().len()).sum());
        let guns = u64::from(base.values().all(Option::is_none));
        limits.reserve(gun, Used { guns, bytes }).await
    }

    /// Judges the update and adds the server's signatures.
    async fn accept(
        &self,
        gun: &Gun,
        update: &Arc<Update>,
        stored: Stored,
    ) -> Result<AcceptedUpdate, TrustError> {
        let waiting = match self.decide(gun, update, stored).await? {
            Decision::NeedsTimestamp(waiting) => waiting,
            Decision::NeedsSnapshot(waiting) => {
                let role = ServerRole::Snapshot;
                let raw = self
                    .sign(gun, role, &waiting.keys(), waiting.draft())
                    .await
                    .map_err(|error| without_keys(error, no_snapshot_key()))?;
                let signed_badly = |reason| TrustError::SignedBadly { role, reason };
                waiting.signed(raw).map_err(signed_badly)?
            }
        };
        self.sign_timestamp(gun, waiting)
            .await
            .map_err(|error| without_keys(error, Refusal::BadRoot(Reason::NoTimestampKey)))
    }

    /// The rules, off the threads that serve requests: a large update takes a while to verify.
    async fn decide(
        &self,
        gun: &Gun,
        update: &Arc<Update>,
        stored: Stored,
    ) -> Result<Decision, TrustError> {
        let (gun, update, circumstances) = (gun.clone(), Arc::clone(update), self.circumstances());
        let judged =
            tokio::task::spawn_blocking(move || decide(&gun, &update, &stored, circumstances));
        match judged.await {
            Ok(decision) => Ok(decision?),
            Err(failed) => match failed.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(TrustError::ShuttingDown),
            },
        }
    }
}

fn new_versions(accepted: &AcceptedUpdate) -> Vec<NewVersion> {
    let new_version = |document: &AcceptedDocument| NewVersion {
        role: document.role.clone(),
        version: document.version,
        signers: document.signers.clone(),
    };
    accepted.documents().map(new_version).collect()
}

/// Whether one of the update's own roles has a stored version by now that is not lower.
fn is_overtaken(update: &Update, heads: &Heads) -> bool {
    update.roles().any(|role| {
        let offered = update.get(role).map_or(0, |document| document.claimed_version());
        heads.get(role).copied().flatten().is_some_and(|head| head.version.get() >= offered)
    })
}

fn size(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

fn no_snapshot_key() -> Refusal {
    Refusal::BadHierarchy { missing: RoleName::Snapshot, reason: Reason::NoSnapshotKey }
}

/// On publish it is the update that asks for keys which the server does not hold.
fn without_keys(error: TrustError, refusal: Refusal) -> TrustError {
    match error {
        TrustError::MissingKeys(_) => refusal.into(),
        other => other,
    }
}
