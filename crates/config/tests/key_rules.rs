//! Where new keys go: `keys.custody` and the tables `[[keys.rules]]`.
#![cfg(test)]

use std::fs;

use countersign_config::{ConfigError, KeyHome, Overrides, Settings};
use countersign_tuf::keys::ServerKeyAlgorithm;
use countersign_tuf::names::ServerRole;

/// What a file with this text says.
fn load(text: &str) -> Result<Settings, ConfigError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("countersign.toml");
    fs::write(&path, text).unwrap();
    let flags = Overrides { config: Some(path), ..Overrides::default() };
    Settings::load(&flags, &|_| None)
}

#[test]
fn without_a_word_about_it_new_keys_are_sealed() {
    let settings = load("").unwrap();
    assert_eq!(settings.keys.custody, None);
    assert_eq!(settings.default_key_home(), KeyHome::Sealed);
    assert!(settings.keys.rules.is_empty());
}

#[test]
fn rules_arrive_each_as_it_is_written_and_in_their_order() {
    let file = "[keys]\ncustody = 'sealed'\n\
                [[keys.rules]]\nrole = 'snapshot'\ngun = 'a/b'\nalgorithm = 'ed25519'\n\
                [[keys.rules]]\ngun_prefix = 'a/'\ncustody = 'sealed'\n";
    let settings = load(file).unwrap();
    assert_eq!(settings.keys.custody, Some(KeyHome::Sealed));
    let [first, second] = &settings.keys.rules[..] else { panic!("{settings:?}") };
    assert_eq!(first.role, Some(ServerRole::Snapshot));
    assert_eq!(first.gun.as_ref().unwrap().as_str(), "a/b");
    assert_eq!((first.custody, first.algorithm), (None, Some(ServerKeyAlgorithm::Ed25519)));
    assert_eq!(second.gun_prefix.as_ref().unwrap().as_str(), "a/");
    assert_eq!((second.role, second.custody), (None, Some(KeyHome::Sealed)));
}

#[test]
fn rules_that_cannot_be_meant_are_refused_with_their_place() {
    for (inside, expected) in [
        (
            "role = 'snapshot'\nalgoritm = 'ecdsa'\n",
            "countersign.toml:3:1: unknown key `keys.rules.algoritm`: did you mean \
             `keys.rules.algorithm`?",
        ),
        (
            "role = 'targets'\n",
            "countersign.toml:2:8: keys.rules.role = 'targets': write timestamp or snapshot",
        ),
        ("algorithm = 'rsa'\n", "countersign.toml:2:13: keys.rules.algorithm = 'rsa': write ecdsa"),
        ("custody = 'hsm'\n", "countersign.toml:2:11: keys.rules.custody = 'hsm': "),
        ("gun_prefix = 'a'\n", "countersign.toml:2:14: keys.rules.gun_prefix = 'a': write it with"),
        ("gun = ''\n", "countersign.toml:2:7: keys.rules.gun = '': "),
        ("role = 'snapshot'\n", "table 1 says nothing of keys: write custody or algorithm"),
        (
            "gun = 'a/b'\ngun_prefix = 'a/'\nalgorithm = 'ecdsa'\n",
            "table 1 has gun and gun_prefix: write one of them",
        ),
    ] {
        let error = load(&format!("[[keys.rules]]\n{inside}")).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_rule_that_is_never_asked_is_refused() {
    let two = |first: &str, second: &str| {
        load(&format!(
            "[[keys.rules]]\nalgorithm = 'ecdsa'\n{first}\n\
             [[keys.rules]]\nalgorithm = 'ed25519'\n{second}\n"
        ))
    };
    for (first, second) in [
        ("", "role = 'snapshot'"),
        ("gun_prefix = 'a/'", "gun_prefix = 'a/b/'"),
        ("gun_prefix = 'a/'", "gun = 'a/b'\nrole = 'timestamp'"),
        ("gun = 'a/b'", "gun = 'a/b'"),
        ("role = 'snapshot'", "role = 'snapshot'\ngun = 'a/b'"),
    ] {
        let error = two(first, second).unwrap_err().to_string();
        assert!(error.contains("table 2 is never asked, because table 1"), "{error}");
    }
    for (first, second) in [
        ("role = 'snapshot'", ""),
        ("gun_prefix = 'a/b/'", "gun_prefix = 'a/'"),
        ("gun = 'a/b'", "gun_prefix = 'a/b/'"),
        ("gun = 'a/b'", "gun = 'a/c'"),
        ("gun_prefix = 'a/'\nrole = 'timestamp'", "gun = 'a/b'"),
    ] {
        assert_eq!(two(first, second).unwrap().keys.rules.len(), 2, "{first} {second}");
    }
}

#[test]
fn a_home_that_is_not_configured_is_refused_with_its_place() {
    for (file, expected) in [
        (
            "[keys]\ncustody = 'token'\n",
            "countersign.toml:2: keys.custody = \"token\": no token is configured",
        ),
        (
            "[keys]\nalgorithm = 'ecdsa'\n[[keys.rules]]\ngun_prefix = 'a/'\ncustody = 'remote'\n",
            "countersign.toml:3: keys.rules.custody = \"remote\": no signer is configured",
        ),
    ] {
        let error = load(file).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn with_a_signer_new_keys_are_there_unless_something_else_is_said() {
    let signer = "[signer]\naddress = 'signer:7899'\n";
    assert_eq!(load(signer).unwrap().default_key_home(), KeyHome::Remote);
    let settings = load(&format!("[keys]\ncustody = 'sealed'\n{signer}")).unwrap();
    assert_eq!(settings.default_key_home(), KeyHome::Sealed);
    let rule = "[[keys.rules]]\ngun_prefix = 'a/'\ncustody = 'remote'\n";
    let settings = load(&format!("[keys]\ncustody = 'sealed'\n{rule}{signer}")).unwrap();
    assert_eq!(settings.keys.rules[0].custody, Some(KeyHome::Remote));
}
