//! Keys in a token: what they are, and that they stay there.

use countersign_custody::pkcs11::{TokenError, TokenKey, TokenUri};
use countersign_tests::peers::softhsm::{LABEL, SoftHsm};
use countersign_tuf::keys::ServerKeyAlgorithm;

use crate::bench::{make, sign_well, token};

const BOTH: [ServerKeyAlgorithm; 2] = [ServerKeyAlgorithm::Ecdsa, ServerKeyAlgorithm::Ed25519];

#[tokio::test(flavor = "multi_thread")]
async fn a_key_made_in_the_token_signs_and_is_found_again_by_its_name() {
    let hsm = SoftHsm::start().unwrap();
    let token = token(&hsm).await.unwrap();
    for algorithm in BOTH {
        let made = make(&token, algorithm).await.unwrap();
        assert_eq!(made.public().key_type(), &algorithm.key_type());
        sign_well(&made).await.unwrap();
        let name = made.uri().to_string();
        assert!(name.starts_with(&format!("pkcs11:token={LABEL};id=%")), "{name}");
        let uri = TokenUri::parse(name.as_bytes()).unwrap();
        assert_eq!(hex::encode(uri.id()), made.public().id().as_str(), "an operator finds it");
        let found = TokenKey::named(&token, &uri, made.public().clone()).unwrap();
        found.is_there().await.unwrap();
        sign_well(&found).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_key_is_not_given_out() {
    let hsm = SoftHsm::start().unwrap();
    let token = token(&hsm).await.unwrap();
    for algorithm in BOTH {
        let made = make(&token, algorithm).await.unwrap();
        let error = made.take_out().await.unwrap_err();
        assert!(matches!(error, TokenError::NotExtractable { .. }), "{error}");
        assert!(error.to_string().contains("countersign keys rotate"), "{error}");
        sign_well(&made).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_key_is_missing_and_others_stay() {
    let hsm = SoftHsm::start().unwrap();
    let token = token(&hsm).await.unwrap();
    let (kept, removed) =
        (make(&token, BOTH[0]).await.unwrap(), make(&token, BOTH[0]).await.unwrap());
    let copy = removed.clone();
    removed.destroy().await.unwrap();
    let error = copy.sign(b"message").await.unwrap_err();
    assert!(matches!(error, TokenError::KeyMissing { .. }), "{error}");
    let error = copy.is_there().await.unwrap_err();
    assert!(matches!(error, TokenError::KeyMissing { .. }), "{error}");
    sign_well(&kept).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_signatures_at_once_share_few_sessions() {
    let hsm = SoftHsm::start().unwrap();
    let token = token(&hsm).await.unwrap();
    let key = make(&token, BOTH[0]).await.unwrap();
    let signers: Vec<_> = (0..200)
        .map(|_| {
            let key = key.clone();
            tokio::spawn(async move { sign_well(&key).await })
        })
        .collect();
    for signer in signers {
        signer.await.unwrap().unwrap();
    }
    assert!(hsm.calls("C_OpenSession") <= 3, "{}", hsm.calls("C_OpenSession"));
    assert_eq!(hsm.calls("C_Login"), 1);
}
