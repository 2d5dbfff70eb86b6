//! Tokens that were made elsewhere (the vectors), and tokens that were forged here, one fault at a
//! time.

mod any_input;
mod attacks;
mod forged;

use chrono::TimeZone as _;
use countersign_forge::token_service::{CERTIFICATE_ENDS, TokenService};
use serde_json::{Value as Json, json};

use self::forged::{good_claims, key_id, trusted, verifier_for};
use super::*;
use crate::AccessItem;
use crate::token::tests::{ChainVector, KeyVector};
use crate::token::{BadChain, BadJws, CertificateBundle, Jwks, PublicKey};

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

/// When the vectors count.
fn june() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2027, 6, 1, 12, 0, 0).unwrap()
}

fn issuer(audiences: Audiences, keys: TrustedKeys) -> Verifier {
    Verifier::new(vec![Issuer { name: "auth.example.com".to_owned(), audiences, keys }])
}

fn notary(keys: TrustedKeys) -> Verifier {
    issuer(Audiences::Notary("trust.example.com".to_owned()), keys)
}

fn ours(keys: TrustedKeys) -> Verifier {
    issuer(Audiences::AnyOf(vec!["other".to_owned(), "trust.example.com".to_owned()]), keys)
}

fn bundle(certificates: &[Vec<u8>]) -> CertificateBundle {
    let block = |der: &Vec<u8>| pem::encode(&pem::Pem::new("CERTIFICATE", der.clone()));
    let text: String = certificates.iter().map(block).collect();
    CertificateBundle::parse(text.as_bytes()).unwrap()
}

fn jwks(vector: &KeyVector, kid: &str) -> Jwks {
    let mut jwk = vector.jwk();
    jwk["kid"] = kid.into();
    Jwks::parse(json!({ "keys": [jwk] }).to_string().as_bytes()).unwrap()
}

/// Checklist row C-157.
#[test]
fn keys_by_kid_jwk_and_x5c_are_found_in_a_bundle() {
    for vector in KeyVector::all() {
        if vector.key().is_ed25519() {
            continue;
        }
        let verifier = notary(TrustedKeys::notary(bundle(&[vector.bytes("certificate")])));
        for form in ["by_kid", "by_jwk", "by_x5c"] {
            let verified = verifier.verify(vector.text(form), june()).unwrap();
            assert_eq!(
                (verified.issuer(), verified.subject()),
                ("auth.example.com", Some("alice"))
            );
            assert!(verified.grants(&AccessItem::repository("example.com/a", "pull")), "{form}");
        }
        let by_thumbprint = verifier.verify(vector.text("by_thumbprint"), june());
        assert!(matches!(by_thumbprint, Err(TokenFault::UnknownKey { .. })), "{by_thumbprint:?}");
    }
}

#[test]
fn beyond_notary_every_form_counts_by_certificate_and_by_key_set() {
    let complete = Completeness::Complete;
    for vector in KeyVector::all() {
        let by_bundle = TrustedKeys::of(bundle(&[vector.bytes("certificate")]), &[], complete);
        let set = jwks(&vector, "any");
        let by_set = TrustedKeys::of(CertificateBundle::default(), &[&set], complete);
        for keys in [by_bundle, by_set] {
            let verifier = ours(keys);
            for form in ["by_kid", "by_thumbprint", "by_jwk", "by_x5c"] {
                let verdict = verifier.verify(vector.text(form), june());
                assert!(verdict.is_ok(), "{} {form}: {verdict:?}", vector.text("name"));
            }
        }
    }
}

#[test]
fn ed25519_counts_in_no_form_where_notarys_rules_hold() {
    let vectors = KeyVector::all();
    let vector = vectors.iter().find(|vector| vector.key().is_ed25519()).unwrap();
    let keys = TrustedKeys::notary(bundle(&[vector.bytes("certificate")]));
    for form in ["by_kid", "by_jwk", "by_x5c"] {
        let verdict = notary(keys.clone()).verify(vector.text(form), june());
        assert_eq!(verdict, Err(TokenFault::Ed25519), "{form}");
    }
    let text = pem::encode(&pem::Pem::new("CERTIFICATE", vector.bytes("certificate")));
    assert!(CertificateBundle::parse_for_notary(text.as_bytes()).is_err());
}

#[test]
fn chains_count_as_they_do_for_notary() {
    for vector in ChainVector::all() {
        let verifier = notary(TrustedKeys::notary(bundle(&vector.bundle())));
        let verdict = verifier.verify(vector.text("token"), june());
        let good = vector.text("verdict") == "good";
        assert_eq!(verdict.is_ok(), good, "{}: {verdict:?}", vector.text("name"));
    }
}

