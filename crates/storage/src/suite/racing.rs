//! Callers at once, through two stores on one database (or the same store twice).
//!
//! A case that hangs fails after `PATIENCE`; nothing else here depends on time.

use std::sync::Arc;
use std::time::Duration;

use countersign_tuf::names::ServerRole;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

pub use super::heads_at_once::heads_that_are_asked_for_at_once_are_each_those_of_their_gun;
use super::must::Must as _;
use super::samples::{
    ALL, document, gun, head, heads, key, moment, role, store, store_timestamp, update,
};
use crate::contract::StorageResult;
use crate::contract::changefeed::{Change, ChangeRange};
use crate::contract::key_bindings::{KeyBinding, KeyBindings};
use crate::contract::key_upkeep::KeyUpkeep;
use crate::contract::keys::{KeyHome, KeyStore, SealedKey};
use crate::contract::metadata::{Commit, Heads, MetadataStore};
use crate::contract::passphrase_moves::{PassphraseCheck, PassphraseMoves};

/// How long a case may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many callers race.
const RACERS: usize = 12;

/// Twelve times the same first publish: one is stored, the others are told that heads moved.
pub async fn of_twelve_identical_commits_one_is_done(
    one: Arc<dyn MetadataStore>,
    two: Arc<dyn MetadataStore>,
) {
    let (app, offer) = (gun("a/b"), update("x", &[("root", 1), ("targets", 1)], 1));
    let base = heads(&*one, &app, &["root", "targets", "timestamp"]).await;
    let ends = at_once(&one, &two, |_, to| {
        let (app, offer, base) = (app.clone(), offer.clone(), base.clone());
        async move { to.commit(&app, &base, &offer, moment(0)).await }
    })
    .await;
    let now = heads(&*two, &app, &["root", "targets", "timestamp"]).await;
    assert_eq!(now.get(&role("root")).copied().must(), head(&document("x", "root", 1)));
    check_one_done(&ends, &Commit::Moved(now));
    assert_eq!(two.changes(None, ALL).await.must().len(), 1);
}

/// Twelve commits that read no head, with other bytes each: one is stored, for the others the
/// version is old. No one's documents are mixed with another's.
pub async fn of_twelve_commits_without_base_one_is_done(
    one: Arc<dyn MetadataStore>,
    two: Arc<dyn MetadataStore>,
) {
    let app = gun("a/b");
    let ends = at_once(&one, &two, |number, to| {
        let (app, label) = (app.clone(), number.to_string());
        let offer = update(&label, &[("root", 1), ("targets", 1)], 1);
        async move { to.commit(&app, &Heads::new(), &offer, moment(0)).await }
    })
    .await;
    check_one_done(&ends, &Commit::OldVersion(role("root")));
    let winner = ends.iter().position(|end| *end == Commit::Done).must().to_string();
    for name in ["root", "targets", "timestamp"] {
        let found = one.newest(&app, &role(name)).await.must().must();
        assert_eq!(found.bytes, document(&winner, name, 1).bytes);
    }
    assert_eq!(one.changes(None, ALL).await.must().len(), 1);
}

/// Two publishes of different roles on the same heads: the second is told the first one's heads,
/// and succeeds on them.
pub async fn of_two_commits_of_different_roles_one_moves(
    one: Arc<dyn MetadataStore>,
    two: Arc<dyn MetadataStore>,
) {
    let (app, names) = (gun("a/b"), ["snapshot", "timestamp"]);
    store(&*one, &app, &update("x", &[("snapshot", 1)], 1)).await;
    let base = heads(&*one, &app, &names).await;
    let offer = |number: usize, next: i64| {
        let label = number.to_string();
        update(&label, &[(&format!("targets/{number}"), 1), ("snapshot", next)], next)
    };
    let (first, second) = tokio::join!(
        spawn_commit(&one, &base, offer(0, 2)),
        spawn_commit(&two, &base, offer(1, 2)),
    );
    let loser = match (first, second) {
        (Commit::Done, Commit::Moved(now)) => (1, now),
        (Commit::Moved(now), Commit::Done) => (0, now),
        other => {
            assert_eq!(format!("{other:?}"), "one done, one moved");
            return;
        }
    };
    let (number, now) = loser;
    assert_eq!(now, heads(&*one, &app, &names).await);
    assert_eq!(spawn_commit(&one, &now, offer(number, 3)).await, Commit::Done);
    for name in ["targets/0", "targets/1"] {
        assert!(two.newest(&app, &role(name)).await.must().is_some());
    }
    assert_eq!(two.changes(None, ALL).await.must().len(), 3);
}

