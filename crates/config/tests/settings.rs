//! What holds when file, environment and flags speak, and what is refused.
#![cfg(test)]

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use countersign_config::sections::limits::Limits;
use countersign_config::sections::log::{Format, Level};
use countersign_config::sections::tls::{ClientCertificates, ClientNameIn};
use countersign_config::{ConfigError, Overrides, Settings};
use countersign_tuf::keys::ServerKeyAlgorithm;
use tempfile::TempDir;

/// A directory with one file of settings in it.
struct File {
    dir: TempDir,
    path: PathBuf,
}

impl File {
    fn new(text: &str) -> Self {
        Self::named("countersign.toml", text)
    }

    fn named(name: &str, text: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        Self { dir, path }
    }

    fn load(&self) -> Result<Settings, ConfigError> {
        let flags = Overrides { config: Some(self.path.clone()), ..Overrides::default() };
        Settings::load(&flags, &|_| None)
    }

    /// The refusal, with the file's directory cut off.
    fn refusal(&self) -> String {
        let text = self.load().unwrap_err().to_string();
        assert_eq!(text.lines().count(), 1, "{text}");
        text.replace(&format!("{}/", self.dir.path().display()), "")
    }
}

fn load(flags: &Overrides, variables: &[(&str, &str)]) -> Result<Settings, ConfigError> {
    let variable = |name: &str| {
        variables.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value))
    };
    Settings::load(flags, &variable)
}

fn check_refused(text: &str, expected: &str) {
    assert_eq!(File::new(text).refusal(), expected);
}

#[test]
fn without_any_source_the_defaults_hold() {
    let settings = load(&Overrides::default(), &[]).unwrap();
    assert_eq!(settings.server.data_dir(), Path::new("countersign-data"));
    assert_eq!(settings.server.listen.to_string(), "127.0.0.1:4443");
    assert_eq!(settings.server.hosts, []);
    assert!(!settings.server.read_only);
    assert_eq!(settings.server.handover, Duration::ZERO);
    assert_eq!(settings.server.drain, Duration::from_secs(30));
    assert_eq!(settings.tls.own(), None);
    assert_eq!(settings.tls.client_ca(), None);
    assert_eq!(settings.tls.client_certificates, ClientCertificates::Required);
    assert_eq!(settings.tls.client_name, ClientNameIn::CommonName);
    assert_eq!(settings.access.rules, None);
    assert_eq!(settings.keys.algorithm, ServerKeyAlgorithm::Ecdsa);
    assert!(settings.signing.clients.is_empty() && !settings.signing.require_gun);
    assert_eq!(settings.database.connections, 8);
    assert_eq!(settings.database.wait, Duration::from_secs(5));
    assert_eq!(settings.database.statement, Duration::from_secs(10));
    assert_eq!(settings.caching.current_max_age, Duration::from_secs(300));
    assert_eq!(settings.caching.consistent_max_age, Duration::from_secs(30 * 86_400));
    assert_eq!(settings.caching.body_bytes, 64 << 20);
    assert_eq!(settings.expiry.timestamp, Duration::from_secs(14 * 86_400));
    assert_eq!(settings.expiry.snapshot, Duration::from_secs(3 * 365 * 86_400));
    assert_eq!(settings.retention.interval, Duration::ZERO);
    assert_eq!(settings.retention.keep_versions, 2);
    assert_eq!(settings.retention.keep_days, 30);
    assert_eq!(settings.retention.changefeed_days, 0);
    assert!(!settings.clock.allow_backwards);
    assert_eq!(settings.log.level, Level::Info);
    assert_eq!(settings.log.format, Format::Auto);
    assert_eq!(settings.audit.file, None);
    assert_eq!(settings.audit.replica, None);
    assert_eq!(settings.audit.max_bytes, 0);
    assert_eq!(settings.audit.keep_files, 10);
    assert!(!settings.audit.sync);
    assert_eq!(settings.audit.refusals_per_second, 10);
}

