//! The conformance suite on PostgreSQL, and its races: through two stores, through one, and past
//! a server that prefers another isolation.

use std::sync::Arc;

use anyhow::{Result, ensure};
use countersign_storage::engine::postgres::PostgresStore;
use countersign_storage::suite::durable;

use super::{Bench, execute};

#[tokio::test(flavor = "multi_thread")]
async fn every_case_of_the_suite_holds() -> Result<()> {
    let mut bench = Bench::start().await?;
    let mut failed = Vec::new();
    for (name, case) in countersign_storage::conformance_cases!(PostgresStore) {
        let database = bench.database().await?;
        let store = Arc::new(bench.open(&database).await?);
        if tokio::spawn(case(Arc::clone(&store))).await.is_err() {
            failed.push(name);
        }
        store.close().await;
    }
    ensure!(failed.is_empty(), "these cases failed, see above: {failed:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_race_of_two_stores_ends_as_promised() -> Result<()> {
    let mut bench = Bench::start().await?;
    races(&mut bench, Stores::Two).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_race_within_one_store_ends_as_promised() -> Result<()> {
    let mut bench = Bench::start().await?;
    races(&mut bench, Stores::One).await
}

/// The operator's default for transactions must not turn a lost race into an error.
#[tokio::test(flavor = "multi_thread")]
async fn every_race_ends_as_promised_where_the_default_is_serializable() -> Result<()> {
    let mut bench = Bench::start().await?;
    let setting = "ALTER ROLE postgres SET default_transaction_isolation = 'serializable'";
    execute(&mut bench.admin, setting).await?;
    races(&mut bench, Stores::Two).await
}

#[tokio::test]
async fn what_was_stored_is_there_after_a_crash_of_the_server() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.database().await?;
    let store = bench.open(&database).await?;
    durable::leave(&store, &store).await;
    bench.server.crash().await?;
    bench.server.start_again().await?;
    let store = bench.open(&database).await?;
    durable::find(&store, &store).await;
    Ok(())
}

/// Through how many stores a race goes.
#[derive(Clone, Copy)]
enum Stores {
    One,
    Two,
}

async fn races(bench: &mut Bench, stores: Stores) -> Result<()> {
    let mut failed = Vec::new();
    for (name, case) in countersign_storage::racing_cases!(PostgresStore) {
        let database = bench.database().await?;
        let one = Arc::new(bench.open(&database).await?);
        let two = match stores {
            Stores::One => Arc::clone(&one),
            Stores::Two => Arc::new(bench.open(&database).await?),
        };
        if tokio::spawn(case(Arc::clone(&one), Arc::clone(&two))).await.is_err() {
            failed.push(name);
        }
        one.close().await;
        two.close().await;
    }
    ensure!(failed.is_empty(), "these races failed, see above: {failed:#?}");
    Ok(())
}
