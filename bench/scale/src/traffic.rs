//! Pulls come at random (Poisson) to GUNs of unequal popularity, through a cache or not, to one
//! server of several: a simulation with a seed.

use anyhow::{Result, ensure};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use crate::edge::{Edge, Passed, Rules, exponential};
use crate::popularity::Popularity;
use crate::replica::{Replica, Seen};

/// What comes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Traffic<'a> {
    pub(crate) popularity: &'a Popularity,
    /// In a second, from all clients.
    pub(crate) pulls: f64,
    /// How long is simulated, in seconds; of a server's memory the second half counts.
    pub(crate) seconds: f64,
    pub(crate) seed: u64,
}

/// Which of all requests reach the servers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Shares {
    /// Of those by name.
    pub(crate) by_name: f64,
    /// Of those by digest.
    pub(crate) by_digest: f64,
}

impl Shares {
    /// Without a cache.
    pub(crate) const ALL: Self = Self { by_name: 1.0, by_digest: 1.0 };

    /// Of all requests of a pull, one by name and three by digest.
    pub(crate) fn of_all(self) -> f64 {
        (self.by_name + 3.0 * self.by_digest) / 4.0
    }
}

/// What `caches` that know nothing of each other, each with its part of all clients, let through.
pub(crate) fn through_caches(
    traffic: Traffic<'_>,
    rules: Rules,
    caches: u32,
    guns: u32,
) -> Result<Shares> {
    ensure!(caches > 0, "a cache at least");
    // All are alike, so one of them stands for all.
    let pulls = traffic.pulls / f64::from(caches);
    let mut edge = Edge::new(usize::try_from(guns)?, rules);
    let mut rng = StdRng::seed_from_u64(traffic.seed);
    let (mut now, mut all, mut by_name, mut by_digest) = (0.0, 0_u64, 0_u64, 0_u64);
    while now < traffic.seconds {
        now += exponential(pulls, &mut rng);
        let gun = traffic.popularity.next(&mut rng);
        let rate = pulls * traffic.popularity.share(gun);
        let passed = edge.pull(gun, rate, now, &mut rng);
        all += 1;
        by_name += u64::from(passed.timestamp);
        by_digest += u64::from(passed.by_digest());
    }
    Ok(Shares { by_name: share(by_name, all), by_digest: share(by_digest, 3 * all) })
}

/// What one of `replicas` servers sees without a cache.
pub(crate) fn at_a_replica(traffic: Traffic<'_>, mut replica: Replica, replicas: u32) -> Seen {
    let pulls = traffic.pulls / f64::from(replicas.max(1));
    let mut rng = StdRng::seed_from_u64(traffic.seed);
    let (mut now, mut first_half) = (0.0, None);
    while now < traffic.seconds {
        now += exponential(pulls, &mut rng);
        if now >= traffic.seconds / 2.0 {
            first_half.get_or_insert_with(|| replica.seen());
        }
        replica.pull(traffic.popularity.next(&mut rng), Passed::ALL, now);
    }
    replica.seen().since(first_half.unwrap_or_default())
}

/// What one of `replicas` servers sees behind one cache.
pub(crate) fn behind_a_cache(
    traffic: Traffic<'_>,
    rules: Rules,
    mut replica: Replica,
    replicas: u32,
    guns: u32,
) -> Result<Seen> {
    let mut edge = Edge::new(usize::try_from(guns)?, rules);
    let mut rng = StdRng::seed_from_u64(traffic.seed);
    let (mut now, mut first_half) = (0.0, None);
    while now < traffic.seconds {
        now += exponential(traffic.pulls, &mut rng);
        if now >= traffic.seconds / 2.0 {
            first_half.get_or_insert_with(|| replica.seen());
        }
        let gun = traffic.popularity.next(&mut rng);
        let rate = traffic.pulls * traffic.popularity.share(gun);
        let passed = edge.pull(gun, rate, now, &mut rng);
        if passed != Passed::default() && rng.random_range(0..replicas.max(1)) == 0 {
            replica.pull(gun, passed, now);
        }
    }
    Ok(replica.seen().since(first_half.unwrap_or_default()))
}

/// A part of a whole; 0 of nothing.
#[expect(clippy::cast_precision_loss, reason = "counts of a simulation")]
pub(crate) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Documents;

    const RULES: Rules = Rules { current: 300.0, by_digest: 2_592_000.0, publishes: 1e-6 };
    const DOCUMENTS: Documents =
        Documents { root: 2_500, targets: 1_500, snapshot: 800, timestamp: 500 };

    fn traffic(popularity: &Popularity) -> Traffic<'_> {
        Traffic { popularity, pulls: 100.0, seconds: 1_000.0, seed: 1 }
    }

    /// Of each GUN a cache lets one timestamp through in its time, and the wait for the next pull.
    #[test]
    fn what_a_cache_lets_through_is_what_renewal_theory_says_of_all_guns_together() {
        let popularity = Popularity::zipf(10_000, 1.0).unwrap();
        let shares = through_caches(traffic(&popularity), RULES, 1, 10_000).unwrap();
        let expected = |life: f64| -> f64 {
            popularity.shares().map(|share| share / (1.0 + 100.0 * share * life)).sum()
        };
        let (by_name, root) = (expected(300.0), expected(2_592_000.0));
        assert!((shares.by_name / by_name - 1.0).abs() < 0.05, "{} {by_name}", shares.by_name);
        assert!(shares.by_digest >= root && shares.by_digest < 0.05, "{}", shares.by_digest);
    }

    #[test]
    fn more_caches_let_more_through_and_the_same_seed_the_same() {
        let popularity = Popularity::zipf(10_000, 1.0).unwrap();
        let through = |caches| through_caches(traffic(&popularity), RULES, caches, 10_000).unwrap();
        assert!(through(20).by_name > through(1).by_name);
        assert_eq!(through(4), through(4));
    }

    #[test]
    fn of_pulls_far_apart_each_looks_and_shared_lookups_are_fewer() {
        let popularity = Popularity::zipf(10, 1.0).unwrap();
        let slow = Traffic { pulls: 1.0, ..traffic(&popularity) };
        let seen = at_a_replica(slow, Replica::new(DOCUMENTS, 1 << 20, 1e-6), 1);
        assert_eq!(seen.heads, seen.by_name);
        let busy = Traffic { pulls: 10_000.0, seconds: 20.0, ..slow };
        let seen = at_a_replica(busy, Replica::new(DOCUMENTS, 1 << 20, 1e-3), 1);
        // One lookup after the other: a thousand in a second.
        assert!(seen.batches <= 10_001 && seen.batches > 9_000, "{seen:?}");
        assert!(seen.heads < seen.by_name && seen.heads > seen.batches, "{seen:?}");
    }

    #[test]
    fn behind_a_cache_a_server_sees_what_the_cache_lets_through() {
        let popularity = Popularity::zipf(1_000, 1.0).unwrap();
        let traffic = traffic(&popularity);
        let replica = || Replica::new(DOCUMENTS, 1 << 20, 1e-3);
        let seen = behind_a_cache(traffic, RULES, replica(), 2, 1_000).unwrap();
        let shares = through_caches(traffic, RULES, 1, 1_000).unwrap();
        let expected = 100.0 * 500.0 / 2.0 * shares.by_name;
        let by_name = f64::from(u32::try_from(seen.by_name).unwrap());
        assert!((by_name / expected - 1.0).abs() < 0.2, "{by_name} {expected}");
    }
}
