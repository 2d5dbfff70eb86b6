//! A trust collection as its owner holds it: keys, current documents, and the next publish.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Duration, SecondsFormat, Utc};
use rand::rngs::StdRng;
use rand::{RngCore as _, SeedableRng as _};
use ring::digest::{SHA256, SHA512, digest};
use serde_json::{Map, Value, json};

use crate::certificate::CertificateShape;
use crate::document::Document;
use crate::key::{Key, key_id};

/// The public keys that a server offered for one GUN, as `GET …key` gives them.
#[derive(Clone, Debug)]
pub struct ServerKeys {
    /// The timestamp key.
    pub timestamp: Value,
    /// The snapshot key when the server is to hold it; `None`: the client does.
    pub snapshot: Option<Value>,
}

/// One trust collection: its keys and its newest documents.
///
/// Every change leaves all documents signed and, where the client holds the snapshot key, named
/// by the snapshot. Nothing is published by itself: [`Repository::parts`] hands out bytes.
#[derive(Clone, Debug)]
pub struct Repository {
    gun: String,
    now: DateTime<Utc>,
    rng: StdRng,
    keys: BTreeMap<String, Vec<Key>>,
    former_root_keys: Vec<Key>,
    documents: BTreeMap<String, Document>,
}

impl Repository {
    /// A collection of `gun` with root, targets and (unless the server holds that key) snapshot,
    /// each at version 1, one key each: a certificate for root, ECDSA for the others.
    #[must_use]
    pub fn new(gun: &str, seed: u64, now: DateTime<Utc>, server: &ServerKeys) -> Self {
        let mut repository = Self {
            gun: gun.to_owned(),
            now,
            rng: StdRng::seed_from_u64(seed),
            keys: BTreeMap::new(),
            former_root_keys: Vec::new(),
            documents: BTreeMap::new(),
        };
        let root_key = repository.new_root_key();
        let targets_key = repository.new_ecdsa_key();
        let mut root = json!({"_type": "Root", "consistent_snapshot": false, "keys": {},
            "expires": repository.in_days(3650), "roles": {}, "version": 1});
        list_key(&mut root, "root", &root_key.to_json());
        list_key(&mut root, "targets", &targets_key.to_json());
        list_key(&mut root, "timestamp", &server.timestamp);
        repository.keys.insert("root".into(), vec![root_key]);
        repository.keys.insert("targets".into(), vec![targets_key]);
        if let Some(public) = &server.snapshot {
            list_key(&mut root, "snapshot", public);
        } else {
            let key = repository.new_ecdsa_key();
            list_key(&mut root, "snapshot", &key.to_json());
            repository.keys.insert("snapshot".into(), vec![key]);
            let snapshot = json!({"_type": "Snapshot", "expires": repository.in_days(1095),
                "meta": {}, "version": 1});
            repository.put("snapshot", &snapshot);
        }
        let targets = repository.empty_targets();
        repository.put("root", &root);
        repository.put("targets", &targets);
        repository
    }

    /// The GUN.
    #[must_use]
    pub fn gun(&self) -> &str {
        &self.gun
    }

