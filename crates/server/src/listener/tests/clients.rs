//! Clients with certificates of every kind, on listeners that require one and that do not, over
//! HTTP/1.1 and HTTP/2; and connections that outlive what let them in.

use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevokedCertParams, SerialNumber,
};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls_pki_types::PrivateKeyDer;

use super::*;
use crate::testing::{access_under, whole};
use crate::tls::{ClientAuthorities, ClientTerms, NameSource, Presence, set_validity};

const VERSIONS: [&str; 2] = ["http/1.1", "h2"];

/// An authority of clients.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate with its key.
struct Certificate {
    der: CertificateDer<'static>,
    key: KeyPair,
}

impl Authority {
    fn new(name: &str) -> Self {
        let (mut params, key) = (params(name, around_now()), KeyPair::generate().unwrap());
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    fn issue(&self, params: &CertificateParams) -> Certificate {
        let key = KeyPair::generate().unwrap();
        let der = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        Certificate { der, key }
    }

    fn client(&self, name: &str) -> Certificate {
        self.issue(&for_clients(params(name, around_now())))
    }

    fn policy(&self, presence: Presence) -> ClientPolicy {
        policy(&self.pem, None, presence)
    }

    /// Lets in whom this authority issued a certificate, but for those that `lists` name.
    fn policy_with(&self, lists: &[String], presence: Presence) -> ClientPolicy {
        policy(&self.pem, Some(&lists.concat()), presence)
    }

    /// A list that revokes the certificates of these serial numbers, from a day ago until `end`
    /// hours from now.
    fn list(&self, serials: &[u64], end: i64) -> String {
        let mut dates = CertificateParams::default();
        set_validity(&mut dates, around_now().0, now() + TimeDelta::hours(end));
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: dates.not_before,
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: dates.not_before,
            next_update: dates.not_after,
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().pem().unwrap()
    }

    fn numbered(&self, serial: u64) -> Certificate {
        let mut params = for_clients(params("numbered", around_now()));
        params.serial_number = Some(SerialNumber::from(serial));
        self.issue(&params)
    }
}

fn policy(authorities: &str, lists: Option<&str>, presence: Presence) -> ClientPolicy {
    let dir = tempfile::tempdir().unwrap();
    let (ca, crl) = (dir.path().join("ca.crt"), dir.path().join("ca.crl"));
    std::fs::write(&ca, authorities).unwrap();
    let crl = lists.map(|lists| {
        std::fs::write(&crl, lists).unwrap();
        crl
    });
    let terms = ClientTerms { ca, crl, presence, name: NameSource::CommonName };
    ClientPolicy::Certified(ClientAuthorities::load(&terms, now()).unwrap())
}

fn around_now() -> (DateTime<Utc>, DateTime<Utc>) {
    (now() - TimeDelta::days(1), now() + TimeDelta::days(1))
}

fn params(name: &str, (from, to): (DateTime<Utc>, DateTime<Utc>)) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    set_validity(&mut params, from, to);
    params
}

fn for_clients(mut params: CertificateParams) -> CertificateParams {
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

/// A listener that lets in whom `policy` says.
fn start_for(policy: &ClientPolicy) -> Running {
    let running = start(Limits::for_tests());
    running.let_in(policy);
    running
}

/// A client that keeps its connection open from one request to the next.
enum Caller {
    One(Box<Client>),
    Two(reqwest::Client, u16),
}

impl Caller {
    /// The status of a request; an error when it got no answer.
    async fn status(&mut self) -> Result<u16, String> {
        self.status_of("/v2/").await
    }

    async fn status_of(&mut self, path: &str) -> Result<u16, String> {
        let error = |error: &dyn std::fmt::Display| error.to_string();
        match self {
            Self::One(client) => {
                let request = PING.replace("/v2/", path);
                let answer = exchange(client, request.as_bytes()).await.map_err(|e| error(&e))?;
                Ok(answer.split(' ').nth(1).unwrap().parse().unwrap())
            }
            Self::Two(client, port) => {
                let url = format!("https://localhost:{port}{path}");
                let answer = client.get(url).send().await.map_err(|e| error(&e))?;
                assert_eq!(answer.version(), reqwest::Version::HTTP_2);
                Ok(answer.status().as_u16())
            }
        }
    }
}

impl Running {
    fn let_in(&self, policy: &ClientPolicy) {
        let dir: &Path = self.ca_cert.parent().unwrap();
        let identity = Identity::load(&dir.join("server.crt"), &dir.join("server.key")).unwrap();
        self.tls.replace(identity, policy).unwrap();
    }

    async fn caller(&self, version: &str, shown: Option<&Certificate>) -> io::Result<Caller> {
        let mut config = self.client_config(&[&TLS13], &[version]);
        if let Some(Certificate { der, key }) = shown {
            let provider = rustls::crypto::ring::default_provider();
            let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
            let key = provider.key_provider.load_private_key(key).unwrap();
            let certified = CertifiedKey::new(vec![der.clone()], key);
            config.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(certified));
        }
        if version == "http/1.1" {
            return self.connect_with(config).await.map(Box::new).map(Caller::One);
        }
        let client = reqwest::Client::builder().tls_backend_preconfigured(config).no_proxy();
        Ok(Caller::Two(client.build().unwrap(), self.address.port()))
    }

    /// The status of one request by a client that shows `shown`; `None` when it got no answer.
    async fn ask_as(&self, version: &str, shown: Option<&Certificate>) -> Option<u16> {
        self.caller(version, shown).await.ok()?.status().await.ok()
    }
}

