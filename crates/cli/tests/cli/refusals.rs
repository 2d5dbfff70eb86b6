//! Each error of a start: its exit code, and one line that names cause and mend.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use sqlx::Connection as _;

use crate::process::{countersign, empty_dir, refusal, serve, start};

/// Starts in `dir`, with `arguments` added, and expects a refusal that holds every one of `words`.
fn check(dir: &Path, arguments: &[&str], code: i32, words: &[&str]) {
    let mut command = serve(dir);
    command.args(arguments);
    let (found, line) = refusal(command);
    assert_eq!(found, code, "{line}");
    assert!(line.starts_with("countersign: "), "{line}");
    for word in words {
        assert!(line.contains(word), "{word:?} is not in {line}");
    }
}

/// A directory in which a server has run.
fn used_dir() -> tempfile::TempDir {
    let dir = empty_dir();
    start(serve(dir.path())).stop();
    dir
}

#[test]
fn an_unknown_flag_is_refused_with_the_nearest_right_one() {
    let dir = empty_dir();
    check(dir.path(), &["--tls-crt", "x"], 2, &["'--tls-crt'", "'--tls-cert'", "--help"]);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_signer_that_cannot_be_known_is_refused_with_its_file() {
    let dir = empty_dir();
    check(dir.path(), &["--signer", "localhost"], 2, &["--signer", "write HOST:PORT"]);
    check(dir.path(), &["--signer-ca", "a.pem"], 2, &["signer.ca is set, and there is no signer"]);
    let missing = ["--signer", "localhost:7899", "--signer-ca", "a.pem"];
    check(dir.path(), &missing, 7, &["cannot read", "a.pem"]);
}

#[test]
fn flags_of_later_versions_are_refused() {
    let dir = empty_dir();
    check(dir.path(), &["--upstream", "localhost:7899"], 2, &["'--upstream'"]);
}

#[test]
fn a_url_of_a_database_is_judged_before_anything_is_made() {
    let dir = empty_dir();
    let words = ["database.url is not the URL of a database", "sqlite:PATH, postgres://"];
    check(dir.path(), &["--database", "oracle://h/d"], 2, &words);
    let (code, line) =
        refusal(countersign(dir.path(), &["serve", "--database", "postgres://u:s3cret@h/d"]));
    assert_eq!(code, 2, "{line}");
    assert!(line.contains("--database holds a password"), "{line}");
    assert!(line.contains("_FILE"), "{line}");
    assert!(!line.contains("s3cret"), "{line}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_wrong_setting_is_refused_before_anything_is_made() {
    let dir = empty_dir();
    let (code, line) = refusal(countersign(dir.path(), &["serve", "--listen", "4443"]));
    assert_eq!(code, 2, "{line}");
    assert_eq!(
        line,
        "countersign: --listen = \"4443\": write an IP address and a port, such as \
         127.0.0.1:4443, 0.0.0.0:4443 or [::1]:4443"
    );
    fs::write(dir.path().join("c.toml"), "[server]\ndata_dri = 'x'\n").unwrap();
    let words = ["c.toml:2:1", "`server.data_dri`", "did you mean `server.data_dir`?"];
    check(dir.path(), &["--config", "c.toml"], 2, &words);
    let gone = "server-config.json (--config) cannot be read";
    check(dir.path(), &["--config", "server-config.json"], 2, &[gone]);
    check(dir.path(), &["--config", "gone.toml"], 2, &["gone.toml (--config) cannot be read"]);
    check(dir.path(), &["--tls-cert", "x"], 2, &["--tls-key"]);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_data_directory_that_cannot_be_is_refused() {
    let dir = empty_dir();
    fs::write(dir.path().join("file"), "").unwrap();
    let words = ["file/below cannot be used", "make it writable"];
    check(dir.path(), &["--data-dir", "file/below"], 3, &words);
    check(dir.path(), &["--data-dir", "file"], 3, &["file cannot be used"]);
}

#[test]
fn a_missing_passphrase_is_not_replaced_by_a_new_one() {
    let dir = used_dir();
    let path = dir.path().join("countersign-data/secrets/key-passphrase");
    fs::remove_file(&path).unwrap();
    check(dir.path(), &[], 5, &["key-passphrase: is missing", "put it back"]);
    assert!(!path.exists());
}

#[test]
fn another_passphrase_than_the_first_is_refused_without_being_shown() {
    let dir = used_dir();
    let mut command = serve(dir.path());
    command.env("COUNTERSIGN_KEY_PASSPHRASE", "not-the-first-one");
    let (code, line) = refusal(command);
    assert_eq!(code, 5, "{line}");
    assert!(line.contains("wrong passphrase") && line.contains("countersign.db"), "{line}");
    assert!(!line.contains("not-the-first-one"), "{line}");
    start(serve(dir.path())).stop();
}

#[test]
fn an_address_in_use_or_of_another_machine_is_refused() {
    let dir = empty_dir();
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = held.local_addr().unwrap().to_string();
    for address in [address.as_str(), "192.0.2.1:4443"] {
        let (code, line) = refusal(countersign(dir.path(), &["serve", "--listen", address]));
        assert_eq!(code, 6, "{line}");
        assert!(line.contains(&format!("cannot listen on {address}")), "{line}");
        assert!(line.contains("choose another with --listen"), "{line}");
    }
}

#[test]
fn certificates_that_cannot_be_used_are_refused() {
    let dir = empty_dir();
    let path = |name: &str| dir.path().join(name);
    for name in ["a", "b"] {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(path(&format!("{name}.crt")), made.cert.pem()).unwrap();
        fs::write(path(&format!("{name}.key")), made.signing_key.serialize_pem()).unwrap();
    }
    fs::write(path("garbage"), "no PEM").unwrap();
    let pair = |cert, key| ["--tls-cert", cert, "--tls-key", key];
    check(dir.path(), &pair("a.crt", "b.key"), 7, &["b.key", "a.crt", "does not belong"]);
    check(dir.path(), &pair("garbage", "a.key"), 7, &["garbage"]);
    check(dir.path(), &pair("a.crt", "garbage"), 7, &["garbage"]);
    check(dir.path(), &pair("gone.crt", "a.key"), 7, &["gone.crt"]);
    check(dir.path(), &pair("a.crt", "gone.key"), 7, &["gone.key"]);
}

#[test]
fn an_own_certificate_that_has_expired_is_refused() {
    let dir = empty_dir();
    let key = rcgen::KeyPair::generate().unwrap();
    let mut wanted = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    wanted.not_before = rcgen::date_time_ymd(2020, 1, 1);
    wanted.not_after = rcgen::date_time_ymd(2021, 1, 1);
    fs::write(dir.path().join("c"), wanted.self_signed(&key).unwrap().pem()).unwrap();
    fs::write(dir.path().join("k"), key.serialize_pem()).unwrap();
    check(dir.path(), &["--tls-cert", "c", "--tls-key", "k"], 7, &["2021-01-01", "renew it"]);
}

#[test]
fn generated_certificates_with_a_part_missing_are_refused() {
    let dir = used_dir();
    fs::remove_file(dir.path().join("countersign-data/certs/ca.crt")).unwrap();
    check(dir.path(), &[], 7, &["ca.crt", "put it back"]);
}

#[test]
fn a_database_of_a_newer_version_is_refused() {
    let dir = used_dir();
    let path = dir.path().join("countersign-data/countersign.db");
    let url = format!("sqlite://{}", path.display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut database = sqlx::SqliteConnection::connect(&url).await.unwrap();
        let newer = "UPDATE countersign_metadata_migrations SET version = 999 WHERE version = \
                     (SELECT max(version) FROM countersign_metadata_migrations)";
        let changed = sqlx::query(newer).execute(&mut database).await.unwrap();
        assert_eq!(changed.rows_affected(), 1);
        database.close().await.unwrap();
    });
    check(dir.path(), &[], 8, &["countersign.db", "newer version", "999", "restore a backup"]);
}

#[test]
fn a_damaged_database_is_refused() {
    let dir = used_dir();
    let path = dir.path().join("countersign-data/countersign.db");
    fs::write(&path, "this is no database, and long enough to be looked at".repeat(100)).unwrap();
    check(dir.path(), &[], 9, &["countersign.db", "damaged", "restore it from a backup"]);
}

#[test]
fn a_database_that_cannot_be_opened_is_refused() {
    let dir = empty_dir();
    let data = dir.path().join("countersign-data");
    fs::create_dir_all(data.join("countersign.db")).unwrap();
    let mut command = serve(dir.path());
    command.env("COUNTERSIGN_KEY_PASSPHRASE", "x");
    let (code, line) = refusal(command);
    assert_eq!(code, 10, "{line}");
    assert!(line.contains("countersign.db cannot be opened now"), "{line}");
}
