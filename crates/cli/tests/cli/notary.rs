//! Notary's own configuration, and the binary under the Go server's name.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::process::{DEADLINE, Server, countersign, empty_dir, refusal, run, start};

/// All in one process, on a free port, for the collections of one registry.
const LOCAL: &str = r#"{
  "server": { "http_addr": "127.0.0.1:0" },
  "trust_service": { "type": "local" },
  "storage": { "backend": "memory" },
  "repositories": { "gun_prefixes": ["docker.io/"] },
  "reporting": { "bugsnag": { "api_key": "k" } }
}"#;

fn write(dir: &Path, text: &str) {
    fs::write(dir.join("server-config.json"), text).unwrap();
}

fn with_file(dir: &Path, command: &[&str]) -> Command {
    let mut command = countersign(dir, command);
    command.args(["--config", "server-config.json"]);
    command
}

/// Status and body of an answer over plain HTTP.
fn get(server: &Server, path: &str) -> (u16, String) {
    let url = format!("http://{}{path}", server.address);
    rustls::crypto::ring::default_provider().install_default().ok();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().timeout(DEADLINE).build().unwrap();
        let answer = client.get(url).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    })
}

/// Checklist rows C-160 and C-200.
#[test]
fn notarys_file_is_served_and_its_prefixes_and_plain_http_are_obeyed_and_said() {
    let dir = empty_dir();
    write(dir.path(), LOCAL);
    let server = start(with_file(dir.path(), &["serve"]));
    assert_eq!(server.url, format!("http://{}", server.address).replace("127.0.0.1", "localhost"));
    assert_eq!(get(&server, "/v2/").0, 200);
    let key = |gun: &str| get(&server, &format!("/v2/{gun}/_trust/tuf/timestamp.key"));
    assert!(key("docker.io/app").1.contains("ed25519"));
    assert_eq!(key("example.com/app").0, 404);
    let ended = server.stop();
    assert!(ended.stdout.contains("WARNING: plain HTTP: "), "{}", ended.stdout);
    assert!(ended.stdout.contains("note: reporting.bugsnag.api_key has no effect"));
    assert!(ended.stdout.contains("note: storage.backend memory: "), "{}", ended.stdout);
    assert!(!dir.path().join("countersign-data/certs").exists());
}

#[test]
fn with_tls_files_notarys_file_is_served_over_tls() {
    let dir = empty_dir();
    let made = run(countersign(dir.path(), &["certs", "make", "--data-dir", "made"]));
    assert_eq!(made.status.code(), Some(0), "{}", made.stderr);
    let tls = r#""127.0.0.1:0", "tls_cert_file": "made/certs/server.crt",
        "tls_key_file": "./made/certs/server.key" "#;
    write(dir.path(), &LOCAL.replace("\"127.0.0.1:0\"", tls));
    let server = start(with_file(dir.path(), &["serve"]));
    let ca = fs::read(dir.path().join("made/certs/ca.crt")).unwrap();
    assert_eq!(server.get(&ca, "/v2/").unwrap().0, 200);
    assert!(!server.stop().stdout.contains("plain HTTP"));
}

/// Checklist row C-201.
#[test]
fn notarys_variable_wins_over_its_file() {
    let dir = empty_dir();
    write(dir.path(), &LOCAL.replace("127.0.0.1:0", "127.0.0.1:1"));
    let mut command = with_file(dir.path(), &["serve"]);
    command.env("NOTARY_SERVER_SERVER_HTTP_ADDR", "127.0.0.1:0");
    let server = start(command);
    assert_ne!(server.address.port(), 1);
    server.stop();
}

