//! No byte more can be written to the audit log, while the database has room.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use countersign_access::audit::{Attempt, Chain, Decision, Entry, Identity, Outcome, Tail, Text};
use countersign_trust::{Clock as _, SystemClock};
use http::Method;
use tokio::time::Instant;

use crate::bench::{Bench, size};

/// More than the embedded database ever writes to one file here.
const LARGE: usize = 16 << 20;

/// How long everything may take to be as before.
const RECOVERY: Duration = Duration::from_secs(5);

/// A whole audit log that is larger than any other file, so that a limit on the size of files
/// concerns it alone.
fn write_large_log(path: &Path) -> Result<()> {
    let (now, piece) = (SystemClock.now(), "x".repeat(LARGE / 8));
    let identity =
        Identity { replica: Text::name("one"), process: "a1".to_owned(), version: "0", pid: 1 };
    let (mut chain, mut bytes) = Chain::begin(identity, &Tail::NOTHING, now);
    let mut decision = Decision::new(Attempt::Publish, Outcome::Refused, 400);
    decision.cause = Some(Text::cut(&piece, piece.len()));
    let entry = Entry::Decision(Box::new(decision));
    for _ in 0..8 {
        bytes.extend(chain.seal(now, &entry));
    }
    Ok(fs::write(path, bytes)?)
}

async fn with_large_log() -> Result<Bench> {
    let mut bench = Bench::with("replica = \"one\"").await?;
    bench.stop().await?;
    write_large_log(&bench.server.data().join("audit.log"))?;
    bench.again().await?;
    Ok(bench)
}

/// Leaves room for a piece of a line, and changes something. Gives the ID of the change.
async fn fill(bench: &Bench) -> Result<String> {
    let log = bench.server.data().join("audit.log");
    bench.server.limit_files(Some(size(&log)? + 100))?;
    let answer = bench.delete("e/full").await?;
    ensure!(answer.status == 200, "it was changed before anybody knew: {answer:?}");
    Ok(answer.header("x-request-id").to_owned())
}

async fn is_ready(bench: &Bench) -> Result<bool> {
    Ok(bench.wire.get("/_countersign/ready").await?.status == 200)
}

async fn recovers(bench: &Bench) -> Result<()> {
    let deadline = Instant::now() + RECOVERY;
    while !is_ready(bench).await? {
        if Instant::now() > deadline {
            bail!("not ready again\n{}", bench.server.log());
        }
    }
    Ok(())
}

#[tokio::test]
async fn on_a_full_disk_nothing_is_changed_until_the_record_of_the_last_change_is_written()
-> Result<()> {
    let mut bench = with_large_log().await?;
    let pending = fill(&bench).await?;
    let (code, log) = bench.verify().await?;
    assert_eq!((code, log["torn"][0]["bytes"].as_u64()), (0, Some(100)), "{log}");
    assert_eq!(bench.delete("e/full").await?.status, 503);
    let key = "/v2/e/new/_trust/tuf/timestamp.key";
    assert_eq!(bench.wire.get(key).await?.status, 503);
    assert_eq!(bench.wire.send(Method::POST, key, None, Vec::new()).await?.status, 503);
    assert!(!is_ready(&bench).await?);
    assert_eq!(bench.wire.get("/v2/").await?.status, 200);
    assert_eq!(bench.wire.document("e/full", "root.json").await?.status, 404);
    let garbage = bench.wire.send(Method::POST, "/v2/e/a/_trust/tuf/", None, Vec::new()).await?;
    assert_eq!(garbage.status, 400);
    assert!(bench.server.log().contains("the audit log cannot be written to"));
    bench.server.limit_files(None)?;
    recovers(&bench).await?;
    let after = bench.delete("e/full").await?;
    assert_eq!(after.status, 200);
    bench.stop().await?;
    let (code, log) = bench.verify().await?;
    assert_eq!((code, &log["torn"]), (0, &serde_json::json!([])), "{log}");
    bench.has_all(&[pending.clone(), after.header("x-request-id").to_owned()])?;
    // What was refused meanwhile is recorded too, after the change.
    let records = bench.records()?;
    let place = |id: &str| records.iter().position(|record| record["request_id"] == id);
    let failed = records.iter().position(|record| record["status"] == 503);
    assert!(place(&pending) < failed, "{:?} {failed:?}", place(&pending));
    Ok(())
}

#[tokio::test]
async fn killed_on_a_full_disk_the_next_start_needs_room_and_goes_on_after_the_torn_line()
-> Result<()> {
    let mut bench = with_large_log().await?;
    fill(&bench).await?;
    bench.server.kill9()?;
    bench.again().await?;
    assert_eq!(bench.delete("e/full").await?.status, 200);
    bench.stop().await?;
    let (code, log) = bench.verify().await?;
    assert_eq!((code, log["torn"].as_array().map(Vec::len)), (0, Some(1)), "{log}");
    Ok(())
}