#[tokio::test]
async fn a_certificate_that_counts_is_let_in_and_no_other_whether_one_is_required_or_not() {
    let ours = Authority::new("ours");
    let (from, to) = around_now();
    let (ended, begins) = (from + TimeDelta::hours(1), to - TimeDelta::hours(1));
    let mut for_servers = params("server", around_now());
    for_servers.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let good = ours.client("good");
    let bad = [
        ("by another authority", Authority::new("other").client("good")),
        ("by another of the same name", Authority::new("ours").client("good")),
        ("ended", ours.issue(&for_clients(params("late", (from, ended))))),
        ("not begun", ours.issue(&for_clients(params("early", (begins, to))))),
        ("for servers", ours.issue(&for_servers)),
    ];
    for (presence, without) in [(Presence::Required, None), (Presence::Optional, Some(200))] {
        let running = start_for(&ours.policy(presence));
        for version in VERSIONS {
            assert_eq!(running.ask_as(version, Some(&good)).await, Some(200), "{version}");
            assert_eq!(running.ask_as(version, None).await, without, "{version} {presence:?}");
            for (kind, certificate) in &bad {
                let answer = running.ask_as(version, Some(certificate)).await;
                assert_eq!(answer, None, "{kind} {version} {presence:?}");
            }
        }
    }
}

#[tokio::test]
async fn an_open_connection_ends_when_its_certificate_counts_no_more() {
    let (ours, next) = (Authority::new("ours"), Authority::new("next"));
    let (good, other) = (ours.client("good"), next.client("good"));
    for presence in [Presence::Required, Presence::Optional] {
        for version in VERSIONS {
            let running = start_for(&ours.policy(presence));
            let mut open = running.caller(version, Some(&good)).await.unwrap();
            assert_eq!(open.status().await, Ok(200));
            running.let_in(&ours.policy(presence));
            assert_eq!(open.status().await, Ok(200), "the same authority again");
            running.let_in(&next.policy(presence));
            assert_eq!(open.status().await, Ok(401), "{version} {presence:?}");
            assert!(open.status().await.is_err(), "{version}: no further on it, nor on another");
            assert_eq!(running.ask_as(version, Some(&other)).await, Some(200));
        }
    }
}

#[tokio::test]
async fn an_open_connection_without_a_certificate_ends_when_one_is_required() {
    let ours = Authority::new("ours");
    for version in VERSIONS {
        let running = start_for(&ClientPolicy::Anyone);
        let mut open = running.caller(version, None).await.unwrap();
        assert_eq!(open.status().await, Ok(200));
        running.let_in(&ours.policy(Presence::Optional));
        assert_eq!(open.status().await, Ok(200));
        running.let_in(&ours.policy(Presence::Required));
        assert_eq!(open.status().await, Ok(401));
        assert!(open.status().await.is_err());
    }
}

#[tokio::test]
async fn an_open_connection_goes_on_without_its_name_when_nobody_is_asked_any_more() {
    let ours = Authority::new("ours");
    let good = ours.client("good");
    for version in VERSIONS {
        let running = start_for(&ours.policy(Presence::Required));
        let mut open = running.caller(version, Some(&good)).await.unwrap();
        assert_eq!(open.status().await, Ok(200));
        running.let_in(&ClientPolicy::Anyone);
        assert_eq!(open.status().await, Ok(200));
    }
}

