//! A database that is away, held up, or lost in the middle of a commit.

use std::num::NonZeroU32;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use countersign_storage::engine::postgres::{PostgresAddress, PostgresOptions, PostgresStore};
use countersign_storage::{ChangeRange, Commit, Heads, MetadataStore as _, StorageError};
use countersign_tests::peers::link::{Cut, Link};
use countersign_tests::peers::process::PATIENCE;
use countersign_tuf::names::{Gun, RoleName, Version};
use futures_util::future::try_join_all;
use sqlx::AssertSqlSafe;
use tokio::time::Instant;

use super::{Bench, OWNER, commit, execute, newest, now, options, timestamp};

const ALL: ChangeRange = ChangeRange::After { id: 0, limit: 100 };

fn brief() -> PostgresOptions {
    PostgresOptions { wait: Duration::from_millis(400), ..options() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_crashed_is_away_and_then_there_again_without_a_hand() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.database().await?;
    let store = PostgresStore::open(&bench.address(&database)?, &brief()).await?;
    ensure!(commit(&store, 1).await? == Commit::Done);
    bench.server.crash().await?;
    for away in
        [commit(&store, 2).await.err(), newest(&store).await.err(), store.check().await.err()]
    {
        ensure!(matches!(away, Some(StorageError::Unavailable { .. })), "{away:?}");
    }
    let refused = PostgresStore::open(&bench.address(&database)?, &brief()).await;
    ensure!(matches!(refused, Err(StorageError::Unavailable { .. })), "{refused:?}");
    bench.server.start_again().await?;
    ensure!(newest(&store).await? == Some(1));
    ensure!(commit(&store, 2).await? == Commit::Done);
    Ok(())
}

/// All connections are used, then ended by the database while nobody looks.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_the_database_ended_are_replaced_and_nobody_notices() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.database().await?;
    let store = bench.open(&database).await?;
    ensure!(commit(&store, 1).await? == Commit::Done);
    let mut admin = bench.connect("postgres").await?;
    for version in 1..=3 {
        ask_at_once(&store, 40).await?;
        let ended = format!(
            "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity \
             WHERE datname = '{database}' AND pid <> pg_backend_pid()"
        );
        let ended: i64 = sqlx::query_scalar(AssertSqlSafe(ended)).fetch_one(&mut admin).await?;
        ensure!(ended > 1, "{ended}");
        ask_at_once(&store, 40).await?;
        ensure!(newest(&store).await? == Some(version));
        ensure!(commit(&store, version + 1).await? == Commit::Done);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_connections_are_made_than_told_and_a_closed_store_has_none() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.database().await?;
    let two = NonZeroU32::new(2).context("2")?;
    let few = PostgresOptions { readers: two, writers: two, ..options() };
    let store = PostgresStore::open(&bench.address(&database)?, &few).await?;
    let mut admin = bench.connect("postgres").await?;
    ask_at_once(&store, 100).await?;
    let there = format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}'");
    let readers: i64 =
        sqlx::query_scalar(AssertSqlSafe(there.clone())).fetch_one(&mut admin).await?;
    ensure!(readers == 2, "{readers}");
    store.close().await;
    for closed in [commit(&store, 1).await.err(), newest(&store).await.err()] {
        let Some(StorageError::Unavailable { reason }) = closed else {
            anyhow::bail!("{closed:?}")
        };
        ensure!(reason.contains("closed"), "{reason}");
    }
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left: i64 =
            sqlx::query_scalar(AssertSqlSafe(there.clone())).fetch_one(&mut admin).await?;
        if left == 0 {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{left} connections are left");
        tokio::task::yield_now().await;
    }
}

