//! A collection of thousands of targets, published at once.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use countersign_tests::compare::alike;
use countersign_tests::session::{Session, sha256_hex};
use serde_json::Value;

const GUN: &str = "example.com/lab/app";
/// Staged with the real command, one process each.
const STAGED: usize = 200;
/// Staged as copies of each of those, so that there are 5,000 in all.
const COPIES: usize = 24;

/// Copies every staged change under further names, in files as the client writes them: sorted by
/// the number that they begin with (signer spec 7.1).
fn multiply_staged_changes(changelist: &Path) -> Result<()> {
    let staged = fs::read_dir(changelist)?.collect::<std::io::Result<Vec<_>>>()?;
    ensure!(staged.len() == STAGED, "{} changes are staged", staged.len());
    for entry in staged {
        let change: Value = serde_json::from_slice(&fs::read(entry.path())?)?;
        let file = entry.file_name().into_string().ok().context("a name that is not UTF-8")?;
        let (time, rest) = file.split_once('_').context("a change without a time")?;
        let time: u128 = time.parse()?;
        let target = change.get("path").and_then(Value::as_str).context("a change of nothing")?;
        for copy in 1..=COPIES {
            let mut change = change.clone();
            *change.pointer_mut("/path").context("no path")? = format!("{target}.{copy}").into();
            let name = format!("{:020}_{rest}", time + u128::try_from(copy)?);
            fs::write(changelist.join(name), change.to_string())?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn five_thousand_targets_are_published_at_once_and_read_by_another() -> Result<()> {
    alike(async |s: &mut Session| {
        let (alice, reader) = (s.client("alice")?, s.client("reader")?);
        let file = s.file("file", b"content")?;
        let digest = sha256_hex(b"content");
        s.ok(&alice, &["init", "-p", GUN]).await?;
        for number in 0..STAGED {
            let target = format!("release-{number}");
            s.ok(&alice, &["addhash", GUN, &target, "7", "--sha256", &digest]).await?;
        }
        multiply_staged_changes(&s.directory().join(format!("alice/tuf/{GUN}/changelist")))?;
        let staged = s.ok(&alice, &["status", GUN]).await?;
        ensure!(staged.stdout.matches(" release-").count() == 5000, "not all are staged");
        s.ok(&alice, &["publish", GUN]).await?;
        s.prints(&alice, &["status", GUN], "No unpublished changes").await?;
        let listed = s.ok(&reader, &["list", GUN]).await?;
        let rows = listed.stdout.lines().filter(|row| row.contains(&digest)).count();
        ensure!(rows == 5000, "{rows} targets are listed");
        for target in ["release-0", "release-0.24", "release-199", "release-199.24"] {
            s.prints(&reader, &["lookup", GUN, target], &format!("{digest} 7\n")).await?;
            s.ok(&reader, &["verify", GUN, target, "-i", &file]).await?;
        }
        s.ok(&alice, &["remove", "-p", GUN, "release-7.7"]).await?;
        s.fails(&reader, &["lookup", GUN, "release-7.7"], "No valid trust data").await?;
        s.prints(&reader, &["lookup", GUN, "release-7.8"], &digest).await?;
        Ok(())
    })
    .await
}
