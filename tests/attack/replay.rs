//! Attackers without keys who replay what our server really answered: all of an old state, or
//! documents of different states together.

use anyhow::{Result, ensure};
use countersign_tests::peers::impostor::{Lie, Recording};

use crate::published::Published;
use crate::stage::GUN;

const OLDER: &str = "is lower than current version";
const OTHER_BYTES: &str = "checksum for";
const TOO_LONG: &str = "trust server returned a bad response";

/// The reader has seen `v2`; documents of the state before are served among those of the state
/// after.
async fn old_again(roles: &[&str], words: &str) -> Result<()> {
    let mut published = Published::start().await?;
    let old = published.record().await?;
    published.publish("v2").await?;
    published.stage.sees(&published.reader, "v2").await?;
    published.publish("v3").await?;
    let new = published.record().await?;
    published.stage.impostor.show(&of(&old, roles));
    published.stage.refuses(&published.reader, &[&new], words).await?;
    published.ends_well(&published.reader, &new, "v3").await
}

fn of(recording: &Recording, roles: &[&str]) -> Recording {
    let some = recording.iter().filter(|(role, _)| roles.contains(&role.as_str()));
    some.map(|(role, bytes)| (role.clone(), bytes.clone())).collect()
}

#[tokio::test]
async fn an_old_timestamp_is_refused_by_a_reader_who_has_seen_a_newer_one() -> Result<()> {
    old_again(&["timestamp"], OLDER).await
}

#[tokio::test]
async fn a_whole_old_state_is_refused_by_a_reader_who_has_seen_a_newer_one() -> Result<()> {
    old_again(&["root", "targets", "targets/a", "snapshot", "timestamp"], OLDER).await
}

#[tokio::test]
async fn an_old_snapshot_is_refused_where_the_timestamp_names_a_newer_one() -> Result<()> {
    old_again(&["snapshot"], OTHER_BYTES).await
}

#[tokio::test]
async fn old_targets_are_refused_where_the_snapshot_names_newer_ones() -> Result<()> {
    old_again(&["targets"], OTHER_BYTES).await
}

#[tokio::test]
async fn an_old_delegation_is_refused_where_the_snapshot_names_a_newer_one() -> Result<()> {
    old_again(&["targets/a"], OTHER_BYTES).await
}

#[tokio::test]
async fn a_new_reader_does_not_take_old_targets_with_a_new_snapshot() -> Result<()> {
    let mut published = Published::start().await?;
    let old = published.record().await?;
    published.publish("v2").await?;
    let new = published.record().await?;
    published.stage.impostor.show(&of(&old, &["targets"]));
    let newcomer = published.stage.reader("newcomer")?;
    published.stage.refuses(&newcomer, &[&new], OTHER_BYTES).await?;
    published.ends_well(&newcomer, &new, "v2").await
}

#[tokio::test]
async fn new_targets_are_refused_where_the_snapshot_names_old_ones() -> Result<()> {
    let mut published = Published::start().await?;
    let old = published.record().await?;
    published.publish("v2").await?;
    let new = published.record().await?;
    published.stage.impostor.show(&of(&old, &["timestamp", "snapshot"]));
    let newcomer = published.stage.reader("newcomer")?;
    let targets = new.get("targets").cloned().unwrap_or_default();
    published.stage.impostor.lie("targets", Lie::Bytes(targets));
    published.stage.refuses(&newcomer, &[&old, &new], TOO_LONG).await?;
    published.ends_well(&newcomer, &new, "v2").await
}

/// What no signature can tell: that there is something newer. The timestamp's end is the limit.
#[tokio::test]
async fn a_frozen_state_is_believed_as_long_as_its_timestamp_is_good() -> Result<()> {
    let mut published = Published::start().await?;
    let frozen = published.record().await?;
    published.publish("v2").await?;
    published.stage.impostor.show(&frozen);
    for reader in [&published.reader, &published.stage.reader("newcomer")?] {
        let outcome = reader.run(&["list", GUN]).await?;
        let fooled = outcome.succeeded() && outcome.says("v1 ") && !outcome.says("v2 ");
        ensure!(fooled, "{outcome:?}");
    }
    let new = published.record().await?;
    published.ends_well(&published.reader, &new, "v2").await
}
