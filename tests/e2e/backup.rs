//! `countersign backup` beside a running server: whole, private, verified, or not there.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;

use anyhow::{Context, Result, ensure};
use countersign_tests::peers::countersign::{Countersign, binary};
use countersign_tests::session::sha256_hex;
use countersign_tests::upload;
use countersign_tests::wire::Wire;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

const GUN: &str = "example.com/lab/app";

/// Runs `countersign backup`, with an umask that would show all.
async fn backup(data: &Path, dest: &Path) -> Result<Output> {
    let command = "umask 0; exec \"$0\" backup \"$1\" --data-dir \"$2\"";
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).arg(binary()?).arg(dest).arg(data);
    Ok(shell.kill_on_drop(true).output().await?)
}

fn said(output: &Output) -> String {
    let both = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8_lossy(&both).into_owned()
}

fn mode(path: &Path) -> Result<u32> {
    Ok(path.metadata()?.permissions().mode() & 0o777)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_beside_publishers_is_whole_private_and_can_be_served() -> Result<()> {
    let server = Countersign::start().await?;
    let wire = Wire::to(server.endpoint())?;
    let mut collection = upload::collection_with_server_snapshot(&wire, GUN).await?;
    ensure!(upload::publish(&wire, GUN, &collection.all_parts()).await?.status == 200);
    let place = TempDir::new()?;
    let dest = place.path().join("backup");
    let publishing = tokio::spawn(async move {
        for _ in 0..40 {
            collection.bump("targets");
            let answer = upload::publish(&wire, GUN, &collection.parts(&["targets"])).await?;
            ensure!(answer.status == 200, "{answer:?}");
        }
        anyhow::Ok(())
    });
    let done = backup(server.data(), &dest).await?;
    publishing.await??;
    ensure!(done.status.success(), "{}", said(&done));
    let manifest: Value = serde_json::from_slice(&fs::read(dest.join("manifest.json"))?)?;
    let files = manifest["files"].as_object().context("no files")?;
    for name in ["countersign.db", "secrets/key-passphrase", "certs/ca.key", "certs/server.crt"] {
        ensure!(files.contains_key(name), "{name} is not in {manifest}");
    }
    for (name, state) in files {
        let path = dest.join(name);
        ensure!(state["sha256"] == sha256_hex(&fs::read(&path)?), "{name}");
        ensure!(mode(&path)? == 0o600, "{name}: {:o}", mode(&path)?);
        let above = path.parent().context("no folder")?;
        ensure!(mode(above)? == 0o700, "{}: {:o}", above.display(), mode(above)?);
    }
    ensure!(fs::read_dir(place.path())?.count() == 1, "something is left beside it");
    let copy = Countersign::start_on(&dest).await?;
    let answer = Wire::to(copy.endpoint())?.document(GUN, "timestamp.json").await?;
    ensure!(answer.status == 200, "{answer:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_exists_is_not_touched_and_what_was_left_unfinished_is_begun_anew() -> Result<()> {
    let server = Countersign::start().await?;
    let place = TempDir::new()?;
    let (taken, dest) = (place.path().join("taken"), place.path().join("backup"));
    fs::create_dir(&taken)?;
    fs::write(taken.join("mine"), "x")?;
    let refused = backup(server.data(), &taken).await?;
    ensure!(refused.status.code() == Some(15), "{refused:?}");
    ensure!(said(&refused).contains("exists already"), "{}", said(&refused));
    ensure!(fs::read_dir(&taken)?.count() == 1);
    let unfinished = place.path().join("backup.unfinished");
    fs::create_dir_all(unfinished.join("secrets"))?;
    fs::write(unfinished.join("countersign.db"), "half of one")?;
    let done = backup(server.data(), &dest).await?;
    ensure!(done.status.success(), "{}", said(&done));
    ensure!(!unfinished.exists() && dest.join("manifest.json").exists());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_database_nothing_is_made() -> Result<()> {
    let place = TempDir::new()?;
    let (data, dest) = (place.path().join("data"), place.path().join("backup"));
    let refused = backup(&data, &dest).await?;
    ensure!(refused.status.code() == Some(10), "{refused:?}");
    ensure!(said(&refused).lines().count() == 1, "{}", said(&refused));
    ensure!(!dest.exists() && !data.exists());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passphrase_that_is_elsewhere_is_said_to_be_missing() -> Result<()> {
    let secrets = TempDir::new()?;
    let file = secrets.path().join("passphrase");
    fs::write(&file, "kept elsewhere")?;
    let settings = format!("[keys]\npassphrase_file = '{}'\n", file.display());
    let server = Countersign::start_with(&settings).await?;
    let dest = secrets.path().join("backup");
    let done = backup(server.data(), &dest).await?;
    ensure!(done.status.success(), "{}", said(&done));
    ensure!(said(&done).contains("the passphrase of the keys is not in it"), "{}", said(&done));
    ensure!(!dest.join("secrets").exists());
    Ok(())
}

/// The tools of a database server make better backups of it, and that is said.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_server_is_left_to_its_own_tools() -> Result<()> {
    let place = TempDir::new()?;
    let dest = place.path().join("backup");
    let refused = Command::new(binary()?)
        .arg("backup")
        .arg(&dest)
        .args(["--database", "postgres://ada@127.0.0.1:1/trust"])
        .current_dir(place.path())
        .output()
        .await?;
    ensure!(refused.status.code() == Some(2), "{refused:?}");
    ensure!(said(&refused).contains("pg_dump"), "{}", said(&refused));
    ensure!(fs::read_dir(place.path())?.count() == 0);
    Ok(())
}
