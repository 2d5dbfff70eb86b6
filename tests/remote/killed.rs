//! A signer that is killed and started again while several collections are published to: each
//! publish is accepted as a whole or answered 503 and leaves nothing, and what is stored verifies.

use anyhow::{Context as _, Result, ensure};
use countersign_forge::repository::Repository;
use countersign_tests::follow::{Followed, follow};
use countersign_tests::peers::countersign::Countersign;
use countersign_tests::peers::countersign_signer::CountersignSigner;
use countersign_tests::peers::go_notary::GoNotary;
use countersign_tests::upload;
use countersign_tests::wire::Wire;
use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::names::RoleName;
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::real_signer::RealSigner;

const GUNS: [&str; 3] = ["lab/server/a", "lab/client/a", "lab/server/b"];

/// How often the signer is killed.
const KILLS: usize = 4;

/// What is waited for before each kill: so many publishes are accepted.
const ACCEPTED_BETWEEN: usize = 6;

/// What became of a publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Accepted,
    /// 503 with `Retry-After`.
    Later,
}

/// One collection, its owner, and a reader who never forgets.
struct Owner {
    gun: &'static str,
    accepted: Repository,
    publishes: u64,
    reader: Option<Followed>,
}

impl Owner {
    async fn start(wire: &Wire, gun: &'static str) -> Result<Self> {
        let accepted = if gun.contains("client") {
            upload::collection(wire, gun).await?
        } else {
            upload::collection_with_server_snapshot(wire, gun).await?
        };
        let answer = upload::publish(wire, gun, &accepted.all_parts()).await?;
        ensure!(answer.status == 200, "{answer:?}");
        Ok(Self { gun, accepted, publishes: 1, reader: None })
    }

    /// Publishes again and again until it is told to stop.
    async fn publish_on(
        mut self,
        wire: Wire,
        told: UnboundedSender<Outcome>,
        stop: watch::Receiver<bool>,
    ) -> Result<Self> {
        while !*stop.borrow() {
            let mut next = self.accepted.clone();
            next.add_target("targets", "v", self.publishes.to_string().as_bytes());
            next.bump("snapshot");
            let parts = next.parts(&["targets", "snapshot"]);
            let answer = upload::publish(&wire, self.gun, &parts).await?;
            let outcome = match answer.status {
                200 => {
                    self.publishes += 1;
                    self.accepted = next;
                    Outcome::Accepted
                }
                503 if !answer.header("retry-after").is_empty() => Outcome::Later,
                _ => anyhow::bail!("{}: {answer:?}", self.gun),
            };
            told.send(outcome).ok();
        }
        Ok(self)
    }

    /// The collection verifies, and is what was accepted, no more and no less.
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
        let (_, targets) = self.accepted.parts(&["targets"]).pop().context("targets")?;
        ensure!(followed.documents.get("targets") == Some(&targets), "{}: other targets", self.gun);
        let timestamp = followed.set.versions().get(&RoleName::Timestamp).context("none")?;
        ensure!(timestamp.get().unsigned_abs() == self.publishes, "timestamp {timestamp}");
        let changes = wire.get(&format!("/v2/{}/_trust/changefeed?records=1000", self.gun)).await?;
        let changes: Value = serde_json::from_slice(&changes.body)?;
        let count = changes.get("count").and_then(Value::as_u64);
        ensure!(count == Some(self.publishes), "{changes}");
        self.reader = Some(followed);
        Ok(())
    }
}

/// Kills the signer under load, waits until publishes fail, starts it again, waits until they
/// succeed; and so on.
async fn play(server: &Countersign, signer: &mut impl RealSigner) -> Result<()> {
    let wire = Wire::to(server.endpoint())?;
    let (told, mut outcomes) = unbounded_channel();
    let (stop, stopped) = watch::channel(false);
    let mut owners = JoinSet::new();
    for gun in GUNS {
        let owner = Owner::start(&wire, gun).await?;
        owners.spawn(owner.publish_on(Wire::to(server.endpoint())?, told.clone(), stopped.clone()));
    }
    drop(told);
    for _ in 0..KILLS {
        let mut accepted = 0;
        while accepted < ACCEPTED_BETWEEN {
            let outcome = outcomes.recv().await.context("the owners have ended")?;
            accepted += usize::from(outcome == Outcome::Accepted);
        }
        signer.kill()?;
        while outcomes.recv().await.context("the owners have ended")? != Outcome::Later {}
        let health = wire.get("/_notary_server/health").await?;
        ensure!(health.status == 503, "{health:?}");
        ensure!(String::from_utf8_lossy(&health.body).contains("Trust operational"), "{health:?}");
        signer.start_again().await?;
    }
    while outcomes.recv().await.context("the owners have ended")? != Outcome::Accepted {}
    stop.send_replace(true);
    while let Some(owner) = owners.join_next().await {
        owner??.check(&wire).await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_go_signer_killed_under_load_costs_nothing_that_was_accepted() -> Result<()> {
    let mut go = GoNotary::start().await?;
    let server = Countersign::start_with(&go.section()).await?;
    play(&server, &mut go).await.with_context(|| server.log())
}

#[tokio::test]
async fn our_signer_killed_under_load_costs_nothing_that_was_accepted() -> Result<()> {
    let mut signer = CountersignSigner::start().await?;
    let server = Countersign::start_with(&signer.section()).await?;
    play(&server, &mut signer).await.with_context(|| server.log())
}
