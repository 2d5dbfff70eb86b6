//! Whole files in each form. Expected values are from server spec 7.2.

use std::fs;
use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};
use tempfile::TempDir;

use super::*;
use crate::sections::access::{Access, Issuer};
use crate::sections::database::Location;
use crate::{DatabaseUrl, Effective, Overrides};

/// What an operator who keeps keys in a signer and metadata in MySQL has.
const WITH_SIGNER: &str = r#"{
  "server": {
    "http_addr": ":4443",
    "tls_cert_file": "./tls/trust.crt",
    "tls_key_file": "/etc/trust/trust.key"
  },
  "trust_service": {
    "type": "remote",
    "hostname": "signer.internal",
    "port": "7899",
    "tls_ca_file": "./tls/ca.crt",
    "key_algorithm": "ecdsa",
    "tls_client_cert": "./tls/client.crt",
    "tls_client_key": "./tls/client.key"
  },
  "logging": { "level": "debug" },
  "storage": {
    "backend": "mysql",
    "db_url": "trust:planted-s3cret@tcp(db.internal:3306)/trust?parseTime=True"
  }
}"#;

/// The smallest that starts: all in one process.
const LOCAL: &str = r#"{
  "server": { "http_addr": "127.0.0.1:4443" },
  "trust_service": { "type": "local" },
  "storage": { "backend": "memory" }
}"#;

const LOCAL_YAML: &str = "
server:
  http_addr: :4443
  tls_cert_file: trust.crt
  tls_key_file: trust.key
  client_ca_file: clients.pem
trust_service: { type: local }
storage: { backend: memory }
caching: { max_age: { current_metadata: 60, consistent_metadata: '600' } }
repositories:
  gun_prefixes:
    - docker.io/
    - registry.example/team/
logging: { level: WARNING }
";

const LOCAL_TOML: &str = "
[Server]
HTTP_Addr = ':4443'
tls_cert_file = 'trust.crt'
tls_key_file = 'trust.key'
client_ca_file = 'clients.pem'
[trust_service]
type = 'local'
[storage]
backend = 'memory'
[caching.max_age]
current_metadata = 60
consistent_metadata = 600
[repositories]
gun_prefixes = ['docker.io/', 'registry.example/team/']
[logging]
level = 'warn'
";

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

    fn read(&self, variables: &[(&str, &str)]) -> Result<Read, ConfigError> {
        let variable = |name: &str| {
            variables.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value))
        };
        read(Program::Server, "--config", &self.path, &variable)
    }

    fn load(&self) -> Result<Effective, ConfigError> {
        Effective::load(&self.flags(), &|_| None)
    }

    fn flags(&self) -> Overrides {
        Overrides { config: Some(self.path.clone()), ..Overrides::default() }
    }

    /// The refusal of a start, with the file's directory cut off.
    fn refusal(&self) -> String {
        let Err(error) = self.load() else { panic!("it is accepted") };
        error.to_string().replace(&format!("{}/", self.dir.path().display()), "")
    }
}

/// `LOCAL` with one piece replaced.
fn local_with(piece: &str, by: &str) -> File {
    assert!(LOCAL.contains(piece));
    File::new("c.json", &LOCAL.replace(piece, by))
}

/// Checklist row C-200.
#[test]
fn a_file_of_notarys_is_read_as_it_stands() {
    let file = File::new("server-config.json", WITH_SIGNER);
    let Read { settings, config, .. } = file.read(&[]).unwrap();
    assert_eq!(settings.server.listen, "0.0.0.0:4443".parse().unwrap());
    let own = settings.tls.own().unwrap();
    assert_eq!(own.cert, file.dir.path().join("tls/trust.crt"));
    assert_eq!(own.key, Path::new("/etc/trust/trust.key"));
    assert!(!settings.tls.plain_http);
    assert_eq!(settings.keys.algorithm, ServerKeyAlgorithm::Ecdsa);
    assert_eq!(settings.log.level, Level::Debug);
    assert_eq!(settings.caching, Settings::default().caching);
    let address = "signer.internal:7899".to_owned();
    assert_eq!(config.signer, NotarySigner::Remote { address });
    let NotaryStorage::Database { engine, url } = &config.storage else { panic!("a database") };
    assert_eq!(*engine, Engine::MySql);
    let expected = "mysql://trust:planted-s3cret@db.internal:3306/trust?ssl-mode=DISABLED";
    assert_eq!(url.secret().expose_secret(), expected);
    assert!(!format!("{config:?}").contains("planted-s3cret"));
}

