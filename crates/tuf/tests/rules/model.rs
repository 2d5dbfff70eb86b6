//! A server without a network and a database: the rules, two keys and a list of documents.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use chrono::{DateTime, Duration, Utc};
use countersign_forge::faults::named;
use countersign_forge::key::Key;
use countersign_forge::repository::{Repository, ServerKeys};
use countersign_tuf::accepted::{AcceptedDocument, AcceptedUpdate};
use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::keys::{KeyId, SignatureMethod};
use countersign_tuf::metadata::{Draft, DraftSignature, Snapshot};
use countersign_tuf::names::{Gun, RoleName};
use countersign_tuf::reason::Reason;
use countersign_tuf::rules::{
    Circumstances, Decision, Refusal, Stored, Update, UploadedPart, decide,
};

pub(crate) const GUN: &str = "example.com/team/app";

/// Parts of an upload: role and bytes.
pub(crate) type Parts = Vec<(String, Vec<u8>)>;

/// The model server.
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

    pub(crate) fn snapshot_key_json(&self) -> serde_json::Value {
        self.snapshot_key.to_json()
    }

    /// Publishes; on success the documents are stored.
    pub(crate) fn publish(&mut self, parts: &Parts) -> Result<AcceptedUpdate, Refusal> {
        let update = read(parts);
        let decision =
            decide(&Gun::parse(GUN).unwrap(), &update, &self.stored(&update), circumstances())?;
        let waiting = match decision {
            Decision::NeedsTimestamp(waiting) => waiting,
            Decision::NeedsSnapshot(waiting) => {
                let signed = sign(waiting.draft(), &self.snapshot_key);
                waiting.signed(signed).map_err(Refusal::Validation)?
            }
        };
        let draft = waiting.draft(now() + Duration::days(14)).unwrap();
        let accepted =
            waiting.signed(sign(&draft, &self.timestamp_key)).map_err(Refusal::Validation)?;
        self.documents.extend(accepted.documents().cloned());
        Ok(accepted)
    }

    /// Asserts that these parts are refused in exactly this way.
    pub(crate) fn refuses(&mut self, parts: &Parts, expected: &Refusal) {
        let before = self.documents.len();
        let refusal = self.publish(parts).expect_err("this update must be refused");
        assert_eq!(refusal, *expected);
        assert_eq!(self.documents.len(), before);
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

    fn by_digest(&self, role: &RoleName, sha256: Sha256Digest) -> Option<&AcceptedDocument> {
        self.documents.iter().find(|d| d.role == *role && d.sha256 == sha256)
    }

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
            .filter(|(role, sha256)| self.by_digest(role, *sha256).is_some())
            .collect();
        stored
    }
}

/// Reads parts as the server does.
pub(crate) fn read(parts: &Parts) -> Update {
    let parts = parts
        .iter()
        .map(|(name, bytes)| UploadedPart::parse(role(name), bytes.clone().into()).unwrap())
        .collect();
    Update::new(parts)
}

/// Damages a document in the way that the forge calls `fault`.
pub(crate) fn damaged(repository: &Repository, fault: &str, role: &str) -> Parts {
    let mut repository = repository.clone();
    named(fault).unwrap_or_else(|| panic!("no fault {fault}")).apply(&mut repository, role);
    repository.all_parts()
}

/// The text of the reason why `parts` are refused.
pub(crate) fn reason(refusal: &Refusal) -> (&'static str, String) {
    let text = refusal.to_string();
    match refusal {
        Refusal::BadHierarchy { .. } => ("hierarchy", text),
        Refusal::BadRoot(_) => ("root", text),
        Refusal::BadSnapshot(_) => ("snapshot", text),
        Refusal::BadTargets(_) => ("targets", text),
        Refusal::Stored(_) => ("stored", text),
        Refusal::Validation(_) => ("validation", text),
    }
}

pub(crate) fn not_met(role: RoleName) -> Reason {
    Reason::ThresholdNotMet(role)
}

fn circumstances() -> Circumstances {
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
