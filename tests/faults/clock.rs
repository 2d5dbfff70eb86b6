//! Metadata that was stored later than the clock reads, as after a clock that was ahead.

use std::fs;

use anyhow::{Result, ensure};
use countersign_tests::peers::countersign::Countersign;

use crate::bench::{Bench, is_later};

/// Contract section 3 (clock), with the operator's way out of it.
#[tokio::test]
async fn what_was_stored_in_the_future_stops_publishes_until_the_operator_lifts_it() -> Result<()> {
    // It would remember when it stored what is put into the future here.
    let forgetful = "[caching]\nbody_bytes = 0\n";
    let mut bench = Bench::with(Countersign::start_with(forgetful).await?).await?;
    let mut other = bench.connect().await?;
    sqlx::raw_sql("UPDATE tuf_files SET created_at = '2999-01-01T00:00:00.000000Z'")
        .execute(&mut other)
        .await?;
    bench.is_readable().await?;
    is_later(&bench.publish().await?, "UPDATING")?;
    let health = bench.wire.get("/_notary_server/health").await?;
    ensure!(health.status == 503, "{health:?}");
    ensure!(String::from_utf8_lossy(&health.body).contains("Clock operational"));

    let settings = bench.server.data().join("countersign.toml");
    fs::write(&settings, "[clock]\nallow_backwards = true\n")?;
    bench.server.ask_to_stop()?;
    bench.server.ended().await?;
    bench.server.start_again().await?;
    ensure!(bench.server.log().contains("clock.allow_backwards is set"));
    bench.recovers().await?;

    fs::write(&settings, "")?;
    bench.server.restart().await?;
    bench.recovers().await
}
