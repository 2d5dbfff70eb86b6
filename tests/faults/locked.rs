//! Another process holds the database's write lock.

use anyhow::Result;
use sqlx::Connection as _;

use crate::bench::Bench;

/// Busy never looks like unsigned, and what is stored is served all the while.
#[tokio::test]
async fn a_database_locked_by_another_process_serves_reads_and_answers_writes_with_503()
-> Result<()> {
    let mut bench = Bench::start().await?;
    let mut other = bench.connect().await?;
    let lock = other.begin_with("BEGIN IMMEDIATE").await?;
    bench.cannot_write().await?;
    bench.is_readable().await?;
    lock.rollback().await?;
    bench.recovers().await
}

#[tokio::test]
async fn a_publish_during_a_short_lock_waits_and_succeeds() -> Result<()> {
    let mut bench = Bench::start().await?;
    let mut other = bench.connect().await?;
    let lock = other.begin_with("BEGIN IMMEDIATE").await?;
    let release = async {
        tokio::time::timeout(std::time::Duration::from_secs(1), std::future::pending::<()>())
            .await
            .ok();
        lock.rollback().await
    };
    let (published, released) = tokio::join!(bench.publish(), release);
    released?;
    anyhow::ensure!(published?.status == 200);
    bench.is_readable().await
}
