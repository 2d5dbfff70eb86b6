//! Length and hashes of a file, as targets, snapshots and timestamps state them.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::digest::{Digests, Sha256Digest};
use crate::json::{self, JsonError, Node, Object, Text};
use crate::names::RoleName;
use crate::reason::{Reason, StructureFault};

/// Length and hashes of a file. Hashes are raw bytes by algorithm name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileMeta {
    length: i64,
    hashes: BTreeMap<String, Vec<u8>>,
}

impl FileMeta {
    /// The entry for a document of `length` bytes with these digests.
    #[must_use]
    pub fn of(bytes: &[u8], digests: &Digests) -> Self {
        let hashes = BTreeMap::from([
            ("sha256".to_owned(), digests.sha256.as_bytes().to_vec()),
            ("sha512".to_owned(), digests.sha512.as_bytes().to_vec()),
        ]);
        Self { length: i64::try_from(bytes.len()).unwrap_or(i64::MAX), hashes }
    }

    /// The length in bytes, as stated.
    #[must_use]
    pub fn length(&self) -> i64 {
        self.length
    }

    /// The SHA-256, if a well-formed one is stated.
    #[must_use]
    pub fn sha256(&self) -> Option<Sha256Digest> {
        Sha256Digest::from_bytes(self.hashes.get("sha256")?)
    }

    /// Whether a document with these digests is the one meant: every hash of a known algorithm
    /// matches, and there is at least one. The length does not count, as in Notary.
    ///
    /// # Errors
    /// [`Reason::Checksum`] or [`Reason::NoChecksum`].
    pub fn matches(&self, role: &RoleName, digests: &Digests) -> Result<(), Reason> {
        let known: [(&'static str, &[u8]); 2] =
            [("sha256", digests.sha256.as_bytes()), ("sha512", digests.sha512.as_bytes())];
        let mut seen = false;
        for (algorithm, actual) in known {
            let Some(expected) = self.hashes.get(algorithm) else { continue };
            if expected != actual {
                let (role, expected) = (role.clone(), hex::encode(expected));
                return Err(Reason::Checksum { algorithm, role, expected });
            }
            seen = true;
        }
        if seen { Ok(()) } else { Err(Reason::NoChecksum(role.clone())) }
    }

    /// The entry as documents state it.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let hashes: serde_json::Map<String, Value> = self
            .hashes
            .iter()
            .map(|(name, raw)| (name.clone(), Value::String(STANDARD.encode(raw))))
            .collect();
        json!({ "hashes": hashes, "length": self.length })
    }

    /// Reads an entry; `custom` and other members are left alone.
    pub(super) fn read(value: Node<'_>) -> Result<Self, JsonError> {
        let mut hashes = BTreeMap::new();
        let length = read_entry(value, |name, hash| {
            hashes.insert(name.as_str().to_owned(), hash.to_vec());
        })?;
        Ok(Self { length, hashes })
    }

    /// Whether [`FileMeta::read`] would read it.
    pub(super) fn check(value: Node<'_>) -> Result<(), JsonError> {
        read_entry(value, |_, _| ()).map(|_| ())
    }

    /// Checks an entry that a snapshot or timestamp (`document`) must have for `role`: a SHA-256
    /// is there, and hashes of known algorithms have their length.
    pub(super) fn check_required(
        entry: Option<&Self>,
        document: &RoleName,
        role: &RoleName,
    ) -> Result<(), Reason> {
        let fault = |fault| Reason::Structure { role: document.clone(), fault };
        let missing = || fault(StructureFault::MissingChecksum(role.clone()));
        let entry = entry.ok_or_else(missing)?;
        if !entry.hashes.contains_key("sha256") {
            return Err(missing());
        }
        for (algorithm, length) in [("sha256", 32), ("sha512", 64)] {
            if entry.hashes.get(algorithm).is_some_and(|hash| hash.len() != length) {
                let role = role.clone();
                return Err(fault(StructureFault::ChecksumLength { role, algorithm }));
            }
        }
        Ok(())
    }
}

/// Shows each hash of an entry to `hash`, and returns the length.
fn read_entry(value: Node<'_>, mut hash: impl FnMut(Text<'_>, &[u8])) -> Result<i64, JsonError> {
    let known = ["hashes", "length", "custom"];
    let [hashes, length, _custom] = Object::members(value, "file", known)?;
    for (name, value) in json::as_map(hashes, "hashes")?.iter() {
        if value.is_null() {
            hash(name, &[]);
        } else {
            json::with_base64(value, "hashes", |raw| hash(name, raw))?;
        }
    }
    json::as_integer(length, "length")
}
