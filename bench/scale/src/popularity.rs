//! How often each of very many GUNs is pulled: Zipf's law, the one of rank k as often as k to the
//! power of minus the exponent.

use anyhow::{Result, ensure};
use rand::Rng;

/// The share of each GUN, by its rank from 0 on.
#[derive(Clone, Debug)]
pub(crate) struct Popularity {
    /// The shares of all GUNs up to and with each.
    sums: Vec<f64>,
}

impl Popularity {
    /// Of so many GUNs; with the exponent 0 all are pulled alike.
    pub(crate) fn zipf(guns: u32, exponent: f64) -> Result<Self> {
        ensure!(guns > 0, "--guns must be 1 at least");
        ensure!((0.0..=3.0).contains(&exponent), "--popularity must be between 0 and 3");
        let mut sum = 0.0;
        let mut sums = Vec::new();
        for rank in 1..=guns {
            sum += f64::from(rank).powf(-exponent);
            sums.push(sum);
        }
        for part in &mut sums {
            *part /= sum;
        }
        Ok(Self { sums })
    }

    /// The share of the GUN of a rank.
    pub(crate) fn share(&self, rank: usize) -> f64 {
        let until = |rank: usize| self.sums.get(rank).copied().unwrap_or(1.0);
        until(rank) - rank.checked_sub(1).map_or(0.0, until)
    }

    /// The shares of all GUNs, the most pulled first.
    pub(crate) fn shares(&self) -> impl Iterator<Item = f64> {
        (0..self.sums.len()).map(|rank| self.share(rank))
    }

    /// The rank of the GUN that is pulled next.
    pub(crate) fn next(&self, rng: &mut impl Rng) -> usize {
        let place = rng.random::<f64>();
        self.sums.partition_point(|sum| *sum <= place).min(self.sums.len().saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn the_second_is_pulled_half_as_often_as_the_first_and_shares_add_up() {
        let popularity = Popularity::zipf(1_000, 1.0).unwrap();
        assert!((popularity.share(0) / popularity.share(1) - 2.0).abs() < 1e-9);
        assert!((popularity.share(9) * 10.0 - popularity.share(0)).abs() < 1e-9);
        assert!((popularity.shares().sum::<f64>() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn pulls_come_as_often_as_their_share_says() {
        let popularity = Popularity::zipf(100, 1.0).unwrap();
        let mut rng = StdRng::seed_from_u64(1);
        let mut counts = [0_u32; 100];
        for _ in 0..200_000 {
            counts[popularity.next(&mut rng)] += 1;
        }
        for rank in [0, 1, 10, 99] {
            let seen = f64::from(counts[rank]) / 200_000.0;
            let expected = popularity.share(rank);
            assert!((seen / expected - 1.0).abs() < 0.15, "{rank}: {seen} {expected}");
        }
    }

    #[test]
    fn with_the_exponent_0_all_are_alike() {
        let popularity = Popularity::zipf(4, 0.0).unwrap();
        assert!(popularity.shares().all(|share| (share - 0.25).abs() < 1e-12));
    }
}
