//! How many queries a read makes of PostgreSQL, by the server's own count: a read that is a query
//! is a transaction there.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use countersign_trust::{SystemClock, Trust};
use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::names::{Gun, RoleName};
use serde::{Deserialize, Serialize};
use sqlx::{Connection as _, PgConnection};

use crate::database::Database;
use crate::place::remembering;

/// How many reads are counted.
const READS: u32 = 2_000;

/// How often it is looked whether all has been counted, and how often it must be the same.
const LOOKS: u32 = 200;
const SAME: u32 = 5;
const BETWEEN: Duration = Duration::from_millis(50);

const COUNTED: &str = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = $1";

/// Queries for one read of what this process has in memory.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Queries {
    /// Of a timestamp by name, one after the other.
    pub by_name: f64,
    /// Of a snapshot by its digest.
    pub by_digest: f64,
}

/// What is read between opening and closing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reads {
    Nothing,
    ByName,
    ByDigest,
}

impl Queries {
    /// Of a database that nobody else uses.
    pub(crate) async fn count(database: &Database, guns: &[Gun]) -> Result<Option<Self>> {
        let Some((server, name)) = database.counted_at() else { return Ok(None) };
        let mut connection = PgConnection::connect(server).await?;
        let mut counts = [0.0; 3];
        let kinds = [Reads::Nothing, Reads::ByName, Reads::ByDigest];
        for (count, reads) in counts.iter_mut().zip(kinds) {
            let before = settled(&mut connection, name).await?;
            let opened = database.once_more().await?;
            let (store, keys) = opened.stores();
            let trust = remembering(store, keys, Arc::new(SystemClock)).await?;
            read(&trust, guns, reads).await?;
            drop(trust);
            opened.close().await;
            *count = f64::from(u32::try_from(settled(&mut connection, name).await? - before)?);
        }
        connection.close().await?;
        let [nothing, by_name, by_digest] = counts;
        let each = |count: f64| (count - nothing) / f64::from(READS);
        Ok(Some(Self { by_name: each(by_name), by_digest: each(by_digest) }))
    }
}

async fn read(trust: &Trust, guns: &[Gun], reads: Reads) -> Result<()> {
    // Whatever a first read fetches is fetched now.
    let mut digests: Vec<(&Gun, Sha256Digest)> = Vec::new();
    for gun in guns {
        trust.current(gun, &RoleName::Timestamp).await?.context("a timestamp")?;
        let snapshot = trust.current(gun, &RoleName::Snapshot).await?.context("a snapshot")?;
        digests.push((gun, snapshot.sha256));
    }
    for (gun, sha256) in digests.into_iter().cycle().take(READS as usize) {
        match reads {
            Reads::Nothing => break,
            Reads::ByName => trust.current(gun, &RoleName::Timestamp).await?,
            Reads::ByDigest => trust.by_digest(gun, &RoleName::Snapshot, sha256).await?,
        }
        .context("a document")?;
    }
    Ok(())
}

/// The count, once it does not change any more: a connection tells of its transactions when it ends,
/// a little after who closed it went on.
async fn settled(connection: &mut PgConnection, name: &str) -> Result<i64> {
    let (mut last, mut same) = (None, 0);
    for _ in 0..LOOKS {
        let counted = sqlx::query_scalar(COUNTED).bind(name);
        let counted: i64 = counted.fetch_one(&mut *connection).await?;
        same = if last == Some(counted) { same + 1 } else { 0 };
        if same == SAME {
            return Ok(counted);
        }
        last = Some(counted);
        tokio::time::sleep(BETWEEN).await;
    }
    bail!("somebody else uses the database {name}")
}
