//! What was found at the opening: what an operator should know of although the store can be used,
//! and what the server takes.

use sqlx::mysql::{MySqlConnection, MySqlRow};

use super::errors;
use super::migrations::{Missing, exists};
use super::row::TableRow;
use crate::contract::StorageResult;

pub(super) const SETTINGS: &str = "SELECT 0 AS id, \
    CAST(@@innodb_flush_log_at_trx_commit AS SIGNED) AS flush_at_commit, \
    CAST(@@innodb_doublewrite AS CHAR) AS doublewrite, \
    CAST(@@log_bin AS SIGNED) AS binary_log, CAST(@@sync_binlog AS SIGNED) AS sync_binary_log, \
    CAST(@@max_allowed_packet AS SIGNED) AS packet";

/// Every statement of this file.
#[cfg(any(test, feature = "suite"))]
pub(super) const STATEMENTS: &[&str] = &[SETTINGS];

/// What a statement takes beside the document that it stores.
const BESIDE_A_DOCUMENT: u64 = 4096;

/// Documents up to this size are to be expected.
const ORDINARY_DOCUMENT: u64 = 10 * 1024 * 1024;

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
    most_bytes: u64,
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

    /// The size of the largest document that the server takes.
    pub(super) fn most_bytes(&self) -> u64 {
        self.most_bytes
    }
}

/// Looks at the server's settings, and at what the migrations could not do.
pub(super) async fn look(
    connection: &mut MySqlConnection,
    missing: Vec<Missing>,
) -> StorageResult<Findings> {
    let settings = sqlx::query(SETTINGS)
        .fetch_one(&mut *connection)
        .await
        .map_err(|error| errors::of_statement(&error))?;
    let packet: i64 = TableRow::new(&settings, "@@global").column("packet")?;
    let most_bytes = u64::try_from(packet).unwrap_or(0).saturating_sub(BESIDE_A_DOCUMENT);
    let mut sentences = durability(&settings)?;
    if most_bytes < ORDINARY_DOCUMENT {
        sentences.push(format!(
            "the database takes no documents of more than {most_bytes} bytes, because its \
             max_allowed_packet is {packet}: set that to 16M or more"
        ));
    }
    sentences.extend(missing.iter().map(Missing::sentence));
    let there = exists(connection, "countersign_passphrase_check").await?;
    let passphrase_check_table =
        if there { PassphraseCheckTable::There } else { PassphraseCheckTable::Absent };
    Ok(Findings { sentences, passphrase_check_table, most_bytes })
}

fn durability(settings: &MySqlRow) -> StorageResult<Vec<String>> {
    let row = TableRow::new(settings, "@@global");
    let mut sentences = Vec::new();
    let lost = "a crash of its machine can lose publishes that were acknowledged";
    if row.column::<i64>("flush_at_commit")? != 1 {
        sentences.push(format!(
            "the database runs with innodb_flush_log_at_trx_commit other than 1: {lost}; set it to 1"
        ));
    }
    if row.column::<i64>("binary_log")? != 0 && row.column::<i64>("sync_binary_log")? != 1 {
        sentences.push(format!(
            "the database writes a binary log with sync_binlog other than 1: {lost}; set it to 1"
        ));
    }
    if ["0", "OFF"].contains(&row.text("doublewrite")?.as_str()) {
        sentences.push(
            "the database runs with innodb_doublewrite off: a crash of its machine can damage the \
             tables; set it to on and restart the database"
                .to_owned(),
        );
    }
    Ok(sentences)
}
