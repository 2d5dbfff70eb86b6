//! What a check says of repositories, sound and damaged.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::Duration;
use countersign_forge::repository::Repository;
use countersign_storage::engine::sqlite::SqliteStore;
use countersign_storage::{Inventory, SealedKey, StorageResult, VersionRecord};
use countersign_storage::{KeyStore, MetadataStore as _};
use countersign_trust::Clock as _;
use countersign_trust::operate::{Checker, Fault, HeldKeys, Note, Report, RowDamage, Sources};
use countersign_tuf::names::{RoleName, ServerRole};
use countersign_tuf::trusted_set::Attack;

use crate::bench::Bench;

const GUN: &str = "example.com/team/app";

type Change = Box<dyn Fn(&str, &mut Vec<VersionRecord>) + Send + Sync>;

/// A store whose rows a test may change before they are seen.
struct Spoiled {
    store: Arc<SqliteStore>,
    rows: Change,
    bytes: BTreeMap<i64, Bytes>,
}

#[async_trait]
impl Inventory for Spoiled {
    async fn guns(&self, after: Option<&str>, most: u32) -> StorageResult<Vec<String>> {
        self.store.guns(after, most).await
    }

    async fn versions(&self, gun: &str) -> StorageResult<Vec<VersionRecord>> {
        let mut rows = self.store.versions(gun).await?;
        (self.rows)(gun, &mut rows);
        Ok(rows)
    }

    async fn bytes(&self, id: i64) -> StorageResult<Option<Bytes>> {
        match self.bytes.get(&id) {
            Some(bytes) => Ok(Some(bytes.clone())),
            None => self.store.bytes(id).await,
        }
    }
}

/// A service with a repository that has seen something: three roots, delegations, several publishes.
async fn lived_in(gun: &str) -> (Bench, Repository) {
    let bench = Bench::new().await;
    let repository = live(&bench, gun).await;
    (bench, repository)
}

async fn live(bench: &Bench, gun: &str) -> Repository {
    let mut repository = bench.client_snapshot(gun).await;
    let delegate = repository.new_ecdsa_key();
    repository.add_delegation("targets/a", delegate);
    repository.add_target("targets/a", "v1", b"one");
    bench.publish(gun, repository.all_parts()).await.unwrap();
    for _ in 0..2 {
        bench.clock.advance(Duration::days(1));
        let key = repository.new_root_key();
        repository.rotate("root", key);
        repository.bump("targets");
        repository.bump("snapshot");
        bench.publish(gun, repository.parts(&["root", "targets", "snapshot"])).await.unwrap();
    }
    repository
}

async fn check(bench: &Bench, gun: &str) -> Report {
    check_in(bench, &*bench.store, gun).await
}

async fn check_in(bench: &Bench, inventory: &dyn Inventory, gun: &str) -> Report {
    let sources = Sources { inventory, keys: HeldKeys::of(&*bench.store) };
    Checker::new(sources, bench.clock.now()).check(gun).await.unwrap()
}

async fn spoilt(
    bench: &Bench,
    rows: impl Fn(&mut Vec<VersionRecord>) + Send + Sync + 'static,
) -> Report {
    let rows = move |gun: &str, found: &mut Vec<VersionRecord>| {
        if gun == GUN {
            rows(found);
        }
    };
    let store = bench.store.clone();
    let spoiled = Spoiled { store, rows: Box::new(rows), bytes: BTreeMap::new() };
    check_in(bench, &spoiled, GUN).await
}

/// The stored versions of a role, lowest first.
async fn versions(bench: &Bench, role: &str) -> Vec<VersionRecord> {
    let mut rows = bench.store.versions(GUN).await.unwrap();
    rows.retain(|row| row.role == role);
    rows.sort_by_key(|row| row.version);
    rows
}

/// The same with other bytes in the row of a role's version; 0 is the lowest.
async fn overwritten(bench: &Bench, role: &str, nth: usize, bytes: &'static [u8]) -> Report {
    let id = versions(bench, role).await[nth].id;
    let bytes = BTreeMap::from([(id, Bytes::from_static(bytes))]);
    let spoiled = Spoiled { store: bench.store.clone(), rows: Box::new(|_, _| {}), bytes };
    check_in(bench, &spoiled, GUN).await
}

#[tokio::test]
async fn a_repository_that_has_been_lived_in_is_sound() {
    let (bench, _) = lived_in(GUN).await;
    let report = check(&bench, GUN).await;
    assert!(report.is_sound() && report.notes.is_empty(), "{report:?}");
    assert_eq!(report.versions, 13, "3 of root, targets, snapshot, timestamp, 1 of the delegation");
}

