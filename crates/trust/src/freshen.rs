//! Freshen: sign timestamp and snapshot again before, or at the latest when, they expire.
//!
//! A GET that finds them expired signs; of many at once one does, and all get its bytes. Nothing is
//! signed by a clock that went back: what is stored is served then, as long as it is unexpired.
//! Source: server spec 5.1; quirks.

use countersign_storage::{Commit, Heads, StoredDocument};
use countersign_tuf::accepted::AcceptedUpdate;
use countersign_tuf::metadata::Document as _;
use countersign_tuf::names::{Gun, RoleName, ServerRole};
use countersign_tuf::rules::{
    Freshness, NeedsTimestamp, Stored, freshness, renew_snapshot, renew_timestamp, stored_root,
};

use crate::load::{Current, versions};
use crate::margins::Margins;
use crate::memory::Lead;
use crate::{Trust, TrustError, Writes};

/// How often signing is tried again because others keep publishing.
const TRIES: usize = 32;

impl Trust {
    /// The current timestamp and snapshot, neither of them expired. `None`: nothing is published.
    pub(crate) async fn load_fresh(&self, gun: &Gun) -> Result<Option<Current>, TrustError> {
        let Some(current) = self.load_current(gun).await? else { return Ok(None) };
        let margins = Margins::of_a_read(&self.policy);
        let freshness = self.freshness(&current, margins);
        if let Err(went_back) = self.watch.check(gun, current.timestamp.stored_at, self.clock.now())
        {
            let is_good = freshness != Freshness::Expired;
            return if is_good { Ok(Some(current)) } else { Err(went_back.into()) };
        }
        if freshness == Freshness::Fresh {
            return Ok(Some(current));
        }
        if self.policy.writes == Writes::Refused && freshness != Freshness::Expired {
            return Ok(Some(current));
        }
        match self.freshen(gun, margins).await {
            Ok(fresh) => Ok(fresh),
            Err(error) if self.freshness(&current, margins) == Freshness::AboutToExpire => {
                tracing::warn!(%gun, %error, "could not sign again before expiry; serving what is stored");
                Ok(Some(current))
            }
            Err(error) => Err(error),
        }
    }

    /// Signs again until what is stored is fresh, or somebody else has done it.
    pub(crate) async fn freshen(
        &self,
        gun: &Gun,
        margins: Margins,
    ) -> Result<Option<Current>, TrustError> {
        self.refuse_if_read_only()?;
        let _turn = self.locks.turn(gun).await?;
        let watched = [RoleName::Timestamp, RoleName::Snapshot, RoleName::Root];
        for _ in 0..TRIES {
            let heads = self.store.heads(gun, &watched).await?;
            let Some(current) = self.load_current(gun).await? else { return Ok(None) };
            self.watch.check(gun, current.timestamp.stored_at, self.clock.now())?;
            let update = match self.freshness(&current, margins) {
                Freshness::Fresh => return Ok(Some(current)),
                Freshness::AboutToExpire | Freshness::Expired => {
                    self.renew(gun, &heads, &current, margins).await?
                }
            };
            let Some(update) = update else { return Ok(Some(current)) };
            match self.store.commit(gun, &heads, &update, self.clock.now()).await? {
                Commit::Done => return self.load_current(gun).await,
                Commit::Moved(_) | Commit::OldVersion(_) => {}
            }
        }
        Err(TrustError::Contended)
    }

    /// New documents for those that are due. `None` when nothing is due that the server can sign.
    async fn renew(
        &self,
        gun: &Gun,
        heads: &Heads,
        current: &Current,
        margins: Margins,
    ) -> Result<Option<AcceptedUpdate>, TrustError> {
        let circumstances = self.circumstances();
        let root = self.load_named(gun, &current.snapshot_content, &RoleName::Root).await?;
        let root = root.ok_or(TrustError::NoRoot)?;
        let invalid = |role| move |reason| TrustError::StoredInvalid { role, reason };
        let root =
            stored_root(gun, root.bytes, circumstances.now).map_err(invalid(RoleName::Root))?;
        let stored = Stored {
            versions: versions(heads),
            snapshot: Some(current.snapshot_content.clone()),
            ..Stored::default()
        };
        let snapshot_freshness = self.snapshot_freshness(current, margins);
        if snapshot_freshness != Freshness::Fresh {
            let waiting = renew_snapshot(root.clone(), &stored, circumstances)
                .map_err(invalid(RoleName::Root))?;
            let (keys, role) = (waiting.keys(), ServerRole::Snapshot);
            match self.sign(gun, role, &keys, waiting.draft()).await {
                Ok(raw) => {
                    let signed_badly = |reason| TrustError::SignedBadly { role, reason };
                    let waiting = waiting.signed(raw).map_err(signed_badly)?;
                    return self.finish(gun, waiting).await;
                }
                // A snapshot that its publisher signs: only he can renew it.
                Err(TrustError::MissingKeys(_)) if snapshot_freshness != Freshness::Expired => {}
                Err(error) => return Err(error),
            }
        }
        if self.timestamp_freshness(current, margins) == Freshness::Fresh {
            return Ok(None);
        }
        let snapshot = current.snapshot.bytes.clone();
        let waiting = renew_timestamp(root, snapshot, &stored, circumstances.now)
            .map_err(invalid(RoleName::Snapshot))?;
        self.finish(gun, waiting).await
    }

    async fn finish(
        &self,
        gun: &Gun,
        waiting: NeedsTimestamp,
    ) -> Result<Option<AcceptedUpdate>, TrustError> {
        self.sign_timestamp(gun, waiting).await.map(Some)
    }

    /// Whether there is nothing to sign, and the clock is believed.
    pub(crate) fn is_fresh(&self, gun: &Gun, timestamp: &StoredDocument, lead: &Lead) -> bool {
        let (now, margins) = (self.clock.now(), Margins::of_a_read(&self.policy));
        self.watch.check(gun, timestamp.stored_at, now).is_ok()
            && !self.watch.renews(timestamp.stored_at, now)
            && freshness(lead.timestamp_expires, margins.timestamp, now) == Freshness::Fresh
            && freshness(lead.snapshot_expires, margins.snapshot, now) == Freshness::Fresh
    }

    /// How fresh the worse of the two is.
    pub(crate) fn freshness(&self, current: &Current, margins: Margins) -> Freshness {
        self.timestamp_freshness(current, margins).min(self.snapshot_freshness(current, margins))
    }

    fn timestamp_freshness(&self, current: &Current, margins: Margins) -> Freshness {
        let now = self.clock.now();
        let expires = current.timestamp_content.header().expires.at();
        let by_expiry = freshness(expires, margins.timestamp, now);
        if self.watch.renews(current.timestamp.stored_at, now) {
            return by_expiry.min(Freshness::AboutToExpire);
        }
        by_expiry
    }

    fn snapshot_freshness(&self, current: &Current, margins: Margins) -> Freshness {
        let expires = current.snapshot_content.header().expires.at();
        freshness(expires, margins.snapshot, self.clock.now())
    }
}