/// Checklist row C-200.
#[test]
fn yaml_and_toml_say_the_same_in_any_case_of_keys() {
    for (name, text) in [("c.yaml", LOCAL_YAML), ("c.yml", LOCAL_YAML), ("c.toml", LOCAL_TOML)] {
        let file = File::new(name, text);
        let settings = file.load().unwrap().settings;
        assert_eq!(settings.server.listen, "0.0.0.0:4443".parse().unwrap(), "{name}");
        assert_eq!(settings.tls.own().unwrap().cert, file.dir.path().join("trust.crt"), "{name}");
        assert_eq!(settings.tls.client_ca().unwrap(), file.dir.path().join("clients.pem"));
        assert_eq!(settings.caching.current_max_age, Duration::from_secs(60), "{name}");
        assert_eq!(settings.caching.consistent_max_age, Duration::from_secs(600), "{name}");
        let prefixes: Vec<&str> =
            settings.repositories.gun_prefixes.iter().map(|prefix| prefix.as_str()).collect();
        assert_eq!(prefixes, ["docker.io/", "registry.example/team/"], "{name}");
        assert_eq!(settings.log.level, Level::Warn, "{name}");
    }
}

#[test]
fn what_the_file_leaves_out_is_as_in_notary() {
    let settings = File::new("c.json", LOCAL).load().unwrap().settings;
    assert!(settings.tls.plain_http);
    assert_eq!(settings.log.level, Level::Error);
    assert_eq!(settings.keys.algorithm, ServerKeyAlgorithm::Ed25519);
    assert!(settings.repositories.gun_prefixes.is_empty());
}

/// Checklist row C-201.
#[test]
fn notarys_variables_win_over_its_file_and_need_no_key_in_it() {
    let file = File::new("c.json", LOCAL);
    let read = file.read(&[
        ("NOTARY_SERVER_SERVER_HTTP_ADDR", "127.0.0.1:5555"),
        ("NOTARY_SERVER_LOGGING_LEVEL", "debug"),
        ("NOTARY_SERVER_CACHING_MAX_AGE_CURRENT_METADATA", "7"),
        ("NOTARY_SERVER_REPOSITORIES_GUN_PREFIXES", "docker.io/ example.com/"),
        ("NOTARY_SERVER_SERVER_TLS_CERT_FILE", "a.crt"),
        ("NOTARY_SERVER_SERVER_TLS_KEY_FILE", "a.key"),
        ("NOTARY_SERVER_STORAGE_BACKEND", ""),
    ]);
    let Read { settings, origins, config } = read.unwrap();
    assert_eq!(settings.server.listen, "127.0.0.1:5555".parse().unwrap());
    assert_eq!(settings.log.level, Level::Debug);
    assert_eq!(settings.caching.current_max_age, Duration::from_secs(7));
    assert_eq!(settings.repositories.gun_prefixes.len(), 2);
    assert_eq!(settings.tls.own().unwrap().key, file.dir.path().join("a.key"));
    assert_eq!(config.storage, NotaryStorage::Memory);
    let origin = origins.get("server.listen").unwrap().to_string();
    assert_eq!(origin, "variable NOTARY_SERVER_SERVER_HTTP_ADDR");
    let error = file.read(&[("NOTARY_SERVER_SERVER_HTTP_ADDR", "nowhere")]).err().unwrap();
    assert!(error.to_string().starts_with("NOTARY_SERVER_SERVER_HTTP_ADDR: "), "{error}");
}

#[test]
fn notarys_variables_mean_nothing_without_its_file() {
    let variable = |name: &str| (name == "NOTARY_SERVER_SERVER_HTTP_ADDR").then(|| ":1".into());
    let settings = Settings::load(&Overrides::default(), &variable).unwrap();
    assert_eq!(settings, Settings::default());
}

#[test]
fn our_flags_win_over_notarys_file_and_a_certificate_ends_plain_http() {
    let file = File::new("c.json", LOCAL);
    let flags = Overrides {
        config: Some(file.path.clone()),
        listen: Some("127.0.0.1:1".to_owned()),
        tls_cert: Some("c".into()),
        tls_key: Some("k".into()),
        ..Overrides::default()
    };
    let settings = Effective::load(&flags, &|_| None).unwrap().settings;
    assert_eq!(settings.server.listen, "127.0.0.1:1".parse().unwrap());
    assert!(!settings.tls.plain_http);
}

