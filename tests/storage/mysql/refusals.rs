//! What stops a start on MariaDB in one line, and what is waited for.

use std::net::TcpListener;

use anyhow::{Result, ensure};
use countersign_tests::peers::countersign::binary;
use countersign_tests::peers::process::{Process, Program, free_port};
use tempfile::TempDir;

use super::{Bench, OWNER, execute};

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

/// A user from anywhere, with what `grant` names, if anything.
async fn user(bench: &mut Bench, name: &str, password: &str, grant: &str) -> Result<()> {
    for host in ["'%'", "localhost"] {
        let made = format!("CREATE USER {name}@{host} IDENTIFIED BY '{password}'");
        execute(&mut bench.admin, &made).await?;
        if !grant.is_empty() {
            execute(&mut bench.admin, &format!("GRANT {grant} TO {name}@{host}")).await?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_ends_the_start_in_one_line_and_the_right_one_serves() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.empty_database().await?;
    user(&mut bench, "trusty", "planted-right", &format!("ALL ON {database}.*")).await?;
    let url = |login: &str| bench.server.url(login, &database);
    for login in ["trusty:planted-wrong", "trusty", "nobody:planted-wrong"] {
        let (code, said) = refusal(&url(login)).await?;
        ensure!(code == Some(12) && said.contains("Access denied"), "{login}: {code:?} {said}");
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
        (version, name, checksum) VALUES (99, 'x', 'x')";
    execute(&mut connection, note).await?;
    let empty = bench.empty_database().await?;
    let rows = format!("SELECT, INSERT, UPDATE, DELETE ON {empty}.*");
    user(&mut bench, "guest", "planted", &rows).await?;
    user(&mut bench, "stranger", "planted", "").await?;
    for (url, code, words) in [
        (bench.server.url(OWNER, &newer), 8, "migrated by a newer version"),
        (bench.server.url(OWNER, "nowhere"), 12, "Unknown database 'nowhere'"),
        (bench.server.url("stranger:planted", &empty), 12, "to database 'empty_"),
        (
            bench.server.url("guest:planted", &empty),
            12,
            "table tuf_files is missing, and this user may not",
        ),
        ("mariadb://u:planted@127.0.0.1/d".to_owned(), 2, "is not the URL of a database"),
        ("mysql://u:planted@127.0.0.1".to_owned(), 2, "names no database"),
        ("mysql://u:planted@127.0.0.1:port/d".to_owned(), 2, "the URL of the database: "),
    ] {
        let (ended, said) = refusal(&url).await?;
        ensure!(ended == Some(code) && said.contains(words), "{ended:?} {said}");
    }
    let mut connection = bench.connect(&empty).await?;
    let tables = sqlx::query("SHOW TABLES").fetch_all(&mut connection).await?.len();
    ensure!(tables == 0, "{tables} tables after refusals");
    Ok(())
}

/// Each is said, and the process goes on trying.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_refuses_is_unknown_or_silent_is_waited_for() -> Result<()> {
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let silent_port = silent.local_addr()?.port();
    for (place, what) in [
        (format!("127.0.0.1:{}", free_port()?), "nobody there"),
        ("nowhere.invalid:3306".to_owned(), "no such name"),
        (format!("127.0.0.1:{silent_port}"), "no answer"),
    ] {
        let url = format!("mysql://u:planted@{place}/d?ssl-mode=DISABLED");
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