#[test]
fn a_chain_counts_only_while_every_certificate_in_it_holds() {
    // The tokens are long expired then, so the chain itself is asked.
    let too_late = Utc.with_ymd_and_hms(2047, 1, 1, 0, 0, 0).unwrap().timestamp();
    let too_early = Utc.with_ymd_and_hms(2025, 12, 31, 0, 0, 0).unwrap().timestamp();
    for vector in ChainVector::all() {
        let jws = CompactJws::parse(vector.text("token")).unwrap();
        let header = Members::of(&jws.header, &KNOWN).unwrap();
        let x5c = header.texts("x5c").unwrap().unwrap();
        for time in [too_early, too_late] {
            let seconds = u64::try_from(time).unwrap();
            let verdict = Chain::read(&x5c).unwrap().verify(&bundle(&vector.bundle()), seconds);
            assert!(verdict.is_err(), "{}", vector.text("name"));
        }
    }
}

#[test]
fn an_expired_certificate_of_the_bundle_still_names_its_key() {
    let signer = TokenService::new();
    let verifier = verifier_for(&signer);
    let (kid, now) = (key_id(&signer), at(CERTIFICATE_ENDS + 10));
    let claims = json!({ "exp": now.timestamp() });
    let by_kid = signer.token(&json!({ "alg": "ES256", "kid": kid }), &good_claims(&claims));
    assert!(verifier.verify(&by_kid, now).is_ok());
    let x5c = json!({ "alg": "ES256", "x5c": [signer.certificate_base64()] });
    let by_x5c = signer.token(&x5c, &good_claims(&claims));
    assert_eq!(verifier.verify(&by_x5c, now), Err(TokenFault::Chain(BadChain::Dates)));
}

/// Checklist row C-156.
#[test]
fn clocks_may_differ_by_a_minute_and_no_more() {
    let (signer, now) = (TokenService::new(), 1_800_000_000);
    let verifier = verifier_for(&signer);
    let verdict = |claims: Json| {
        let header = json!({ "alg": "ES256", "kid": key_id(&signer) });
        let token = signer.token(&header, &good_claims(&claims));
        match verifier.verify(&token, at(now)) {
            Ok(_) => "good",
            Err(TokenFault::Expired(_)) => "expired",
            Err(TokenFault::Early(_)) => "early",
            Err(TokenFault::Claims(_)) => "malformed",
            Err(_) => "other",
        }
    };
    let cases = [
        (json!({ "exp": now - 50 }), "good"),
        (json!({ "exp": now - 60 }), "good"),
        (json!({ "exp": now - 61 }), "expired"),
        (json!({ "exp": null }), "expired"),
        (json!({ "exp": 0 }), "expired"),
        (json!({ "exp": -1 }), "expired"),
        (json!({ "exp": i64::MIN }), "expired"),
        (json!({ "exp": i64::MAX }), "good"),
        (json!({ "exp": u64::MAX }), "malformed"),
        (json!({ "exp": 1_800_000_000.5 }), "malformed"),
        (json!({ "exp": 1_900_000_000.0 }), "malformed"),
        (json!({ "exp": "1900000000" }), "malformed"),
        (json!({ "nbf": now + 50 }), "good"),
        (json!({ "nbf": now + 60 }), "good"),
        (json!({ "nbf": now + 61 }), "early"),
        (json!({ "nbf": i64::MAX }), "early"),
        (json!({ "nbf": i64::MIN }), "good"),
        (json!({ "nbf": null }), "good"),
        (json!({ "nbf": 1.5 }), "malformed"),
        (json!({ "iat": 1.5 }), "malformed"),
        (json!({ "iat": now + 100_000 }), "good"),
        (json!({ "jti": 1 }), "malformed"),
        (json!({ "aud": ["trust.example.com"] }), "other"),
        (json!({ "sub": 1 }), "malformed"),
    ];
    for (claims, expected) in cases {
        assert_eq!(verdict(claims.clone()), expected, "{claims}");
    }
}

#[test]
fn the_second_after_the_last_is_too_late_at_its_first_fraction() {
    let times = Times { not_before: 0, expires: 100 };
    assert_eq!(times.phase_at(at(160)), Phase::Within);
    let later = DateTime::from_timestamp(160, 1).unwrap();
    assert_eq!(times.phase_at(later), Phase::Late);
}

