//! Renew: one round of signing ahead, over what is read here or was published lately, well before
//! anything expires.
//!
//! Any number of processes may do it on one database: each looks again before it signs, and of two
//! that sign at once the heads let one commit; the other finds it done.
//!
//! Never in here: waiting. When a round comes and what a failed one means for the next is decided
//! in `keep_fresh`.
//!
//! Source: contract section 3 (freshness).

use std::collections::BTreeSet;

use chrono::{DateTime, Duration, Utc};
use countersign_custody::CustodyError;
use countersign_storage::{Place, StorageError};
use countersign_tuf::names::Gun;
use countersign_tuf::rules::Freshness;
use futures_util::future::join_all;

use crate::margins::{LONGEST_RECKONED, Margins};
use crate::{Trust, TrustError};

/// A GUN that nobody published to for this long is signed by the GET that asks for it.
const PUBLISHED_WITHIN: Duration = Duration::days(60);

/// What was stored less than this part of a life ago need not be looked at: nothing is due in the
/// first half of its life.
const YOUNG_PART: i32 = 8;

/// How many GUNs are listed at once.
const PAGE: u32 = 200;

/// How many are signed at once: few, since publishes and reads come first.
const AT_ONCE: usize = 4;

/// Later than anything is stored.
const EVER: Duration = Duration::days(100 * 365);

/// Which round it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// The first of a process: what is stored may have been signed for other lifetimes, so all of
    /// it is looked at.
    First,
    /// A later one: what was signed lately is fresh.
    Later,
}

/// What a round did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Renewal {
    /// How many GUNs it signed again.
    pub signed: usize,
    /// How often it came to a GUN that could not be signed again for reasons of its own: a key that
    /// is gone, a root that expired. One that is found by several ways counts for each.
    pub stuck: usize,
    /// One of those, and why.
    pub example: Option<(Gun, String)>,
}

/// What happened to one GUN.
enum Outcome {
    Nothing,
    Signed,
    Stuck(Gun, TrustError),
}

impl Trust {
    /// Signs again the timestamps and server-held snapshots that are due: of GUNs that were read
    /// in this process or published in the last 60 days, when between a half and a quarter of
    /// their life is left. Which moment in between depends on the GUN.
    ///
    /// # Errors
    /// What concerns all GUNs, such as a database that is away. The round ended there; the next
    /// one finds what it left.
    pub async fn renew_due(&self, round: Round) -> Result<Renewal, TrustError> {
        match self.check_clock_again().await {
            // Known already; it concerns the GUNs that were stored later only.
            Ok(()) | Err(TrustError::ClockWentBack(_)) => {}
            Err(error) => return Err(error),
        }
        let now = self.clock.now();
        let mut renewal = Renewal::default();
        let mut place = Place::before(now - PUBLISHED_WITHIN);
        let stored_before = self.look_at_what_was_stored_before(round, now);
        loop {
            let page = self.store.published(place, stored_before, PAGE).await?;
            let Some(last) = page.last() else { break };
            place = last.place;
            let guns: BTreeSet<Gun> =
                page.iter().filter_map(|found| Gun::parse(&found.gun).ok()).collect();
            self.renew_each(&Vec::from_iter(guns), &mut renewal).await?;
        }
        self.renew_each(&self.reads.list(), &mut renewal).await?;
        Ok(renewal)
    }

    fn look_at_what_was_stored_before(&self, round: Round, now: DateTime<Utc>) -> DateTime<Utc> {
        // A lifted clock rule makes those due that were stored later than it is now.
        if round == Round::First || self.watch.is_lifted() {
            return now + EVER;
        }
        let life = self.policy.timestamp_lifetime.min(self.policy.snapshot_lifetime);
        now - life.min(LONGEST_RECKONED) / YOUNG_PART
    }

    async fn renew_each(&self, guns: &[Gun], renewal: &mut Renewal) -> Result<(), TrustError> {
        for few in guns.chunks(AT_ONCE) {
            for outcome in join_all(few.iter().map(|gun| self.renew_one(gun))).await {
                match outcome? {
                    Outcome::Nothing => {}
                    Outcome::Signed => renewal.signed = renewal.signed.saturating_add(1),
                    Outcome::Stuck(gun, error) => {
                        renewal.stuck = renewal.stuck.saturating_add(1);
                        renewal.example.get_or_insert_with(|| (gun, error.to_string()));
                    }
                }
            }
        }
        Ok(())
    }

    /// An error concerns all GUNs; what concerns this one only is an outcome.
    async fn renew_one(&self, gun: &Gun) -> Result<Outcome, TrustError> {
        match self.within_patience(self.sign_ahead(gun)).await {
            Ok(outcome) => Ok(outcome),
            // The watch has said so.
            Err(TrustError::ClockWentBack(_)) => Ok(Outcome::Nothing),
            Err(error) if concerns_all(&error) => Err(error),
            Err(error) => {
                tracing::debug!(%gun, %error, "could not sign again ahead of expiry");
                Ok(Outcome::Stuck(gun.clone(), error))
            }
        }
    }

    async fn sign_ahead(&self, gun: &Gun) -> Result<Outcome, TrustError> {
        let Some(current) = self.load_current(gun).await? else {
            self.reads.forget(gun);
            return Ok(Outcome::Nothing);
        };
        self.watch.check(gun, current.timestamp.stored_at, self.clock.now())?;
        let margins = Margins::ahead(&self.policy, gun);
        if self.freshness(&current, margins) == Freshness::Fresh {
            return Ok(Outcome::Nothing);
        }
        let fresh = self.freshen(gun, margins).await?;
        let same = fresh.is_none_or(|fresh| fresh.timestamp.sha256 == current.timestamp.sha256);
        Ok(if same { Outcome::Nothing } else { Outcome::Signed })
    }
}

/// Whether what failed for one GUN fails for the next one too.
pub(crate) fn concerns_all(error: &TrustError) -> bool {
    match error {
        TrustError::Custody(CustodyError::Unavailable { .. })
        | TrustError::ReadOnly
        | TrustError::ShuttingDown
        | TrustError::Storage(
            StorageError::Newer { .. } | StorageError::Other(_) | StorageError::Unavailable { .. },
        )
        | TrustError::TooSlow { .. } => true,
        TrustError::ClockWentBack(_)
        | TrustError::Contended
        | TrustError::Custody(
            CustodyError::BadKey { .. }
            | CustodyError::Other(_)
            | CustodyError::TooManyPending { .. }
            | CustodyError::UnstorableGun { .. },
        )
        | TrustError::MissingKeys(_)
        | TrustError::NoRoot
        | TrustError::OldVersion
        | TrustError::OverStorageLimit(_)
        | TrustError::Refused(_)
        | TrustError::SignedBadly { .. }
        | TrustError::Storage(StorageError::Corrupt { .. } | StorageError::Unstorable { .. })
        | TrustError::StoredInvalid { .. } => false,
    }
}
