//! Clearing the store: what clients can need stays, whatever they have seen; nothing else does.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use chrono::{DateTime, Duration, Utc};
use countersign_forge::repository::Repository;
use countersign_storage::{
    ChangeRange, Inventory as _, MetadataStore as _, Removal, VersionRecord,
};
use countersign_trust::operate::gc::{Cleared, Keep, Plan, Shelves, clear};
use countersign_trust::{Clock as _, Document, Policy, Trust};
use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::names::{RoleName, Version};
use countersign_tuf::trusted_set::{Delegations, Limits, RootChain, TrustedSet};
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};

use crate::bench::{Bench, gun, role};

const GUN: &str = "example.com/team/app";

const CURRENT_ONLY: Keep = Keep { versions: 1, superseded_within: Duration::zero() };

fn plan(keep: Keep) -> Plan {
    Plan { keep, changes_within: None, removal: Removal::Real }
}

async fn cleared(bench: &Bench, plan: Plan) -> Cleared {
    let store = &*bench.store;
    let shelves = Shelves { inventory: store, retention: store };
    clear(shelves, plan, bench.clock.now()).await.unwrap()
}

/// A client's cache: the newest root that it trusts, and the versions it has seen.
struct Cache {
    root: Bytes,
    versions: BTreeMap<RoleName, Version>,
}

impl Cache {
    fn of(set: &TrustedSet) -> Self {
        Self { root: set.root().raw().clone(), versions: set.versions().clone() }
    }
}

/// What a client does that comes back: every root since, the timestamp, and from there by hash.
async fn refresh(trust: &Trust, cache: &Cache, now: DateTime<Utc>) -> TrustedSet {
    let (app, limits) = (gun(GUN), Limits::default());
    let (root, versions) = (cache.root.clone(), cache.versions.clone());
    let mut chain = RootChain::resume(app.clone(), root, versions, now, limits).unwrap();
    while let Some(next) = chain.root().version().next() {
        let Some(root) = trust.by_version(&app, &RoleName::Root, next).await.unwrap() else {
            break;
        };
        chain.update_root(root.bytes).unwrap();
    }
    let current = trust.current(&app, &RoleName::Timestamp).await.unwrap().unwrap();
    let timestamp = chain.update_timestamp(current.bytes).unwrap();
    let sha256 = timestamp.wanted().sha256().unwrap();
    let snapshot = timestamp.update_snapshot(fetch(trust, "snapshot", sha256).await).unwrap();
    for (name, entry) in snapshot.snapshot().content().entries() {
        fetch(trust, name.as_str(), entry.sha256().unwrap()).await;
    }
    let targets = snapshot.snapshot().content().entry(&RoleName::Targets).unwrap();
    let targets = fetch(trust, "targets", targets.sha256().unwrap()).await;
    let mut delegations = snapshot.update_targets(targets).unwrap();
    loop {
        match delegations {
            Delegations::Complete(set) => return set,
            Delegations::Wanted(wanted) => {
                let sha256 = wanted.wanted().sha256().unwrap();
                let raw = fetch(trust, wanted.role().as_str(), sha256).await;
                delegations = wanted.update(raw).unwrap();
            }
        }
    }
}

async fn fetch(trust: &Trust, name: &str, sha256: Sha256Digest) -> Bytes {
    let found = trust.by_digest(&gun(GUN), &role(name), sha256).await.unwrap();
    assert!(found.is_some(), "{name} {} is not there", sha256.to_hex());
    found.unwrap().bytes
}

/// A new client, which begins with the first root.
async fn first_cache(bench: &Bench) -> Cache {
    let first = Version::new(1).unwrap();
    let root = bench.trust.by_version(&gun(GUN), &RoleName::Root, first).await.unwrap().unwrap();
    Cache { root: root.bytes, versions: BTreeMap::new() }
}

/// Every document that the client believes.
fn documents(set: &TrustedSet) -> Vec<&Bytes> {
    [set.root().raw(), set.snapshot().raw()]
        .into_iter()
        .chain(set.targets().map(|document| document.raw()))
        .collect()
}

/// Random enough, and the same in every run.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % sides
    }
}

/// One step in the life of a collection.
async fn step(bench: &Bench, repository: &mut Repository, dice: &mut Dice, number: u64) {
    let name = format!("v{number}");
    match dice.throw(7) {
        0 => {
            let key = repository.new_root_key();
            repository.rotate("root", key);
        }
        1 => {
            let key = repository.new_ecdsa_key();
            repository.add_delegation(&format!("targets/d{number}"), key);
        }
        2 => {
            let listed = delegations(repository);
            let Some(last) = listed.last() else { return };
            repository.remove_delegation(last);
        }
        3 => {
            let listed = delegations(repository);
            let Some(first) = listed.first() else { return };
            repository.add_target(first, &name, name.as_bytes());
        }
        4 => {
            // Nobody publishes; the server signs again.
            bench.clock.advance(Duration::days(14));
            bench.current(GUN, "timestamp").await.unwrap();
            return;
        }
        _ => repository.add_target("targets", &name, name.as_bytes()),
    }
    if repository.holds_snapshot_key() {
        repository.bump("snapshot");
    }
    publish_what_is_new(bench, repository).await;
}

