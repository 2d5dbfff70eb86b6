//! Certificates of root keys: which of them count (server spec 4, step 2.3). The expected texts
//! are what Notary's server answered.

use chrono::{DateTime, Duration, Utc};
use countersign_forge::certificate::CertificateShape;
use countersign_forge::key::Key;
use countersign_tuf::keys::certificate::{Bundle, Dates};
use countersign_tuf::names::Gun;

use crate::model::{Model, damaged, reason};
use crate::server::{GUN, now};

const LEAF: &str =
    "could not validate the path to a trusted root: unable to retrieve valid leaf certificates";
const INTEGRITY: &str =
    "could not validate the path to a trusted root: failed to validate integrity of roots";

/// One row per fault of the forge, in a first root.
const CASES: [(&str, Result<(), &str>); 22] = [
    ("certificate-name-wildcard", Ok(())),
    ("certificate-name-star", Ok(())),
    ("certificate-name-is-prefix", Err(LEAF)),
    ("certificate-name-empty", Err(LEAF)),
    ("certificate-name-other-case", Err(LEAF)),
    ("certificate-other-name", Err(LEAF)),
    ("certificate-expired", Err(LEAF)),
    ("certificate-valid-tomorrow", Ok(())),
    ("certificate-valid-next-month", Err(LEAF)),
    ("certificate-of-authority", Err(LEAF)),
    ("certificate-with-authority-behind", Ok(())),
    ("certificate-with-authority-in-front", Err(LEAF)),
    ("certificate-twice-in-bundle", Err(LEAF)),
    ("certificate-with-other-block", Err(LEAF)),
    ("certificate-with-text-around", Err(INTEGRITY)),
    ("certificate-with-crlf", Err(INTEGRITY)),
    ("certificate-without-last-newline", Err(INTEGRITY)),
    ("certificate-cut", Err(LEAF)),
    ("certificate-empty", Err(LEAF)),
    ("certificate-under-plain-type", Err(INTEGRITY)),
    ("certificate-rsa", Ok(())),
    ("certificate-rsa-sha1", Err(LEAF)),
];

#[test]
fn every_kind_of_root_certificate_gets_its_verdict() {
    for (fault, expected) in CASES {
        let mut model = Model::new();
        let parts = damaged(&model.client_snapshot(), fault, "root");
        let outcome = model.publish(&parts).map(drop).map_err(|refusal| reason(&refusal));
        assert_eq!(outcome, expected.map_err(|text| ("root", text.to_owned())), "{fault}");
        assert_eq!(model.documents.is_empty(), expected.is_err(), "{fault}");
    }
}

fn shape() -> CertificateShape {
    CertificateShape::of_client(GUN, now())
}

fn pem(key: &Key) -> String {
    String::from_utf8(key.public().to_vec()).unwrap()
}

fn usable(key: &Key, at: DateTime<Utc>) -> bool {
    Bundle::parse(key.public()).unwrap().is_usable(Dates::At(at))
}

/// C-055 and its neighbours: the slack is one day.
#[test]
fn certificate_counts_from_a_day_before_it_becomes_valid() {
    let key = Key::ecdsa_certificate([3; 32], &shape());
    let start = (shape().not_before).date_naive().and_hms_opt(0, 0, 0).unwrap().and_utc();
    for (hours, counts) in [(0, true), (23, true), (24, true), (25, false)] {
        assert_eq!(usable(&key, start - Duration::hours(hours)), counts, "{hours}");
    }
}

#[test]
fn certificate_counts_to_the_second_at_which_it_ends() {
    let key = Key::ecdsa_certificate([3; 32], &shape());
    let end = (shape().not_after).date_naive().and_hms_opt(0, 0, 0).unwrap().and_utc();
    assert!(usable(&key, end));
    assert!(!usable(&key, end + Duration::seconds(1)));
    let bundle = Bundle::parse(key.public()).unwrap();
    assert!(bundle.is_usable(Dates::Ignored));
}

#[test]
fn name_of_a_certificate_is_the_gun_or_a_prefix_before_a_star() {
    let gun = Gun::parse(GUN).unwrap();
    for (name, fits) in [
        ("example.com/team/app", true),
        ("example.com/team/*", true),
        ("example.com/team*", true),
        ("example.com/team/app*", true),
        ("example.com/team/**", true),
        ("*", true),
        ("example.com/team/", false),
        ("example.com/team/app/*", false),
        ("example.com/team/App", false),
        ("*/team/app", false),
        ("example.com/*/app", false),
        ("example.com/team/app ", false),
    ] {
        let named = CertificateShape { common_name: name.to_owned(), ..shape() };
        let key = Key::ecdsa_certificate([3; 32], &named);
        assert_eq!(Bundle::parse(key.public()).unwrap().names(&gun), fits, "{name:?}");
    }
}

#[test]
fn intermediates_keep_their_order_in_the_key_id() {
    let mut authority = shape();
    authority.standing = countersign_forge::certificate::Standing::Authority;
    let leaf = Key::ecdsa_certificate([3; 32], &shape());
    let [one, two] = [4, 5].map(|seed| pem(&Key::ecdsa_certificate([seed; 32], &authority)));
    let listed = |behind: [&str; 2]| {
        let text = format!("{}{}{}", pem(&leaf), behind[0], behind[1]);
        leaf.listed_as("ecdsa-x509", text.into_bytes())
    };
    let (straight, turned) = (listed([&one, &two]), listed([&two, &one]));
    assert_ne!(straight.id(), turned.id());
    for key in [straight, turned] {
        let carried = Bundle::parse(key.public()).unwrap().to_key().unwrap();
        assert_eq!(carried.id().as_str(), key.id());
        assert_eq!(carried.public(), key.public());
    }
}

/// Made with OpenSSL: the name and the dates are right.
#[test]
fn certificate_with_a_short_rsa_key_does_not_count() {
    let text = include_bytes!("../../../../tests/vectors/keys/rsa-1024.crt");
    let bundle = Bundle::parse(text).unwrap();
    assert!(bundle.names(&Gun::parse(GUN).unwrap()));
    assert!(!bundle.is_usable(Dates::At(now())));
    assert!(!bundle.is_usable(Dates::Ignored));
}