/// Publishes of twelve GUNs at once are no conflict.
pub async fn commits_of_different_guns_are_all_done(
    one: Arc<dyn MetadataStore>,
    two: Arc<dyn MetadataStore>,
) {
    let ends = at_once(&one, &two, |number, to| {
        let app = gun(&format!("a/{number}"));
        async move {
            let base = heads(&*to, &app, &["root", "timestamp"]).await;
            to.commit(&app, &base, &update("x", &[("root", 1)], 1), moment(0)).await
        }
    })
    .await;
    assert!(ends.iter().all(|end| *end == Commit::Done), "{ends:?}");
    assert_eq!(one.changes(None, ALL).await.must().len(), RACERS);
}

/// Deletions race: one finds something, and there is one row.
pub async fn of_twelve_deletions_one_finds_something(
    one: Arc<dyn MetadataStore>,
    two: Arc<dyn MetadataStore>,
) {
    store_timestamp(&*one, &gun("a/b"), 1).await;
    let found =
        at_once(&one, &two, |_, to| async move { to.delete(&gun("a/b"), moment(1)).await }).await;
    assert_eq!(found.iter().filter(|found| **found).count(), 1);
    assert_eq!(one.changes(None, ALL).await.must().len(), 2);
}

/// What one store committed, the other reads at once.
pub async fn a_commit_is_seen_through_the_other_store(
    one: Arc<dyn MetadataStore>,
    two: Arc<dyn MetadataStore>,
) {
    let app = gun("a/b");
    for number in 1..=20 {
        let (from, to) = if number % 2 == 0 { (&one, &two) } else { (&two, &one) };
        store_timestamp(&**from, &app, number).await;
        let newest = to.newest(&app, &role("timestamp")).await.must().must();
        assert_eq!(newest.version.get(), number);
    }
    assert!(one.delete(&app, moment(1)).await.must());
    assert_eq!(two.newest(&app, &role("timestamp")).await.must(), None);
}

