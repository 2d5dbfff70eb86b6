//! The servers that stand from row to row.
//!
//! After a row that failed they are started anew, since nobody knows in what state it left them.
//! Where not all can be started, a row has those that it asks.

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::rows::Row;
use crate::servers::Servers;
use crate::side::Side;
use crate::turn::{Rounds, rounds};

/// See the module.
#[derive(Default)]
pub(crate) struct Standing(Option<Servers>);

impl Standing {
    /// Measures a row, with servers that the `later` rows can have too.
    pub(crate) async fn measure(
        &mut self,
        row: &Row,
        later: &[Row],
        number: usize,
        time: Duration,
    ) -> Result<Rounds> {
        if !self.0.as_ref().is_some_and(|servers| servers.have(&row.sides)) {
            // Those that stand go first: there may be no room for both.
            self.0 = None;
            self.0 = Some(start(row, later).await?);
        }
        let servers = self.0.as_mut().context("no servers")?;
        let measured = rounds(servers, row, number, time).await;
        if measured.is_err() {
            self.0 = None;
        }
        measured
    }
}

async fn start(row: &Row, later: &[Row]) -> Result<Servers> {
    let (own, all) = (sides([row]), sides([row].into_iter().chain(later)));
    match Servers::start(&all).await {
        Err(_) if own.len() < all.len() => Servers::start(&own).await,
        started => started,
    }
}

/// Whoever is asked in these rows, each once.
fn sides<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Vec<Side> {
    let mut sides: Vec<Side> = rows.into_iter().flat_map(|row| row.sides.clone()).collect();
    sides.sort_unstable();
    sides.dedup();
    sides
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows;

    #[test]
    fn servers_are_those_of_all_rows_each_once_and_in_order() {
        let all = rows::all();
        let expected =
            [Side::Floor, Side::Sqlite, Side::Postgres, Side::PostgresWithSigner, Side::Go];
        assert_eq!(sides(&all), expected);
        let large = all.iter().find(|row| row.name.starts_with("large")).unwrap();
        assert_eq!(sides([large]), [Side::Floor, Side::Sqlite, Side::Postgres]);
    }
}