    /// The point in time at which it is made; expiry dates count from it.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// The roles that have a document, in order of name.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.documents.keys().map(String::as_str)
    }

    /// The newest document of `role`.
    #[must_use]
    pub fn document(&self, role: &str) -> Option<&Document> {
        self.documents.get(role)
    }

    /// The keys that sign `role`; none for one that the server holds.
    #[must_use]
    pub fn keys(&self, role: &str) -> &[Key] {
        self.keys.get(role).map_or(&[], Vec::as_slice)
    }

    /// Whether the client signs the snapshot.
    #[must_use]
    pub fn holds_snapshot_key(&self) -> bool {
        self.keys.contains_key("snapshot")
    }

    /// A fresh key for `ecdsa`.
    pub fn new_ecdsa_key(&mut self) -> Key {
        Key::ecdsa(self.random())
    }

    /// A fresh Ed25519 key.
    pub fn new_ed25519_key(&mut self) -> Key {
        Key::ed25519(self.random())
    }

    /// A fresh key with the certificate that a client makes for this GUN.
    pub fn new_root_key(&mut self) -> Key {
        let shape = CertificateShape::of_client(&self.gun, self.now);
        Key::ecdsa_certificate(self.random(), &shape)
    }

    /// A fresh key with a certificate of another shape.
    pub fn new_certificate_key(&mut self, shape: &CertificateShape) -> Key {
        Key::ecdsa_certificate(self.random(), shape)
    }

    /// 32 fresh bytes.
    pub fn random(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    /// The moment `days` from now, to the second; negative: in the past. (Notary drops trailing
    /// zeros of a fraction when it writes a document again, and then looks for other bytes.)
    #[must_use]
    pub fn in_days(&self, days: i64) -> String {
        (self.now + Duration::days(days)).to_rfc3339_opts(SecondsFormat::Secs, true)
    }

    /// Changes `signed` of `role`, signs it again and names it in the snapshot.
    pub fn edit(&mut self, role: &str, change: impl FnOnce(&mut Value)) {
        if let Some(document) = self.documents.get_mut(role) {
            document.edit(change);
        }
        self.sign(role);
    }

    /// Changes the whole document of `role`, signatures too, and names the outcome in the
    /// snapshot. Does not sign.
    pub fn damage(&mut self, role: &str, change: impl FnOnce(&mut Document)) {
        if let Some(document) = self.documents.get_mut(role) {
            change(document);
        }
        if role != "snapshot" {
            self.seal();
        }
    }

    /// Signs `role` with its keys (root: also with those it has replaced) and names it in the
    /// snapshot.
    pub fn sign(&mut self, role: &str) {
        let former = if role == "root" { self.former_root_keys.as_slice() } else { &[] };
        let keys = self.keys.get(role).map_or(&[][..], Vec::as_slice);
        if let Some(document) = self.documents.get_mut(role) {
            document.sign(keys.iter().chain(former));
        }
        if role != "snapshot" {
            self.seal();
        }
    }

    /// Makes the snapshot name every other document by its present bytes, and signs it. Does
    /// nothing where the server holds that key.
    pub fn seal(&mut self) {
        let entries = self
            .documents
            .iter()
            .filter(|(role, _)| *role != "snapshot")
            .map(|(role, document)| (role.clone(), meta_entry(&document.to_bytes())));
        let entries: Map<String, Value> = entries.collect();
        if let Some(snapshot) = self.documents.get_mut("snapshot") {
            snapshot.edit(|signed| set(signed, "meta", Value::Object(entries)));
            snapshot.sign(self.keys.get("snapshot").map_or(&[][..], Vec::as_slice));
        }
    }

    /// Raises the version of `role` by one.
    pub fn bump(&mut self, role: &str) {
        let next = self.documents.get(role).map_or(1, |document| document.version() + 1);
        self.edit(role, |signed| set(signed, "version", json!(next)));
    }

    /// Raises the version of every document by one.
    pub fn bump_all(&mut self) {
        let roles: Vec<String> = self.documents.keys().cloned().collect();
        for role in roles {
            self.bump(&role);
        }
    }

    /// Lists a target of the given content in `role`, at the next version.
    pub fn add_target(&mut self, role: &str, name: &str, content: &[u8]) {
        self.edit(role, |signed| {
            if let Some(targets) = signed.get_mut("targets") {
                set(targets, name, meta_entry(content));
            }
        });
        self.bump(role);
    }

    /// Adds the delegation `name` with `key`, paths `[""]` and threshold 1: its document at
    /// version 1, and its listing in the parent at the parent's next version.
    pub fn add_delegation(&mut self, name: &str, key: Key) {
        let parent = parent(name).to_owned();
        self.edit(&parent, |signed| {
            let Some(delegations) = signed.get_mut("delegations") else { return };
            if let Some(keys) = delegations.get_mut("keys") {
                set(keys, &key.id(), key.to_json());
            }
            if let Some(roles) = delegations.get_mut("roles").and_then(Value::as_array_mut) {
                roles.push(json!({"keyids": [key.id()], "name": name, "paths": [""],
                    "threshold": 1}));
            }
        });
        self.bump(&parent);
        self.keys.insert(name.to_owned(), vec![key]);
        let targets = self.empty_targets();
        self.put(name, &targets);
    }

    /// Replaces the client-held keys of a base role in the root, at the root's next version. A
    /// new root key's root is signed by the replaced key too.
    pub fn rotate(&mut self, role: &str, key: Key) {
        self.rotate_to_many(role, vec![key], 1);
    }

    /// Replaces the keys of a base role that the client holds, as [`Repository::rotate`] does, by
    /// any number of them with any threshold.
    pub fn rotate_to_many(&mut self, role: &str, keys: Vec<Key>, threshold: u64) {
        let Some(first) = keys.first().map(Key::to_json) else { return };
        let former = self.keys.insert(role.to_owned(), keys.clone());
        if role == "root" {
            self.former_root_keys = former.unwrap_or_default();
        }
        self.list_in_root(role, &first);
        self.edit("root", |root| {
            for key in &keys {
                if let Some(listed) = root.get_mut("keys") {
                    set(listed, &key.id(), key.to_json());
                }
            }
            let ids: Vec<String> = keys.iter().map(Key::id).collect();
            if let Some(roles) = root.get_mut("roles") {
                set(roles, role, json!({"keyids": ids, "threshold": threshold}));
            }
        });
        self.sign(role);
    }

    /// Replaces the keys and the threshold of a delegation, at its parent's next version.
    pub fn rotate_delegation(&mut self, name: &str, keys: Vec<Key>, threshold: u64) {
        let parent = parent(name).to_owned();
        self.edit(&parent, |signed| {
            let Some(delegations) = signed.get_mut("delegations") else { return };
            for key in &keys {
                if let Some(listed) = delegations.get_mut("keys") {
                    set(listed, &key.id(), key.to_json());
                }
            }
            let ids: Vec<String> = keys.iter().map(Key::id).collect();
            let roles = delegations.get_mut("roles").and_then(Value::as_array_mut);
            for listed in roles.into_iter().flatten() {
                if listed.get("name") == Some(&json!(name)) {
                    set(listed, "keyids", json!(ids));
                    set(listed, "threshold", json!(threshold));
                }
            }
        });
        self.bump(&parent);
        self.keys.insert(name.to_owned(), keys);
        self.sign(name);
    }

    /// Takes `name` and what is below it off its parent's list, at the parent's next version, and
    /// forgets their documents.
    pub fn remove_delegation(&mut self, name: &str) {
        let parent = parent(name).to_owned();
        self.edit(&parent, |signed| {
            let roles = signed.pointer_mut("/delegations/roles").and_then(Value::as_array_mut);
            if let Some(roles) = roles {
                roles.retain(|listed| listed.get("name") != Some(&json!(name)));
            }
        });
        let below = format!("{name}/");
        self.documents.retain(|role, _| role != name && !role.starts_with(&below));
        self.keys.retain(|role, _| role != name && !role.starts_with(&below));
        self.bump(&parent);
    }

    /// Gives `timestamp` or `snapshot` to the server under the public key `listed`, at the root's
    /// next version.
    pub fn rotate_to_server(&mut self, role: &str, listed: &Value) {
        self.keys.remove(role);
        self.documents.remove(role);
        self.list_in_root(role, listed);
    }

    /// Takes the snapshot back from the server with `key`: its document gets `version`.
    pub fn rotate_snapshot_to_client(&mut self, key: Key, version: u64) {
        let listed = key.to_json();
        self.keys.insert("snapshot".to_owned(), vec![key]);
        let snapshot = json!({"_type": "Snapshot", "expires": self.in_days(1095), "meta": {},
            "version": version});
        self.put("snapshot", &snapshot);
        self.list_in_root("snapshot", &listed);
    }

    /// Says that a root rotation is over: the next root is signed by its own keys only.
    pub fn forget_former_root_keys(&mut self) {
        self.former_root_keys.clear();
    }

    /// The root keys that the newest rotation replaced.
    #[must_use]
    pub fn former_root_keys(&self) -> &[Key] {
        &self.former_root_keys
    }

    /// The given roles as the parts of one publish: role name and bytes. Roles without a document
    /// are left out.
    #[must_use]
    pub fn parts(&self, roles: &[&str]) -> Vec<(String, Vec<u8>)> {
        let part = |role: &&str| {
            self.documents.get(*role).map(|document| ((*role).to_owned(), document.to_bytes()))
        };
        roles.iter().filter_map(part).collect()
    }

    /// Every document as one publish.
    #[must_use]
    pub fn all_parts(&self) -> Vec<(String, Vec<u8>)> {
        self.parts(&self.roles().collect::<Vec<_>>())
    }

    fn empty_targets(&self) -> Value {
        json!({"_type": "Targets", "delegations": {"keys": {}, "roles": []},
            "expires": self.in_days(1095), "targets": {}, "version": 1})
    }

    fn put(&mut self, role: &str, signed: &Value) {
        self.documents.insert(role.to_owned(), Document::unsigned(signed));
        self.sign(role);
    }

    fn list_in_root(&mut self, role: &str, listed: &Value) {
        self.edit("root", |root| {
            unlist_keys(root, role);
            list_key(root, role, listed);
        });
        self.bump("root");
    }
}

