//! Signing ahead in the background of the real binary.

use std::fs;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use countersign_tests::peers::countersign::Countersign;
use countersign_tests::peers::process::PATIENCE;
use tokio::time::{Instant, interval};

use crate::bench::Bench;

/// Signed for an hour, then the server starts with the usual lives: nobody asks for the timestamp,
/// and it is signed again all the same.
#[tokio::test]
async fn a_timestamp_that_is_due_is_signed_again_without_a_reader() -> Result<()> {
    let server = Countersign::start_with("[expiry]\ntimestamp_hours = 1\n").await?;
    let mut bench = Bench::with(server).await?;
    ensure!(bench.changes().await? == 1);
    fs::write(bench.server.data().join("countersign.toml"), "")?;
    bench.server.restart().await?;
    let deadline = Instant::now() + PATIENCE;
    let mut pace = interval(Duration::from_millis(50));
    while bench.changes().await? < 2 {
        pace.tick().await;
        if Instant::now() > deadline {
            bail!("nothing was signed\n{}", bench.server.log());
        }
    }
    ensure!(bench.server.log().contains("signed again ahead of expiry"));
    bench.server.restart().await
}
