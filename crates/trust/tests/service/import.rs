//! Everything moves from one store to another, or is told why not.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::Duration;
use countersign_custody::sealed::{Arrival, KeyFlaw, KeyMover, Passphrase, Passphrases, Rounds};
use countersign_forge::repository::Repository;
use countersign_storage::engine::sqlite::SqliteStore;
use countersign_storage::{
    ArchivedDocument, ArchivedKey, Change, ChangeRange, Inventory as _, KeyArchive as _,
    KeyBinding, KeyBindings as _, KeyCatalogue as _, KeyRecord, KeyStore as _,
    MetadataArchive as _, MetadataStore as _, SealedKey,
};
use countersign_trust::Clock as _;
use countersign_trust::operate::import::{
    Account, Destination, Import, ImportError, Side, Stage, Watch,
};
use countersign_tuf::names::{ServerRole, Version};

use crate::bench::{Bench, gun, role};

const ONE: &str = "example.com/one";
const TWO: &str = "example.com/two";

/// Watches, and stops after so many steps.
struct Watcher {
    steps: AtomicU64,
    most: u64,
    at_keys: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Watcher {
    fn new(most: u64) -> Self {
        Self { steps: AtomicU64::new(0), most, at_keys: Mutex::new(None) }
    }
}

impl Watch for Watcher {
    fn is_stopped(&self) -> bool {
        self.steps.load(Ordering::Relaxed) >= self.most
    }

    fn begin(&self, stage: Stage, _: Option<u64>) {
        if stage == Stage::Keys
            && let Some(act) = self.at_keys.lock().unwrap().take()
        {
            act();
        }
    }

    fn advance(&self) {
        self.steps.fetch_add(1, Ordering::Relaxed);
    }
}

fn side(store: &SqliteStore) -> Side<'_> {
    Side {
        metadata: store,
        inventory: store,
        archive: store,
        keys: store,
        catalogue: store,
        key_archive: store,
        bindings: store,
    }
}

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text.to_owned().into()).unwrap()
}

/// Opens what the benches seal.
fn mover() -> KeyMover {
    KeyMover::new(Passphrases::new("countersign", passphrase("throwaway")), Arrival::AsTheyAre)
}

async fn import_watched(
    from: &Bench,
    to: &Bench,
    mover: &KeyMover,
    watch: &Watcher,
) -> Result<Account, ImportError> {
    let destination = Destination::Store(side(&to.store));
    Import::new(side(&from.store), destination, mover, watch, from.clock.now()).run().await
}

async fn import(from: &Bench, to: &Bench) -> Account {
    import_watched(from, to, &mover(), &Watcher::new(u64::MAX)).await.unwrap()
}

/// Everything that a store holds, but for the numbers of its rows.
#[derive(Debug, PartialEq)]
struct Everything {
    documents: BTreeMap<(String, String, i32), (Vec<u8>, String)>,
    changes: Vec<Change>,
    keys: Vec<(KeyRecord, SealedKey)>,
    signer_keys: Vec<KeyBinding>,
}

async fn everything(store: &SqliteStore) -> Everything {
    let mut documents = BTreeMap::new();
    for gun in store.guns(None, 1000).await.unwrap() {
        for row in store.versions(&gun).await.unwrap() {
            let bytes = store.bytes(row.id).await.unwrap().unwrap().to_vec();
            let place = (gun.clone(), row.role, row.version);
            documents.insert(place, (bytes, format!("{:?} {:?}", row.sha256, row.stored_at)));
        }
    }
    let changes = store.changes(None, ChangeRange::After { id: 0, limit: 1000 }).await.unwrap();
    let mut keys = Vec::new();
    for record in store.records(None, None, 1000).await.unwrap() {
        let key = store.by_id(&record.key_id).await.unwrap().unwrap();
        keys.push((record, key));
    }
    let signer_keys = store.bindings(None, None, 1000).await.unwrap();
    Everything { documents, changes, keys, signer_keys }
}

/// A key of a signer that is for the timestamps of this GUN.
fn at_signer(key_id: &str, name: &str, bench: &Bench) -> KeyBinding {
    KeyBinding {
        key_id: key_id.to_owned(),
        algorithm: "ecdsa".to_owned(),
        gun: gun(name),
        role: ServerRole::Timestamp,
        bound_at: bench.clock.now(),
        last_used: None,
    }
}

