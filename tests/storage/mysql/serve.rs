//! The real binary on MariaDB: the real client, a restart, a server that comes late, and names that
//! Notary's tables cannot tell apart.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use countersign_tests::peers::countersign::{Countersign, binary};
use countersign_tests::peers::process::PATIENCE;
use countersign_tests::session::{Server, Session};
use countersign_tests::upload;
use countersign_tests::wire::Wire;
use http::Method;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::{Instant, interval};

use super::{Bench, OWNER};

const GUN: &str = "example.com/lab/app";

/// The same passphrase for every server of a test.
pub(super) struct Passphrase(TempDir);

impl Passphrase {
    pub(super) fn new() -> Result<Self> {
        let directory = TempDir::new()?;
        fs::write(directory.path().join("passphrase"), "one for all servers")?;
        Ok(Self(directory))
    }

    pub(super) fn settings(&self, bench: &Bench, database: &str) -> String {
        let url = bench.server.url(OWNER, database);
        let file = self.0.path().join("passphrase");
        format!("[database]\nurl = '{url}'\n[keys]\npassphrase_file = '{}'\n", file.display())
    }
}

/// What was published through one server is listed from another that starts later: all of it is in
/// the database.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_client_published_is_listed_after_a_restart() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.empty_database().await?;
    let secret = Passphrase::new()?;
    let server = Countersign::start_with(&secret.settings(&bench, &database)).await?;
    ensure!(!server.data().join("countersign.db").exists());
    let warning = "innodb_flush_log_at_trx_commit other than 1";
    ensure!(server.log().contains(warning), "{}", server.log());
    let mut s = Session::with(Server::Countersign(server))?;
    let alice = s.client("alice")?;
    let file = s.file("file", b"content")?;
    s.ok(&alice, &["init", "-p", GUN]).await?;
    s.ok(&alice, &["key", "rotate", GUN, "snapshot", "-r"]).await?;
    s.ok(&alice, &["add", "-p", GUN, "v1", &file]).await?;
    s.server_dies()?;
    s.server_returns().await?;
    let bob = s.client("bob")?;
    let listed = s.ok(&bob, &["list", GUN]).await?;
    ensure!(listed.says("v1"), "{listed:?}");
    s.ok(&alice, &["add", "-p", GUN, "v2", &file]).await?;
    let mut connection = bench.connect(&database).await?;
    let roots: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM tuf_files WHERE gun = ? AND role = 'root'")
            .bind(GUN)
            .fetch_one(&mut connection)
            .await?;
    ensure!(roots == 2, "{roots} roots");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_at_the_start_is_said_and_waited_for() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.empty_database().await?;
    let secret = Passphrase::new()?;
    bench.server.crash().await?;
    let mut server = Countersign::start_unready(&secret.settings(&bench, &database)).await?;
    let wire = Wire::to(server.endpoint())?;
    for path in [
        "/_notary_server/health",
        "/_countersign/ready",
        &format!("/v2/{GUN}/_trust/tuf/root.json"),
    ] {
        let status = wire.get(path).await?.status;
        ensure!(status == 503, "{status} to {path}\n{}", server.log());
    }
    ensure!(server.log().contains("the database is away; trying again"), "{}", server.log());
    bench.server.start_again().await?;
    server.healthy().await?;
    let collection = upload::collection(&wire, GUN).await?;
    let answer = upload::publish(&wire, GUN, &collection.all_parts()).await?;
    ensure!(answer.status == 200, "{answer:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_of_the_database_answers_are_normal_without_a_hand() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.empty_database().await?;
    let secret = Passphrase::new()?;
    let server = Countersign::start_with(&secret.settings(&bench, &database)).await?;
    let wire = Wire::to(server.endpoint())?;
    let collection = upload::collection(&wire, GUN).await?;
    ensure!(upload::publish(&wire, GUN, &collection.all_parts()).await?.status == 200);
    bench.server.crash().await?;
    let away = wire.document(GUN, "root.json").await?.status;
    ensure!(away == 503, "{away}");
    bench.server.start_again().await?;
    let deadline = Instant::now() + PATIENCE;
    let mut pace = interval(Duration::from_millis(50));
    while wire.document(GUN, "root.json").await?.status != 200 {
        pace.tick().await;
        ensure!(Instant::now() < deadline, "{}", server.log());
    }
    Ok(())
}