#[test]
fn an_audience_list_counts_beyond_notary_only() {
    let signer = TokenService::new();
    let header = json!({ "alg": "ES256", "kid": key_id(&signer) });
    let verdict = |verifier: &Verifier, audience: Json| {
        let token = signer.token(&header, &good_claims(&json!({ "aud": audience })));
        verifier.verify(&token, at(1_800_000_000)).map(|_| ())
    };
    let wide = ours(trusted(&signer));
    for good in [json!("other"), json!(["x", "other"]), json!(["trust.example.com"])] {
        assert_eq!(verdict(&wide, good.clone()), Ok(()), "{good}");
    }
    for bad in [json!("x"), json!(["x"]), json!([]), json!(""), json!(null), json!("OTHER")] {
        let refused = verdict(&wide, bad.clone());
        assert!(matches!(refused, Err(TokenFault::Audience(_))), "{bad}: {refused:?}");
    }
    let refused = verdict(&verifier_for(&signer), json!(["trust.example.com"]));
    assert!(matches!(refused, Err(TokenFault::Audience(_))), "{refused:?}");
}

#[test]
fn what_is_loose_in_notary_is_loose_here() {
    let signer = TokenService::new();
    let verifier = verifier_for(&signer);
    let good = good_claims(&json!({}));
    let jwk = signer.jwk();
    let with = |name: &str, value: Json| {
        let mut jwk = jwk.clone();
        jwk[name] = value;
        json!({ "alg": "ES256", "jwk": jwk })
    };
    let headers = [
        json!({ "alg": "ES256", "kid": key_id(&signer) }),
        json!({ "alg": "ES256", "kid": key_id(&signer), "typ": "anything", "x5c": [] }),
        json!({ "alg": "ES256", "kid": key_id(&signer), "jwk": null, "b64": false }),
        with("x5c", json!("no list")),
        with("d", json!("AQ")),
        with("use", json!("enc")),
    ];
    for header in headers {
        let verdict = verifier.verify(&signer.token(&header, &good), at(1_800_000_000));
        assert!(verdict.is_ok(), "{header}: {verdict:?}");
    }
    // Parts with padding: the signature is over the text as it was sent.
    let header = json!({ "alg": "ES256", "kid": key_id(&signer) });
    let padded = signer.padded_token(&header, &good);
    assert!(padded.contains('=') && verifier.verify(&padded, at(1_800_000_000)).is_ok());
}

#[test]
fn entries_that_are_none_are_refused_and_null_claims_are_absent() {
    let signer = TokenService::new();
    let verifier = verifier_for(&signer);
    let header = json!({ "alg": "ES256", "kid": key_id(&signer) });
    let verify = |access: Json| {
        let token = signer.token(&header, &good_claims(&json!({ "access": access })));
        verifier.verify(&token, at(1_800_000_000))
    };
    for bad in [json!([null]), json!([{}, null]), json!("x"), json!({}), json!([["x"]])] {
        assert!(matches!(verify(bad.clone()), Err(TokenFault::Claims(_))), "{bad}");
    }
    let many = json!(vec![json!({}); 1001]);
    assert!(matches!(verify(many), Err(TokenFault::Claims(_))));
    let item = AccessItem::repository("", "");
    for harmless in [json!(null), json!([]), json!([{ "actions": null, "type": null }])] {
        assert!(!verify(harmless.clone()).unwrap().grants(&item), "{harmless}");
    }
}

/// Checklist rows C-152, C-153, C-154 and C-158.
#[test]
fn a_right_is_contained_by_type_name_and_action() {
    let signer = TokenService::new();
    let header = json!({ "alg": "ES256", "kid": key_id(&signer) });
    let grants = |entry: Json, action: &'static str| {
        let token = signer.token(&header, &good_claims(&json!({ "access": [entry] })));
        let verified = verifier_for(&signer).verify(&token, at(1_800_000_000)).unwrap();
        verified.grants(&AccessItem::repository("example.com/a", action))
    };
    let on = |kind: &str, name: &str, actions: &[&str]| json!({ "type": kind, "class": "image", "name": name, "actions": actions });
    let a = "example.com/a";
    assert!(grants(on("repository", a, &["pull"]), "pull"));
    assert!(grants(on("repository", a, &["*"]), "pull"));
    assert!(grants(on("repository", a, &["*"]), "*"));
    assert!(!grants(on("repository", a, &["push", "pull"]), "*"));
    assert!(!grants(on("repository", a, &["pull"]), "push"));
    assert!(!grants(on("repository", a, &["PULL"]), "pull"));
    assert!(!grants(on("repository", a, &[]), "pull"));
    assert!(!grants(on("repository", "example.com/", &["*"]), "pull"));
    assert!(!grants(on("repository", "*", &["*"]), "pull"));
    assert!(!grants(on("repository(plugin)", a, &["*"]), "pull"));
    assert!(!grants(on("registry", a, &["*"]), "pull"));
}

