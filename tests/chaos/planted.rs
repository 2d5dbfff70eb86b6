//! Servers that break a promise, in real runs: each time the checker says which one. Rows are taken
//! and put behind the replica's back, or a liar stands before it.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use countersign_tests::peers::liar::Liar;
use countersign_tests::peers::process::PATIENCE;
use countersign_tests::upload::publish_path;
use countersign_tests::wire::Wire;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::checker::{Violation, check};
use crate::cluster::Cluster;
use crate::history::{Action, Operation, Outcome, Recorder};
use crate::plan::Topology;
use crate::run::{Crowd, run};

const ONE: Topology = Topology::Postgres { replicas: 1 };

/// Few users in a hurry, who stay out of each other's way.
const CROWD: Crowd = Crowd { collections: 3, rivals: 1, readers: 4, pollers: 2, pace: 60 };

/// A collection without delegations, whose versions all go up together.
const GUN: &str = "lab/client/1";

/// One with delegations, whose publisher replaces two documents together.
const DELEGATING: &str = "lab/server/2";

/// What is done behind everybody's back, and what it was done with.
struct Scene<'a> {
    cluster: &'a mut Cluster,
    recorder: &'a Recorder,
    liar: &'a Liar,
    /// To the honest server; what goes over it is not part of the history.
    honest: Wire,
}

impl Scene<'_> {
    /// Waits until something has been seen in the run.
    async fn until(&self, what: &str, happened: impl Fn(&Operation) -> bool) -> Result<()> {
        self.until_so(what, || self.recorder.has(&happened)).await
    }

    async fn until_so(&self, what: &str, is_so: impl Fn() -> bool) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !is_so() {
            ensure!(Instant::now() < deadline, "never: {what}");
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Waits until readers of the collection have seen this version of a role.
    async fn until_seen(&self, role: &str, version: i64) -> Result<()> {
        let what = format!("version {version} of {role}");
        self.until(&what, |done| match (&done.action, &done.outcome) {
            (Action::Read { gun, .. }, Outcome::Document(edition)) => {
                &**gun == GUN && &*edition.role == role && edition.version >= version
            }
            _ => false,
        })
        .await
    }

    /// The bytes of an old version of a role.
    async fn old(&self, role: &str) -> Result<Vec<u8>> {
        let answer = self.honest.document(GUN, &format!("1.{role}.json")).await?;
        ensure!(answer.status == 200, "{answer:?}");
        Ok(answer.body)
    }

    /// Lets the next reader of the current document of a role have the oldest one instead.
    async fn serves_an_old(&self, role: &str) -> Result<()> {
        self.until_seen(role, 4).await?;
        let path = format!("{}{role}.json", publish_path(GUN));
        self.liar.answer_once(&path, self.old(role).await?);
        self.until_so("the lie", || self.liar.told() == 1).await
    }
}

