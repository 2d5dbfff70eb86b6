//! A commit: all documents and one changefeed row, or nothing.
//!
//! Each statement is a message to the connection's thread and one back, so there are two: one looks
//! at all that the commit is judged by, one writes. All judging comes before the first write, so
//! that a commit that is refused has nothing to undo.

use std::collections::BTreeSet;

use countersign_tuf::accepted::{AcceptedDocument, AcceptedUpdate};
use countersign_tuf::names::{Gun, RoleName};
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteConnection};

use super::changefeed;
use super::errors;
use super::heads::{Found, Wanted, look};
use crate::contract::StorageResult;
use crate::contract::changefeed::ChangeCategory;
use crate::contract::metadata::{Commit, Heads};

pub(super) const HOLDS: &str = "SELECT count(*) \
    FROM tuf_files INDEXED BY countersign_digest_idx \
    WHERE sha256 = ?3 AND gun = ?1 AND role = ?2 AND deleted_at IS NULL";

/// A statement for each row, one after the other in one message: the arguments go to them in their
/// order. One statement for several rows would be undone by itself when one of them fails, and for
/// that SQLite would copy every page before it changes it.
macro_rules! document {
    () => {
        "INSERT INTO tuf_files (created_at, updated_at, gun, role, version, sha256, data) \
         VALUES (?, ?, ?, ?, ?, ?, ?);"
    };
}

const DOCUMENT: &str = document!();

const LAST_ONE: &str = concat!(document!(), changefeed::insert_change!());

const LAST_TWO: &str = concat!(document!(), document!(), changefeed::insert_change!());

const LAST_THREE: &str =
    concat!(document!(), document!(), document!(), changefeed::insert_change!());

const LAST_FOUR: &str =
    concat!(document!(), document!(), document!(), document!(), changefeed::insert_change!());

/// Every statement of this file.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] =
    &[HOLDS, DOCUMENT, LAST_ONE, LAST_TWO, LAST_THREE, LAST_FOUR];

/// What is to be committed.
pub(super) struct Job {
    pub(super) gun: Gun,
    pub(super) base: Heads,
    pub(super) update: AcceptedUpdate,
    pub(super) at: String,
}

impl Job {
    /// The write lock is held, so no head can move between the look and the inserts.
    pub(super) async fn commit_in(
        &self,
        connection: &mut SqliteConnection,
    ) -> StorageResult<Commit> {
        let wanted = self.wanted();
        let found = look(&mut *connection, &self.gun, &wanted).await?;
        let of_base: Heads = wanted
            .iter()
            .zip(&found)
            .filter(|((role, _), _)| self.base.contains_key(*role))
            .map(|((role, _), found)| ((*role).clone(), found.head))
            .collect();
        if of_base != self.base || !self.holds_relied_on(connection).await? {
            return Ok(Commit::Moved(of_base));
        }
        if let Some(old) = self.old_version(&found) {
            return Ok(old);
        }
        self.insert(connection).await?;
        Ok(Commit::Done)
    }

    /// The documents in their order, then the other roles of the base.
    fn wanted(&self) -> Vec<Wanted<'_>> {
        let documents = || self.update.documents();
        let is_other = |role: &RoleName| !documents().any(|document| document.role == *role);
        let others = self.base.keys().filter(|role| is_other(role)).map(|role| (role, None));
        documents().map(|document| (&document.role, Some(document.version))).chain(others).collect()
    }

    /// Whether everything is still there that the update names and does not bring.
    async fn holds_relied_on(&self, connection: &mut SqliteConnection) -> StorageResult<bool> {
        for (role, sha256) in self.update.relied_on() {
            let rows: i64 = sqlx::query_scalar(HOLDS)
                .bind(self.gun.as_str())
                .bind(role.as_str())
                .bind(sha256.to_hex())
                .fetch_one(&mut *connection)
                .await
                .map_err(|error| errors::of_statement(&error))?;
            if rows == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The refusal of the first document whose version is not free; `found` begins with those of the
    /// documents. A version above the head that is occupied all the same belongs to a row that counts
    /// as absent, or twice to this update.
    fn old_version(&self, found: &[Found]) -> Option<Commit> {
        let mut before = BTreeSet::new();
        let mut documents = self.update.documents().zip(found);
        let refused = documents.find(|(document, found)| {
            found.is_occupied
                || found.head.is_some_and(|head| head.version >= document.version)
                || !before.insert((&document.role, document.version))
        });
        refused.map(|(document, _)| Commit::OldVersion(document.role.clone()))
    }

    async fn insert(&self, connection: &mut SqliteConnection) -> StorageResult<()> {
        let failed = |error| errors::of_statement(&error);
        let documents: Vec<&AcceptedDocument> = self.update.documents().collect();
        let (first, last) = documents.split_at(documents.len().saturating_sub(4));
        for document in first {
            let one = self.bind(sqlx::query(DOCUMENT), document);
            one.execute(&mut *connection).await.map_err(failed)?;
        }
        let query = sqlx::query(match last {
            [] | [_] => LAST_ONE,
            [_, _] => LAST_TWO,
            [_, _, _] => LAST_THREE,
            [_, _, _, _, ..] => LAST_FOUR,
        });
        let query = last.iter().fold(query, |query, document| self.bind(query, document));
        let timestamp = self.update.timestamp();
        query
            .bind(self.at.as_str())
            .bind(self.gun.as_str())
            .bind(timestamp.version.as_i32())
            .bind(timestamp.sha256.to_hex())
            .bind(ChangeCategory::Update.as_str())
            .execute(connection)
            .await
            .map_err(failed)?;
        Ok(())
    }

    fn bind<'q>(
        &'q self,
        query: Query<'q, Sqlite, SqliteArguments>,
        document: &'q AcceptedDocument,
    ) -> Query<'q, Sqlite, SqliteArguments> {
        query
            .bind(self.at.as_str())
            .bind(self.at.as_str())
            .bind(self.gun.as_str())
            .bind(document.role.as_str())
            .bind(document.version.as_i32())
            .bind(document.sha256.to_hex())
            .bind(document.bytes.as_ref())
    }
}
