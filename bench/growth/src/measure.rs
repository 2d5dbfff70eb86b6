//! Takes the times, all sizes in turns.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use countersign_tests::peers::family::{Reading, Spent};
use countersign_tuf::names::{Gun, RoleName};
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use serde::{Deserialize, Serialize};

use crate::place::Place;

/// How often one thing is done in a turn.
const READS: usize = 150;
const PUBLISHES: usize = 16;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// The current timestamp of a real collection.
    ByName,
    /// Its snapshot by digest, from the database.
    ByDigest,
    /// The heads of any collection, near or far in the tables.
    HeadsOfAny,
    /// A push of targets; the server signs snapshot and timestamp.
    Publish,
    /// The database opened once more, and one timestamp read.
    Start,
}

impl Act {
    /// Each, in the order of the table.
    pub const ALL: [Self; 5] =
        [Self::ByName, Self::ByDigest, Self::HeadsOfAny, Self::Publish, Self::Start];

    /// What it is called in the report.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ByName => "timestamp by name",
            Self::ByDigest => "snapshot by digest",
            Self::HeadsOfAny => "heads of any collection",
            Self::Publish => "publish",
            Self::Start => "start and first read",
        }
    }

    /// How many times the first size's cost it may have.
    #[must_use]
    pub fn goal(self) -> f64 {
        match self {
            Self::ByName | Self::ByDigest | Self::HeadsOfAny => 1.2,
            Self::Publish => 1.5,
            Self::Start => 2.0,
        }
    }
}

/// What one act takes in one turn, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Cost {
    /// What half of the acts take less than: what the machine does between is in few of them.
    pub time_us: f64,
    /// The processor time of this process, and of PostgreSQL, divided by their number.
    pub processor_us: f64,
}

/// The costs of the acts, per size, in one round.
pub type Round = Vec<(Act, Vec<Cost>)>;

/// Measures all `places` in `rounds` turns, in another order each time.
///
/// # Errors
/// A database fails, or a process is gone.
pub async fn rounds(places: &mut [Place], rounds: usize) -> Result<Vec<Round>> {
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
            let mut costs = vec![Cost::default(); places.len()];
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

/// The cost of one act at one place.
async fn turn(place: &mut Place, act: Act, rng: &mut StdRng) -> Result<Cost> {
    match act {
        Act::ByName => by_name(place).await,
        Act::ByDigest => by_digest(place).await,
        Act::HeadsOfAny => heads_of_any(place, rng).await,
        Act::Publish => publish(place).await,
        Act::Start => start(place).await,
    }
}

/// What has been taken so far in one turn.
struct Taken {
    times: Vec<Duration>,
    begun: Reading,
}

impl Taken {
    fn begin(place: &Place) -> Result<Self> {
        Ok(Self { times: Vec::new(), begun: Reading::of(place.family())? })
    }

    fn end(mut self, place: &Place) -> Result<Cost> {
        let Spent { servers, database } = Reading::of(place.family())?.since(&self.begun);
        let acts = f64::from(u32::try_from(self.times.len())?);
        self.times.sort();
        let middle = self.times.get(self.times.len() / 2).context("no costs")?;
        Ok(Cost {
            time_us: middle.as_secs_f64() * 1e6,
            processor_us: (servers + database).as_secs_f64() * 1e6 / acts,
        })
    }
}

async fn by_name(place: &Place) -> Result<Cost> {
    let mut taken = Taken::begin(place)?;
    for collection in place.collections.iter().cycle().take(READS) {
        let started = Instant::now();
        let found = place.trust.current(&collection.gun, &RoleName::Timestamp).await?;
        taken.times.push(started.elapsed());
        found.context("a timestamp")?;
    }
    taken.end(place)
}

async fn by_digest(place: &Place) -> Result<Cost> {
    let mut digests = Vec::new();
    for collection in &place.collections {
        let found = place.trust.current(&collection.gun, &RoleName::Snapshot).await?;
        digests.push((&collection.gun, found.context("a snapshot")?.sha256));
    }
    let mut taken = Taken::begin(place)?;
    for (gun, sha256) in digests.iter().cycle().take(READS) {
        let started = Instant::now();
        let found = place.trust.by_digest(gun, &RoleName::Snapshot, *sha256).await?;
        taken.times.push(started.elapsed());
        found.context("a snapshot")?;
    }
    taken.end(place)
}

async fn heads_of_any(place: &Place, rng: &mut StdRng) -> Result<Cost> {
    let roles = [RoleName::Timestamp, RoleName::Snapshot, RoleName::Root];
    let mut guns = Vec::new();
    for _ in 0..READS {
        let number = rng.random_range(1..=place.guns);
        guns.push(Gun::parse(&format!("example.com/team-{:03}/app-{number:07}", number % 997))?);
    }
    let mut taken = Taken::begin(place)?;
    for gun in &guns {
        let started = Instant::now();
        let heads = place.store.heads(gun, &roles).await?;
        taken.times.push(started.elapsed());
        anyhow::ensure!(heads.values().all(Option::is_some), "{gun:?}: {heads:?}");
    }
    taken.end(place)
}

async fn publish(place: &mut Place) -> Result<Cost> {
    let mut pushes = Vec::new();
    for number in 0..PUBLISHES {
        let of = number % place.collections.len();
        let collection = place.collections.get_mut(of).context("a collection")?;
        pushes.push((collection.gun.clone(), collection.next_push()?));
    }
    let mut taken = Taken::begin(place)?;
    for (gun, parts) in pushes {
        let started = Instant::now();
        place.trust.publish(&gun, parts).await?;
        taken.times.push(started.elapsed());
    }
    taken.end(place)
}

async fn start(place: &Place) -> Result<Cost> {
    let mut taken = Taken::begin(place)?;
    let started = Instant::now();
    place.start_once_more().await?;
    taken.times.push(started.elapsed());
    taken.end(place)
}
