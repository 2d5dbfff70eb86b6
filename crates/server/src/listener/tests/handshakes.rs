//! What handshakes show and ask for, and that both can change while the listener goes on.
//!
//! Source of verdicts: checklist row C-202.

use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use rustls::HandshakeKind;
use rustls_pki_types::PrivateKeyDer;

use super::*;
use crate::tls::{ClientAuthorities, ClientFiles, ClientTerms, ensure_client};

const HEALTH: &str = "GET /_countersign/live HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// An authority of clients, made at some time, with a client whose certificate is as old.
struct Issuer {
    dir: TempDir,
    client: ClientFiles,
}

impl Issuer {
    fn at(made: DateTime<Utc>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        generated::ensure(dir.path(), &[], made).unwrap();
        let client = ensure_client(dir.path(), &"ci".parse().unwrap(), made).unwrap();
        Self { dir, client }
    }

    fn policy(&self) -> ClientPolicy {
        let ca = self.dir.path().join("ca.crt");
        ClientPolicy::Certified(
            ClientAuthorities::load(&ClientTerms::required(&ca), now()).unwrap(),
        )
    }
}

fn identity(dir: &Path) -> Identity {
    let files = generated::ensure(dir, &[], now()).unwrap();
    Identity::load(&files.cert, &files.key).unwrap()
}

/// A listener that asks for certificates by `issuer`.
fn start_for(issuer: &Issuer) -> Running {
    let running = start(Limits::for_tests());
    let dir = running.ca_cert.parent().unwrap().to_owned();
    running.tls.replace(identity(&dir), &issuer.policy()).unwrap();
    running
}

impl Running {
    /// What `request` brings to a client that shows a certificate.
    async fn ask_with(
        &self,
        cert: &Path,
        key: &Path,
        version: &'static SupportedProtocolVersion,
        request: &str,
    ) -> io::Result<String> {
        let mut config = self.client_config(&[version], &["http/1.1"]);
        let provider = rustls::crypto::ring::default_provider();
        let private = PrivateKeyDer::from_pem_file(key).unwrap();
        let key = provider.key_provider.load_private_key(private).unwrap();
        let chain = vec![CertificateDer::from_pem_file(cert).unwrap()];
        let certified = rustls::sign::CertifiedKey::new(chain, key);
        config.client_auth_cert_resolver =
            Arc::new(rustls::sign::SingleCertAndKey::from(certified));
        // In TLS 1.3 a client learns that it is refused when it reads.
        let mut client = self.connect_with(config).await?;
        exchange(&mut client, request.as_bytes()).await
    }

    async fn ask(&self, client: &ClientFiles) -> io::Result<String> {
        self.ask_with(&client.cert, &client.key, &TLS13, PING).await
    }

    async fn ask_without(&self, version: &'static SupportedProtocolVersion) -> io::Result<String> {
        let config = self.client_config(&[version], &["http/1.1"]);
        let mut client = self.connect_with(config).await?;
        exchange(&mut client, HEALTH.as_bytes()).await
    }
}

fn shown(client: &Client) -> Vec<u8> {
    client.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_new_clients_while_open_connections_go_on() {
    let running = start(Limits::for_tests());
    let mut open = running.connect().await.unwrap();
    exchange(&mut open, PING.as_bytes()).await.unwrap();
    let dir = running.ca_cert.parent().unwrap();
    std::fs::remove_file(dir.join("server.crt")).unwrap();
    running.tls.replace(identity(dir), &ClientPolicy::Anyone).unwrap();
    let mut new = running.connect().await.unwrap();
    assert_ne!(shown(&new), shown(&open));
    for client in [&mut open, &mut new] {
        assert!(exchange(client, PING.as_bytes()).await.unwrap().contains("200 OK"));
    }
}

#[tokio::test]
async fn with_an_authority_for_clients_only_its_clients_are_answered() {
    let issuer = Issuer::at(now());
    let running = start_for(&issuer);
    let other = Issuer::at(now());
    let server = (issuer.dir.path().join("server.crt"), issuer.dir.path().join("server.key"));
    for version in [&TLS12, &TLS13] {
        let ask = async |cert: &Path, key: &Path, request: &str| {
            running.ask_with(cert, key, version, request).await
        };
        let ClientFiles { cert, key, .. } = &issuer.client;
        for request in [PING, HEALTH] {
            assert!(ask(cert, key, request).await.unwrap().contains("200 OK"));
        }
        assert!(running.ask_without(version).await.is_err(), "without a certificate");
        let ClientFiles { cert, key, .. } = &other.client;
        assert!(ask(cert, key, PING).await.is_err(), "by another authority");
        assert!(ask(&server.0, &server.1, PING).await.is_err(), "of a server");
    }
}

#[tokio::test]
async fn a_client_certificate_that_has_ended_is_refused() {
    let issuer = Issuer::at(now() - TimeDelta::days(500));
    let running = start_for(&issuer);
    assert!(running.ask(&issuer.client).await.is_err());
    let renewed = ensure_client(issuer.dir.path(), &"ci".parse().unwrap(), now()).unwrap();
    assert!(running.ask(&renewed).await.unwrap().contains("200 OK"));
}

#[tokio::test]
async fn another_authority_for_clients_holds_for_new_connections() {
    let (first, second) = (Issuer::at(now()), Issuer::at(now()));
    let running = start_for(&first);
    assert!(running.ask(&first.client).await.is_ok());
    let dir = running.ca_cert.parent().unwrap();
    running.tls.replace(identity(dir), &second.policy()).unwrap();
    assert!(running.ask(&first.client).await.is_err());
    assert!(running.ask(&second.client).await.is_ok());
    running.tls.replace(identity(dir), &ClientPolicy::Anyone).unwrap();
    assert!(running.ask_without(&TLS13).await.is_ok());
}

#[tokio::test]
async fn no_session_is_taken_up_again() {
    let running = start(Limits::for_tests());
    for version in [&TLS12, &TLS13] {
        let config = running.client_config(&[version], &["http/1.1"]);
        for _ in 0..3 {
            let mut client = running.connect_with(config.clone()).await.unwrap();
            exchange(&mut client, HEALTH.as_bytes()).await.unwrap();
            let kind = client.get_ref().1.handshake_kind();
            assert_eq!(kind, Some(HandshakeKind::Full), "{version:?}");
            assert_eq!(client.get_ref().1.tls13_tickets_received(), 0);
        }
    }
}