const EVERY_KEY: &str = r#"
[server]
data_dir = "/data"
listen = "[::1]:0"
hosts = ["trust.example.com", "192.0.2.7"]
read_only = true
handover_seconds = 4
drain_seconds = 5
trusted_hops = 2
[tls]
cert = "/tls/cert.pem"
key = "/tls/key.pem"
client_ca = "/tls/clients.pem"
client_certificates = "optional"
client_crl = "/tls/revoked.crl"
client_name = "email"
[access]
rules = "/etc/rules.toml"
[database]
connections = 24
wait_seconds = 25
statement_seconds = 26
[keys]
algorithm = "ed25519"
passphrase_file = "/run/secrets/passphrase"
[signing]
clients = ["b", "a"]
require_gun = true
[pkcs11]
module = "/lib/module.so"
token = "hsm"
pin_file = "/run/secrets/pin"
sessions = 30
[caching]
current_max_age_seconds = 0
consistent_max_age_seconds = 31536000
body_bytes = 0
[limits]
body_bytes = 1000
body_seconds = 1
body_pause_seconds = 2
connections = 3
first_request_seconds = 4
handshake_seconds = 5
idle_seconds = 6
streams = 7
part_header_bytes = 800
part_bytes = 900
parts = 10
changes = 11
head_bytes = 8193
json_depth = 12
json_values = 1300
key_burst = 14
keys = 15
keys_per_second = 16
pending_keys = 17
roles = 18
signatures = 19
version_step = 0
address_request_burst = 20
address_requests_per_minute = 21
user_request_burst = 22
user_requests_per_minute = 23
[expiry]
timestamp_hours = 1
snapshot_hours = 2
[retention]
interval_seconds = 20
keep_versions = 21
keep_days = 22
changefeed_days = 23
[clock]
allow_backwards = true
[log]
level = "trace"
format = "json"
[audit]
file = "/logs/audit.log"
replica = "trust-1"
max_bytes = 27
keep_files = 28
sync = true
refusals_per_second = 29
"#;

#[test]
fn every_key_of_the_file_arrives() {
    let settings = File::new(EVERY_KEY).load().unwrap();
    assert_eq!(settings.server.data_dir(), Path::new("/data"));
    assert_eq!(settings.server.listen.to_string(), "[::1]:0");
    let hosts: Vec<_> = settings.server.hosts.iter().map(|host| host.as_str()).collect();
    assert_eq!(hosts, ["trust.example.com", "192.0.2.7"]);
    assert!(settings.server.read_only);
    assert_eq!(settings.server.handover, Duration::from_secs(4));
    assert_eq!(settings.server.drain, Duration::from_secs(5));
    let own = settings.tls.own().unwrap();
    assert_eq!((own.cert, own.key), (Path::new("/tls/cert.pem"), Path::new("/tls/key.pem")));
    assert_eq!(settings.tls.client_ca(), Some(Path::new("/tls/clients.pem")));
    assert_eq!(settings.tls.client_certificates, ClientCertificates::Optional);
    assert_eq!(settings.tls.client_crl(), Some(Path::new("/tls/revoked.crl")));
    assert_eq!(settings.tls.client_name, ClientNameIn::Email);
    assert_eq!(settings.access.rules, Some("/etc/rules.toml".into()));
    assert_eq!(settings.keys.algorithm, ServerKeyAlgorithm::Ed25519);
    assert_eq!(settings.keys.passphrase_file, Some("/run/secrets/passphrase".into()));
    let clients = ["a", "b"].map(str::to_owned);
    assert_eq!(settings.signing.clients, clients.into());
    assert!(settings.signing.require_gun);
    let token = settings.pkcs11.configured().unwrap();
    assert_eq!((token.module, token.label), (Path::new("/lib/module.so"), "hsm"));
    assert_eq!(token.sessions, 30);
    assert_eq!(settings.pkcs11.pin_file(), Some(Path::new("/run/secrets/pin")));
    assert_eq!(settings.server.trusted_hops, 2);
    assert_eq!(settings.database.connections, 24);
    assert_eq!(settings.database.wait, Duration::from_secs(25));
    assert_eq!(settings.database.statement, Duration::from_secs(26));
    assert_eq!(settings.caching.current_max_age, Duration::ZERO);
    assert_eq!(settings.caching.consistent_max_age, Duration::from_secs(31_536_000));
    assert_eq!(settings.caching.body_bytes, 0);
    assert_eq!(settings.expiry.timestamp, Duration::from_secs(3600));
    assert_eq!(settings.expiry.snapshot, Duration::from_secs(7200));
    assert_eq!(settings.retention.interval, Duration::from_secs(20));
    assert_eq!(settings.retention.keep_versions, 21);
    assert_eq!(settings.retention.keep_days, 22);
    assert_eq!(settings.retention.changefeed_days, 23);
    assert_eq!(settings.audit.file, Some("/logs/audit.log".into()));
    assert_eq!(settings.audit.replica.as_deref(), Some("trust-1"));
    assert_eq!(settings.audit.max_bytes, 27);
    assert_eq!(settings.audit.keep_files, 28);
    assert!(settings.audit.sync);
    assert_eq!(settings.audit.refusals_per_second, 29);
    assert!(settings.clock.allow_backwards);
    assert_eq!(settings.log.level, Level::Trace);
    assert_eq!(settings.log.format, Format::Json);
}

