//! Signing again: how often, by whom, and what looking for what is due takes.
//!
//! The rules are those of `crates/trust/src/{margins,renew,keep_fresh}.rs`. The background signs a
//! GUN again when between a half and a quarter of its timestamp's life is left, if it was published
//! to in the last 60 days or read here lately; any other is signed by the GET that finds a day of
//! its life left, or none. What nobody reads or publishes is not signed again at all.

use crate::popularity::Popularity;

/// A day, in seconds.
pub(crate) const DAY: f64 = 86_400.0;

/// The life of a timestamp by default.
const LIFE: f64 = 14.0 * DAY;

/// In the background a GUN is signed again at this age on average: between a half and three
/// quarters of its life.
const BACKGROUND_AGE: f64 = LIFE * 0.625;

/// By a GET, not before this age.
const READ_AGE: f64 = LIFE - DAY;

/// What is younger is not looked at.
const YOUNG: f64 = LIFE / 8.0;

/// A round comes so often, in seconds.
pub(crate) const ROUND: f64 = 3_600.0;

/// How many are looked at at once.
const AT_ONCE: f64 = 4.0;

/// How many GUNs each process remembers that it was asked for.
const REMEMBERED: f64 = 10_000.0;

/// Queries for one GUN that is not in memory: newest head, timestamp, snapshot.
pub(crate) const QUERIES: f64 = 3.0;

/// What there is to sign again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signing {
    /// GUNs that were published to in the last 60 days.
    pub(crate) published: f64,
    /// Signatures in a second, in the background.
    pub(crate) in_background: f64,
    /// Signatures in a second, by GETs that found them due.
    pub(crate) by_reads: f64,
}

impl Signing {
    /// Of GUNs that are read `reads` times a second in all, of which a share was published to in
    /// the last 60 days, whatever their popularity.
    pub(crate) fn of(popularity: &Popularity, guns: f64, reads: f64, published: f64) -> Self {
        let others = 1.0 - published;
        let by_reads = popularity.shares().map(|share| {
            let wait = 1.0 / (reads * share);
            1.0 / (READ_AGE + wait)
        });
        let by_reads = if reads > 0.0 { by_reads.sum::<f64>() * others } else { 0.0 };
        let published = guns * published;
        Self { published, in_background: published / BACKGROUND_AGE, by_reads }
    }

    /// In a second.
    pub(crate) fn all(self) -> f64 {
        self.in_background + self.by_reads
    }

    /// GUNs that each process looks at in each round.
    pub(crate) fn looked_at(self) -> f64 {
        self.published * (1.0 - YOUNG / BACKGROUND_AGE) + REMEMBERED
    }

    /// How long a round takes where one look takes so long, both in seconds.
    pub(crate) fn round(self, look: f64) -> f64 {
        self.looked_at() * look / AT_ONCE
    }

    /// Queries in a second of one process that does nothing else, on average: a round, and the
    /// pause after it.
    pub(crate) fn queries(self, look: f64) -> f64 {
        self.looked_at() * QUERIES / (self.round(look) + ROUND)
    }

    /// How many GUNs may have been published to in 60 days before a round takes as long as the
    /// pause after it.
    pub(crate) fn most_published(look: f64) -> f64 {
        (ROUND * AT_ONCE / look - REMEMBERED) / (1.0 - YOUNG / BACKGROUND_AGE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(one: f64, other: f64) -> bool {
        (one / other - 1.0).abs() < 1e-6
    }

    #[test]
    fn what_is_published_lately_is_signed_every_eight_days_and_three_quarters() {
        let popularity = Popularity::zipf(1_000, 1.0).unwrap();
        let signing = Signing::of(&popularity, 1_000.0, 0.0, 1.0);
        assert!(near(signing.in_background, 1_000.0 / (8.75 * DAY)));
        assert_eq!(signing.by_reads, 0.0);
    }

    #[test]
    fn what_is_read_only_is_signed_by_the_first_get_after_thirteen_days() {
        let popularity = Popularity::zipf(100, 0.0).unwrap();
        let often = Signing::of(&popularity, 100.0, 1e9, 0.0);
        assert!(near(often.all(), 100.0 / (13.0 * DAY)));
        // Each once in 87 days: a hundred days go by from one signature to the next.
        let seldom = Signing::of(&popularity, 100.0, 100.0 / (87.0 * DAY), 0.0);
        assert!(near(seldom.all(), 100.0 / (100.0 * DAY)));
    }

    #[test]
    fn a_round_looks_at_what_is_older_than_an_eighth_of_its_life() {
        let popularity = Popularity::zipf(1, 1.0).unwrap();
        let signing = Signing::of(&popularity, 1e6, 0.0, 1.0);
        assert!(near(signing.looked_at(), 810_000.0));
        assert!(near(signing.round(0.004), 810.0));
        assert!(near(signing.queries(0.004), 810_000.0 * 3.0 / (810.0 + 3_600.0)));
        assert!(near(Signing::most_published(0.004), (3.6e6 - 1e4) / 0.8));
    }
}
