//! From one passphrase to the next beside processes that make keys and sign: in whole, refused, and
//! broken off at every call to the store (contract section 1, signer spec 3.4).

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use countersign_custody::sealed::{
    BEAT_EVERY, CheckFollower, Onlooker, OpenError, Passphrase, PassphraseSource, Passphrases,
    Proposal, Rotation, RotationEnd, RotationError, RotationEvent, RotationStores, Rounds,
    SealedCustody, Unopened, follow_check, rotate,
};
use countersign_custody::{Custody as _, CustodyError};
use countersign_storage::KeyProcess;
use countersign_tuf::keys::{PublicKey, ServerKeyAlgorithm};
use countersign_tuf::names::{Gun, ServerRole};

use crate::workbench::{MESSAGE, SECRET, Workbench, only, secret};

const NEXT: &str = "countersign_2";
const NEXT_SECRET: &str = "planted next";
const WAIT: Duration = Duration::from_secs(30);

/// Where one process looks passphrases up.
#[derive(Clone, Default)]
struct Shelf(Arc<Mutex<HashMap<String, String>>>);

impl Shelf {
    fn put(&self, alias: &str, text: &str) {
        self.0.lock().unwrap().insert(alias.to_owned(), text.to_owned());
    }
}

impl PassphraseSource for Shelf {
    fn find(&self, alias: &str) -> Vec<Passphrase> {
        self.0.lock().unwrap().get(alias).map(|text| secret(text)).into_iter().collect()
    }
}

/// A process that holds keys: custody, and its place in the registry.
struct Process {
    custody: SealedCustody,
    follower: CheckFollower,
    shelf: Shelf,
    made: Vec<(Gun, PublicKey)>,
}

impl Process {
    /// Starts as a server does.
    async fn start(bench: &Workbench, name: &str, ring: Passphrases) -> Result<Self, OpenError> {
        let shelf = Shelf::default();
        let ring = Arc::new(ring.asking(shelf.clone()));
        follow_check(&*bench.store, &ring).await?;
        let custody = bench.open_shared(Arc::clone(&ring)).await?;
        let store = Arc::clone(&bench.store);
        let follower =
            CheckFollower::new(store, ring, name.to_owned(), format!("{name} on a host"));
        Ok(Self { custody, follower, shelf, made: Vec::new() })
    }

    async fn make(&mut self, gun: &str) -> Result<(), CustodyError> {
        let gun = Gun::parse(gun).unwrap();
        let (role, algorithm) = (ServerRole::Timestamp, ServerKeyAlgorithm::Ecdsa);
        let key = self.custody.pending_key(&gun, role, algorithm).await?;
        self.made.push((gun, key));
        Ok(())
    }

    /// Signs with every key that it made.
    async fn sign_with_all(&self) -> Result<(), CustodyError> {
        sign_with(&self.custody, &self.made).await
    }
}

async fn sign_with(custody: &SealedCustody, made: &[(Gun, PublicKey)]) -> Result<(), CustodyError> {
    for (gun, key) in made {
        let signed = custody.sign(gun, ServerRole::Timestamp, key.id(), MESSAGE).await?;
        assert_eq!(&signed.unwrap().key, key, "{gun}");
    }
    Ok(())
}

/// Waits by letting the processes live: each pause is one beat of all, one more key of the first,
/// and a signature of every key.
struct Life<'a> {
    processes: &'a mut [Process],
    passed: Duration,
    events: Vec<RotationEvent>,
    clock: DateTime<Utc>,
}

impl<'a> Life<'a> {
    fn of(bench: &Workbench, processes: &'a mut [Process]) -> Self {
        Self { processes, passed: Duration::ZERO, events: Vec::new(), clock: bench.time() }
    }
}

