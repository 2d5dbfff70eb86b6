//! Attackers who hold keys of the server: what they can sign passes, what they cannot stops them.
//!
//! The timestamp key is stolen in every test here, the snapshot key in most. A registry that holds
//! both, as docker has it, is such an attacker from the start.

use anyhow::{Result, ensure};
use countersign_forge::repository::meta_entry;
use countersign_tests::peers::impostor::{Lie, Recording};

use crate::collection::{Collection, check};
use crate::stage::{GUN, Stage};

const OLDER: &str = "is lower than current version";
const EXPIRED: &str = "timestamp expired at";

/// A new timestamp that names the old snapshot.
fn with_the_old_snapshot(old: &Collection, new: &Collection) -> Recording {
    let mut forged = new.clone();
    forged.stamp(&old.bytes("snapshot"));
    let mut recording = old.recording();
    recording.insert("timestamp".to_owned(), forged.bytes("timestamp"));
    recording
}

/// A new snapshot that names the old document of `role`, and a new timestamp that names it.
fn with_the_old(role: &str, old: &Collection, new: &Collection) -> Recording {
    let mut forged = new.clone();
    forged.name(role, &old.bytes(role));
    let mut recording = forged.recording();
    recording.insert(role.to_owned(), old.bytes(role));
    recording
}

#[tokio::test]
async fn an_old_snapshot_under_a_newer_timestamp_is_refused() -> Result<()> {
    check(|old, new| with_the_old_snapshot(old, new), OLDER).await
}

#[tokio::test]
async fn old_targets_under_a_newer_snapshot_are_refused() -> Result<()> {
    check(|old, new| with_the_old("targets", old, new), OLDER).await
}

#[tokio::test]
async fn an_old_delegation_among_newer_targets_is_refused() -> Result<()> {
    let attack = |old: &Collection, new: &mut Collection| {
        new.replace(b"v3");
        with_the_old("targets/a", old, new)
    };
    check(attack, OLDER).await
}

/// The reader has listed `v2` in `role`, and does not find it any more after the attack.
async fn v2_is_taken_back(
    role: &str,
    attack: impl FnOnce(&Collection, &Collection) -> Recording,
) -> Result<()> {
    let stage = Stage::set().await?;
    let old = Collection::new();
    let mut new = old.clone();
    new.add("v2");
    let reader = stage.reader("reader")?;
    for (state, has_v2) in [(new.recording(), true), (attack(&old, &new), false)] {
        stage.impostor.show(&state);
        let listed = reader.run(&["list", GUN, "--roles", role]).await?;
        ensure!(listed.succeeded() && listed.says("v1 "), "{listed:?}");
        let is_v2 = |line: &str| line.starts_with("v2 ") && line.ends_with(&format!(" {role}"));
        let shown = listed.stdout.lines().any(|line| is_v2(line.trim_end()));
        ensure!(shown == has_v2, "{listed:?}");
    }
    Ok(())
}

/// A weakness of Notary's client, observed: it forgets what it kept of a role when that is longer
/// than the length that is now stated, and then has no version to compare with.
#[tokio::test]
async fn old_documents_that_are_shorter_are_believed_by_notarys_client() -> Result<()> {
    v2_is_taken_back("targets", with_the_old_snapshot).await?;
    v2_is_taken_back("targets", |old, new| with_the_old("targets", old, new)).await
}

/// Another, observed: it compares the versions of a delegation only when its parent has changed.
#[tokio::test]
async fn an_old_delegation_is_believed_by_notarys_client_while_its_parent_stays() -> Result<()> {
    v2_is_taken_back("targets/a", |old, new| with_the_old("targets/a", old, new)).await
}

#[tokio::test]
async fn changed_targets_are_refused_though_the_snapshot_names_them() -> Result<()> {
    let attack = |_: &Collection, new: &mut Collection| {
        let mut forged = new.clone();
        forged.repository.damage("targets", |targets| {
            targets.edit(|signed| signed["targets"]["v1"] = meta_entry(b"no"));
        });
        forged.publish();
        forged.recording()
    };
    check(attack, "valid signatures did not meet threshold for targets").await
}

#[tokio::test]
async fn an_expired_timestamp_is_refused_by_a_reader_who_has_a_good_one() -> Result<()> {
    let attack = |_: &Collection, new: &mut Collection| {
        let mut frozen = new.clone();
        frozen.expire_timestamp();
        frozen.recording()
    };
    check(attack, EXPIRED).await
}

#[tokio::test]
async fn an_expired_timestamp_is_refused_by_a_new_reader() -> Result<()> {
    let stage = Stage::set().await?;
    let collection = Collection::new();
    let mut frozen = collection.clone();
    frozen.expire_timestamp();
    stage.impostor.show(&frozen.recording());
    let reader = stage.reader("reader")?;
    stage.refuses(&reader, &[&collection.recording()], EXPIRED).await?;
    stage.ends_well(&reader, &collection.recording(), "v1").await
}

#[tokio::test]
async fn a_timestamp_that_has_expired_in_the_cache_is_no_help_while_the_server_is_away()
-> Result<()> {
    let stage = Stage::set().await?;
    let collection = Collection::new();
    stage.impostor.show(&collection.recording());
    let reader = stage.reader("reader")?;
    stage.sees(&reader, "v1").await?;
    let mut grown_old = collection.clone();
    grown_old.expire_timestamp();
    reader.age_cached(GUN, "timestamp", &grown_old.bytes("timestamp"))?;
    stage.impostor.lie("timestamp", Lie::Status(503));
    stage.refuses(&reader, &[], EXPIRED).await?;
    stage.ends_well(&reader, &collection.recording(), "v1").await
}
