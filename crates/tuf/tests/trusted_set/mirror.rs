//! A forged repository with its timestamp: everything that a client is served, every key in hand.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use countersign_forge::document::Document;
use countersign_forge::key::Key;
use countersign_forge::repository::{Repository, ServerKeys, meta_entry};
use countersign_tuf::names::{Gun, RoleName};
use countersign_tuf::trusted_set::{Attack, Limits, RootChain, TrustedSet};
use serde_json::json;

use crate::client::{Served, refresh};

pub(crate) const GUN: &str = "example.com/team/app";

/// What is served, and the means to make any other state of it.
#[derive(Clone)]
pub(crate) struct Mirror {
    pub(crate) repository: Repository,
    pub(crate) timestamp: Document,
    timestamp_key: Key,
}

pub(crate) fn now() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2026-11-24T12:00:00Z").unwrap().to_utc()
}

pub(crate) fn gun() -> Gun {
    Gun::parse(GUN).unwrap()
}

pub(crate) fn role(name: &str) -> RoleName {
    RoleName::parse(name).unwrap()
}

impl Mirror {
    /// Root, targets and snapshot at version 1, and a timestamp at version 10.
    pub(crate) fn new() -> Self {
        let timestamp_key = Key::ed25519([1; 32]);
        let server = ServerKeys { timestamp: timestamp_key.to_json(), snapshot: None };
        let repository = Repository::new(GUN, 7, now(), &server);
        let timestamp = json!({"_type": "Timestamp", "expires": repository.in_days(14),
            "meta": {}, "version": 9});
        let mut mirror =
            Self { repository, timestamp: Document::unsigned(&timestamp), timestamp_key };
        mirror.stamp();
        mirror
    }

    /// As [`Mirror::new`], with these delegations, each with a key of its own.
    pub(crate) fn with_delegations(names: &[&str]) -> Self {
        let mut mirror = Self::new();
        for name in names {
            let key = mirror.repository.new_ecdsa_key();
            mirror.repository.add_delegation(name, key);
        }
        mirror.publish();
        mirror
    }

    /// A new snapshot and a new timestamp of the present documents.
    pub(crate) fn publish(&mut self) {
        self.repository.bump("snapshot");
        self.stamp();
    }

    /// The next timestamp, of the present snapshot.
    pub(crate) fn stamp(&mut self) {
        let version = self.timestamp.version() + 1;
        let snapshot = meta_entry(&self.repository.document("snapshot").unwrap().to_bytes());
        self.stamp_with(|signed| {
            signed["meta"] = json!({"snapshot": snapshot});
            signed["version"] = json!(version);
        });
    }

    /// Changes and signs the timestamp.
    pub(crate) fn stamp_with(&mut self, change: impl FnOnce(&mut serde_json::Value)) {
        self.timestamp.edit(change);
        self.timestamp.sign([&self.timestamp_key]);
    }

    /// Every document as it is served.
    pub(crate) fn served(&self) -> Served {
        let mut served: Served = self
            .repository
            .all_parts()
            .into_iter()
            .map(|(name, bytes)| (role(&name), Bytes::from(bytes)))
            .collect();
        served.insert(RoleName::Timestamp, self.timestamp.to_bytes().into());
        served
    }

    /// The bytes of one document.
    pub(crate) fn bytes(&self, name: &str) -> Bytes {
        self.served()[&role(name)].clone()
    }

    /// A client that sees this for the first time.
    pub(crate) fn begin(&self, limits: Limits) -> RootChain {
        RootChain::begin(gun(), self.bytes("root"), now(), limits).unwrap()
    }

    /// What such a client comes to believe.
    pub(crate) fn first_refresh(&self) -> Result<TrustedSet, Attack> {
        refresh(&self.begin(Limits::default()), &self.served())
    }

    /// What a client comes to believe that trusts `before`; the root is the same.
    pub(crate) fn next_refresh(&self, before: &TrustedSet) -> Result<TrustedSet, Attack> {
        refresh(&before.refresh(now()), &self.served())
    }
}