#[async_trait]
impl Onlooker for Life<'_> {
    async fn pause(&mut self) {
        self.passed += BEAT_EVERY;
        let passed = self.passed.as_secs();
        for (place, process) in self.processes.iter_mut().enumerate() {
            // The fuse may have ended the store for all.
            process.follower.beat().await.ok();
            process.make(&format!("made/{place}/{passed}")).await.unwrap();
            process.sign_with_all().await.unwrap();
        }
    }

    fn elapsed(&self) -> Duration {
        self.passed
    }

    fn now(&self) -> DateTime<Utc> {
        self.clock
    }

    fn tell(&mut self, event: &RotationEvent) {
        self.events.push(event.clone());
    }
}

fn rounds() -> Rounds {
    Rounds::new(1_000).unwrap()
}

fn rotation(bench: &Workbench, alias: &str, text: &str) -> Rotation {
    let ring = Arc::new(only(SECRET).with("old", secret("old")));
    Rotation::new(Arc::clone(&bench.store) as Arc<_>, ring, alias, secret(text), rounds())
}

async fn run(
    bench: &Workbench,
    life: &mut Life<'_>,
    unopened: Unopened,
) -> Result<RotationEnd, RotationError> {
    let store = &*bench.store;
    let stores = RotationStores { keys: store, aliases: store, moves: store };
    rotate(&rotation(bench, NEXT, NEXT_SECRET), stores, life, WAIT, unopened).await
}

/// A database with two processes that made `keys` keys each.
async fn lived_in(keys: usize) -> (Workbench, Vec<Process>) {
    let bench = Workbench::new();
    let mut processes = Vec::new();
    for name in ["a", "b"] {
        let mut process = Process::start(&bench, name, only(SECRET)).await.unwrap();
        process.follower.beat().await.unwrap();
        for number in 0..keys {
            process.make(&format!("before/{name}/{number}")).await.unwrap();
        }
        process.sign_with_all().await.unwrap();
        processes.push(process);
    }
    (bench, processes)
}

fn aliases(bench: &Workbench) -> Vec<String> {
    let mut aliases: Vec<String> =
        bench.store.rows().into_iter().map(|row| row.passphrase_alias).collect();
    aliases.sort();
    aliases.dedup();
    aliases
}

/// Every key signs in a new process that has nothing but the new passphrase.
async fn prove_all_moved(bench: &Workbench, processes: &[Process]) {
    assert_eq!(aliases(bench), [NEXT]);
    assert_eq!(bench.store.check_alias().as_deref(), Some(NEXT));
    let ring = Passphrases::new(NEXT, secret(NEXT_SECRET));
    let mut fresh = Process::start(bench, "fresh", ring).await.unwrap();
    for process in processes {
        sign_with(&fresh.custody, &process.made).await.unwrap();
    }
    fresh.make("made/by/fresh").await.unwrap();
    assert_eq!(aliases(bench), [NEXT]);
}

#[tokio::test]
async fn all_keys_move_while_two_processes_make_keys_and_sign() {
    let (bench, mut processes) = lived_in(3).await;
    for process in &processes {
        process.shelf.put(NEXT, NEXT_SECRET);
    }
    let mut life = Life::of(&bench, &mut processes);
    let end = run(&bench, &mut life, Unopened::Stop).await.unwrap();
    let RotationEnd::Done { resealed, left, clinging } = end else { panic!("{end:?}") };
    assert!(resealed >= 6, "{resealed}");
    assert!(left.is_empty() && clinging.is_empty(), "{left:?} {clinging:?}");
    assert!(life.events.contains(&RotationEvent::Adopted));
    prove_all_moved(&bench, &processes).await;
    // Those that lived on make keys under it too, and nothing is left to do.
    for process in &mut processes {
        process.make("made/after").await.ok();
    }
    assert_eq!(aliases(&bench), [NEXT]);
    let before = bench.store.rows();
    let end = run(&bench, &mut Life::of(&bench, &mut processes), Unopened::Stop).await.unwrap();
    let nothing = RotationEnd::Done { resealed: 0, left: Vec::new(), clinging: Vec::new() };
    assert_eq!(end, nothing);
    assert_eq!(bench.store.rows(), before);
}

