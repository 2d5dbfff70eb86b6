//! Which passphrases open a key database, and what is said when they do not (contract section 1,
//! signer spec 3.4 and 9.5).

use countersign_custody::sealed::{OpenError, Passphrases, prove_passphrases};
use countersign_custody::{Custody as _, CustodyError};
use countersign_tuf::keys::ServerKeyAlgorithm;
use countersign_tuf::names::ServerRole;

use crate::memory_store::Outage;
use crate::workbench::{SECRET, Workbench, gun, only, pending, secret, sign, sign_well};

#[tokio::test]
async fn first_passphrase_opens_again_and_another_does_not() {
    let bench = Workbench::new();
    bench.custody().await;
    bench.custody().await;
    let error = bench.open(only("planted other")).await.unwrap_err();
    assert!(matches!(error, OpenError::WrongPassphrase { .. }), "{error}");
    assert!(error.to_string().starts_with("wrong passphrase"), "{error}");
    assert!(!format!("{error} {error:?}").contains("planted"));
}

#[tokio::test]
async fn passphrases_are_proved_without_deciding_which_is_the_first() {
    let bench = Workbench::new();
    prove_passphrases(&*bench.store, only("any")).await.unwrap();
    bench.custody().await;
    prove_passphrases(&*bench.store, only(SECRET)).await.unwrap();
    let error = prove_passphrases(&*bench.store, only("any")).await.unwrap_err();
    assert!(matches!(error, OpenError::WrongPassphrase { .. }), "{error}");
}

#[tokio::test]
async fn process_that_loses_the_race_for_the_first_passphrase_stops() {
    let bench = Workbench::new();
    bench.custody().await;
    bench.store.hide_check_once();
    let error = bench.open(only("another")).await.unwrap_err();
    assert!(matches!(error, OpenError::WrongPassphrase { .. }), "{error}");
    bench.custody().await;
}

#[tokio::test]
async fn process_that_loses_the_race_with_the_same_passphrase_goes_on() {
    let bench = Workbench::new();
    let key = pending(&bench.custody().await).await;
    bench.store.hide_check_once();
    sign_well(&bench.custody().await, &key).await;
}

#[tokio::test]
async fn new_default_alias_opens_while_the_first_passphrase_is_still_given() {
    let bench = Workbench::new();
    let old = pending(&bench.custody().await).await;
    let ring = Passphrases::new("next", secret("next")).with("countersign", secret(SECRET));
    let custody = bench.open(ring).await.unwrap();
    sign_well(&custody, &old).await;
    let new = pending(&custody).await;
    let aliases: Vec<String> =
        bench.store.rows().into_iter().map(|row| row.passphrase_alias).collect();
    assert_eq!(aliases, ["countersign", "next"]);
    sign_well(&custody, &new).await;
}

#[tokio::test]
async fn damaged_check_value_is_not_called_a_wrong_passphrase() {
    let bench = Workbench::new();
    bench.store.set_check(b"not a token");
    let error = bench.open(only(SECRET)).await.unwrap_err();
    assert!(matches!(error, OpenError::Custody(CustodyError::Other(_))), "{error}");
}

#[tokio::test]
async fn check_value_that_holds_another_text_is_damaged() {
    let bench = Workbench::new();
    let custody = bench.custody().await;
    pending(&custody).await;
    let sealed_key = bench.store.rows().remove(0).sealed;
    bench.store.set_check(&sealed_key);
    let error = bench.open(only(SECRET)).await.unwrap_err();
    assert!(matches!(error, OpenError::Custody(CustodyError::Other(_))), "{error}");
}

#[tokio::test]
async fn store_that_is_away_at_the_start_is_unavailable() {
    let bench = Workbench::new();
    bench.store.set_outage(Outage::Everything);
    let error = bench.open(only(SECRET)).await.unwrap_err();
    assert!(matches!(error, OpenError::Custody(CustodyError::Unavailable { .. })), "{error}");
}

#[tokio::test]
async fn row_of_an_alias_without_passphrase_names_alias_and_mend() {
    let bench = Workbench::new();
    let custody = bench.custody().await;
    let key = pending(&custody).await;
    bench.store.edit(|row| row.passphrase_alias = "Last.Year".to_owned());
    let restarted = bench.custody().await;
    let CustodyError::BadKey { key_id, reason } = sign(&restarted, &key).await.unwrap_err() else {
        panic!("expected a bad key");
    };
    assert_eq!(key_id, key.id().as_str());
    assert!(reason.contains("\"Last.Year\""), "{reason}");
    assert!(reason.contains("NOTARY_SIGNER_LAST_YEAR"), "{reason}");
}

/// The row is there, so neither call may answer that there is no key, nor make another.
#[tokio::test]
async fn row_under_another_passphrase_is_a_bad_key_for_every_call() {
    let bench = Workbench::new();
    let ring = Passphrases::new("old", secret("old")).with("countersign", secret(SECRET));
    let key = pending(&bench.open(ring).await.unwrap()).await;
    let ring = Passphrases::new("countersign", secret(SECRET)).with("old", secret("wrong"));
    bench.store.set_check(&check_of(SECRET).await);
    let custody = bench.open(ring).await.unwrap();
    let (gun, role) = (gun(), ServerRole::Timestamp);
    let errors = [
        sign(&custody, &key).await.unwrap_err(),
        custody.find_key(&gun, role, key.id()).await.unwrap_err(),
        custody.pending_key(&gun, role, ServerKeyAlgorithm::Ecdsa).await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(&error, CustodyError::BadKey { .. }), "{error}");
    }
    assert_eq!(bench.store.rows().len(), 1);
}

#[tokio::test]
async fn debug_of_custody_its_rows_and_its_errors_shows_no_secret() {
    let bench = Workbench::new();
    let custody = bench.custody().await;
    let key = pending(&custody).await;
    sign_well(&custody, &key).await;
    let row = bench.store.rows().remove(0);
    bench.store.edit(|row| row.sealed.truncate(300));
    let error = sign(&custody, &key).await.unwrap_err();
    let shown = format!("{custody:?} {custody:#?} {row:?} {error:?} {error}");
    assert!(!shown.contains(SECRET) && !shown.contains("planted"));
    let sealed = String::from_utf8(row.sealed.clone()).unwrap();
    assert!(sealed.split('.').all(|part| !shown.contains(part)));
    let listed = format!("{:?}", &row.sealed[..20]);
    assert!(!shown.contains(listed.trim_matches(['[', ']'])));
}

/// The check value that a first start with this passphrase stores.
async fn check_of(text: &str) -> Vec<u8> {
    let bench = Workbench::new();
    bench.open(only(text)).await.unwrap();
    countersign_storage::KeyStore::passphrase_check(bench.store.as_ref()).await.unwrap().unwrap()
}
