//! What a server should hold after the publishes so far, by the simplest account: whatever was
//! uploaded and accepted is the newest of its role. It knows no rule and shares no code with them.

use std::collections::BTreeMap;

use countersign_tuf::names::RoleName;
use serde_json::Value;

use crate::operation::Parts;
use crate::server::{Model, role};

#[derive(Clone, Default)]
pub(crate) struct Expected {
    /// The newest uploaded document of each role; the snapshot only while clients sign it.
    newest: BTreeMap<String, Vec<u8>>,
    snapshot_version: i64,
    timestamp_version: i64,
    stored: usize,
}

impl Expected {
    /// A publish was accepted.
    pub(crate) fn accept(&mut self, parts: &Parts) {
        self.newest.extend(parts.iter().cloned());
        self.stored += parts.len() + 1;
        self.timestamp_version += 1;
        match parts.iter().find(|(name, _)| name == "snapshot") {
            Some((_, bytes)) => self.snapshot_version = version(bytes),
            None => {
                self.newest.remove("snapshot");
                self.snapshot_version += 1;
                self.stored += 1;
            }
        }
    }

    pub(crate) fn next_snapshot_version(&self) -> u64 {
        u64::try_from(self.snapshot_version + 1).unwrap()
    }

    /// Compares what is stored.
    pub(crate) fn compare_stored(&self, server: &Model) -> Result<(), String> {
        if server.documents.len() != self.stored {
            let found = server.documents.len();
            return Err(format!("{found} documents are stored, expected {}", self.stored));
        }
        for (name, bytes) in &self.newest {
            let newest = server.newest(&role(name)).map(|document| &document.bytes);
            if newest.is_none_or(|found| found != bytes) {
                return Err(format!("the newest {name} is not the one that was accepted last"));
            }
        }
        for (role, expected) in [
            (RoleName::Snapshot, self.snapshot_version),
            (RoleName::Timestamp, self.timestamp_version),
        ] {
            let found = server.newest(&role).map_or(0, |document| document.version.get());
            if found != expected {
                return Err(format!("{role} has version {found}, expected {expected}"));
            }
        }
        Ok(())
    }

    /// Every signed name and the first role that lists it, level by level and in the order in
    /// which roles are listed. Every path is allowed.
    pub(crate) fn names(&self) -> BTreeMap<String, String> {
        let mut names = BTreeMap::new();
        let mut level = vec!["targets".to_owned()];
        while !level.is_empty() {
            let mut below = Vec::new();
            for role in level {
                let Some(signed) = self.newest.get(&role).map(|bytes| signed(bytes)) else {
                    continue;
                };
                for target in signed.pointer("/targets").and_then(Value::as_object).unwrap().keys()
                {
                    names.entry(target.clone()).or_insert_with(|| role.clone());
                }
                let listed = signed.pointer("/delegations/roles").and_then(Value::as_array);
                let name = |listed: &Value| listed.pointer("/name")?.as_str().map(str::to_owned);
                below.extend(listed.unwrap().iter().filter_map(name));
            }
            level = below;
        }
        names
    }
}

fn signed(bytes: &[u8]) -> Value {
    let document: Value = serde_json::from_slice(bytes).unwrap();
    document.pointer("/signed").cloned().unwrap()
}

fn version(bytes: &[u8]) -> i64 {
    signed(bytes).pointer("/version").and_then(Value::as_i64).unwrap()
}
