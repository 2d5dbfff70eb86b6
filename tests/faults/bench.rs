//! A server with one published collection, another process's view of its database, and what is
//! asked of it while something is wrong.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use chrono::{DateTime, Utc};
use countersign_forge::repository::{Repository, ServerKeys};
use countersign_tests::peers::countersign::Countersign;
use countersign_tests::wire::{Answer, Wire};
use http::{HeaderValue, Method};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, SqliteConnection};
use tokio::time::{Instant, interval};

/// The GUN of the published collection.
pub(crate) const GUN: &str = "example.com/lab/app";

/// Contract section 4: how long after a fault answers are normal again.
const RECOVERY: Duration = Duration::from_secs(5);

pub(crate) struct Bench {
    pub(crate) server: Countersign,
    pub(crate) wire: Wire,
    repository: Repository,
}

impl Bench {
    pub(crate) async fn start() -> Result<Self> {
        Self::with(Countersign::start().await?).await
    }

    pub(crate) async fn with(server: Countersign) -> Result<Self> {
        let wire = Wire::to(server.endpoint())?;
        let key = wire.document(GUN, "timestamp.key").await?;
        let keys = ServerKeys { timestamp: serde_json::from_slice(&key.body)?, snapshot: None };
        let repository = Repository::new(GUN, 11, now(), &keys);
        let mut bench = Self { server, wire, repository };
        let first = bench.send(&bench.repository.all_parts()).await?;
        ensure!(first.status == 200, "{first:?}");
        bench.bump();
        Ok(bench)
    }

    /// The database's file.
    pub(crate) fn database(&self) -> PathBuf {
        self.server.data().join("countersign.db")
    }

    /// Another process's connection to the database: this test's.
    pub(crate) async fn connect(&self) -> Result<SqliteConnection> {
        let options = SqliteConnectOptions::new().filename(self.database());
        Ok(options.busy_timeout(Duration::from_secs(10)).connect().await?)
    }

    /// Publishes the collection's next version; one that fails is tried again the next time.
    pub(crate) async fn publish(&mut self) -> Result<Answer> {
        let answer = self.send(&self.repository.parts(&["targets", "snapshot"])).await?;
        if answer.status == 200 {
            self.bump();
        }
        Ok(answer)
    }

    fn bump(&mut self) {
        for role in ["targets", "snapshot"] {
            self.repository.bump(role);
        }
    }

    async fn send(&self, parts: &[(String, Vec<u8>)]) -> Result<Answer> {
        let mut body = Vec::new();
        for (role, bytes) in parts {
            let head = format!(
                "--edge\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{role}\"\r\n\r\n"
            );
            body.extend([head.as_bytes(), bytes, b"\r\n"].concat());
        }
        body.extend(b"--edge--\r\n");
        let content_type = HeaderValue::from_static("multipart/form-data; boundary=edge");
        let path = format!("/v2/{GUN}/_trust/tuf/");
        self.wire.send(Method::POST, &path, Some(&content_type), body).await
    }

    /// Every document, current and by version, with its status.
    pub(crate) async fn reads(&self) -> Result<Vec<Answer>> {
        let mut answers = Vec::new();
        for file in ["timestamp", "snapshot", "root", "targets", "1.root", "1.timestamp"] {
            answers.push(self.wire.document(GUN, &format!("{file}.json")).await?);
        }
        Ok(answers)
    }

    /// Every document is served.
    pub(crate) async fn is_readable(&self) -> Result<()> {
        for answer in self.reads().await? {
            ensure!(answer.status == 200, "{answer:?}");
        }
        Ok(())
    }

    /// Each request that would write fails for now, in Notary's words; all wait at once.
    pub(crate) async fn cannot_write(&mut self) -> Result<()> {
        let wire = self.wire.clone();
        let (new_key, delete) =
            ("/v2/new/_trust/tuf/timestamp.key".to_owned(), format!("/v2/{GUN}/_trust/tuf/"));
        let (published, got_key, deleted) = tokio::join!(
            self.publish(),
            wire.get(&new_key),
            wire.send(Method::DELETE, &delete, None, Vec::new()),
        );
        is_later(&published?, "UPDATING")?;
        is_later(&got_key?, "UNKNOWN")?;
        is_later(&deleted?, "UNKNOWN")
    }

    /// Within the promised time publishes and reads work again.
    pub(crate) async fn recovers(&mut self) -> Result<()> {
        let deadline = Instant::now() + RECOVERY;
        let mut pace = interval(Duration::from_millis(50));
        loop {
            pace.tick().await;
            let published = self.publish().await?;
            if published.status == 200 {
                break;
            }
            if Instant::now() > deadline {
                bail!("still {published:?}\n{}", self.server.log());
            }
        }
        self.is_readable().await?;
        let health = self.wire.get("/_notary_server/health").await?;
        ensure!(health.status == 200, "{health:?}");
        Ok(())
    }

    /// How many rows the changefeed has; asking signs nothing.
    pub(crate) async fn changes(&self) -> Result<u64> {
        let answer = self.wire.get("/v2/_trust/changefeed?records=100").await?;
        let body: serde_json::Value = serde_json::from_slice(&answer.body)?;
        body.get("count").and_then(serde_json::Value::as_u64).context("no count")
    }
}

/// 503 with this code and `Retry-After`.
pub(crate) fn is_later(answer: &Answer, code: &str) -> Result<()> {
    is_failure(answer, 503, code)?;
    ensure!(!answer.header("retry-after").is_empty(), "{answer:?}");
    Ok(())
}

/// This status and code, and nothing that a cache would keep.
pub(crate) fn is_failure(answer: &Answer, status: u16, code: &str) -> Result<()> {
    let text = String::from_utf8_lossy(&answer.body);
    ensure!(
        answer.status == status && text.contains(&format!("\"code\":\"{code}\"")),
        "{answer:?}: {text}"
    );
    ensure!(answer.header("cache-control").is_empty(), "{answer:?}");
    Ok(())
}

/// The server under test runs on the machine's clock.
#[expect(clippy::disallowed_methods, reason = "a test of a real process")]
fn now() -> DateTime<Utc> {
    Utc::now()
}