/// Compatibility row contract-4-mysql-names.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_the_tables_take_for_another_is_refused_on_the_wire() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.notary_database().await?;
    let secret = Passphrase::new()?;
    let server = Countersign::start_with(&secret.settings(&bench, &database)).await?;
    let wire = Wire::to(server.endpoint())?;
    let first = upload::collection(&wire, GUN).await?;
    let answer = upload::publish(&wire, GUN, &first.all_parts()).await?;
    ensure!(answer.status == 200, "{answer:?}");
    let before = wire.document(GUN, "timestamp.json").await?.body;

    for name in ["example.com/lab/App", "example.com/LAB/app"] {
        let other = upload::collection(&wire, name).await?;
        let refused = upload::publish(&wire, name, &other.all_parts()).await?;
        ensure!(refused.status == 400, "{name}: {refused:?}");
        ensure!(code(&refused.body)? == "INVALID_GUN", "{name}: {refused:?}");
        for file in ["root.json", "timestamp.json", "1.root.json"] {
            let absent = wire.document(name, file).await?;
            ensure!(absent.status == 404, "{name}: {file}: {absent:?}");
        }
        let path = upload::publish_path(name);
        let deleted = wire.send(Method::DELETE, &path, None, Vec::new()).await?;
        ensure!(deleted.status == 200, "{name}: {deleted:?}");
        let after = wire.document(GUN, "timestamp.json").await?;
        ensure!(after.status == 200 && after.body == before, "{name}: {after:?}");
    }
    let mut connection = bench.connect(&database).await?;
    let of_others = "SELECT COUNT(*) FROM tuf_files WHERE BINARY gun <> BINARY ?";
    let rows: i64 = sqlx::query_scalar(of_others).bind(GUN).fetch_one(&mut connection).await?;
    ensure!(rows == 0, "{rows} rows of other names");
    Ok(())
}

/// Tables of our own making know names to the byte.
#[tokio::test(flavor = "multi_thread")]
async fn names_that_differ_in_case_alone_are_two_collections_in_our_own_tables() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.empty_database().await?;
    let secret = Passphrase::new()?;
    let server = Countersign::start_with(&secret.settings(&bench, &database)).await?;
    let wire = Wire::to(server.endpoint())?;
    for name in [GUN, "example.com/lab/App", "example.com/lab/\u{e1}pp"] {
        let collection = upload::collection(&wire, name).await?;
        let answer = upload::publish(&wire, name, &collection.all_parts()).await?;
        ensure!(answer.status == 200, "{name}: {answer:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_list_and_config_check_look_into_the_same_database() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.empty_database().await?;
    let (code, said) = run(&["keys", "list"], &bench, &database).await?;
    ensure!(code == Some(10) && said.contains("is missing"), "{code:?}: {said}");
    bench.open(&database).await?.close().await;
    let (code, said) = run(&["keys", "list"], &bench, &database).await?;
    ensure!(code == Some(0) && said == "no keys\n", "{code:?}: {said}");
    let (code, said) = run(&["config", "check"], &bench, &database).await?;
    ensure!(code == Some(0) && said.contains("all is well"), "{code:?}: {said}");
    Ok(())
}

/// It says what to use instead, and makes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn backup_leaves_the_database_to_its_own_tools() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.database().await?;
    let into = TempDir::new()?;
    let backup = into.path().join("backup");
    let (code, said) = run(&["backup", &text(&backup)], &bench, &database).await?;
    ensure!(code == Some(2) && said.contains("mariadb-dump"), "{code:?}: {said}");
    ensure!(!backup.exists());
    Ok(())
}

/// A command of the binary with `--database`, and all that it says.
pub(super) async fn run(
    arguments: &[&str],
    bench: &Bench,
    database: &str,
) -> Result<(Option<i32>, String)> {
    let directory = TempDir::new()?;
    let done = Command::new(binary()?)
        .current_dir(directory.path())
        .env("COUNTERSIGN_LOG_LEVEL", "error")
        .args(arguments)
        .args(["--database", &bench.server.url(OWNER, database)])
        .kill_on_drop(true)
        .output()
        .await?;
    let said = [done.stdout, done.stderr].concat();
    Ok((done.status.code(), String::from_utf8(said)?))
}

/// The code of the one error in an answer.
fn code(body: &[u8]) -> Result<String> {
    let body: Value = serde_json::from_slice(body)?;
    let code = body.pointer("/errors/0/code").and_then(Value::as_str);
    Ok(code.context("no error in the answer")?.to_owned())
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
