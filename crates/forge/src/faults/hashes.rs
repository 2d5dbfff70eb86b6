//! Faults of what the snapshot says of other documents.

use serde_json::{Map, Value, json};

use super::Target::Snapshot;
use super::{Fault, fault};
use crate::repository::{Repository, set};

pub(super) const FAULTS: &[Fault] = &[
    fault("root-hash-wrong", Snapshot, |r, _| hash(r, "root", "sha256", Some(wrong(32)))),
    fault("root-hash-short", Snapshot, |r, _| hash(r, "root", "sha256", Some(wrong(31)))),
    fault("root-hash-absent", Snapshot, |r, _| hash(r, "root", "sha256", None)),
    fault("root-hash-empty", Snapshot, |r, _| hash(r, "root", "sha256", Some(json!("")))),
    fault("root-hash-null", Snapshot, |r, _| hash(r, "root", "sha256", Some(Value::Null))),
    fault("root-hash-not-base64", Snapshot, |r, _| hash(r, "root", "sha256", Some(json!("!")))),
    fault("targets-hash-wrong", Snapshot, |r, _| hash(r, "targets", "sha256", Some(wrong(32)))),
    fault("targets-hash-short", Snapshot, |r, _| hash(r, "targets", "sha256", Some(wrong(31)))),
    fault("targets-hash-long", Snapshot, |r, _| hash(r, "targets", "sha256", Some(wrong(64)))),
    fault("targets-hash-absent", Snapshot, |r, _| hash(r, "targets", "sha256", None)),
    fault("targets-sha512-wrong", Snapshot, |r, _| hash(r, "targets", "sha512", Some(wrong(64)))),
    fault("targets-sha512-short", Snapshot, |r, _| hash(r, "targets", "sha512", Some(wrong(63)))),
    fault("targets-sha512-absent", Snapshot, |r, _| hash(r, "targets", "sha512", None)),
    fault("targets-hash-unheard-of", Snapshot, |r, _| hash(r, "targets", "md5", Some(wrong(1)))),
    fault("targets-hash-name-upper-case", Snapshot, |r, _| {
        hash(r, "targets", "SHA256", Some(wrong(32)));
    }),
    fault("targets-hashes-empty", Snapshot, |r, _| hashes(r, "targets", json!({}))),
    fault("targets-hashes-null", Snapshot, |r, _| hashes(r, "targets", Value::Null)),
    fault("targets-length-wrong", Snapshot, |r, _| length(r, json!(1))),
    fault("targets-length-negative", Snapshot, |r, _| length(r, json!(-1))),
    fault("targets-length-fractional", Snapshot, |r, _| length(r, json!(1.5))),
    fault("targets-length-string", Snapshot, |r, _| length(r, json!("1"))),
    fault("root-entry-absent", Snapshot, |r, _| entry(r, "root", None)),
    fault("root-entry-null", Snapshot, |r, _| entry(r, "root", Some(Value::Null))),
    fault("targets-entry-absent", Snapshot, |r, _| entry(r, "targets", None)),
    fault("targets-entry-null", Snapshot, |r, _| entry(r, "targets", Some(Value::Null))),
    fault("delegation-entry-absent", Snapshot, |r, _| entry(r, "targets/a", None)),
    fault("delegation-entry-null", Snapshot, |r, _| entry(r, "targets/a", Some(Value::Null))),
    fault("delegation-hash-wrong", Snapshot, |r, _| {
        hash(r, "targets/a", "sha256", Some(wrong(32)));
    }),
    fault("delegation-sha256-absent", Snapshot, |r, _| hash(r, "targets/a", "sha256", None)),
    fault("delegation-hash-short", Snapshot, |r, _| {
        hash(r, "targets/a", "sha256", Some(wrong(31)));
    }),
    fault("entry-of-unstored-delegation", Snapshot, |r, _| {
        entry(r, "targets/unstored", Some(json!({"hashes": {"sha256": wrong(32)}, "length": 1})));
    }),
    fault("entry-of-timestamp", Snapshot, |r, _| {
        entry(r, "timestamp", Some(json!({"hashes": {"sha256": wrong(32)}, "length": 1})));
    }),
    fault("entry-of-bad-role-name", Snapshot, |r, _| {
        entry(r, "../x", Some(json!({"hashes": {"sha256": wrong(32)}, "length": 1})));
    }),
    fault("entry-names-with-json", Snapshot, |r, _| names_with_json(r)),
    fault("entry-folded-hashes", Snapshot, |r, _| {
        change(r, "targets", |entry| set(entry, "Hashes", json!({})));
    }),
    fault("folded-meta", Snapshot, |r, role| r.edit(role, |s| set(s, "META", json!({})))),
    fault("meta-null", Snapshot, |r, role| r.edit(role, |s| set(s, "meta", Value::Null))),
];

/// Zeroes of `length` bytes in base64.
fn wrong(length: usize) -> Value {
    use base64::Engine as _;
    json!(base64::engine::general_purpose::STANDARD.encode(vec![0; length]))
}

fn hash(repository: &mut Repository, role: &str, algorithm: &str, value: Option<Value>) {
    change(repository, role, |entry| {
        let Some(hashes) = entry.get_mut("hashes").and_then(Value::as_object_mut) else { return };
        put(hashes, algorithm, value);
    });
}

fn hashes(repository: &mut Repository, role: &str, value: Value) {
    change(repository, role, |entry| set(entry, "hashes", value));
}

fn length(repository: &mut Repository, value: Value) {
    change(repository, "targets", |entry| set(entry, "length", value));
}

fn entry(repository: &mut Repository, role: &str, value: Option<Value>) {
    repository.edit("snapshot", |snapshot| {
        let Some(meta) = snapshot.get_mut("meta").and_then(Value::as_object_mut) else { return };
        put(meta, role, value);
    });
}

/// Writes `root.json` for `root` and so on, as standard TUF does.
fn names_with_json(repository: &mut Repository) {
    repository.edit("snapshot", |snapshot| {
        let Some(meta) = snapshot.get_mut("meta").and_then(Value::as_object_mut) else { return };
        *meta = std::mem::take(meta).into_iter().map(|(k, v)| (format!("{k}.json"), v)).collect();
    });
}

fn put(members: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    match value {
        Some(value) => members.insert(name.to_owned(), value),
        None => members.remove(name),
    };
}

fn change(repository: &mut Repository, role: &str, change: impl FnOnce(&mut Value)) {
    repository.edit("snapshot", |snapshot| {
        if let Some(entry) = snapshot.get_mut("meta").and_then(|meta| meta.get_mut(role)) {
            change(entry);
        }
    });
}
