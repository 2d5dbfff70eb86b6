//! One address that asks for new keys without end, while others go on.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Result, ensure};
use countersign_tests::upload;
use countersign_tests::wire::Wire;

use crate::bench::{Bench, GUN, check_refusal, collection, publish_path, server_key};

const SETTINGS: &str = "[limits]\nkey_burst = 20\nkeys_per_second = 1\n";

/// Far more than a burst.
const REFUSED: usize = 200;

/// Asks for the keys of ever new collections, and counts the refusals.
async fn flood(wire: &Wire, refused: &AtomicUsize) -> Result<()> {
    for number in 0_usize.. {
        let answer = wire.document(&format!("flood/{number}"), "timestamp.key").await?;
        if answer.status != 200 {
            check_refusal(&answer, 429, "UNKNOWN")?;
            ensure!(answer.header("retry-after") == "1", "{answer:?}");
            refused.fetch_add(1, Ordering::SeqCst);
        }
    }
    Ok(())
}

/// The flood's own address reads and publishes; another address makes new collections.
async fn life_goes_on(bench: &Bench, refused: &AtomicUsize) -> Result<()> {
    let neighbour = Wire::from(Ipv4Addr::new(127, 0, 0, 2), bench.server.endpoint())?;
    bench.goes_on().await?;
    for number in 0_usize.. {
        for role in ["root", "targets", "targets/a", "snapshot", "timestamp"] {
            let answer = bench.wire.document(GUN, &format!("{role}.json")).await?;
            ensure!(answer.status == 200, "{role}: {answer:?}");
        }
        let existing = server_key(&bench.wire, GUN, "timestamp").await;
        ensure!(existing.is_ok(), "a key that exists is no new one: {existing:?}");
        if number < 10 {
            let gun = format!("neighbour/{number}");
            let parts = collection(&neighbour, &gun).await?.all_parts();
            let answer = upload::publish(&neighbour, &gun, &parts).await?;
            ensure!(answer.status == 200, "{}: {answer:?}", publish_path(&gun));
        } else if refused.load(Ordering::SeqCst) > REFUSED {
            break;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_flood_of_new_keys_ends_at_its_limit_and_harms_nobody_else() -> Result<()> {
    let bench = Bench::under(SETTINGS).await?;
    let refused = AtomicUsize::new(0);
    tokio::select! {
        result = flood(&bench.wire, &refused) => result,
        result = life_goes_on(&bench, &refused) => result,
    }?;
    bench.is_small()
}
