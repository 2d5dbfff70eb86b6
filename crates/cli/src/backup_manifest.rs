//! What is in a backup, and whether it is still all there.
//!
//! A backup is a directory: the database, the secrets and certificates of a data directory under
//! the same names, and `manifest.json`, which is written last.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// The manifest's name.
pub(crate) const MANIFEST: &str = "manifest.json";

/// The database in a backup.
pub(crate) const DATABASE: &str = "countersign.db";

/// The database of the keys, where that is another one.
pub(crate) const KEYS_DATABASE: &str = "keys.db";

/// Says what the file is, and which form it has.
const FORMAT: &str = "countersign backup 1";

/// The longest manifest that is read, in bytes.
const LONGEST: u64 = 1024 * 1024;

/// What is in a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// The program that made it.
    pub(crate) program: String,
    /// A moment at which nothing of it had been read yet.
    pub(crate) taken_at: DateTime<Utc>,
    /// The newest migration of the metadata's tables.
    pub(crate) metadata_migration: i64,
    /// The newest migration of the keys' tables.
    pub(crate) keys_migration: i64,
    /// Each file, by its path within the backup.
    pub(crate) files: BTreeMap<String, FileState>,
}

/// What a file of a backup holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileState {
    /// Its length.
    pub(crate) bytes: u64,
    /// Its SHA-256 in lower-case hex.
    pub(crate) sha256: String,
}

impl FileState {
    /// Reads a file to its end.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let (mut hash, mut bytes) = (Sha256::new(), 0_u64);
        let mut piece = vec![0; 1 << 16];
        loop {
            let read = file.read(&mut piece)?;
            let Some(read) = piece.get(..read).filter(|read| !read.is_empty()) else { break };
            hash.update(read);
            bytes = bytes.saturating_add(u64::try_from(read.len()).unwrap_or(u64::MAX));
        }
        Ok(Self { bytes, sha256: hex::encode(hash.finalize()) })
    }
}

impl Manifest {
    /// The manifest's text.
    pub(crate) fn to_text(&self) -> String {
        let file = |(path, state): (&String, &FileState)| {
            (path.clone(), json!({ "bytes": state.bytes, "sha256": state.sha256 }))
        };
        let files: serde_json::Map<String, Value> = self.files.iter().map(file).collect();
        let text = json!({
            "format": FORMAT,
            "program": self.program,
            "taken_at": self.taken_at.to_rfc3339_opts(SecondsFormat::Micros, true),
            "migrations": { "metadata": self.metadata_migration, "keys": self.keys_migration },
            "files": files,
        });
        format!("{text:#}\n")
    }

    /// Reads a manifest.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let value: Value = serde_json::from_str(text).map_err(|_| "is no JSON")?;
        let word = |name: &str| value.get(name).and_then(Value::as_str);
        if word("format") != Some(FORMAT) {
            return Err("is not the manifest of a backup that this version knows");
        }
        let taken_at = word("taken_at").and_then(|text| text.parse().ok());
        let migration = |name: &str| value.get("migrations")?.get(name)?.as_i64();
        let mut files = BTreeMap::new();
        let listed = value.get("files").and_then(Value::as_object).ok_or("lists no files")?;
        for (path, state) in listed {
            let bytes = state.get("bytes").and_then(Value::as_u64);
            let sha256 = state.get("sha256").and_then(Value::as_str);
            let (Some(bytes), Some(sha256)) = (bytes, sha256) else {
                return Err("lists a file without its length and digest");
            };
            if !is_inside(path) {
                return Err("lists a file that is not in the backup");
            }
            files.insert(path.clone(), FileState { bytes, sha256: sha256.to_owned() });
        }
        if !files.contains_key(DATABASE) {
            return Err("lists no database");
        }
        Ok(Self {
            program: word("program").unwrap_or("unknown").to_owned(),
            taken_at: taken_at.ok_or("says no time")?,
            metadata_migration: migration("metadata").ok_or("says no migration")?,
            keys_migration: migration("keys").ok_or("says no migration")?,
            files,
        })
    }

    /// Reads the manifest of the backup in `directory`.
    pub(crate) fn read(directory: &Path) -> Result<Self, Unsound> {
        let path = directory.join(MANIFEST);
        let unsound = |problem: String| Unsound { path: path.clone(), problem };
        let file = File::open(&path).map_err(|error| unsound(error.to_string()))?;
        let mut text = String::new();
        file.take(LONGEST).read_to_string(&mut text).map_err(|error| unsound(error.to_string()))?;
        Self::parse(&text).map_err(|problem| unsound(problem.to_owned()))
    }

    /// Passes a directory in which every file is as the manifest says.
    pub(crate) fn verify(&self, directory: &Path) -> Result<(), Unsound> {
        for (name, expected) in &self.files {
            let path = directory.join(name);
            let unsound = |problem: String| Unsound { path: path.clone(), problem };
            let found = FileState::of(&path).map_err(|error| unsound(error.to_string()))?;
            if found != *expected {
                return Err(unsound(
                    "is not as the manifest says: it was changed or damaged".into(),
                ));
            }
        }
        Ok(())
    }

    /// How many bytes its files have.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.values().map(|state| state.bytes).sum()
    }
}

/// A file of a backup that is not as it should be.
#[derive(Debug)]
pub(crate) struct Unsound {
    /// The file.
    pub(crate) path: PathBuf,
    /// What is wrong with it.
    pub(crate) problem: String,
}

/// A path that leads nowhere but into the backup.
fn is_inside(path: &str) -> bool {
    let mut parts = Path::new(path).components().peekable();
    parts.peek().is_some()
        && path != MANIFEST
        && parts.all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let state = |text: &str| FileState { bytes: 1, sha256: text.to_owned() };
        let files = [(DATABASE, "aa"), ("secrets/key-passphrase", "bb")];
        Manifest {
            program: "0.1.0".to_owned(),
            taken_at: "2026-11-24T12:00:00.25Z".parse().unwrap(),
            metadata_migration: 4,
            keys_migration: 5,
            files: files.map(|(path, text)| (path.to_owned(), state(text))).into(),
        }
    }

    #[test]
    fn what_was_written_is_read() {
        assert_eq!(Manifest::parse(&manifest().to_text()), Ok(manifest()));
    }

    #[test]
    fn a_path_out_of_the_backup_is_refused() {
        for path in ["../countersign.db", "/etc/passwd", "secrets/../../x", "", "./x", MANIFEST] {
            let mut manifest = manifest();
            let state = FileState { bytes: 1, sha256: String::new() };
            manifest.files.insert(path.to_owned(), state);
            assert!(Manifest::parse(&manifest.to_text()).is_err(), "{path}");
        }
    }

    #[test]
    fn what_is_no_manifest_is_refused() {
        let text = manifest().to_text();
        for damaged in [
            "",
            "{}",
            &text.replace("backup 1", "backup 2"),
            &text.replace(DATABASE, "other.db"),
            &text.replace("2026-11-24", "later"),
            &text.replace("\"bytes\"", "\"byte\""),
        ] {
            assert!(Manifest::parse(damaged).is_err(), "{damaged}");
        }
    }
}
