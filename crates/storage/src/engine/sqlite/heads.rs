//! The highest versions in `tuf_files`, of any number of roles in one statement.
//!
//! Rows whose `deleted_at` is set count as absent, but still occupy their version.

use countersign_tuf::names::{Gun, RoleName, Version};
use sqlx::sqlite::{SqliteExecutor, SqliteRow};

use super::errors;
use super::row::TableRow;
use crate::contract::metadata::{Head, Heads};
use crate::contract::{StorageError, StorageResult};

const TABLE: &str = "tuf_files";

pub(super) const HEAD: &str = "SELECT id, version, sha256 FROM tuf_files \
    WHERE gun = ?1 AND role = ?2 AND deleted_at IS NULL ORDER BY version DESC LIMIT 1";

/// One statement, so all heads are of one moment; each is one step into the index. Whoever asks
/// waits for the connection's thread once and not for each role.
pub(super) const HEADS: &str = "SELECT wanted.key AS place, head.id, head.version, head.sha256, \
    EXISTS (SELECT 1 FROM tuf_files WHERE gun = ?1 AND role = wanted.value ->> 0 \
        AND version = wanted.value ->> 1) AS occupied \
    FROM json_each(?2) AS wanted LEFT JOIN tuf_files AS head ON head.id = ( \
        SELECT id FROM tuf_files WHERE gun = ?1 AND role = wanted.value ->> 0 \
        AND deleted_at IS NULL ORDER BY version DESC LIMIT 1)";

/// Every statement of this file.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[HEAD, HEADS];

/// A role whose head is asked for, and a version of it that may be occupied.
pub(super) type Wanted<'a> = (&'a RoleName, Option<Version>);

/// What there is of a role.
#[derive(Clone, Copy, Default)]
pub(super) struct Found {
    pub(super) head: Option<Head>,
    /// Whether the version that was asked for is there already, be it in a row that counts as absent.
    pub(super) is_occupied: bool,
}

/// The head of `role`.
pub(super) async fn head(
    executor: impl SqliteExecutor<'_>,
    gun: &Gun,
    role: &RoleName,
) -> StorageResult<Option<Head>> {
    let found = sqlx::query(HEAD)
        .bind(gun.as_str())
        .bind(role.as_str())
        .fetch_optional(executor)
        .await
        .map_err(|error| errors::of_statement(&error))?;
    found.map(|found| head_in(&TableRow::new(&found, TABLE))).transpose()
}

/// The heads of `roles`, all of one moment.
pub(super) async fn heads(
    executor: impl SqliteExecutor<'_>,
    gun: &Gun,
    roles: impl Iterator<Item = &RoleName> + Send,
) -> StorageResult<Heads> {
    let wanted: Vec<Wanted<'_>> = roles.map(|role| (role, None)).collect();
    let found = look(executor, gun, &wanted).await?.into_iter();
    Ok(wanted.into_iter().zip(found).map(|((role, _), found)| (role.clone(), found.head)).collect())
}

/// What there is of each role in `wanted`, in that order, all of one moment.
pub(super) async fn look(
    executor: impl SqliteExecutor<'_>,
    gun: &Gun,
    wanted: &[Wanted<'_>],
) -> StorageResult<Vec<Found>> {
    let named = wanted.iter().map(|(role, version)| (role.as_str(), version.map(Version::as_i32)));
    let named = serde_json::to_string(&named.collect::<Vec<_>>())
        .map_err(|error| StorageError::Other(format!("roles that no JSON can hold: {error}")))?;
    let rows = sqlx::query(HEADS)
        .bind(gun.as_str())
        .bind(named)
        .fetch_all(executor)
        .await
        .map_err(|error| errors::of_statement(&error))?;
    let mut found = vec![Found::default(); wanted.len()];
    for row in &rows {
        let (place, of_role) = found_in(row)?;
        let Some(kept) = usize::try_from(place).ok().and_then(|place| found.get_mut(place)) else {
            return Err(StorageError::Other(format!("a head of place {place}, not asked for")));
        };
        *kept = of_role;
    }
    Ok(found)
}

/// The place of a row of [`HEADS`], and what it tells.
fn found_in(row: &SqliteRow) -> StorageResult<(i64, Found)> {
    let row = TableRow::new(row, TABLE);
    let head = match row.column::<Option<i64>>("id")? {
        Some(_) => Some(head_in(&row)?),
        None => None,
    };
    Ok((row.column("place")?, Found { head, is_occupied: row.column("occupied")? }))
}

fn head_in(row: &TableRow<'_>) -> StorageResult<Head> {
    Ok(Head { version: row.version()?, sha256: row.sha256()? })
}
