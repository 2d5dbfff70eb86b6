//! Starts on every state of a certificate directory. Source of verdicts: contract section 1.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use chrono::TimeDelta;
use rustls::client::danger::ServerCertVerifier as _;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tempfile::TempDir;

use super::*;
use crate::testing::now;
use crate::tls::Identity;

struct Place {
    dir: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn certs(&self) -> PathBuf {
        self.dir.path().join("certs")
    }

    fn ensure(&self, hosts: &[&str], at: DateTime<Utc>) -> Result<GeneratedFiles, TlsError> {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        ensure(&self.certs(), &hosts, at)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.certs().join(name)).unwrap()
    }

    fn remove(&self, name: &str) {
        std::fs::remove_file(self.certs().join(name)).unwrap();
    }

    fn all(&self) -> Vec<(String, Vec<u8>)> {
        let mut all: Vec<_> = std::fs::read_dir(self.certs())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .map(|name| (name.clone(), self.read(&name)))
            .collect();
        all.sort();
        all
    }

    /// Whether a client that trusts only `ca.crt` accepts the server's certificate for `host`.
    fn client_accepts(&self, host: &str, at: DateTime<Utc>) -> bool {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&self.read("ca.crt")).unwrap()).unwrap();
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let verifier =
            rustls::client::WebPkiServerVerifier::builder_with_provider(roots.into(), provider)
                .build()
                .unwrap();
        let leaf = CertificateDer::from_pem_slice(&self.read("server.crt")).unwrap();
        let name = ServerName::try_from(host.to_owned()).unwrap();
        let seconds = u64::try_from(at.timestamp()).unwrap();
        let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        verifier.verify_server_cert(&leaf, &[], &name, &[], at).is_ok()
    }
}

fn days(days: i64) -> TimeDelta {
    TimeDelta::days(days)
}

#[test]
fn the_first_start_makes_what_a_client_accepts_for_every_name() {
    let place = Place::new();
    let files = place.ensure(&["trust.example", "10.1.2.3", "2001:db8::1"], now()).unwrap();
    assert_eq!(files.action, Action::Made);
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    for host in [
        "localhost",
        "127.0.0.1",
        "::1",
        "trust.example",
        "TRUST.example",
        "10.1.2.3",
        "2001:db8::1",
        machine.trim(),
    ] {
        assert!(place.client_accepts(host, now()), "{host}");
    }
    assert!(!place.client_accepts("other.example", now()));
    Identity::load(&files.cert, &files.key).unwrap().valid_at(now()).unwrap();
    let names: Vec<String> = place.all().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["ca.crt", "ca.key", "server.crt", "server.key"]);
}

#[test]
fn the_leaf_lives_at_most_397_days() {
    let place = Place::new();
    place.ensure(&[], now()).unwrap();
    let leaf = Leaf::load(&place.certs().join("server.crt")).unwrap();
    let life = leaf.validity();
    assert_eq!(life.not_after - life.not_before, days(397));
    let life = Leaf::load(&place.certs().join("ca.crt")).unwrap().validity();
    assert_eq!(life.not_after - life.not_before, days(3650));
}

#[test]
fn a_later_start_changes_nothing() {
    let place = Place::new();
    place.ensure(&["a.example"], now()).unwrap();
    let before = place.all();
    for hosts in [&["a.example"][..], &["A.example"], &["localhost", "127.0.0.1"], &[]] {
        let files = place.ensure(hosts, now() + days(260)).unwrap();
        assert_eq!(files.action, Action::Kept, "{hosts:?}");
        assert_eq!(place.all(), before);
    }
}

#[test]
fn a_new_host_has_the_leaf_issued_again_by_the_same_authority() {
    let place = Place::new();
    place.ensure(&[], now()).unwrap();
    let (ca, key, leaf) =
        (place.read("ca.crt"), place.read("server.key"), place.read("server.crt"));
    let files = place.ensure(&["new.example"], now()).unwrap();
    assert_eq!(files.action, Action::Reissued);
    assert_eq!((place.read("ca.crt"), place.read("server.key")), (ca, key));
    assert_ne!(place.read("server.crt"), leaf);
    assert!(place.client_accepts("new.example", now()));
    Identity::load(&files.cert, &files.key).unwrap();
}

#[test]
fn the_leaf_is_issued_again_in_the_last_third_of_its_life_and_after_it() {
    for (day, action) in [(264, Action::Kept), (265, Action::Reissued), (500, Action::Reissued)] {
        let place = Place::new();
        place.ensure(&[], now()).unwrap();
        let later = now() + days(day);
        assert_eq!(place.ensure(&[], later).unwrap().action, action, "{day}");
        assert!(place.client_accepts("localhost", later), "{day}");
    }
}

