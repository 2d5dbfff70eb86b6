//! A database pair that the Go server and signer made, opened as it stands.

use anyhow::{Context, Result, ensure};
use countersign_storage::engine::mysql::{MySqlAddress, MySqlOptions, MySqlStore, Tables};
use countersign_storage::{
    ChangeCategory, ChangeRange, Commit, KeyCatalogue as _, MetadataStore as _,
};
use countersign_tests::peers::go_notary::GoNotary;
use countersign_tests::upload;
use countersign_tests::wire::Wire;
use countersign_tuf::accepted::{AcceptedDocument, AcceptedUpdate};
use countersign_tuf::names::{Gun, RoleName};

use super::{execute, now, options};

const GUN: &str = "example.com/made-by-go";

const SCHEMA_MIGRATIONS: &str = "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, \
    dirty boolean NOT NULL); INSERT INTO schema_migrations VALUES (2, false)";

const ALL: ChangeRange = ChangeRange::After { id: 0, limit: 100 };

#[tokio::test(flavor = "multi_thread")]
async fn a_pair_that_go_made_is_opened_as_it_stands_and_go_reads_on() -> Result<()> {
    let go = GoNotary::start_on_mariadb().await?;
    let wire = Wire::to(go.endpoint())?;
    let collection = upload::collection(&wire, GUN).await?;
    let answer = upload::publish(&wire, GUN, &collection.all_parts()).await?;
    ensure!(answer.status == 200, "{answer:?}");
    let by_go = wire.document(GUN, "timestamp.json").await?.body;
    for database in [GoNotary::SERVER_DATABASE, GoNotary::SIGNER_DATABASE] {
        go.mariadb().sql(database, SCHEMA_MIGRATIONS).await?;
    }

    let metadata = open(&go, GoNotary::SERVER_DATABASE, Tables::Metadata).await?;
    let gun = Gun::parse(GUN)?;
    let newest = metadata.newest(&gun, &RoleName::Timestamp).await?.context("no timestamp")?;
    ensure!(newest.bytes == by_go);
    let changes = metadata.changes(Some(&gun), ALL).await?;
    let [change] = changes.as_slice() else { anyhow::bail!("{changes:?}") };
    ensure!(change.category == ChangeCategory::Update && change.sha256 == newest.sha256.to_hex());

    let keys = open(&go, GoNotary::SIGNER_DATABASE, Tables::Keys).await?;
    let records = keys.records(Some(GUN), None, 10).await?;
    let [record] = records.as_slice() else { anyhow::bail!("{records:?}") };
    ensure!(record.role == "timestamp" && record.last_used.is_some(), "{record:?}");

    // What ours stores, Go serves: the next version is Go's own bytes again.
    let next = newest.version.next().context("no next version")?;
    let heads = metadata.heads(&gun, &[RoleName::Timestamp]).await?;
    let document = AcceptedDocument::new(RoleName::Timestamp, next, newest.bytes.clone());
    let update = AcceptedUpdate::from_unchecked(Vec::new(), document);
    ensure!(metadata.commit(&gun, &heads, &update, now()).await? == Commit::Done);
    let after = wire.document(GUN, "timestamp.json").await?;
    ensure!(after.status == 200 && after.body == by_go, "{after:?}");
    untouched(&go).await
}

async fn open(go: &GoNotary, database: &str, tables: Tables) -> Result<MySqlStore> {
    let address = MySqlAddress::parse(&go.mariadb().url("root", database))?;
    Ok(MySqlStore::open(&address, &MySqlOptions { tables, ..options() }).await?)
}

/// Notary's note of its own migrations is as it was.
async fn untouched(go: &GoNotary) -> Result<()> {
    use sqlx::Connection as _;
    for database in [GoNotary::SERVER_DATABASE, GoNotary::SIGNER_DATABASE] {
        let url = go.mariadb().url("root", database);
        let mut connection = sqlx::MySqlConnection::connect(&url).await?;
        let notes: Vec<(i64, bool)> =
            sqlx::query_as("SELECT version, dirty FROM schema_migrations")
                .fetch_all(&mut connection)
                .await?;
        ensure!(notes == [(2, false)], "{notes:?}");
        execute(&mut connection, "SELECT 1").await?;
    }
    Ok(())
}
