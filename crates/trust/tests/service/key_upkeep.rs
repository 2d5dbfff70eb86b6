//! Letting go of keys, and trying them out.

use std::sync::Arc;

use chrono::Duration;
use countersign_custody::{Custody, Home, KeyHomes};
use countersign_storage::{
    KeyBinding, KeyBindings as _, KeyStore as _, KeyUpkeep as _, Removal, SealedKey,
};
use countersign_trust::operate::keys::{
    Kept, KeyVerdict, KeyVerifier, Naming, Retiring, RootsOf, StoredRoots, UnusedKeys,
};
use countersign_trust::{Clock as _, TrustError};
use countersign_tuf::names::ServerRole;
use countersign_tuf::reason::Reason;
use countersign_tuf::rules::Refusal;

use crate::bench::{Bench, gun};

const GUN: &str = "example.com/team/app";

fn retiring(bench: &Bench) -> Retiring<'_> {
    let store = &*bench.store;
    Retiring { keys: store, upkeep: store, inventory: store, roots: RootsOf::ThisServer }
}

/// Retires the keys that have waited for 90 days; says how many.
async fn collect(bench: &Bench, removal: Removal) -> u64 {
    let unused = UnusedKeys { among: retiring(bench), waited_for: Duration::days(90) };
    unused.collect(removal, bench.clock.now()).await.unwrap().retired
}

async fn pending(bench: &Bench, gun_name: &str, role: ServerRole) -> String {
    bench.trust.rotate_key(&gun(gun_name), role).await.unwrap().id().as_str().to_owned()
}

/// A published GUN whose timestamp key was replaced: the old key and the new one.
async fn rotated(bench: &Bench) -> (String, String) {
    let mut repository = bench.server_snapshot(GUN).await;
    bench.publish(GUN, repository.all_parts()).await.unwrap();
    let old = bench.trust.key(&gun(GUN), ServerRole::Timestamp).await.unwrap();
    let new = bench.trust.rotate_key(&gun(GUN), ServerRole::Timestamp).await.unwrap();
    let listed = serde_json::json!({"keytype": new.key_type().as_str(),
        "keyval": {"private": null, "public": new.public_base64()}});
    repository.rotate_to_server("timestamp", &listed);
    bench.publish(GUN, repository.parts(&["root"])).await.unwrap();
    (old.id().as_str().to_owned(), new.id().as_str().to_owned())
}

#[tokio::test]
async fn a_replaced_key_is_retired_and_the_gun_goes_on_without_it() {
    let bench = Bench::new().await;
    let (old, new) = rotated(&bench).await;
    let roots = StoredRoots::of(&*bench.store, GUN).await.unwrap();
    assert_eq!(roots.naming(&old), Some(Naming { first: 1, last: 1 }));
    assert_eq!(roots.naming(&new), Some(Naming { first: 2, last: 2 }));
    let retired = retiring(&bench).retire(&old, bench.clock.now()).await.unwrap().unwrap();
    assert_eq!((retired.gun.as_str(), retired.role.as_str()), (GUN, "timestamp"));
    assert_eq!(bench.store.by_id(&old).await.unwrap(), None);
    let again = retiring(&bench).retire(&old, bench.clock.now()).await.unwrap();
    assert_eq!(again, Err(Kept::NoSuchKey));
    bench.clock.advance(Duration::days(20));
    bench.current(GUN, "timestamp").await.unwrap();
    assert_eq!(bench.version(GUN, "timestamp").await, 3, "signed again by the new key");
}

#[tokio::test]
async fn a_key_that_the_current_root_names_is_not_retired() {
    let bench = Bench::new().await;
    let (_, new) = rotated(&bench).await;
    let before = bench.store.by_id(&new).await.unwrap();
    let kept = retiring(&bench).retire(&new, bench.clock.now()).await.unwrap();
    assert_eq!(kept, Err(Kept::Named { gun: GUN.to_owned(), version: 2 }));
    assert_eq!(bench.store.by_id(&new).await.unwrap(), before);
}

