//! The four documents: read without belief, then verified against fixed keys.

use std::fmt::Debug;
use std::sync::LazyLock;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use countersign_forge::key::Key;

use countersign_tuf::digest::Digests;
use countersign_tuf::keys::{KeyType, PublicKey};
use countersign_tuf::metadata::{Document, Envelope, Root, Snapshot, Targets, Timestamp};
use countersign_tuf::names::{RoleName, Version};
use countersign_tuf::verify::{RoleKeys, Unverified, Verified};

/// When the corpus was made, in seconds since 1970: 2026-11-24.
pub const PUBLISHED_AT: i64 = 1_795_478_400;

/// The two keys that must both sign.
static KEYS: LazyLock<[Key; 2]> = LazyLock::new(signing_keys);

/// The two keys that sign documents of the corpus.
#[must_use]
pub fn signing_keys() -> [Key; 2] {
    [Key::ecdsa([1; 32]), Key::ed25519([2; 32])]
}

/// A root, judged by the fixed keys and by the keys that it lists itself.
pub fn root(data: &[u8]) {
    document::<Root>(RoleName::Root, data);
    let raw = Bytes::copy_from_slice(data);
    let Ok(unverified) = Unverified::<Root>::parse(RoleName::Root, raw) else { return };
    let Ok(root) = unverified.read_untrusted() else { return };
    for keys in root.base_roles() {
        let Ok(signers) = unverified.signers(&keys) else { continue };
        let threshold = usize::try_from(keys.threshold).expect("a met threshold is positive");
        assert!(threshold > 0 && signers.len() >= threshold, "{keys:?}");
        assert!(keys.distinct_keys() >= threshold, "{keys:?}");
    }
}

/// Targets, as `targets` and as a delegation.
pub fn targets(data: &[u8]) {
    document::<Targets>(RoleName::Targets, data);
    let delegation = RoleName::parse("targets/a").expect("a role");
    document::<Targets>(delegation.clone(), data);
    let raw = Bytes::copy_from_slice(data);
    let Ok(unverified) = Unverified::<Targets>::parse(RoleName::Targets, raw) else { return };
    let Ok(targets) = unverified.read_untrusted() else { return };
    for listed in targets.delegations() {
        assert!(listed.name().parent().is_some(), "only delegations are delegated to");
    }
}

/// A snapshot.
pub fn snapshot(data: &[u8]) {
    document::<Snapshot>(RoleName::Snapshot, data);
}

/// A timestamp.
pub fn timestamp(data: &[u8]) {
    document::<Timestamp>(RoleName::Timestamp, data);
}

/// Reads and verifies `data` as a document of type `T`.
///
/// What verifies is exactly the bytes that came, has a version that can be stored, the one that
/// its outer form claims, and can be read as no other type.
fn document<T: Document + Debug>(role: RoleName, data: &[u8]) {
    let raw = Bytes::copy_from_slice(data);
    let Ok(unverified) = Unverified::<T>::parse(role.clone(), raw.clone()) else { return };
    let claimed = Envelope::parse(raw.clone()).expect("it was parsed").claimed_version();
    if let Ok(content) = unverified.read_untrusted() {
        assert_eq!(Version::new(claimed), Some(content.header().version));
    }
    let Ok(verified) = unverified.verify(&fixed_keys(role)) else { return };
    assert_eq!(verified.raw(), data, "what was signed is kept as it came");
    assert_eq!(*verified.digests(), Digests::of(data));
    assert_eq!(verified.version().get(), claimed);
    assert!(read_as_types(&raw) == 1, "one document is of one type");
    refused_when_expired(verified);
}

fn fixed_keys(role: RoleName) -> RoleKeys {
    let public = |key: &Key| {
        let key = PublicKey::new(KeyType::parse(key.key_type()), key.public().to_vec());
        (key.id().clone(), key)
    };
    RoleKeys { role, keys: KEYS.iter().map(public).collect(), threshold: 2 }
}

/// As how many of the four types the document can be read.
fn read_as_types(raw: &Bytes) -> usize {
    fn reads<T: Document>(role: RoleName, raw: &Bytes) -> usize {
        let parsed = Unverified::<T>::parse(role, raw.clone());
        usize::from(parsed.is_ok_and(|unverified| unverified.read_untrusted().is_ok()))
    }
    reads::<Root>(RoleName::Root, raw)
        + reads::<Targets>(RoleName::Targets, raw)
        + reads::<Snapshot>(RoleName::Snapshot, raw)
        + reads::<Timestamp>(RoleName::Timestamp, raw)
}

fn refused_when_expired<T: Document + Debug>(verified: Verified<T>) {
    let expires = verified.expires_at();
    let now = DateTime::<Utc>::from_timestamp(PUBLISHED_AT, 0).expect("a time");
    assert_eq!(verified.unexpired(now).is_ok(), expires >= now);
}
