//! From one passphrase to the next: proposed once, adopted once, and the processes on the way.

use super::must::Must as _;
use crate::contract::StorageError;
use crate::contract::keys::KeyStore;
use crate::contract::passphrase_moves::{KeyProcess, PassphraseCheck, PassphraseMoves};

fn check(alias: &str, sealed: &[u8]) -> PassphraseCheck {
    PassphraseCheck { alias: Some(alias.to_owned()), sealed: sealed.to_vec() }
}

fn process(id: &str, beat: i64) -> KeyProcess {
    KeyProcess {
        id: id.to_owned(),
        shown: format!("host: process {id} \u{e9}\u{1d49c}"),
        beat,
        opens: String::new(),
        seals_under: "Alias_1".to_owned(),
    }
}

/// Checks that would be taken for `check` by whoever compares loosely.
fn alike(check: &PassphraseCheck) -> [PassphraseCheck; 4] {
    let named = |alias: Option<&str>| PassphraseCheck {
        alias: alias.map(str::to_owned),
        sealed: check.sealed.clone(),
    };
    let sealed = check.sealed.iter().chain(b" ").copied().collect();
    [
        named(Some("ALIAS_2")),
        named(Some("Alias_2 ")),
        named(None),
        PassphraseCheck { sealed, ..check.clone() },
    ]
}

/// Absence is an answer.
pub async fn a_store_without_a_passphrase_has_no_checks_and_no_processes<S: PassphraseMoves>(
    to: &S,
) {
    assert_eq!(to.current_check().await.must(), None);
    assert_eq!(to.proposed_check().await.must(), None);
    assert_eq!(to.processes().await.must(), []);
    to.forget_process("aa").await.must();
    to.withdraw_check(&check("Alias_2", b"x")).await.must();
    assert!(!to.adopt_check(&check("Alias_2", b"x")).await.must());
    assert_eq!(to.current_check().await.must(), None);
}

/// The check of the first passphrase holds without an alias, as it did before there were any.
pub async fn the_first_check_holds_and_names_no_alias<S: PassphraseMoves + KeyStore>(to: &S) {
    to.insert_passphrase_check(b"one\0\xff").await.must();
    let expected = PassphraseCheck { alias: None, sealed: b"one\0\xff".to_vec() };
    assert_eq!(to.current_check().await.must(), Some(expected));
    assert_eq!(to.proposed_check().await.must(), None);
}

/// A proposal changes nothing that holds, and no second one is made beside it.
pub async fn one_check_is_proposed_at_a_time<S: PassphraseMoves + KeyStore>(to: &S) {
    to.insert_passphrase_check(b"one").await.must();
    let (next, other) = (check("Alias_2", b"two\0\xff"), check("Alias_3", b"three"));
    assert_eq!(to.propose_check(&next).await.must(), next);
    assert_eq!(to.propose_check(&other).await.must(), next);
    assert_eq!(to.proposed_check().await.must().must(), next);
    assert_eq!(to.passphrase_check().await.must().must(), b"one");
    assert_eq!(to.current_check().await.must().must().alias, None);
}

/// Refused with the reason, and nothing is proposed; one that just fits is.
pub async fn a_check_with_too_long_an_alias_is_not_proposed<S: PassphraseMoves>(to: &S) {
    let refused = to.propose_check(&check(&"x".repeat(201), b"two")).await;
    assert!(
        matches!(&refused, Err(StorageError::Other(reason)) if reason.contains("alias")),
        "{refused:?}"
    );
    assert_eq!(to.proposed_check().await.must(), None);
    let fits = check(&"x".repeat(200), b"two");
    assert_eq!(to.propose_check(&fits).await.must(), fits);
}