/// So many questions at once that each must use a connection, and as many that may share one.
async fn ask_at_once(store: &PostgresStore, times: i64) -> Result<()> {
    let (gun, role) = (Gun::parse("a/b")?, RoleName::Timestamp);
    let by_version = (0..times).map(async |number| {
        let version = Version::new(number + 1).context("version")?;
        Ok(store.by_version(&gun, &role, version).await.map(drop)?)
    });
    let heads =
        (0..times).map(async |_| Ok(store.heads(&gun, &[RoleName::Timestamp]).await.map(drop)?));
    let (found, headed): (Result<Vec<()>>, Result<Vec<()>>) =
        tokio::join!(try_join_all(by_version), try_join_all(heads));
    found.and(headed).map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_somebody_holds_is_not_waited_for_longer_than_told() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.database().await?;
    let store = PostgresStore::open(&bench.address(&database)?, &brief()).await?;
    let mut other = bench.connect(&database).await?;
    execute(&mut other, "BEGIN; LOCK TABLE tuf_files").await?;
    for held in [commit(&store, 1).await.err(), newest(&store).await.err()] {
        let Some(StorageError::Unavailable { reason }) = held else { anyhow::bail!("{held:?}") };
        ensure!(reason.contains("lock timeout"), "{reason}");
    }
    execute(&mut other, "ROLLBACK").await?;
    ensure!(commit(&store, 1).await? == Commit::Done);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_found_done() -> Result<()> {
    let (_bench, link, store) = over_a_link().await?;
    link.cut(Cut::After(b"COMMIT"));
    ensure!(commit(&store, 1).await? == Commit::Done);
    ensure!(link.was_cut());
    ensure!(newest(&store).await? == Some(1));
    ensure!(store.changes(None, ALL).await?.len() == 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_never_arrived_is_no_success_and_no_old_version() -> Result<()> {
    let (_bench, link, store) = over_a_link().await?;
    link.cut(Cut::Before(b"COMMIT"));
    let lost = commit(&store, 1).await;
    ensure!(matches!(lost, Err(StorageError::Unavailable { .. })), "{lost:?}");
    ensure!(link.was_cut());
    ensure!(newest(&store).await?.is_none());
    ensure!(store.changes(None, ALL).await?.is_empty());
    ensure!(commit(&store, 1).await? == Commit::Done);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_lost_before_the_end_stores_nothing() -> Result<()> {
    let (_bench, link, store) = over_a_link().await?;
    for place in [b"INSERT INTO tuf_files".as_slice(), b"INSERT INTO changefeed"] {
        link.cut(Cut::After(place));
        let lost = commit(&store, 1).await;
        ensure!(matches!(lost, Err(StorageError::Unavailable { .. })), "{lost:?}");
        ensure!(link.was_cut());
    }
    ensure!(newest(&store).await?.is_none());
    ensure!(commit(&store, 1).await? == Commit::Done);
    Ok(())
}

/// The last lock of a commit is the one that all commits take: the database must not hold it for
/// whoever went silent as long as the others have patience.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_stands_still_in_a_commit_keeps_no_other_from_its_own() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.database().await?;
    let link = Link::to(bench.server.port()).await?;
    let url = format!("postgres://{OWNER}@127.0.0.1:{}/{database}?sslmode=disable", link.port());
    let patient = PostgresOptions { wait: Duration::from_secs(2), ..options() };
    let still = PostgresStore::open(&PostgresAddress::parse(&url)?, &patient).await?;
    let other = PostgresStore::open(&bench.address(&database)?, &patient).await?;
    link.cut(Cut::Stall(b"COMMIT"));
    let (stuck, done) = tokio::join!(commit(&still, 1), async {
        let deadline = Instant::now() + PATIENCE;
        while !link.was_cut() {
            ensure!(Instant::now() < deadline, "no commit came by");
            tokio::task::yield_now().await;
        }
        let rival = timestamp(1);
        let done = other.commit(&Gun::parse("c/d")?, &Heads::new(), &rival, now()).await;
        link.resume();
        Ok(done?)
    });
    ensure!(done? == Commit::Done);
    ensure!(matches!(stuck, Err(StorageError::Unavailable { .. })), "{stuck:?}");
    ensure!(newest(&other).await?.is_none());
    ensure!(commit(&still, 1).await? == Commit::Done);
    Ok(())
}

/// A row that a writer put there without our locks is a moved head, not an error.
#[tokio::test(flavor = "multi_thread")]
async fn a_writer_without_our_locks_makes_the_version_old() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.database().await?;
    let store = bench.open(&database).await?;
    let mut other = bench.connect(&database).await?;
    let theirs = "BEGIN; INSERT INTO tuf_files (created_at, gun, role, version, data, sha256) \
        VALUES (now(), 'a/b', 'timestamp', 1, 'x', encode(sha256('x'), 'hex'))";
    execute(&mut other, theirs).await?;
    let (ours, ended) = tokio::join!(commit(&store, 1), async {
        wait_for_a_waiter(&mut bench).await?;
        execute(&mut other, "COMMIT").await
    });
    ended?;
    ensure!(matches!(ours?, Commit::OldVersion(_)));
    ensure!(store.changes(None, ALL).await?.is_empty());
    Ok(())
}

/// Until somebody waits for another's transaction.
async fn wait_for_a_waiter(bench: &mut Bench) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted";
        let waiting: i64 = sqlx::query_scalar(waiting).fetch_one(&mut bench.admin).await?;
        if waiting > 0 {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "nobody ever waited");
        tokio::task::yield_now().await;
    }
}

async fn over_a_link() -> Result<(Bench, Link, PostgresStore)> {
    let mut bench = Bench::start().await?;
    let database = bench.database().await?;
    let link = Link::to(bench.server.port()).await?;
    let url = format!("postgres://{OWNER}@127.0.0.1:{}/{database}?sslmode=disable", link.port());
    let store = PostgresStore::open(&PostgresAddress::parse(&url)?, &options()).await?;
    Ok((bench, link, store))
}