/// A service with two repositories, one of which was deleted and begun again, and a pending key;
/// and two keys of a signer, one of them pending.
async fn lived_in() -> (Bench, Repository) {
    let bench = Bench::new().await;
    let gone = bench.server_snapshot(TWO).await;
    bench.publish(TWO, gone.all_parts()).await.unwrap();
    bench.trust.delete(&gun(TWO)).await.unwrap();
    let mut one = bench.client_snapshot(ONE).await;
    let delegate = one.new_ecdsa_key();
    one.add_delegation("targets/a", delegate);
    bench.publish(ONE, one.all_parts()).await.unwrap();
    bench.clock.advance(Duration::days(1));
    publish_again(&bench, &mut one).await;
    let two = bench.server_snapshot(TWO).await;
    bench.publish(TWO, two.all_parts()).await.unwrap();
    bench.trust.rotate_key(&gun(TWO), ServerRole::Snapshot).await.unwrap();
    for (id, name) in [("a1", "pending"), ("b2", ONE)] {
        bench.store.bind_key(&at_signer(&id.repeat(32), name, &bench)).await.unwrap();
    }
    bench.store.note_binding_used(&"b2".repeat(32), bench.clock.now()).await.unwrap();
    (bench, one)
}

async fn publish_again(bench: &Bench, repository: &mut Repository) {
    repository.add_target("targets", "v2", b"two");
    repository.bump("targets");
    repository.bump("snapshot");
    let parts = repository.parts(&["targets", "snapshot"]);
    bench.publish(repository.gun(), parts).await.unwrap();
}

#[tokio::test]
async fn everything_arrives_as_it_was_and_a_second_run_moves_nothing() {
    let (from, _) = lived_in().await;
    let to = Bench::new().await;
    let account = import(&from, &to).await;
    let source = everything(&from.store).await;
    assert_eq!(everything(&to.store).await, source);
    assert!(account.is_clean(), "{account:?}");
    assert_eq!((account.guns_new, account.guns_unchanged), (2, 0));
    assert_eq!(account.versions, u64::try_from(source.documents.len()).unwrap());
    assert_eq!(account.keys, u64::try_from(source.keys.len()).unwrap());
    assert_eq!(account.keys_unnamed, 3, "two of the deleted life, one pending: {account:?}");
    assert_eq!(account.changes, 5);
    assert_eq!((account.signer_keys, account.signer_keys_unchanged), (2, 0));

    let again = import(&from, &to).await;
    assert_eq!(everything(&to.store).await, source);
    assert!(again.is_clean(), "{again:?}");
    assert_eq!((again.guns_new, again.guns_unchanged, again.versions), (0, 2, 0));
    assert_eq!((again.keys, again.keys_unchanged, again.changes), (0, account.keys, 0));
    assert_eq!((again.signer_keys, again.signer_keys_unchanged), (0, 2));
}

#[tokio::test]
async fn what_arrived_is_served_and_published_to() {
    let (from, mut one) = lived_in().await;
    let to = Bench::new().await;
    import(&from, &to).await;
    to.clock.advance(Duration::days(2));
    let before = from.version(ONE, "timestamp").await;
    publish_again(&to, &mut one).await;
    assert_eq!(to.version(ONE, "timestamp").await, before + 1);
    let changes = to.store.changes(None, ChangeRange::Latest { limit: 1 }).await.unwrap();
    assert_eq!(changes[0].id, 6);
}

#[tokio::test]
async fn a_run_that_is_stopped_anywhere_is_finished_by_the_next() {
    let (from, _) = lived_in().await;
    let source = everything(&from.store).await;
    let mut runs = 0;
    for most in 0..60 {
        let to = Bench::new().await;
        let stopped = import_watched(&from, &to, &mover(), &Watcher::new(most)).await.unwrap();
        let account = import(&from, &to).await;
        assert!(account.is_clean(), "{most}: {account:?}");
        assert_eq!(everything(&to.store).await, source, "{most}");
        runs += 1;
        if !stopped.interrupted {
            break;
        }
    }
    assert!((10..60).contains(&runs), "{runs}");
}