#[test]
fn a_leaf_never_outlives_its_authority() {
    let place = Place::new();
    place.ensure(&[], now()).unwrap();
    place.ensure(&[], now() + days(3600)).unwrap();
    let end = |name: &str| Leaf::load(&place.certs().join(name)).unwrap().validity().not_after;
    assert_eq!(end("server.crt"), end("ca.crt"));
}

#[test]
fn without_the_authoritys_key_everything_is_used_as_it_is() {
    let place = Place::new();
    place.ensure(&[], now()).unwrap();
    place.remove("ca.key");
    let before = place.all();
    let files = place.ensure(&["new.example"], now() + days(390)).unwrap();
    assert_eq!(files.action, Action::Kept);
    assert_eq!(place.all(), before);
}

#[test]
fn a_certificate_by_another_authority_is_never_replaced() {
    let (place, other) = (Place::new(), Place::new());
    place.ensure(&[], now()).unwrap();
    other.ensure(&[], now()).unwrap();
    for name in ["server.crt", "server.key"] {
        std::fs::write(place.certs().join(name), other.read(name)).unwrap();
    }
    let before = place.all();
    assert_eq!(place.ensure(&["new.example"], now()).unwrap().action, Action::Kept);
    assert_eq!(place.all(), before);
}

#[test]
fn a_first_start_that_died_is_completed_by_the_next() {
    for missing in [
        &["server.crt"][..],
        &["server.crt", "server.key"],
        &["server.crt", "server.key", "ca.crt"],
    ] {
        let place = Place::new();
        place.ensure(&[], now()).unwrap();
        let ca_key = place.read("ca.key");
        missing.iter().for_each(|name| place.remove(name));
        let files = place.ensure(&[], now()).unwrap();
        assert_eq!(place.read("ca.key"), ca_key);
        Identity::load(&files.cert, &files.key).unwrap();
        assert!(place.client_accepts("localhost", now()), "{missing:?}");
    }
}

#[test]
fn a_missing_server_key_is_made_again_with_its_certificate() {
    let place = Place::new();
    place.ensure(&[], now()).unwrap();
    place.remove("server.key");
    let files = place.ensure(&[], now()).unwrap();
    assert_eq!(files.action, Action::Reissued);
    Identity::load(&files.cert, &files.key).unwrap();
}

#[test]
fn what_cannot_be_completed_without_overwriting_is_refused_by_name() {
    for (removed, missing) in [
        (&["ca.crt"][..], "ca.crt"),
        (&["ca.crt", "server.crt"], "ca.crt"),
        (&["ca.key", "server.key"], "server.key"),
        (&["ca.key", "server.crt"], "server.crt"),
    ] {
        let place = Place::new();
        place.ensure(&[], now()).unwrap();
        removed.iter().for_each(|name| place.remove(name));
        let before = place.all();
        let error = place.ensure(&[], now()).unwrap_err();
        assert!(
            matches!(error, TlsError::Incomplete { missing: named, .. } if named == missing),
            "{error}"
        );
        assert_eq!(place.all(), before);
    }
}

#[test]
fn an_authority_whose_key_is_another_is_refused() {
    let (place, other) = (Place::new(), Place::new());
    place.ensure(&[], now()).unwrap();
    other.ensure(&[], now()).unwrap();
    std::fs::write(place.certs().join("ca.key"), other.read("ca.key")).unwrap();
    let before = place.all();
    let error = place.ensure(&["new.example"], now()).unwrap_err();
    assert!(matches!(error, TlsError::Mismatch { .. }), "{error}");
    assert_eq!(place.all(), before);
}

#[test]
fn a_host_that_is_no_name_is_refused_before_anything_is_made() {
    for host in ["", "a b", "a/b", "https://a", "a:443", "*.", "é"] {
        let place = Place::new();
        let error = place.ensure(&[host], now()).unwrap_err();
        assert!(matches!(error, TlsError::BadHost { .. }), "{host}: {error}");
        assert!(!place.certs().exists());
    }
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn keys_and_directories_are_private() {
    let place = Place::new();
    place.ensure(&[], now()).unwrap();
    let certs = place.certs();
    assert_eq!(mode(&certs), 0o700);
    assert_eq!(mode(&certs.join("ca.key")), 0o600);
    assert_eq!(mode(&certs.join("server.key")), 0o600);
}

/// Runs the test above once more in a process whose umask takes nothing away.
#[test]
fn keys_and_directories_are_private_under_umask_zero() {
    let output = Command::new("sh")
        .args(["-c", "umask 0; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "tls::generated::tests::keys_and_directories_are_private"])
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && shown.contains("1 passed"), "{shown}");
}
