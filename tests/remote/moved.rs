//! What `countersign import` brings to a server on a signer, beside it as it runs: sealed keys, and
//! for whom the keys of the signer are.

use anyhow::{Result, ensure};
use countersign_forge::repository::Repository;
use countersign_tests::peers::countersign::{Countersign, binary};
use countersign_tests::peers::hostile_signer::HostileSigner;
use countersign_tests::upload;
use countersign_tests::wire::Wire;
use tokio::process::Command;

const GUN: &str = "example.com/lab/app";

/// In the data directory.
const PASSPHRASE: &str = "secrets/key-passphrase";

/// Publishes what `collection` has, all of it or the next targets.
async fn publish(wire: &Wire, collection: &mut Repository, server: &Countersign) -> Result<()> {
    let first = collection.document("targets").is_some_and(|first| first.version() == 1);
    let roles = if first { &["root", "targets"][..] } else { &["targets"] };
    let answer = upload::publish(wire, GUN, &collection.parts(roles)).await?;
    ensure!(answer.status == 200, "{answer:?}\n{}", server.log());
    collection.bump("targets");
    Ok(())
}

/// Runs a command on the server's settings, which must end with this code.
async fn run(server: &Countersign, arguments: &[&str], code: i32) -> Result<String> {
    let data = server.data();
    let mut command = Command::new(binary()?);
    command.args(arguments).arg("--config").arg(data.join("countersign.toml"));
    let ended = command.arg("--data-dir").arg(data).kill_on_drop(true).output().await?;
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    let problem = String::from_utf8_lossy(&ended.stderr);
    ensure!(ended.status.code() == Some(code), "{:?}: {said}{problem}", ended.status);
    Ok(said)
}

async fn import(from: &Countersign, to: &Countersign, code: i32) -> Result<String> {
    let source = format!("sqlite:{}", from.data().join("countersign.db").display());
    run(to, &["import", "--from", &source], code).await
}

/// The methods that the signer was asked by since it had been asked `before` times.
fn asked_since(signer: &HostileSigner, before: usize) -> Vec<&'static str> {
    signer.calls().iter().skip(before).map(|call| call.method).collect()
}

#[tokio::test]
async fn a_server_on_a_signer_uses_sealed_keys_that_are_imported_beside_it() -> Result<()> {
    let old = Countersign::start().await?;
    let wire = Wire::to(old.endpoint())?;
    let mut collection = upload::collection_with_server_snapshot(&wire, GUN).await?;
    publish(&wire, &mut collection, &old).await?;

    let signer = HostileSigner::start().await?;
    let passphrase = old.data().join(PASSPHRASE);
    let settings =
        format!("{}\n[keys]\npassphrase_file = {passphrase:?}\n", signer.settings(signer.port()));
    let new = Countersign::start_with(&settings).await?;
    let wire = Wire::to(new.endpoint())?;
    ensure!(wire.document(GUN, "timestamp.json").await?.status == 404);
    import(&old, &new, 0).await?;
    ensure!(wire.document(GUN, "timestamp.json").await?.status == 200);
    publish(&wire, &mut collection, &new).await?;
    publish(&wire, &mut collection, &new).await?;
    let verified = run(&new, &["keys", "verify"], 0).await?;
    ensure!(verified.matches("signs, held by: sealed").count() == 2, "{verified}");
    // New keys go to the signer, as before.
    let before = signer.calls().len();
    upload::server_key(&wire, "example.com/lab/new", "timestamp").await?;
    ensure!(asked_since(&signer, before).contains(&"CreateKey"));
    Ok(())
}

/// What the keys cannot be opened for is not lost: it waits for their passphrase.
#[tokio::test]
async fn without_their_passphrase_what_needs_imported_keys_is_answered_503() -> Result<()> {
    let old = Countersign::start().await?;
    let wire = Wire::to(old.endpoint())?;
    let mut collection = upload::collection_with_server_snapshot(&wire, GUN).await?;
    publish(&wire, &mut collection, &old).await?;

    let signer = HostileSigner::start().await?;
    let mut new = Countersign::start_with(&signer.settings(signer.port())).await?;
    let report = import(&old, &new, 13).await?;
    ensure!(report.contains("keys that cannot sign as they are: 2"), "{report}");
    let wire = Wire::to(new.endpoint())?;
    let before = wire.document(GUN, "timestamp.json").await?;
    ensure!(before.status == 200, "{before:?}");
    let refused = upload::publish(&wire, GUN, &collection.parts(&["targets"])).await?;
    ensure!(refused.status == 503, "{refused:?}");
    ensure!(wire.document(GUN, "timestamp.json").await?.body == before.body);
    ensure!(new.log().contains("wrong passphrase"), "{}", new.log());

    let (theirs, ours) = (old.data(), new.data());
    std::fs::copy(theirs.join(PASSPHRASE), ours.join(PASSPHRASE))?;
    new.restart().await?;
    let wire = Wire::to(new.endpoint())?;
    publish(&wire, &mut collection, &new).await
}

#[tokio::test]
async fn a_server_that_moves_goes_on_with_the_keys_of_its_signer_pending_ones_too() -> Result<()> {
    let signer = HostileSigner::start().await?;
    let old = Countersign::start_with(&signer.settings(signer.port())).await?;
    let wire = Wire::to(old.endpoint())?;
    let mut collection = upload::collection_with_server_snapshot(&wire, GUN).await?;
    publish(&wire, &mut collection, &old).await?;
    let waiting = "example.com/lab/new";
    let pending = upload::server_key(&wire, waiting, "timestamp").await?;

    let new = Countersign::start_with(&signer.settings(signer.port())).await?;
    let report = import(&old, &new, 0).await?;
    ensure!(report.contains("keys of a signer: moved for whom 3 are, 0 there already"), "{report}");
    let wire = Wire::to(new.endpoint())?;
    let before = signer.calls().len();
    ensure!(upload::server_key(&wire, waiting, "timestamp").await? == pending);
    ensure!(asked_since(&signer, before) == ["GetKeyInfo"], "it is the one that waits");
    publish(&wire, &mut collection, &new).await?;
    import(&old, &new, 14).await?;
    Ok(())
}
