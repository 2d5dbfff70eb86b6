//! Verdicts, remembered: a client uses its token for many requests.
//!
//! Only good ones are kept, by the digest of the token, within bounds, and for the verifier that
//! gave them: other keys are another judge. Times are asked for at each use.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use countersign_access::token::{TokenFault, VerifiedToken, Verifier};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use ring::digest;

/// How long a verdict counts. Certificates in a token's header may expire before the token does.
const COUNTS_FOR: TimeDelta = TimeDelta::minutes(5);

/// What an entry takes beside the token, about, in bytes.
const OVERHEAD: usize = 160;

/// What an entry takes at least, about, for the number of entries that are planned for.
const TYPICAL: u64 = 512;

type TokenDigest = [u8; 32];

/// A verifier with its verdicts.
pub(super) struct Judge {
    verifier: Verifier,
    remembered: Option<Cache<TokenDigest, Verdict, Weight>>,
}

#[derive(Clone)]
struct Verdict {
    token: Arc<VerifiedToken>,
    given: DateTime<Utc>,
}

#[derive(Clone)]
struct Weight;

impl Weighter<TokenDigest, Verdict> for Weight {
    fn weight(&self, _: &TokenDigest, verdict: &Verdict) -> u64 {
        u64::try_from(verdict.token.weight().saturating_add(OVERHEAD)).unwrap_or(u64::MAX)
    }
}

impl Judge {
    /// One that remembers verdicts in about `cache_bytes` bytes; none where these are 0.
    pub(super) fn new(verifier: Verifier, cache_bytes: u64) -> Self {
        let entries = usize::try_from(cache_bytes / TYPICAL).unwrap_or(usize::MAX);
        let cache = || Cache::with_weighter(entries, cache_bytes, Weight);
        Self { verifier, remembered: (cache_bytes > 0).then(cache) }
    }

    /// The verdict on `token` at `now`.
    pub(super) fn verify(
        &self,
        token: &str,
        now: DateTime<Utc>,
    ) -> Result<Arc<VerifiedToken>, TokenFault> {
        let Some(remembered) = &self.remembered else {
            return self.verifier.verify(token, now).map(Arc::new);
        };
        let digest = digest_of(token);
        if let Some(verdict) = remembered.get(&digest)
            && verdict.counts_at(now)
        {
            return Ok(verdict.token);
        }
        let token = Arc::new(self.verifier.verify(token, now)?);
        remembered.insert(digest, Verdict { token: Arc::clone(&token), given: now });
        Ok(token)
    }
}

#[cfg(test)]
impl Judge {
    pub(super) fn remembered_bytes(&self) -> u64 {
        self.remembered.as_ref().map_or(0, Cache::weight)
    }
}

impl Verdict {
    fn counts_at(&self, now: DateTime<Utc>) -> bool {
        let age = now.signed_duration_since(self.given);
        TimeDelta::zero() <= age && age < COUNTS_FOR && self.token.holds_at(now)
    }
}

fn digest_of(token: &str) -> TokenDigest {
    let mut bytes = [0; 32];
    let digest = digest::digest(&digest::SHA256, token.as_bytes());
    // Both are 32 bytes long.
    bytes.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
    bytes
}
