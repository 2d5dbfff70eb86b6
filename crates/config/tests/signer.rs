//! What a signer starts with: its own defaults, Notary's file for it, and what it is refused.
#![cfg(test)]

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use countersign_config::sections::log::Level;
use countersign_config::{ConfigError, Effective, NotarySigner, Origin, Overrides, Program};
use tempfile::TempDir;

const OURS: &str = "[tls]\ncert = 'signer.crt'\nkey = 'signer.key'\nclient_ca = 'clients.pem'\n";

const NOTARYS: &str = r#"{
  "server": {
    "grpc_addr": ":7900",
    "tls_cert_file": "./signer.crt",
    "tls_key_file": "/etc/signer.key",
    "client_ca_file": "server.crt"
  },
  "logging": { "level": 2 },
  "storage": {
    "backend": "mysql",
    "db_url": "signer:planted-s3cret@tcp(db:3306)/notarysigner?parseTime=True",
    "default_alias": "Timestamp_1"
  }
}"#;

struct File {
    dir: TempDir,
    path: PathBuf,
}

impl File {
    fn new(name: &str, text: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        Self { dir, path }
    }

    fn load(&self, variables: &[(&str, &str)]) -> Result<Effective, ConfigError> {
        let flags = Overrides { config: Some(self.path.clone()), ..Overrides::default() };
        let variable = |name: &str| {
            variables.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value))
        };
        Effective::load_for(Program::Signer, &flags, &variable)
    }

    fn refusal(&self, variables: &[(&str, &str)]) -> String {
        let error = self.load(variables).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cret"));
        let text = error.to_string();
        assert_eq!(text.lines().count(), 1, "{text}");
        text.replace(&format!("{}/", self.dir.path().display()), "")
    }
}