#[test]
fn each_issuer_has_keys_and_audiences_of_its_own() {
    let (first, second) = (TokenService::new(), TokenService::new());
    let named = |name: &str, service: &str, signer: &TokenService| Issuer {
        name: name.to_owned(),
        audiences: Audiences::AnyOf(vec![service.to_owned()]),
        keys: trusted(signer),
    };
    let verifier = Verifier::new(vec![named("one", "a", &first), named("two", "b", &second)]);
    let verdict = |signer: &TokenService, issuer: &str, audience: &str| {
        let header = json!({ "alg": "ES256", "kid": key_id(signer) });
        let claims = good_claims(&json!({ "iss": issuer, "aud": audience }));
        verifier.verify(&signer.token(&header, &claims), at(1_800_000_000)).is_ok()
    };
    assert!(verdict(&first, "one", "a") && verdict(&second, "two", "b"));
    assert!(!verdict(&first, "two", "b") && !verdict(&second, "one", "a"));
    assert!(!verdict(&first, "one", "b") && !verdict(&first, "three", "a"));
    assert!(!verdict(&first, "ONE", "a") && !verdict(&first, "", "a"));
}

#[test]
fn a_key_that_may_be_among_those_not_read_is_not_called_unknown() {
    let signer = TokenService::new();
    let keys = TrustedKeys::of(CertificateBundle::default(), &[], Completeness::Lacking);
    let verifier = ours(keys);
    for header in [
        json!({ "alg": "ES256", "kid": key_id(&signer) }),
        json!({ "alg": "ES256", "x5c": [signer.certificate_base64()] }),
    ] {
        let token = signer.token(&header, &good_claims(&json!({})));
        let verdict = verifier.verify(&token, at(1_800_000_000));
        assert!(matches!(verdict, Err(TokenFault::KeysLacking { .. })), "{verdict:?}");
    }
    // What is wrong for certain is called so.
    let header = json!({ "alg": "ES256", "kid": key_id(&signer) });
    let foreign = signer.token(&header, &good_claims(&json!({ "iss": "x" })));
    let verdict = verifier.verify(&foreign, at(1_800_000_000));
    assert!(matches!(verdict, Err(TokenFault::Issuer(_))), "{verdict:?}");
}

#[test]
fn a_key_set_may_bind_a_key_to_one_algorithm() {
    let vectors = KeyVector::all();
    let rsa: Vec<_> = vectors.iter().filter(|vector| vector.text("name") == "RSA").collect();
    let mut jwk = rsa[0].jwk();
    jwk["alg"] = "RS256".into();
    let set = Jwks::parse(json!({ "keys": [jwk] }).to_string().as_bytes()).unwrap();
    let keys = TrustedKeys::of(CertificateBundle::default(), &[&set], Completeness::Complete);
    let verifier = ours(keys);
    for vector in rsa {
        let verdict = verifier.verify(vector.text("by_kid"), june());
        assert_eq!(verdict.is_ok(), vector.text("algorithm") == "RS256", "{verdict:?}");
    }
}

#[test]
fn key_sets_that_no_service_means_to_publish_are_refused() {
    let mut private = KeyVector::all()[0].jwk();
    private["d"] = "AQ".into();
    let octets = json!({ "kty": "oct", "k": "AQ" });
    for set in [
        json!([]),
        json!({}),
        json!({ "keys": {} }),
        json!({ "Keys": [] }),
        json!({ "keys": [private] }),
        json!({ "keys": [octets] }),
        json!({ "keys": vec![octets.clone(); 101] }),
    ] {
        assert!(Jwks::parse(set.to_string().as_bytes()).is_err(), "{set}");
    }
    let mixed = json!({ "keys": [octets, KeyVector::all()[0].jwk()] });
    let mixed = Jwks::parse(mixed.to_string().as_bytes()).unwrap();
    assert_eq!((mixed.keys().len(), mixed.passed_over()), (1, 1));
    assert!(Jwks::parse(br#"{"keys":[]}"#).unwrap().keys().is_empty());
}
