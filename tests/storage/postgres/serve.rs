//! The real binary on PostgreSQL: the real client, two replicas, and a server that comes late.

use std::fs;
use std::time::Duration;

use anyhow::{Result, ensure};
use countersign_tests::peers::countersign::{Countersign, binary};
use countersign_tests::peers::process::PATIENCE;
use countersign_tests::session::{Server, Session};
use countersign_tests::upload;
use countersign_tests::wire::Wire;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::{Instant, interval};

use super::{Bench, OWNER};

const GUN: &str = "example.com/lab/app";

/// The same passphrase for every replica.
pub(super) struct Passphrase(TempDir);

impl Passphrase {
    pub(super) fn new() -> Result<Self> {
        let directory = TempDir::new()?;
        fs::write(directory.path().join("passphrase"), "one for all replicas")?;
        Ok(Self(directory))
    }

    pub(super) fn settings(&self, bench: &Bench, database: &str) -> String {
        let url = bench.server.url(OWNER, database);
        let file = self.0.path().join("passphrase");
        format!("[database]\nurl = '{url}'\n[keys]\npassphrase_file = '{}'\n", file.display())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_publishes_and_reads_and_the_database_holds_it() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.empty_database().await?;
    let secret = Passphrase::new()?;
    let server = Countersign::start_with(&secret.settings(&bench, &database)).await?;
    ensure!(!server.data().join("countersign.db").exists());
    ensure!(server.log().contains("fsync = off"), "{}", server.log());
    let mut s = Session::with(Server::Countersign(server))?;
    let alice = s.client("alice")?;
    s.ok(&alice, &["init", "-p", GUN]).await?;
    s.ok(&alice, &["key", "rotate", GUN, "snapshot", "-r"]).await?;
    let mut connection = bench.connect(&database).await?;
    let roots: i64 =
        sqlx::query_scalar("SELECT count(*) FROM tuf_files WHERE gun = $1 AND role = 'root'")
            .bind(GUN)
            .fetch_one(&mut connection)
            .await?;
    ensure!(roots == 2, "{roots} roots");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_replica_took_the_other_serves_at_once() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.empty_database().await?;
    let secret = Passphrase::new()?;
    let one = Countersign::start_with(&secret.settings(&bench, &database)).await?;
    let two = Countersign::start_with(&secret.settings(&bench, &database)).await?;
    let (to_one, to_two) = (Wire::to(one.endpoint())?, Wire::to(two.endpoint())?);
    let mut collection = upload::collection(&to_one, GUN).await?;
    for round in 1..=5 {
        let answer = upload::publish(&to_one, GUN, &collection.all_parts()).await?;
        ensure!(answer.status == 200, "round {round}: {answer:?}");
        for file in ["timestamp.json", "snapshot.json", "targets.json", "root.json"] {
            let (here, there) =
                (to_one.document(GUN, file).await?, to_two.document(GUN, file).await?);
            ensure!(there.status == 200 && here.body == there.body, "round {round}: {file}");
        }
        collection.bump_all();
        collection.seal();
    }
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
    let answer = wire.document(GUN, "timestamp.key").await?;
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

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_name_of_the_database_ends_the_start_in_one_line() -> Result<()> {
    let bench = Bench::start().await?;
    let (code, said) = run(&["serve", "--listen", "127.0.0.1:0"], &bench, "nowhere").await?;
    ensure!(code == Some(12), "{code:?}: {said}");
    ensure!(said.lines().count() == 1 && said.contains("nowhere"), "{said}");
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
