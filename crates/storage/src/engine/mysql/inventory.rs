//! What is stored in `tuf_files`, GUN by GUN and row by row.

use async_trait::async_trait;
use bytes::Bytes;
use sqlx::mysql::MySqlRow;

use super::MySqlStore;
use super::names::{gun_is, or_nothing};
use super::row::TableRow;
use crate::contract::StorageResult;
use crate::contract::inventory::{Inventory, VersionRecord};

const TABLE: &str = "tuf_files";

/// The GUNs in the order of the index. Where it takes several for one, the first and the last of
/// these by their bytes differ.
pub(super) const GUNS: &str = "SELECT MIN(CAST(gun AS BINARY)) AS first, \
    MAX(CAST(gun AS BINARY)) AS last FROM tuf_files \
    WHERE gun > ? AND deleted_at IS NULL GROUP BY gun ORDER BY gun LIMIT ?";

/// The GUNs that the index takes for this one, and that follow it by their bytes.
pub(super) const ALIKE: &str = "SELECT DISTINCT CAST(gun AS BINARY) AS alike FROM tuf_files \
    WHERE gun = ? AND CAST(gun AS BINARY) > CAST(? AS BINARY) AND deleted_at IS NULL \
    ORDER BY alike";

pub(super) const VERSIONS: &str = concat!(
    "SELECT id, role, version, sha256, CAST(OCTET_LENGTH(data) AS SIGNED) AS size, created_at \
    FROM tuf_files WHERE ",
    gun_is!(),
    " AND deleted_at IS NULL ORDER BY id"
);

pub(super) const BYTES: &str = "SELECT id, data FROM tuf_files WHERE id = ? AND deleted_at IS NULL";

/// Every statement of this file.
#[cfg(any(test, feature = "suite"))]
pub(super) const STATEMENTS: &[&str] = &[GUNS, ALIKE, VERSIONS, BYTES];

#[async_trait]
impl Inventory for MySqlStore {
    async fn guns(&self, after: Option<&str>, most: u32) -> StorageResult<Vec<String>> {
        let most_names = usize::try_from(most).unwrap_or(usize::MAX);
        let mut names = match after {
            Some(after) => self.alike(after, after).await?,
            None => Vec::new(),
        };
        let query = sqlx::query(GUNS).bind(after.unwrap_or_default()).bind(i64::from(most));
        for found in or_nothing(self.readers.list(query).await)? {
            if names.len() >= most_names {
                break;
            }
            let row = TableRow::new(&found, TABLE);
            let (first, last) = (row.text("first")?, row.text("last")?);
            if first == last {
                names.push(first);
            } else {
                names.extend(self.alike(&first, "").await?);
            }
        }
        names.truncate(most_names);
        Ok(names)
    }

    async fn versions(&self, gun: &str) -> StorageResult<Vec<VersionRecord>> {
        let query = sqlx::query(VERSIONS).bind(gun).bind(gun);
        or_nothing(self.readers.list(query).await)?.iter().map(record).collect()
    }

    async fn bytes(&self, id: i64) -> StorageResult<Option<Bytes>> {
        let Some(found) = self.readers.find(sqlx::query(BYTES).bind(id)).await? else {
            return Ok(None);
        };
        let data: Vec<u8> = TableRow::new(&found, TABLE).column("data")?;
        Ok(Some(Bytes::from(data)))
    }
}

impl MySqlStore {
    async fn alike(&self, gun: &str, after: &str) -> StorageResult<Vec<String>> {
        let query = sqlx::query(ALIKE).bind(gun).bind(after);
        let rows = or_nothing(self.readers.list(query).await)?;
        rows.iter().map(|found| TableRow::new(found, TABLE).text("alike")).collect()
    }
}

fn record(found: &MySqlRow) -> StorageResult<VersionRecord> {
    let row = TableRow::new(found, TABLE);
    let size: i64 = row.column("size")?;
    Ok(VersionRecord {
        id: row.id()?,
        role: row.text("role")?,
        version: row.column("version")?,
        sha256: row.optional_text("sha256")?,
        size_bytes: u64::try_from(size).unwrap_or_default(),
        stored_at: row.optional_time("created_at")?,
    })
}