/// A reader that polls with the last ID it saw meets every row, in order.
pub async fn a_poller_beside_writers_misses_nothing(
    one: Arc<dyn MetadataStore>,
    two: Arc<dyn MetadataStore>,
) {
    let mut writers = JoinSet::new();
    for number in 0..6 {
        let to = if number % 2 == 0 { Arc::clone(&one) } else { Arc::clone(&two) };
        writers.spawn(async move {
            for version in 1..=10 {
                store_timestamp(&*to, &gun(&format!("a/{number}")), version).await;
            }
        });
    }
    let mut seen: Vec<Change> = Vec::new();
    let polling = async {
        loop {
            while let Some(written) = writers.try_join_next() {
                written.must();
            }
            let finished = writers.is_empty();
            let id = seen.last().map_or(0, |change| change.id);
            let page = two.changes(None, ChangeRange::After { id, limit: 3 }).await.must();
            if page.is_empty() && finished {
                break;
            }
            seen.extend(page);
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, polling).await.must();
    assert_eq!(seen.len(), 60);
    assert_eq!(seen, one.changes(None, ALL).await.must());
}

/// Twelve new keys for one GUN and role: all callers get the same, and one is stored.
pub async fn of_twelve_new_keys_all_get_the_same(one: Arc<dyn KeyStore>, two: Arc<dyn KeyStore>) {
    let ids: Vec<String> = (0..RACERS).map(|number| format!("{number:02}")).collect();
    let keys = at_once(&one, &two, |number, to| {
        let key = key(&format!("{number:02}"), "a/b");
        async move { to.insert_unless_pending(&key, moment(0)).await }
    })
    .await;
    let pending = one.pending("a/b", "timestamp", "ecdsa", KeyHome::Sealed).await.must().must();
    assert!(keys.iter().all(|key| *key == pending), "{keys:?}");
    let mut stored = 0;
    for id in &ids {
        stored += usize::from(two.by_id(id).await.must().is_some());
    }
    assert_eq!(stored, 1);
}

/// Twelve GUNs name one old key: it is bound to one of them, and all see to which.
pub async fn of_twelve_bindings_one_stays(one: Arc<dyn KeyStore>, two: Arc<dyn KeyStore>) {
    let old = SealedKey { role: String::new(), ..key("aa", "") };
    one.insert_unless_pending(&old, moment(0)).await.must();
    let rows = at_once(&one, &two, |number, to| async move {
        to.bind("aa", &format!("a/{number}"), "timestamp", moment(1)).await
    })
    .await;
    let stored = two.by_id("aa").await.must();
    assert!(rows.iter().all(|row| *row == stored), "{rows:?}");
    assert!(stored.must().gun.starts_with("a/"));
}

/// Twelve first passphrases: all callers get the same check value.
pub async fn of_twelve_passphrase_checks_all_get_the_same(
    one: Arc<dyn KeyStore>,
    two: Arc<dyn KeyStore>,
) {
    let values = at_once(&one, &two, |number, to| async move {
        to.insert_passphrase_check(number.to_string().as_bytes()).await
    })
    .await;
    let stored = two.passphrase_check().await.must().must();
    assert!(values.iter().all(|value| *value == stored), "{values:?}");
}

/// Twelve commands seal one key anew: one does, and its row is whole.
pub async fn of_twelve_seals_of_one_key_one_is_put<S>(one: Arc<S>, two: Arc<S>)
where
    S: KeyStore + KeyUpkeep + 'static,
{
    let was = key("aa", "a/b");
    one.insert_unless_pending(&was, moment(0)).await.must();
    let sealed = |number: usize| SealedKey {
        passphrase_alias: format!("alias {number}"),
        sealed: number.to_string().into_bytes(),
        ..was.clone()
    };
    let ends = at_once(&one, &two, |number, to| {
        let (was, anew) = (was.clone(), sealed(number));
        async move { to.reseal(&was, &anew, moment(1)).await }
    })
    .await;
    let winners: Vec<usize> =
        (0..RACERS).filter(|number| ends.get(*number) == Some(&true)).collect();
    assert_eq!(winners.len(), 1, "{ends:?}");
    let winner = winners.first().copied().must();
    assert_eq!(two.by_id("aa").await.must().must(), sealed(winner));
}

/// Twelve commands propose a passphrase each: all hear the same one.
pub async fn of_twelve_proposals_all_get_the_same(
    one: Arc<dyn PassphraseMoves>,
    two: Arc<dyn PassphraseMoves>,
) {
    let proposed = at_once(&one, &two, |number, to| async move {
        to.propose_check(&check(&format!("alias {number}"))).await
    })
    .await;
    let stored = two.proposed_check().await.must().must();
    assert!(proposed.iter().all(|check| *check == stored), "{proposed:?}");
}

/// Twelve commands adopt the proposal: one hears that it did, and it holds.
pub async fn of_twelve_that_adopt_a_proposal_one_does<S>(one: Arc<S>, two: Arc<S>)
where
    S: KeyStore + PassphraseMoves + 'static,
{
    one.insert_passphrase_check(b"one").await.must();
    one.propose_check(&check("next")).await.must();
    let adopted =
        at_once(&one, &two, |_, to| async move { to.adopt_check(&check("next")).await }).await;
    assert_eq!(adopted.iter().filter(|adopted| **adopted).count(), 1, "{adopted:?}");
    assert_eq!(two.current_check().await.must().must(), check("next"));
    assert_eq!(two.proposed_check().await.must(), None);
}

/// Twelve GUNs are the first to name one key: it is bound to one of them, and all see to which.
pub async fn of_twelve_bindings_of_a_remote_key_one_stays(
    one: Arc<dyn KeyBindings>,
    two: Arc<dyn KeyBindings>,
) {
    let bound = at_once(&one, &two, |number, to| async move {
        let wanted = KeyBinding {
            key_id: "aa".to_owned(),
            algorithm: "ecdsa".to_owned(),
            gun: gun(&format!("a/{number}")),
            role: ServerRole::Timestamp,
            bound_at: moment(1),
            last_used: None,
        };
        to.bind_key(&wanted).await
    })
    .await;
    let stored = two.binding("aa").await.must().must();
    assert!(bound.iter().all(|binding| *binding == stored), "{bound:?}");
}

fn check(alias: &str) -> PassphraseCheck {
    PassphraseCheck { alias: Some(alias.to_owned()), sealed: alias.as_bytes().to_vec() }
}

/// Runs twelve callers that start together, half of them on each store.
async fn at_once<S, T, F, W>(one: &Arc<S>, two: &Arc<S>, work: W) -> Vec<T>
where
    S: ?Sized,
    T: Send + 'static,
    F: Future<Output = StorageResult<T>> + Send + 'static,
    W: Fn(usize, Arc<S>) -> F,
{
    let start = Arc::new(Barrier::new(RACERS));
    let mut racers = JoinSet::new();
    for number in 0..RACERS {
        let start = Arc::clone(&start);
        let racer = work(number, Arc::clone(if number % 2 == 0 { one } else { two }));
        racers.spawn(async move {
            start.wait().await;
            (number, racer.await)
        });
    }
    let mut ends = tokio::time::timeout(PATIENCE, racers.join_all()).await.must();
    ends.sort_by_key(|(number, _)| *number);
    ends.into_iter().map(|(_, end)| end.must()).collect()
}

async fn spawn_commit(
    to: &Arc<dyn MetadataStore>,
    base: &Heads,
    offer: countersign_tuf::accepted::AcceptedUpdate,
) -> Commit {
    let (to, base) = (Arc::clone(to), base.clone());
    let task = async move { to.commit(&gun("a/b"), &base, &offer, moment(1)).await };
    tokio::spawn(task).await.must().must()
}

fn check_one_done(ends: &[Commit], others: &Commit) {
    let (done, rest): (Vec<_>, Vec<_>) = ends.iter().partition(|end| **end == Commit::Done);
    assert_eq!(done.len(), 1, "{ends:?}");
    assert!(rest.iter().all(|end| *end == others), "{ends:?}");
}
