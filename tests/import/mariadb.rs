//! From a Notary on MariaDB, into SQLite and into another database of the same server.

use anyhow::{Result, ensure};
use countersign_storage::engine::mysql::MySqlStore;
use countersign_storage::engine::postgres::Tables;
use countersign_storage::{Inventory, KeyCatalogue, KeyStore, MetadataStore};
use countersign_tests::peers::go_notary::GoNotary;

use crate::move_out::goes_on;
use crate::notary::{BY_CLIENT, Notary};
use crate::runs::Target;
use crate::stored;

/// Each kind of them twice; the last is deleted on the way.
const FORGED: usize = 8;

const ALL: u64 = (FORGED + BY_CLIENT.len()) as u64;

const TARGET: &str = "moved";

#[tokio::test(flavor = "multi_thread")]
async fn a_notary_on_mariadb_moves_into_sqlite_and_mariadb_and_clients_go_on() -> Result<()> {
    let mut notary = Notary::filled(GoNotary::start_on_mariadb().await?, FORGED).await?;
    let server = notary.go()?.mariadb();
    server.create_database(TARGET, "").await?;
    let url = server.url("root", TARGET);
    let metadata = server.url("root", GoNotary::SERVER_DATABASE);
    let keys = server.url("root", GoNotary::SIGNER_DATABASE);
    let place = |name: &str| notary.session.directory().join(name);
    let sqlite = Target { data: place("sqlite"), database: None };
    let mariadb = Target { data: place("mariadb"), database: Some(url.clone()) };
    moves_whole(&notary, &sqlite, ALL).await?;
    notary.goes_on().await?;
    notary.stop()?;
    let (code, again) = sqlite.imported(notary.go()?, &[]).await?;
    ensure!(code == 0, "{again}");
    ensure!(again["guns"]["unchanged"] == ALL - 2, "one was published to, one deleted: {again}");
    moves_whole(&notary, &mariadb, ALL - 1).await?;

    let metadata = stored::mariadb(&metadata, Tables::Metadata).await?;
    let keys = stored::mariadb(&keys, Tables::Keys).await?;
    let there = stored::sqlite(&sqlite.data.join("countersign.db")).await?;
    same(&metadata, &keys, &there, &there).await?;
    there.close().await;
    let there = stored::mariadb(&url, Tables::Metadata).await?;
    let keys_there = stored::mariadb(&url, Tables::Keys).await?;
    same(&metadata, &keys, &there, &keys_there).await?;
    for store in [there, keys_there, metadata, keys] {
        store.close().await;
    }

    let notarys = [("NOTARY_SIGNER_FIRST", GoNotary::PASSPHRASE)];
    for (target, gun) in [&sqlite, &mariadb].into_iter().zip(BY_CLIENT) {
        let (code, said) = target.check().await?;
        ensure!(code == Some(0), "{said}");
        let (ours, endpoint) = target.serve(&notarys).await?;
        goes_on(&mut notary, &endpoint, gun, ours).await?;
    }
    Ok(())
}

/// A first run, which finds nothing amiss.
async fn moves_whole(notary: &Notary, target: &Target, guns: u64) -> Result<()> {
    let (code, moved) = target.imported(notary.go()?, &[]).await?;
    ensure!(code == 0 && moved["guns"]["new"] == guns, "{moved}");
    let left_out = moved["guns"]["left_out"].as_object();
    ensure!(left_out.is_some_and(serde_json::Map::is_empty), "{moved}");
    let unusable = moved["keys"]["unusable"].as_array();
    ensure!(unusable.is_some_and(Vec::is_empty), "{moved}");
    Ok(())
}

/// Every document, change and key is as it was.
async fn same(
    metadata: &MySqlStore,
    keys: &MySqlStore,
    there: &(impl Inventory + MetadataStore),
    keys_there: &(impl KeyCatalogue + KeyStore),
) -> Result<()> {
    let documents = stored::documents(metadata).await?;
    ensure!(!documents.is_empty() && stored::documents(there).await? == documents);
    let changes = stored::changes(metadata).await?;
    ensure!(!changes.is_empty() && stored::changes(there).await? == changes);
    let sealed = stored::keys(keys).await?;
    ensure!(!sealed.is_empty() && stored::keys(keys_there).await? == sealed);
    Ok(())
}
