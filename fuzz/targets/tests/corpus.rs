//! Replays every file of `fuzz/corpus/`, and keeps targets, programs and corpora in step.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use countersign_fuzz_targets::TARGETS;

/// The most that all corpora together may take, in bytes.
const LARGEST_CORPUS: u64 = 300 << 10;

/// The fewest files that make a corpus.
const FEWEST_FILES: usize = 8;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn listed(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// Feeds the corpus of one target to it; the name of the file stands before what it panics with.
fn replay(name: &str) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).unwrap();
    let files = listed(&fuzz().join("corpus").join(name));
    assert!(files.len() >= FEWEST_FILES, "{name} has a corpus of {} files", files.len());
    for path in files {
        let data = std::fs::read(&path).unwrap();
        let outcome = std::panic::catch_unwind(|| target(&data));
        assert!(outcome.is_ok(), "{} does not hold", path.display());
    }
}

#[test]
fn canonical_json_holds_on_its_corpus() {
    replay("canonical_json");
}

#[test]
fn keys_hold_on_their_corpus() {
    replay("keys");
}

#[test]
fn names_hold_on_their_corpus() {
    replay("names");
}

#[test]
fn roots_hold_on_their_corpus() {
    replay("root");
}

#[test]
fn routes_hold_on_their_corpus() {
    replay("routes");
}

#[test]
fn calls_of_signers_hold_on_their_corpus() {
    replay("signer_calls");
}

#[test]
fn snapshots_hold_on_their_corpus() {
    replay("snapshot");
}

#[test]
fn targets_hold_on_their_corpus() {
    replay("targets");
}

#[test]
fn timestamps_hold_on_their_corpus() {
    replay("timestamp");
}

#[test]
fn tokens_hold_on_their_corpus() {
    replay("tokens");
}

#[test]
fn uploads_hold_on_their_corpus() {
    replay("upload");
}

#[test]
fn every_target_has_a_program_a_corpus_and_a_replay() {
    let manifest = std::fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    let replays = include_str!("corpus.rs");
    for (name, _) in TARGETS {
        let program = fuzz().join("fuzz_targets").join(format!("{name}.rs"));
        let body = std::fs::read_to_string(program).unwrap();
        assert!(body.contains(&format!("countersign_fuzz_targets::{name}(data)")), "{name}");
        assert!(manifest.contains(&format!("\nname = \"{name}\"\n")), "{name}");
        assert!(replays.contains(&format!("replay(\"{name}\")")), "{name} is not replayed");
    }
    let names: BTreeSet<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    for folder in ["corpus", "fuzz_targets"] {
        for path in listed(&fuzz().join(folder)) {
            let name = path.file_stem().unwrap().to_str().unwrap();
            assert!(names.contains(name), "{} belongs to no target", path.display());
        }
    }
}

#[test]
fn the_corpora_are_small() {
    let files = listed(&fuzz().join("corpus")).into_iter().flat_map(|folder| listed(&folder));
    let size: u64 = files.map(|path| path.metadata().unwrap().len()).sum();
    assert!(size <= LARGEST_CORPUS, "{size} bytes");
}
