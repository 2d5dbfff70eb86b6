//! No byte more can be written to any file, as on a full disk.

use anyhow::Result;
use countersign_tests::peers::countersign::Countersign;

use crate::bench::Bench;

#[tokio::test]
async fn on_a_full_disk_reads_go_on_and_writes_are_503_until_there_is_room() -> Result<()> {
    let mut bench = Bench::with(Countersign::start().await?).await?;
    for _ in 0..2 {
        bench.server.limit_files(Some(0))?;
        bench.cannot_write().await?;
        bench.is_readable().await?;
        bench.server.limit_files(None)?;
        bench.recovers().await?;
    }
    Ok(())
}
