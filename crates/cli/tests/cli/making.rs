//! `countersign certs make`.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::process::{Ended, countersign, empty_dir, refusal, run, serve, start};

fn make(dir: &Path, arguments: &[&str]) -> Ended {
    let mut command = countersign(dir, &["certs", "make"]);
    command.args(arguments);
    let ended = run(command);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    ended
}

fn refused(dir: &Path, arguments: &[&str]) -> (i32, String) {
    let mut command = countersign(dir, &["certs", "make"]);
    command.args(arguments);
    refusal(command)
}

/// Every file of a directory with its mode and content.
fn files(dir: &Path) -> BTreeMap<String, (u32, Vec<u8>)> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            (name, (mode, fs::read(&path).unwrap()))
        })
        .collect()
}

#[test]
fn an_authority_a_servers_pair_and_clients_are_made_private() {
    let dir = empty_dir();
    let made = make(dir.path(), &["--out", "a/b", "--host", "trust.example.com", "--client", "ci"]);
    let out = dir.path().join("a/b");
    let found: Vec<_> = files(&out).into_iter().map(|(name, (mode, _))| (name, mode)).collect();
    let expected = [
        ("ca.crt", 0o644),
        ("ca.key", 0o600),
        ("ci.crt", 0o644),
        ("ci.key", 0o600),
        ("server.crt", 0o644),
        ("server.key", 0o600),
    ];
    assert_eq!(found, expected.map(|(name, mode)| (name.to_owned(), mode)));
    assert_eq!(fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o700);
    for name in ["ca.crt", "server.crt", "ci.crt"] {
        assert!(made.stdout.contains(&out.join(name).display().to_string()), "{}", made.stdout);
    }
    assert!(!dir.path().join("countersign-data").exists());
}

#[test]
fn a_second_run_changes_nothing_and_a_new_client_is_added() {
    let dir = empty_dir();
    let out = dir.path().join("pki");
    make(dir.path(), &["--out", "pki", "--host", "a.example", "--client", "one"]);
    let before = files(&out);
    make(dir.path(), &["--out", "pki", "--host", "a.example", "--client", "one"]);
    assert_eq!(files(&out), before);
    make(dir.path(), &["--out", "pki", "--client", "two"]);
    let mut after = files(&out);
    assert!(after.remove("two.crt").is_some() && after.remove("two.key").is_some());
    assert_eq!(after, before);
}

#[test]
fn what_is_made_in_the_data_directory_is_what_serve_uses() {
    let dir = empty_dir();
    make(dir.path(), &["--host", "trust.example.com"]);
    let certs = dir.path().join("countersign-data/certs");
    let before = files(&certs);
    assert_eq!(before.len(), 4);
    let server = start(serve(dir.path()));
    let ca = fs::read(certs.join("ca.crt")).unwrap();
    assert_eq!(server.get(&ca, "/v2/").unwrap().0, 200);
    let (code, line) = refused(dir.path(), &[]);
    assert_eq!(code, 4, "{line}");
    server.stop();
    assert_eq!(files(&certs), before);
}

#[test]
fn what_cannot_be_made_again_is_never_overwritten() {
    let dir = empty_dir();
    let out = dir.path().join("pki");
    make(dir.path(), &["--out", "pki", "--client", "ci"]);
    fs::remove_file(out.join("ci.key")).unwrap();
    let before = files(&out);
    let (code, line) = refused(dir.path(), &["--out", "pki", "--client", "ci"]);
    assert_eq!(code, 7, "{line}");
    assert!(line.contains("ci.crt is there already and its key is elsewhere"), "{line}");
    assert!(line.contains("choose another name"), "{line}");
    assert_eq!(files(&out), before);

    fs::remove_file(out.join("ca.key")).unwrap();
    let before = files(&out);
    for (arguments, words) in [
        (["--out", "pki", "--host", "new.example"], "does not name new.example"),
        (["--out", "pki", "--client", "other"], "lacks ca.key"),
    ] {
        let (code, line) = refused(dir.path(), &arguments);
        assert_eq!(code, 7, "{line}");
        assert!(line.contains(words), "{line}");
        assert_eq!(files(&out), before);
    }

    fs::remove_file(out.join("ca.crt")).unwrap();
    let (code, line) = refused(dir.path(), &["--out", "pki"]);
    assert_eq!(code, 7, "{line}");
    assert!(line.contains("lacks ca.crt"), "{line}");
}

#[test]
fn wrong_names_and_certificates_of_the_operators_own_are_refused() {
    let dir = empty_dir();
    let (code, line) = refused(dir.path(), &["--out", "pki", "--client", "../ci"]);
    assert_eq!(code, 2, "{line}");
    assert!(line.contains("letters, digits"), "{line}");
    let (code, line) = refused(dir.path(), &["--tls-cert", "own.crt", "--tls-key", "own.key"]);
    assert_eq!(code, 2, "{line}");
    assert!(line.contains("own.crt") && line.contains("--out"), "{line}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}
