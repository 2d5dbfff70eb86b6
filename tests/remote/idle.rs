//! Connections to a signer on which nothing was said for long: how their end is met.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use countersign_custody::remote::RemoteCustody;
use countersign_custody::{Custody as _, CustodyError};
use countersign_tests::peers::link::Link;
use countersign_tuf::keys::{KeyId, ServerKeyAlgorithm};
use countersign_tuf::names::ServerRole::Timestamp;

use crate::bench::{Bench, DEADLINE, custody, gun};

/// A signer behind a link, custody over it with this deadline, and a key that has signed.
async fn connected(deadline: Duration) -> Result<(Bench, Link, RemoteCustody, KeyId)> {
    let bench = Bench::start().await?;
    let link = Link::to(bench.signer.port()).await?;
    let bindings = Arc::clone(&bench.bindings) as Arc<_>;
    let custody = custody(&bench.signer, link.port(), deadline, bindings)?;
    let key = custody.pending_key(&gun("a/b")?, Timestamp, ServerKeyAlgorithm::Ecdsa).await?;
    sign(&custody, key.id()).await?;
    Ok((bench, link, custody, key.id().clone()))
}

async fn sign(custody: &RemoteCustody, id: &KeyId) -> Result<(), CustodyError> {
    let gun = gun("a/b").map_err(|error| CustodyError::Other(error.to_string()))?;
    match custody.sign(&gun, Timestamp, id, b"{}").await? {
        Some(_) => Ok(()),
        None => Err(CustodyError::Other("it has no key".to_owned())),
    }
}

#[tokio::test]
async fn a_connection_that_ended_while_nothing_was_said_is_made_again_by_the_next_call()
-> Result<()> {
    let (_bench, link, custody, key) = connected(DEADLINE).await?;
    for _ in 0..3 {
        link.break_all();
        sign(&custody, &key).await?;
    }
    Ok(())
}

/// Nobody tells either end. One call waits its time and is answered that the signer is away; the
/// connection is given up with it, so that the next one is well.
#[tokio::test]
async fn a_connection_that_was_forgotten_on_the_way_costs_one_deadline_and_no_more() -> Result<()> {
    let (bench, link, custody, key) = connected(Duration::from_secs(1)).await?;
    let before = bench.signer.calls().len();
    link.forget_all();
    let refused = sign(&custody, &key).await;
    let Err(error @ CustodyError::Unavailable { .. }) = refused else { bail!("{refused:?}") };
    ensure!(error.to_string().contains("did not answer within 1 s"), "{error}");
    ensure!(bench.signer.calls().len() == before, "it was asked all the same");
    sign(&custody, &key).await?;
    ensure!(bench.signer.calls().len() == before + 1);
    Ok(())
}

/// What TCP does of itself, as the system tells of the connection: after a minute without a word it
/// asks whether the other end is there.
#[tokio::test]
async fn an_idle_connection_is_asked_after_by_tcp_within_a_minute() -> Result<()> {
    let bench = Bench::start().await?;
    let key = bench.custody.pending_key(&gun("a/b")?, Timestamp, ServerKeyAlgorithm::Ecdsa).await?;
    sign(&bench.custody, key.id()).await?;
    let deadline = Instant::now() + DEADLINE;
    loop {
        // Until the last bytes are acknowledged, the timer is another.
        let (timer, ticks) = timer_of_connection_to(bench.signer.port())?;
        if timer == KEEP_ALIVE {
            ensure!(ticks <= 60 * TICKS_A_SECOND, "asked after in {ticks} ticks");
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "timer {timer}");
        tokio::task::yield_now().await;
    }
}

const KEEP_ALIVE: u8 = 2;
const TICKS_A_SECOND: u64 = 100;

/// Which timer runs for this process's connection to the port of loopback, and for how long.
fn timer_of_connection_to(port: u16) -> Result<(u8, u64)> {
    let established_to = format!(":{port:04X} 01 ");
    let table = fs::read_to_string("/proc/self/net/tcp")?;
    // sl local_address rem_address st tx_queue:rx_queue tr:tm->when …
    let line =
        table.lines().find(|line| line.contains(&established_to)).context("no connection")?;
    let field = line.split_whitespace().nth(5).context("no timer")?;
    let (timer, ticks) = field.split_once(':').context("no time")?;
    Ok((timer.parse()?, u64::from_str_radix(ticks, 16)?))
}