/// As clients do: only documents that the server does not have.
async fn publish_what_is_new(bench: &Bench, repository: &Repository) {
    let mut parts = Vec::new();
    for (name, bytes) in repository.all_parts() {
        let sha256 = Sha256Digest::of(&bytes);
        if bench.trust.by_digest(&gun(GUN), &role(&name), sha256).await.unwrap().is_none() {
            parts.push((name, bytes));
        }
    }
    bench.publish(GUN, parts).await.unwrap();
}

fn delegations(repository: &Repository) -> Vec<String> {
    repository.roles().filter(|name| name.starts_with("targets/")).map(str::to_owned).collect()
}

/// What may be there after everything but the current state was cleared away.
async fn reachable(bench: &Bench, records: &[VersionRecord]) -> BTreeSet<i64> {
    let current = bench.current(GUN, "snapshot").await.unwrap();
    let content = countersign_tuf::rules::Stored::read_snapshot(current.bytes).unwrap();
    let named: BTreeSet<(String, String)> = content
        .entries()
        .map(|(role, entry)| (role.as_str().to_owned(), entry.sha256().unwrap().to_hex()))
        .chain([("snapshot".to_owned(), current.sha256.to_hex())])
        .collect();
    let is_head = |record: &VersionRecord| {
        records.iter().all(|o| o.role != record.role || o.version <= record.version)
    };
    let is_named = |record: &VersionRecord| {
        named.contains(&(record.role.clone(), record.sha256.clone().unwrap()))
    };
    records
        .iter()
        .filter(|record| record.role == "root" || is_head(record) || is_named(record))
        .map(|record| record.id)
        .collect()
}

/// Every cache that a client ever had leads to the current state after each clearing, and all that
/// the current state names is there. Nothing else is.
async fn lives(seed: u64, mut repository: Repository, bench: &Bench) {
    let mut dice = Dice(seed);
    bench.publish(GUN, repository.all_parts()).await.unwrap();
    let mut caches = vec![first_cache(bench).await];
    for number in 0..40 {
        step(bench, &mut repository, &mut dice, number).await;
        let now = bench.clock.now();
        let set = refresh(&bench.trust, &caches[0], now).await;
        caches.push(Cache::of(&set));
        if dice.throw(4) > 0 {
            continue;
        }
        let before = bench.store.versions(GUN).await.unwrap();
        let expected = reachable(bench, &before).await;
        let done = cleared(bench, plan(CURRENT_ONLY)).await;
        assert_eq!((done.left_alone, done.guns), (0, 1), "{done:?}");
        let left = bench.store.versions(GUN).await.unwrap();
        assert_eq!(left.iter().map(|record| record.id).collect::<BTreeSet<_>>(), expected);
        assert_eq!(done.versions, u64::try_from(before.len() - left.len()).unwrap());
        for cache in &caches {
            let again = refresh(&bench.trust, cache, now).await;
            assert_eq!(documents(&again), documents(&set), "seed {seed}, step {number}");
        }
    }
}

#[tokio::test]
async fn every_old_cache_leads_to_the_current_state_of_a_server_snapshot() {
    for seed in 1..=6 {
        let bench = Bench::new().await;
        lives(seed, bench.server_snapshot(GUN).await, &bench).await;
    }
}

#[tokio::test]
async fn every_old_cache_leads_to_the_current_state_of_a_client_snapshot() {
    for seed in 1..=6 {
        let bench = Bench::new().await;
        lives(seed, bench.client_snapshot(GUN).await, &bench).await;
    }
}

/// Five versions of targets, each a day after the one before.
async fn five_days() -> (Bench, Repository) {
    let bench = Bench::new().await;
    let mut repository = bench.server_snapshot(GUN).await;
    for number in 0..5 {
        bench.clock.advance(Duration::days(1));
        if number > 0 {
            repository.add_target("targets", &format!("v{number}"), b"x");
        }
        publish_what_is_new(&bench, &repository).await;
    }
    (bench, repository)
}

async fn versions(bench: &Bench, name: &str) -> Vec<i32> {
    let records = bench.store.versions(GUN).await.unwrap();
    records.iter().filter(|record| record.role == name).map(|record| record.version).collect()
}

