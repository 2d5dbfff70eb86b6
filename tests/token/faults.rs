//! What goes wrong with tokens, and what an operator is told.

use std::time::Duration;

use countersign_custody::pkcs11::{Token, TokenError, TokenSettings};
use countersign_tests::peers::softhsm::{LABEL, PIN, SoftHsm};
use countersign_tuf::keys::ServerKeyAlgorithm;

use crate::bench::{load, load_with, make, objects, pin_of, sign_well, token};

/// Codes of PKCS#11, in hex.
const DEVICE_MEMORY: &str = "31";
const DEVICE_REMOVED: &str = "32";
const MECHANISM_INVALID: &str = "70";
const PIN_LOCKED: &str = "a4";
const SESSION_HANDLE_INVALID: &str = "b3";
const TOKEN_WRITE_PROTECTED: &str = "e2";
const USER_NOT_LOGGED_IN: &str = "101";
/// A flag of a token.
const USER_PIN_FINAL_TRY: &str = "20000";

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_label_names_those_that_are_there() {
    let hsm = SoftHsm::start().unwrap();
    hsm.add_token("another").unwrap();
    let token = load(&hsm, "countersing", PIN).await.unwrap();
    let error = token.check().await.unwrap_err();
    let said = error.to_string();
    assert!(matches!(error, TokenError::NoSuchToken { .. }) && !error.is_away(), "{said}");
    for part in ["\"countersing\"", "\"countersign\"", "\"another\"", "pkcs11.token"] {
        assert!(said.contains(part), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tokens_of_one_label_are_not_guessed_between() {
    let hsm = SoftHsm::start().unwrap();
    hsm.add_token(LABEL).unwrap();
    let error = token(&hsm).await.unwrap().check().await.unwrap_err();
    assert!(matches!(error, TokenError::TokensAlike { count: 2, .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_pin_is_tried_once_and_never_shown() {
    let hsm = SoftHsm::start().unwrap();
    let token = load(&hsm, LABEL, "planted-wrong").await.unwrap();
    let callers: Vec<_> = (0..8)
        .map(|_| {
            let token = token.clone();
            tokio::spawn(async move { token.check().await })
        })
        .collect();
    for caller in callers {
        let error = caller.await.unwrap().unwrap_err();
        let said = error.to_string();
        assert!(matches!(error, TokenError::PinRefused { .. }), "{said}");
        assert!(said.contains("pkcs11.pin_file"), "{said}");
        assert!(!format!("{said} {error:?} {token:?}").contains("planted"), "{said}");
    }
    assert_eq!(hsm.calls("C_Login"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_try_before_a_lock_is_left_to_the_operator() {
    let hsm = SoftHsm::start().unwrap();
    let token = token(&hsm).await.unwrap();
    hsm.fail(&format!("C_GetTokenInfo={USER_PIN_FINAL_TRY}")).unwrap();
    let error = token.check().await.unwrap_err();
    assert!(matches!(error, TokenError::LastTry { .. }), "{error}");
    assert_eq!(hsm.calls("C_Login"), 0);
    hsm.fail("").unwrap();
    token.check().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_pin_names_the_security_officer() {
    let hsm = SoftHsm::start().unwrap();
    hsm.fail(&format!("C_Login={PIN_LOCKED}")).unwrap();
    let error = token(&hsm).await.unwrap().check().await.unwrap_err();
    assert!(matches!(error, TokenError::PinLocked { .. }), "{error}");
    assert!(error.to_string().contains("security officer"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_algorithm_that_the_token_lacks_is_named() {
    let hsm = SoftHsm::start_with("-CKM_EC_EDWARDS_KEY_PAIR_GEN,CKM_EDDSA").unwrap();
    let token = token(&hsm).await.unwrap();
    let error = make(&token, ServerKeyAlgorithm::Ed25519).await.unwrap_err();
    assert!(matches!(error, TokenError::Mechanism { .. }), "{error}");
    assert!(error.to_string().contains("CKM_EDDSA"), "{error}");
    sign_well(&make(&token, ServerKeyAlgorithm::Ecdsa).await.unwrap()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_makes_keys_it_cannot_use_keeps_none_of_them() {
    let hsm = SoftHsm::start().unwrap();
    let token = token(&hsm).await.unwrap();
    token.check().await.unwrap();
    let before = objects(&hsm);
    hsm.fail(&format!("C_SignInit={MECHANISM_INVALID}")).unwrap();
    let error = make(&token, ServerKeyAlgorithm::Ecdsa).await.unwrap_err();
    assert!(matches!(error, TokenError::Mechanism { mechanism: "CKM_ECDSA", .. }), "{error}");
    hsm.fail("C_Sign=flip").unwrap();
    let error = make(&token, ServerKeyAlgorithm::Ecdsa).await.unwrap_err();
    assert!(matches!(error, TokenError::BadSignature { .. }), "{error}");
    assert_eq!(objects(&hsm), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_and_a_read_only_token_say_so_and_still_sign() {
    let hsm = SoftHsm::start().unwrap();
    let token = token(&hsm).await.unwrap();
    let key = make(&token, ServerKeyAlgorithm::Ecdsa).await.unwrap();
    hsm.fail(&format!("C_GenerateKeyPair={DEVICE_MEMORY}")).unwrap();
    let error = make(&token, ServerKeyAlgorithm::Ecdsa).await.unwrap_err();
    assert!(matches!(error, TokenError::Full { .. }), "{error}");
    sign_well(&key).await.unwrap();
    hsm.fail(&format!("C_GenerateKeyPair={TOKEN_WRITE_PROTECTED}")).unwrap();
    let error = make(&token, ServerKeyAlgorithm::Ecdsa).await.unwrap_err();
    assert!(matches!(error, TokenError::ReadOnly { .. }), "{error}");
    sign_well(&key).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_died_is_opened_again_within_the_call() {
    let hsm = SoftHsm::start().unwrap();
    let token = token(&hsm).await.unwrap();
    let key = make(&token, ServerKeyAlgorithm::Ecdsa).await.unwrap();
    for code in [SESSION_HANDLE_INVALID, DEVICE_REMOVED, USER_NOT_LOGGED_IN] {
        hsm.fail(&format!("C_SignInit={code}*1")).unwrap();
        sign_well(&key).await.unwrap();
    }
    hsm.fail("C_Sign=flip").unwrap();
    let error = key.sign(b"message").await.unwrap_err();
    assert!(matches!(error, TokenError::BadSignature { .. }), "{error}");
    hsm.fail("").unwrap();
    sign_well(&key).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_unplugged_and_comes_back_signs_again_with_the_same_keys() {
    let hsm = SoftHsm::start().unwrap();
    let token = token(&hsm).await.unwrap();
    let key = make(&token, ServerKeyAlgorithm::Ecdsa).await.unwrap();
    sign_well(&key).await.unwrap();
    hsm.unplug().unwrap();
    let error = key.sign(b"message").await.unwrap_err();
    assert!(matches!(error, TokenError::NoSuchToken { .. }) && error.is_away(), "{error}");
    hsm.plug_in().unwrap();
    let comes_back = async {
        while sign_well(&key).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), comes_back).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_module_that_never_returns_holds_up_no_more_than_its_sessions() {
    let hsm = SoftHsm::start().unwrap();
    let token = load_with(&hsm, LABEL, PIN, Duration::from_secs(2)).await.unwrap();
    let key = make(&token, ServerKeyAlgorithm::Ecdsa).await.unwrap();
    hsm.fail("C_Sign=hang").unwrap();
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let key = key.clone();
            tokio::spawn(async move { key.sign(b"message").await })
        })
        .collect();
    for call in calls {
        let error = call.await.unwrap().unwrap_err();
        assert!(matches!(error, TokenError::Away { .. }) && error.is_away(), "{error}");
    }
    assert!(hsm.calls("C_Sign") <= 4 + 3, "{}", hsm.calls("C_Sign"));
    hsm.fail("").unwrap();
    sign_well(&key).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_module_whose_own_configuration_is_missing_is_named() {
    let hsm = SoftHsm::start().unwrap();
    let module = hsm.faulty_module().unwrap();
    std::fs::remove_file(hsm.tokens().with_file_name("softhsm2.conf")).unwrap();
    let settings = TokenSettings {
        module: module.clone(),
        label: LABEL.to_owned(),
        sessions: 1,
        patience: Duration::from_secs(10),
    };
    let error = Token::load(settings, pin_of(PIN)).await.map(drop).unwrap_err();
    assert!(matches!(error, TokenError::ModuleFails { .. }), "{error}");
    assert!(error.to_string().contains(&module.display().to_string()), "{error}");
}
