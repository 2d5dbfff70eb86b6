//! What a start says of the passphrases it is given, alias by alias (signer spec 3.4 and 9.5,
//! contract section 1).

use std::sync::Arc;

use countersign_custody::CustodyError;
use countersign_custody::sealed::{
    AliasFinding, OpenError, Passphrases, SealedCustody, try_aliases,
};
use countersign_tuf::keys::ServerKeyAlgorithm;
use countersign_tuf::names::{Gun, ServerRole};

use crate::memory_store::Outage;
use crate::workbench::{SECRET, Workbench, only, pending, secret};

async fn trial(
    bench: &Workbench,
    passphrases: Passphrases,
) -> Result<Vec<AliasFinding>, OpenError> {
    try_aliases(&*bench.store, &*bench.store, &Arc::new(passphrases)).await
}

/// Two keys, each under an alias of its own, as after a change of the default alias.
async fn two_aliases() -> Workbench {
    let bench = Workbench::new();
    pending(&bench.open(Passphrases::new("Time.1", secret("one"))).await.unwrap()).await;
    let ring = Passphrases::new("time_2", secret("two")).with("TIME_1", secret("one"));
    make(&bench.open(ring).await.unwrap(), "registry.example/second").await;
    bench
}

async fn make(custody: &SealedCustody, gun: &str) {
    use countersign_custody::Custody as _;
    let (role, algorithm) = (ServerRole::Timestamp, ServerKeyAlgorithm::Ecdsa);
    custody.pending_key(&Gun::parse(gun).unwrap(), role, algorithm).await.unwrap();
}

#[tokio::test]
async fn right_passphrases_and_an_empty_store_leave_nothing_to_say() {
    assert_eq!(trial(&Workbench::new(), only(SECRET)).await.unwrap(), []);
    let ring = only("unused").with("TIME_1", secret("one")).with("TIME_2", secret("two"));
    assert_eq!(trial(&two_aliases().await, ring).await.unwrap(), []);
}

#[tokio::test]
async fn a_wrong_passphrase_names_its_alias_and_its_variable() {
    let bench = two_aliases().await;
    let ring = only("unused").with("TIME_1", secret("one")).with("TIME_2", secret("planted"));
    let error = trial(&bench, ring).await.unwrap_err();
    let said = error.to_string();
    assert!(matches!(error, OpenError::WrongAliasPassphrase { .. }), "{said}");
    assert!(said.contains("\"time_2\"") && said.contains("NOTARY_SIGNER_TIME_2"), "{said}");
    assert!(!format!("{said} {error:?}").contains("planted"));
}

#[tokio::test]
async fn an_alias_without_passphrase_is_told_and_stops_nothing() {
    let findings = trial(&two_aliases().await, only("unused").with("TIME_2", secret("two"))).await;
    let findings = findings.unwrap();
    let [AliasFinding::NoPassphrase { alias, variable }] = findings.as_slice() else {
        panic!("{findings:?}");
    };
    assert_eq!((alias.as_str(), variable.as_str()), ("Time.1", "NOTARY_SIGNER_TIME_1"));
    assert!(findings[0].to_string().contains("NOTARY_SIGNER_TIME_1_FILE"), "{}", findings[0]);
}

/// One damaged row is a refusal for its GUN alone.
#[tokio::test]
async fn a_damaged_key_does_not_make_a_passphrase_wrong() {
    for damage in ["bit", "form"] {
        let bench = Workbench::new();
        let custody = bench.custody().await;
        pending(&custody).await;
        make(&custody, "registry.example/second").await;
        let newest = bench.store.rows().remove(1).key_id;
        bench.store.edit(|row| {
            if row.key_id != newest {
                return;
            }
            match damage {
                "bit" => {
                    let last = row.sealed.len() - 1;
                    row.sealed[last] = if row.sealed[last] == b'A' { b'Q' } else { b'A' };
                }
                _ => row.sealed = b"no token".to_vec(),
            }
        });
        assert_eq!(trial(&bench, only(SECRET)).await.unwrap(), [], "{damage}");
    }
}

#[tokio::test]
async fn keys_that_do_not_open_under_a_proved_passphrase_are_told_as_damaged() {
    let bench = Workbench::new();
    let key = pending(&bench.custody().await).await;
    let other = Workbench::new();
    pending(&other.open(only("another")).await.unwrap()).await;
    let foreign = other.store.rows().remove(0).sealed;
    bench.store.edit(|row| row.sealed.clone_from(&foreign));
    let findings = trial(&bench, only(SECRET)).await.unwrap();
    let key_id = key.id().as_str().to_owned();
    assert_eq!(findings, [AliasFinding::Damaged { alias: "countersign".to_owned(), key_id }]);
}

#[tokio::test]
async fn rows_that_hold_no_token_are_passed_over() {
    let bench = Workbench::new();
    pending(&bench.custody().await).await;
    bench.store.edit(|row| row.sealed = b"no token".to_vec());
    assert_eq!(trial(&bench, only(SECRET)).await.unwrap(), []);
}

#[tokio::test]
async fn a_store_that_is_away_is_unavailable() {
    let bench = Workbench::new();
    bench.store.set_outage(Outage::Everything);
    let error = trial(&bench, only(SECRET)).await.unwrap_err();
    assert!(matches!(error, OpenError::Custody(CustodyError::Unavailable { .. })), "{error}");
}
