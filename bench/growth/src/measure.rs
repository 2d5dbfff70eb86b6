//! Takes the times, all sizes in turns.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use countersign_tuf::names::{Gun, RoleName};
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};

use crate::place::Place;

/// How often one thing is done in a turn.
const READS: usize = 150;
const PUBLISHES: usize = 16;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// The current timestamp of a real collection.
    ByName,
    /// Its snapshot by digest, from the database.
    ByDigest,
    /// The heads of any collection, near or far in the tables.
    HeadsOfAny,
    /// A push of targets; the server signs snapshot and timestamp.
    Publish,
}

impl Act {
    pub(crate) const ALL: [Self; 4] =
        [Self::ByName, Self::ByDigest, Self::HeadsOfAny, Self::Publish];

    /// What it is called in the report.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ByName => "timestamp by name",
            Self::ByDigest => "snapshot by digest",
            Self::HeadsOfAny => "heads of any collection",
            Self::Publish => "publish",
        }
    }

    /// How many times the first size's cost it may have.
    pub(crate) fn goal(self) -> f64 {
        match self {
            Self::ByName | Self::ByDigest | Self::HeadsOfAny => 1.2,
            Self::Publish => 1.5,
        }
    }
}

/// The middle cost of one act, per size, in one round.
pub(crate) type Round = Vec<(Act, Vec<Duration>)>;

/// Measures all `places` in `rounds` turns, in another order each time.
pub(crate) async fn rounds(places: &mut [Place], rounds: usize) -> Result<Vec<Round>> {
    let mut rng = StdRng::seed_from_u64(1);
    // Opens connections and prepares statements.
    for place in places.iter_mut() {
        for act in Act::ALL {
            turn(place, act, &mut rng).await?;
        }
    }
    let mut measured = Vec::new();
    for _ in 0..rounds {
        let mut round = Vec::new();
        for act in Act::ALL {
            let mut order: Vec<usize> = (0..places.len()).collect();
            order.shuffle(&mut rng);
            let mut costs = vec![Duration::ZERO; places.len()];
            for number in order {
                let place = places.get_mut(number).context("a place")?;
                let cost = turn(place, act, &mut rng).await?;
                *costs.get_mut(number).context("a cost")? = cost;
            }
            round.push((act, costs));
        }
        measured.push(round);
    }
    Ok(measured)
}

/// The middle cost of one act at one place.
async fn turn(place: &mut Place, act: Act, rng: &mut StdRng) -> Result<Duration> {
    match act {
        Act::ByName => by_name(place).await,
        Act::ByDigest => by_digest(place).await,
        Act::HeadsOfAny => heads_of_any(place, rng).await,
        Act::Publish => publish(place).await,
    }
}

async fn by_name(place: &Place) -> Result<Duration> {
    let mut costs = Vec::new();
    for collection in place.collections.iter().cycle().take(READS) {
        let started = Instant::now();
        let found = place.trust.current(&collection.gun, &RoleName::Timestamp).await?;
        costs.push(started.elapsed());
        found.context("a timestamp")?;
    }
    middle(costs)
}

async fn by_digest(place: &Place) -> Result<Duration> {
    let mut digests = Vec::new();
    for collection in &place.collections {
        let found = place.trust.current(&collection.gun, &RoleName::Snapshot).await?;
        digests.push((&collection.gun, found.context("a snapshot")?.sha256));
    }
    let mut costs = Vec::new();
    for (gun, sha256) in digests.iter().cycle().take(READS) {
        let started = Instant::now();
        let found = place.trust.by_digest(gun, &RoleName::Snapshot, *sha256).await?;
        costs.push(started.elapsed());
        found.context("a snapshot")?;
    }
    middle(costs)
}

async fn heads_of_any(place: &Place, rng: &mut StdRng) -> Result<Duration> {
    let roles = [RoleName::Timestamp, RoleName::Snapshot, RoleName::Root];
    let mut costs = Vec::new();
    for _ in 0..READS {
        let number = rng.random_range(1..=place.guns);
        let gun = Gun::parse(&format!("example.com/team-{:03}/app-{number:07}", number % 997))?;
        let started = Instant::now();
        let heads = place.store.heads(&gun, &roles).await?;
        costs.push(started.elapsed());
        anyhow::ensure!(heads.values().all(Option::is_some), "{gun:?}: {heads:?}");
    }
    middle(costs)
}

async fn publish(place: &mut Place) -> Result<Duration> {
    let mut costs = Vec::new();
    for number in 0..PUBLISHES {
        let of = number % place.collections.len();
        let collection = place.collections.get_mut(of).context("a collection")?;
        let (gun, parts) = (collection.gun.clone(), collection.next_push()?);
        let started = Instant::now();
        place.trust.publish(&gun, parts).await?;
        costs.push(started.elapsed());
    }
    middle(costs)
}

/// What half of them cost less than: what the machine does between is in few of them.
fn middle(mut costs: Vec<Duration>) -> Result<Duration> {
    costs.sort();
    costs.get(costs.len() / 2).copied().context("no costs")
}
