//! What is removed makes the tables smaller, or is used again; others go on meanwhile.

use anyhow::{Result, ensure};
use countersign_storage::engine::postgres::PostgresStore;
use countersign_storage::{
    Commit, Forgotten, GivingBack, Heads, MetadataStore as _, Retention as _, StorageError,
};
use countersign_tuf::accepted::{AcceptedDocument, AcceptedUpdate};
use countersign_tuf::names::{RoleName, Version};

use super::{Bench, TEMPLATE, app, execute, now};

const MIB: usize = 1 << 20;

/// Eight large timestamps, of which the last stays.
async fn with_room(store: &PostgresStore, first: i64) -> Result<()> {
    for number in first..first + 8 {
        // Bytes that do not compress.
        let mut state = u64::try_from(number)?.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let bytes: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state.to_be_bytes()[0]
        })
        .take(MIB)
        .collect();
        let version = Version::new(number).unwrap();
        let document = AcceptedDocument::new(RoleName::Timestamp, version, bytes.into());
        let update = AcceptedUpdate::from_unchecked(Vec::new(), document);
        let done = store.commit(&app(), &Heads::new(), &update, now()).await?;
        ensure!(done == Commit::Done, "{done:?}");
    }
    let base = store.heads(&app(), &[RoleName::Timestamp]).await?;
    let ids: Vec<i64> = (0..1000).collect();
    let forgotten = store.forget(&app(), &base, &ids).await?;
    ensure!(matches!(forgotten, Forgotten::Done(7 | 8)), "{forgotten:?}");
    Ok(())
}

#[tokio::test]
async fn a_whole_vacuum_makes_the_tables_smaller() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.database().await?;
    let store = bench.open(&database).await?;
    with_room(&store, 1).await?;
    let space = store.give_back(GivingBack::Whole).await?;
    ensure!(space.before > 8 * MIB as u64 && space.after < 2 * MIB as u64, "{space:?}");
    Ok(())
}

#[tokio::test]
async fn a_vacuum_beside_others_lets_the_room_be_used_again() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.database().await?;
    let store = bench.open(&database).await?;
    with_room(&store, 1).await?;
    let first = store.give_back(GivingBack::Beside).await?;
    with_room(&store, 9).await?;
    let second = store.give_back(GivingBack::Beside).await?;
    ensure!(second.before < first.before + 2 * MIB as u64, "{first:?} {second:?}");
    Ok(())
}

/// A plain vacuum waits for no reader and no writer, and none waits for it.
#[tokio::test]
async fn a_vacuum_beside_others_goes_on_while_the_table_is_read_and_written() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.database().await?;
    let store = bench.open(&database).await?;
    with_room(&store, 1).await?;
    let mut busy = bench.connect(&database).await?;
    execute(&mut busy, "BEGIN; LOCK TABLE tuf_files IN ROW EXCLUSIVE MODE").await?;
    store.give_back(GivingBack::Beside).await?;
    Ok(())
}

#[tokio::test]
async fn who_does_not_own_the_tables_is_told_who_must_vacuum() -> Result<()> {
    let bench = Bench::start().await?;
    let mut admin = bench.connect(TEMPLATE).await?;
    execute(
        &mut admin,
        "CREATE ROLE guest LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO guest",
    )
    .await?;
    let address = countersign_storage::engine::postgres::PostgresAddress::parse(
        &bench.server.url("guest", TEMPLATE),
    )?;
    let store = PostgresStore::open(&address, &super::options()).await?;
    match store.give_back(GivingBack::Beside).await {
        Err(StorageError::Other(reason)) if reason.contains("owner") => Ok(()),
        other => anyhow::bail!("{other:?}"),
    }
}