#[tokio::test]
async fn a_process_that_lacks_the_passphrase_is_named_and_nothing_changes() {
    let (bench, mut processes) = lived_in(2).await;
    processes[0].shelf.put(NEXT, NEXT_SECRET);
    processes[1].shelf.put(NEXT, "planted other");
    let mut life = Life::of(&bench, &mut processes);
    let end = run(&bench, &mut life, Unopened::Stop).await.unwrap();
    let processes_named = vec!["b on a host".to_owned()];
    let lacking = RotationEnd::Lacking {
        processes: processes_named,
        resealed: 0,
        proposal: Proposal::Withdrawn,
    };
    assert_eq!(end, lacking);
    assert!(life.passed >= WAIT);
    assert_eq!(aliases(&bench), ["countersign"]);
    assert_eq!(bench.store.check_alias(), None);
    // The same again once it has it.
    processes[1].shelf.put(NEXT, NEXT_SECRET);
    let end = run(&bench, &mut Life::of(&bench, &mut processes), Unopened::Stop).await.unwrap();
    assert!(matches!(end, RotationEnd::Done { .. }), "{end:?}");
    prove_all_moved(&bench, &processes).await;
}

#[tokio::test]
async fn dead_processes_are_waited_for_no_longer_than_it_takes_to_know_and_forgotten() {
    let (bench, mut processes) = lived_in(1).await;
    bench.store.note(KeyProcess {
        id: "dead".to_owned(),
        shown: "killed".to_owned(),
        beat: 3,
        opens: String::new(),
        seals_under: "countersign".to_owned(),
    });
    for process in &processes {
        process.shelf.put(NEXT, NEXT_SECRET);
    }
    let mut life = Life::of(&bench, &mut processes);
    let end = run(&bench, &mut life, Unopened::Stop).await.unwrap();
    assert!(matches!(end, RotationEnd::Done { .. }), "{end:?}");
    assert!(life.passed < WAIT, "{:?}", life.passed);
    let noted: Vec<String> = bench.store.noted().into_iter().map(|one| one.id).collect();
    assert_eq!(noted.len(), 2, "{noted:?}");
    assert!(!noted.contains(&"dead".to_owned()));
}

#[tokio::test]
async fn a_process_that_is_pinned_to_an_alias_is_named_and_goes_on() {
    let bench = Workbench::new();
    let mut process = Process::start(&bench, "pinned", only(SECRET).pinned()).await.unwrap();
    process.make("before").await.unwrap();
    process.follower.beat().await.unwrap();
    process.shelf.put(NEXT, NEXT_SECRET);
    let mut processes = vec![process];
    let end = run(&bench, &mut Life::of(&bench, &mut processes), Unopened::Stop).await.unwrap();
    let RotationEnd::Done { clinging, .. } = end else { panic!("{end:?}") };
    assert_eq!(clinging, ["pinned on a host"]);
    processes[0].make("after").await.unwrap();
    processes[0].sign_with_all().await.unwrap();
    assert_eq!(aliases(&bench), ["countersign", NEXT]);
}

#[tokio::test]
async fn keys_that_do_not_open_are_named_and_the_check_value_does_not_move_over_them() {
    let (bench, mut processes) = lived_in(2).await;
    for process in &processes {
        process.shelf.put(NEXT, NEXT_SECRET);
    }
    let mut damaged = bench.store.rows().remove(0);
    damaged.sealed.truncate(100);
    bench.store.delete(&damaged.key_id);
    processes[0].made.retain(|(_, key)| key.id().as_str() != damaged.key_id);
    bench.store.put(damaged.clone());
    let end = run(&bench, &mut Life::of(&bench, &mut processes), Unopened::Stop).await.unwrap();
    let RotationEnd::Left { left, .. } = end else { panic!("{end:?}") };
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].key_id, damaged.key_id);
    assert!(left[0].flaw.to_string().contains("no compact JWE"), "{}", left[0].flaw);
    assert_eq!(bench.store.check_alias(), None);
    let end = run(&bench, &mut Life::of(&bench, &mut processes), Unopened::Leave).await.unwrap();
    let RotationEnd::Done { left, .. } = end else { panic!("{end:?}") };
    assert_eq!(left.len(), 1);
    assert_eq!(bench.store.check_alias().as_deref(), Some(NEXT));
    assert!(bench.store.rows().contains(&damaged), "it stays as it was");
}

