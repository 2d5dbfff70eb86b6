//! The real binary, killed with signal 9 while it makes keys: an owner who was given a key may have
//! signed it into a root by now.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use countersign_tests::peers::countersign::Countersign;
use countersign_tests::upload::server_key;
use countersign_tests::wire::Wire;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use crate::killed::at_random;

const KILLS: usize = 10;
const OWNERS: usize = 3;
const SEED: u64 = 3;

/// Asks for the timestamp key of ever new collections until the server is gone.
async fn ask(wire: Wire, prefix: String, told: UnboundedSender<()>) -> BTreeMap<String, Value> {
    let mut offered = BTreeMap::new();
    loop {
        let gun = format!("{prefix}/{}", offered.len());
        let Ok(key) = server_key(&wire, &gun, "timestamp").await else { return offered };
        offered.insert(gun, key);
        told.send(()).ok();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_key_that_was_offered_before_a_kill_is_offered_after_it() -> Result<()> {
    let mut rng = StdRng::seed_from_u64(SEED);
    let mut server = Countersign::start().await?;
    let mut offered = BTreeMap::new();
    for kill in 0..KILLS {
        let wire = Wire::to(server.endpoint())?;
        let (told, answers) = unbounded_channel();
        let mut asking = JoinSet::new();
        for owner in 0..OWNERS {
            asking.spawn(ask(wire.clone(), format!("lab/{kill}/{owner}"), told.clone()));
        }
        drop(told);
        at_random(&mut rng, answers).await?;
        server.kill9()?;
        offered.extend(asking.join_all().await.into_iter().flatten());
        server.start_again().await?;
    }
    ensure!(offered.len() > KILLS, "only {} keys were offered", offered.len());
    let wire = Wire::to(server.endpoint())?;
    for (gun, key) in offered {
        let again = server_key(&wire, &gun, "timestamp").await.with_context(|| gun.clone())?;
        ensure!(again == key, "{gun}: {again} is not {key}");
    }
    Ok(())
}