#[test]
fn every_limit_of_the_file_arrives() {
    let settings = File::new(EVERY_KEY).load().unwrap();
    let limits = Limits {
        body_bytes: 1000,
        body_time: Duration::from_secs(1),
        body_pause: Duration::from_secs(2),
        connections: 3,
        first_request: Duration::from_secs(4),
        handshake: Duration::from_secs(5),
        idle: Duration::from_secs(6),
        streams: 7,
        part_header_bytes: 800,
        part_bytes: 900,
        parts: 10,
        changes: 11,
        head_bytes: 8193,
        json_depth: 12,
        json_values: 1300,
        key_burst: 14,
        keys: 15,
        keys_per_second: 16,
        pending_keys: 17,
        roles: 18,
        signatures: 19,
        version_step: 0,
        address_request_burst: 20,
        address_requests_per_minute: 21,
        user_request_burst: 22,
        user_requests_per_minute: 23,
    };
    assert_eq!(settings.limits, limits);
}

#[test]
fn relative_paths_of_the_file_start_at_its_directory() {
    let file = File::new(
        "server.data_dir = 'data'\ntls.cert = 'c'\ntls.key = 'k'\ntls.client_ca = 'a'\n\
         tls.client_crl = 'l'\naccess.rules = 'r'\nkeys.passphrase_file = 'p'\n\
         pkcs11.module = 'm'\npkcs11.token = 't'\npkcs11.pin_file = 'q'\n",
    );
    let settings = file.load().unwrap();
    let base = file.dir.path();
    assert_eq!(settings.server.data_dir(), base.join("data"));
    let own = settings.tls.own().unwrap();
    assert_eq!((own.cert, own.key), (&*base.join("c"), &*base.join("k")));
    assert_eq!(settings.tls.client_ca(), Some(&*base.join("a")));
    assert_eq!(settings.tls.client_crl(), Some(&*base.join("l")));
    assert_eq!(settings.access.rules, Some(base.join("r")));
    assert_eq!(settings.keys.passphrase_file, Some(base.join("p")));
    assert_eq!(settings.pkcs11.configured().unwrap().module, base.join("m"));
    assert_eq!(settings.pkcs11.pin_file(), Some(&*base.join("q")));
}

#[test]
fn flags_win_over_variables_and_those_over_the_file() {
    let file =
        File::new("[server]\nlisten = '127.0.0.1:1'\nhosts = ['file']\n[log]\nlevel = 'error'\n");
    let config = file.path.display().to_string();
    let variables = [
        ("COUNTERSIGN_CONFIG", config.as_str()),
        ("COUNTERSIGN_LISTEN", "127.0.0.1:2"),
        ("COUNTERSIGN_HOSTS", "env-a, env-b"),
    ];
    let settings = load(&Overrides::default(), &variables).unwrap();
    assert_eq!(settings.server.listen.port(), 2);
    let hosts: Vec<_> = settings.server.hosts.iter().map(|host| host.as_str()).collect();
    assert_eq!(hosts, ["env-a", "env-b"]);
    assert_eq!(settings.log.level, Level::Error);

    let flags = Overrides {
        listen: Some("127.0.0.1:3".to_owned()),
        hosts: vec!["flag".to_owned()],
        ..Overrides::default()
    };
    let settings = load(&flags, &variables).unwrap();
    assert_eq!(settings.server.listen.port(), 3);
    let hosts: Vec<_> = settings.server.hosts.iter().map(|host| host.as_str()).collect();
    assert_eq!(hosts, ["flag"]);
}

