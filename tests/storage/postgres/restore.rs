//! `countersign restore --in-place` after PostgreSQL's own tools: readers and publishers go on.

use anyhow::{Result, ensure};
use countersign_tests::peers::countersign::Countersign;
use countersign_tests::session::{Server, Session};
use countersign_tests::upload::now;
use tokio::process::Command;

use super::serve::Passphrase;
use super::{Bench, OWNER, execute};

const GUN: &str = "example.com/lab/app";

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_saw_newer_versions_go_on_after_signing_in_place() -> Result<()> {
    let mut bench = Bench::start().await?;
    let database = bench.empty_database().await?;
    let secret = Passphrase::new()?;
    let server = Countersign::start_with(&secret.settings(&bench, &database)).await?;
    let mut s = Session::with(Server::Countersign(server))?;
    let (alice, reader) = (s.client("alice")?, s.client("reader")?);
    let file = s.file("file", b"content")?;
    s.ok(&alice, &["init", "-p", GUN]).await?;
    s.ok(&alice, &["key", "rotate", GUN, "snapshot", "-r"]).await?;
    s.ok(&alice, &["add", "-p", GUN, "v1", &file]).await?;
    let taken_at = now().to_rfc3339();
    // What is put back is a copy of this moment.
    s.server_dies()?;
    let terminate = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"
    );
    execute(&mut bench.admin, &terminate).await?;
    execute(&mut bench.admin, &format!("CREATE DATABASE taken TEMPLATE {database}")).await?;
    s.server_returns().await?;
    s.ok(&alice, &["add", "-p", GUN, "v2", &file]).await?;
    s.prints(&reader, &["list", GUN], "v2 ").await?;
    s.server_dies()?;
    execute(&mut bench.admin, &terminate).await?;
    execute(&mut bench.admin, &format!("ALTER DATABASE {database} RENAME TO damaged")).await?;
    execute(&mut bench.admin, &format!("ALTER DATABASE taken RENAME TO {database}")).await?;

    let Server::Countersign(server) = s.server() else { anyhow::bail!("another server") };
    let restore = |times: &'static str| {
        let mut command = Command::new(countersign_tests::peers::countersign::binary().unwrap());
        command
            .args(["restore", "--in-place", "--taken-at", &taken_at])
            .arg("--config")
            .arg(server.data().join("countersign.toml"))
            .arg("--data-dir")
            .arg(server.data())
            .args(["--compare", &bench.server.url(OWNER, "damaged")])
            .kill_on_drop(true);
        async move {
            let done = command.output().await?;
            let said = String::from_utf8([done.stdout, done.stderr].concat())?;
            ensure!(done.status.success() && said.contains(times), "{}: {said}", done.status);
            Ok(said)
        }
    };
    let said = restore("1 signed again").await?;
    ensure!(said.contains(&format!("lost: {GUN}: targets version")), "{said}");
    restore("0 signed again").await?;
    s.server_returns().await?;
    let new = s.client("new")?;
    let listed = s.prints(&new, &["list", GUN], "v1 ").await?;
    ensure!(!listed.says("v2 "), "{listed:?}");
    s.ok(&new, &["list", GUN]).await?;
    Ok(())
}