/// Broken off at each call to the store, run again from the start: every key signs at every moment,
/// and in the end all have moved.
#[tokio::test]
async fn broken_off_at_any_call_no_key_is_lost_and_the_next_run_ends_it() {
    for calls in 0..1_000 {
        let (bench, mut processes) = lived_in(2).await;
        for process in &processes {
            process.shelf.put(NEXT, NEXT_SECRET);
        }
        bench.store.set_fuse(calls);
        let broken = run(&bench, &mut Life::of(&bench, &mut processes), Unopened::Stop).await;
        let is_whole = bench.store.remove_fuse().is_some_and(|left| left > 0);
        for process in &processes {
            process.sign_with_all().await.unwrap();
        }
        let both = only(SECRET).with(NEXT, secret(NEXT_SECRET));
        let fresh = Process::start(&bench, "fresh", both).await.unwrap();
        for process in &processes {
            sign_with(&fresh.custody, &process.made).await.unwrap();
        }
        if is_whole {
            assert!(calls > 20, "only {calls} calls");
            assert!(matches!(broken, Ok(RotationEnd::Done { .. })), "{broken:?}");
            return;
        }
        let end = run(&bench, &mut Life::of(&bench, &mut processes), Unopened::Stop).await;
        assert!(matches!(end, Ok(RotationEnd::Done { .. })), "after {calls} calls: {end:?}");
        prove_all_moved(&bench, &processes).await;
    }
    panic!("it never ended by itself");
}

#[tokio::test]
async fn what_cannot_be_begun_says_why_and_changes_nothing() {
    let empty = Workbench::new();
    let error = rotation(&empty, NEXT, NEXT_SECRET).begin().await.unwrap_err();
    assert!(matches!(error, RotationError::Unopened), "{error}");
    let (bench, _processes) = lived_in(1).await;
    let error = rotation(&bench, "CounterSign", "planted other").begin().await.unwrap_err();
    assert!(matches!(error, RotationError::AnotherPassphrase { .. }), "{error}");
    rotation(&bench, NEXT, NEXT_SECRET).begin().await.unwrap();
    let error = rotation(&bench, NEXT, "planted other").begin().await.unwrap_err();
    assert!(matches!(error, RotationError::AnotherPassphrase { .. }), "{error}");
    let error = rotation(&bench, "third", NEXT_SECRET).begin().await.unwrap_err();
    assert!(matches!(&error, RotationError::UnderWay { alias } if alias == NEXT), "{error}");
    assert_eq!(Rotation::begun(&*bench.store).await.unwrap().as_deref(), Some(NEXT));
    assert_eq!(aliases(&bench), ["countersign"]);
}

#[tokio::test]
async fn a_start_after_the_rotation_without_the_new_passphrase_is_refused_by_its_name() {
    let (bench, mut processes) = lived_in(1).await;
    for process in &processes {
        process.shelf.put(NEXT, NEXT_SECRET);
    }
    run(&bench, &mut Life::of(&bench, &mut processes), Unopened::Stop).await.unwrap();
    let Err(error) = Process::start(&bench, "late", only(SECRET)).await else { panic!("started") };
    let OpenError::WrongAliasPassphrase { alias, variable } = &error else { panic!("{error}") };
    assert_eq!((alias.as_str(), variable.as_str()), (NEXT, "NOTARY_SIGNER_COUNTERSIGN_2"));
    assert!(!format!("{error} {error:?}").contains("planted"));
}

#[tokio::test]
async fn a_process_leaves_the_registry_when_it_ends() {
    let (bench, processes) = lived_in(0).await;
    assert_eq!(bench.store.noted().len(), 2);
    processes[0].follower.leave().await.unwrap();
    let noted: Vec<String> = bench.store.noted().into_iter().map(|one| one.id).collect();
    assert_eq!(noted, ["b"]);
}
