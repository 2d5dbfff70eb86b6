//! Parse, then print: the identity on canonical text.

use std::collections::BTreeMap;

use chrono::DateTime;
use countersign_tuf::canonical;
use countersign_tuf::digest::Digests;
use countersign_tuf::metadata::{Document as _, Draft, FileMeta, Snapshot, Timestamp};
use countersign_tuf::names::{RoleName, Version};
use countersign_tuf::verify::Unverified;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::server::role;

/// Any JSON whose numbers are exact in Notary's canonical form.
pub(crate) fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-(1_i64 << 53)..(1_i64 << 53)).prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("\\PC{0,6}", inner, 0..6)
                .prop_map(|members| json!(members)),
        ]
    })
}

fn files() -> impl Strategy<Value = BTreeMap<RoleName, Vec<u8>>> {
    prop::collection::btree_map("[a-z0-9_-]{1,9}", prop::collection::vec(any::<u8>(), 0..40), 0..5)
        .prop_map(|delegations| {
            let named = |(name, bytes)| (role(&format!("targets/{name}")), bytes);
            let mut files: BTreeMap<_, _> = delegations.into_iter().map(named).collect();
            files.insert(RoleName::Root, b"root".to_vec());
            files.insert(RoleName::Targets, b"targets".to_vec());
            files
        })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn canonical_text_parses_and_prints_as_it_was(value in any_json()) {
        let text = canonical::to_bytes(&value).unwrap();
        let parsed: Value = serde_json::from_slice(&text).unwrap();
        prop_assert_eq!(&parsed, &value);
        prop_assert_eq!(canonical::to_bytes(&parsed).unwrap(), text);
    }

    #[test]
    fn snapshot_and_timestamp_parse_and_print_as_they_were(
        files in files(),
        version in 1..i64::from(i32::MAX),
        seconds in 0..4_000_000_000_i64,
        nanoseconds in 0..1_000_000_000_u32,
    ) {
        let version = Version::new(version).unwrap();
        let expires = DateTime::from_timestamp(seconds, nanoseconds).unwrap();
        let entries = files.iter().map(|(role, b)| (role, FileMeta::of(b, &Digests::of(b))));
        let draft = Draft::snapshot(None, entries, version, expires).unwrap();
        let bytes = draft.with_signatures(&[]);
        let snapshot = Unverified::<Snapshot>::parse(RoleName::Snapshot, bytes.clone()).unwrap();
        let snapshot = snapshot.read_untrusted().unwrap();
        let header = snapshot.header();
        let again =
            Draft::snapshot(Some(&snapshot), [], header.version, header.expires.at()).unwrap();
        prop_assert_eq!(again.with_signatures(&[]), &bytes);

        let draft = Draft::timestamp(&bytes, &Digests::of(&bytes), version, expires).unwrap();
        let timestamp = draft.with_signatures(&[]);
        let timestamp = Unverified::<Timestamp>::parse(RoleName::Timestamp, timestamp).unwrap();
        let timestamp = timestamp.read_untrusted().unwrap();
        prop_assert_eq!(timestamp.snapshot(), &FileMeta::of(&bytes, &Digests::of(&bytes)));
        prop_assert_eq!(timestamp.header().version, version);
        prop_assert_eq!(timestamp.header().expires.at(), expires);
    }
}