/// The role that lists `name`: everything before its last slash.
#[must_use]
pub fn parent(name: &str) -> &str {
    name.rsplit_once('/').map_or("targets", |(parent, _)| parent)
}

/// Length and both digests of `bytes`, as snapshots and targets list them.
#[must_use]
pub fn meta_entry(bytes: &[u8]) -> Value {
    json!({"hashes": {"sha256": STANDARD.encode(digest(&SHA256, bytes)),
                      "sha512": STANDARD.encode(digest(&SHA512, bytes))},
           "length": bytes.len()})
}

/// Sets one member of an object; does nothing to any other value.
pub(crate) fn set(object: &mut Value, name: &str, member: Value) {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), member);
    }
}

/// Lists a public key as the only one of `role`, threshold 1.
fn list_key(root: &mut Value, role: &str, listed: &Value) {
    let id = key_id(listed);
    if let Some(roles) = root.get_mut("roles") {
        set(roles, role, json!({"keyids": [&id], "threshold": 1}));
    }
    if let Some(keys) = root.get_mut("keys") {
        set(keys, &id, listed.clone());
    }
}

/// Drops the keys of `role` from the root's key list.
fn unlist_keys(root: &mut Value, role: &str) {
    let listed = root.pointer(&format!("/roles/{role}/keyids")).and_then(Value::as_array);
    let ids: Vec<String> =
        listed.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    if let Some(keys) = root.get_mut("keys").and_then(Value::as_object_mut) {
        keys.retain(|id, _| !ids.contains(id));
    }
}