#[tokio::test]
async fn what_the_server_signs_again_may_have_expired_without_a_word() {
    let (bench, _) = lived_in(GUN).await;
    bench.clock.advance(Duration::days(100));
    let report = check(&bench, GUN).await;
    assert!(report.is_sound() && report.notes.is_empty(), "{report:?}");
}

#[tokio::test]
async fn what_its_owner_let_expire_is_noted_and_no_fault() {
    let (bench, _) = lived_in(GUN).await;
    bench.clock.advance(Duration::days(5 * 365));
    let report = check(&bench, GUN).await;
    assert!(report.is_sound(), "{report:?}");
    let expired = |role: &RoleName| {
        report.notes.iter().any(|note| matches!(note, Note::Expired { role: it, .. } if it == role))
    };
    assert!(expired(&RoleName::Targets) && expired(&RoleName::Snapshot), "{report:?}");
    assert!(!expired(&RoleName::Root), "{report:?}");
}

#[tokio::test]
async fn targets_that_had_expired_before_the_newest_root_are_noted_and_no_fault() {
    let (bench, mut repository) = lived_in(GUN).await;
    let soon = repository.in_days(4);
    repository.edit("targets", |signed| signed["expires"] = soon.into());
    repository.bump("targets");
    repository.bump("snapshot");
    bench.publish(GUN, repository.parts(&["targets", "snapshot"])).await.unwrap();
    bench.clock.advance(Duration::days(10));
    let late = bench.clock.now();
    let later = move |rows: &mut Vec<VersionRecord>| {
        for row in rows.iter_mut().filter(|row| row.role == "root") {
            row.stored_at = Some(late);
        }
    };
    let report = spoilt(&bench, later).await;
    assert!(report.is_sound(), "{report:?}");
    assert!(
        matches!(report.notes.as_slice(), [Note::Expired { role: RoleName::Targets, .. }]),
        "{report:?}"
    );
}

#[tokio::test]
async fn a_damaged_row_that_no_client_needs_is_told_and_the_repository_verifies() {
    let (bench, _) = lived_in(GUN).await;
    let report = overwritten(&bench, "targets", 0, b"{}").await;
    assert!(report.verifies() && !report.is_sound(), "{report:?}");
    let [row] = report.damaged.as_slice() else { panic!("{report:?}") };
    assert_eq!(row.id, versions(&bench, "targets").await[0].id);
    assert_eq!(row.damage, RowDamage::Digest);
}

#[tokio::test]
async fn a_damaged_row_that_a_client_needs_is_a_fault() {
    let (bench, _) = lived_in(GUN).await;
    for (role, nth) in
        [("root", 0), ("root", 1), ("root", 2), ("timestamp", 2), ("snapshot", 2), ("targets", 2)]
    {
        let report = overwritten(&bench, role, nth, b"{}").await;
        assert!(
            matches!(report.faults.as_slice(), [Fault::Refused(_)]),
            "{role} {nth}: {report:?}"
        );
        assert_eq!(report.damaged.len(), 1, "{role} {nth}: {report:?}");
    }
}

#[tokio::test]
async fn a_row_that_is_missing_on_the_way_is_a_fault() {
    let (bench, _) = lived_in(GUN).await;
    let without = |role: &'static str, nth: usize| {
        let bench = &bench;
        async move {
            let id = versions(bench, role).await[nth].id;
            spoilt(bench, move |rows| rows.retain(|row| row.id != id)).await.faults
        }
    };
    assert!(matches!(
        without("root", 1).await.as_slice(),
        [Fault::Refused(Attack::RootOutOfTurn { .. })]
    ));
    for (role, nth) in [("snapshot", 2), ("targets", 2), ("targets/a", 0)] {
        let faults = without(role, nth).await;
        assert!(
            matches!(faults.as_slice(), [Fault::Missing { role: it, .. }] if it.as_str() == role),
            "{faults:?}"
        );
    }
    let nothing = spoilt(&bench, Vec::clear).await.faults;
    assert!(matches!(nothing.as_slice(), [Fault::Missing { role: RoleName::Root, .. }]));
}

