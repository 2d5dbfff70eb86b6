//! What two databases hold, side by side.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use countersign_storage::engine::mysql::{MySqlAddress, MySqlOptions, MySqlStore};
use countersign_storage::engine::postgres::{
    PostgresAddress, PostgresOptions, PostgresStore, Tables,
};
use countersign_storage::engine::sqlite::SqliteStore;
use countersign_storage::{
    Change, ChangeRange, Inventory, KeyCatalogue, KeyRecord, KeyStore, MetadataStore, SealedKey,
};
use countersign_tests::peers::go_notary::GoNotary;
use sqlx::{Connection as _, SqliteConnection};

/// More than there is.
const ALL: u32 = 100_000;

/// Documents by GUN, role and version, each as its digest, size and date.
pub(crate) type Documents = BTreeMap<(String, String, i32), String>;

pub(crate) async fn documents(of: &dyn Inventory) -> Result<Documents> {
    let mut documents = BTreeMap::new();
    for gun in of.guns(None, ALL).await? {
        for row in of.versions(&gun).await? {
            let place = (gun.clone(), row.role, row.version);
            let text = format!("{:?} {} {:?}", row.sha256, row.size_bytes, row.stored_at);
            documents.insert(place, text);
        }
    }
    Ok(documents)
}

pub(crate) async fn changes(of: &dyn MetadataStore) -> Result<Vec<Change>> {
    Ok(of.changes(None, ChangeRange::After { id: 0, limit: ALL }).await?)
}

pub(crate) async fn keys<S>(of: &S) -> Result<Vec<(KeyRecord, SealedKey)>>
where
    S: KeyCatalogue + KeyStore,
{
    let mut keys = Vec::new();
    for record in of.records(None, None, ALL).await? {
        let key = of.by_id(&record.key_id).await?.context("a key that is listed and not there")?;
        keys.push((record, key));
    }
    Ok(keys)
}

/// One of the Go pair's databases, to look at.
pub(crate) async fn of_go(go: &GoNotary, database: &str, tables: Tables) -> Result<PostgresStore> {
    let address = PostgresAddress::parse(&go.postgres().url("postgres", database))?;
    let options = PostgresOptions { tables, ..PostgresOptions::default() };
    Ok(PostgresStore::open_read_only(&address, &options).await?)
}

/// One database of a MariaDB, to look at.
pub(crate) async fn mariadb(url: &str, tables: Tables) -> Result<MySqlStore> {
    let options = MySqlOptions { tables, ..MySqlOptions::default() };
    Ok(MySqlStore::open_read_only(&MySqlAddress::parse(url)?, &options).await?)
}

/// How many GUNs a file holds by now.
pub(crate) async fn count_guns(path: &Path) -> Result<usize> {
    let url = format!("sqlite://{}?mode=ro", path.display());
    let mut connection = SqliteConnection::connect(&url).await?;
    let count: i64 = sqlx::query_scalar("SELECT count(DISTINCT gun) FROM tuf_files")
        .fetch_one(&mut connection)
        .await?;
    connection.close().await?;
    Ok(usize::try_from(count)?)
}

pub(crate) async fn sqlite(path: &Path) -> Result<SqliteStore> {
    Ok(SqliteStore::open(path).await?)
}
