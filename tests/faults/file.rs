//! The database's file is gone, is another one, or lacks what belongs in it.

use std::fs;

use anyhow::{Result, ensure};

use crate::bench::{Bench, is_failure, is_later};

/// What is still readable through the open file is no longer the server's: it is not served.
#[tokio::test]
async fn a_file_that_was_moved_away_is_503_and_never_404_or_old_data() -> Result<()> {
    let mut bench = Bench::start().await?;
    let moved = bench.database().with_extension("moved");
    fs::rename(bench.database(), &moved)?;
    for answer in bench.reads().await? {
        is_later(&answer, "UNKNOWN")?;
    }
    bench.cannot_write().await?;
    is_sick(&bench, "is gone").await?;
    fs::rename(&moved, bench.database())?;
    bench.recovers().await
}

#[tokio::test]
async fn a_file_that_was_replaced_is_503_until_the_first_one_is_back() -> Result<()> {
    let mut bench = Bench::start().await?;
    let moved = bench.database().with_extension("moved");
    fs::rename(bench.database(), &moved)?;
    fs::copy(&moved, bench.database())?;
    for answer in bench.reads().await? {
        is_later(&answer, "UNKNOWN")?;
    }
    bench.cannot_write().await?;
    is_sick(&bench, "was replaced by another file").await?;
    fs::rename(&moved, bench.database())?;
    bench.recovers().await
}

#[tokio::test]
async fn a_missing_table_is_500_and_never_404() -> Result<()> {
    let mut bench = Bench::start().await?;
    let mut other = bench.connect().await?;
    sqlx::raw_sql("ALTER TABLE tuf_files RENAME TO away").execute(&mut other).await?;
    for answer in bench.reads().await? {
        is_failure(&answer, 500, "UNKNOWN")?;
    }
    is_failure(&bench.publish().await?, 500, "UPDATING")?;
    is_sick(&bench, "tuf_files").await?;
    sqlx::raw_sql("ALTER TABLE away RENAME TO tuf_files").execute(&mut other).await?;
    bench.recovers().await
}

async fn is_sick(bench: &Bench, why: &str) -> Result<()> {
    let health = bench.wire.get("/_notary_server/health").await?;
    let text = String::from_utf8_lossy(&health.body);
    ensure!(health.status == 503 && text.contains(why), "{}: {text}", health.status);
    Ok(())
}
