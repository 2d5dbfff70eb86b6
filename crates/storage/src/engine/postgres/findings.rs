//! What was found at the opening that an operator should know of, although the store can be used.

use sqlx::postgres::{PgConnection, PgRow};

use super::errors;
use super::migrations::{Missing, exists};
use super::row::TableRow;
use crate::contract::StorageResult;

pub(super) const DURABILITY: &str = "SELECT current_setting('fsync') AS fsync, \
    current_setting('full_page_writes') AS full_page_writes";

/// Every statement of this file.
#[cfg(any(test, feature = "suite"))]
pub(super) const STATEMENTS: &[&str] = &[DURABILITY];

/// Whether a wrong passphrase can be told from the right one before a key is sealed with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PassphraseCheckTable {
    Absent,
    There,
}

/// What was found.
#[derive(Debug)]
pub(super) struct Findings {
    sentences: Vec<String>,
    passphrase_check_table: PassphraseCheckTable,
}

impl Findings {
    /// One sentence for each thing that is off.
    pub(super) fn sentences(&self) -> &[String] {
        &self.sentences
    }

    /// Whether that table is there.
    pub(super) fn passphrase_check_table(&self) -> PassphraseCheckTable {
        self.passphrase_check_table
    }
}

/// Looks at the server's settings, and at what the migrations could not do.
pub(super) async fn look(
    connection: &mut PgConnection,
    missing: Vec<Missing>,
) -> StorageResult<Findings> {
    let settings = sqlx::query(DURABILITY)
        .fetch_one(&mut *connection)
        .await
        .map_err(|error| errors::of_statement(&error))?;
    let mut sentences = durability(&settings)?;
    sentences.extend(missing.iter().map(Missing::sentence));
    let there = exists(connection, "countersign_passphrase_check").await?;
    let passphrase_check_table =
        if there { PassphraseCheckTable::There } else { PassphraseCheckTable::Absent };
    Ok(Findings { sentences, passphrase_check_table })
}

fn durability(settings: &PgRow) -> StorageResult<Vec<String>> {
    let row = TableRow::new(settings, "pg_settings");
    let mut sentences = Vec::new();
    for (setting, cost) in [
        ("fsync", "a crash of its machine can lose publishes that were acknowledged"),
        ("full_page_writes", "a crash of its machine can damage the tables"),
    ] {
        if row.column::<String>(setting)? == "off" {
            sentences.push(format!(
                "PostgreSQL runs with {setting} = off: {cost}; set it to on and restart PostgreSQL"
            ));
        }
    }
    Ok(sentences)
}