#[tokio::test]
async fn each_way_in_which_a_row_is_not_what_it_says_is_named() {
    let (bench, _) = lived_in(GUN).await;
    let damage = |change: fn(&mut VersionRecord)| {
        let bench = &bench;
        async move {
            let first = move |rows: &mut Vec<VersionRecord>| {
                let stale = rows.iter_mut().find(|row| row.role == "targets").unwrap();
                change(stale);
            };
            let mut report = spoilt(bench, first).await;
            assert!(report.verifies(), "{report:?}");
            report.damaged.pop().unwrap().damage
        }
    };
    assert_eq!(damage(|row| row.version = 0).await, RowDamage::Version);
    assert_eq!(damage(|row| row.version = -3).await, RowDamage::Version);
    let states = i64::from(versions(&bench, "targets").await[0].version);
    assert_eq!(damage(|row| row.version = 99).await, RowDamage::OtherVersion(states));
    assert_eq!(damage(|row| row.role = "Targets".to_owned()).await, RowDamage::Role);
    assert_eq!(damage(|row| row.sha256 = None).await, RowDamage::Digest);
    let other = damage(|row| row.role = "snapshot".to_owned()).await;
    assert!(matches!(other, RowDamage::Content(_)), "{other:?}");
}

#[tokio::test]
async fn a_timestamp_key_that_the_server_lost_is_a_fault_and_a_clients_snapshot_key_is_none() {
    let (bench, _) = lived_in(GUN).await;
    let other = Bench::new().await;
    let sources = Sources { inventory: &*bench.store, keys: HeldKeys::of(&*other.store) };
    let report = Checker::new(sources, bench.clock.now()).check(GUN).await.unwrap();
    let [Fault::NoTimestampKey { held: 0, needed: 1, missing }] = report.faults.as_slice() else {
        panic!("{report:?}")
    };
    assert_eq!(missing.len(), 1);
}

#[tokio::test]
async fn an_old_key_without_gun_is_anybodys_unless_it_is_bound_to_another() {
    let (bench, _) = lived_in(GUN).await;
    let records = countersign_storage::KeyCatalogue::records(&*bench.store, Some(GUN), None, 5);
    let [record] = &records.await.unwrap()[..] else { panic!("one timestamp key") };
    let held = bench.store.by_id(&record.key_id).await.unwrap().unwrap();
    let old = SealedKey { gun: String::new(), role: String::new(), last_used: None, ..held };
    let elsewhere = Bench::new().await;
    elsewhere.store.insert_unless_pending(&old, bench.clock.now()).await.unwrap();
    for (gun, faults) in [(None, 0), (Some(GUN), 0), (Some("another"), 1)] {
        let keys = HeldKeys::of(&*elsewhere.store);
        let bound = gun.map(|gun| (old.key_id.clone(), (gun.to_owned(), ServerRole::Timestamp)));
        let keys = keys.bound_by(bound.into_iter().collect());
        let sources = Sources { inventory: &*bench.store, keys };
        let report = Checker::new(sources, bench.clock.now()).check(GUN).await.unwrap();
        assert_eq!(report.faults.len(), faults, "{gun:?}: {report:?}");
    }
}

#[tokio::test]
async fn damage_in_one_gun_is_a_finding_for_that_gun_alone() {
    let (bench, _) = lived_in(GUN).await;
    live(&bench, "example.com/other").await;
    let spoiled = Spoiled {
        store: bench.store.clone(),
        rows: Box::new(|gun, rows| {
            if gun == GUN {
                rows.truncate(3)
            }
        }),
        bytes: BTreeMap::new(),
    };
    assert!(!check_in(&bench, &spoiled, GUN).await.verifies());
    assert!(check_in(&bench, &spoiled, "example.com/other").await.is_sound());
}

#[tokio::test]
async fn a_name_that_no_request_can_have_is_a_fault() {
    let (bench, _) = lived_in(GUN).await;
    let report = check(&bench, "tab\tin it").await;
    assert!(matches!(report.faults.as_slice(), [Fault::Name(_)]), "{report:?}");
}

#[tokio::test]
async fn a_check_changes_nothing() {
    let (bench, _) = lived_in(GUN).await;
    let before = bench.state(GUN).await;
    let document = bench.store.newest(&crate::bench::gun(GUN), &RoleName::Timestamp).await.unwrap();
    bench.clock.advance(Duration::days(100));
    check(&bench, GUN).await;
    assert_eq!(bench.state(GUN).await, before);
    let after = bench.store.newest(&crate::bench::gun(GUN), &RoleName::Timestamp).await.unwrap();
    assert_eq!(after, document);
}