#[test]
fn every_variable_arrives() {
    let settings = load(
        &Overrides::default(),
        &[
            ("COUNTERSIGN_DATA_DIR", "relative/data"),
            ("COUNTERSIGN_LISTEN", "0.0.0.0:443"),
            ("COUNTERSIGN_HOSTS", "a,b"),
            ("COUNTERSIGN_TLS_CERT", "c"),
            ("COUNTERSIGN_TLS_KEY", "k"),
            ("COUNTERSIGN_CLIENT_CA", "a"),
            ("COUNTERSIGN_LOG_LEVEL", "debug"),
            ("COUNTERSIGN_LOG_FORMAT", "human"),
        ],
    )
    .unwrap();
    assert_eq!(settings.server.data_dir(), Path::new("relative/data"));
    assert_eq!(settings.server.listen.to_string(), "0.0.0.0:443");
    assert_eq!(settings.server.hosts.len(), 2);
    let own = settings.tls.own().unwrap();
    assert_eq!((own.cert, own.key), (Path::new("c"), Path::new("k")));
    assert_eq!(settings.tls.client_ca(), Some(Path::new("a")));
    assert_eq!(settings.log.level, Level::Debug);
    assert_eq!(settings.log.format, Format::Human);
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    let tls = ["TLS_CERT", "TLS_KEY", "CLIENT_CA"];
    let names = ["CONFIG", "DATA_DIR", "LISTEN", "HOSTS", "LOG_LEVEL"].into_iter().chain(tls);
    let names: Vec<String> = names.map(|name| format!("COUNTERSIGN_{name}")).collect();
    let variables: Vec<_> = names.iter().map(|name| (name.as_str(), "")).collect();
    assert_eq!(load(&Overrides::default(), &variables).unwrap(), Settings::default());
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_right_one() {
    check_refused(
        "[tls]\ncert_flie = 'x'\n",
        "countersign.toml:2:1: unknown key `tls.cert_flie`: the keys of [tls] are cert, \
         key, client_ca, client_certificates, client_crl, client_name, plain_http",
    );
    check_refused(
        "[server]\nlisten = '127.0.0.1:1'\n  data_dri = 'x'\n",
        "countersign.toml:3:3: unknown key `server.data_dri`: did you mean `server.data_dir`?",
    );
    check_refused(
        "listen = '127.0.0.1:1'\n",
        "countersign.toml:1:1: unknown key `listen`: did you mean `server.listen`?",
    );
    check_refused(
        "[cachign]\n",
        "countersign.toml:1:2: unknown key `cachign`: the sections are server, tls, access, tokens, \
         repositories, database, keys, signing, signer, pkcs11, caching, limits, expiry, retention, clock, log, \
         audit",
    );
}

#[test]
fn a_section_that_is_no_table_is_refused() {
    check_refused(
        "caching = [1, 2]\n",
        "countersign.toml:1:1: `caching` is a section: write its keys below a line [caching]",
    );
}

#[test]
fn a_bound_of_the_database_outside_its_range_is_refused_with_the_range() {
    check_refused(
        "database.connections = 0\n",
        "countersign.toml:1:24: database.connections = 0: invalid value: integer `0`, expected a \
         whole number from 1 to 1000",
    );
    check_refused(
        "[database]\nwait_seconds = 61\n",
        "countersign.toml:2:16: database.wait_seconds = 61: invalid value: integer `61`, expected \
         a whole number of seconds from 2 to 60",
    );
    check_refused(
        "[database]\nstatement_seconds = 0\n",
        "countersign.toml:2:21: database.statement_seconds = 0: invalid value: integer `0`, \
         expected a whole number of seconds from 1 to 600",
    );
}

#[test]
fn a_value_that_cannot_be_is_refused_with_place_key_value_and_mend() {
    check_refused(
        "[limits]\nbody_bytes = '5'\n",
        "countersign.toml:2:14: limits.body_bytes = '5': invalid type: string \"5\", expected a \
         whole number of bytes from 1 to 1073741824",
    );
    check_refused(
        "limits.parts = 0\n",
        "countersign.toml:1:16: limits.parts = 0: invalid value: integer `0`, expected a whole \
         number from 1 to 100000",
    );
    check_refused(
        "limits.json_depth = 128\n",
        "countersign.toml:1:21: limits.json_depth = 128: invalid value: integer `128`, expected a \
         whole number from 8 to 127",
    );
    check_refused(
        "[caching]\ncurrent_max_age_seconds = 31536001\n",
        "countersign.toml:2:27: caching.current_max_age_seconds = 31536001: invalid value: integer \
         `31536001`, expected a whole number of seconds from 0 to 31536000",
    );
    check_refused(
        "[expiry]\ntimestamp_hours = -1\n",
        "countersign.toml:2:19: expiry.timestamp_hours = -1: invalid value: integer `-1`, \
         expected a whole number of hours from 1 to 87600",
    );
    check_refused(
        "[server]\nlisten = '4443'\n",
        "countersign.toml:2:10: server.listen = '4443': write an IP address and a port, such as \
         127.0.0.1:4443, 0.0.0.0:4443 or [::1]:4443",
    );
    check_refused(
        "[server]\nhosts = ['a', 'https://b']\n",
        "countersign.toml:2:9: server.hosts = ['a', 'https://b']: write a DNS name such as \
         trust.example.com or an IP address, without scheme and port",
    );
    check_refused(
        "[keys]\nalgorithm = 'rsa'\n",
        "countersign.toml:2:13: keys.algorithm = 'rsa': write ecdsa or ed25519",
    );
    check_refused(
        "[log]\nlevel = 'loud'\n",
        "countersign.toml:2:9: log.level = 'loud': write error, warn, info, debug or trace",
    );
    check_refused(
        "[log]\nformat = 'xml'\n",
        "countersign.toml:2:10: log.format = 'xml': write auto, human or json",
    );
}

#[test]
fn a_bad_override_is_refused_by_its_own_name() {
    let flags = Overrides { listen: Some("4443".to_owned()), ..Overrides::default() };
    let error = load(&flags, &[]).unwrap_err().to_string();
    assert!(error.starts_with("--listen = \"4443\": write an IP address and a port"), "{error}");
    let error = load(&Overrides::default(), &[("COUNTERSIGN_LOG_LEVEL", "loud")]);
    assert_eq!(
        error.unwrap_err().to_string(),
        "COUNTERSIGN_LOG_LEVEL = \"loud\": write error, warn, info, debug or trace"
    );
    let flags = Overrides { data_dir: Some(PathBuf::new()), ..Overrides::default() };
    let error = load(&flags, &[]).unwrap_err().to_string();
    assert_eq!(error, "--data-dir = \"\": write a path, or leave it out");
}

#[test]
fn a_certificate_without_its_key_is_refused_and_the_key_may_come_from_elsewhere() {
    let flags = Overrides { tls_cert: Some("c".into()), ..Overrides::default() };
    let error = load(&flags, &[]).unwrap_err().to_string();
    assert!(error.starts_with("the certificate (--tls-cert"), "{error}");
    assert!(load(&flags, &[("COUNTERSIGN_TLS_KEY", "k")]).is_ok());
}

#[test]
fn what_is_no_toml_is_refused_with_its_place() {
    let error = File::new("[server]\nlisten = \n").refusal();
    assert!(error.starts_with("countersign.toml:2:"), "{error}");
    assert!(error.ends_with("mend the line; the file must be TOML"), "{error}");
}

#[test]
fn notarys_file_is_known_by_its_name_and_its_keys() {
    for (name, text) in [
        ("server-config.json", "{}"),
        ("config.yaml", "server: {}"),
        ("config.YML", "server: {}"),
        ("a.toml", "[logging]\n[trust_service]\n"),
        ("b.toml", "[SERVER]\nHTTP_addr = ''\n"),
    ] {
        let error = File::named(name, text).refusal();
        assert!(
            error.starts_with(&format!("{name}: trust_service.type: it is not set")),
            "{error}"
        );
    }
    let signers = File::named("c.toml", "[Server]\nGRPC_addr = ':7899'\n").refusal();
    assert!(signers.starts_with("c.toml: server.grpc_addr: this is the conf"), "{signers}");
}

#[test]
fn json_under_another_name_is_refused_with_the_mend() {
    let error = File::named("notary.conf", "{\"server\": {}}").refusal();
    assert!(error.starts_with("notary.conf: the file is JSON: "), "{error}");
}

#[test]
fn gun_prefixes_are_read_and_one_without_its_slash_is_refused() {
    let settings = File::new("[repositories]\ngun_prefixes = ['a/', 'b/c/']\n").load().unwrap();
    let prefixes: Vec<&str> =
        settings.repositories.gun_prefixes.iter().map(|prefix| prefix.as_str()).collect();
    assert_eq!(prefixes, ["a/", "b/c/"]);
    let error = File::new("[repositories]\ngun_prefixes = ['a']\n").refusal();
    assert!(error.starts_with("countersign.toml:2:"), "{error}");
    assert!(error.contains("write it with a slash at the end"), "{error}");
}

#[test]
fn plain_http_excludes_the_files_of_tls_unless_they_come_from_elsewhere() {
    let file = File::new("[tls]\nplain_http = true\n");
    assert!(file.load().unwrap().tls.plain_http);
    let with_ca = File::new("[tls]\nplain_http = true\nclient_ca = 'c'\n").refusal();
    let with_cert = File::new("[tls]\nplain_http = true\ncert = 'c'\nkey = 'k'\n").refusal();
    for error in [with_ca, with_cert] {
        assert!(error.starts_with("plain HTTP (tls.plain_http, "), "{error}");
    }
    let flags = Overrides { config: Some(file.path.clone()), ..Overrides::default() };
    let settings =
        load(&flags, &[("COUNTERSIGN_TLS_CERT", "c"), ("COUNTERSIGN_TLS_KEY", "k")]).unwrap();
    assert!(!settings.tls.plain_http);
}

#[test]
fn a_file_that_is_not_there_is_named_with_what_names_it() {
    let error = load(&Overrides::default(), &[("COUNTERSIGN_CONFIG", "/nowhere.toml")]);
    let error = error.unwrap_err().to_string();
    assert!(error.starts_with("/nowhere.toml (COUNTERSIGN_CONFIG) cannot be read: "), "{error}");
}

#[test]
fn a_planted_secret_is_in_no_debug_output() {
    const SECRET: &str = "planted-s3cret";
    let file = File::new(&format!("[keys]\npassphrase = '{SECRET}'\n"));
    let unknown = file.load().unwrap_err();
    assert!(unknown.to_string().contains("did you mean `keys.passphrase_file`?"), "{unknown}");
    let section = File::new(&format!("keys = '{SECRET}'\n")).load().unwrap_err();
    let not_toml = File::new(&format!("[keys]\npassphrase = {SECRET}'\n")).load().unwrap_err();
    let plain = File::new(&format!("passphrase_file = '{SECRET}'\n")).load().unwrap_err();

    let secret = tempfile::NamedTempFile::new().unwrap();
    fs::write(secret.path(), SECRET).unwrap();
    let given = File::new(&format!("keys.passphrase_file = {:?}\n", secret.path()));
    let settings = given.load().unwrap();
    let passphrase = settings.keys.passphrase(&|_| None).unwrap().unwrap();
    let by_variable = settings
        .keys
        .passphrase(&|name| (name == "COUNTERSIGN_KEY_PASSPHRASE").then(|| SECRET.into()));
    let both = settings.keys.passphrase(&|_| Some(SECRET.into())).unwrap_err();

    for debug in [
        format!("{unknown:?} {unknown}"),
        format!("{section:?} {section}"),
        format!("{not_toml:?} {not_toml}"),
        format!("{plain:?} {plain}"),
        format!("{settings:?}"),
        format!("{passphrase:?}"),
        format!("{by_variable:?}"),
        format!("{both:?} {both}"),
    ] {
        assert!(!debug.contains(SECRET), "{debug}");
    }
}

#[test]
fn what_is_said_of_client_certificates_needs_their_authority() {
    for (line, key) in [
        ("client_certificates = 'optional'", "tls.client_certificates"),
        ("client_crl = 'r'", "tls.client_crl"),
        ("client_name = 'dns'", "tls.client_name"),
    ] {
        let error = File::new(&format!("[tls]\n{line}\n")).refusal();
        assert!(error.starts_with(&format!("{key} is set, and clients are asked")), "{error}");
        assert!(error.contains("--client-ca"), "{error}");
        let whole = File::new(&format!("[tls]\nclient_ca = 'c'\n{line}\n"));
        whole.load().unwrap();
    }
}

#[test]
fn a_word_that_is_no_choice_about_client_certificates_is_refused_with_the_words_there_are() {
    for (line, mend) in [
        ("client_certificates = 'none'", "write required or optional"),
        ("client_name = 'cn'", "write common-name, dns, email or uri"),
    ] {
        let error = File::new(&format!("[tls]\nclient_ca = 'c'\n{line}\n")).refusal();
        assert!(error.ends_with(mend), "{error}");
    }
}
