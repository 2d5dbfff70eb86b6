//! Documents that are deliberately wrong, or odd and right: what each is worth by itself, under
//! the keys that its index names. What only shows beside other documents is a client's to find.

use std::collections::BTreeSet;

use bytes::Bytes;
use countersign_tuf::metadata::{Document, Root, Snapshot, Targets, Timestamp};
use countersign_tuf::names::{Gun, RoleName};
use countersign_tuf::reason::Reason;
use countersign_tuf::rules::stored_root;
use countersign_tuf::verify::{RoleKeys, Unverified};
use serde_json::Value;

use crate::folder::{Folder, now};

const CORRUPTED: Folder = Folder("client/corrupted");
const ECDSA: Folder = Folder("client/ecdsa");
const RSAROOT: Folder = Folder("client/rsaroot");

/// Not signed either, but a client compares it with the snapshot first.
const REFUSED_EARLIER: &str = "targets-hash-mismatch.json";

/// Rejected by a client for what another document says; each is well signed itself.
const WRONG_BESIDE_OTHERS: [&str; 2] =
    ["timestamp-rollback.json", "timestamp-wrong-snapshot-hash.json"];

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn repository(case: &Value) -> Folder {
    match case["repo"].as_str() {
        None => ECDSA,
        Some("rsaroot") => RSAROOT,
        Some(other) => panic!("no repository {other}"),
    }
}

/// Whether the document counts by itself: structure, signatures, expiry.
fn judge(case: &Value) -> Result<(), Reason> {
    let (file, with) = (text(&case["file"]), text(&case["verify_with"]));
    let (role, folder) = (RoleName::parse(text(&case["role"])).unwrap(), repository(case));
    let raw = CORRUPTED.read(file);
    // A cached document that the client compares with comes after the keys.
    let keys_from = with.split(' ').next().unwrap();
    match &role {
        RoleName::Root => judge_root(folder, keys_from, raw),
        RoleName::Delegation(_) => {
            let parent = read::<Targets>(&RoleName::Targets, folder.read(keys_from));
            check::<Targets>(&role, raw, &parent.delegation_keys(&role).unwrap())
        }
        RoleName::Snapshot | RoleName::Targets | RoleName::Timestamp => {
            let keys = read::<Root>(&RoleName::Root, folder.read(keys_from)).role_keys(&role);
            match role {
                RoleName::Snapshot => check::<Snapshot>(&role, raw, &keys),
                RoleName::Targets => check::<Targets>(&role, raw, &keys),
                _ => check::<Timestamp>(&role, raw, &keys),
            }
        }
    }
}

fn judge_root(folder: Folder, keys_from: &str, raw: Bytes) -> Result<(), Reason> {
    if keys_from != "self" {
        let old = read::<Root>(&RoleName::Root, folder.read(keys_from));
        Unverified::<Root>::parse(RoleName::Root, raw.clone())?
            .signers(&old.role_keys(&RoleName::Root))
            .map_err(|_| Reason::NotSignedByCurrentRoot)?;
    }
    let gun = Gun::parse(text(&folder.index()["gun"])).unwrap();
    stored_root(&gun, raw, now())?.unexpired(now()).map(drop)
}

fn read<T: Document>(role: &RoleName, raw: Bytes) -> T {
    Unverified::<T>::parse(role.clone(), raw).unwrap().read_untrusted().unwrap()
}

fn check<T: Document>(role: &RoleName, raw: Bytes, keys: &RoleKeys) -> Result<(), Reason> {
    Unverified::<T>::parse(role.clone(), raw)?.verify(keys)?.unexpired(now()).map(drop)
}

/// The cases whose document is in this folder; one more is an intact walk through `ecdsa`.
fn cases() -> Vec<Value> {
    let mut cases = CORRUPTED.index()["cases"].as_array().unwrap().clone();
    cases.retain(|case| !text(&case["file"]).starts_with("../ecdsa/"));
    cases
}

#[test]
fn the_index_names_every_file_once() {
    let mut named = vec!["index.json".to_owned()];
    named.extend(cases().iter().map(|case| text(&case["file"]).to_owned()));
    assert_eq!(named.len(), 35);
    assert_eq!(named.into_iter().collect::<BTreeSet<_>>(), CORRUPTED.files());
}

#[test]
fn every_document_gets_its_verdict() {
    for case in cases() {
        let file = text(&case["file"]);
        let counts = match case["signature_expected"].as_str() {
            Some(expected) => expected == "valid",
            None => case["expected"] == "accept" || WRONG_BESIDE_OTHERS.contains(&file),
        };
        let judged = judge(&case);
        assert_eq!(judged.is_ok(), counts, "{file}: {judged:?}");
    }
}

/// The words are those that Notary's client showed.
#[test]
fn every_refusal_is_in_notarys_words() {
    let mut compared = 0;
    for case in cases() {
        let Err(reason) = judge(&case) else { continue };
        if case["file"] == REFUSED_EARLIER {
            continue;
        }
        let Some(said) = case["go_client"].as_str() else { continue };
        if let Some(said) = said.strip_prefix("* fatal: ") {
            assert_eq!(reason.to_string(), said, "{}", case["file"]);
            compared += 1;
        }
    }
    assert_eq!(compared, 14);
}
