//! `config show` and `config check` for a signer: the same errors as its start, what is ignored and
//! why, and that nothing is made.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::process::{Waiting, countersign, empty_dir, refusal, run};

const TLS: &str = "[tls]\ncert = 'signer.crt'\nkey = 'signer.key'\nclient_ca = 'signer.crt'\n";

const NOTARYS: &str = r#"{
  "server": {
    "grpc_addr": "127.0.0.1:0",
    "tls_cert_file": "signer.crt",
    "tls_key_file": "signer.key",
    "client_ca_file": "signer.crt"
  },
  "logging": { "level": "info" },
  "reporting": { "bugsnag": { "api_key": "k" } },
  "storage": {
    "backend": "postgres",
    "db_url": "postgres://signer:planted-s3cret@127.0.0.1:1/keys?sslmode=disable",
    "default_alias": "timestamp_1"
  }
}"#;

/// A folder with certificates of a signer.
struct Site(TempDir);

impl Site {
    fn new() -> Self {
        let site = Self(empty_dir());
        for name in ["signer", "other"] {
            let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
            site.write(&format!("{name}.crt"), &made.cert.pem());
            site.write(&format!("{name}.key"), &made.signing_key.serialize_pem());
        }
        site.private("signer.key");
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn private(&self, name: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// The file, on a free port, with these settings.
    fn settings(&self, text: &str) {
        self.write("c.toml", &format!("{TLS}{text}\n[server]\nlisten = '127.0.0.1:0'\n"));
    }

    fn command(&self, arguments: &[&str]) -> Command {
        countersign(self.0.path(), arguments)
    }

    fn names(&self) -> Vec<String> {
        let names = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> =
            names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// What `config show` prints of the file.
    fn shown(&self, file: &str, arguments: &[&str], environment: &[(&str, &str)]) -> String {
        let mut command = self.command(&["config", "show", "--config", file]);
        command.args(arguments).envs(environment.iter().copied());
        let ended = run(command);
        assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
        assert!(!ended.stdout.contains("s3cret"), "{}", ended.stdout);
        ended.stdout
    }

    /// What `config check` prints that finds all well.
    fn checked(&self, arguments: &[&str]) -> String {
        let mut command = self.command(&["config", "check"]);
        command.args(arguments);
        let ended = run(command);
        assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
        assert_eq!(ended.stderr, "");
        ended.stdout
    }

    /// Starts the signer, and ends it once it listens.
    fn start_once(&self) {
        let ended = Waiting::start(self.command(&["signer", "--config", "c.toml"]), "listening")
            .end_by("TERM");
        assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    }
}

#[test]
fn a_signers_file_is_checked_for_a_signer_before_its_first_start_and_after_it() {
    let site = Site::new();
    site.settings("[signing]\nclients = ['trust']");
    let before = site.names();
    let said = site.checked(&["--config", "c.toml"]);
    let data = site.path("countersign-data");
    let expected = format!(
        "all is well: signer can start on 127.0.0.1:0 with its data in {} (the address was not \
         tried)\n",
        data.display()
    );
    assert_eq!(said, expected);
    assert_eq!(site.names(), before);
    site.start_once();
    assert_eq!(site.checked(&["--config", "c.toml"]), expected);
    assert!(data.join("countersign.db").exists());
}

#[test]
fn whose_settings_they_are_can_be_said() {
    let site = Site::new();
    site.settings("");
    let signer = site.checked(&["--for", "signer", "--config", "c.toml"]);
    assert!(signer.starts_with("all is well: signer can start on 127.0.0.1:0"), "{signer}");
    let server = site.checked(&["--config", "c.toml"]);
    assert!(server.starts_with("all is well: serve can start on 127.0.0.1:0"), "{server}");
    site.settings("[signing]\nrequire_gun = true");
    let server = site.checked(&["--for", "serve", "--config", "c.toml"]);
    let note = "note: signing.require_gun (c.toml:6) has no effect: only countersign signer looks";
    assert!(server.starts_with(note), "{server}");
}

#[test]
fn a_flag_that_a_signer_does_not_take_is_refused() {
    let site = Site::new();
    site.settings("[signing]\nclients = ['trust']");
    for (flag, value) in [("--host", "a"), ("--keys-database", "sqlite:x"), ("--signer", "a:1")] {
        for command in ["check", "show"] {
            let arguments = ["config", command, "--config", "c.toml", flag, value];
            let (code, line) = refusal(site.command(&arguments));
            assert_eq!(code, 2, "{line}");
            let expected = format!("countersign: {flag} is no flag of countersign signer");
            assert!(line.starts_with(&expected), "{line}");
        }
    }
}

/// Each of these stops the start of the signer; the check says the same in the same words.
#[test]
fn the_check_fails_as_the_start_does() {
    let site = Site::new();
    site.start_over_with("");
    site.write("file", "");
    let as_it_is = format!("{TLS}[signing]\n");
    for (text, code, words) in [
        ("[signing]\n".to_owned(), 2, "a signer needs a certificate and its key"),
        (as_it_is.replace("client_ca = 'signer.crt'", ""), 2, "the authority of its clients"),
        (as_it_is.replace("signer.key", "other.key"), 7, "does not belong"),
        (as_it_is.replace("signer.crt", "gone.crt"), 7, "gone.crt"),
        (as_it_is.replace("client_ca = 'signer.crt'", "client_ca = 'file'"), 7, "file"),
        (format!("{as_it_is}clients = ['a', '']\n"), 2, "c.toml:6:11: signing.clients"),
        (format!("{as_it_is}client = ['a']\n"), 2, "c.toml:6:1: unknown key `signing.client`"),
        (format!("{as_it_is}[access]\nrules = 'file'\n"), 2, "[access] does not hold"),
        (format!("{as_it_is}[server]\nread_only = true\n"), 2, "read_only does not hold"),
        (format!("{as_it_is}[server]\ndata_dir = 'file/below'\n"), 3, "make it writable"),
        (format!("{as_it_is}[keys]\npassphrase_file = 'gone'\n"), 2, "gone (keys.passphrase_file)"),
        (format!("{as_it_is}[keys]\npassphrase_file = 'signer.crt'\n"), 5, "wrong passphrase"),
        (format!("{as_it_is}[keys]\ncustody = 'token'\n"), 2, "no token is configured"),
        (
            format!("{as_it_is}[keys]\ncustody = 'remote'\n[signer]\naddress = 'other:7899'\n"),
            2,
            "new keys are to go to the home remote",
        ),
        (format!("{as_it_is}[pkcs11]\nmodule = 'file'\ntoken = 't'\n"), 22, "no PIN is given"),
        (format!("{as_it_is}[database]\nurl = 'oracle:x'\n"), 2, "database.url"),
    ] {
        site.write("c.toml", &text);
        let before = site.names();
        let of = |command: &[&str]| {
            let mut command = site.command(command);
            command.args(["--config", "c.toml"]).env("COUNTERSIGN_LISTEN", "127.0.0.1:0");
            let ended = run(command);
            assert!(ended.stderr.contains(words), "{words}: {}", ended.stderr);
            (ended.status.code().unwrap(), ended.stderr)
        };
        let (found, problems) = of(&["config", "check", "--for", "signer"]);
        assert_eq!(found, code, "{problems}");
        assert_eq!(site.names(), before, "{text}");
        // The start stops at the first one, after the lines of its log.
        let (ended, log) = of(&["signer"]);
        assert_eq!((ended, log.lines().last()), (code, problems.lines().next()), "{text}");
    }
}

#[test]
fn a_database_that_is_none_is_found_with_the_code_of_the_start() {
    let site = Site::new();
    site.settings("[database]\nurl = 'sqlite:signer.crt'\n[signing]");
    for command in [&["config", "check"][..], &["signer"]] {
        let mut command = site.command(command);
        command.args(["--config", "c.toml"]);
        let ended = run(command);
        assert_eq!(ended.status.code(), Some(9), "{}", ended.stderr);
        assert!(ended.stderr.contains("countersign: the database signer.crt cannot be used"));
    }
}

#[test]
fn an_address_for_metrics_that_is_taken_stops_the_start_with_its_setting() {
    let site = Site::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    site.settings(&format!("[signing]\nmetrics_listen = '{address}'"));
    let ended = run(site.command(&["signer", "--config", "c.toml"]));
    assert_eq!(ended.status.code(), Some(6), "{}", ended.stderr);
    let words = format!("cannot listen on {address} ");
    assert!(ended.stderr.contains(&words), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("choose another with signing.metrics_listen"),
        "{}",
        ended.stderr
    );
    site.settings("[signing]\nmetrics_listen = 'metrics'");
    let (code, line) = refusal(site.command(&["config", "check", "--config", "c.toml"]));
    assert_eq!(code, 2, "{line}");
    assert!(line.contains("c.toml:6:18: signing.metrics_listen = "), "{line}");
}

impl Site {
    /// A data directory as a first start makes it.
    fn start_over_with(&self, text: &str) {
        self.settings(&format!("{text}\n[signing]\n"));
        self.start_once();
    }
}

#[test]
fn what_a_signer_does_not_follow_is_noted_with_its_place() {
    let site = Site::new();
    site.settings("[caching]\nbody_bytes = 1\n[audit]\nfile = 'a'\n[signing]");
    let said = site.checked(&["--for", "signer", "--config", "c.toml"]);
    let notes: Vec<&str> = said.lines().filter(|line| line.starts_with("note: ")).collect();
    assert_eq!(notes.len(), 2, "{said}");
    assert!(notes[0].starts_with("note: audit.file (c.toml:8) has no effect: "), "{said}");
    assert!(notes[1].starts_with("note: caching.body_bytes (c.toml:6) has no effect: "), "{said}");
    assert!(!site.path("a").exists());
    let shown = site.shown("c.toml", &["--for", "signer"], &[]);
    assert!(shown.contains("\naudit.file (c.toml:8) has no effect: "), "{shown}");
    let json: Value =
        serde_json::from_str(&site.shown("c.toml", &["--for", "signer", "--format", "json"], &[]))
            .unwrap();
    assert_eq!(json["program"], "signer");
    assert_eq!(json["ignored"][0]["key"], "audit.file");
    assert_eq!(json["ignored"][0]["from"]["line"], 8);
}

#[test]
fn a_private_file_of_a_signer_that_others_can_read_is_warned_of() {
    let site = Site::new();
    site.settings("[signing]");
    fs::set_permissions(
        site.path("signer.key"),
        fs::metadata(site.path("signer.crt")).unwrap().permissions(),
    )
    .unwrap();
    let said = site.checked(&["--config", "c.toml"]);
    assert!(said.contains("warning: other users can look into signer.key: run chmod"), "{said}");
}

#[test]
fn notarys_file_is_shown_with_the_origin_of_every_setting() {
    let site = Site::new();
    site.write("signer-config.json", NOTARYS);
    let before = site.names();
    let environment = [
        ("NOTARY_SIGNER_TIMESTAMP_1", "planted-s3cret"),
        ("NOTARY_SIGNER_LOGGING_LEVEL", "debug"),
        ("COUNTERSIGN_DATA_DIR", "d"),
    ];
    let text = site.shown("signer-config.json", &[], &environment);
    let row = |key: &str| -> Vec<String> {
        let line = text.lines().find(|line| line.starts_with(&format!("{key} "))).unwrap();
        line.split("  ").map(str::trim).filter(|w| !w.is_empty()).map(str::to_owned).collect()
    };
    assert!(text.contains("settings of: countersign signer\n"), "{text}");
    let passphrase = "passphrase of new keys, alias timestamp_1: (set), variable \
                      NOTARY_SIGNER_TIMESTAMP_1\n";
    assert!(text.contains(passphrase), "{text}");
    assert_eq!(row("server.listen")[1..], ["127.0.0.1:0", "signer-config.json: server.grpc_addr"]);
    assert_eq!(row("tls.client_ca")[2], "signer-config.json: server.client_ca_file");
    assert_eq!(row("log.level")[1..], ["debug", "variable NOTARY_SIGNER_LOGGING_LEVEL"]);
    assert_eq!(row("server.data_dir")[2], "variable COUNTERSIGN_DATA_DIR");
    assert_eq!(row("database.url")[2], "signer-config.json: storage.db_url");
    assert_eq!(row("signing.require_gun")[1..], ["false", "default"]);
    assert!(!text.contains("caching."), "{text}");
    assert_eq!(site.names(), before);
}

#[test]
fn the_check_of_notarys_file_finds_what_its_start_would_not_do_without() {
    let site = Site::new();
    site.write("signer-config.json", NOTARYS);
    let check = |environment: &[(&str, &str)]| {
        let mut command = site.command(&["config", "check", "--config", "signer-config.json"]);
        command.envs(environment.iter().copied());
        run(command)
    };
    let ended = check(&[]);
    assert_eq!(ended.status.code(), Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("NOTARY_SIGNER_TIMESTAMP_1 is not set"), "{}", ended.stderr);
    // With a passphrase only the database is left, where nobody listens.
    let ended = check(&[("NOTARY_SIGNER_TIMESTAMP_1", "planted-s3cret")]);
    assert_eq!(ended.status.code(), Some(10), "{}", ended.stderr);
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);

    let (before, _) = NOTARYS.split_once("\"storage\"").unwrap();
    let memory = format!("{before}\"storage\": {{ \"backend\": \"memory\" }} }}");
    site.write("signer-config.json", &memory);
    let before = site.names();
    let said = site.checked(&["--config", "signer-config.json"]);
    assert!(said.contains("note: storage.backend memory: keys are kept sealed"), "{said}");
    assert!(said.contains("note: reporting.bugsnag.api_key has no effect: "), "{said}");
    assert!(said.contains("all is well: signer can start on 127.0.0.1:0 "), "{said}");
    assert_eq!(site.names(), before);
    site.write("signer-config.json", &memory.replace("\"info\"", "\"loud\""));
    let (code, line) =
        refusal(site.command(&["config", "check", "--config", "signer-config.json"]));
    assert_eq!((code, line.contains("logging.level: \"loud\" is no level")), (2, true), "{line}");
}

#[test]
fn what_is_shown_as_toml_is_a_file_that_a_signer_starts_with() {
    let site = Site::new();
    site.settings("[signing]\nclients = ['trust', 'other']\n[expiry]\nsnapshot_hours = 5");
    let flags = ["--for", "signer", "--data-dir", "d"];
    let toml = site.shown("c.toml", &[&flags[..], &["--format", "toml"]].concat(), &[]);
    assert!(toml.starts_with("# What countersign signer would use; "), "{toml}");
    site.write("shown.toml", &toml);
    let values = |text: &str| -> Vec<(Value, Value)> {
        let json: Value = serde_json::from_str(text).unwrap();
        let list = json["settings"].as_array().unwrap().clone();
        list.into_iter().map(|one| (one["key"].clone(), one["value"].clone())).collect()
    };
    let json = ["--format", "json"];
    let first = site.shown("c.toml", &[&flags[..], &json].concat(), &[]);
    assert_eq!(values(&site.shown("shown.toml", &json, &[])), values(&first));
    fs::copy(site.path("shown.toml"), site.path("c.toml")).unwrap();
    site.start_once();
    assert!(Path::new(&site.path("d/countersign.db")).exists());
}
