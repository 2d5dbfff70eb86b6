//! The section `[signer]` and its flags.
#![cfg(test)]

use std::fs;
use std::path::Path;
use std::time::Duration;

use countersign_config::{ConfigError, Overrides, Settings};

/// What a file with this text says, under this `--signer`.
fn load(text: &str, signer: Option<&str>) -> Result<Settings, ConfigError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("countersign.toml");
    fs::write(&path, text).unwrap();
    let signer = signer.map(str::to_owned);
    let flags = Overrides { config: Some(path), signer, ..Overrides::default() };
    Settings::load(&flags, &|_| None)
}

#[test]
fn every_key_of_the_section_arrives() {
    let text = "[signer]\naddress = '[::1]:7899'\nca = '/signer/ca.pem'\n\
                cert = '/signer/cert.pem'\nkey = '/signer/key.pem'\ndeadline_seconds = 30\n";
    let signer = load(text, None).unwrap().signer;
    assert_eq!(signer.address.as_ref().unwrap().to_string(), "[::1]:7899");
    assert_eq!(signer.ca(), Some(Path::new("/signer/ca.pem")));
    let shown = signer.shown().unwrap();
    assert_eq!(shown.cert, Path::new("/signer/cert.pem"));
    assert_eq!(shown.key, Path::new("/signer/key.pem"));
    assert_eq!(signer.deadline, Duration::from_secs(30));
}

#[test]
fn half_a_signer_is_refused_with_the_mend() {
    for (text, words) in [
        ("ca = 'a'", "signer.ca is set, and there is no signer: name it (--signer, "),
        ("deadline_seconds = 5", "signer.deadline_seconds is set, and there is no signer"),
        ("address = 's:1'\ncert = 'c'", "signer.cert) is set without its key (--signer-key, "),
        ("address = 's:1'\nkey = 'k'", "signer.key) is set without the certificate for the signer"),
        ("address = 'signer'", "signer.address"),
        ("address = 's:1'\ndeadline_seconds = 61", "signer.deadline_seconds"),
    ] {
        let refusal = load(&format!("[signer]\n{text}\n"), None).unwrap_err().to_string();
        assert!(refusal.contains(words), "{text}: {refusal}");
    }
    let refusal = load("", Some("nowhere")).unwrap_err().to_string();
    assert!(refusal.starts_with("--signer") && refusal.contains("write HOST:PORT"), "{refusal}");
}