#[tokio::test]
async fn what_changed_between_two_runs_is_moved_by_the_second() {
    let (from, mut one) = lived_in().await;
    let to = Bench::new().await;
    import(&from, &to).await;
    publish_again(&from, &mut one).await;
    from.trust.delete(&gun(TWO)).await.unwrap();
    let three = from.client_snapshot("three").await;
    from.publish("three", three.all_parts()).await.unwrap();
    let account = import(&from, &to).await;
    assert_eq!(everything(&to.store).await, everything(&from.store).await);
    assert_eq!((account.guns_new, account.guns_updated, account.guns_removed), (1, 1, 1));
}

#[tokio::test]
async fn a_gun_that_was_deleted_and_begun_again_is_moved_anew() {
    let (from, _) = lived_in().await;
    let to = Bench::new().await;
    import(&from, &to).await;
    from.trust.delete(&gun(ONE)).await.unwrap();
    let again = from.server_snapshot(ONE).await;
    from.publish(ONE, again.all_parts()).await.unwrap();
    let account = import(&from, &to).await;
    assert!(account.is_clean(), "{account:?}");
    assert_eq!(everything(&to.store).await, everything(&from.store).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_while_a_run_is_on_its_way_is_moved_by_its_second_pass() {
    let (from, mut one) = lived_in().await;
    let (from, to) = (std::sync::Arc::new(from), Bench::new().await);
    let watch = Watcher::new(u64::MAX);
    let (publisher, runtime) = (from.clone(), tokio::runtime::Handle::current());
    *watch.at_keys.lock().unwrap() = Some(Box::new(move || {
        tokio::task::block_in_place(|| {
            runtime.block_on(async {
                publish_again(&publisher, &mut one).await;
                let three = publisher.client_snapshot("three").await;
                publisher.publish("three", three.all_parts()).await.unwrap();
                publisher.trust.delete(&gun(TWO)).await.unwrap();
            });
        });
    }));
    let account = import_watched(&from, &to, &mover(), &watch).await.unwrap();
    assert!(account.is_clean(), "{account:?}");
    assert_eq!(everything(&to.store).await, everything(&from.store).await);
    assert_eq!((account.guns_new, account.guns_updated, account.guns_removed), (3, 1, 1));
}

#[tokio::test]
async fn a_target_that_somebody_published_to_is_left_as_it_is() {
    let (from, mut one) = lived_in().await;
    let to = Bench::new().await;
    import(&from, &to).await;
    to.clock.advance(Duration::days(2));
    publish_again(&to, &mut one).await;
    let before = everything(&to.store).await;
    let refused = import_watched(&from, &to, &mover(), &Watcher::new(u64::MAX)).await;
    assert!(matches!(refused, Err(ImportError::Foreign { id: 6, .. })), "{refused:?}");
    assert_eq!(everything(&to.store).await, before);

    let (other, _) = lived_in().await;
    let stranger = Bench::new().await;
    let own = stranger.client_snapshot("own").await;
    stranger.publish("own", own.all_parts()).await.unwrap();
    let before = everything(&stranger.store).await;
    let refused = import_watched(&other, &stranger, &mover(), &Watcher::new(u64::MAX)).await;
    assert!(matches!(refused, Err(ImportError::Foreign { id: 1, .. })), "{refused:?}");
    assert_eq!(everything(&stranger.store).await, before);
}

#[tokio::test]
async fn a_repository_that_does_not_verify_is_left_out_and_the_others_arrive() {
    let (from, _) = lived_in().await;
    let document = ArchivedDocument {
        role: role("timestamp"),
        version: Version::new(99).unwrap(),
        bytes: bytes::Bytes::from_static(b"{\"signed\": {}, \"signatures\": []}"),
        stored_at: from.clock.now(),
    };
    from.store.put_unjudged(&gun(TWO), &[document]).await.unwrap();
    let to = Bench::new().await;
    for run in 0..2 {
        let account = import(&from, &to).await;
        assert!(!account.is_clean());
        let left_out: Vec<&String> = account.left_out.keys().collect();
        assert_eq!(left_out, [TWO], "{run}");
        assert!(account.left_out[TWO][0].contains("a client refuses it"), "{account:?}");
        assert_eq!(to.store.versions(TWO).await.unwrap(), []);
        assert_eq!(to.store.guns(None, 10).await.unwrap(), [ONE]);
        assert_eq!(account.changes, if run == 0 { 5 } else { 0 });
    }
}

#[tokio::test]
async fn a_damaged_row_that_no_client_needs_is_left_out_alone() {
    let (from, _) = lived_in().await;
    let stray = |name: &str, number| ArchivedDocument {
        role: role(name),
        version: Version::new(number).unwrap(),
        bytes: bytes::Bytes::from_static(b"no document"),
        stored_at: from.clock.now(),
    };
    from.store.put_unjudged(&gun(ONE), &[stray("targets/old", 3)]).await.unwrap();
    let to = Bench::new().await;
    for run in 0..2 {
        let account = import(&from, &to).await;
        assert!(account.left_out.is_empty(), "{account:?}");
        assert_eq!(account.damaged[ONE].len(), 1, "{run}: {account:?}");
        let roles = to.store.versions(ONE).await.unwrap();
        assert!(roles.len() > 4 && roles.iter().all(|row| row.role != "targets/old"));
    }
}

#[tokio::test]
async fn a_gun_whose_timestamp_key_is_lost_is_left_out() {
    let (from, _) = lived_in().await;
    let records = from.store.records(Some(ONE), None, 10).await.unwrap();
    from.store.remove_key(&records[0].key_id).await.unwrap();
    let to = Bench::new().await;
    let account = import(&from, &to).await;
    assert!(account.left_out[ONE][0].contains(&records[0].key_id), "{account:?}");
    assert_eq!(to.store.guns(None, 10).await.unwrap(), [TWO]);
}

#[tokio::test]
async fn a_gun_whose_timestamp_key_is_at_a_signer_arrives_with_what_it_is_for() {
    let (from, _) = lived_in().await;
    let records = from.store.records(Some(ONE), None, 10).await.unwrap();
    from.store.remove_key(&records[0].key_id).await.unwrap();
    from.store.bind_key(&at_signer(&records[0].key_id, ONE, &from)).await.unwrap();
    let to = Bench::new().await;
    let account = import(&from, &to).await;
    assert!(account.is_clean(), "{account:?}");
    assert_eq!(everything(&to.store).await, everything(&from.store).await);
}

#[tokio::test]
async fn the_next_run_moves_what_a_signers_key_signed_meanwhile() {
    let (from, _) = lived_in().await;
    let to = Bench::new().await;
    import(&from, &to).await;
    from.clock.advance(Duration::days(2));
    from.store.note_binding_used(&"a1".repeat(32), from.clock.now()).await.unwrap();
    let account = import(&from, &to).await;
    assert_eq!((account.signer_keys, account.signer_keys_unchanged), (1, 1));
    assert_eq!(everything(&to.store).await, everything(&from.store).await);
}

#[tokio::test]
async fn a_signers_key_that_is_anothers_in_the_target_stays_so_and_is_told() {
    let (from, _) = lived_in().await;
    let to = Bench::new().await;
    let others = at_signer(&"a1".repeat(32), "another", &to);
    to.store.bind_key(&others).await.unwrap();
    for _ in 0..2 {
        let account = import(&from, &to).await;
        let told: Vec<&str> = account.key_troubles.iter().map(|one| one.key_id.as_str()).collect();
        assert_eq!(told, [others.key_id.as_str()], "{account:?}");
        let reason = account.key_troubles[0].flaw.to_string();
        assert!(reason.contains("in the target it is for another (timestamp)"), "{reason}");
        assert_eq!(to.store.binding(&others.key_id).await.unwrap(), Some(others.clone()));
    }
}

#[tokio::test]
async fn keys_without_a_passphrase_arrive_as_they_are_and_are_told() {
    let (from, _) = lived_in().await;
    let other = Passphrases::new("countersign", passphrase("another"));
    for (passphrases, told) in [
        (Passphrases::new("else", passphrase("another")), "NOTARY_SIGNER_COUNTERSIGN"),
        (other, "it does not open"),
    ] {
        let to = Bench::new().await;
        let mover = KeyMover::new(passphrases, Arrival::AsTheyAre);
        let watch = Watcher::new(u64::MAX);
        let account = import_watched(&from, &to, &mover, &watch).await.unwrap();
        assert!(!account.is_clean());
        assert_eq!(u64::try_from(account.key_troubles.len()).unwrap(), account.keys);
        for trouble in &account.key_troubles {
            assert!(trouble.flaw.to_string().contains(told), "{trouble:?}");
        }
        assert_eq!(everything(&to.store).await.keys, everything(&from.store).await.keys);
    }
}

#[tokio::test]
async fn keys_sealed_anew_open_with_the_new_passphrase_alone_and_only_once() {
    let (from, mut one) = lived_in().await;
    let to = Bench::new().await;
    let ring = || Passphrases::new("new", passphrase("ours"));
    let old = || ring().with("countersign", passphrase("throwaway"));
    let anew = KeyMover::new(old(), Arrival::SealedAnew(Rounds::new(1000).unwrap()));
    let account = import_watched(&from, &to, &anew, &Watcher::new(u64::MAX)).await.unwrap();
    assert!(account.is_clean(), "{account:?}");
    let arrived = everything(&to.store).await;
    assert!(arrived.keys.iter().all(|(_, key)| key.passphrase_alias == "new"));

    publish_again(&from, &mut one).await;
    from.clock.advance(Duration::days(3));
    publish_again(&from, &mut one).await;
    let again = import_watched(&from, &to, &anew, &Watcher::new(u64::MAX)).await.unwrap();
    assert_eq!((again.keys, again.is_clean()), (1, true), "its last use moved: {again:?}");
    for (record, key) in everything(&to.store).await.keys {
        let at_source = from.store.by_id(&record.key_id).await.unwrap().unwrap();
        assert_eq!(key.last_used, at_source.last_used);
        let before = arrived.keys.iter().find(|(_, key)| key.key_id == record.key_id).unwrap();
        assert_eq!(key.sealed, before.1.sealed);
    }
    let alone = KeyMover::new(ring(), Arrival::AsTheyAre);
    for (_, key) in everything(&to.store).await.keys {
        assert_eq!(alone.look_into(key).await.unwrap().flaw, None);
    }
}

#[tokio::test]
async fn an_old_key_is_bound_to_the_first_stored_root_that_names_it() {
    let (from, one) = lived_in().await;
    let records = from.store.records(Some(ONE), None, 10).await.unwrap();
    let key = from.store.by_id(&records[0].key_id).await.unwrap().unwrap();
    let old = SealedKey { gun: String::new(), role: String::new(), ..key.clone() };
    let stray = SealedKey { key_id: "0".repeat(64), ..old.clone() };
    let rows = [old, stray].map(|key| ArchivedKey { key, created_at: Some(from.clock.now()) });
    from.store.put_keys_unjudged(&rows).await.unwrap();
    // Another GUN names the same key, later.
    let stolen = one.document("root").unwrap().to_bytes();
    let later = ArchivedDocument {
        role: role("root"),
        version: Version::new(1).unwrap(),
        bytes: stolen.into(),
        stored_at: from.clock.now(),
    };
    from.store.put_unjudged(&gun("another"), &[later]).await.unwrap();
    let to = Bench::new().await;
    let account = import(&from, &to).await;
    assert_eq!(account.keys_bound, 1, "{account:?}");
    let arrived = to.store.by_id(&key.key_id).await.unwrap().unwrap();
    assert_eq!((arrived.gun.as_str(), arrived.role.as_str()), (ONE, "timestamp"));
    let stray = to.store.by_id(&"0".repeat(64)).await.unwrap().unwrap();
    assert_eq!((stray.gun.as_str(), stray.role.as_str()), ("", ""));
    assert!(matches!(account.key_troubles.as_slice(), [trouble]
        if trouble.key_id == stray.key_id && matches!(trouble.flaw, KeyFlaw::Unusable(_))));
    assert_eq!(to.store.guns(None, 10).await.unwrap(), [ONE, TWO]);
}

#[tokio::test]
async fn a_dry_run_tells_the_same_and_moves_nothing() {
    let (from, _) = lived_in().await;
    let to = Bench::new().await;
    let before = everything(&to.store).await;
    let (mover, watch) = (mover(), Watcher::new(u64::MAX));
    let mut dry = Vec::new();
    for there in [None, Some(side(&to.store))] {
        let nowhere = Destination::Nowhere(there);
        let import = Import::new(side(&from.store), nowhere, &mover, &watch, from.clock.now());
        dry.push(import.run().await.unwrap());
    }
    assert_eq!(everything(&to.store).await, before);
    let account = import(&from, &to).await;
    for dry in dry {
        assert_eq!(dry, Account { changes: 0, ..account.clone() });
    }
}
