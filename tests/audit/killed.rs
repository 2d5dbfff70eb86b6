//! A server that is killed while it writes its audit log.

use anyhow::Result;

use crate::bench::{Bench, Load};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_under_load_at_most_the_last_line_is_torn_and_the_next_start_goes_on() -> Result<()>
{
    let mut bench = Bench::with("").await?;
    let mut acknowledged = Vec::new();
    for round in 1..=4_usize {
        let mut load = Load::on(bench.server.endpoint())?;
        load.reaches(40 * round).await?;
        bench.server.kill9()?;
        acknowledged.extend(load.end().await);
        let (code, log) = bench.verify().await?;
        assert_eq!((code, &log["whole"]), (0, &true.into()), "{log}");
        // Torn lines of earlier ends stay where they are; each end adds at most one.
        assert!(log["torn"].as_array().is_some_and(|torn| torn.len() <= round), "{log}");
        assert_eq!(log["starts"], round);
        bench.has_all(&acknowledged)?;
        bench.again().await?;
    }
    assert!(acknowledged.len() >= 400, "{}", acknowledged.len());
    bench.stop().await?;
    let (code, log) = bench.verify().await?;
    assert_eq!((code, &log["starts"]), (0, &5.into()), "{log}");
    bench.has_all(&acknowledged)
}

#[tokio::test]
async fn with_sync_set_and_a_stop_in_good_order_nothing_is_torn() -> Result<()> {
    let mut bench = Bench::with("sync = true").await?;
    let mut load = Load::on(bench.server.endpoint())?;
    load.reaches(50).await?;
    bench.server.ask_to_stop()?;
    let acknowledged = load.end().await;
    assert!(bench.server.ended().await?.success(), "{}", bench.server.log());
    let (code, log) = bench.verify().await?;
    assert_eq!((code, &log["torn"]), (0, &serde_json::json!([])), "{log}");
    bench.has_all(&acknowledged)
}
