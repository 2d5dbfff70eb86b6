//! A commit: all documents and one changefeed row, or nothing, and never left in doubt.
//!
//! The GUN's lock keeps other commits of this program out from the look at the heads to the end;
//! whoever writes without that lock, as Notary's server does, meets the table's unique index.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};
use countersign_tuf::accepted::{AcceptedDocument, AcceptedUpdate};
use countersign_tuf::names::{Gun, RoleName};
use sqlx::postgres::PgConnection;

use super::connections::Connections;
use super::heads::{heads, heads_query};
use super::locks::Lock;
use super::row::time_value;
use super::transaction::{Ending, Failed, Stop, to_its_end, write};
use super::{changefeed, errors};
use crate::contract::metadata::{Commit, Heads};
use crate::contract::{StorageError, StorageResult};

/// All documents of an update, in their order.
const INSERT: &str = "INSERT INTO tuf_files \
    (created_at, updated_at, gun, role, version, sha256, data) \
    SELECT $1::timestamp, $1::timestamp, $2::text, one.role, one.version, one.sha256, one.data \
    FROM unnest($3::text[], $4::int4[], $5::text[], $6::bytea[]) \
        AS one (role, version, sha256, data)";

pub(super) const IS_STORED: &str = "SELECT count(*) FROM tuf_files WHERE gun = $1 AND role = $2 \
    AND version = $3 AND sha256 = $4::char(64) AND deleted_at IS NULL";

pub(super) const HOLDS: &str = "SELECT count(*) FROM tuf_files \
    WHERE sha256 = $3::char(64) AND gun = $1 AND role = $2 AND deleted_at IS NULL";

/// Every statement of this file.
#[cfg(any(test, feature = "suite"))]
pub(super) const STATEMENTS: &[&str] = &[HOLDS, INSERT, IS_STORED];

/// How often is looked for a commit whose end nobody heard, and how long in between: long enough
/// for a database that starts again.
const LOOKS: u32 = 10;
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// What is to be committed.
struct Job {
    gun: Gun,
    base: Heads,
    update: AcceptedUpdate,
    at: NaiveDateTime,
}

/// Commits `update`; a caller that goes away does not cut it short.
pub(super) async fn commit(
    writers: &Connections,
    gun: &Gun,
    base: &Heads,
    update: &AcceptedUpdate,
    now: DateTime<Utc>,
) -> StorageResult<Commit> {
    let job =
        Job { gun: gun.clone(), base: base.clone(), update: update.clone(), at: time_value(now)? };
    let writers = writers.clone();
    to_its_end(async move { Arc::new(job).settle(&writers).await }).await
}

impl Job {
    async fn settle(self: Arc<Self>, writers: &Connections) -> StorageResult<Commit> {
        let mut ended = Arc::clone(&self).commit_by(writers, Inserts::Together).await;
        if matches!(ended, Ok(End::OneOccupied)) {
            ended = Arc::clone(&self).commit_by(writers, Inserts::OneByOne).await;
        }
        match ended {
            Ok(End::OneOccupied) => Err(StorageError::Other("no document is refused".to_owned())),
            // The transaction is undone, so it cannot look for itself.
            Ok(End::Occupied(role)) => self.explain(writers, role).await,
            Ok(End::Settled(commit)) => Ok(commit),
            Err(Failed::NotDone(error)) => Err(error),
            Err(Failed::Unknown(error)) => self.look(writers, error).await,
        }
    }

    async fn commit_by(
        self: Arc<Self>,
        writers: &Connections,
        inserts: Inserts,
    ) -> Result<End, Failed> {
        write(writers, move |connection| {
            let job = Arc::clone(&self);
            Box::pin(async move { job.commit_in(connection, inserts).await })
        })
        .await
    }

    async fn commit_in(
        &self,
        connection: &mut PgConnection,
        inserts: Inserts,
    ) -> Result<Ending<End>, Stop> {
        Lock::Gun(&self.gun).take(connection).await?;
        let documents = || self.update.documents();
        let roles = || self.base.keys().chain(documents().map(|document| &document.role));
        let found = heads_query(&self.gun, roles()).fetch_all(&mut *connection).await?;
        let now = heads(roles(), &found)?;
        let of_base = now.iter().filter(|(role, _)| self.base.contains_key(role));
        let of_base: Heads = of_base.map(|(role, head)| (role.clone(), *head)).collect();
        if of_base != self.base || !self.holds_relied_on(connection).await? {
            return Ok(Ending::RollBack(End::Settled(Commit::Moved(of_base))));
        }
        for document in documents() {
            let head = now.get(&document.role).copied().flatten();
            if head.is_some_and(|head| head.version >= document.version) {
                let old = Commit::OldVersion(document.role.clone());
                return Ok(Ending::RollBack(End::Settled(old)));
            }
        }
        if let Some(occupied) = self.insert(connection, inserts).await? {
            return Ok(Ending::RollBack(occupied));
        }
        changefeed::add_update(connection, &self.gun, self.update.timestamp(), self.at).await?;
        Ok(Ending::Commit(End::Settled(Commit::Done)))
    }

