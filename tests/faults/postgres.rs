//! PostgreSQL is held up, full, silent, or takes no connection. What is asked for by its digest and
//! was read before is served all the same.

use anyhow::{Context as _, Result, ensure};
use countersign_tests::peers::countersign::Countersign;
use countersign_tests::peers::link::Link;
use countersign_tests::peers::postgres::Postgres;
use countersign_tests::wire::Answer;
use countersign_tuf::digest::Sha256Digest;
use futures_util::future::try_join_all;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::bench::{Bench, GUN, is_later};

const DATABASE: &str = "trust";

/// A user of whom the database can be told how many connections he may have.
const USER: &str = "app";

/// A disk on which a new cluster leaves some room.
const DISK_MEBIBYTES: u32 = 160;

/// How many publishes may still fit where no page can be added.
const ROOM: usize = 500;

/// A server on PostgreSQL over a link, with a collection that was read before.
struct Scene {
    // Dropped in this order: the database ends after the one that uses it.
    bench: Bench,
    link: Link,
    database: Postgres,
    admin: PgConnection,
    /// Every document by its digest.
    by_digest: Vec<String>,
}

impl Scene {
    async fn set() -> Result<Self> {
        Self::on(Postgres::start().await?).await
    }

    async fn on(database: Postgres) -> Result<Self> {
        let mut admin = PgConnection::connect(&database.url("postgres", "postgres")).await?;
        execute(&mut admin, &format!("CREATE ROLE {USER} LOGIN")).await?;
        execute(&mut admin, &format!("CREATE DATABASE {DATABASE} OWNER {USER}")).await?;
        let link = Link::to(database.port()).await?;
        let url = format!("postgres://{USER}@127.0.0.1:{}/{DATABASE}?sslmode=disable", link.port());
        let server = Countersign::start_steady(&format!("[database]\nurl = '{url}'\n")).await?;
        let mut bench = Bench::with(server).await?;
        // A server that finds no change at its start forgets what it has read at the first one.
        bench.server.restart().await?;
        let mut by_digest = Vec::new();
        for role in ["timestamp", "snapshot", "root", "targets"] {
            let answer = bench.wire.document(GUN, &format!("{role}.json")).await?;
            let digest = Sha256Digest::of(&answer.body).to_hex();
            by_digest.push(format!("/v2/{GUN}/_trust/tuf/{role}.{digest}.json"));
        }
        let scene = Self { bench, link, database, admin, by_digest };
        scene.serves_by_digest().await?;
        Ok(scene)
    }

    /// A connection past the server, as the one who may do anything.
    async fn connect(&self) -> Result<PgConnection> {
        Ok(PgConnection::connect(&self.database.url("postgres", DATABASE)).await?)
    }

    /// Bodies come from memory.
    async fn serves_by_digest(&self) -> Result<()> {
        for path in &self.by_digest {
            let answer = self.bench.wire.get(path).await?;
            ensure!(answer.status == 200, "{path}: {answer:?}");
        }
        Ok(())
    }

    /// What is current cannot be known for now, and neither can what was asked for by version; all
    /// wait at once.
    async fn cannot_read_names(&self) -> Result<()> {
        let files = ["timestamp", "snapshot", "root", "targets", "1.root", "1.timestamp"];
        let reads = files.map(|file| async move {
            self.bench.wire.document(GUN, &format!("{file}.json")).await
        });
        let answers: Vec<Answer> = try_join_all(reads).await?;
        answers.iter().try_for_each(|answer| is_later(answer, "UNKNOWN"))
    }

    /// `ready` says that there should be no requests, and `live` that the process is well.
    async fn is_alive_and_not_ready(&self) -> Result<()> {
        let live = self.bench.wire.get("/_countersign/live").await?;
        let ready = self.bench.wire.get("/_countersign/ready").await?;
        ensure!(live.status == 200 && ready.status == 503, "{live:?} {ready:?}");
        Ok(())
    }
}

async fn execute(connection: &mut PgConnection, statement: &str) -> Result<()> {
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(connection)
        .await
        .with_context(|| statement.to_owned())?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_somebody_holds_are_read_and_writes_are_503_until_he_is_done() -> Result<()> {
    let mut scene = Scene::set().await?;
    let mut other = scene.connect().await?;
    let hold = "BEGIN; LOCK TABLE tuf_files, changefeed, private_keys IN EXCLUSIVE MODE";
    execute(&mut other, hold).await?;
    scene.bench.cannot_write().await?;
    scene.bench.is_readable().await?;
    execute(&mut other, "ROLLBACK").await?;
    scene.bench.recovers().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_a_free_connection_is_503_and_bodies_come_from_memory() -> Result<()> {
    let mut scene = Scene::set().await?;
    execute(&mut scene.admin, &format!("ALTER ROLE {USER} CONNECTION LIMIT 0")).await?;
    let end =
        format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{USER}'");
    execute(&mut scene.admin, &end).await?;
    scene.cannot_read_names().await?;
    scene.serves_by_digest().await?;
    scene.is_alive_and_not_ready().await?;
    scene.bench.cannot_write().await?;
    execute(&mut scene.admin, &format!("ALTER ROLE {USER} CONNECTION LIMIT -1")).await?;
    scene.bench.recovers().await
}

/// All connections wait for a lock, more requests than there are connections wait for those.
#[tokio::test(flavor = "multi_thread")]
async fn a_pool_whose_connections_all_wait_is_503_and_recovers() -> Result<()> {
    let mut scene = Scene::set().await?;
    let mut other = scene.connect().await?;
    execute(&mut other, "BEGIN; LOCK TABLE tuf_files").await?;
    let asked = (0..40).map(|_| scene.bench.wire.document(GUN, "timestamp.json"));
    let waiting = try_join_all(asked);
    for answer in waiting.await? {
        is_later(&answer, "UNKNOWN")?;
    }
    scene.serves_by_digest().await?;
    execute(&mut other, "ROLLBACK").await?;
    scene.bench.recovers().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_on_which_nothing_passes_is_503_and_bodies_come_from_memory() -> Result<()> {
    let mut scene = Scene::set().await?;
    scene.link.stall();
    let wire = scene.bench.wire.clone();
    let (name, ready, by_digest) = tokio::join!(
        wire.document(GUN, "timestamp.json"),
        wire.get("/_countersign/ready"),
        scene.serves_by_digest(),
    );
    is_later(&name?, "UNKNOWN")?;
    ensure!(ready?.status == 503);
    by_digest?;
    scene.bench.cannot_write().await?;
    scene.link.resume();
    scene.bench.recovers().await
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_of_the_database_reads_go_on_and_publishes_are_503() -> Result<()> {
    let mut scene = Scene::on(Postgres::start_on_disk(DISK_MEBIBYTES).await?).await?;
    for _ in 0..2 {
        scene.database.fill_disk()?;
        let mut acknowledged = scene.bench.changes().await?;
        let mut refused = None;
        for _ in 0..ROOM {
            let answer = scene.bench.publish().await?;
            if answer.status != 200 {
                refused = Some(answer);
                break;
            }
            acknowledged += 1;
        }
        is_later(&refused.context("everything fits")?, "UPDATING")?;
        scene.bench.is_readable().await?;
        scene.serves_by_digest().await?;
        ensure!(scene.bench.changes().await? == acknowledged.min(100), "half a publish");
        scene.database.free_disk()?;
        scene.bench.recovers().await?;
    }
    Ok(())
}
