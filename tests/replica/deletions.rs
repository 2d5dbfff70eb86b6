//! A deletion at one server, seen at another that has everything in memory.

use std::time::Duration;

use anyhow::{Result, ensure};
use http::Method;
use tokio::time::{Instant, interval};

use crate::bench::{Replicas, publish_new, root_by_digest};

const GUN: &str = "example.com/lab/app";

/// Contract section 4: within this time while the database can be reached.
const WITHIN: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_is_seen_here_at_once_and_there_within_a_second() -> Result<()> {
    let replicas = Replicas::start(2, "").await?;
    let [here, there] = &replicas.wires()?[..] else { unreachable!("there are two") };
    for _ in 0..3 {
        let root = root_by_digest(&publish_new(here, GUN).await?);
        for wire in [here, there] {
            ensure!(wire.document(GUN, &root).await?.status == 200);
        }
        let path = format!("/v2/{GUN}/_trust/tuf/");
        ensure!(here.send(Method::DELETE, &path, None, Vec::new()).await?.status == 200);
        let deleted = Instant::now();
        ensure!(here.document(GUN, &root).await?.status == 404);
        for name in ["timestamp.json", "root.json"] {
            ensure!(there.document(GUN, name).await?.status == 404, "by name at once");
        }
        let mut pace = interval(Duration::from_millis(20));
        loop {
            pace.tick().await;
            let asked = Instant::now();
            let status = there.document(GUN, &root).await?.status;
            if status == 404 {
                break;
            }
            ensure!(status == 200 && asked < deleted + WITHIN, "{status} after {WITHIN:?}");
        }
    }
    Ok(())
}
