//! Whatever comes in, the verifier stands and says no.

use proptest::prelude::*;

use super::*;

#[test]
fn every_changed_bit_of_a_good_token_is_refused() {
    let signer = TokenService::new();
    let verifier = verifier_for(&signer);
    let header = json!({ "typ": "JWT", "alg": "ES256", "kid": key_id(&signer) });
    let token = signer.token(&header, &good_claims(&json!({})));
    assert!(verifier.verify(&token, at(1_800_000_000)).is_ok());
    for place in 0..token.len() {
        for bit in 0..8 {
            let mut changed = token.clone().into_bytes();
            changed[place] ^= 1 << bit;
            let Ok(changed) = String::from_utf8(changed) else { continue };
            assert!(verifier.verify(&changed, at(1_800_000_000)).is_err(), "{place} {bit}");
        }
    }
}

/// JSON of any shape, out of names and values that tokens have.
fn any_json() -> impl Strategy<Value = Json> {
    let word = prop::sample::select(vec![
        "iss",
        "sub",
        "aud",
        "exp",
        "nbf",
        "access",
        "type",
        "name",
        "actions",
        "alg",
        "kid",
        "jwk",
        "x5c",
        "kty",
        "crv",
        "x",
        "y",
        "n",
        "e",
        "EC",
        "P-256",
        "RSA",
        "OKP",
        "Ed25519",
        "ES256",
        "RS256",
        "auth.example.com",
        "trust.example.com",
        "AQAB",
        "",
    ]);
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        word.clone().prop_map(Json::from),
        any::<String>().prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 32, 8, move |inner| {
        let name = word.clone().prop_map(str::to_owned);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
            prop::collection::btree_map(name, inner, 0..8)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_text_brings_the_verifier_down(text in "[A-Za-z0-9_.=-]{0,200}|\\PC{0,200}") {
        let verifier = verifier_for(&TokenService::new());
        prop_assert!(verifier.verify(&text, at(0)).is_err());
    }

    #[test]
    fn no_header_and_no_claims_bring_the_verifier_down(header in any_json(), claims in any_json()) {
        let signer = TokenService::new();
        let verifier = verifier_for(&signer);
        prop_assert!(verifier.verify(&signer.token(&header, &claims), at(0)).is_err());
        let good = good_claims(&json!({}));
        prop_assert!(verifier.verify(&signer.token(&header, &good), at(1_800_000_000)).is_err());
    }

    #[test]
    fn no_bytes_bring_the_readers_of_keys_down(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let refused = PublicKey::from_spki(&bytes).is_err()
            && PublicKey::from_certificate(&bytes).is_err()
            && CertificateBundle::parse(&bytes).is_err()
            && Jwks::parse(&bytes).is_err();
        prop_assert!(refused);
    }
}

#[test]
fn a_text_that_is_too_long_is_not_looked_at() {
    let long = "A".repeat(crate::token::MAX_TOKEN_BYTES + 1);
    let verdict = verifier_for(&TokenService::new()).verify(&long, at(0));
    assert_eq!(verdict, Err(TokenFault::Jws(BadJws::Long)));
}
