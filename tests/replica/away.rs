//! What a server says and serves while its database is gone, hangs or only takes reads.

use std::time::Duration;

use anyhow::{Result, ensure};
use countersign_forge::repository::Repository;
use countersign_tests::peers::process::PATIENCE;
use countersign_tests::upload;
use countersign_tests::wire::{Answer, Wire};
use futures_util::future::join_all;
use http::Method;
use tokio::time::{Instant, interval};

use crate::bench::{Replicas, publish_new, root_by_digest};

const GUN: &str = "example.com/lab/app";

/// Contract section 4: how long after a fault answers are normal again.
const RECOVERY: Duration = Duration::from_secs(5);

/// One server with a published collection, whose root is in its memory.
struct Scene {
    replicas: Replicas,
    wire: Wire,
    collection: Repository,
    root: String,
}

impl Scene {
    async fn set() -> Result<Self> {
        let replicas = Replicas::start(1, "").await?;
        let wire = Wire::to(replicas.servers[0].endpoint())?;
        let collection = publish_new(&wire, GUN).await?;
        let root = root_by_digest(&collection);
        let scene = Self { replicas, wire, collection, root };
        ensure!(scene.wire.document(GUN, &scene.root).await?.status == 200);
        Ok(scene)
    }

    async fn status(&self, path: &str) -> Result<u16> {
        Ok(self.wire.get(path).await?.status)
    }

    /// The process lives, and this is what it says of being ready.
    async fn says(&self, ready: u16) -> Result<()> {
        ensure!(self.status("/_countersign/live").await? == 200);
        let said = self.wire.get("/_countersign/ready").await?;
        ensure!(said.status == ready, "ready: {said:?}");
        Ok(())
    }

    /// The root comes from memory, byte for byte.
    async fn serves_from_memory(&self) -> Result<()> {
        let answer = self.wire.document(GUN, &self.root).await?;
        ensure!(answer.status == 200, "{answer:?}");
        ensure!(answer.body == self.collection.parts(&["root"])[0].1);
        Ok(())
    }

    async fn publish(&mut self) -> Result<Answer> {
        for role in ["targets", "snapshot"] {
            self.collection.bump(role);
        }
        let parts = self.collection.parts(&["targets", "snapshot"]);
        upload::publish(&self.wire, GUN, &parts).await
    }

    /// Ready, reads and publishes, within the promised time.
    async fn recovers(&mut self) -> Result<()> {
        let deadline = Instant::now() + RECOVERY;
        let mut pace = interval(Duration::from_millis(50));
        loop {
            pace.tick().await;
            let (ready, published) =
                (self.status("/_countersign/ready").await?, self.publish().await?.status);
            if (ready, published) == (200, 200) {
                break;
            }
            ensure!(Instant::now() < deadline, "ready {ready}, publish {published}");
        }
        ensure!(self.wire.document(GUN, "targets.json").await?.status == 200);
        Ok(())
    }
}

fn is_later(answer: &Answer) -> Result<()> {
    ensure!(answer.status == 503 && !answer.header("retry-after").is_empty(), "{answer:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_database_gone_bodies_by_digest_are_served_and_ready_is_503() -> Result<()> {
    let mut scene = Scene::set().await?;
    scene.replicas.database.crash().await?;
    scene.serves_from_memory().await?;
    let names = ["timestamp", "snapshot", "targets", "root", "1.root"];
    let files = names.map(|name| format!("{name}.json"));
    let reads = files.iter().map(|file| scene.wire.document(GUN, file));
    let (said, answers) = tokio::join!(scene.says(503), join_all(reads));
    said?;
    for answer in answers {
        is_later(&answer?)?;
    }
    is_later(&scene.publish().await?)?;
    scene.serves_from_memory().await?;
    scene.replicas.database.start_again().await?;
    scene.recovers().await
}

/// Nothing is refused and nothing answers: the worst that a database can do.
#[tokio::test(flavor = "multi_thread")]
async fn with_a_database_that_hangs_bodies_by_digest_are_served_and_ready_is_503() -> Result<()> {
    let mut scene = Scene::set().await?;
    scene.replicas.database.pause()?;
    scene.says(503).await?;
    scene.serves_from_memory().await?;
    scene.replicas.database.resume()?;
    scene.recovers().await
}

/// As after a change of the primary: what only reads goes on, so the server stays ready.
#[tokio::test(flavor = "multi_thread")]
async fn with_a_database_that_only_takes_reads_reads_go_on_and_writes_are_503() -> Result<()> {
    let mut scene = Scene::set().await?;
    only_reads(&scene, "on").await?;
    let deadline = Instant::now() + PATIENCE;
    while scene.publish().await?.status == 200 {
        ensure!(Instant::now() < deadline, "the database still takes writes");
    }
    for name in ["timestamp", "snapshot", "targets", "root"] {
        ensure!(scene.wire.document(GUN, &format!("{name}.json")).await?.status == 200);
    }
    is_later(&scene.publish().await?)?;
    let path = format!("/v2/{GUN}/_trust/tuf/");
    is_later(&scene.wire.send(Method::DELETE, &path, None, Vec::new()).await?)?;
    scene.says(200).await?;
    only_reads(&scene, "off").await?;
    scene.recovers().await
}

/// Sessions that are open see it a moment later.
async fn only_reads(scene: &Scene, value: &str) -> Result<()> {
    let sql = format!("ALTER SYSTEM SET default_transaction_read_only = {value};");
    scene.replicas.sql(&format!("{sql} SELECT pg_reload_conf();")).await
}