/// Checklist row C-204, and what would leave the server open or elsewhere.
#[test]
fn what_cannot_be_obeyed_stops_the_start_before_anything_is_made() {
    for (piece, by, words) in [
        ("docker.io/", "docker.io", "repositories.gun_prefixes: invalid GUN prefix docker.io: "),
        (
            "\"storage\"",
            "\"auth\": { \"type\": \"htpasswd\" }, \"storage\"",
            "auth.type: \"htpasswd\" is no type of access rules",
        ),
        (
            "\"memory\"",
            "\"sqlite3\", \"db_url\": \"/var/planted-s3cret.db\"",
            "storage.backend: this version opens no SQLite database",
        ),
        (
            "\"local\"",
            "\"remote\", \"hostname\": \"s\", \"port\": \"grpc\", \"key_algorithm\": \"ecdsa\"",
            "trust_service.port: \"grpc\" is no port",
        ),
    ] {
        let dir = empty_dir();
        write(dir.path(), &LOCAL.replace(piece, by));
        for command in [["serve"].as_slice(), &["config", "check"], &["config", "convert"]] {
            let (code, line) = refusal(with_file(dir.path(), command));
            assert_eq!(code, 2, "{line}");
            let expected = format!("countersign: server-config.json: {words}");
            assert!(line.starts_with(&expected), "{line}");
            assert!(!line.contains("planted-s3cret"), "{line}");
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}

#[test]
fn a_reload_reads_notarys_file_again_and_stays_with_plain_http() {
    let dir = empty_dir();
    write(dir.path(), LOCAL);
    let mut server = start(with_file(dir.path(), &["serve"]));
    let louder = LOCAL.replace("docker.io/", "quay.io/");
    let louder = louder.replace("\"storage\"", "\"logging\": { \"level\": \"info\" }, \"storage\"");
    let tls = "\"127.0.0.1:0\", \"tls_cert_file\": \"a\", \"tls_key_file\": \"b\"";
    write(dir.path(), &louder.replace("\"127.0.0.1:0\"", tls));
    server.signal("HUP");
    server.wait_for_log("log level changed");
    assert_eq!(get(&server, "/v2/").0, 200);
    server.signal("HUP");
    let line = server.wait_for_log("take effect at the next start");
    assert!(line.contains("tls.plain_http, [repositories]"), "{line}");
    server.stop();
}

#[test]
fn check_and_show_take_notarys_file_and_make_nothing() {
    let dir = empty_dir();
    write(dir.path(), LOCAL);
    let checked = run(with_file(dir.path(), &["config", "check"]));
    assert_eq!(checked.status.code(), Some(0), "{}", checked.stderr);
    assert!(checked.stdout.contains("note: trust_service.type local: "), "{}", checked.stdout);
    assert!(checked.stdout.contains("warning: plain HTTP: "), "{}", checked.stdout);
    assert!(checked.stdout.contains("all is well: serve can start on 127.0.0.1:0"));
    let shown = run(with_file(dir.path(), &["config", "show"])).stdout;
    let row = |key: &str| shown.lines().find(|line| line.starts_with(key)).unwrap().to_owned();
    assert!(row("server.listen ").ends_with("server-config.json: server.http_addr"), "{shown}");
    assert!(row("repositories.gun_prefixes ").contains("docker.io/"), "{shown}");
    assert!(row("log.level ").contains("error "), "{shown}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_converted_file_holds_what_differs_and_serves_the_same() {
    let dir = empty_dir();
    write(dir.path(), LOCAL);
    let ended = run(with_file(dir.path(), &["config", "convert"]));
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert_eq!(
        ended.stdout,
        "# Converted from the configuration of notary-server.\n\n\
         [server]\nlisten = \"127.0.0.1:0\"\n\n[tls]\nplain_http = true\n\n\
         [repositories]\ngun_prefixes = [\"docker.io/\"]\n\n\
         [keys]\nalgorithm = \"ed25519\"\n\n[log]\nlevel = \"error\"\n"
    );
    assert!(ended.stderr.lines().all(|line| line.starts_with("countersign: note: ")));
    assert_eq!(ended.stderr.lines().count(), 3, "{}", ended.stderr);
    fs::write(dir.path().join("ours.toml"), ended.stdout).unwrap();
    let server = start(countersign(dir.path(), &["serve", "--config", "ours.toml"]));
    assert_eq!(get(&server, "/v2/example.com/app/_trust/tuf/timestamp.key").0, 404);
    server.stop();

    let (code, line) =
        refusal(countersign(dir.path(), &["config", "convert", "--config", "ours.toml"]));
    assert_eq!(code, 2, "{line}");
    assert!(line.contains("ours.toml is not Notary's"), "{line}");
}

#[test]
fn under_the_go_servers_name_the_binary_takes_its_flags() {
    let dir = empty_dir();
    write(dir.path(), LOCAL);
    let name = dir.path().join("notary-server");
    symlink(env!("CARGO_BIN_EXE_countersign"), &name).unwrap();
    let go = |arguments: &[&str]| {
        let mut command = Command::new(&name);
        command.args(arguments).current_dir(dir.path()).env_clear();
        command
    };
    let server = start(go(&["-config=server-config.json", "-logf=json", "-debug"]));
    assert_eq!(get(&server, "/_notary_server/health"), (200, "{}".to_owned()));
    let ended = server.stop();
    assert!(
        ended.stderr.starts_with("countersign: note: -debug has no effect"),
        "{}",
        ended.stderr
    );

    let version = run(go(&["-version"]));
    assert_eq!(version.stdout, format!("countersign {}\n", env!("CARGO_PKG_VERSION")));
    let (code, line) = refusal(go(&[]));
    assert_eq!(
        (code, line.starts_with("countersign: -config FILE is missing")),
        (2, true),
        "{line}"
    );
}

/// A signer of its own in the file, and metadata in memory.
fn with_signer() -> String {
    let remote = "\"remote\", \"hostname\": \"s\", \"port\": 7899, \"key_algorithm\": \"ecdsa\"";
    LOCAL.replace("\"local\"", remote)
}

#[test]
fn a_remote_signer_is_superseded_by_the_database_of_its_keys_and_that_is_said() {
    let dir = empty_dir();
    write(dir.path(), &with_signer());
    let mut command = with_file(dir.path(), &["serve", "--keys-database", "sqlite:signer.db"]);
    command.env("NOTARY_SERVER_SERVER_HTTP_ADR", "127.0.0.1:1");
    let server = start(command);
    let (status, body) = get(&server, "/v2/docker.io/app/_trust/tuf/timestamp.key");
    assert!(status == 200 && body.contains("ecdsa"), "{status} {body}");
    let ended = server.stop();
    let note = "note: trust_service: the signer at s:7899 is not asked: its keys are taken from \
                the database of flag --keys-database";
    assert!(ended.stdout.lines().any(|line| line.starts_with(note)), "{}", ended.stdout);
    assert!(!ended.stdout.contains("keys are kept sealed in the data"), "{}", ended.stdout);
    let misspelt = "note: NOTARY_SERVER_SERVER_HTTP_ADR has no effect: did you mean \
                    NOTARY_SERVER_SERVER_HTTP_ADDR?";
    assert!(ended.stdout.lines().any(|line| line == misspelt), "{}", ended.stdout);
    assert!(dir.path().join("signer.db").exists());
}

#[test]
fn a_converted_file_names_the_signer() {
    let dir = empty_dir();
    let files = "\"tls_ca_file\": \"ca.crt\", \"tls_client_cert\": \"c.crt\", \"tls_client_key\": \"c.key\", \"hostname\"";
    write(dir.path(), &with_signer().replace("\"hostname\"", files));
    let ended = run(with_file(dir.path(), &["config", "convert"]));
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains("\n[signer]\naddress = \"s:7899\"\n"), "{}", ended.stdout);
    for key in ["\nca = ", "\ncert = ", "\nkey = "] {
        assert!(ended.stdout.contains(key), "{key}: {}", ended.stdout);
    }
    fs::write(dir.path().join("ours.toml"), ended.stdout).unwrap();
    let shown = run(countersign(dir.path(), &["config", "show", "--config", "ours.toml"]));
    assert_eq!(shown.status.code(), Some(0), "{}", shown.stderr);
    let missing = run(countersign(dir.path(), &["config", "check", "--config", "ours.toml"]));
    assert_ne!(missing.status.code(), Some(0));
    assert!(missing.stderr.contains("ca.crt"), "{}", missing.stderr);
}

#[test]
fn a_converted_file_names_both_databases_and_no_password() {
    let dir = empty_dir();
    let of_postgres = "\"postgres\",
        \"db_url\": \"postgres://u:planted-s3cret@db.internal/notaryserver?sslmode=verify-full\"";
    write(dir.path(), &with_signer().replace("\"memory\"", of_postgres));
    let keys = ["--keys-database", "postgres://signer@db.internal/notarysigner"];
    let mut command = with_file(dir.path(), &["config", "convert"]);
    command.args(keys);
    let ended = run(command);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    let keys_url = "keys_url = \"postgres://signer@db.internal/notarysigner\"\n";
    assert!(ended.stdout.contains(keys_url), "{}", ended.stdout);
    let left_out = "\n# url = \"postgres://u:***@db.internal/notaryserver?sslmode=verify-full\"\n";
    assert!(ended.stdout.contains(left_out), "{}", ended.stdout);
    let said = "note: database.url is left out, because it holds a password: give it in \
                COUNTERSIGN_DATABASE_URL, or in the file that COUNTERSIGN_DATABASE_URL_FILE names";
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
    assert!(!ended.stdout.contains("planted") && !ended.stderr.contains("planted"));
    fs::write(dir.path().join("ours.toml"), ended.stdout).unwrap();
    let shown = run(countersign(dir.path(), &["config", "show", "--config", "ours.toml"]));
    assert_eq!(shown.status.code(), Some(0), "{}", shown.stderr);
}