    /// Whether everything is still there that the update names and does not bring.
    async fn holds_relied_on(&self, connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
        for (role, sha256) in self.update.relied_on() {
            let rows: i64 = sqlx::query_scalar(HOLDS)
                .bind(self.gun.as_str())
                .bind(role.as_str())
                .bind(sha256.to_hex())
                .fetch_one(&mut *connection)
                .await?;
            if rows == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Inserts the documents. What is occupied, if anything is: the transaction is undone then.
    async fn insert(
        &self,
        connection: &mut PgConnection,
        inserts: Inserts,
    ) -> Result<Option<End>, sqlx::Error> {
        let documents: Vec<&AcceptedDocument> = self.update.documents().collect();
        match inserts {
            Inserts::Together => match self.insert_all(connection, &documents).await {
                Err(error) if errors::is_duplicate(&error) => return Ok(Some(End::OneOccupied)),
                inserted => inserted?,
            },
            Inserts::OneByOne => {
                for document in documents {
                    match self.insert_all(connection, &[document]).await {
                        Err(error) if errors::is_duplicate(&error) => {
                            return Ok(Some(End::Occupied(document.role.clone())));
                        }
                        inserted => inserted?,
                    }
                }
            }
        }
        Ok(None)
    }

    async fn insert_all(
        &self,
        connection: &mut PgConnection,
        documents: &[&AcceptedDocument],
    ) -> Result<(), sqlx::Error> {
        let roles: Vec<&str> = documents.iter().map(|one| one.role.as_str()).collect();
        let versions: Vec<i32> = documents.iter().map(|one| one.version.as_i32()).collect();
        let digests: Vec<String> = documents.iter().map(|one| one.sha256.to_hex()).collect();
        let bodies: Vec<&[u8]> = documents.iter().map(|one| one.bytes.as_ref()).collect();
        sqlx::query(INSERT)
            .bind(self.at)
            .bind(self.gun.as_str())
            .bind(roles)
            .bind(versions)
            .bind(digests)
            .bind(bodies)
            .execute(connection)
            .await?;
        Ok(())
    }

    /// Why a version that no head named is occupied: a writer that takes no lock came between, or
    /// the row counts as absent, or the update has the version twice.
    async fn explain(&self, writers: &Connections, role: RoleName) -> StorageResult<Commit> {
        let found = writers.list(heads_query(&self.gun, self.base.keys())).await?;
        let now = heads(self.base.keys(), &found)?;
        Ok(if now == self.base { Commit::OldVersion(role) } else { Commit::Moved(now) })
    }

    /// Looks whether a commit was stored although nobody heard so.
    async fn look(
        self: Arc<Self>,
        writers: &Connections,
        lost: StorageError,
    ) -> StorageResult<Commit> {
        for _ in 0..LOOKS {
            let job = Arc::clone(&self);
            let looked = write(writers, move |connection| {
                let job = Arc::clone(&job);
                Box::pin(async move { job.is_stored(connection).await })
            });
            match looked.await {
                Ok(Stored::Whole) => return Ok(Commit::Done),
                Ok(Stored::Not) => return Err(lost),
                Err(_) => tokio::time::sleep(LOOK_AGAIN).await,
            }
        }
        Err(lost)
    }

    /// The GUN's lock is free only once the transaction in question has ended, one way or the
    /// other, also when its link is lost.
    async fn is_stored(&self, connection: &mut PgConnection) -> Result<Ending<Stored>, Stop> {
        Lock::Gun(&self.gun).take(connection).await?;
        for document in self.update.documents() {
            let rows: i64 = sqlx::query_scalar(IS_STORED)
                .bind(self.gun.as_str())
                .bind(document.role.as_str())
                .bind(document.version.as_i32())
                .bind(document.sha256.to_hex())
                .fetch_one(&mut *connection)
                .await?;
            if rows == 0 {
                return Ok(Ending::RollBack(Stored::Not));
            }
        }
        Ok(Ending::RollBack(Stored::Whole))
    }
}

/// How the documents of a commit are inserted.
#[derive(Clone, Copy)]
enum Inserts {
    /// In one statement.
    Together,
    /// Each by itself, to find the one whose version is occupied.
    OneByOne,
}

/// How the transaction of a commit ended.
enum End {
    /// A version of some role is occupied; nothing is stored.
    OneOccupied,
    /// A version of this role is occupied; nothing is stored.
    Occupied(RoleName),
    Settled(Commit),
}

/// Whether the documents of a commit are there.
enum Stored {
    Not,
    Whole,
}
