//! Attackers who hold keys of the owner: what a stolen key is good for, and until when.

use anyhow::Result;
use countersign_forge::repository::meta_entry;
use countersign_tests::peers::impostor::Recording;
use serde_json::json;

use crate::collection::{Collection, check};
use crate::stage::Stage;

#[tokio::test]
async fn targets_signed_with_a_stolen_key_are_refused_where_no_snapshot_names_them() -> Result<()> {
    let attack = |_: &Collection, new: &mut Collection| {
        new.replace(b"v3");
        let mut forged = new.clone();
        forged.repository.edit("targets", |signed| {
            signed["targets"]["v1"] = meta_entry(b"no");
        });
        let mut lies = new.recording();
        lies.insert("targets".to_owned(), forged.bytes("targets"));
        lies
    };
    check(attack, "checksum for targets").await
}

#[tokio::test]
async fn targets_signed_with_a_key_that_was_rotated_away_are_refused() -> Result<()> {
    let attack = |old: &Collection, new: &mut Collection| {
        let key = new.repository.new_ecdsa_key();
        new.repository.rotate("targets", key);
        new.publish();
        let mut forged = new.clone();
        forged.repository.damage("targets", |targets| {
            targets.edit(|signed| signed["targets"]["v1"] = meta_entry(b"no"));
            targets.sign(old.repository.keys("targets"));
        });
        forged.publish();
        forged.recording()
    };
    check(attack, "valid signatures did not meet threshold for targets").await
}

#[tokio::test]
async fn a_delegation_signed_with_a_key_that_was_taken_away_shows_nothing() -> Result<()> {
    let stage = Stage::set().await?;
    let collection = Collection::new();
    let reader = stage.reader("reader")?;
    stage.impostor.show(&collection.recording());
    stage.sees(&reader, "v1").await?;
    let mut forged = collection.clone();
    let key = forged.repository.new_ecdsa_key();
    forged.repository.rotate_delegation("targets/a", vec![key], 1);
    forged.repository.damage("targets/a", |delegation| {
        delegation.edit(|signed| {
            signed["targets"]["evil"] = meta_entry(b"evil");
            signed["version"] = json!(9);
        });
        delegation.sign(collection.repository.keys("targets/a"));
    });
    forged.publish();
    stage.impostor.show(&forged.recording());
    stage.does_not_see(&reader, "evil").await
}

/// Whoever holds the root key is the owner, to every reader who has not seen it rotated.
#[tokio::test]
async fn a_stolen_root_key_replaces_all_other_keys() -> Result<()> {
    let stage = Stage::set().await?;
    let collection = Collection::new();
    let reader = stage.reader("reader")?;
    stage.impostor.show(&collection.recording());
    stage.sees(&reader, "v1").await?;
    let mut forged = collection.clone();
    let key = forged.repository.new_ecdsa_key();
    forged.repository.rotate("targets", key);
    forged.add("evil");
    stage.impostor.show(&forged.recording());
    stage.sees(&reader, "evil").await
}

#[tokio::test]
async fn a_root_signed_with_a_key_that_was_rotated_away_is_refused() -> Result<()> {
    let stage = Stage::set().await?;
    let old = Collection::new();
    let mut new = old.clone();
    let key = new.repository.new_root_key();
    new.repository.rotate("root", key);
    new.publish();
    let reader = stage.reader("reader")?;
    for state in [&old, &new] {
        stage.impostor.show(&state.recording());
        stage.sees(&reader, "v1").await?;
    }
    let mut forged = old.clone();
    for _ in 0..2 {
        let key = forged.repository.new_ecdsa_key();
        forged.repository.rotate("targets", key);
    }
    for target in ["evil", "more"] {
        forged.add(target);
    }
    stage.impostor.show(&forged.recording());
    let words = "could not rotate trust to a new trusted root";
    stage.refuses(&reader, &[&timestamp_of(&forged)], words).await?;
    for content in [b"v2", b"v3"] {
        new.replace(content);
    }
    stage.ends_well(&reader, &new.recording(), "v1").await
}

/// The timestamp key is the same for both, so the reader may keep this one.
fn timestamp_of(forged: &Collection) -> Recording {
    Recording::from_iter([("timestamp".to_owned(), forged.bytes("timestamp"))])
}
