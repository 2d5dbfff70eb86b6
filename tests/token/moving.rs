//! The same key in another home, with a database beside a token.

use std::sync::Arc;

use countersign_custody::sealed::{KeyRelocation, Relocated, Rounds};
use countersign_custody::{
    Custody, CustodyError, Home, HomesById, KeyChoice, KeyHomes, KeyPlan, KeysById,
};
use countersign_storage::{KeyHome, KeyUpkeep as _, SealedKey};
use countersign_tuf::keys::{KeyId, PublicKey, ServerKeyAlgorithm};
use countersign_tuf::names::ServerRole;

use crate::bench::{gun, objects};
use crate::database::{ALGORITHMS, Bench, passphrases, pending, sign_well, time};
use crate::readable::{self, Leaves};

impl Bench {
    async fn moves(&self) -> KeyRelocation<'_> {
        let (store, token) = (&*self.store, crate::bench::token(&self.hsm).await.unwrap());
        KeyRelocation::new(store, store, token, passphrases(), Rounds::new(1_000).unwrap())
    }

    /// A key that is sealed, and has signed.
    pub(crate) async fn sealed_key(&self, algorithm: ServerKeyAlgorithm) -> PublicKey {
        let sealed = self.sealed().await;
        let key = pending(&sealed, algorithm).await;
        sign_well(&sealed, &key).await;
        key
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_moved_into_the_token_leaves_no_sealed_key_behind() {
    let bench = Bench::start().await;
    for algorithm in ALGORITHMS {
        let key = bench.sealed_key(algorithm).await;
        let running = bench.custody().await;
        let was = bench.row(key.id()).await;
        let moves = bench.moves().await;
        assert_eq!(moves.into_token(&was, time()).await.unwrap(), Relocated::Moved);
        let row = bench.row(key.id()).await;
        assert_eq!(row.home(), KeyHome::Token);
        assert!(row.sealed.starts_with(b"pkcs11:token=countersign;id="));
        let same = SealedKey {
            encryption_alg: was.encryption_alg.clone(),
            keywrap_alg: was.keywrap_alg.clone(),
            passphrase_alias: was.passphrase_alias.clone(),
            sealed: was.sealed.clone(),
            ..row.clone()
        };
        assert_eq!(same, was, "all else is as it was");
        sign_well(&running, &key).await;
        let there = objects(&bench.hsm);
        assert_eq!(moves.into_token(&row, time()).await.unwrap(), Relocated::WasThere);
        assert_eq!(objects(&bench.hsm), there);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_key_is_not_given_out_again_and_the_answer_names_what_to_do() {
    let bench = Bench::start().await;
    for algorithm in ALGORITHMS {
        let key = bench.sealed_key(algorithm).await;
        let moves = bench.moves().await;
        moves.into_token(&bench.row(key.id()).await, time()).await.unwrap();
        let row = bench.row(key.id()).await;
        let error = moves.into_row(&row, time()).await.unwrap_err();
        assert!(matches!(error, CustodyError::BadKey { .. }), "{error}");
        assert!(error.to_string().contains("countersign keys rotate"), "{error}");
        assert_eq!(bench.row(key.id()).await, row);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_the_token_gives_out_is_sealed_and_signs_without_the_token() {
    let bench = Bench::start().await;
    let mut keys = Vec::new();
    for algorithm in ALGORITHMS {
        let key = readable::make(&bench, algorithm).await.unwrap();
        sign_well(&bench.custody().await, &key).await;
        let row = bench.row(key.id()).await;
        let moves = bench.moves().await;
        assert_eq!(moves.into_row(&row, time()).await.unwrap(), Relocated::Moved);
        let sealed = bench.row(key.id()).await;
        assert_eq!(sealed.home(), KeyHome::Sealed);
        assert_eq!((sealed.last_used, &sealed.gun), (row.last_used, &row.gun));
        assert_eq!(moves.into_row(&sealed, time()).await.unwrap(), Relocated::WasThere);
        keys.push(key);
    }
    bench.hsm.unplug().unwrap();
    for key in keys {
        sign_well(&bench.sealed().await, &key).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_the_token_gives_out_only_wrapped_is_sealed_and_signs_without_the_token() {
    let bench = Bench::start().await;
    let key = readable::make_so(&bench, ServerKeyAlgorithm::Ecdsa, Leaves::Wrapped).await.unwrap();
    let (row, before) = (bench.row(key.id()).await, objects(&bench.hsm));
    let moves = bench.moves().await;
    assert_eq!(moves.into_row(&row, time()).await.unwrap(), Relocated::Moved);
    assert_eq!(bench.row(key.id()).await.home(), KeyHome::Sealed);
    assert_eq!(objects(&bench.hsm), before, "what wrapped it is not kept");
    assert!(bench.hsm.calls("C_WrapKey") > 0);
    bench.hsm.unplug().unwrap();
    sign_well(&bench.sealed().await, &key).await;
}

/// SoftHSM wraps no keys of Ed25519.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_a_kind_that_the_token_does_not_wrap_stays_in_it() {
    let bench = Bench::start().await;
    let key =
        readable::make_so(&bench, ServerKeyAlgorithm::Ed25519, Leaves::Wrapped).await.unwrap();
    sign_well(&bench.custody().await, &key).await;
    let (row, before) = (bench.row(key.id()).await, objects(&bench.hsm));
    let error = bench.moves().await.into_row(&row, time()).await.unwrap_err();
    assert!(error.to_string().contains("KeyNotWrappable"), "{error}");
    assert!(error.to_string().contains("countersign keys rotate"), "{error}");
    assert_eq!((bench.row(key.id()).await, objects(&bench.hsm)), (row, before));
    sign_well(&bench.custody().await, &key).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_cannot_be_wrapped_stays_and_the_answer_names_what_to_do() {
    let bench = Bench::start().await;
    let key = readable::make_so(&bench, ServerKeyAlgorithm::Ecdsa, Leaves::Wrapped).await.unwrap();
    // Once it has signed, its row stays as it is.
    sign_well(&bench.custody().await, &key).await;
    let (row, before) = (bench.row(key.id()).await, objects(&bench.hsm));
    let moves = bench.moves().await;
    // The mechanism is not known; the key may not be wrapped; what comes is spoilt; no key is taken.
    for fault in ["C_WrapKey=70", "C_WrapKey=69", "C_WrapKey=flip", "C_CreateObject=13"] {
        bench.hsm.fail(fault).unwrap();
        let error = moves.into_row(&row, time()).await.unwrap_err();
        bench.hsm.fail("").unwrap();
        assert!(matches!(error, CustodyError::BadKey { .. }), "{fault}: {error}");
        assert!(error.to_string().contains("countersign keys rotate"), "{fault}: {error}");
        assert_eq!((bench.row(key.id()).await, objects(&bench.hsm)), (row.clone(), before));
        sign_well(&bench.custody().await, &key).await;
        assert!(bench.hsm.calls("C_CreateObject") > 0);
    }
    bench.hsm.fail("C_WrapKey=32").unwrap();
    let error = moves.into_row(&row, time()).await.unwrap_err();
    assert!(matches!(error, CustodyError::Unavailable { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_ended_in_the_middle_is_taken_up_again() {
    let bench = Bench::start().await;
    let key = bench.sealed_key(ServerKeyAlgorithm::Ecdsa).await;
    let was = bench.row(key.id()).await;
    let moves = bench.moves().await;
    moves.into_token(&was, time()).await.unwrap();
    let there = objects(&bench.hsm);
    // As if the process had ended before the row changed.
    let now = bench.row(key.id()).await;
    assert!(bench.store.reseal(&now, &was, time()).await.unwrap());
    assert_eq!(moves.into_token(&was, time()).await.unwrap(), Relocated::Moved);
    assert_eq!(objects(&bench.hsm), there, "no second copy");
    sign_well(&bench.custody().await, &key).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_changes_meanwhile_stays_and_no_copy_stays_in_the_token() {
    let bench = Bench::start().await;
    let key = bench.sealed_key(ServerKeyAlgorithm::Ecdsa).await;
    let moves = bench.moves().await;
    let row = bench.row(key.id()).await;
    let before = objects(&bench.hsm);
    let stale = SealedKey { passphrase_alias: "COUNTERSIGN".to_owned(), ..row.clone() };
    assert_eq!(moves.into_token(&stale, time()).await.unwrap(), Relocated::Changed);
    assert_eq!((bench.row(key.id()).await, objects(&bench.hsm)), (row, before));
    sign_well(&bench.sealed().await, &key).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_refuses_a_key_leaves_its_row_as_it_was() {
    let bench = Bench::start().await;
    let key = bench.sealed_key(ServerKeyAlgorithm::Ecdsa).await;
    let moves = bench.moves().await;
    for fault in ["C_CreateObject=31", "C_Sign=flip", "C_SignInit=70"] {
        let (row, before) = (bench.row(key.id()).await, objects(&bench.hsm));
        bench.hsm.fail(fault).unwrap();
        moves.into_token(&row, time()).await.unwrap_err();
        bench.hsm.fail("").unwrap();
        assert_eq!((bench.row(key.id()).await, objects(&bench.hsm)), (row, before), "{fault}");
        sign_well(&bench.sealed().await, &key).await;
    }
}

/// The answer to a running server is a signature at any moment, before and after.
#[tokio::test(flavor = "multi_thread")]
async fn signatures_go_on_while_a_key_moves() {
    let bench = Bench::start().await;
    let key = bench.sealed_key(ServerKeyAlgorithm::Ecdsa).await;
    let choice = KeyChoice { home: Home::Token, algorithm: ServerKeyAlgorithm::Ecdsa };
    let plan = Arc::new(KeyPlan { default: choice, rules: Vec::new() });
    let homes: Vec<(Home, Arc<dyn Custody>)> = vec![
        (Home::Sealed, Arc::new(bench.sealed().await)),
        (Home::Token, Arc::new(bench.custody().await)),
    ];
    let server = Arc::new(KeyHomes::new(plan, homes).unwrap());
    let (signing, id) = (Arc::clone(&server), key.id().clone());
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let reader = tokio::spawn(async move {
        let mut signatures = 0;
        while stopped.try_recv().is_err() {
            let signed = signing.sign(&gun(), ServerRole::Timestamp, &id, b"message").await;
            assert!(signed.unwrap().is_some());
            signatures += 1;
        }
        signatures
    });
    bench.moves().await.into_token(&bench.row(key.id()).await, time()).await.unwrap();
    sign_well(&*server, &key).await;
    stop.send(()).unwrap();
    assert!(reader.await.unwrap() > 0);
}

/// What `countersign signer` asks: by ID alone, whatever the home.
#[tokio::test(flavor = "multi_thread")]
async fn a_signer_finds_the_keys_of_both_homes_and_makes_new_ones_in_the_token() {
    let bench = Bench::start().await;
    let sealed = bench.sealed_key(ServerKeyAlgorithm::Ecdsa).await;
    let choice = KeyChoice { home: Home::Token, algorithm: ServerKeyAlgorithm::Ecdsa };
    let plan = Arc::new(KeyPlan { default: choice, rules: Vec::new() });
    let homes: Vec<(Home, Arc<dyn KeysById>)> = vec![
        (Home::Sealed, Arc::new(bench.sealed().await)),
        (Home::Token, Arc::new(bench.custody().await)),
    ];
    let signer = HomesById::new(plan, homes).unwrap();
    let made = pending(&signer, ServerKeyAlgorithm::Ecdsa).await;
    assert_eq!(bench.row(made.id()).await.home(), KeyHome::Token);
    for (key, home) in [(&sealed, Home::Sealed), (&made, Home::Token)] {
        let known = signer.key_by_id(key.id()).await.unwrap().unwrap();
        assert_eq!((&known.key, known.home), (key, home));
        let signed = signer.sign_by_id(key.id(), None, b"message").await.unwrap().unwrap();
        assert_eq!(signed.by, known);
    }
    let unknown = KeyId::claimed(&"ab".repeat(32));
    assert_eq!(signer.sign_by_id(&unknown, None, b"message").await.unwrap(), None);
    bench.hsm.unplug().unwrap();
    let error = signer.sign_by_id(made.id(), None, b"message").await.unwrap_err();
    assert!(matches!(error, CustodyError::Unavailable { .. }), "{error}");
    signer.sign_by_id(sealed.id(), None, b"message").await.unwrap().unwrap();
}