fn alias(effective: &Effective) -> Option<&str> {
    match &effective.notary.as_ref().unwrap().signer {
        NotarySigner::Itself { default_alias } => default_alias.as_deref(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_signer_listens_on_its_own_port_unless_it_is_told() {
    let listen = |text: &str, variables: &[(&str, &str)]| {
        let settings = File::new("c.toml", text).load(variables).unwrap().settings;
        settings.server.listen.to_string()
    };
    assert_eq!(listen(OURS, &[]), "127.0.0.1:7899");
    let told = format!("{OURS}[server]\nlisten = '127.0.0.1:4443'\n");
    assert_eq!(listen(&told, &[]), "127.0.0.1:4443");
    assert_eq!(listen(OURS, &[("COUNTERSIGN_LISTEN", "[::1]:1")]), "[::1]:1");
}

#[test]
fn what_keeps_others_away_from_a_signer_may_not_be_missing_or_elsewhere() {
    for (text, expected) in [
        ("", "a signer needs a certificate and its key"),
        ("[tls]\ncert = 'a'\nkey = 'b'\n", "a signer needs the authority of its clients"),
        ("[tls]\nplain_http = true\n", "plain HTTP does not hold for a signer"),
        (
            &format!("{OURS}client_certificates = 'optional'\n"),
            "tls.client_certificates = \"optional\" does not hold for a signer",
        ),
        (&format!("{OURS}[access]\nrules = 'r.toml'\n"), "[access] does not hold for a signer"),
        (&format!("{OURS}[server]\nread_only = true\n"), "read_only does not hold for a signer"),
        (&format!("{OURS}[signing]\nclients = ['']\n"), "an empty one names nobody"),
    ] {
        let refusal = File::new("c.toml", text).refusal(&[]);
        assert!(refusal.contains(expected), "{refusal}");
    }
}

#[test]
fn a_file_of_notarys_signer_is_read_as_it_stands() {
    let file = File::new("signer-config.json", &NOTARYS.replace(": 2 }", ": \"debug\" }"));
    let effective = file.load(&[]).unwrap();
    let (settings, here) = (&effective.settings, file.dir.path());
    assert_eq!(settings.server.listen.to_string(), "0.0.0.0:7900");
    let own = settings.tls.own().unwrap();
    assert_eq!(
        (own.cert, own.key),
        (here.join("./signer.crt").as_path(), "/etc/signer.key".as_ref())
    );
    assert_eq!(settings.tls.client_ca(), Some(here.join("server.crt").as_path()));
    assert_eq!(settings.log.level, Level::Debug);
    assert!(settings.database.holds_password("database.url"));
    assert_eq!(alias(&effective), Some("Timestamp_1"));
    let notes = effective.notary.as_ref().unwrap().notes.join("\n");
    assert!(notes.contains("server.grpc_addr :7900: listening on every IPv4 address"), "{notes}");
    assert!(!notes.contains("unknown key") && !notes.contains("s3cret"), "{notes}");
}

#[test]
fn yaml_and_toml_say_the_same_and_the_default_of_the_level_is_notarys() {
    let yaml = "server: { GRPC_Addr: '127.0.0.1:1', tls_cert_file: c, tls_key_file: k, client_ca_file: a }\n\
                storage: { backend: memory }\n";
    let toml = "[server]\ngrpc_addr = '127.0.0.1:1'\ntls_cert_file = 'c'\ntls_key_file = 'k'\n\
                client_ca_file = 'a'\n[storage]\nbackend = 'memory'\n";
    for (name, text) in [("c.yaml", yaml), ("c.toml", toml)] {
        let effective = File::new(name, text).load(&[]).unwrap();
        assert_eq!(effective.settings.server.listen.to_string(), "127.0.0.1:1", "{name}");
        assert_eq!(effective.settings.log.level, Level::Error);
        assert_eq!(alias(&effective), None);
        let notes = effective.notary.unwrap().notes.join("\n");
        assert!(notes.contains("keys are kept sealed in the data directory"), "{notes}");
    }
}

/// Signer spec 4.3.
#[test]
fn variables_of_notarys_signer_win_over_its_file_and_flags_of_ours_over_both() {
    let file = File::new("c.json", &NOTARYS.replace(": 2 }", ": \"debug\" }"));
    let effective = file.load(&[
        ("NOTARY_SIGNER_SERVER_GRPC_ADDR", "127.0.0.1:2"),
        ("NOTARY_SIGNER_LOGGING_LEVEL", "info"),
        ("NOTARY_SIGNER_STORAGE_DEFAULT_ALIAS", "other"),
        ("NOTARY_SIGNER_STORAGE_BACKEND", "postgres"),
        ("NOTARY_SIGNER_STORAGE_DB_URL", "postgres://signer:s3cret@db/keys?sslmode=disable"),
        ("NOTARY_SERVER_SERVER_GRPC_ADDR", "127.0.0.1:3"),
        ("COUNTERSIGN_LOG_LEVEL", "warn"),
    ]);
    let effective = effective.unwrap();
    assert_eq!(effective.settings.server.listen.to_string(), "127.0.0.1:2");
    assert_eq!(effective.settings.log.level, Level::Warn);
    assert_eq!(alias(&effective), Some("other"));
    let listed = effective.listed(file.dir.path()).unwrap();
    let of = |key: &str| listed.iter().find(|one| one.key == key).unwrap();
    let name = "NOTARY_SIGNER_STORAGE_DB_URL".to_owned();
    assert_eq!(of("database.url").from, Origin::NotaryVariable { name });
    assert!(!format!("{listed:?}").contains("s3cret"));
}

/// Signer spec 3.4: the variable that came before the setting.
#[test]
fn the_alias_may_be_where_old_signers_had_it() {
    let without = NOTARYS.replace(": 2 }", ": \"info\" }").replace("\"default_alias\"", "\"x\"");
    let file = File::new("c.json", &without);
    assert!(file.refusal(&[]).contains("must provide a default alias for the key DB"));
    let named = file.load(&[("NOTARY_SIGNER_DEFAULT_ALIAS", "old")]).unwrap();
    assert_eq!(alias(&named), Some("old"));
    let top = without.replacen('{', "{ \"default_alias\": \"top\",", 1);
    assert_eq!(alias(&File::new("c.json", &top).load(&[]).unwrap()), Some("top"));
}

#[test]
fn a_file_for_the_other_program_is_refused_by_both() {
    let server = r#"{ "server": { "http_addr": ":4443" }, "trust_service": { "type": "local" },
                      "storage": { "backend": "memory" } }"#;
    let refusal = File::new("c.json", server).refusal(&[]);
    assert!(refusal.contains("this is the configuration of notary-server"), "{refusal}");
    let file = File::new("c.json", NOTARYS);
    let flags = Overrides { config: Some(file.path.clone()), ..Overrides::default() };
    let refusal = Effective::load(&flags, &|_| None).unwrap_err().to_string();
    assert!(refusal.contains("this is the configuration of notary-signer"), "{refusal}");
}

#[test]
fn each_wrong_value_is_named_with_its_place() {
    let good = NOTARYS.replace(": 2 }", ": \"debug\" }");
    for (piece, by, expected) in [
        (
            ":7900",
            "signer.internal:7900",
            "c.json: server.grpc_addr: \"signer.internal:7900\" names",
        ),
        ("\"debug\"", "\"loud\"", "c.json: logging.level: \"loud\" is no level"),
        (
            "Timestamp_1",
            "storage_db_url",
            "c.json: storage.default_alias: \"storage_db_url\" cannot",
        ),
        ("\"mysql\"", "\"sqlite3\"", "c.json: storage.backend: this version opens no SQLite"),
        ("\"mysql\"", "\"rethinkdb\"", "c.json: storage.backend: countersign opens no RethinkDB"),
        ("server.crt", "", "a signer needs the authority of its clients"),
    ] {
        let refusal = File::new("c.json", &good.replace(piece, by)).refusal(&[]);
        assert!(refusal.starts_with(expected), "{refusal}");
    }
}

/// What the program would be that a file of this name and text is for.
fn recognised(name: &str, text: &str) -> Program {
    let file = File::new(name, text);
    let flags = Overrides { config: Some(file.path.clone()), ..Overrides::default() };
    Program::recognised(&flags, &|_| None).unwrap()
}

#[test]
fn a_file_is_a_signers_by_what_only_a_signer_has() {
    let server =
        "{ \"server\": { \"http_addr\": \":4443\" }, \"trust_service\": { \"type\": \"local\" } }";
    for (name, text, program) in [
        ("c.json", NOTARYS, Program::Signer),
        ("c.json", "{ \"storage\": { \"default_alias\": \"a\" } }", Program::Signer),
        ("c.yaml", "server: { GRPC_Addr: ':1' }\n", Program::Signer),
        ("c.toml", "[server]\ngrpc_addr = ':1'\n", Program::Signer),
        ("c.toml", &format!("{OURS}[signing]\nclients = ['a']\n[limits]\n"), Program::Signer),
        ("c.json", server, Program::Server),
        ("c.toml", OURS, Program::Server),
        ("c.toml", &format!("{OURS}[signing]\n[expiry]\n"), Program::Server),
        ("c.toml", "", Program::Server),
        ("c.toml", "[signing", Program::Server),
        ("c.json", "{", Program::Server),
    ] {
        assert_eq!(recognised(name, text), program, "{text}");
    }
    assert_eq!(Program::recognised(&Overrides::default(), &|_| None).unwrap(), Program::Server);
    let gone = Overrides { config: Some("/nowhere/c.toml".into()), ..Overrides::default() };
    assert_eq!(Program::recognised(&gone, &|_| None).unwrap(), Program::Server);
}

#[test]
fn what_a_signer_does_not_follow_is_named_with_place_and_reason() {
    let text = format!(
        "{OURS}[caching]\nbody_bytes = 1\n[limits]\nparts = 3\nstreams = 5\n\
         [[keys.rules]]\ngun_prefix = 'a/'\nalgorithm = 'ed25519'\n[signing]\nrequire_gun = true\n\
         [database]\nurl = 'sqlite:/a.db'\nkeys_url = 'sqlite:/b.db'\n"
    );
    let file = File::new("c.toml", &text);
    let effective = file.load(&[("COUNTERSIGN_SIGNER", "other:7899")]).unwrap();
    let ignored: Vec<String> = effective.ignored().iter().map(ToString::to_string).collect();
    let of = |start: &str| ignored.iter().find(|line| line.starts_with(start)).unwrap();
    assert_eq!(ignored.len(), 5, "{ignored:#?}");
    let place = format!("caching.body_bytes ({}:6) has no effect: a signer", file.path.display());
    assert!(of("caching").starts_with(&place), "{ignored:#?}");
    assert!(of("limits.parts").contains("takes calls of gRPC"));
    assert!(
        of("signer.address (variable COUNTERSIGN_SIGNER) has no effect: ").ends_with("behind it")
    );
    assert!(of("database.url").contains("database.keys_url names"));
    assert!(of("algorithm in keys.rules").contains("names its algorithm"));

    let listed = effective.listed(file.dir.path()).unwrap();
    let keys: Vec<&str> = listed.iter().map(|one| one.key.as_str()).collect();
    for (key, shown) in [
        ("server.listen", true),
        ("limits.streams", true),
        ("signing.require_gun", true),
        ("pkcs11.module", true),
        ("caching.body_bytes", false),
        ("limits.parts", false),
        ("access.rules", false),
    ] {
        assert_eq!(keys.contains(&key), shown, "{key}");
    }
}

#[test]
fn what_a_server_leaves_to_the_signer_is_named_too() {
    let file = File::new("c.toml", "[signing]\nrequire_gun = true\n");
    let flags = Overrides { config: Some(file.path.clone()), ..Overrides::default() };
    let effective = Effective::load(&flags, &|_| None).unwrap();
    let [only] = &effective.ignored()[..] else { panic!("{:?}", effective.ignored()) };
    assert_eq!(
        (only.key.as_str(), only.why),
        ("signing.require_gun", "only countersign signer looks at it")
    );
}
