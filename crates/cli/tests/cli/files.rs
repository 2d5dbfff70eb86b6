//! The files that starts make, and those that they leave alone.
//!
//! Expected names and modes: contract section 1.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::process::{BINARY, countersign, empty_dir, refusal, serve, start};

/// Every file and directory below `dir` with its mode; directories end in a slash.
fn modes(dir: &Path) -> BTreeMap<String, u32> {
    let mut found = BTreeMap::new();
    let mut left = vec![dir.to_owned()];
    while let Some(path) = left.pop() {
        let meta = fs::metadata(&path).unwrap();
        let mut name = path.strip_prefix(dir).unwrap().display().to_string();
        if meta.is_dir() {
            left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            name.push('/');
        }
        found.insert(name, meta.permissions().mode() & 0o777);
    }
    found
}

fn serve_under_umask_0(dir: &Path) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", "umask 0; exec \"$0\" serve --listen 127.0.0.1:0", BINARY])
        .current_dir(dir)
        .env_clear()
        .stdin(Stdio::null());
    command
}

#[test]
fn a_first_start_makes_exactly_the_files_of_the_contract_private_even_under_umask_0() {
    let dir = empty_dir();
    let server = start(serve_under_umask_0(dir.path()));
    for (name, mode) in modes(&dir.path().join("countersign-data")) {
        let public = name.ends_with(".crt");
        assert!(public || mode & 0o077 == 0, "{name} has mode {mode:o} while the server runs");
    }
    server.stop();
    let expected = [
        ("/", 0o700),
        ("certs/", 0o700),
        ("certs/ca.crt", 0o644),
        ("certs/ca.key", 0o600),
        ("certs/server.crt", 0o644),
        ("certs/server.key", 0o600),
        ("countersign.db", 0o600),
        ("secrets/", 0o700),
        ("secrets/key-passphrase", 0o600),
    ];
    let expected = expected.map(|(name, mode)| (name.to_owned(), mode));
    assert_eq!(modes(&dir.path().join("countersign-data")), BTreeMap::from(expected));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing beside the directory");
}

#[test]
fn a_made_passphrase_has_256_bits_and_is_made_anew_for_each_directory() {
    let made = || {
        let dir = empty_dir();
        start(serve(dir.path())).stop();
        fs::read_to_string(dir.path().join("countersign-data/secrets/key-passphrase")).unwrap()
    };
    let (one, other) = (made(), made());
    assert_eq!(one.len(), 64);
    assert!(one.bytes().all(|byte| byte.is_ascii_hexdigit()), "{one}");
    assert_ne!(one, other);
}

#[test]
fn a_second_start_changes_no_file() {
    let dir = empty_dir();
    start(serve(dir.path())).stop();
    let data = dir.path().join("countersign-data");
    let contents = || {
        let files = modes(&data).into_iter().filter(|(name, _)| !name.ends_with('/'));
        files
            .map(|(name, mode)| {
                let path = data.join(&name);
                let modified = fs::metadata(&path).unwrap().modified().unwrap();
                // SQLite may move pages of its own at every start.
                let modified = (name != "countersign.db").then_some(modified);
                (name, mode, modified)
            })
            .collect::<Vec<_>>()
    };
    let before = contents();
    start(serve(dir.path())).stop();
    assert_eq!(contents(), before);
}

#[test]
fn a_passphrase_of_the_operator_leaves_no_secret_in_the_directory() {
    let dir = empty_dir();
    let mut command = serve(dir.path());
    command.env("COUNTERSIGN_KEY_PASSPHRASE", "chosen by the operator");
    start(command).stop();
    assert!(!dir.path().join("countersign-data/secrets").exists());
}

#[test]
fn a_directory_is_refused_to_a_second_server_and_free_again_after_kill_9() {
    let dir = empty_dir();
    let first = start(serve(dir.path()));
    let (code, line) = refusal(serve(dir.path()));
    assert_eq!(code, 4, "{line}");
    assert!(line.contains("another countersign serve or signer uses the data directory"), "{line}");
    assert!(line.contains("--data-dir"), "{line}");
    first.signal("KILL");
    assert_eq!(first.wait().status.code(), None);
    start(serve(dir.path())).stop();
}

#[test]
fn two_directories_have_two_servers() {
    let (one, other) = (empty_dir(), empty_dir());
    let (one, other) = (start(serve(one.path())), start(serve(other.path())));
    assert_ne!(one.address, other.address);
    one.stop();
    other.stop();
}

#[test]
fn looking_at_certificates_makes_nothing() {
    let dir = empty_dir();
    let (code, line) = refusal(countersign(dir.path(), &["certs", "show"]));
    assert_eq!(code, 7, "{line}");
    assert!(line.contains("start countersign serve once"), "{line}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}
