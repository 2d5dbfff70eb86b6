//! The highest versions in `tuf_files`, of any number of GUNs in one statement.
//!
//! Rows whose `deleted_at` is set count as absent.

use async_trait::async_trait;
use countersign_tuf::names::{Gun, RoleName};
use sqlx::postgres::{PgArguments, PgRow, Postgres};
use sqlx::query::Query;

use super::connections::Connections;
use super::row::TableRow;
use crate::contract::metadata::{Head, Heads};
use crate::contract::{StorageError, StorageResult};
use crate::engine::together::AnswersTogether;

const TABLE: &str = "tuf_files";

/// One statement, so all heads are of one moment; each is one step into the index.
pub(super) const HEADS: &str = "SELECT wanted.place, head.id, head.version, head.sha256 \
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS wanted (gun, role, place) \
    CROSS JOIN LATERAL (SELECT id, version, sha256 FROM tuf_files \
        WHERE gun = wanted.gun AND role = wanted.role AND deleted_at IS NULL \
        ORDER BY version DESC LIMIT 1) AS head";

/// Every statement of this file.
#[cfg(any(test, feature = "suite"))]
pub(super) const STATEMENTS: &[&str] = &[HEADS];

/// Whose heads are asked for.
#[derive(Debug)]
pub(super) struct HeadsOf {
    pub(super) gun: Gun,
    pub(super) roles: Vec<RoleName>,
}

/// Looks for the heads of many GUNs at once.
#[derive(Debug)]
pub(super) struct HeadsTogether {
    pub(super) readers: Connections,
}

#[async_trait]
impl AnswersTogether for HeadsTogether {
    type Question = HeadsOf;
    type Answer = Heads;

    const MOST: usize = 256;

    fn size(wanted: &HeadsOf) -> usize {
        wanted.roles.len()
    }

    async fn answer(&self, wanted: &[HeadsOf]) -> StorageResult<Vec<StorageResult<Heads>>> {
        let named = wanted.iter().flat_map(|of| of.roles.iter().map(|role| (&of.gun, role)));
        let found = self.readers.list(query(named)).await?;
        let owned = wanted.iter().enumerate();
        let owned = owned.flat_map(|(owner, of)| of.roles.iter().map(move |role| (owner, role)));
        let mut heads: Vec<_> = wanted.iter().map(|_| Ok(Heads::new())).collect();
        sort(owned, &found, &mut heads)?;
        Ok(heads)
    }
}

/// The query for the heads of `roles`.
pub(super) fn heads_query<'q>(
    gun: &'q Gun,
    roles: impl Iterator<Item = &'q RoleName>,
) -> Query<'q, Postgres, PgArguments> {
    query(roles.map(|role| (gun, role)))
}

/// The heads of `roles` in what [`heads_query`] found.
pub(super) fn heads<'r>(
    roles: impl Iterator<Item = &'r RoleName>,
    found: &[PgRow],
) -> StorageResult<Heads> {
    let mut heads = [Ok(Heads::new())];
    sort(roles.map(|role| (0, role)), found, &mut heads)?;
    let [heads] = heads;
    heads
}

fn query<'q>(
    wanted: impl Iterator<Item = (&'q Gun, &'q RoleName)>,
) -> Query<'q, Postgres, PgArguments> {
    let (guns, roles): (Vec<&str>, Vec<&str>) =
        wanted.map(|(gun, role)| (gun.as_str(), role.as_str())).unzip();
    sqlx::query(HEADS).bind(guns).bind(roles)
}

/// Puts each head that was found where it belongs, and an error that concerns only its owner there
/// too. `wanted` are owner and role of each place.
fn sort<'r>(
    wanted: impl Iterator<Item = (usize, &'r RoleName)>,
    found: &[PgRow],
    heads: &mut [StorageResult<Heads>],
) -> StorageResult<()> {
    let wanted: Vec<(usize, &RoleName)> = wanted.collect();
    for (owner, role) in &wanted {
        if let Some(Ok(heads)) = heads.get_mut(*owner) {
            heads.insert((*role).clone(), None);
        }
    }
    for found in found {
        let row = TableRow::new(found, TABLE);
        let number: i64 = row.column("place")?;
        let place = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        let Some((owner, role)) = place.and_then(|place| wanted.get(place)) else {
            return Err(StorageError::Other(format!("a head of place {number}, not asked for")));
        };
        match (heads.get_mut(*owner), head(&row)) {
            (Some(Ok(heads)), Ok(head)) => {
                heads.insert((*role).clone(), Some(head));
            }
            (Some(heads), Err(error)) => *heads = Err(error),
            (Some(Err(_)) | None, Ok(_)) | (None, Err(_)) => {}
        }
    }
    Ok(())
}

fn head(row: &TableRow<'_>) -> StorageResult<Head> {
    Ok(Head { version: row.version()?, sha256: row.sha256()? })
}
