//! An owner, a server, an account of what that should hold, and a client: after every publish
//! they agree, or the world says who does not.

use std::collections::BTreeMap;

use chrono::Duration;
use countersign_forge::repository::Repository;
use countersign_tuf::accepted::AcceptedDocument;
use countersign_tuf::names::{Gun, RoleName};
use countersign_tuf::rules::{Stored, Update, UploadedPart};
use countersign_tuf::trusted_set::{Attack, Limits, Mismatch, RootChain, TrustedSet};

use crate::client::{Served, refresh};
use crate::expected::Expected;
use crate::operation::{Operation, Parts, Prepared, Surroundings};
use crate::server::{GUN, Model, circumstances, now, role};

/// How the server judges. All but the first are wrong, to see that this is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rules {
    AsWritten,
    /// Its clock is 25 hours behind: what expired a day ago still counts.
    ClockBehind,
    /// It does not ask whether the keys of the stored root signed the new one.
    OldRootForgotten,
    /// It keeps a part of what it refuses.
    RefusedIsStored,
    /// It forgets one document of what it accepts.
    AcceptedIsLost,
}

#[derive(Clone)]
pub(crate) struct World {
    rules: Rules,
    owner: Repository,
    server: Model,
    expected: Expected,
    first: Parts,
    /// Follows every publish.
    client: TrustedSet,
    /// Has seen the first publish only.
    sleeper: TrustedSet,
}

impl World {
    /// A repository with the delegation `targets/a`, published once. The client signs snapshots.
    pub(crate) fn new(rules: Rules) -> Self {
        let server = Model::new();
        let owner = server.client_snapshot();
        Self::begin(rules, server, owner)
    }

    /// As [`World::new`], but the server signs snapshots.
    pub(crate) fn with_server_snapshot(rules: Rules) -> Self {
        let server = Model::new();
        let owner = server.server_snapshot();
        Self::begin(rules, server, owner)
    }

    fn begin(rules: Rules, mut server: Model, mut owner: Repository) -> Self {
        let key = owner.new_ecdsa_key();
        owner.add_delegation("targets/a", key);
        let first = owner.all_parts();
        publish(&mut server, Rules::AsWritten, &first).unwrap();
        let mut expected = Expected::default();
        expected.accept(&first);
        let served = served(&server);
        let root = served.get(&RoleName::Root).unwrap().clone();
        let gun = Gun::parse(GUN).unwrap();
        let chain = RootChain::begin(gun, root, now(), Limits::default()).unwrap();
        let client = refresh(&chain, &served).unwrap();
        Self { rules, owner, server, expected, first, sleeper: client.clone(), client }
    }

    /// Plays a list of operations.
    pub(crate) fn play(mut self, operations: &[Operation]) -> Result<(), String> {
        for (number, operation) in operations.iter().enumerate() {
            self.step(operation).map_err(|why| format!("step {number}, {operation:?}: {why}"))?;
        }
        follow(&self.sleeper, &self.server).map_err(|attack| format!("late client: {attack}"))?;
        Ok(())
    }

    fn step(&mut self, operation: &Operation) -> Result<(), String> {
        let around = Surroundings {
            first: &self.first,
            server_snapshot_key: self.server.snapshot_key_json(),
            next_snapshot_version: self.expected.next_snapshot_version(),
        };
        match operation.prepare(&self.owner, &around) {
            Prepared::Nothing => Ok(()),
            Prepared::Right { repository, parts } => {
                publish(&mut self.server, self.rules, &parts)
                    .map_err(|why| format!("a right publish was refused: {why}"))?;
                self.owner = *repository;
                self.expected.accept(&parts);
                self.compare()
            }
            Prepared::Refused { parts } => {
                if publish(&mut self.server, self.rules, &parts).is_ok() {
                    return Err("an old publish was accepted".to_owned());
                }
                self.compare()
            }
            Prepared::Damaged { parts } => {
                let before = self.clone();
                if publish(&mut self.server, self.rules, &parts).is_err() {
                    return self.compare();
                }
                // An oddity that the rules let pass: the client must too. Then it is undone,
                // because the owner does not know what its own document says now.
                self.expected.accept(&parts);
                self.compare_odd()?;
                *self = before;
                Ok(())
            }
        }
    }