/// As on the database of a signer: the roots that name its keys are its servers'.
#[tokio::test]
async fn where_no_root_is_stored_a_key_that_has_signed_is_retired_only_by_who_knows_the_roots() {
    let bench = Bench::new().await;
    let role = ServerRole::Timestamp;
    let key = bench.trust.rotate_key(&gun(GUN), role).await.unwrap();
    let id = key.id().as_str();
    assert!(retiring(&bench).judge(id).await.unwrap().is_ok(), "nobody uses it");
    assert!(bench.custody.sign(&gun(GUN), role, key.id(), b"message").await.unwrap().is_some());
    let row = bench.store.by_id(id).await.unwrap();
    for kept in [
        retiring(&bench).judge(id).await.unwrap().err(),
        retiring(&bench).retire(id, bench.clock.now()).await.unwrap().err(),
    ] {
        assert_eq!(kept, Some(Kept::RootsElsewhere));
    }
    assert_eq!(bench.store.by_id(id).await.unwrap(), row);
    let knowing = Retiring { roots: RootsOf::OtherServers, ..retiring(&bench) };
    knowing.retire(id, bench.clock.now()).await.unwrap().unwrap();
    assert_eq!(bench.store.by_id(id).await.unwrap(), None);

    // A server has roots: of a GUN without one it knows that none names the key.
    assert!(bench.store.bring_back(id, bench.clock.now()).await.unwrap());
    let other = bench.server_snapshot("a/other").await;
    bench.publish("a/other", other.all_parts()).await.unwrap();
    retiring(&bench).retire(id, bench.clock.now()).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_key_without_a_gun_is_not_retired() {
    let bench = Bench::new().await;
    pending(&bench, GUN, ServerRole::Timestamp).await;
    let home = countersign_storage::KeyHome::Sealed;
    let made = bench.store.pending(GUN, "timestamp", "ecdsa", home).await.unwrap().unwrap();
    let id = "0".repeat(64);
    let old = SealedKey { key_id: id.clone(), gun: String::new(), role: String::new(), ..made };
    bench.store.insert_unless_pending(&old, bench.clock.now()).await.unwrap();
    let kept = retiring(&bench).retire(&id, bench.clock.now()).await.unwrap();
    assert_eq!(kept, Err(Kept::Unbound));
    bench.clock.advance(Duration::days(91));
    assert_eq!(collect(&bench, Removal::Real).await, 1, "the other one");
    assert!(bench.store.by_id(&id).await.unwrap().is_some());
}

/// The signature was made before the key was let go of: the publish comes to its end.
#[tokio::test]
async fn a_key_that_signs_while_it_is_retired_is_brought_back() {
    let bench = Bench::new().await;
    let id = pending(&bench, GUN, ServerRole::Timestamp).await;
    // Judged here as it was; used by another just then.
    let judged = retiring(&bench).judge(&id).await.unwrap().unwrap();
    let key = bench.trust.rotate_key(&gun(GUN), ServerRole::Timestamp).await.unwrap();
    let signed = bench.custody.sign(&gun(GUN), ServerRole::Timestamp, key.id(), b"message").await;
    assert!(signed.unwrap().is_some());
    let kept = retiring(&bench).retire_judged(&judged, bench.clock.now()).await.unwrap();
    assert_eq!(kept, Err(Kept::TakenIntoUse));
    let row = bench.store.by_id(&id).await.unwrap().unwrap();
    assert!(row.last_used.is_some());
}

#[tokio::test]
async fn a_key_that_nobody_used_is_retired_after_its_time_and_its_publisher_gets_another() {
    let bench = Bench::new().await;
    let repository = bench.client_snapshot(GUN).await;
    let first = bench.key(GUN, ServerRole::Timestamp).await;
    bench.clock.advance(Duration::days(89));
    assert_eq!(collect(&bench, Removal::Real).await, 0);
    bench.clock.advance(Duration::days(2));
    assert_eq!(collect(&bench, Removal::Rehearsed).await, 1);
    assert_eq!(bench.key(GUN, ServerRole::Timestamp).await, first, "only rehearsed");
    assert_eq!(collect(&bench, Removal::Real).await, 1);
    let before = bench.state(GUN).await;
    let refused = bench.publish(GUN, repository.all_parts()).await.unwrap_err();
    // What a publisher is told whose root names a key that is not held.
    let missing = Refusal::BadRoot(Reason::NoTimestampKey);
    assert!(matches!(&refused, TrustError::Refused(why) if *why == missing), "{refused:?}");
    assert_eq!(bench.state(GUN).await, before);
    assert_ne!(bench.key(GUN, ServerRole::Timestamp).await, first);
    let again = bench.client_snapshot(GUN).await;
    bench.publish(GUN, again.all_parts()).await.unwrap();
}

#[tokio::test]
async fn a_key_that_signed_or_is_named_by_any_root_is_no_unused_one() {
    let bench = Bench::new().await;
    let (old, new) = rotated(&bench).await;
    let id = pending(&bench, GUN, ServerRole::Snapshot).await;
    bench.clock.advance(Duration::days(200));
    assert_eq!(collect(&bench, Removal::Real).await, 1);
    assert_eq!(bench.store.by_id(&id).await.unwrap(), None);
    for used in [old, new] {
        assert!(bench.store.by_id(&used).await.unwrap().is_some());
    }
}

fn homes(bench: &Bench) -> KeyHomes {
    let sealed: Arc<dyn Custody> = bench.custody.clone();
    KeyHomes::new(Arc::default(), vec![(Home::Sealed, sealed)]).unwrap()
}

fn verifier<'a>(bench: &'a Bench, homes: &'a KeyHomes) -> KeyVerifier<'a> {
    let (store, now) = (&*bench.store, bench.clock.now());
    KeyVerifier { homes, metadata: store, at_signer: store, retired: retiring(bench), now }
}

#[tokio::test]
async fn keys_that_roots_name_are_tried_out_and_nothing_changes() {
    let bench = Bench::new().await;
    let (old, new) = rotated(&bench).await;
    let rows = bench.store.by_id(&new).await.unwrap();
    bench.clock.advance(Duration::days(2));
    let homes = homes(&bench);
    let verifier = verifier(&bench, &homes);
    let tried = verifier.verify(&gun(GUN)).await.unwrap().unwrap();
    assert_eq!(tried.len(), 2);
    for role in &tried {
        assert!(role.is_well(), "{role:?}");
        assert_eq!(role.keys.len(), 1);
        assert_eq!(role.keys[0].verdict, KeyVerdict::Signs(Home::Sealed));
        assert_ne!(role.keys[0].key_id, old);
    }
    assert_eq!(bench.store.by_id(&new).await.unwrap(), rows, "no use was noted");
    assert_eq!(verifier.verify(&gun("a/none")).await.unwrap(), None);
}

#[tokio::test]
async fn a_key_that_nobody_holds_is_told_and_a_snapshot_key_of_its_owner_is_not() {
    let bench = Bench::new().await;
    let repository = bench.client_snapshot(GUN).await;
    bench.publish(GUN, repository.all_parts()).await.unwrap();
    let homes = homes(&bench);
    let verifier = verifier(&bench, &homes);
    let tried = verifier.verify(&gun(GUN)).await.unwrap().unwrap();
    assert_eq!(tried.len(), 1, "the owner holds the snapshot key");
    let id = tried[0].keys[0].key_id.clone();
    assert!(bench.store.retire(&id, bench.clock.now()).await.unwrap());
    let tried = verifier.verify(&gun(GUN)).await.unwrap().unwrap();
    assert_eq!(tried[0].keys[0].verdict, KeyVerdict::NotHeld);
    assert!(!tried[0].is_well());
    assert!(bench.store.bring_back(&id, bench.clock.now()).await.unwrap());
    assert!(verifier.verify(&gun(GUN)).await.unwrap().unwrap()[0].is_well());
}

/// It is not its owner's: a server has it, or had it.
#[tokio::test]
async fn a_snapshot_key_that_was_let_go_of_or_is_lost_at_a_signer_is_told() {
    let bench = Bench::new().await;
    let repository = bench.server_snapshot(GUN).await;
    bench.publish(GUN, repository.all_parts()).await.unwrap();
    let homes = homes(&bench);
    let snapshot = bench.trust.key(&gun(GUN), ServerRole::Snapshot).await.unwrap();
    let id = snapshot.id().as_str().to_owned();
    assert!(bench.store.retire(&id, bench.clock.now()).await.unwrap());
    let tried = verifier(&bench, &homes).verify(&gun(GUN)).await.unwrap().unwrap();
    assert_eq!((tried.len(), &tried[1].keys[0].verdict), (2, &KeyVerdict::NotHeld));
    assert!(!tried[1].is_well());

    // Without its row nothing tells it from an owner's key; a binding does.
    let later = bench.clock.now() + Duration::days(1);
    assert!(bench.store.erase(&id, later).await.unwrap());
    let tried = verifier(&bench, &homes).verify(&gun(GUN)).await.unwrap().unwrap();
    assert_eq!(tried.len(), 1);
    for (other, roles) in [("a/other", 1), (GUN, 2)] {
        let binding = KeyBinding {
            key_id: id.clone(),
            algorithm: "ecdsa".to_owned(),
            gun: gun(other),
            role: ServerRole::Snapshot,
            bound_at: bench.clock.now(),
            last_used: None,
        };
        bench.store.bind_key(&binding).await.unwrap();
        let tried = verifier(&bench, &homes).verify(&gun(GUN)).await.unwrap().unwrap();
        assert_eq!(tried.len(), roles, "bound to {other}");
        assert!(bench.store.unbind_key(&id).await.unwrap());
    }
}
