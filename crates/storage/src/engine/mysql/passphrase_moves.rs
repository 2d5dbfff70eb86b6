//! From one passphrase to the next: the check values, and the processes that open them.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::mysql::{MySqlConnection, MySqlRow};

use super::MySqlStore;
use super::row::TableRow;
use super::transaction::{Ending, Stop, to_its_end, write};
use crate::contract::StorageResult;
use crate::contract::keys::KeyStore;
use crate::contract::passphrase_moves::{KeyProcess, PassphraseCheck, PassphraseMoves};

const PROCESSES_TABLE: &str = "countersign_key_processes";

const CURRENT: &str = "SELECT id, alias, sealed FROM countersign_passphrase_check";

const PROPOSED: &str = "SELECT id, alias, sealed FROM countersign_passphrase_proposal";

/// Whichever is proposed then is locked, and stays so until this transaction ends.
const PROPOSE: &str = "INSERT INTO countersign_passphrase_proposal (id, alias, sealed) \
    VALUES (1, ?, ?) ON DUPLICATE KEY UPDATE id = id";

const WITHDRAW: &str =
    "DELETE FROM countersign_passphrase_proposal WHERE alias <=> ? AND sealed = ?";

const ADOPT: &str = "INSERT INTO countersign_passphrase_check (id, alias, sealed) \
    VALUES (1, ?, ?) ON DUPLICATE KEY UPDATE alias = VALUES(alias), sealed = VALUES(sealed)";

const NOTE: &str = "INSERT INTO countersign_key_processes \
    (process_id, shown, beat, opens, seals_under) VALUES (?, ?, ?, ?, ?) \
    ON DUPLICATE KEY UPDATE shown = VALUES(shown), beat = VALUES(beat), opens = VALUES(opens), \
    seals_under = VALUES(seals_under)";

const PROCESSES: &str = "SELECT id, process_id, shown, beat, opens, seals_under \
    FROM countersign_key_processes ORDER BY id";

const FORGET: &str = "DELETE FROM countersign_key_processes WHERE process_id = ?";

/// Every statement of this file.
#[cfg(any(test, feature = "suite"))]
pub(super) const STATEMENTS: &[&str] =
    &[CURRENT, PROPOSED, PROPOSE, WITHDRAW, ADOPT, NOTE, PROCESSES, FORGET];

#[async_trait]
impl PassphraseMoves for MySqlStore {
    async fn current_check(&self) -> StorageResult<Option<PassphraseCheck>> {
        if self.has_moves().await? {
            return check(self.readers.find(sqlx::query(CURRENT)).await?);
        }
        let sealed = KeyStore::passphrase_check(self).await?;
        Ok(sealed.map(|sealed| PassphraseCheck { alias: None, sealed }))
    }

    async fn proposed_check(&self) -> StorageResult<Option<PassphraseCheck>> {
        if !self.has_moves().await? {
            return Ok(None);
        }
        check(self.readers.find(sqlx::query(PROPOSED)).await?)
    }

    async fn propose_check(&self, next: &PassphraseCheck) -> StorageResult<PassphraseCheck> {
        next.refuse_unless_storable()?;
        if !self.has_moves().await? {
            return Err(self.own.passphrase_moves.is_missing());
        }
        let (next, writers) = (Arc::new(next.clone()), self.writers.clone());
        to_its_end(async move {
            let proposed = write(&writers, move |connection| {
                let next = Arc::clone(&next);
                Box::pin(async move { propose_in(connection, &next).await })
            });
            Ok(proposed.await?)
        })
        .await
    }

    async fn withdraw_check(&self, proposed: &PassphraseCheck) -> StorageResult<()> {
        if self.has_moves().await? {
            let PassphraseCheck { alias, sealed } = proposed.clone();
            let withdraw = sqlx::query(WITHDRAW).bind(alias).bind(sealed);
            self.writers.changes_a_row(withdraw).await?;
        }
        Ok(())
    }

    async fn adopt_check(&self, proposed: &PassphraseCheck) -> StorageResult<bool> {
        if !self.has_moves().await? {
            return Ok(false);
        }
        let (proposed, writers) = (Arc::new(proposed.clone()), self.writers.clone());
        to_its_end(async move {
            let adopted = write(&writers, move |connection| {
                let proposed = Arc::clone(&proposed);
                Box::pin(async move { adopt_in(connection, &proposed).await })
            });
            Ok(adopted.await?)
        })
        .await
    }

    async fn note_process(&self, process: &KeyProcess) -> StorageResult<()> {
        process.refuse_unless_storable()?;
        if !self.has_moves().await? {
            return Err(self.own.passphrase_moves.is_missing());
        }
        let KeyProcess { id, shown, beat, opens, seals_under } = process.clone();
        let note = sqlx::query(NOTE).bind(id).bind(shown).bind(beat).bind(opens).bind(seals_under);
        self.writers.changes_a_row(note).await?;
        Ok(())
    }

    async fn processes(&self) -> StorageResult<Vec<KeyProcess>> {
        if !self.has_moves().await? {
            return Ok(Vec::new());
        }
        self.readers.list(sqlx::query(PROCESSES)).await?.iter().map(process).collect()
    }

    async fn forget_process(&self, id: &str) -> StorageResult<()> {
        if self.has_moves().await? {
            self.writers.changes_a_row(sqlx::query(FORGET).bind(id.to_owned())).await?;
        }
        Ok(())
    }
}

impl MySqlStore {
    async fn has_moves(&self) -> StorageResult<bool> {
        self.own.passphrase_moves.is_there(&self.readers).await
    }
}

async fn propose_in(
    connection: &mut MySqlConnection,
    next: &PassphraseCheck,
) -> Result<Ending<PassphraseCheck>, Stop> {
    sqlx::query(PROPOSE)
        .bind(next.alias.as_deref())
        .bind(next.sealed.as_slice())
        .execute(&mut *connection)
        .await?;
    let proposed = check(sqlx::query(PROPOSED).fetch_optional(connection).await?)?;
    Ok(Ending::Commit(proposed.unwrap_or_else(|| next.clone())))
}

async fn adopt_in(
    connection: &mut MySqlConnection,
    proposed: &PassphraseCheck,
) -> Result<Ending<bool>, Stop> {
    let (alias, sealed) = (proposed.alias.as_deref(), proposed.sealed.as_slice());
    let withdrawn =
        sqlx::query(WITHDRAW).bind(alias).bind(sealed).execute(&mut *connection).await?;
    if withdrawn.rows_affected() == 0 {
        return Ok(Ending::RollBack(false));
    }
    sqlx::query(ADOPT).bind(alias).bind(sealed).execute(connection).await?;
    Ok(Ending::Commit(true))
}

fn check(found: Option<MySqlRow>) -> StorageResult<Option<PassphraseCheck>> {
    let check = |found: MySqlRow| {
        let row = TableRow::new(&found, "countersign_passphrase_check");
        Ok(PassphraseCheck { alias: row.optional_text("alias")?, sealed: row.column("sealed")? })
    };
    found.map(check).transpose()
}

fn process(found: &MySqlRow) -> StorageResult<KeyProcess> {
    let row = TableRow::new(found, PROCESSES_TABLE);
    Ok(KeyProcess {
        id: row.text("process_id")?,
        shown: row.text("shown")?,
        beat: row.column("beat")?,
        opens: row.text("opens")?,
        seals_under: row.text("seals_under")?,
    })
}
