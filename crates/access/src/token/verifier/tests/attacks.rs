//! Tokens as attackers make them.

use super::*;

fn jwk_of(signer: &TokenService) -> Json {
    signer.jwk()
}

fn with(mut jwk: Json, name: &str, value: Json) -> Json {
    jwk[name] = value;
    jwk
}

fn chain(signer: &TokenService) -> Json {
    json!([signer.certificate_base64()])
}

fn es256(more: Json) -> Json {
    let mut header = json!({ "typ": "JWT", "alg": "ES256" });
    header.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    header
}

/// Checklist row C-155.
#[test]
fn no_header_lends_trust_to_an_attackers_key() {
    let (signer, attacker) = (TokenService::new(), TokenService::new());
    let verifier = verifier_for(&signer);
    let (kid, own) = (key_id(&signer), key_id(&attacker));
    let good = good_claims(&json!({}));
    let (jwk, trusted_jwk) = (jwk_of(&attacker), jwk_of(&signer));
    let forged = [
        es256(json!({ "kid": kid })),
        es256(json!({ "kid": own })),
        es256(json!({ "jwk": jwk })),
        es256(json!({ "jwk": with(jwk.clone(), "kid", own.as_str().into()) })),
        es256(json!({ "jwk": with(jwk.clone(), "kid", kid.as_str().into()) })),
        es256(json!({ "jwk": with(jwk.clone(), "x5c", chain(&attacker)) })),
        es256(json!({ "jwk": with(jwk.clone(), "x5c", chain(&signer)) })),
        es256(json!({ "jwk": trusted_jwk })),
        es256(json!({ "x5c": chain(&attacker) })),
        es256(json!({ "x5c": chain(&signer) })),
        es256(json!({ "x5c": chain(&attacker), "kid": kid })),
        es256(json!({ "jwk": jwk, "kid": kid })),
        es256(json!({ "jku": "http://127.0.0.1:1/", "kid": own })),
        es256(json!({ "x5u": "http://127.0.0.1:1/", "kid": own })),
        es256(json!({ "jku": "http://127.0.0.1:1/" })),
    ];
    for header in forged {
        let verdict = verifier.verify(&attacker.token(&header, &good), at(1_800_000_000));
        assert!(verdict.is_err(), "{header}");
    }
}

/// Checklist row C-155.
#[test]
fn each_bad_header_over_a_good_signature_is_refused_for_its_own_reason() {
    let (signer, attacker) = (TokenService::new(), TokenService::new());
    let verifier = verifier_for(&signer);
    let (kid, own) = (key_id(&signer), key_id(&attacker));
    let good = good_claims(&json!({}));
    let (jwk, trusted_jwk) = (jwk_of(&attacker), jwk_of(&signer));
    let refused = |header: Json, expected: &str| {
        let verdict = verifier.verify(&signer.token(&header, &good), at(1_800_000_000));
        let fault = verdict.unwrap_err().to_string();
        assert!(fault.contains(expected), "{header}: {fault}");
    };
    refused(json!({ "alg": "none", "kid": kid }), "algorithm");
    refused(json!({ "kid": kid }), "algorithm");
    refused(json!({ "alg": "HS256", "kid": kid }), "algorithm");
    refused(json!({ "alg": "PS256", "kid": kid }), "algorithm");
    refused(json!({ "alg": "ES384", "kid": kid }), "signature");
    refused(json!({ "alg": "RS256", "kid": kid }), "signature");
    refused(json!({ "alg": "EdDSA", "kid": kid }), "signature");
    refused(json!({ "alg": 1, "kid": kid }), "type");
    refused(es256(json!({})), "no x5c, jwk or kid");
    refused(es256(json!({ "kid": null, "jwk": null, "x5c": null })), "no x5c, jwk or kid");
    refused(es256(json!({ "kid": 1 })), "type");
    refused(es256(json!({ "kid": kid, "typ": 1 })), "type");
    refused(es256(json!({ "kid": "" })), "trusted");
    refused(es256(json!({ "kid": kid.to_lowercase() })), "trusted");
    refused(es256(json!({ "kid": kid, "x5c": "AQ" })), "type");
    refused(es256(json!({ "kid": kid, "x5c": ["AQ"] })), "no base64 of a DER");
    refused(es256(json!({ "kid": kid, "x5c": [1] })), "type");
    refused(es256(json!({ "kid": kid, "x5c": vec!["AQ"; 9] })), "more than 8");
    refused(es256(json!({ "kid": kid, "jwk": {} })), "jwk");
    refused(es256(json!({ "kid": kid, "jwk": jwk })), "trusted");
    refused(es256(json!({ "kid": kid, "crit": ["exp"] })), "crit");
    refused(es256(json!({ "KID": kid })), "case only");
    let empty_chain = with(trusted_jwk.clone(), "x5c", json!([]));
    refused(es256(json!({ "jwk": empty_chain })), "empty");
    let wrong_name = with(trusted_jwk.clone(), "kid", own.as_str().into());
    refused(es256(json!({ "jwk": wrong_name })), "kid that is not");
    let wrong_chain = with(jwk, "x5c", chain(&signer));
    refused(es256(json!({ "jwk": wrong_chain })), "not the key of its x5c");
}
