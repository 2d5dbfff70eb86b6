//! What is removed makes the tables smaller, or is used again; others go on meanwhile.

use anyhow::{Result, ensure};
use countersign_storage::engine::mysql::{MySqlAddress, MySqlStore};
use countersign_storage::{
    Commit, Forgotten, GivingBack, Heads, MetadataStore as _, Retention as _, StorageError,
};
use countersign_tuf::accepted::{AcceptedDocument, AcceptedUpdate};
use countersign_tuf::names::{RoleName, Version};

use super::{Bench, app, execute, newest, now, options};

const MIB: usize = 1 << 20;

/// Eight large timestamps, of which the last stays.
async fn with_room(store: &MySqlStore) -> Result<()> {
    for number in 1..=8 {
        let version = Version::new(number).unwrap();
        let document = AcceptedDocument::new(RoleName::Timestamp, version, vec![b'x'; MIB].into());
        let update = AcceptedUpdate::from_unchecked(Vec::new(), document);
        let done = store.commit(&app(), &Heads::new(), &update, now()).await?;
        ensure!(done == Commit::Done, "{done:?}");
    }
    let base = store.heads(&app(), &[RoleName::Timestamp]).await?;
    let ids: Vec<i64> = (0..1000).collect();
    let forgotten = store.forget(&app(), &base, &ids).await?;
    ensure!(matches!(forgotten, Forgotten::Done(7)), "{forgotten:?}");
    Ok(())
}

#[tokio::test]
async fn tables_that_are_written_anew_are_smaller_and_hold_what_is_current() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.database().await?;
    let store = bench.open(&database).await?;
    with_room(&store).await?;
    let space = store.give_back(GivingBack::Whole).await?;
    ensure!(space.before > 6 * MIB as u64 && space.after < 3 * MIB as u64, "{space:?}");
    ensure!(newest(&store).await? == Some(8));
    Ok(())
}

#[tokio::test]
async fn who_may_not_alter_the_tables_is_told_who_may() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.database().await?;
    for host in ["'%'", "localhost"] {
        execute(&mut bench.admin, &format!("CREATE USER guest@{host}")).await?;
        let grant = format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {database}.* TO guest@{host}");
        execute(&mut bench.admin, &grant).await?;
    }
    let address = MySqlAddress::parse(&bench.server.url("guest", &database))?;
    let store = MySqlStore::open(&address, &options()).await?;
    match store.give_back(GivingBack::Whole).await {
        Err(StorageError::Other(reason)) if reason.contains("grant ALTER") => Ok(()),
        other => anyhow::bail!("{other:?}"),
    }
}
