//! A forged collection with every key in hand, the timestamp's too, and how an attacker who holds
//! some of them is refused.

use anyhow::Result;
use countersign_forge::document::Document;
use countersign_forge::key::Key;
use countersign_forge::repository::{Repository, ServerKeys, meta_entry};
use countersign_tests::peers::impostor::Recording;
use countersign_tests::upload;
use serde_json::{Value, json};

use crate::stage::{GUN, Stage};

/// A collection of which the attacker can sign timestamps and snapshots.
#[derive(Clone)]
pub(crate) struct Collection {
    pub(crate) repository: Repository,
    timestamp: Document,
    timestamp_key: Key,
}

impl Collection {
    /// With the target `v1` and the delegation `targets/a`.
    pub(crate) fn new() -> Self {
        let timestamp_key = Key::ecdsa([1; 32]);
        let keys = ServerKeys { timestamp: timestamp_key.to_json(), snapshot: None };
        let mut repository = Repository::new(GUN, 5, upload::now(), &keys);
        let key = repository.new_ecdsa_key();
        repository.add_delegation("targets/a", key);
        let timestamp = json!({"_type": "Timestamp", "expires": repository.in_days(14),
            "meta": {}, "version": 0});
        let timestamp = Document::unsigned(&timestamp);
        let mut collection = Self { repository, timestamp, timestamp_key };
        collection.add("v1");
        collection
    }

    /// One more target in targets and in the delegation: both grow.
    pub(crate) fn add(&mut self, target: &str) {
        for role in ["targets", "targets/a"] {
            self.repository.add_target(role, target, target.as_bytes());
        }
        self.publish();
    }

    /// Another content of `v1` in targets and in the delegation: both stay as long as they are.
    pub(crate) fn replace(&mut self, content: &[u8; 2]) {
        for role in ["targets", "targets/a"] {
            self.repository.add_target(role, "v1", content);
        }
        self.publish();
    }

    /// A new snapshot and timestamp of the present documents.
    pub(crate) fn publish(&mut self) {
        self.repository.bump("snapshot");
        self.stamp(&self.bytes("snapshot"));
    }

    /// The next timestamp, which names these bytes as the snapshot.
    pub(crate) fn stamp(&mut self, snapshot: &[u8]) {
        let (version, entry) = (self.timestamp.version() + 1, meta_entry(snapshot));
        self.sign_timestamp(|signed| {
            signed["meta"] = json!({"snapshot": entry});
            signed["version"] = json!(version);
        });
    }

    fn sign_timestamp(&mut self, change: impl FnOnce(&mut Value)) {
        self.timestamp.edit(change);
        self.timestamp.sign([&self.timestamp_key]);
    }

    /// A new snapshot that names `bytes` as `role`, and a new timestamp that names it.
    pub(crate) fn name(&mut self, role: &str, bytes: &[u8]) {
        let keys = self.repository.keys("snapshot").to_vec();
        self.repository.bump("snapshot");
        self.repository.damage("snapshot", |snapshot| {
            snapshot.edit(|signed| {
                if let Some(entries) = signed.get_mut("meta").and_then(Value::as_object_mut) {
                    entries.insert(role.to_owned(), meta_entry(bytes));
                }
            });
            snapshot.sign(&keys);
        });
        self.stamp(&self.bytes("snapshot"));
    }

    /// The same timestamp, signed with an end that has passed.
    pub(crate) fn expire_timestamp(&mut self) {
        let yesterday = self.repository.in_days(-1);
        self.sign_timestamp(|signed| signed["expires"] = json!(yesterday));
    }

    /// Everything as it is served.
    pub(crate) fn recording(&self) -> Recording {
        let mut recording: Recording = self.repository.all_parts().into_iter().collect();
        recording.insert("timestamp".to_owned(), self.timestamp.to_bytes());
        recording
    }

    pub(crate) fn bytes(&self, role: &str) -> Vec<u8> {
        self.recording().remove(role).unwrap_or_default()
    }
}

/// A reader has seen an old and a new state of equal length. The attacker serves what `attack`
/// makes of both, after the owner has perhaps gone on, and is refused in these words; the reader
/// may keep what the stolen keys signed. It is over when the owner's versions have passed the
/// attacker's.
pub(crate) async fn check(
    attack: impl FnOnce(&Collection, &mut Collection) -> Recording,
    words: &str,
) -> Result<()> {
    let stage = Stage::set().await?;
    let old = Collection::new();
    let mut new = old.clone();
    new.replace(b"v2");
    let reader = stage.reader("reader")?;
    for state in [&old, &new] {
        stage.impostor.show(&state.recording());
        stage.sees(&reader, "v1").await?;
    }
    let lies = attack(&old, &mut new);
    stage.impostor.show(&lies);
    let mut stolen = lies.clone();
    stolen.retain(|role, _| matches!(role.as_str(), "snapshot" | "timestamp"));
    stage.refuses(&reader, &[&new.recording(), &stolen], words).await?;
    for content in [b"v3", b"v4"] {
        new.replace(content);
    }
    stage.ends_well(&reader, &new.recording(), "v1").await
}
