//! Two servers, each with a file of its own.

use anyhow::Result;

use crate::bench::{Bench, verify};

#[tokio::test]
async fn the_files_of_two_replicas_are_two_chains_that_name_them() -> Result<()> {
    let mut benches = Vec::new();
    for replica in ["left", "right"] {
        benches.push(Bench::with(&format!("replica = \"{replica}\"")).await?);
    }
    for _ in 0..3 {
        for bench in &benches {
            assert_eq!(bench.delete("e/a").await?.status, 200);
        }
    }
    let mut files = Vec::new();
    for bench in &mut benches {
        bench.server.restart().await?;
        files.extend(bench.files()?);
    }
    let (code, logs) = verify(&files).await?;
    assert_eq!(code, 0, "{logs:?}");
    let mut replicas: Vec<_> = logs.iter().filter_map(|log| log["replica"].as_str()).collect();
    replicas.sort_unstable();
    assert_eq!(replicas, ["left", "right"]);
    for log in &logs {
        assert_eq!((&log["records"], &log["starts"]), (&5.into(), &2.into()), "{log}");
    }
    Ok(())
}
