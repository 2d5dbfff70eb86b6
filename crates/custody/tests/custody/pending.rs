//! One pending key per GUN, role and algorithm until it has signed, across restarts and replicas
//! (contract section 3).

use chrono::TimeDelta;
use countersign_custody::{Custody as _, CustodyError};
use countersign_tuf::keys::ServerKeyAlgorithm;
use countersign_tuf::names::{Gun, ServerRole};

use crate::memory_store::Outage;
use crate::workbench::{Workbench, gun, only, pending, sign_well};

#[tokio::test]
async fn key_that_has_not_signed_is_given_again_after_a_restart() {
    let bench = Workbench::new();
    let first = pending(&bench.custody().await).await;
    let restarted = bench.custody().await;
    assert_eq!(pending(&restarted).await, first);
    assert_eq!(pending(&restarted).await, first);
    assert_eq!(bench.store.rows().len(), 1);
}

#[tokio::test]
async fn key_that_has_signed_is_followed_by_a_new_one_and_stays_usable() {
    let bench = Workbench::new();
    let custody = bench.custody().await;
    let first = pending(&custody).await;
    sign_well(&custody, &first).await;
    let second = pending(&bench.custody().await).await;
    assert_ne!(second.id(), first.id());
    sign_well(&custody, &second).await;
    sign_well(&custody, &first).await;
}

#[tokio::test]
async fn each_gun_role_and_algorithm_has_its_own_pending_key() {
    let bench = Workbench::new();
    let custody = bench.custody().await;
    let other = Gun::parse("registry.example/other").unwrap();
    let mut ids = Vec::new();
    for gun in [gun(), other] {
        for role in [ServerRole::Timestamp, ServerRole::Snapshot] {
            for algorithm in [ServerKeyAlgorithm::Ecdsa, ServerKeyAlgorithm::Ed25519] {
                let key = custody.pending_key(&gun, role, algorithm).await.unwrap();
                assert_eq!(key.key_type(), &algorithm.key_type());
                ids.push(key.id().clone());
            }
        }
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_at_once_in_two_processes_get_one_key() {
    let bench = Workbench::new();
    let processes = [bench.custody().await, bench.custody().await].map(std::sync::Arc::new);
    let callers: Vec<_> = (0..16)
        .map(|caller| {
            let custody = std::sync::Arc::clone(&processes[caller % 2]);
            tokio::spawn(async move { pending(&custody).await })
        })
        .collect();
    let expected = pending(&processes[0]).await;
    for caller in callers {
        assert_eq!(caller.await.unwrap(), expected);
    }
    assert_eq!(bench.store.rows().len(), 1);
    sign_well(&processes[1], &expected).await;
}

/// Signer spec 9.5: a forgotten passphrase must not look like a missing key.
#[tokio::test]
async fn pending_row_that_does_not_open_is_an_error_and_makes_no_new_key() {
    let bench = Workbench::new();
    pending(&bench.custody().await).await;
    bench.store.edit(|row| row.sealed.reverse());
    let (gun, role) = (gun(), ServerRole::Timestamp);
    let custody = bench.custody().await;
    let error = custody.pending_key(&gun, role, ServerKeyAlgorithm::Ecdsa).await.unwrap_err();
    assert!(matches!(error, CustodyError::BadKey { .. }), "{error}");
    assert_eq!(bench.store.rows().len(), 1);
}

#[tokio::test]
async fn pending_row_whose_public_half_is_anothers_is_not_given_out() {
    let bench = Workbench::new();
    let custody = bench.custody().await;
    pending(&custody).await;
    bench.store.edit(|row| row.public[60] ^= 1);
    let error = custody
        .pending_key(&gun(), ServerRole::Timestamp, ServerKeyAlgorithm::Ecdsa)
        .await
        .unwrap_err();
    assert!(matches!(error, CustodyError::BadKey { .. }), "{error}");
}

#[tokio::test]
async fn store_that_cannot_answer_is_unavailable_and_never_an_absent_key() {
    let bench = Workbench::new();
    let custody = bench.custody().await;
    let key = pending(&custody).await;
    bench.store.set_outage(Outage::Everything);
    let (gun, role) = (gun(), ServerRole::Timestamp);
    let errors = [
        custody.pending_key(&gun, role, ServerKeyAlgorithm::Ecdsa).await.unwrap_err(),
        custody.find_key(&gun, role, key.id()).await.unwrap_err(),
        custody.sign(&gun, role, key.id(), b"").await.unwrap_err(),
        custody.check().await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, CustodyError::Unavailable { .. }), "{error}");
    }
}

#[tokio::test]
async fn as_many_keys_as_the_limit_may_wait_and_one_more_is_not_made() {
    let bench = Workbench::new();
    let custody = bench.limited(3).await;
    let ask = |name: usize| {
        let (custody, gun) = (&custody, Gun::parse(&format!("registry.example/{name}")).unwrap());
        async move { custody.pending_key(&gun, ServerRole::Timestamp, ServerKeyAlgorithm::Ecdsa).await }
    };
    let first = pending(&custody).await;
    for name in [1, 2] {
        ask(name).await.unwrap();
    }
    for _ in 0..2 {
        let error = ask(3).await.unwrap_err();
        assert!(matches!(error, CustodyError::TooManyPending { limit: 3 }), "{error}");
    }
    ask(2).await.unwrap();
    assert_eq!(bench.store.rows().len(), 3);

    sign_well(&custody, &first).await;
    bench.pass(TimeDelta::seconds(5));
    ask(3).await.unwrap();
    ask(4).await.unwrap_err();
    let other_process = bench.limited(3).await;
    let gun = Gun::parse("registry.example/5").unwrap();
    let (role, algorithm) = (ServerRole::Timestamp, ServerKeyAlgorithm::Ecdsa);
    other_process.pending_key(&gun, role, algorithm).await.unwrap_err();
}

#[tokio::test]
async fn a_look_for_a_pending_key_makes_none() {
    let bench = Workbench::new();
    let custody = bench.custody().await;
    let (gun, role, algorithm) = (gun(), ServerRole::Timestamp, ServerKeyAlgorithm::Ecdsa);
    assert_eq!(custody.find_pending(&gun, role, algorithm).await.unwrap(), None);
    assert!(bench.store.rows().is_empty());
    let key = pending(&custody).await;
    assert_eq!(custody.find_pending(&gun, role, algorithm).await.unwrap(), Some(key));
}

#[tokio::test]
async fn check_passes_while_the_store_answers() {
    let bench = Workbench::new();
    bench.open(only("another")).await.unwrap().check().await.unwrap();
}
