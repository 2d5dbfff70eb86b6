//! Notary's own signer under our server: the real client notices nothing, and neither does the Go
//! server that takes over again.

use std::path::Path;

use anyhow::{Result, bail, ensure};
use countersign_forge::repository::{Repository, ServerKeys};
use countersign_tests::peers::countersign::{Countersign, binary, healthy};
use countersign_tests::peers::go_notary::GoNotary;
use countersign_tests::peers::process::{PATIENCE, Process, Program};
use countersign_tests::session::{Server, Session};
use countersign_tests::upload;
use countersign_tests::wire::Wire;
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::Instant;

const GUN: &str = "example.com/lab/app";

/// Our server by Notary's own file, with the pair's database and signer.
async fn ours_by_its_file(go: &GoNotary, data: &Path) -> Result<Process> {
    let program = Program::new(binary()?).args([
        "serve".to_owned(),
        "--config".to_owned(),
        go.server_config().display().to_string(),
        "--data-dir".to_owned(),
        data.display().to_string(),
    ]);
    let mut process = Process::spawn("countersign", &program, None)?;
    healthy(&mut process, go.endpoint()).await?;
    Ok(process)
}

/// Half of a live deployment is swapped, and swapped back.
#[tokio::test]
async fn our_server_takes_over_by_notarys_own_file_and_the_go_signer_stays() -> Result<()> {
    let mut go = GoNotary::start().await?;
    let data = TempDir::new()?;
    let folder = TempDir::new()?;
    let mut s = Session::with(Server::Go(Box::new(go)))?;
    let (alice, reader) = (s.client("alice")?, s.client("reader")?);
    let file = s.file("file", b"content")?;
    s.ok(&alice, &["init", "-p", GUN]).await?;
    s.ok(&alice, &["key", "rotate", GUN, "snapshot", "-r"]).await?;
    s.ok(&alice, &["add", "-p", GUN, "by-go", &file]).await?;
    s.prints(&reader, &["list", GUN], "by-go ").await?;
    s.server_dies()?;

    let Server::Go(pair) = s.server() else { unreachable_pair()? };
    let mut ours = ours_by_its_file(pair, data.path()).await?;
    gets_no_signature(&Wire::to(s.server().endpoint())?).await?;
    s.ok(&alice, &["add", "-p", GUN, "by-ours", &file]).await?;
    s.prints(&reader, &["list", GUN], "by-ours ").await?;
    s.ok(&alice, &["key", "rotate", GUN, "timestamp", "-r"]).await?;
    s.ok(&alice, &["key", "rotate", GUN, "snapshot", "-r"]).await?;
    let other = format!("{GUN}/new");
    s.ok(&alice, &["init", "-p", &other]).await?;
    s.ok(&alice, &["add", "-p", &other, "v1", &file]).await?;
    s.prints(&reader, &["list", &other], "v1 ").await?;
    ours.kill9()?;

    s.server_returns().await?;
    s.ok(&alice, &["add", "-p", GUN, "by-go-again", &file]).await?;
    s.ok(&alice, &["add", "-p", &other, "v2", &file]).await?;
    for (gun, name) in [(GUN, "by-go-again "), (&other, "v2 ")] {
        s.prints(&reader, &["list", gun], name).await?;
        s.prints(&s.client("new reader")?, &["list", gun], name).await?;
    }
    let Server::Go(pair) = s.into_server() else { unreachable_pair()? };
    go = *pair;
    drop((go, folder));
    Ok(())
}

fn unreachable_pair<T>() -> Result<T> {
    bail!("the session was begun with a pair")
}

/// The Go signer signs with any key for anyone; our server does not have it do so.
#[tokio::test]
async fn a_root_that_names_another_collections_key_gets_no_signature_of_the_go_signer() -> Result<()>
{
    let go = GoNotary::start().await?;
    let server = Countersign::start_with(&go.signer_settings()).await?;
    let wire = Wire::to(server.endpoint())?;
    let owner = upload::collection_with_server_snapshot(&wire, GUN).await?;
    let parts = owner.parts(&["root", "targets"]);
    ensure!(upload::publish(&wire, GUN, &parts).await?.status == 200, "{}", server.log());
    let stolen = upload::server_key(&wire, GUN, "timestamp").await?;
    ensure!(steal(&wire, stolen).await? == 400);
    Ok(())
}

/// A root of another collection that names the timestamp key of [`GUN`], which is from before:
/// nothing is signed, neither before the stored roots were looked through nor after.
async fn gets_no_signature(wire: &Wire) -> Result<()> {
    let stolen = upload::server_key(wire, GUN, "timestamp").await?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match steal(wire, stolen.clone()).await? {
            400 => return Ok(()),
            503 => ensure!(Instant::now() < deadline, "the roots are never looked through"),
            other => bail!("{other}"),
        }
    }
}

/// The answer to a root that names another's timestamp key. Nothing is stored.
async fn steal(wire: &Wire, stolen: Value) -> Result<u16> {
    let thief = "example.com/lab/thief";
    let snapshot = Some(upload::server_key(wire, thief, "snapshot").await?);
    let keys = ServerKeys { timestamp: stolen, snapshot };
    let forged = Repository::new(thief, 12, upload::now(), &keys);
    let answer = upload::publish(wire, thief, &forged.parts(&["root", "targets"])).await?;
    ensure!(wire.document(thief, "root.json").await?.status == 404);
    Ok(answer.status)
}
