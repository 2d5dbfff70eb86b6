//! An unmodified Go server that changes from its own signer to ours and back, on Notary's file and
//! Notary's table as they stand.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use countersign_tests::peers::certs::Pair;
use countersign_tests::peers::countersign::binary;
use countersign_tests::peers::go_notary::GoNotary;
use countersign_tests::peers::notary_client::NotaryClient;
use countersign_tests::peers::process::{Process, Program};
use countersign_tests::wire::Wire;
use rustix::process::Signal;
use tempfile::TempDir;

const GUN: &str = "registry.example/team/app";
const SECOND: &str = "registry.example/team/second";

/// A publisher, and the file that he signs.
struct Publisher {
    client: NotaryClient,
    folder: TempDir,
    file: String,
}

impl Publisher {
    fn of(pair: &GoNotary) -> Result<Self> {
        let folder = TempDir::new()?;
        let file = folder.path().join("file");
        fs::write(&file, "content")?;
        let client = NotaryClient::new(&folder.path().join("owner"), pair.endpoint())?;
        Ok(Self { client, file: file.to_string_lossy().into_owned(), folder })
    }

    async fn does(&self, arguments: &[&str]) -> Result<()> {
        let outcome = self.client.run(arguments).await?;
        let words = arguments.join(" ");
        ensure!(outcome.succeeded(), "`notary {words}` was to succeed: {outcome:#?}");
        Ok(())
    }

    async fn adds(&self, gun: &str, target: &str) -> Result<()> {
        self.does(&["add", "--publish", gun, target, &self.file]).await
    }

    /// Somebody who has read nothing yet verifies the whole collection.
    async fn reader_sees(&self, pair: &GoNotary, gun: &str, targets: &[&str]) -> Result<()> {
        let reader = TempDir::new()?;
        let listed = NotaryClient::new(reader.path(), pair.endpoint())?.run(&["list", gun]).await?;
        let all = targets.iter().all(|target| listed.says(target));
        ensure!(listed.succeeded() && all, "{gun} was to hold {targets:?}: {listed:#?}");
        Ok(())
    }
}

/// Our binary under the name and with the flags of Notary's signer.
async fn start_ours(pair: &GoNotary, folder: &Path) -> Result<Process> {
    let named = folder.join("notary-signer");
    if !named.exists() {
        symlink(binary()?, &named)?;
    }
    let program = Program::new(named)
        .args([
            "-config".to_owned(),
            pair.signer_config().to_string_lossy().into_owned(),
            "-logf=json".to_owned(),
        ])
        .env("COUNTERSIGN_DATA_DIR", &folder.join("data").to_string_lossy())
        .env("COUNTERSIGN_LOG_LEVEL", "info")
        .env("NOTARY_SIGNER_FIRST", GoNotary::PASSPHRASE);
    let mut process = Process::spawn("countersign as notary-signer", &program, None)?;
    process.line(|line| line.starts_with("listening on ").then_some(())).await?;
    Ok(process)
}

async fn health(pair: &GoNotary) -> Result<u16> {
    Ok(Wire::to(pair.endpoint())?.get("/_notary_server/health").await?.status)
}

async fn goes_to_ours_and_back(mut pair: GoNotary) -> Result<()> {
    let owner = Publisher::of(&pair)?;
    owner.does(&["init", "--publish", GUN]).await?;
    owner.adds(GUN, "by-go").await?;
    owner.does(&["key", "rotate", GUN, "snapshot", "-r"]).await?;

    pair.stop_both()?;
    let mut ours = start_ours(&pair, owner.folder.path()).await?;
    pair.start_again().await?;
    let played = by_ours(&pair, &owner).await;
    played.with_context(|| ours.log())?;
    let log = ours.log();
    ensure!(log.contains("countersign::signatures") && log.contains(GUN), "{log}");
    ensure!(!log.contains("_type"), "the log holds what was signed\n{log}");
    ours.signal(Signal::TERM)?;
    let ended = ours.ended().await?;
    ensure!(ended.success(), "{ended}\n{}", ours.log());

    pair.stop()?;
    pair.start_both().await?;
    owner.adds(GUN, "by-go-again").await?;
    owner.adds(SECOND, "by-go-too").await?;
    owner.reader_sees(&pair, GUN, &["by-go", "by-ours", "by-go-again"]).await?;
    owner.reader_sees(&pair, SECOND, &["second-by-ours", "by-go-too"]).await
}

/// What the Go server has our signer do: old keys sign, new ones are made, each kind of rotation.
async fn by_ours(pair: &GoNotary, owner: &Publisher) -> Result<()> {
    ensure!(health(pair).await? == 200, "the Go server is not well on our signer");
    owner.adds(GUN, "by-ours").await?;
    owner.does(&["key", "rotate", GUN, "timestamp", "-r"]).await?;
    owner.does(&["key", "rotate", GUN, "snapshot", "-r"]).await?;
    owner.does(&["init", "--publish", SECOND]).await?;
    owner.does(&["key", "rotate", SECOND, "snapshot", "-r"]).await?;
    let delegate = Pair::ecdsa(owner.folder.path(), "alice", "alice")?;
    let certificate = delegate.certificate.to_string_lossy();
    owner
        .does(&["delegation", "add", "-p", GUN, "targets/alice", &certificate, "--all-paths"])
        .await?;
    owner.adds(SECOND, "second-by-ours").await?;
    owner.reader_sees(pair, GUN, &["by-go", "by-ours"]).await?;
    owner.reader_sees(pair, SECOND, &["second-by-ours"]).await
}

#[tokio::test]
async fn a_go_server_goes_to_our_signer_and_back_and_no_client_notices() -> Result<()> {
    goes_to_ours_and_back(GoNotary::start().await?).await
}

#[tokio::test]
async fn a_go_server_on_mariadb_goes_to_our_signer_and_back_and_no_client_notices() -> Result<()> {
    goes_to_ours_and_back(GoNotary::start_on_mariadb().await?).await
}
