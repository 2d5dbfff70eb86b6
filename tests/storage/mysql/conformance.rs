//! The conformance suite on MariaDB, and its races: in tables of our own making and in Notary's,
//! through two stores, through one, and past a server that prefers another isolation.

use std::sync::Arc;

use anyhow::{Result, ensure};
use countersign_storage::engine::mysql::MySqlStore;
use countersign_storage::suite::durable;

use super::{Bench, execute};

#[tokio::test(flavor = "multi_thread")]
async fn every_case_of_the_suite_holds() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.empty_database().await?;
    let failed = cases(&mut bench, &database).await?;
    ensure!(failed.is_empty(), "these cases failed, see above: {failed:#?}");
    Ok(())
}

/// What tables of Notary's making cannot keep: names that differ only in case, accents or trailing
/// blanks beside each other, characters beyond the first 65,536, and parts of a second.
const NOT_IN_TABLES_OF_NOTARY: [&str; 11] = [
    "metadata::times_are_kept_to_the_microsecond",
    "metadata::guns_that_differ_in_case_stay_apart",
    "metadata::guns_that_differ_in_a_trailing_blank_stay_apart",
    "metadata::guns_that_differ_in_composition_stay_apart",
    "keys::mark_used_notes_the_latest_for_one_key",
    "keys::last_use_is_kept_to_the_microsecond",
    "keys::bind_changes_no_other_key",
    "key_upkeep::only_a_retired_key_is_removed_for_good",
    "inventory::pages_of_any_size_hold_every_gun_once",
    "inventory::every_version_is_told_with_its_row",
    "archive::an_unannounced_removal_is_of_one_gun_and_no_change",
];

/// The same in tables that Notary's migrations made, but for what these cannot keep.
#[tokio::test(flavor = "multi_thread")]
async fn every_case_that_can_holds_in_tables_of_notary() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.notary_database().await?;
    let failed = cases(&mut bench, &database).await?;
    ensure!(failed == NOT_IN_TABLES_OF_NOTARY, "other cases failed, see above: {failed:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_race_ends_as_promised_in_tables_of_notary() -> Result<()> {
    let mut bench = Bench::start().await?;
    races(&mut bench, Stores::TwoOnTablesOfNotary).await
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
    let setting = "SET GLOBAL TRANSACTION ISOLATION LEVEL SERIALIZABLE";
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
    TwoOnTablesOfNotary,
}

/// The names of the cases that fail. Tables take longer to make than a case to run, so all of them
/// run in the same ones, emptied in between.
async fn cases(bench: &mut Bench, database: &str) -> Result<Vec<&'static str>> {
    let store = Arc::new(bench.open(database).await?);
    let mut connection = bench.connect(database).await?;
    let mut failed = Vec::new();
    for (name, case) in countersign_storage::conformance_cases!(MySqlStore) {
        if tokio::spawn(case(Arc::clone(&store))).await.is_err() {
            failed.push(name);
        }
        execute(&mut connection, EMPTY).await?;
    }
    store.close().await;
    Ok(failed)
}

/// Numbers begin at 1 again.
const EMPTY: &str = "TRUNCATE TABLE tuf_files; TRUNCATE TABLE changefeed; \
    TRUNCATE TABLE private_keys; TRUNCATE TABLE countersign_passphrase_check; \
    TRUNCATE TABLE countersign_passphrase_proposal; TRUNCATE TABLE countersign_key_processes; \
    TRUNCATE TABLE countersign_key_bindings; TRUNCATE TABLE countersign_root_walks";

async fn races(bench: &mut Bench, stores: Stores) -> Result<()> {
    let database = match stores {
        Stores::One | Stores::Two => bench.empty_database().await?,
        Stores::TwoOnTablesOfNotary => bench.notary_database().await?,
    };
    let one = Arc::new(bench.open(&database).await?);
    let two = match stores {
        Stores::One => Arc::clone(&one),
        Stores::Two | Stores::TwoOnTablesOfNotary => Arc::new(bench.open(&database).await?),
    };
    let mut connection = bench.connect(&database).await?;
    let mut failed = Vec::new();
    for (name, case) in countersign_storage::racing_cases!(MySqlStore) {
        if tokio::spawn(case(Arc::clone(&one), Arc::clone(&two))).await.is_err() {
            failed.push(name);
        }
        execute(&mut connection, EMPTY).await?;
    }
    one.close().await;
    two.close().await;
    ensure!(failed.is_empty(), "these races failed, see above: {failed:#?}");
    Ok(())
}
