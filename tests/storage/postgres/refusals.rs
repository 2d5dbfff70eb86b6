//! What stops a start on PostgreSQL in one line, and what is waited for.

use std::net::TcpListener;

use anyhow::{Result, ensure};
use countersign_tests::peers::countersign::binary;
use countersign_tests::peers::process::{Process, Program, free_port};
use tempfile::TempDir;

use super::{Bench, OWNER, execute};

/// Everybody but the tests themselves must show a password.
const PASSWORDS_ONLY: &str = "
    SET password_encryption = 'scram-sha-256';
    CREATE ROLE trusty LOGIN SUPERUSER PASSWORD 'planted-right';
    COPY (SELECT 'host all postgres 127.0.0.1/32 trust' UNION ALL
          SELECT 'host all all 127.0.0.1/32 scram-sha-256')
        TO PROGRAM 'cat > pg_hba.conf';
    SELECT pg_reload_conf();
";

/// A start that uses the database of `url`, which may hold a password.
fn start(url: &str) -> Result<(Process, TempDir)> {
    let directory = TempDir::new()?;
    let program = Program::new(binary()?)
        .within(directory.path())
        .args(["serve", "--listen", "127.0.0.1:0"])
        .env("COUNTERSIGN_LOG_LEVEL", "warn")
        .env("COUNTERSIGN_DATABASE_URL", url);
    Ok((Process::spawn("countersign", &program, None)?, directory))
}

/// The code and the one line of a start that is refused.
async fn refusal(url: &str) -> Result<(Option<i32>, String)> {
    let (mut process, _directory) = start(url)?;
    let status = process.ended().await?;
    let said = process.log();
    ensure!(said.lines().count() == 1, "{said}");
    ensure!(!said.contains("planted"), "{said}");
    Ok((status.code(), said))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_ends_the_start_in_one_line_and_the_right_one_serves() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.empty_database().await?;
    execute(&mut bench.admin, PASSWORDS_ONLY).await?;
    let url = |login: &str| bench.server.url(login, &database);
    for (login, reason) in [
        ("trusty:planted-wrong", "password authentication failed"),
        ("trusty", "password"),
        ("nobody:planted-wrong", "password authentication failed"),
    ] {
        let (code, said) = refusal(&url(login)).await?;
        ensure!(code == Some(12) && said.contains(reason), "{login}: {code:?} {said}");
    }
    let (mut process, _directory) = start(&url("trusty:planted-right"))?;
    let ready = process.line(|line| line.contains("listening on https://").then_some(())).await;
    ready?;
    ensure!(!process.log().contains("planted"), "{}", process.log());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_trying_mends_has_a_code_of_its_own() -> Result<()> {
    let mut bench = Bench::start().await?;
    let newer = bench.database().await?;
    let mut connection = bench.connect(&newer).await?;
    let note = "INSERT INTO countersign_metadata_migrations \
        (version, description, success, checksum, execution_time) VALUES (99, 'x', true, 'x', 0)";
    execute(&mut connection, note).await?;
    let empty = bench.empty_database().await?;
    let mut connection = bench.connect(&empty).await?;
    let guest = "CREATE ROLE guest LOGIN; REVOKE CREATE ON SCHEMA public FROM public";
    execute(&mut connection, guest).await?;
    for (url, code, words) in [
        (bench.server.url(OWNER, &newer), 8, "migrated by a newer version"),
        (bench.server.url(OWNER, "nowhere"), 12, "database \"nowhere\" does not exist"),
        (bench.server.url("nobody", &empty), 12, "role \"nobody\" does not exist"),
        (
            bench.server.url("guest", &empty),
            12,
            "table tuf_files is missing, and this user may not",
        ),
        ("oracle://u:planted@127.0.0.1/d".to_owned(), 2, "is not the URL of a database"),
        ("postgres://u:planted@127.0.0.1:port/d".to_owned(), 2, "the URL of the database: "),
    ] {
        let (ended, said) = refusal(&url).await?;
        ensure!(ended == Some(code) && said.contains(words), "{ended:?} {said}");
    }
    Ok(())
}

/// Each is said, and the process goes on trying.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_refuses_is_unknown_or_silent_is_waited_for() -> Result<()> {
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let silent_port = silent.local_addr()?.port();
    for (place, what) in [
        (format!("127.0.0.1:{}", free_port()?), "nobody there"),
        ("nowhere.invalid:5432".to_owned(), "no such name"),
        (format!("127.0.0.1:{silent_port}"), "no answer"),
    ] {
        let url = format!("postgres://u:planted@{place}/d?sslmode=disable");
        let (mut process, _directory) = start(&url)?;
        for _ in 0..2 {
            let said = "the database is away; trying again";
            let tried = process.line(|line| line.contains(said).then_some(())).await;
            tried.map_err(|error| error.context(what))?;
        }
        process.still_runs()?;
        ensure!(!process.log().contains("planted"), "{}", process.log());
    }
    Ok(())
}
