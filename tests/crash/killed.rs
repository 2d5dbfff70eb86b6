//! The real binary, killed with signal 9 at random while several collections are published to.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use countersign_forge::repository::Repository;
use countersign_tests::peers::countersign::Countersign;
use countersign_tests::peers::notary_client::NotaryClient;
use countersign_tests::upload;
use countersign_tests::wire::Wire;
use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::names::RoleName;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use countersign_tests::follow::{Followed, follow};

const KILLS: usize = 50;

/// The owner of every other one holds the snapshot key.
const GUNS: [&str; 4] = ["lab/server/a", "lab/client/a", "lab/server/b", "lab/client/b"];

/// What every publish replaces.
const ROLES: [&str; 2] = ["targets", "targets/a"];

/// The most acknowledgements that are waited for before a kill, and the longest wait after them.
const MOST_ANSWERS: usize = 6;
const LONGEST_WAIT_MICROS: u64 = 8_000;

/// `CRASH_SEED` in the environment plays another run.
const SEED: u64 = 20_261_124;

/// One collection, its owner, and a reader who never forgets.
struct Owner {
    gun: &'static str,
    /// As it was when the newest publish was acknowledged.
    accepted: Repository,
    /// The publish that was under way when the server died.
    tried: Option<Repository>,
    /// Every acknowledged document of `ROLES`, by role and version.
    history: BTreeMap<(&'static str, u64), Vec<u8>>,
    publishes: u64,
    reader: Option<Followed>,
}

impl Owner {
    async fn start(wire: &Wire, gun: &'static str) -> Result<Self> {
        let mut accepted = if gun.contains("client") {
            upload::collection(wire, gun).await?
        } else {
            upload::collection_with_server_snapshot(wire, gun).await?
        };
        let key = accepted.new_ecdsa_key();
        accepted.add_delegation("targets/a", key);
        let answer = upload::publish(wire, gun, &accepted.all_parts()).await?;
        ensure!(answer.status == 200, "{}", String::from_utf8_lossy(&answer.body));
        let (tried, reader) = (None, None);
        let history = BTreeMap::new();
        let mut owner = Self { gun, accepted, tried, history, publishes: 0, reader };
        owner.settle(owner.accepted.clone());
        Ok(owner)
    }

    /// This publish has happened.
    fn settle(&mut self, repository: Repository) {
        for role in ROLES {
            let Some(document) = repository.document(role) else { continue };
            self.history.insert((role, document.version()), document.to_bytes());
        }
        self.publishes += 1;
        self.accepted = repository;
        self.tried = None;
    }

    /// Publishes again and again until the server is gone.
    async fn publish_until_the_end(
        mut self,
        wire: Wire,
        told: UnboundedSender<()>,
    ) -> Result<Self> {
        loop {
            let mut next = self.accepted.clone();
            for role in ROLES {
                next.add_target(role, "v", self.publishes.to_string().as_bytes());
            }
            next.bump("snapshot");
            let parts = next.parts(&["targets", "targets/a", "snapshot"]);
            self.tried = Some(next.clone());
            let Ok(answer) = upload::publish(&wire, self.gun, &parts).await else {
                return Ok(self);
            };
            ensure!(answer.status == 200, "{}", String::from_utf8_lossy(&answer.body));
            self.settle(next);
            told.send(()).ok();
        }
    }

    /// After the restart: the collection verifies, nothing acknowledged is lost, and the publish
    /// that was under way is there as a whole or not at all.
    async fn check(&mut self, wire: &Wire) -> Result<()> {
        let fetch = async |role: &RoleName, sha256: Option<Sha256Digest>| {
            let file = match sha256 {
                Some(sha256) => format!("{role}.{}.json", sha256.to_hex()),
                None => format!("{role}.json"),
            };
            let answer = wire.document(self.gun, &file).await?;
            ensure!(answer.status == 200, "{file}: {answer:?}");
            Ok(answer.body)
        };
        let followed = follow(self.gun, self.reader.as_ref(), fetch).await?;
        let is_there = |repository: &Repository| {
            let mut parts = repository.parts(&ROLES).into_iter();
            parts.all(|(role, bytes)| followed.documents.get(&role) == Some(&bytes))
        };
        match self.tried.take() {
            Some(tried) if is_there(&tried) => self.settle(tried),
            _ => ensure!(is_there(&self.accepted), "neither the last state nor the next"),
        }
        // Each publish is one version of the timestamp and one row of the changefeed.
        let timestamp = followed.set.versions().get(&RoleName::Timestamp).context("none")?;
        ensure!(timestamp.get().unsigned_abs() == self.publishes, "timestamp {timestamp}");
        let changes = wire.get(&format!("/v2/{}/_trust/changefeed?records=1000", self.gun)).await?;
        let changes: Value = serde_json::from_slice(&changes.body)?;
        let count = changes.get("count").and_then(Value::as_u64);
        ensure!(count == Some(self.publishes), "{changes}");
        self.reader = Some(followed);
        Ok(())
    }

    /// Every document that was ever acknowledged is still served, to the byte.
    async fn check_history(&self, wire: &Wire) -> Result<()> {
        for ((role, version), bytes) in &self.history {
            let answer = wire.document(self.gun, &format!("{version}.{role}.json")).await?;
            ensure!(answer.body == *bytes, "version {version} of {role} is lost: {answer:?}");
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_kills_amid_publishes_lose_nothing_acknowledged_and_leave_no_half() -> Result<()> {
    let seed = match std::env::var("CRASH_SEED") {
        Ok(seed) => seed.parse()?,
        Err(_) => SEED,
    };
    play(seed).await.with_context(|| format!("played again with CRASH_SEED={seed}"))
}

async fn play(seed: u64) -> Result<()> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut server = Countersign::start().await?;
    let mut wire = Wire::to(server.endpoint())?;
    let mut owners = Vec::new();
    for gun in GUNS {
        owners.push(Owner::start(&wire, gun).await?);
    }
    for kill in 0..KILLS {
        let (told, acknowledged) = unbounded_channel();
        let mut publishing = JoinSet::new();
        for owner in owners.drain(..) {
            publishing.spawn(owner.publish_until_the_end(wire.clone(), told.clone()));
        }
        drop(told);
        at_random(&mut rng, acknowledged).await?;
        server.kill9()?;
        for owner in publishing.join_all().await {
            owners.push(owner?);
        }
        server.start_again().await?;
        wire = Wire::to(server.endpoint())?;
        for owner in &mut owners {
            let checked = owner.check(&wire).await;
            checked.with_context(|| format!("{} after kill {kill}", owner.gun))?;
        }
    }
    let users = TempDir::new()?;
    for owner in &owners {
        ensure!(owner.publishes > 1, "{} was never published to", owner.gun);
        owner.check_history(&wire).await.with_context(|| owner.gun)?;
        let user = NotaryClient::new(&users.path().join(owner.gun), server.endpoint())?;
        let listed = user.run(&["list", owner.gun]).await?;
        ensure!(listed.succeeded() && listed.says("v "), "{listed:?}");
    }
    Ok(())
}

/// Waits for some acknowledgements, and some microseconds more. The wait is the thing itself: a moment
/// within a publish, which nothing announces.
pub(crate) async fn at_random(
    rng: &mut StdRng,
    mut acknowledged: UnboundedReceiver<()>,
) -> Result<()> {
    for _ in 0..rng.random_range(0..=MOST_ANSWERS) {
        acknowledged.recv().await.context("all publishers have stopped")?;
    }
    std::thread::sleep(Duration::from_micros(rng.random_range(0..=LONGEST_WAIT_MICROS)));
    Ok(())
}
