//! Names, documents, keys and times for the cases. No rule has seen these documents: storage does
//! not look into them.

use bytes::Bytes;
use chrono::{DateTime, Duration, Utc};
use countersign_tuf::accepted::{AcceptedDocument, AcceptedUpdate};
use countersign_tuf::names::{Gun, RoleName, Version};

use super::must::Must as _;
use crate::contract::changefeed::{Change, ChangeRange};
use crate::contract::keys::{SealedKey, TOKEN_ROW};
use crate::contract::metadata::{Commit, Head, Heads, MetadataStore};

/// All changes from the start.
pub(super) const ALL: ChangeRange = ChangeRange::After { id: 0, limit: 1000 };

pub(super) fn gun(text: &str) -> Gun {
    Gun::parse(text).must()
}

pub(super) fn role(text: &str) -> RoleName {
    RoleName::parse(text).must()
}

pub(super) fn version(number: i64) -> Version {
    Version::new(number).must()
}

/// A time of whole seconds, as also the tables that Notary made can keep it; a higher number is
/// later.
pub(super) fn moment(number: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 0).must() + Duration::seconds(number)
}

/// A time with microseconds, and with what is finer.
pub(super) fn precise() -> (DateTime<Utc>, DateTime<Utc>) {
    let kept = DateTime::from_timestamp(1_795_000_000, 987_654_000).must();
    (kept, kept + Duration::nanoseconds(321))
}

/// A document whose bytes differ by label, role and version.
pub(super) fn document(label: &str, name: &str, number: i64) -> AcceptedDocument {
    let bytes = Bytes::from(format!("{label} {name} {number}"));
    AcceptedDocument::new(role(name), version(number), bytes)
}

/// An update of `roles` with a timestamp of version `timestamp`.
pub(super) fn update(label: &str, roles: &[(&str, i64)], timestamp: i64) -> AcceptedUpdate {
    AcceptedUpdate::from_unchecked(
        roles.iter().map(|(name, number)| document(label, name, *number)).collect(),
        document(label, "timestamp", timestamp),
    )
}

/// The head that a document becomes.
pub(super) fn head(document: &AcceptedDocument) -> Option<Head> {
    Some(Head { version: document.version, sha256: document.sha256 })
}

/// The heads of these roles now.
pub(super) async fn heads(store: &dyn MetadataStore, gun: &Gun, names: &[&str]) -> Heads {
    let roles: Vec<RoleName> = names.iter().map(|name| role(name)).collect();
    store.heads(gun, &roles).await.must()
}

/// Commits an update on the heads as they are; the case cannot go on when that fails.
pub(super) async fn store(store: &dyn MetadataStore, gun: &Gun, update: &AcceptedUpdate) {
    let roles: Vec<RoleName> = update.documents().map(|document| document.role.clone()).collect();
    let base = store.heads(gun, &roles).await.must();
    let commit = store.commit(gun, &base, update, moment(0)).await.must();
    assert_eq!(commit, Commit::Done);
}

/// Stores a timestamp only.
pub(super) async fn store_timestamp(to: &dyn MetadataStore, gun: &Gun, number: i64) {
    store(to, gun, &update(gun.as_str(), &[], number)).await;
}

/// Everything that a commit may change: for "nothing was stored".
pub(super) async fn state(
    store: &dyn MetadataStore,
    gun: &Gun,
    names: &[&str],
) -> (Heads, Vec<Change>) {
    (heads(store, gun, names).await, store.changes(None, ALL).await.must())
}

/// A pending timestamp key for `gun`.
pub(super) fn key(key_id: &str, gun: &str) -> SealedKey {
    SealedKey {
        key_id: key_id.to_owned(),
        encryption_alg: "A256GCM".to_owned(),
        keywrap_alg: "PBES2-HS256+A128KW".to_owned(),
        algorithm: "ecdsa".to_owned(),
        passphrase_alias: "Alias_1".to_owned(),
        public: vec![0, 255, 10, 0],
        sealed: b"a.b.c.d.e".to_vec(),
        gun: gun.to_owned(),
        role: "timestamp".to_owned(),
        last_used: None,
    }
}

/// A pending timestamp key for `gun` that is in a token.
pub(super) fn in_token(key_id: &str, gun: &str) -> SealedKey {
    SealedKey {
        encryption_alg: TOKEN_ROW.to_owned(),
        keywrap_alg: TOKEN_ROW.to_owned(),
        passphrase_alias: TOKEN_ROW.to_owned(),
        sealed: format!("pkcs11:token=t;id=%{key_id}").into_bytes(),
        ..key(key_id, gun)
    }
}
