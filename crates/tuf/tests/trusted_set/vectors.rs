//! Repositories that Notary's own programs made, whole and with one document served in place of
//! the good one: what its client said, ours says.

use std::path::Path;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use countersign_forge::document::Document;
use countersign_forge::key::Key;
use countersign_forge::repository::meta_entry;
use countersign_tuf::names::{Gun, RoleName};
use countersign_tuf::trusted_set::{Attack, Limits, RootChain, TrustedSet};
use serde_json::{Value, json};

use crate::client::{Served, refresh};
use crate::mirror::role;

/// The throwaway keys that the vectors' server held when they were made: with them a snapshot and
/// a timestamp are made again that name the document served instead.
const SNAPSHOT_KEY: &str = "6ecb22a9ec8777548cf4cd602cf9820e23fcb38f8a5914f0d0143ed3433a8f2b";
const TIMESTAMP_KEY: &str = "6a21ea899699f742adcd6c57f7abf26e164a2ab34fa8237c2805ef160e5b799f";

/// One of the repositories.
struct Vectors {
    folder: &'static str,
    index: Value,
}

fn read(folder: &str, file: &str) -> Bytes {
    let vectors = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/client");
    let path = Path::new(vectors).join(folder).join(file);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).into()
}

fn now() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2026-11-24T12:00:00Z").unwrap().to_utc()
}

impl Vectors {
    fn of(folder: &'static str) -> Self {
        Self { folder, index: serde_json::from_slice(&read(folder, "index.json")).unwrap() }
    }

    fn served(&self) -> Served {
        let current = self.index["current"].as_object().unwrap();
        let file = |file: &Value| read(self.folder, file.as_str().unwrap());
        current.iter().map(|(name, value)| (role(name), file(value))).collect()
    }

    fn begin(&self, root: Bytes) -> Result<RootChain, Attack> {
        let gun = Gun::parse(self.index["gun"].as_str().unwrap()).unwrap();
        RootChain::begin(gun, root, now(), Limits::default())
    }

    fn first_refresh(&self, served: &Served) -> Result<TrustedSet, Attack> {
        refresh(&self.begin(served[&RoleName::Root].clone())?, served)
    }
}

/// Makes snapshot and timestamp anew so that they name what is served.
fn restamp(served: &mut Served) {
    let key = |hexadecimal: &str| {
        let bytes: Vec<u8> = (0..64)
            .step_by(2)
            .map(|at| u8::from_str_radix(&hexadecimal[at..at + 2], 16).unwrap())
            .collect();
        Key::ecdsa(bytes.try_into().unwrap())
    };
    let entries: serde_json::Map<String, Value> = served
        .iter()
        .filter(|(role, _)| !matches!(role, RoleName::Snapshot | RoleName::Timestamp))
        .map(|(role, bytes)| (role.to_string(), meta_entry(bytes)))
        .collect();
    let mut resign = |role: RoleName, meta: Value, key: &Key| {
        let document: Value = serde_json::from_slice(&served[&role]).unwrap();
        let mut document = Document::unsigned(&document["signed"]);
        document.edit(|signed| signed["meta"] = meta);
        document.sign([key]);
        let bytes = Bytes::from(document.to_bytes());
        served.insert(role, bytes.clone());
        bytes
    };
    let snapshot = resign(RoleName::Snapshot, Value::Object(entries), &key(SNAPSHOT_KEY));
    let named = json!({"snapshot": meta_entry(&snapshot)});
    resign(RoleName::Timestamp, named, &key(TIMESTAMP_KEY));
}

/// The names in the form in which the index gives them.
fn listing(set: &TrustedSet) -> String {
    let names: Vec<&str> = set.list().into_keys().collect();
    format!("lists: {}", names.join(" "))
}

