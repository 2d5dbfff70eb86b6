//! One run: servers, users, faults, the end, and everything that was seen of it.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use countersign_tests::wire::{Endpoint, Wire};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::task::JoinSet;

use crate::actors::{Bell, Client, Owner, Publisher, Reader, Ringer, poll, probe};
use crate::checker::Evidence;
use crate::cluster::Cluster;
use crate::history::Recorder;

/// How many users share the connections of one client.
const SHARE: usize = 8;

/// Who is there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crowd {
    pub(crate) collections: usize,
    /// How many publishers a collection has at most.
    pub(crate) rivals: usize,
    pub(crate) readers: usize,
    /// Pollers of all changes; as many again follow one collection each.
    pub(crate) pollers: usize,
    /// About how long a publisher waits after a publish, in milliseconds.
    pub(crate) pace: u64,
}

/// Lets `crowd` use the cluster until `meanwhile` has come to its end, and looks into the database
/// afterwards. Users come to `doors`; the dice follow from `seed`.
pub(crate) async fn run<F>(
    cluster: &mut Cluster,
    doors: &[Endpoint],
    crowd: Crowd,
    seed: u64,
    meanwhile: F,
) -> Result<Evidence>
where
    F: AsyncFnOnce(&mut Cluster, &Recorder) -> Result<()>,
{
    let recorder = Recorder::start();
    let mut users = Users::new(doors, seed, &recorder)?;
    let first = Wire::to(cluster.endpoints().first().context("no replica")?)?;
    let mut owners = Vec::new();
    for number in 0..crowd.collections {
        owners.push(Owner::start(&first, number, &recorder).await?);
    }
    let (publishing, until_published) = Ringer::new();
    let (reading, until_read) = Ringer::new();
    let mut publishers = users.publishers(&owners, crowd, &until_published)?;
    let mut others = users.others(&owners, crowd, doors.len(), &until_read)?;
    meanwhile(cluster, &recorder).await?;
    publishing.ring();
    while let Some(done) = publishers.join_next().await {
        done??;
    }
    reading.ring();
    while let Some(done) = others.join_next().await {
        done?;
    }
    let stored = cluster.stored().await?;
    Ok(Evidence { history: recorder.take(), stored })
}

/// Gives users their clients and their dice.
struct Users<'a> {
    doors: &'a [Endpoint],
    recorder: &'a Recorder,
    seed: u64,
    made: usize,
    client: Client,
}

impl<'a> Users<'a> {
    fn new(doors: &'a [Endpoint], seed: u64, recorder: &'a Recorder) -> Result<Self> {
        let client = Client::new(doors, recorder)?;
        Ok(Self { doors, recorder, seed, made: 0, client })
    }

    /// A client and dice for the next user.
    fn next(&mut self) -> Result<(Client, StdRng)> {
        self.made += 1;
        if self.made.is_multiple_of(SHARE) {
            self.client = Client::new(self.doors, self.recorder)?;
        }
        let own = u64::try_from(self.made)?;
        let dice = StdRng::seed_from_u64(self.seed.wrapping_mul(1_000_003).wrapping_add(own));
        Ok((self.client.clone(), dice))
    }

    fn publishers(
        &mut self,
        owners: &[Owner],
        crowd: Crowd,
        bell: &Bell,
    ) -> Result<JoinSet<Result<()>>> {
        let mut publishers = JoinSet::new();
        for owner in owners {
            for roles in owner.publishers.iter().rev().take(crowd.rivals) {
                let (client, rng) = self.next()?;
                let publisher = Publisher::new(owner, roles, client, rng);
                publishers.spawn(publisher.publish(bell.clone(), crowd.pace));
            }
        }
        Ok(publishers)
    }

    fn others(
        &mut self,
        owners: &[Owner],
        crowd: Crowd,
        replicas: usize,
        bell: &Bell,
    ) -> Result<JoinSet<()>> {
        let mut others = JoinSet::new();
        let collections: Arc<[_]> = owners.iter().map(Owner::collection).collect();
        for _ in 0..crowd.readers {
            let (client, rng) = self.next()?;
            others.spawn(Reader::new(client, rng).read(Arc::clone(&collections), bell.clone()));
        }
        let of_one = collections.iter().map(|(gun, _)| Some(Arc::clone(gun)));
        let of_all = std::iter::repeat_n(None, crowd.pollers);
        for (number, of) in of_all.chain(of_one.take(crowd.pollers)).enumerate() {
            let (client, rng) = self.next()?;
            others.spawn(poll(client, rng, bell.clone(), number, of));
        }
        for replica in 0..replicas {
            let (client, rng) = self.next()?;
            others.spawn(probe(client, rng, bell.clone(), replica));
        }
        Ok(others)
    }
}
