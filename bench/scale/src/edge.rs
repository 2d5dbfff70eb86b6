//! A cache between clients and servers that follows the server's cache headers: what it has, it
//! gives until it may not any more.
//!
//! Pulls of a GUN come at random (Poisson); so a cache that has run for long is in a state whose
//! chances are known, and the simulation begins in it instead of running for a month.

use rand::Rng;

/// How long answers may be given without asking, in seconds, and how often GUNs change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// The current document: `max-age` of current documents.
    pub(crate) current: f64,
    /// Documents by their digest: their `max-age`, or until the cache needs the room.
    pub(crate) by_digest: f64,
    /// Publishes to one GUN in a second; each has another snapshot and other targets.
    pub(crate) publishes: f64,
}

/// Which requests of a pull the cache could not answer by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Passed {
    pub(crate) timestamp: bool,
    pub(crate) snapshot_and_targets: bool,
    pub(crate) root: bool,
}

impl Passed {
    /// All of them: there is no cache.
    pub(crate) const ALL: Self = Self { timestamp: true, snapshot_and_targets: true, root: true };

    /// How many requests by digest.
    pub(crate) fn by_digest(self) -> u32 {
        2 * u32::from(self.snapshot_and_targets) + u32::from(self.root)
    }
}

/// Until when each GUN's documents may be given, in seconds from the beginning.
#[derive(Debug)]
pub(crate) struct Edge {
    rules: Rules,
    guns: Vec<Held>,
}

/// NaN where nobody has looked yet.
#[derive(Clone, Copy, Debug)]
struct Held {
    timestamp: f32,
    snapshot_and_targets: f32,
    root: f32,
}

const UNSEEN: Held = Held { timestamp: f32::NAN, snapshot_and_targets: f32::NAN, root: f32::NAN };

impl Edge {
    pub(crate) fn new(guns: usize, rules: Rules) -> Self {
        Self { rules, guns: vec![UNSEEN; guns] }
    }

    /// A pull at `now` of a GUN that is pulled through this cache `rate` times a second.
    pub(crate) fn pull(&mut self, gun: usize, rate: f64, now: f64, rng: &mut impl Rng) -> Passed {
        let Rules { current, by_digest, publishes } = self.rules;
        let Some(held) = self.guns.get_mut(gun) else { return Passed::ALL };
        Passed {
            timestamp: passes(
                &mut held.timestamp,
                Life { longest: current, ends: 0.0 },
                rate,
                now,
                rng,
            ),
            snapshot_and_targets: passes(
                &mut held.snapshot_and_targets,
                Life { longest: by_digest, ends: publishes },
                rate,
                now,
                rng,
            ),
            root: passes(&mut held.root, Life { longest: by_digest, ends: 0.0 }, rate, now, rng),
        }
    }
}

/// How long a document in the cache answers for itself.
#[derive(Clone, Copy, Debug)]
struct Life {
    /// At most, in seconds.
    longest: f64,
    /// How often another document takes its place, in a second.
    ends: f64,
}

impl Life {
    /// One life from its beginning.
    fn draw(self, rng: &mut impl Rng) -> f64 {
        self.longest.min(exponential(self.ends, rng))
    }

    fn mean(self) -> f64 {
        if self.ends == 0.0 {
            self.longest
        } else {
            -(-self.ends * self.longest).exp_m1() / self.ends
        }
    }

    /// What is left of one that is met at any moment of it.
    fn rest(self, rng: &mut impl Rng) -> f64 {
        let place = rng.random::<f64>();
        if self.ends == 0.0 {
            return place * self.longest;
        }
        // Exponential, cut at the longest.
        let cut = -(-self.ends * self.longest).exp_m1();
        -(-place * cut).ln_1p() / self.ends
    }
}

fn passes(until: &mut f32, life: Life, rate: f64, now: f64, rng: &mut impl Rng) -> bool {
    if until.is_nan() {
        // As it was at the beginning: held for a life, then for 1 / rate on average not.
        let is_held = rng.random::<f64>() < life.mean() / (life.mean() + 1.0 / rate);
        *until = narrow(if is_held { life.rest(rng) } else { f64::NEG_INFINITY });
    }
    if now < f64::from(*until) {
        return false;
    }
    *until = narrow(now + life.draw(rng));
    true
}

#[expect(clippy::cast_possible_truncation, reason = "a time of day to a hundredth is enough")]
fn narrow(time: f64) -> f32 {
    time as f32
}

/// How long until something happens that happens `rate` times a second, in seconds.
pub(crate) fn exponential(rate: f64, rng: &mut impl Rng) -> f64 {
    if rate == 0.0 { f64::INFINITY } else { -(-rng.random::<f64>()).ln_1p() / rate }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    /// The share of pulls whose requests pass, of many GUNs that are pulled `rate` times a second.
    fn simulated(rules: Rules, rate: f64) -> (f64, f64, f64) {
        let (guns, mut rng) = (20_000, StdRng::seed_from_u64(7));
        let mut edge = Edge::new(guns, rules);
        let (mut now, mut pulls, mut passed) = (0.0, 0_u32, (0_u32, 0_u32, 0_u32));
        while now < 50.0 {
            now += exponential(rate * 20_000.0, &mut rng);
            let seen = edge.pull(rng.random_range(0..guns), rate, now, &mut rng);
            pulls += 1;
            passed.0 += u32::from(seen.timestamp);
            passed.1 += u32::from(seen.snapshot_and_targets);
            passed.2 += u32::from(seen.root);
        }
        let share = |count: u32| f64::from(count) / f64::from(pulls);
        (share(passed.0), share(passed.1), share(passed.2))
    }

    fn is_near(seen: f64, expected: f64) -> bool {
        (seen - expected).abs() < 0.015
    }

    /// Renewal theory: of a GUN that is pulled at the rate r, a document that lives L on average is
    /// fetched once in L + 1/r.
    #[test]
    fn a_cache_in_its_steady_state_passes_what_renewal_theory_says() {
        for rate in [0.05, 0.5] {
            let rules = Rules { current: 10.0, by_digest: 1_000.0, publishes: 0.01 };
            let (timestamp, others, root) = simulated(rules, rate);
            let expected = |life: f64| 1.0 / (1.0 + rate * life);
            assert!(is_near(timestamp, expected(10.0)), "{timestamp}");
            let life = (1.0 - (-10.0_f64).exp()) / 0.01;
            assert!(is_near(others, expected(life)), "{others} {}", expected(life));
            assert!(is_near(root, expected(1_000.0)), "{root}");
        }
    }

    #[test]
    fn within_its_time_an_answer_is_given_again_and_after_it_the_server_is_asked() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut edge = Edge::new(1, Rules { current: 300.0, by_digest: 1e9, publishes: 0.0 });
        // Nobody asked before.
        assert_eq!(edge.pull(0, 1e-12, 0.0, &mut rng), Passed::ALL);
        assert_eq!(edge.pull(0, 1e-12, 299.0, &mut rng), Passed::default());
        let passed = edge.pull(0, 1e-12, 301.0, &mut rng);
        assert_eq!((passed.timestamp, passed.by_digest()), (true, 0));
        assert_eq!(Passed::ALL.by_digest(), 3);
    }
}