    /// Server, account and client agree.
    fn compare(&mut self) -> Result<(), String> {
        self.expected.compare_stored(&self.server)?;
        let set = follow(&self.client, &self.server)
            .map_err(|attack| format!("the client refuses what the server serves: {attack}"))?;
        let served = served(&self.server);
        for document in set.targets() {
            if served.get(document.role()) != Some(document.raw()) {
                return Err(format!("the client has another {}", document.role()));
            }
        }
        let names: BTreeMap<String, String> = set
            .list()
            .into_iter()
            .map(|(name, found)| (name.to_owned(), found.role.to_string()))
            .collect();
        let expected = self.expected.names();
        if names != expected || !set.skipped().is_empty() {
            return Err(format!("the client lists {names:?}, expected {expected:?}"));
        }
        self.client = set;
        Ok(())
    }

    /// As [`World::compare`], for documents whose meaning the account does not know.
    fn compare_odd(&self) -> Result<(), String> {
        self.expected.compare_stored(&self.server)?;
        match follow(&self.client, &self.server) {
            // The server, like Notary's, does not look at lengths; a client does.
            Ok(_) | Err(Attack::MixAndMatch { fault: Mismatch::Length { .. }, .. }) => Ok(()),
            Err(attack) => Err(format!("the client refuses what the server accepted: {attack}")),
        }
    }
}

/// Publishes as a server with these rules does. What is refused changes nothing.
fn publish(server: &mut Model, rules: Rules, parts: &Parts) -> Result<(), String> {
    let outcome = judge(server, rules, parts);
    if outcome.is_err() && rules == Rules::RefusedIsStored {
        let kept = parts.first().unwrap();
        let version = countersign_tuf::names::Version::FIRST;
        let document = AcceptedDocument::new(role(&kept.0), version, kept.1.clone().into());
        server.documents.push(document);
    }
    if outcome.is_ok() && rules == Rules::AcceptedIsLost {
        server.documents.pop();
    }
    outcome
}

fn judge(server: &mut Model, rules: Rules, parts: &Parts) -> Result<(), String> {
    let parts = parts
        .iter()
        .map(|(name, bytes)| UploadedPart::parse(role(name), bytes.clone().into()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|fault| fault.to_string())?;
    let update = Update::new(parts);
    let (mut stored, mut circumstances) = (server.stored(&update), circumstances());
    match rules {
        Rules::OldRootForgotten => stored.root = None,
        Rules::ClockBehind => circumstances.now -= Duration::hours(25),
        Rules::AsWritten | Rules::AcceptedIsLost | Rules::RefusedIsStored => {}
    }
    let accepted =
        server.judge(&update, &stored, circumstances).map_err(|refusal| refusal.to_string())?;
    // What storage refuses at commit.
    for document in accepted.documents() {
        if server.newest(&document.role).is_some_and(|newest| newest.version >= document.version) {
            return Err(format!("{} has no newer version", document.role));
        }
    }
    server.store(&accepted);
    Ok(())
}

/// What a server answers now: from the newest timestamp by digest to everything else.
fn served(server: &Model) -> Served {
    let timestamp = server.newest(&RoleName::Timestamp).unwrap().bytes.clone();
    let sha256 = Stored::read_timestamp(timestamp.clone()).unwrap().snapshot_sha256();
    let mut served = Served::from([(RoleName::Timestamp, timestamp)]);
    if let Some(snapshot) = server.by_digest(&RoleName::Snapshot, sha256) {
        let named = Stored::read_snapshot(snapshot.bytes.clone()).unwrap();
        served.insert(RoleName::Snapshot, snapshot.bytes.clone());
        served.extend(named.entries().filter_map(|(role, entry)| {
            let bytes = server.by_digest(&role, entry.sha256()?)?.bytes.clone();
            Some((role, bytes))
        }));
    }
    served
}

/// Refreshes a client: the roots in turn by their versions, then everything else.
fn follow(client: &TrustedSet, server: &Model) -> Result<TrustedSet, Attack> {
    let served = served(server);
    let mut chain = client.refresh(now());
    while let Some(next) = chain.root().version().next() {
        let root = |d: &&AcceptedDocument| d.role == RoleName::Root && d.version == next;
        let Some(root) = server.documents.iter().find(root) else { break };
        chain.update_root(root.bytes.clone())?;
    }
    refresh(&chain, &served)
}
