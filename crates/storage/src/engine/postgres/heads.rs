//! The highest versions in `tuf_files`, of any number of GUNs in one statement.
//!
//! Rows whose `deleted_at` is set count as absent.

use std::collections::HashMap;

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
    /// In the order of the roles.
    type Answer = Vec<Option<Head>>;

    const MOST: usize = 256;

    fn size(wanted: &HeadsOf) -> usize {
        wanted.roles.len()
    }

    async fn answer(
        &self,
        wanted: &[HeadsOf],
    ) -> StorageResult<Vec<StorageResult<Vec<Option<Head>>>>> {
        let (places, places_of) = distinct(wanted);
        let found = self.readers.list(query(places.iter().copied())).await?;
        let heads = in_places(&found, places.len())?;
        let head = |place: &usize| heads.get(*place).cloned().flatten().transpose();
        Ok(places_of.iter().map(|places| places.iter().map(head).collect()).collect())
    }
}

/// What is asked for, each once, and where there the roles of each question are: many ask for the
/// same at the same time.
fn distinct(wanted: &[HeadsOf]) -> (Vec<(&Gun, &RoleName)>, Vec<Vec<usize>>) {
    let (mut places, mut known) = (Vec::new(), HashMap::new());
    let mut place = |name| {
        *known.entry(name).or_insert_with(|| {
            places.push(name);
            places.len() - 1
        })
    };
    let places_of = wanted
        .iter()
        .map(|of| of.roles.iter().map(|role| place((&of.gun, role))).collect())
        .collect();
    (places, places_of)
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
    let roles: Vec<&RoleName> = roles.collect();
    let heads = in_places(found, roles.len())?;
    roles.into_iter().zip(heads).map(|(role, head)| Ok((role.clone(), head.transpose()?))).collect()
}

fn query<'q>(
    wanted: impl Iterator<Item = (&'q Gun, &'q RoleName)>,
) -> Query<'q, Postgres, PgArguments> {
    let (guns, roles): (Vec<&str>, Vec<&str>) =
        wanted.map(|(gun, role)| (gun.as_str(), role.as_str())).unzip();
    sqlx::query(HEADS).bind(guns).bind(roles)
}

/// Each head that was found at its place, and an error that concerns only a place there too.
fn in_places(found: &[PgRow], places: usize) -> StorageResult<Vec<Option<StorageResult<Head>>>> {
    let mut heads = vec![None; places];
    for found in found {
        let row = TableRow::new(found, TABLE);
        let number: i64 = row.column("place")?;
        let place = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        let Some(there) = place.and_then(|place| heads.get_mut(place)) else {
            return Err(StorageError::Other(format!("a head of place {number}, not asked for")));
        };
        *there = Some(head(&row));
    }
    Ok(heads)
}

fn head(row: &TableRow<'_>) -> StorageResult<Head> {
    Ok(Head { version: row.version()?, sha256: row.sha256()? })
}
