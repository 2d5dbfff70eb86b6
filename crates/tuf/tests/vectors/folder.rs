//! A folder below `tests/vectors`, and the time at which its documents count.

use std::collections::BTreeSet;
use std::path::PathBuf;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde_json::Value;

/// A folder, by its path below `tests/vectors`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Folder(pub(crate) &'static str);

impl Folder {
    fn path(self) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors").join(self.0)
    }

    /// The bytes of a file in it.
    pub(crate) fn read(self, file: &str) -> Bytes {
        std::fs::read(self.path().join(file)).unwrap().into()
    }

    /// Its index.
    pub(crate) fn index(self) -> Value {
        serde_json::from_slice(&self.read("index.json")).unwrap()
    }

    /// The names of all files in it, the index among them.
    pub(crate) fn files(self) -> BTreeSet<String> {
        std::fs::read_dir(self.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }
}

/// When the documents were made; no timestamp among them has expired then.
pub(crate) fn now() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2026-11-24T12:00:00Z").unwrap().to_utc()
}
