//! A database that is away, held up, or lost in the middle of a commit.

use std::time::Duration;

use anyhow::{Result, ensure};
use countersign_storage::engine::mysql::{MySqlAddress, MySqlOptions, MySqlStore};
use countersign_storage::{ChangeRange, Commit, Heads, MetadataStore as _, StorageError};
use countersign_tests::peers::link::{Cut, Link};
use countersign_tests::peers::process::PATIENCE;
use countersign_tuf::names::Gun;

use super::{Bench, OWNER, commit, execute, newest, now, options, timestamp};

const ALL: ChangeRange = ChangeRange::After { id: 0, limit: 100 };

/// As the driver sends it: a query (3), unlike what a session is told of "READ COMMITTED".
const COMMIT: &[u8] = b"\x03COMMIT";

fn brief() -> MySqlOptions {
    MySqlOptions { wait: Duration::from_millis(400), ..options() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_crashed_is_away_and_then_there_again_without_a_hand() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.database().await?;
    let store = MySqlStore::open(&bench.address(&database)?, &brief()).await?;
    ensure!(commit(&store, 1).await? == Commit::Done);
    bench.server.crash().await?;
    for away in
        [commit(&store, 2).await.err(), newest(&store).await.err(), store.check().await.err()]
    {
        ensure!(matches!(away, Some(StorageError::Unavailable { .. })), "{away:?}");
    }
    let refused = MySqlStore::open(&bench.address(&database)?, &brief()).await;
    ensure!(matches!(refused, Err(StorageError::Unavailable { .. })), "{refused:?}");
    bench.server.start_again().await?;
    ensure!(newest(&store).await? == Some(1));
    ensure!(commit(&store, 2).await? == Commit::Done);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_somebody_holds_is_not_waited_for_longer_than_told() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.database().await?;
    let store = MySqlStore::open(&bench.address(&database)?, &brief()).await?;
    let mut other = bench.connect(&database).await?;
    execute(&mut other, "LOCK TABLES tuf_files WRITE").await?;
    for held in [commit(&store, 1).await.err(), newest(&store).await.err()] {
        let Some(StorageError::Unavailable { reason }) = held else { anyhow::bail!("{held:?}") };
        ensure!(reason.contains("Lock wait timeout"), "{reason}");
    }
    execute(&mut other, "UNLOCK TABLES").await?;
    ensure!(commit(&store, 1).await? == Commit::Done);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_found_done() -> Result<()> {
    let (_bench, link, store) = over_a_link().await?;
    link.cut(Cut::After(COMMIT));
    ensure!(commit(&store, 1).await? == Commit::Done);
    ensure!(link.was_cut());
    ensure!(newest(&store).await? == Some(1));
    ensure!(store.changes(None, ALL).await?.len() == 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_never_arrived_is_no_success_and_no_old_version() -> Result<()> {
    let (_bench, link, store) = over_a_link().await?;
    link.cut(Cut::Before(COMMIT));
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

/// The locks of a commit belong to its session: the database must not hold them for whoever went
/// silent as long as the others have patience.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_stands_still_in_a_commit_keeps_no_other_from_its_own() -> Result<()> {
    for moment in [COMMIT, b"RELEASE_ALL_LOCKS"] {
        let mut bench = Bench::start().await?;
        let database = bench.database().await?;
        let link = Link::to(bench.server.port()).await?;
        let url = format!("mysql://{OWNER}@127.0.0.1:{}/{database}?ssl-mode=DISABLED", link.port());
        let patient = MySqlOptions { wait: Duration::from_secs(4), ..options() };
        let still = MySqlStore::open(&MySqlAddress::parse(&url)?, &patient).await?;
        let other = MySqlStore::open(&bench.address(&database)?, &patient).await?;
        link.cut(Cut::Stall(moment));
        let (stuck, done) = tokio::join!(commit(&still, 1), async {
            let deadline = tokio::time::Instant::now() + PATIENCE;
            while !link.was_cut() {
                ensure!(tokio::time::Instant::now() < deadline, "no commit came by");
                tokio::task::yield_now().await;
            }
            let rival = timestamp(1);
            let done = other.commit(&Gun::parse("c/d")?, &Heads::new(), &rival, now()).await;
            link.resume();
            Ok(done?)
        });
        ensure!(done? == Commit::Done);
        if moment == COMMIT {
            ensure!(matches!(stuck, Err(StorageError::Unavailable { .. })), "{stuck:?}");
            ensure!(newest(&other).await?.is_none());
            ensure!(commit(&still, 1).await? == Commit::Done);
        } else {
            ensure!(stuck? == Commit::Done);
            ensure!(commit(&still, 2).await? == Commit::Done);
        }
    }
    Ok(())
}

/// What is asked while nothing passes ends in time, and all is well once it passes again.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_stalls_is_an_outage_and_heals_by_itself() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.database().await?;
    let link = Link::to(bench.server.port()).await?;
    let url = format!("mysql://{OWNER}@127.0.0.1:{}/{database}?ssl-mode=DISABLED", link.port());
    let hasty = MySqlOptions { statement: Duration::from_secs(1), ..brief() };
    let store = MySqlStore::open(&MySqlAddress::parse(&url)?, &hasty).await?;
    ensure!(commit(&store, 1).await? == Commit::Done);
    ensure!(newest(&store).await? == Some(1));
    link.stall();
    let (write, read, check) = tokio::join!(commit(&store, 2), newest(&store), store.check());
    for away in [write.err(), read.err(), check.err()] {
        ensure!(matches!(away, Some(StorageError::Unavailable { .. })), "{away:?}");
    }
    link.resume();
    ensure!(newest(&store).await? == Some(1));
    ensure!(commit(&store, 2).await? == Commit::Done);
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
        VALUES (now(), 'a/b', 'timestamp', 1, 'x', sha2('x', 256))";
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
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let waiting = "SELECT CAST(variable_value AS SIGNED) FROM information_schema.global_status \
            WHERE variable_name = 'innodb_row_lock_current_waits'";
        let waiting: i64 = sqlx::query_scalar(waiting).fetch_one(&mut bench.admin).await?;
        if waiting > 0 {
            return Ok(());
        }
        ensure!(tokio::time::Instant::now() < deadline, "nobody ever waited");
        tokio::task::yield_now().await;
    }
}

async fn over_a_link() -> Result<(Bench, Link, MySqlStore)> {
    let mut bench = Bench::start().await?;
    let database = bench.database().await?;
    let link = Link::to(bench.server.port()).await?;
    let url = format!("mysql://{OWNER}@127.0.0.1:{}/{database}?ssl-mode=DISABLED", link.port());
    let store = MySqlStore::open(&MySqlAddress::parse(&url)?, &options()).await?;
    Ok((bench, link, store))
}