#[tokio::test]
async fn a_revoked_certificate_is_not_let_in_and_the_others_of_its_authority_are() {
    let ours = Authority::new("ours");
    let (revoked, good) = (ours.numbered(7), ours.numbered(8));
    for (presence, without) in [(Presence::Required, None), (Presence::Optional, Some(200))] {
        let running = start_for(&ours.policy_with(&[ours.list(&[7], 1)], presence));
        for version in VERSIONS {
            assert_eq!(running.ask_as(version, Some(&revoked)).await, None, "{version}");
            assert_eq!(running.ask_as(version, Some(&good)).await, Some(200), "{version}");
            assert_eq!(running.ask_as(version, None).await, without, "{version}");
        }
    }
}

#[tokio::test]
async fn an_open_connection_ends_when_its_certificate_is_revoked_and_comes_back_when_it_is_not() {
    let ours = Authority::new("ours");
    let client = ours.numbered(7);
    for presence in [Presence::Required, Presence::Optional] {
        for version in VERSIONS {
            let running = start_for(&ours.policy_with(&[ours.list(&[], 1)], presence));
            let mut open = running.caller(version, Some(&client)).await.unwrap();
            assert_eq!(open.status().await, Ok(200));
            running
                .tls
                .replace_clients(&ours.policy_with(&[ours.list(&[7], 1)], presence))
                .unwrap();
            assert_eq!(open.status().await, Ok(401), "{version} {presence:?}");
            assert!(open.status().await.is_err(), "{version}: no further on it, nor on another");
            assert_eq!(running.ask_as(version, Some(&client)).await, None);
            running.tls.replace_clients(&ours.policy(presence)).unwrap();
            assert_eq!(running.ask_as(version, Some(&client)).await, Some(200));
        }
    }
}

#[tokio::test]
async fn without_a_list_that_counts_nobody_of_an_authority_is_let_in() {
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let namesake = Authority::new("ours");
    let client = ours.numbered(7);
    for (lists, why) in [
        (vec![ours.list(&[], -1)], "ended"),
        (vec![other.list(&[], 1)], "by another"),
        (vec![namesake.list(&[], 1)], "by another of the same name"),
    ] {
        let running = start_for(&ours.policy_with(&lists, Presence::Required));
        for version in VERSIONS {
            assert_eq!(running.ask_as(version, Some(&client)).await, None, "{why} {version}");
        }
    }
    let lists = [ours.list(&[], -1), other.list(&[], 1)].concat();
    let both = policy(&(ours.pem.clone() + &other.pem), Some(&lists), Presence::Required);
    let running = start_for(&both);
    assert_eq!(running.ask_as("h2", Some(&other.numbered(7))).await, Some(200), "its own list");
    assert_eq!(running.ask_as("h2", Some(&client)).await, None);
}

/// A certificate that is itself in the file needs no list, but one that names it counts.
#[tokio::test]
async fn a_certificate_in_the_file_of_authorities_is_not_let_in_once_it_is_revoked() {
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let client = ours.numbered(7);
    let file = pem::encode(&pem::Pem::new("CERTIFICATE", client.der.to_vec()));
    for (list, answer) in [
        (other.list(&[7], 1), Some(200)),
        (ours.list(&[8], 1), Some(200)),
        (ours.list(&[7], 1), None),
        (ours.list(&[8], -1), None),
    ] {
        let running = start_for(&policy(&file, Some(&list), Presence::Required));
        assert_eq!(running.ask_as("http/1.1", Some(&client)).await, answer);
    }
}

/// A page that is not there, for whom the rules let look for it.
#[tokio::test]
async fn the_name_decides_on_every_request_of_a_connection() {
    let ours = Authority::new("ours");
    let (ci, alice) = (ours.client("ci"), ours.client("alice"));
    let rules = "[[rules]]\nallow = ['pull']\ncertificates = ['ci']\nguns = ['**']\n";
    let (whole, access) = (whole().await, Arc::new(access_under(rules)));
    let trust = Arc::clone(&whole.app.trust);
    let service = Service { access, ..Service::open(trust) };
    let running = start_service(service, Limits::for_tests(), AT_ONCE);
    running.let_in(&ours.policy(Presence::Optional));
    for version in VERSIONS {
        for (shown, status) in [(Some(&ci), 404), (Some(&alice), 401), (None, 401)] {
            let mut caller = running.caller(version, shown).await.unwrap();
            for _ in 0..3 {
                let answer = caller.status_of("/v2/e/a/_trust/tuf/root.json").await;
                assert_eq!(answer, Ok(status), "{version}");
            }
        }
    }
}