/// What `auth.options` of Notary's own example has.
const TOKENS: &str = r#""auth": { "type": "token", "options": {
    "realm": "https://auth.example.com/token", "service": "trust.example.com",
    "issuer": "auth.example.com", "rootcertbundle": "certs/auth.pem" } }, "storage""#;

#[test]
fn tokens_are_taken_as_the_file_says_by_notarys_rules() {
    let settings = local_with("\"storage\"", TOKENS).load().unwrap().settings.access;
    let issuer = Issuer {
        issuer: "auth.example.com".to_owned(),
        // Not beside the file.
        root_cert_bundle: Some("certs/auth.pem".into()),
        like_notary: true,
        ..Issuer::default()
    };
    let expected = Access {
        realm: Some("https://auth.example.com/token".to_owned()),
        service: Some("trust.example.com".to_owned()),
        issuers: vec![issuer],
        ..Access::default()
    };
    assert_eq!(settings, expected);
    let redirected = TOKENS.replace("\"realm\"", "\"autoredirect\": true, \"realm\"");
    let settings = local_with("\"storage\"", &redirected).load().unwrap().settings.access;
    assert_eq!(settings, Access { autoredirect: true, ..expected });
}

#[test]
fn variables_over_the_section_of_tokens_count() {
    let file = local_with("\"storage\"", TOKENS);
    let read = file.read(&[
        ("NOTARY_SERVER_AUTH_OPTIONS_REALM", "https://other.example.com/token"),
        ("NOTARY_SERVER_AUTH_OPTIONS_ISSUER", "other"),
    ]);
    let access = read.unwrap().settings.access;
    assert_eq!(access.realm.as_deref(), Some("https://other.example.com/token"));
    assert_eq!(access.issuers[0].issuer, "other");
}

#[test]
fn access_rules_that_would_close_nothing_stop_the_start_wherever_they_are_written() {
    let options = r#""auth": { "options": { "realm": "r" } }, "storage""#;
    let other = r#""auth": { "type": "htpasswd" }, "storage""#;
    let misspelt = r#""AUTH": { "typ": "token" }, "storage""#;
    let odd = r#""auth": "token", "storage""#;
    for (by, expected) in [
        (options, "c.json: auth.options.realm: without auth.type it would close nothing"),
        (other, "c.json: auth.type: \"htpasswd\" is no type of access rules"),
        (misspelt, "c.json: auth.typ: without auth.type it would close nothing"),
        (odd, "c.json: auth: without auth.type it would close nothing"),
    ] {
        let error = local_with("\"storage\"", by).refusal();
        assert!(error.starts_with(expected), "{error}");
    }
    let by_variable = File::new("c.json", LOCAL).read(&[("NOTARY_SERVER_AUTH_TYPE", "none")]);
    let error = by_variable.err().unwrap().to_string();
    assert!(error.starts_with("NOTARY_SERVER_AUTH_TYPE: \"none\" is no type"), "{error}");
}

#[test]
fn every_option_of_tokens_but_one_is_needed() {
    for option in ["realm", "service", "issuer", "rootcertbundle"] {
        let without = TOKENS.replace(&format!("\"{option}\""), "\"forgotten\"");
        let error = local_with("\"storage\"", &without).refusal();
        let expected = format!("c.json: auth.options.{option}: it is not set");
        assert!(error.starts_with(&expected), "{error}");
    }
    let number = TOKENS.replace("\"trust.example.com\"", "7");
    let error = local_with("\"storage\"", &number).refusal();
    assert!(error.starts_with("c.json: auth.options.service: it is no text"), "{error}");
    let neither = TOKENS.replace("\"realm\"", "\"autoredirect\": \"perhaps\", \"realm\"");
    let error = local_with("\"storage\"", &neither).refusal();
    assert!(error.starts_with("c.json: auth.options.autoredirect: it is neither"), "{error}");
}

#[test]
fn an_empty_section_of_access_rules_is_none() {
    for by in [r#""auth": {}, "storage""#, r#""auth": { "type": "" }, "storage""#] {
        assert!(local_with("\"storage\"", by).load().is_ok(), "{by}");
    }
}

