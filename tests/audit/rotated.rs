//! Files that are renamed while they are written: by the server, and by others.

use std::fs;
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::Instant;

use crate::bench::{Bench, Load};

/// Longer than a signal takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_rotates_itself_under_load_loses_no_line() -> Result<()> {
    let mut bench = Bench::with("max_bytes = 8000\nkeep_files = 1000").await?;
    let mut load = Load::on(bench.server.endpoint())?;
    load.reaches(500).await?;
    let acknowledged = load.end().await;
    bench.stop().await?;
    let (code, log) = bench.verify().await?;
    assert_eq!((code, &log["starts"]), (0, &1.into()), "{log}");
    assert!(log["files"].as_array().is_some_and(|files| files.len() > 10), "{log}");
    bench.has_all(&acknowledged)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_others_rename_under_load_are_left_at_sighup_and_no_line_is_lost() -> Result<()>
{
    let mut bench = Bench::with("").await?;
    let mut load = Load::on(bench.server.endpoint())?;
    let log = bench.server.data().join("audit.log");
    for round in 1..=4_usize {
        load.reaches(50 * round).await?;
        fs::rename(&log, bench.server.data().join(format!("audit.log-{round}")))?;
        bench.server.hang_up()?;
        let deadline = Instant::now() + PATIENCE;
        while !log.exists() {
            ensure!(Instant::now() < deadline, "no new file\n{}", bench.server.log());
            bench.delete("e/a").await?;
        }
    }
    load.reaches(250).await?;
    let acknowledged = load.end().await;
    bench.stop().await?;
    let (code, log) = bench.verify().await?;
    assert_eq!((code, &log["starts"]), (0, &1.into()), "{log}");
    assert_eq!(log["files"].as_array().map(Vec::len), Some(5), "{log}");
    bench.has_all(&acknowledged)
}
