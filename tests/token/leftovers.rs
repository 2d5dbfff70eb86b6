//! Keys in a token that no row names are found, and no others.

use countersign_custody::pkcs11::{Leftover, leftovers};
use countersign_custody::sealed::{KeyRelocation, Rounds};
use countersign_storage::{KeyArchive as _, KeyUpkeep as _};
use countersign_tuf::keys::ServerKeyAlgorithm;

use crate::bench::{gun, make, objects, token};
use crate::database::{ALGORITHMS, Bench, passphrases, pending, sign_well, time};
use crate::readable;

async fn left(bench: &Bench) -> Vec<Leftover> {
    let token = token(&bench.hsm).await.unwrap();
    leftovers(&token, &*bench.store, &*bench.store).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_whose_row_was_never_stored_is_left_over_and_goes_without_the_others() {
    let bench = Bench::start().await;
    let (custody, token) = (bench.custody().await, token(&bench.hsm).await.unwrap());
    for algorithm in ALGORITHMS {
        let named = pending(&custody, algorithm).await;
        let before = objects(&bench.hsm);
        // As if the process had ended here.
        let lost = make(&token, algorithm).await.unwrap();
        let found = left(&bench).await;
        assert_eq!(found.len(), 1, "{found:?}");
        let one = found.into_iter().next().unwrap();
        assert_eq!(one.id(), lost.public().id().as_str());
        assert_eq!(one.key_id.as_deref(), Some(lost.public().id().as_str()));
        assert_eq!((one.gun.as_str(), one.role.as_str()), (gun().as_str(), "timestamp"));
        one.remove(&token).await.unwrap();
        assert_eq!(objects(&bench.hsm), before, "both halves are gone, and no more");
        assert_eq!(left(&bench).await, []);
        sign_well(&custody, &named).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_keep_in_the_token_is_not_told_of() {
    let bench = Bench::start().await;
    let key = readable::make(&bench, ServerKeyAlgorithm::Ecdsa).await.unwrap();
    bench.store.remove_key(key.id().as_str()).await.unwrap();
    assert_eq!(left(&bench).await, [], "it has no label of ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retired_key_is_left_over_only_once_its_row_is_removed() {
    let bench = Bench::start().await;
    let key = pending(&bench.custody().await, ServerKeyAlgorithm::Ecdsa).await;
    let id = key.id().as_str();
    assert!(bench.store.retire(id, time()).await.unwrap());
    assert_eq!(left(&bench).await, []);
    let later = time() + chrono::Duration::seconds(1);
    assert!(bench.store.erase(id, later).await.unwrap());
    let found = left(&bench).await;
    assert_eq!(found.iter().map(Leftover::id).collect::<Vec<_>>(), [id]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_copy_of_a_key_that_is_sealed_in_its_row_is_not_left_over() {
    let bench = Bench::start().await;
    let key = bench.sealed_key(ServerKeyAlgorithm::Ecdsa).await;
    let was = bench.row(key.id()).await;
    let token = token(&bench.hsm).await.unwrap();
    let (store, rounds) = (&*bench.store, Rounds::new(1_000).unwrap());
    let moves = KeyRelocation::new(store, store, token, passphrases(), rounds);
    moves.into_token(&was, time()).await.unwrap();
    // As if the process had ended before the row changed.
    let now = bench.row(key.id()).await;
    assert!(bench.store.reseal(&now, &was, time()).await.unwrap());
    assert_eq!(left(&bench).await, []);
}
