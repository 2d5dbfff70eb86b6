//! Very many repositories, each read once: what the server remembers of them is bounded.

use anyhow::{Context as _, Result, ensure};
use chrono::{DateTime, Utc};
use countersign_forge::repository::{Repository, ServerKeys};
use countersign_tests::peers::countersign::Countersign;
use countersign_tests::wire::Wire;
use http::{HeaderValue, Method};
use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;

const GUN: &str = "example.com/lab/app";

const FEW: u32 = 10_000;
const MANY: u32 = 100_000;

/// The documents of a GUN do not hold its name, so copies of one published GUN are as good.
const COPY: &str = "
    WITH RECURSIVE numbers (n) AS (VALUES (0) UNION ALL SELECT n + 1 FROM numbers WHERE n < 99999)
    INSERT INTO tuf_files (created_at, updated_at, gun, role, version, sha256, data)
    SELECT created_at, updated_at, 'example.com/team-of-many/application-' || n, role, version,
        sha256, data
    FROM numbers, tuf_files WHERE role IN ('timestamp', 'snapshot')";

/// The server under test runs on the machine's clock.
#[expect(clippy::disallowed_methods, reason = "a test of a real process")]
fn now() -> DateTime<Utc> {
    Utc::now()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_after_100000_repositories_read_is_that_after_10000() -> Result<()> {
    let server = Countersign::start_with("[log]\nlevel = \"warn\"\n").await?;
    let wire = Wire::to(server.endpoint())?;
    publish(&wire).await?;
    let database = SqliteConnectOptions::new().filename(server.data().join("countersign.db"));
    sqlx::raw_sql(COPY).execute(&mut database.connect().await?).await?;

    read(&wire, 0..FEW).await?;
    let few = server.memory_kib()?;
    read(&wire, FEW..MANY).await?;
    let many = server.memory_kib()?;
    ensure!(many * 10 <= few * 12, "{few} KiB after {FEW}, {many} KiB after {MANY}");
    Ok(())
}

async fn publish(wire: &Wire) -> Result<()> {
    let key = wire.document(GUN, "timestamp.key").await?;
    let keys = ServerKeys { timestamp: serde_json::from_slice(&key.body)?, snapshot: None };
    let mut body = Vec::new();
    for (role, bytes) in Repository::new(GUN, 11, now(), &keys).all_parts() {
        let head = format!(
            "--edge\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{role}\"\r\n\r\n"
        );
        body.extend([head.as_bytes(), &bytes, b"\r\n"].concat());
    }
    body.extend(b"--edge--\r\n");
    let content_type = HeaderValue::from_static("multipart/form-data; boundary=edge");
    let path = format!("/v2/{GUN}/_trust/tuf/");
    let answer = wire.send(Method::POST, &path, Some(&content_type), body).await?;
    ensure!(answer.status == 200, "{answer:?}");
    Ok(())
}

/// Reads each repository's timestamp once, by a few readers at a time.
async fn read(wire: &Wire, numbers: std::ops::Range<u32>) -> Result<()> {
    let readers = 8;
    let tasks = (0..readers).map(|reader| {
        let (wire, numbers) = (wire.clone(), numbers.clone());
        tokio::spawn(async move {
            for number in numbers.filter(|number| number % readers == reader) {
                let gun = format!("example.com/team-of-many/application-{number}");
                let answer = wire.document(&gun, "timestamp.json").await?;
                ensure!(answer.status == 200, "{gun}: {answer:?}");
            }
            Ok(())
        })
    });
    for task in Vec::from_iter(tasks) {
        task.await.context("a reader panicked")??;
    }
    Ok(())
}
