//! Chains made for the purpose: each is wrong in one way, and only that is said.

use std::slice::from_ref;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::CertificateDer;

use super::*;
use crate::commands::doctor::report::Verdict;

/// Valid in 2026.
struct Made {
    ca: CertificateDer<'static>,
    leaf: CertificateDer<'static>,
}

fn made(host: &str, years_of_ca: (i32, i32), years_of_leaf: (i32, i32)) -> Made {
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.distinguished_name.push(rcgen::DnType::CommonName, "an authority");
    ca.not_before = date_time_ymd(years_of_ca.0, 1, 1);
    ca.not_after = date_time_ymd(years_of_ca.1, 1, 1);
    let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap();
    let mut leaf = CertificateParams::new([host.to_owned()]).unwrap();
    leaf.not_before = date_time_ymd(years_of_leaf.0, 1, 1);
    leaf.not_after = date_time_ymd(years_of_leaf.1, 1, 1);
    let leaf = leaf.signed_by(&KeyPair::generate().unwrap(), &ca).unwrap();
    Made { ca: ca.der().clone(), leaf: leaf.der().clone() }
}

fn usual() -> Made {
    made("localhost", (2026, 2036), (2026, 2027))
}

fn now() -> DateTime<Utc> {
    "2026-06-01T00:00:00Z".parse().unwrap()
}

fn target(url: &str) -> Target {
    Target::parse(url).unwrap().0
}

#[test]
fn a_chain_to_the_authority_is_trusted_and_to_another_not() {
    let (one, other) = (usual(), usual());
    assert_eq!(trust(from_ref(&one.leaf), &[one.ca], now()), Trust::Trusted);
    assert_eq!(trust(from_ref(&one.leaf), &[other.ca], now()), Trust::UnknownIssuer);
    assert_eq!(trust(&[one.leaf], &[], now()), Trust::UnknownIssuer);
}

#[test]
fn a_certificate_that_is_itself_the_authority_is_trusted() {
    let one = usual();
    assert_eq!(trust(from_ref(&one.ca), from_ref(&one.ca), now()), Trust::Trusted);
}

#[test]
fn an_expired_authority_is_told_apart_from_an_unknown_one() {
    let one = made("localhost", (2020, 2026), (2026, 2027));
    assert_eq!(trust(&[one.leaf], &[one.ca], now()), Trust::IssuerExpired);
}

#[test]
fn an_expired_certificate_is_a_matter_of_dates_only() {
    let one = made("localhost", (2020, 2036), (2024, 2025));
    let chain = [one.leaf];
    assert_eq!(trust(&chain, &[one.ca], now()), Trust::Trusted);
    let line = dates(&chain, now());
    assert_eq!(line.verdict, Verdict::Fail);
    assert!(line.found.contains("expired on 2025-01-01"), "{line:?}");
}

#[test]
fn a_certificate_is_warned_of_in_its_last_30_days() {
    let chain = [usual().leaf];
    for (day, verdict) in [
        ("2025-12-31T00:00:00Z", Verdict::Fail),
        ("2026-12-01T00:00:00Z", Verdict::Ok),
        ("2026-12-03T00:00:00Z", Verdict::Warn),
        ("2027-01-02T00:00:00Z", Verdict::Fail),
    ] {
        assert_eq!(dates(&chain, day.parse().unwrap()).verdict, verdict, "{day}");
    }
}

#[test]
fn a_name_that_the_certificate_does_not_hold_fails_with_those_it_holds() {
    let chain = [usual().leaf];
    assert_eq!(name(&chain, &target("https://localhost:4443")).verdict, Verdict::Ok);
    for url in ["https://trust.example.com", "https://127.0.0.1:4443"] {
        let line = name(&chain, &target(url));
        assert_eq!(line.verdict, Verdict::Fail);
        assert!(line.found.contains("localhost"), "{line:?}");
        assert!(line.mend.unwrap().contains("--host"), "{url}");
    }
}

#[test]
fn without_a_certificate_every_check_of_it_fails() {
    assert_eq!(name(&[], &target("https://localhost")).verdict, Verdict::Fail);
    assert_eq!(dates(&[], now()).verdict, Verdict::Fail);
    assert!(matches!(trust(&[], &[], now()), Trust::Other(_)));
}

fn roots(certificates: &[CertificateDer<'static>]) -> Roots {
    Roots { place: "a/ca.crt".to_owned(), certificates: certificates.to_vec(), broken: None }
}

/// The verdicts of authority (where it is asked about), docker and notary.
fn verdicts(authorities: &Authorities, leaf: &CertificateDer<'static>) -> Vec<Verdict> {
    let target = target("https://localhost:4443");
    let lines = authorities.judge(from_ref(leaf), &target, now());
    lines.into_iter().map(|line| line.verdict).collect()
}

#[test]
fn clients_that_lack_the_authority_are_warned_of_and_those_with_a_wrong_one_fail() {
    use Verdict::{Fail, Ok, Warn};
    let (one, other) = (usual(), usual());
    let (right, wrong) = (|| Some(roots(from_ref(&one.ca))), || Some(roots(from_ref(&other.ca))));
    let empty = || Some(roots(&[]));
    let none = || roots(&[]);
    let judge = |own, docker, notary, system| {
        verdicts(&Authorities { own, docker, notary, system }, &one.leaf)
    };
    assert_eq!(judge(right(), right(), right(), none()), [Ok, Ok, Ok]);
    assert_eq!(judge(right(), empty(), None, none()), [Ok, Warn, Warn]);
    assert_eq!(judge(wrong(), right(), right(), none()), [Fail, Ok, Ok]);
    assert_eq!(judge(right(), wrong(), wrong(), none()), [Ok, Fail, Fail]);
    assert_eq!(judge(None, empty(), None, none()), [Fail, Warn, Warn]);
    assert_eq!(judge(None, right(), None, none()), [Ok, Warn]);
    assert_eq!(judge(None, empty(), None, roots(from_ref(&one.ca))), [Ok, Ok]);
    // notary asks the system only when it has no file of its own.
    assert_eq!(judge(None, wrong(), wrong(), roots(from_ref(&one.ca))), [Ok, Fail]);
}

#[test]
fn a_file_that_cannot_be_read_fails() {
    let one = usual();
    let broken = || Roots { broken: Some("gone".to_owned()), ..roots(&[]) };
    let authorities = Authorities {
        own: Some(broken()),
        docker: Some(broken()),
        notary: Some(broken()),
        system: roots(&[]),
    };
    assert_eq!(verdicts(&authorities, &one.leaf), [Verdict::Fail; 3]);
}