/// Everything that the checker says about a run in which this was planted.
async fn found(plant: impl AsyncFnOnce(&mut Scene<'_>) -> Result<()>) -> Result<Vec<Violation>> {
    let mut cluster = Cluster::start(ONE).await?;
    let folder = TempDir::new()?;
    let endpoint = cluster.endpoints().pop().context("no replica")?;
    let liar = Liar::open(folder.path(), &endpoint).await?;
    let doors = [liar.endpoint().clone()];
    let planting = async |cluster: &mut Cluster, recorder: &Recorder| {
        let honest = Wire::to(&endpoint)?;
        plant(&mut Scene { cluster, recorder, liar: &liar, honest }).await
    };
    let evidence = run(&mut cluster, &doors, CROWD, 7, planting).await?;
    Ok(check(&evidence))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_plant_the_checker_finds_nothing() -> Result<()> {
    let found = found(async |scene| scene.until_seen("timestamp", 5).await).await?;
    ensure!(found.is_empty(), "{found:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledged_row_that_is_dropped_is_found() -> Result<()> {
    let found = found(async |scene| {
        scene.until_seen("targets", 3).await?;
        let row = format!("gun = '{GUN}' AND role = 'targets' AND version = 1");
        scene.cluster.sql(&format!("DELETE FROM tuf_files WHERE {row}")).await
    })
    .await?;
    let is_lost = |violation: &Violation| match violation {
        Violation::Lost { gun, edition } => {
            &**gun == GUN && &*edition.role == "targets" && edition.version == 1
        }
        _ => false,
    };
    ensure!(found.iter().any(is_lost), "{found:?}");
    Ok(())
}

/// As after a database that lost its newest commits: what is left is whole, and too old.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_that_go_back_are_found() -> Result<()> {
    let found = found(async |scene| {
        scene.until_seen("timestamp", 6).await?;
        let rows = format!("gun = '{GUN}' AND version > 2");
        scene.cluster.sql(&format!("DELETE FROM tuf_files WHERE {rows}")).await?;
        let recorder = scene.recorder;
        let now = recorder.now();
        scene
            .until("a read after the loss", |done| match &done.action {
                Action::Read { gun, .. } => &**gun == GUN && done.began > now,
                _ => false,
            })
            .await
    })
    .await?;
    let went_back = |violation: &Violation| match violation {
        Violation::WentBack { gun, .. } | Violation::Stale { gun, .. } => &**gun == GUN,
        _ => false,
    };
    ensure!(found.iter().any(went_back), "{found:?}");
    ensure!(found.iter().any(|violation| matches!(violation, Violation::Lost { .. })), "{found:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_stale_read_is_found_and_nothing_else() -> Result<()> {
    let found = found(async |scene| scene.serves_an_old("targets").await).await?;
    let [Violation::Stale { gun, role, saw: 1, .. }] = found.as_slice() else {
        anyhow::bail!("{found:?}");
    };
    ensure!(&**gun == GUN && &**role == "targets");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_old_timestamp_is_found() -> Result<()> {
    let found = found(async |scene| scene.serves_an_old("timestamp").await).await?;
    let went_back = |violation: &Violation| match violation {
        Violation::WentBack { gun, role, saw: 1, .. } => &**gun == GUN && &**role == "timestamp",
        _ => false,
    };
    ensure!(found.iter().any(went_back), "{found:?}");
    Ok(())
}

/// A server that stores half of each publish and acknowledges all of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_of_each_publish_is_found_as_torn_and_as_lost() -> Result<()> {
    let found = found(async |scene| {
        scene.until_seen("timestamp", 2).await?;
        scene.liar.lose_parts("targets/a");
        scene.until_so("the loss", || scene.liar.told() > 0).await?;
        let now = scene.recorder.now();
        scene
            .until("a whole read after the loss", |done| match &done.action {
                Action::Read { gun, role, .. } => {
                    &**gun == DELEGATING && &**role == "targets/b" && done.began > now
                }
                _ => false,
            })
            .await
    })
    .await?;
    ensure!(found.iter().any(|violation| matches!(violation, Violation::Torn { .. })), "{found:?}");
    ensure!(found.iter().any(|violation| matches!(violation, Violation::Lost { .. })), "{found:?}");
    Ok(())
}

/// Where numbers are given out before the rows that they belong to can be seen, a poller passes by
/// a row that comes late.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_of_the_changefeed_that_comes_late_is_found_as_missed() -> Result<()> {
    let found = found(async |scene| {
        scene.until_seen("timestamp", 2).await?;
        scene.cluster.sql("SELECT nextval('changefeed_id_seq')").await?;
        scene.until_seen("timestamp", 5).await?;
        // The newest row of all has a number behind the gap by now, and the poller has it.
        let newest = scene.cluster.stored().await?.changes.last().map_or(0, |change| change.id);
        scene
            .until("a poll past the gap", |done| match (&done.action, &done.outcome) {
                (Action::Poll { poller: 0, .. }, Outcome::Changes(changes)) => {
                    changes.iter().any(|change| change.id >= newest)
                }
                _ => false,
            })
            .await?;
        scene.cluster.sql(LATE).await
    })
    .await?;
    let is_missed =
        |violation: &Violation| matches!(violation, Violation::MissedChange { poller: 0, .. });
    ensure!(found.iter().any(is_missed), "{found:?}");
    Ok(())
}

/// The newest row once more, under the first number that was left out.
const LATE: &str = "INSERT INTO changefeed (id, created_at, gun, version, sha256, category) \
    SELECT (SELECT min(number) FROM generate_series(1, newest.id) AS number \
        WHERE NOT EXISTS (SELECT 1 FROM changefeed WHERE id = number)), \
    created_at, gun, version, sha256, category FROM changefeed AS newest ORDER BY id DESC LIMIT 1";