#[tokio::test]
async fn a_reader_who_began_before_the_last_publish_finds_all_that_his_timestamp_names() {
    let (bench, mut repository) = five_days().await;
    bench.clock.advance(Duration::hours(2));
    let timestamp = bench.current(GUN, "timestamp").await.unwrap();
    repository.add_target("targets", "now", b"x");
    publish_what_is_new(&bench, &repository).await;
    cleared(&bench, plan(Keep { versions: 1, superseded_within: Duration::hours(1) })).await;
    let named = countersign_tuf::rules::Stored::read_timestamp(timestamp.bytes).unwrap();
    let snapshot = fetch(&bench.trust, "snapshot", named.snapshot_sha256()).await;
    let snapshot = countersign_tuf::rules::Stored::read_snapshot(snapshot).unwrap();
    for (name, entry) in snapshot.entries() {
        fetch(&bench.trust, name.as_str(), entry.sha256().unwrap()).await;
    }
    assert_eq!(versions(&bench, "targets").await, [5, 6]);
}

#[tokio::test]
async fn the_newest_few_versions_of_every_role_stay() {
    let (bench, _) = five_days().await;
    let keep = Keep { versions: 2, superseded_within: Duration::zero() };
    cleared(&bench, plan(keep)).await;
    for name in ["targets", "snapshot", "timestamp"] {
        assert_eq!(versions(&bench, name).await, [4, 5], "{name}");
    }
}

#[tokio::test]
async fn a_rehearsal_tells_what_would_go_and_nothing_goes() {
    let (bench, _) = five_days().await;
    let before = bench.store.versions(GUN).await.unwrap();
    let rehearsal = Plan {
        keep: CURRENT_ONLY,
        changes_within: Some(Duration::zero()),
        removal: Removal::Rehearsed,
    };
    let told = cleared(&bench, rehearsal).await;
    assert_eq!(bench.store.versions(GUN).await.unwrap(), before);
    let done = cleared(&bench, Plan { removal: Removal::Real, ..rehearsal }).await;
    assert_eq!(told, done);
    assert_eq!((done.versions, done.changes), (12, 4));
    let changes = bench.store.changes(None, ChangeRange::After { id: 0, limit: 10 }).await.unwrap();
    assert_eq!(changes.iter().map(|change| change.version).collect::<Vec<_>>(), [5]);
}

#[tokio::test]
async fn a_gun_whose_current_snapshot_is_damaged_is_left_alone_and_no_other_is() {
    let (bench, _) = five_days().await;
    let other = "example.com/team/other";
    bench.publish(other, bench.server_snapshot(other).await.all_parts()).await.unwrap();
    bench.clock.advance(Duration::days(14));
    bench.current(other, "timestamp").await.unwrap();
    let url = format!("sqlite:{}", bench.database().display());
    let mut past = SqliteConnection::connect(&url).await.unwrap();
    let damage = format!(
        "UPDATE tuf_files SET data = x'00' WHERE gun = '{GUN}' AND role = 'snapshot' AND version = 5"
    );
    sqlx::raw_sql(AssertSqlSafe(damage)).execute(&mut past).await.unwrap();
    let before = bench.store.versions(GUN).await.unwrap();
    let done = cleared(&bench, plan(CURRENT_ONLY)).await;
    assert_eq!(bench.store.versions(GUN).await.unwrap(), before);
    assert_eq!((done.guns, done.left_alone, done.versions), (2, 1, 1), "{done:?}");
    let (name, reason) = &done.examples[0];
    assert!(name == GUN && reason.contains("current snapshot cannot be read"), "{reason}");
}

/// A publisher may name again, by its hash, what was published before. When that goes between the
/// look at it and the commit, the publish is refused instead of leading to nothing.
#[tokio::test]
async fn a_document_that_goes_while_a_snapshot_names_it_again_makes_no_broken_state() {
    let bench = Bench::new().await;
    let mut repository = bench.client_snapshot(GUN).await;
    bench.publish(GUN, repository.all_parts()).await.unwrap();
    let first = repository.clone();
    repository.add_target("targets", "v1", b"x");
    repository.bump("snapshot");
    publish_what_is_new(&bench, &repository).await;
    // The third snapshot names the first targets again.
    let mut back = first.clone();
    back.bump("snapshot");
    back.bump("snapshot");
    let parts = back.parts(&["snapshot"]);
    let trust = crate::bench::service_under(
        std::sync::Arc::new(crate::clearing::ClearsBeforeCommit::over(&bench)),
        bench.custody.clone(),
        bench.clock.clone(),
        Policy::default(),
    );
    let before = bench.state(GUN).await;
    trust.publish(&gun(GUN), crate::bench::read(parts)).await.unwrap_err();
    assert_eq!(bench.state(GUN).await, before);
    let current: Option<Document> = bench.current(GUN, "targets").await;
    assert!(current.is_some());
}
