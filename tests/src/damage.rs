//! Rows of a database that somebody damaged, under a server that runs: what their own repositories
//! are told, and that no other one notices.
//!
//! What never comes in: how to get at the database; whoever starts it brings that.

use anyhow::{Context, Result, ensure};

use crate::upload;
use crate::wire::{Endpoint, Wire};

/// The repository whose rows are whole.
const WHOLE: &str = "example.com/lab/whole";

/// What is done to the rows of a repository, and the table that the log must name.
const DAMAGE: [(&str, &str, &str); 4] = [
    ("no-digest", "tuf_files", "UPDATE tuf_files SET sha256 = 'AB' WHERE role = 'timestamp'"),
    ("no-version", "tuf_files", "UPDATE tuf_files SET version = -7 WHERE role = 'timestamp'"),
    ("no-role", "private_keys", "UPDATE private_keys SET role = 'root' WHERE role = 'timestamp'"),
    (
        "no-key",
        "server key",
        "UPDATE private_keys SET algorithm = 'rot13' WHERE role = 'timestamp'",
    ),
];

/// Publishes repositories, damages a row of each but one by `execute`, and publishes to all again.
/// `log` gives what the server has written.
///
/// # Errors
/// A damaged row is taken for an absent one, is not named in the log, or concerns another
/// repository.
pub async fn concerns_its_own_repository_alone(
    endpoint: &Endpoint,
    execute: impl AsyncFn(&str) -> Result<()>,
    log: impl Fn() -> String,
) -> Result<()> {
    let wire = Wire::to(endpoint)?;
    let mut collections = Vec::new();
    for (name, ..) in DAMAGE.iter().copied().chain([("whole", "", "")]) {
        let gun = format!("example.com/lab/{name}");
        let mut collection = upload::collection(&wire, &gun).await?;
        let answer = upload::publish(&wire, &gun, &collection.all_parts()).await?;
        ensure!(answer.status == 200, "{gun}: {answer:?}");
        collection.bump_all();
        collection.seal();
        collections.push((gun, collection));
    }
    for (name, table, damage) in DAMAGE {
        let gun = format!("example.com/lab/{name}");
        execute(&format!("{damage} AND gun = '{gun}'")).await?;
        let (_, collection) =
            collections.iter().find(|(other, _)| *other == gun).context("it was published")?;
        let read = wire.document(&gun, "timestamp.json").await?;
        let wanted = if table == "tuf_files" { 500 } else { 200 };
        ensure!(read.status == wanted, "{gun}: {read:?}");
        let refused = upload::publish(&wire, &gun, &collection.all_parts()).await?;
        ensure!(refused.status == 500 || refused.status == 400, "{gun}: {refused:?}");
        let again = wire.document(&gun, "timestamp.json").await?;
        ensure!((again.status, &again.body) == (read.status, &read.body), "{gun}: {again:?}");
        let said = log();
        ensure!(said.lines().any(|line| line.contains(table)), "{gun} {table}: {said}");
    }
    let (_, whole) = collections.last().context("it was published")?;
    let answer = upload::publish(&wire, WHOLE, &whole.all_parts()).await?;
    ensure!(answer.status == 200, "{answer:?}");
    for path in ["/_notary_server/health", "/_countersign/ready"] {
        let answer = wire.get(path).await?;
        ensure!(answer.status == 200, "{path}: {answer:?}");
    }
    for file in ["timestamp.json", "root.json"] {
        ensure!(wire.document(WHOLE, file).await?.status == 200, "{file}");
    }
    Ok(())
}
