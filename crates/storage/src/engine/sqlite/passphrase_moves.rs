//! From one passphrase to the next: the check values, and the processes that open them.

use async_trait::async_trait;
use sqlx::sqlite::{SqliteConnection, SqliteExecutor, SqliteRow};

use super::row::TableRow;
use super::transaction::{Ending, write};
use super::{SqliteStore, errors};
use crate::contract::StorageResult;
use crate::contract::passphrase_moves::{KeyProcess, PassphraseCheck, PassphraseMoves};

const PROCESSES_TABLE: &str = "countersign_key_processes";

const CURRENT: &str = "SELECT id, alias, sealed FROM countersign_passphrase_check";

const PROPOSED: &str = "SELECT id, alias, sealed FROM countersign_passphrase_proposal";

const PROPOSE: &str = "INSERT INTO countersign_passphrase_proposal (id, alias, sealed) \
    VALUES (1, ?1, ?2) ON CONFLICT (id) DO NOTHING";

/// The row is found by its only number, so that no plan goes through a table.
const WITHDRAW: &str = "DELETE FROM countersign_passphrase_proposal \
    WHERE id = 1 AND alias IS ?1 AND sealed = ?2";

const ADOPT: &str = "INSERT INTO countersign_passphrase_check (id, alias, sealed) \
    VALUES (1, ?1, ?2) \
    ON CONFLICT (id) DO UPDATE SET alias = excluded.alias, sealed = excluded.sealed";

const NOTE: &str = "INSERT INTO countersign_key_processes \
    (process_id, shown, beat, opens, seals_under) VALUES (?1, ?2, ?3, ?4, ?5) \
    ON CONFLICT (process_id) DO UPDATE SET shown = excluded.shown, beat = excluded.beat, \
    opens = excluded.opens, seals_under = excluded.seals_under";

const PROCESSES: &str = "SELECT id, process_id, shown, beat, opens, seals_under \
    FROM countersign_key_processes ORDER BY id";

const FORGET: &str = "DELETE FROM countersign_key_processes WHERE process_id = ?1";

/// Every statement of this file.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] =
    &[CURRENT, PROPOSED, PROPOSE, WITHDRAW, ADOPT, NOTE, PROCESSES, FORGET];

#[async_trait]
impl PassphraseMoves for SqliteStore {
    async fn current_check(&self) -> StorageResult<Option<PassphraseCheck>> {
        check_in(self.reading()?, CURRENT).await
    }

    async fn proposed_check(&self) -> StorageResult<Option<PassphraseCheck>> {
        check_in(self.reading()?, PROPOSED).await
    }

    async fn propose_check(&self, next: &PassphraseCheck) -> StorageResult<PassphraseCheck> {
        next.refuse_unless_storable()?;
        let next = next.clone();
        write(self.writing()?, move |connection| {
            Box::pin(async move {
                sqlx::query(PROPOSE)
                    .bind(next.alias.as_deref())
                    .bind(next.sealed.as_slice())
                    .execute(&mut *connection)
                    .await
                    .map_err(|error| errors::of_statement(&error))?;
                Ok(Ending::Commit(check_in(connection, PROPOSED).await?.unwrap_or(next)))
            })
        })
        .await
    }

    async fn withdraw_check(&self, proposed: &PassphraseCheck) -> StorageResult<()> {
        let PassphraseCheck { alias, sealed } = proposed.clone();
        self.changes_a_row(sqlx::query(WITHDRAW).bind(alias).bind(sealed)).await?;
        Ok(())
    }

    async fn adopt_check(&self, proposed: &PassphraseCheck) -> StorageResult<bool> {
        let proposed = proposed.clone();
        write(self.writing()?, move |connection| {
            Box::pin(async move { adopt_in(connection, &proposed).await })
        })
        .await
    }

    async fn note_process(&self, process: &KeyProcess) -> StorageResult<()> {
        process.refuse_unless_storable()?;
        let KeyProcess { id, shown, beat, opens, seals_under } = process.clone();
        let note = sqlx::query(NOTE).bind(id).bind(shown).bind(beat).bind(opens).bind(seals_under);
        self.changes_a_row(note).await?;
        Ok(())
    }

    async fn processes(&self) -> StorageResult<Vec<KeyProcess>> {
        self.rows(sqlx::query(PROCESSES)).await?.iter().map(process).collect()
    }

    async fn forget_process(&self, id: &str) -> StorageResult<()> {
        self.changes_a_row(sqlx::query(FORGET).bind(id.to_owned())).await?;
        Ok(())
    }
}

async fn adopt_in(
    connection: &mut SqliteConnection,
    proposed: &PassphraseCheck,
) -> StorageResult<Ending<bool>> {
    let (alias, sealed) = (proposed.alias.as_deref(), proposed.sealed.as_slice());
    let withdrawn = sqlx::query(WITHDRAW).bind(alias).bind(sealed).execute(&mut *connection).await;
    if withdrawn.map_err(|error| errors::of_statement(&error))?.rows_affected() == 0 {
        return Ok(Ending::RollBack(false));
    }
    let adopted = sqlx::query(ADOPT).bind(alias).bind(sealed).execute(connection).await;
    adopted.map_err(|error| errors::of_statement(&error))?;
    Ok(Ending::Commit(true))
}

async fn check_in(
    executor: impl SqliteExecutor<'_>,
    statement: &'static str,
) -> StorageResult<Option<PassphraseCheck>> {
    let found = sqlx::query(statement)
        .fetch_optional(executor)
        .await
        .map_err(|error| errors::of_statement(&error))?;
    let check = |found: SqliteRow| {
        let row = TableRow::new(&found, "countersign_passphrase_check");
        Ok(PassphraseCheck { alias: row.column("alias")?, sealed: row.column("sealed")? })
    };
    found.map(check).transpose()
}

fn process(found: &SqliteRow) -> StorageResult<KeyProcess> {
    let row = TableRow::new(found, PROCESSES_TABLE);
    Ok(KeyProcess {
        id: row.column("process_id")?,
        shown: row.column("shown")?,
        beat: row.column("beat")?,
        opens: row.column("opens")?,
        seals_under: row.column("seals_under")?,
    })
}