#[test]
fn a_remote_signer_is_asked_as_the_file_says() {
    let file = with_signer_on_postgres();
    let Effective { settings, notary, .. } = file.load().unwrap();
    let signer = settings.signer;
    assert_eq!(signer.address.as_ref().unwrap().to_string(), "signer.internal:7899");
    assert_eq!(signer.ca().unwrap(), file.dir.path().join("tls/ca.crt"));
    let shown = signer.shown().unwrap();
    assert_eq!(shown.cert, file.dir.path().join("tls/client.crt"));
    assert_eq!(shown.key, file.dir.path().join("tls/client.key"));
    assert_eq!(settings.keys.algorithm, ServerKeyAlgorithm::Ecdsa);
    let notes = notary.unwrap().notes.join("\n");
    assert!(!notes.contains("trust_service"), "{notes}");

    let flags = Overrides { signer: Some("other:7899".to_owned()), ..file.flags() };
    let Effective { settings, notary, .. } = Effective::load(&flags, &|_| None).unwrap();
    assert_eq!(settings.signer.address.unwrap().to_string(), "other:7899");
    let notes = notary.unwrap().notes.join("\n");
    assert!(notes.contains("trust_service has no effect: the signer of flag --signer"), "{notes}");
}

#[test]
fn a_signer_that_cannot_be_meant_is_refused_with_its_key() {
    for (piece, by, expected) in [
        ("\"7899\"", "\"grpc\"", "c.json: trust_service.port: \"grpc\" is no port"),
        ("\"7899\"", "0", "c.json: trust_service.port: \"0\" is no port"),
        (
            "\"signer.internal\"",
            "\"https://signer\"",
            "c.json: trust_service.hostname: \"https://signer\" is no name of a host",
        ),
        (
            "\"tls_client_key\": \"./tls/client.key\"",
            "\"other\": \"\"",
            "c.json: trust_service.tls_client_cert: it is set without trust_service.tls_client_key",
        ),
        (
            "\"tls_client_cert\": \"./tls/client.crt\",",
            "",
            "c.json: trust_service.tls_client_key: it is set without trust_service.tls_client_cert",
        ),
    ] {
        assert!(WITH_SIGNER.contains(piece));
        let error = File::new("c.json", &WITH_SIGNER.replace(piece, by)).refusal();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn a_signer_whose_keys_are_in_a_database_that_is_named_is_not_asked() {
    let file = with_signer_on_postgres();
    let keys = DatabaseUrl::from(SecretString::from("postgres://signer@h/notarysigner"));
    let flags = Overrides { keys_database: Some(keys.clone()), ..file.flags() };
    let Effective { settings, notary, .. } = Effective::load(&flags, &|_| None).unwrap();
    assert_eq!(settings.signer, crate::sections::signer::Signer::default());
    assert_eq!(settings.database.keys().unwrap(), Some(Location::Postgres(keys)));
    let Location::Postgres(url) = settings.database.metadata().unwrap() else { panic!("a server") };
    let expected = "postgres://u:planted-s3cret@h:5432/notaryserver?sslmode=require";
    assert_eq!(url.secret().expose_secret(), expected);
    let notes = notary.unwrap().notes.join("\n");
    assert!(
        notes.contains(
            "trust_service: the signer at signer.internal:7899 is not asked: its keys are taken \
             from the database of flag --keys-database"
        ),
        "{notes}"
    );
    assert!(!notes.contains("planted") && !notes.contains("data directory"), "{notes}");
}

fn with_signer_on_postgres() -> File {
    let of_mysql = "\"backend\": \"mysql\",
    \"db_url\": \"trust:planted-s3cret@tcp(db.internal:3306)/trust?parseTime=True\"";
    assert!(WITH_SIGNER.contains(of_mysql));
    let of_postgres = "\"backend\": \"postgres\",
    \"db_url\": \"host=h user=u password=planted-s3cret dbname=notaryserver\"";
    File::new("c.json", &WITH_SIGNER.replace(of_mysql, of_postgres))
}

/// What is said is what happens, also where flags and variables win over the file.
#[test]
fn the_notes_name_the_place_where_keys_and_metadata_are() {
    let of_postgres = r#""backend": "postgres", "db_url": "postgres://u@h/d?sslmode=verify-full""#;
    let url = |text: &str| Some(DatabaseUrl::from(SecretString::from(text)));
    let notes = |file: &File, database: Option<&str>, keys: Option<&str>| {
        let flags = Overrides {
            database: database.and_then(url),
            keys_database: keys.and_then(url),
            ..file.flags()
        };
        Effective::load(&flags, &|_| None).unwrap().notary.unwrap().notes.join("\n")
    };
    let memory = File::new("c.json", LOCAL);
    let postgres = local_with("\"backend\": \"memory\"", of_postgres);
    let said = notes(&memory, None, None);
    assert!(said.contains("sealed in the data directory"), "{said}");
    assert!(said.contains("metadata is kept in the data directory"), "{said}");
    let said = notes(&memory, Some("sqlite:x"), None);
    assert!(said.contains("sealed in the database of flag --database"), "{said}");
    assert!(said.contains("storage has no effect: metadata is in the database of flag"), "{said}");
    let said = notes(&postgres, None, None);
    assert!(said.contains("sealed in the database of storage.db_url"), "{said}");
    assert!(!said.contains("storage has no effect"), "{said}");
    let said = notes(&postgres, None, Some("sqlite:x"));
    assert!(said.contains("sealed in the database of flag --keys-database"), "{said}");
    let said = notes(&File::new("c.json", WITH_SIGNER), Some("sqlite:x"), Some("sqlite:y"));
    assert!(said.contains("storage has no effect: metadata is in the database of flag"), "{said}");
}

#[test]
fn a_misspelt_variable_of_notarys_is_advised_on() {
    let advice = |name: &str| advice_on_variable(&format!("NOTARY_SERVER_{name}"));
    assert_eq!(
        advice("SERVER_HTTP_ADR").unwrap(),
        "NOTARY_SERVER_SERVER_HTTP_ADR has no effect: did you mean NOTARY_SERVER_SERVER_HTTP_ADDR?"
    );
    assert!(advice("DB_URL").unwrap().contains("no key of Notary's"));
    for name in [
        "SERVER_HTTP_ADDR",
        "STORAGE_DB_URL",
        "REPOSITORIES_GUN_PREFIXES",
        "REPORTING_BUGSNAG_API_KEY",
        "AUTH_TYPE",
        "AUTH_OPTIONS_REALM",
        "PORT",
        "PORT_4443_TCP_ADDR",
        "SERVICE_HOST",
    ] {
        assert_eq!(advice(name), None, "{name}");
    }
    assert_eq!(advice_on_variable("NOTARY_SIGNER_A"), None);
}

#[test]
fn a_data_source_name_of_mysql_becomes_the_database() {
    let by = r#""backend": "mysql", "db_url": "u:planted-s3cret@tcp(db)/n?tls=true""#;
    let file = local_with("\"backend\": \"memory\"", by);
    let Effective { settings, notary, .. } = Effective::load(&file.flags(), &|_| None).unwrap();
    let Location::MySql(url) = settings.database.metadata().unwrap() else { panic!("a server") };
    let expected = "mysql://u:planted-s3cret@db:3306/n?ssl-mode=VERIFY_IDENTITY";
    assert_eq!(url.secret().expose_secret(), expected);
    let notes = notary.unwrap().notes.join("\n");
    assert!(notes.contains("sealed in the database of storage.db_url"), "{notes}");
    assert!(!notes.contains("planted"), "{notes}");
}

#[test]
fn a_database_that_the_file_names_stops_the_start_with_its_engine() {
    let by = r#""backend": "sqlite3", "db_url": "/var/planted-s3cret.db""#;
    let error = local_with("\"backend\": \"memory\"", by).refusal();
    let expected = "c.json: storage.backend: this version opens no SQLite database";
    assert!(error.starts_with(expected), "{error}");
    assert!(!error.contains("planted-s3cret"), "{error}");
}

/// Checklist row C-204.
#[test]
fn a_prefix_without_its_slash_at_the_end_is_refused() {
    let by = r#""repositories": { "gun_prefixes": ["a/", "docker.io"] }, "storage""#;
    assert_eq!(
        local_with("\"storage\"", by).refusal(),
        "c.json: repositories.gun_prefixes: invalid GUN prefix docker.io: write it with a slash at \
         the end, such as registry.example/"
    );
}

#[test]
fn each_wrong_value_is_named_with_file_key_cause_and_mend() {
    let check = |piece: &str, by: &str, expected: &str| {
        let error = local_with(piece, by).refusal();
        assert!(error.starts_with(&format!("c.json: {expected}")), "{error}");
    };
    let server = "\"http_addr\": \"127.0.0.1:4443\"";
    check(server, "", "server.http_addr: it is not set: write host and port");
    check("127.0.0.1:4443", "", "server.http_addr: it is not set: ");
    check("127.0.0.1:4443", "a.b:1", "server.http_addr: \"a.b:1\" names a host that is no IP");
    check(server, "\"grpc_addr\": \":7899\"", "server.grpc_addr: this is the configuration of");
    let half = |key: &str| format!("{server}, \"{key}\": \"x\"");
    check(server, &half("tls_cert_file"), "server.tls_cert_file: it is set without server.tls_key");
    check(server, &half("tls_key_file"), "server.tls_key_file: it is set without server.tls_cert");
    check(server, &half("client_ca_file"), "server.client_ca_file: it is set without server.tls");
    check("\"local\"", "\"Local\"", "trust_service.type: \"Local\" is no kind of trust service");
    check("\"local\"", "\"remote\"", "trust_service.hostname: it is not set");
    check("\"local\"", "[1]", "trust_service.type: it is no single value");
    check("\"memory\"", "\"oracle\"", "storage.backend: \"oracle\" is not a supported storage");
    check("\"memory\"", "\"rethinkdb\"", "storage.backend: countersign opens no RethinkDB");
    check("\"memory\"", "\"mysql\"", "storage.db_url: it is not set");
    let with = |section: &str| format!("{section}, \"storage\"");
    let storage = "\"storage\"";
    let caching = |value: &str| {
        with(&format!("\"caching\": {{ \"max_age\": {{ \"current_metadata\": {value} }} }}"))
    };
    for value in ["-1", "31536001", "\"soon\"", "1.5"] {
        check(storage, &caching(value), "caching.max_age.current_metadata: \"");
    }
    let level = with("\"logging\": { \"level\": \"loud\" }");
    check(storage, &level, "logging.level: \"loud\" is no level: write debug, info");
    let list = with("\"repositories\": { \"gun_prefixes\": [1] }");
    check(storage, &list, "repositories.gun_prefixes: it is no list of texts");
    let twice = with("\"Storage\": { \"Backend\": \"memory\" }");
    check(storage, &twice, "storage.backend: the key is there twice");
}

#[test]
fn an_rsa_key_of_the_signers_is_refused() {
    let file = File::new("c.json", &WITH_SIGNER.replace("\"ecdsa\"", "\"rsa\""));
    let expected = "c.json: trust_service.key_algorithm: invalid key algorithm configured: rsa: ";
    assert!(file.refusal().starts_with(expected));
}

#[test]
fn what_cannot_be_parsed_is_refused_by_file_without_showing_its_text() {
    for (name, text) in [
        ("c.json", "{ \"password\": planted-s3cret"),
        ("c.json", "[1]"),
        ("c.yaml", "password: [planted-s3cret"),
        ("c.yaml", "planted-s3cret"),
    ] {
        let error = File::new(name, text).refusal();
        assert!(error.starts_with(&format!("{name}: ")), "{error}");
        assert!(error.contains("mend the file") && error.lines().count() == 1, "{error}");
        assert!(!error.contains("planted-s3cret"), "{error}");
    }
}

#[test]
fn unknown_keys_and_those_without_counterpart_are_noted() {
    let by = r#""storge": 1, "reporting": { "bugsnag": { "api_key": "k" } },
        "server.tls_crt_file": "x", "storage""#;
    let notes = local_with("\"storage\"", by).load().unwrap().notary.unwrap().notes;
    let said = |text: &str| notes.iter().filter(|note| note.starts_with(text)).count();
    assert_eq!(said("reporting.bugsnag.api_key has no effect: nothing is reported to Bugsnag"), 1);
    assert_eq!(
        said("unknown key server.tls_crt_file has no effect: did you mean `server.tls_cert_file`?"),
        1
    );
    assert_eq!(said("unknown key storge has no effect: "), 1);
    assert_eq!(said("storage.backend memory: "), 1);
    assert_eq!(said("trust_service.type local: "), 1);
    assert_eq!(notes.len(), 5, "{notes:?}");
}

#[test]
fn what_is_changed_is_a_file_of_ours_that_says_the_same() {
    for (name, text) in [("c.yaml", LOCAL_YAML), ("c.json", LOCAL)] {
        let read = File::new(name, text).load().unwrap();
        let lines = read.changed(Path::new("/here")).unwrap();
        let toml: String = lines
            .iter()
            .map(|one| format!("{} = {}\n", one.key, one.value.as_ref().unwrap()))
            .collect();
        let again = File::new("ours.toml", &toml).load().unwrap();
        assert_eq!(again.notary, None);
        assert_eq!(again.settings, read.settings, "{toml}");
        assert!(!toml.contains("data_dir") && !toml.contains("limits"), "{toml}");
    }
}