/// Only who names the proposal exactly takes it back; then there is room for another.
pub async fn a_proposal_is_withdrawn_by_its_exact_value<S: PassphraseMoves>(to: &S) {
    let next = check("Alias_2", b"two");
    to.propose_check(&next).await.must();
    for other in alike(&next) {
        to.withdraw_check(&other).await.must();
        assert_eq!(to.proposed_check().await.must().must(), next);
    }
    to.withdraw_check(&next).await.must();
    assert_eq!(to.proposed_check().await.must(), None);
    let bare = PassphraseCheck { alias: None, sealed: b"two".to_vec() };
    assert_eq!(to.propose_check(&bare).await.must(), bare);
    to.withdraw_check(&bare).await.must();
    assert_eq!(to.proposed_check().await.must(), None);
}

/// What is adopted holds for every reader, and is proposed no more.
pub async fn an_adopted_check_holds_and_is_no_proposal<S: PassphraseMoves + KeyStore>(to: &S) {
    to.insert_passphrase_check(b"one").await.must();
    for (alias, sealed) in [("Alias_2", b"two"), ("Alias_1", b"One")] {
        let next = check(alias, sealed);
        to.propose_check(&next).await.must();
        assert!(to.adopt_check(&next).await.must());
        assert_eq!(to.current_check().await.must().must(), next);
        assert_eq!(to.passphrase_check().await.must().must(), sealed);
        assert_eq!(to.proposed_check().await.must(), None);
        assert!(!to.adopt_check(&next).await.must());
        assert_eq!(to.insert_passphrase_check(b"late").await.must(), sealed);
        assert_eq!(to.current_check().await.must().must(), next);
    }
}

/// What is not what is proposed changes neither that nor what holds.
pub async fn only_the_proposed_check_is_adopted<S: PassphraseMoves + KeyStore>(to: &S) {
    to.insert_passphrase_check(b"one").await.must();
    let next = check("Alias_2", b"two");
    assert!(!to.adopt_check(&next).await.must());
    to.propose_check(&next).await.must();
    for other in alike(&next) {
        assert!(!to.adopt_check(&other).await.must(), "{other:?}");
    }
    assert_eq!(to.passphrase_check().await.must().must(), b"one");
    assert_eq!(to.proposed_check().await.must().must(), next);
}

/// The newest note of each process is kept until it is forgotten.
pub async fn processes_are_noted_and_forgotten<S: PassphraseMoves>(to: &S) {
    for (id, beat) in [("aa", 1), ("AA", 1), ("bb", i64::MAX), ("aa", 2)] {
        to.note_process(&process(id, beat)).await.must();
    }
    let ready = KeyProcess {
        shown: "other".to_owned(),
        opens: "ab".repeat(32),
        seals_under: "Alias_2".to_owned(),
        ..process("aa", 1)
    };
    to.note_process(&ready).await.must();
    let mut found = to.processes().await.must();
    found.sort_by(|one, other| one.id.cmp(&other.id));
    assert_eq!(found, [process("AA", 1), ready.clone(), process("bb", i64::MAX)]);
    for id in ["AA", "bb", "cc", "a"] {
        to.forget_process(id).await.must();
    }
    assert_eq!(to.processes().await.must(), [ready]);
}

/// What some engine could not hold is refused by all, and what just fits is kept.
pub async fn a_process_with_too_long_a_name_is_refused<S: PassphraseMoves>(to: &S) {
    for wrong in [
        process("", 1),
        process(&"a".repeat(65), 1),
        process("\u{e9}", 1),
        KeyProcess { shown: "a".repeat(256), ..process("aa", 1) },
        KeyProcess { opens: "a".repeat(65), ..process("aa", 1) },
        KeyProcess { seals_under: "a".repeat(201), ..process("aa", 1) },
    ] {
        let refused = to.note_process(&wrong).await;
        assert!(matches!(refused, Err(StorageError::Other(_))), "{refused:?}");
    }
    assert_eq!(to.processes().await.must(), []);
    let fits = KeyProcess {
        shown: "\u{1d49c}".repeat(255),
        opens: "a".repeat(64),
        seals_under: "a".repeat(200),
        ..process(&"a".repeat(64), -1)
    };
    to.note_process(&fits).await.must();
    assert_eq!(to.processes().await.must(), [fits]);
}
