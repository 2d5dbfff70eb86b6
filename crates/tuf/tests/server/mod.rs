//! A server without a network and a database: the rules, two keys and a list of documents.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use chrono::{DateTime, Duration, Utc};
use countersign_forge::key::Key;
use countersign_forge::repository::{Repository, ServerKeys};
use countersign_tuf::accepted::{AcceptedDocument, AcceptedUpdate};
use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::keys::{KeyId, SignatureMethod};
use countersign_tuf::metadata::{Draft, DraftSignature, Snapshot};
use countersign_tuf::names::{Gun, RoleName};
use countersign_tuf::rules::{Circumstances, Decision, Refusal, Stored, Update, decide};

pub(crate) const GUN: &str = "example.com/team/app";

/// The model server.
#[derive(Clone)]
pub(crate) struct Model {
    timestamp_key: Key,
    snapshot_key: Key,
    pub(crate) documents: Vec<AcceptedDocument>,
}

pub(crate) fn now() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2026-11-24T12:00:00Z").unwrap().to_utc()
}

pub(crate) fn role(name: &str) -> RoleName {
    RoleName::parse(name).unwrap()
}

impl Model {
    pub(crate) fn new() -> Self {
        Self {
            timestamp_key: Key::ed25519([1; 32]),
            snapshot_key: Key::ecdsa([2; 32]),
            documents: Vec::new(),
        }
    }

    /// A repository whose snapshot the client signs.
    pub(crate) fn client_snapshot(&self) -> Repository {
        let server = ServerKeys { timestamp: self.timestamp_key.to_json(), snapshot: None };
        Repository::new(GUN, 7, now(), &server)
    }

    /// A repository whose snapshot the server signs.
    pub(crate) fn server_snapshot(&self) -> Repository {
        let server = ServerKeys {
            timestamp: self.timestamp_key.to_json(),
            snapshot: Some(self.snapshot_key.to_json()),
        };
        Repository::new(GUN, 7, now(), &server)
    }

    /// The public key under which it signs snapshots.
    pub(crate) fn snapshot_key_json(&self) -> serde_json::Value {
        self.snapshot_key.to_json()
    }

    /// Judges an update, and adds the server's own signatures.
    pub(crate) fn judge(
        &self,
        update: &Update,
        stored: &Stored,
        circumstances: Circumstances,
    ) -> Result<AcceptedUpdate, Refusal> {
        let decision = decide(&Gun::parse(GUN).unwrap(), update, stored, circumstances)?;
        let waiting = match decision {
            Decision::NeedsTimestamp(waiting) => waiting,
            Decision::NeedsSnapshot(waiting) => {
                let signed = sign(waiting.draft(), &self.snapshot_key);
                waiting.signed(signed).map_err(Refusal::Validation)?
            }
        };
        let draft = waiting.draft(now() + Duration::days(14)).unwrap();
        waiting.signed(sign(&draft, &self.timestamp_key)).map_err(Refusal::Validation)
    }

    /// Stores what was accepted.
    pub(crate) fn store(&mut self, accepted: &AcceptedUpdate) {
        self.documents.extend(accepted.documents().cloned());
    }

    /// The newest document of a role.
    pub(crate) fn newest(&self, role: &RoleName) -> Option<&AcceptedDocument> {
        self.documents.iter().filter(|d| d.role == *role).max_by_key(|d| d.version)
    }

    /// The current snapshot's content.
    pub(crate) fn snapshot(&self) -> Option<Snapshot> {
        let timestamp = self.newest(&RoleName::Timestamp)?;
        let sha256 = Stored::read_timestamp(timestamp.bytes.clone()).unwrap().snapshot_sha256();
        let snapshot = self.by_digest(&RoleName::Snapshot, sha256)?;
        Some(Stored::read_snapshot(snapshot.bytes.clone()).unwrap())
    }

    /// The document of a role with this digest.
    pub(crate) fn by_digest(
        &self,
        role: &RoleName,
        sha256: Sha256Digest,
    ) -> Option<&AcceptedDocument> {
        self.documents.iter().find(|d| d.role == *role && d.sha256 == sha256)
    }

    /// What judging an update needs of what is stored.
    pub(crate) fn stored(&self, update: &Update) -> Stored {
        let mut stored = Stored { snapshot: self.snapshot(), ..Stored::default() };
        for document in &self.documents {
            let highest = stored.versions.entry(document.role.clone()).or_insert(document.version);
            *highest = document.version.max(*highest);
        }
        let named = |role: &RoleName| {
            let sha256 = stored.snapshot.as_ref()?.entry(role)?.sha256()?;
            Some(self.by_digest(role, sha256)?.bytes.clone())
        };
        stored.root = named(&RoleName::Root);
        stored.targets = update
            .stored_roles_needed(stored.snapshot.as_ref())
            .into_iter()
            .filter_map(|role| Some((role.clone(), named(&role)?)))
            .collect::<BTreeMap<_, _>>();
        stored.documents_held = update
            .new_claims(stored.snapshot.as_ref())
            .into_iter()
            .filter_map(|(role, sha256)| Some((role, sha256?)))
            .filter(|(role, sha256)| self.by_digest(role, *sha256).is_some())
            .collect();
        stored
    }
}

pub(crate) fn circumstances() -> Circumstances {
    Circumstances {
        now: now(),
        snapshot_lifetime: Duration::days(3 * 365),
        max_version_step: NonZeroU32::new(1000),
    }
}

fn sign<T>(draft: &Draft<T>, key: &Key) -> bytes::Bytes {
    draft.with_signatures(&[DraftSignature {
        key_id: KeyId::claimed(&key.id()),
        method: SignatureMethod::parse(key.method()),
        bytes: key.sign(draft.message()),
    }])
}
