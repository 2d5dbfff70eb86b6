//! A key database of the Go signer sealed anew under ours: the Go pair publishes, ours serves and
//! reseals while it serves, the Go pair goes on with the new passphrase, and ours with what that made.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use countersign_tests::peers::countersign::{binary, healthy};
use countersign_tests::peers::go_notary::GoNotary;
use countersign_tests::peers::notary_client::NotaryClient;
use countersign_tests::peers::process::{Process, Program, find};
use countersign_tests::session::{Server, Session};
use rustix::process::Signal;
use serde_json::Value;

/// The alias that the command chooses.
const NEXT: &str = "countersign_2";

/// Plays it on a Go pair that was started just now; `keys_url` names the signer's database.
pub(crate) async fn play(go: GoNotary, keys_url: &str) -> Result<()> {
    let mut s = Session::with(Server::Go(Box::new(go)))?;
    let data = s.directory().join("data");
    let (owner, file) = (s.client("owner")?, s.file("file", b"content")?);
    begin(&mut s, &owner, "example.com/by-go").await?;
    publish(&mut s, &owner, "example.com/by-go", "first", &file).await?;

    // Before: ours opens what Go sealed.
    pair(&mut s)?.stop_both()?;
    let mut ours = start_ours(pair(&mut s)?, &data, keys_url).await?;
    begin(&mut s, &owner, "example.com/by-ours").await?;
    publish(&mut s, &owner, "example.com/by-go", "before", &file).await?;
    let before = aliases(pair(&mut s)?, &data, keys_url).await?;
    ensure!(before.contains(&"first".to_owned()) && before.len() == 2, "{before:?}");

    // Anew, beside ours; nobody but it has the new passphrase.
    let mut rotating = keys(pair(&mut s)?, &data, keys_url, &["rotate-passphrase"])?;
    let ended = rotating.ended().await?;
    ensure!(ended.success(), "{}\n{}", rotating.log(), ours.log());
    ensure!(aliases(pair(&mut s)?, &data, keys_url).await? == [NEXT]);
    publish(&mut s, &owner, "example.com/by-go", "anew", &file).await?;
    publish(&mut s, &owner, "example.com/by-ours", "anew", &file).await?;
    ours.signal(Signal::TERM)?;
    ensure!(ours.ended().await?.success(), "{}", ours.log());

    // After: Go opens what ours sealed, and signs with it.
    let passphrase = fs::read_to_string(data.join(format!("secrets/key-passphrase.{NEXT}")))?;
    let mut signer = start_signer(pair(&mut s)?, passphrase.trim()).await?;
    pair(&mut s)?.start_again().await?;
    for gun in ["example.com/by-go", "example.com/by-ours"] {
        publish(&mut s, &owner, gun, "go-again", &file).await?;
    }
    begin(&mut s, &owner, "example.com/late-by-go").await?;
    pair(&mut s)?.stop()?;
    signer.kill9()?;

    // And ours again, which seals what Go made since.
    let mut ours = start_ours(pair(&mut s)?, &data, keys_url).await?;
    ensure!(aliases(pair(&mut s)?, &data, keys_url).await? == [NEXT, "first"]);
    let again = ["rotate-passphrase", "--alias", NEXT];
    let mut rotating = keys(pair(&mut s)?, &data, keys_url, &again)?;
    ensure!(rotating.ended().await?.success(), "{}", rotating.log());
    ensure!(aliases(pair(&mut s)?, &data, keys_url).await? == [NEXT]);
    publish(&mut s, &owner, "example.com/late-by-go", "ours", &file).await?;
    let reader = s.client("reader")?;
    for (gun, target) in [
        ("example.com/by-go", "go-again"),
        ("example.com/by-ours", "go-again"),
        ("example.com/late-by-go", "ours"),
    ] {
        let listed = s.ok(&reader, &["list", gun]).await?;
        ensure!(listed.says(target), "{target} of {gun} is not in {listed:?}");
    }
    ours.signal(Signal::TERM)?;
    ensure!(ours.ended().await?.success(), "{}", ours.log());
    Ok(())
}

async fn begin(s: &mut Session, owner: &NotaryClient, gun: &str) -> Result<()> {
    s.ok(owner, &["init", "-p", gun]).await?;
    s.ok(owner, &["key", "rotate", gun, "snapshot", "-r"]).await?;
    Ok(())
}

async fn publish(
    s: &mut Session,
    owner: &NotaryClient,
    gun: &str,
    target: &str,
    file: &str,
) -> Result<()> {
    s.ok(owner, &["add", "-p", gun, target, file]).await?;
    Ok(())
}

fn pair(s: &mut Session) -> Result<&mut GoNotary> {
    match s.server_mut() {
        Server::Go(go) => Ok(go),
        other => bail!("{other:?} is no Go pair"),
    }
}

fn ours(go: &GoNotary, data: &Path, keys_url: &str, command: &[&str]) -> Result<Program> {
    let (config, data) = (go.server_config(), data.to_string_lossy().into_owned());
    let config = config.to_string_lossy().into_owned();
    Ok(Program::new(binary()?)
        .args(command.iter().copied())
        .args(["--config", &config, "--data-dir", &data, "--keys-database", keys_url])
        .env("NOTARY_SIGNER_FIRST", GoNotary::PASSPHRASE))
}

async fn start_ours(go: &GoNotary, data: &Path, keys_url: &str) -> Result<Process> {
    let mut process = Process::spawn("countersign", &ours(go, data, keys_url, &["serve"])?, None)?;
    healthy(&mut process, go.endpoint()).await?;
    Ok(process)
}

fn keys(go: &GoNotary, data: &Path, keys_url: &str, arguments: &[&str]) -> Result<Process> {
    let command = [&["keys"], arguments].concat();
    Process::spawn("countersign keys", &ours(go, data, keys_url, &command)?, None)
}

/// The aliases of all keys, each once.
async fn aliases(go: &GoNotary, data: &Path, keys_url: &str) -> Result<Vec<String>> {
    let mut listed = keys(go, data, keys_url, &["list", "--format", "json"])?;
    ensure!(listed.ended().await?.success(), "{}", listed.log());
    let mut aliases = Vec::new();
    for line in listed.log().lines().filter(|line| line.starts_with('{')) {
        let key: Value = serde_json::from_str(line)?;
        aliases.push(key["passphrase_alias"].as_str().context("no alias")?.to_owned());
    }
    aliases.sort();
    aliases.dedup();
    Ok(aliases)
}

/// The Go signer as its operator starts it after the change: both passphrases, the old default.
async fn start_signer(go: &GoNotary, passphrase: &str) -> Result<Process> {
    let config = go.signer_config();
    let settings: Value = serde_json::from_slice(&fs::read(&config)?)?;
    let address = settings["server"]["grpc_addr"].as_str().context("no address")?;
    let port = address.rsplit(':').next().context("no port")?.parse()?;
    let program = Program::new(find("notary-signer", "notary")?)
        .args(["-config".to_owned(), config.to_string_lossy().into_owned()])
        .env("NOTARY_SIGNER_DEFAULT_ALIAS", GoNotary::ALIAS)
        .env("NOTARY_SIGNER_FIRST", GoNotary::PASSPHRASE)
        .env("NOTARY_SIGNER_COUNTERSIGN_2", passphrase);
    let mut signer = Process::spawn("notary-signer", &program, None)?;
    signer.listens(port).await?;
    Ok(signer)
}