/// What a client comes to believe when the case's document is served.
fn outcome(case: &Value) -> Result<TrustedSet, Attack> {
    let vectors = Vectors::of(if case["repo"] == "rsaroot" { "rsaroot" } else { "ecdsa" });
    let served_role = role(case["role"].as_str().unwrap());
    let file = case["file"].as_str().unwrap();
    let mut served = vectors.served();
    if case["verify_with"].as_str().unwrap().starts_with("1.root.json") {
        let mut chain = vectors.begin(read("ecdsa", "1.root.json"))?;
        let second = match file.rsplit_once('/') {
            Some((_, genuine)) => read("ecdsa", genuine),
            None => read("corrupted", file),
        };
        chain.update_root(second)?;
        for next in ["3.root.json", "4.root.json", "5.root.json"] {
            chain.update_root(read("ecdsa", next))?;
        }
        return refresh(&chain, &served);
    }
    let former = vectors.first_refresh(&served).unwrap();
    served.insert(served_role.clone(), read("corrupted", file));
    let hash_is_the_fault = file == "targets-hash-mismatch.json";
    if vectors.folder == "ecdsa" && served_role != RoleName::Timestamp && !hash_is_the_fault {
        restamp(&mut served);
    }
    if file == "timestamp-rollback.json" {
        return refresh(&former.refresh(now()), &served);
    }
    vectors.first_refresh(&served)
}

#[test]
fn whole_repositories_list_what_notary_lists() {
    for (folder, names) in [
        ("ecdsa", &[("rel/v2", "targets/releases"), ("v1", "targets"), ("v3", "targets")][..]),
        ("rsaroot", &[("a", "targets"), ("b", "targets")][..]),
    ] {
        let vectors = Vectors::of(folder);
        let mut chain = vectors.begin(read(folder, "1.root.json")).unwrap();
        let newest = vectors.index["current"]["root"].as_str().unwrap();
        while chain.root().raw() != &read(folder, newest) {
            let next = chain.root().version().next().unwrap();
            chain.update_root(read(folder, &format!("{next}.root.json"))).unwrap();
        }
        let set = refresh(&chain, &vectors.served()).unwrap();
        let listed: Vec<(&str, &str)> =
            set.list().into_iter().map(|(name, found)| (name, found.role.as_str())).collect();
        assert_eq!(listed, names);
        assert!(set.skipped().is_empty());
    }
}

#[test]
fn every_corrupted_document_gets_the_verdict_of_notarys_client() {
    let index: Value = serde_json::from_slice(&read("corrupted", "index.json")).unwrap();
    let cases = index["cases"].as_array().unwrap();
    assert!(cases.len() > 30);
    for case in cases {
        let (file, outcome) = (case["file"].as_str().unwrap(), outcome(case));
        let accepted = outcome.is_ok();
        assert_eq!(accepted, case["expected"] == "accept", "{file}: {:?}", outcome.err());
        if let (Some(said), Ok(set)) = (case["go_client"].as_str(), &outcome) {
            assert_eq!(listing(set), said, "{file}");
        }
        if case["signature_expected"] == "invalid" {
            assert!(outcome.unwrap().skipped().contains_key(&role("targets/releases")), "{file}");
        }
    }
}

#[test]
fn refused_documents_are_refused_for_what_is_wrong_with_them() {
    let index: Value = serde_json::from_slice(&read("corrupted", "index.json")).unwrap();
    let cases = index["cases"].as_array().unwrap();
    for (file, attack) in [
        ("root-sig-bitflip.json", "Forgery"),
        ("root2-signed-by-new-only.json", "Forgery"),
        ("root2-signed-by-old-only.json", "Forgery"),
        ("timestamp-expired.json", "Freeze"),
        ("timestamp-version-zero.json", "Forgery"),
        ("timestamp-type-lowercase.json", "Forgery"),
        ("timestamp-signed-by-snapshot-key.json", "Forgery"),
        ("timestamp-rollback.json", "Rollback"),
        ("timestamp-wrong-snapshot-hash.json", "MixAndMatch"),
        ("targets-hash-mismatch.json", "MixAndMatch"),
        ("targets-resigned-chain-bad-signature.json", "Forgery"),
    ] {
        let case = cases.iter().find(|case| case["file"] == file).unwrap();
        let refused = outcome(case).unwrap_err();
        assert!(format!("{refused:?}").starts_with(attack), "{file}: {refused}");
    }
}

#[test]
fn name_outside_the_delegated_paths_is_not_listed() {
    let case = json!({"file": "delegation-path-outside.json", "role": "targets/releases",
        "verify_with": "5.targets.json"});
    let set = outcome(&case).unwrap();
    let released = set.targets().find(|d| d.role().as_str() == "targets/releases").unwrap();
    assert!(released.content().targets().contains_key("zzz"));
    assert!(set.lookup("zzz").is_none());
    assert_eq!(listing(&set), "lists: rel/v2 v1 v3");
}
