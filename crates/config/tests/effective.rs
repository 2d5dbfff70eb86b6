//! What is told about the settings that hold: all of them, with their origins, fit to be read back.
#![cfg(test)]

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use countersign_config::sections::database::Location;
use countersign_config::sections::log::Level;
use countersign_config::{
    ConfigError, DatabaseUrl, Effective, Listed, Origin, Overrides, Settings,
};
use secrecy::SecretString;

const HERE: &str = "/working/dir";

fn load(flags: &Overrides, variables: &[(&str, &str)]) -> Effective {
    let variable = |name: &str| {
        variables.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value))
    };
    Effective::load(flags, &variable).unwrap()
}

fn listed(effective: &Effective) -> Vec<Listed> {
    effective.listed(Path::new(HERE)).unwrap()
}

fn of<'a>(list: &'a [Listed], key: &str) -> &'a Listed {
    list.iter().find(|listed| listed.key == key).unwrap()
}

/// `section.key = value` for each setting that has a value.
fn as_toml(list: &[Listed]) -> String {
    let set = list.iter().filter_map(|l| Some(format!("{} = {}\n", l.key, l.value.as_ref()?)));
    set.collect()
}

#[test]
fn every_setting_of_the_page_is_listed() {
    let page = include_str!("../../../docs/settings.md");
    let list = listed(&load(&Overrides::default(), &[]));
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    // Variables of Notary's signer have a table of their own; settings have a section.
    let mut named: Vec<&str> = rows.map(|(key, _)| key).filter(|key| key.contains('.')).collect();
    let mut found: Vec<&str> = list.iter().map(|listed| listed.key.as_str()).collect();
    named.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, named);
}

#[test]
fn without_any_source_each_value_is_the_default_of_the_page() {
    let list = listed(&load(&Overrides::default(), &[]));
    assert!(list.iter().all(|listed| listed.from == Origin::Default));
    for (key, value) in [
        ("server.data_dir", "\"/working/dir/countersign-data\""),
        ("server.listen", "\"127.0.0.1:4443\""),
        ("server.hosts", "[]"),
        ("server.drain_seconds", "30"),
        ("keys.algorithm", "\"ecdsa\""),
        ("caching.consistent_max_age_seconds", "2592000"),
        ("limits.body_seconds", "600"),
        ("expiry.snapshot_hours", "26280"),
        ("log.level", "\"info\""),
        ("log.format", "\"auto\""),
    ] {
        assert_eq!(of(&list, key).value.as_ref().unwrap().to_string(), value, "{key}");
    }
    assert_eq!(of(&list, "tls.cert").value, None);
}

#[test]
fn what_is_listed_can_be_read_back_as_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let flags = Overrides {
        data_dir: Some("data".into()),
        hosts: vec!["trust.example.com".to_owned(), "192.0.2.7".to_owned()],
        tls_cert: Some("it's.crt".into()),
        tls_key: Some("/k".into()),
        log_level: Some("warn".to_owned()),
        ..Overrides::default()
    };
    let first = load(&flags, &[("COUNTERSIGN_KEY_PASSPHRASE_FILE", "secret")]);
    let path = dir.path().join("shown.toml");
    fs::write(&path, as_toml(&listed(&first))).unwrap();
    let config = Overrides { config: Some(path), ..Overrides::default() };
    let values = |effective: &Effective| -> Vec<_> {
        listed(effective).into_iter().map(|listed| (listed.key, listed.value)).collect()
    };
    assert_eq!(values(&load(&config, &[])), values(&first));
}

#[test]
fn each_source_is_named_with_what_set_the_value() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.toml");
    fs::write(&path, "[log]\nlevel = 'warn'\nformat = 'json'\n[server]\n\nlisten = '[::1]:1'\n")
        .unwrap();
    let flags = Overrides { log_level: Some("debug".to_owned()), ..Overrides::default() };
    let config = path.display().to_string();
    let effective =
        load(&flags, &[("COUNTERSIGN_CONFIG", &config), ("COUNTERSIGN_LOG_FORMAT", "human")]);
    assert_eq!(effective.file, Some((path.clone(), "COUNTERSIGN_CONFIG")));
    let list = listed(&effective);
    assert_eq!(of(&list, "log.level").from, Origin::Flag { name: "--log-level" });
    assert_eq!(of(&list, "log.format").from, Origin::Variable { name: "COUNTERSIGN_LOG_FORMAT" });
    assert_eq!(of(&list, "server.listen").from, Origin::File { path, line: 6 });
    assert_eq!(of(&list, "server.hosts").from, Origin::Default);
}

#[test]
fn every_variable_and_every_flag_is_the_origin_of_one_setting() {
    let variables = [
        ("COUNTERSIGN_DATA_DIR", "d"),
        ("COUNTERSIGN_DATABASE_URL", "postgres://u@h/d"),
        ("COUNTERSIGN_KEYS_DATABASE_URL", "postgres://u@h/k"),
        ("COUNTERSIGN_LISTEN", "0.0.0.0:443"),
        ("COUNTERSIGN_HOSTS", "a"),
        ("COUNTERSIGN_TLS_CERT", "c"),
        ("COUNTERSIGN_TLS_KEY", "k"),
        ("COUNTERSIGN_CLIENT_CA", "a"),
        ("COUNTERSIGN_SIGNER", "signer:7899"),
        ("COUNTERSIGN_SIGNER_CA", "b"),
        ("COUNTERSIGN_SIGNER_CERT", "e"),
        ("COUNTERSIGN_SIGNER_KEY", "f"),
        ("COUNTERSIGN_READ_ONLY", "true"),
        ("COUNTERSIGN_LOG_LEVEL", "debug"),
        ("COUNTERSIGN_LOG_FORMAT", "human"),
        ("COUNTERSIGN_KEY_PASSPHRASE_FILE", "p"),
    ];
    let list = listed(&load(&Overrides::default(), &variables));
    for (name, _) in variables {
        let is_named = |l: &&Listed| matches!(l.from, Origin::Variable { name: n } if n == name);
        assert_eq!(list.iter().filter(is_named).count(), 1, "{name}");
    }
    let flags = Overrides {
        config: None,
        data_dir: Some("d".into()),
        database: Some(DatabaseUrl::from(SecretString::from("postgres://u@h/d"))),
        keys_database: Some(DatabaseUrl::from(SecretString::from("postgres://u@h/k"))),
        listen: Some("0.0.0.0:443".to_owned()),
        hosts: vec!["a".to_owned()],
        tls_cert: Some("c".into()),
        tls_key: Some("k".into()),
        client_ca: Some("a".into()),
        signer: Some("signer:7899".to_owned()),
        signer_ca: Some("b".into()),
        signer_cert: Some("e".into()),
        signer_key: Some("f".into()),
        read_only: Some("true".to_owned()),
        log_level: Some("debug".to_owned()),
        log_format: Some("human".to_owned()),
    };
    let list = listed(&load(&flags, &[]));
    let by_flag = |l: &&Listed| matches!(l.from, Origin::Flag { .. });
    assert_eq!(list.iter().filter(by_flag).count(), 15);
}

#[test]
fn a_passphrase_in_the_environment_is_in_nothing_that_is_told() {
    let effective =
        load(&Overrides::default(), &[("COUNTERSIGN_KEY_PASSPHRASE", "planted-s3cret")]);
    let told = format!("{effective:?} {:?}", listed(&effective));
    assert!(!told.contains("planted-s3cret"), "{told}");
}

#[test]
fn a_password_of_a_database_is_in_nothing_that_is_told() {
    let url = "postgres://u:planted-s3cret@h/d";
    let effective = load(&Overrides::default(), &[("COUNTERSIGN_DATABASE_URL", url)]);
    let list = listed(&effective);
    assert_eq!(of(&list, "database.url").value, Some("postgres://u:***@h/d".into()));
    assert!(!format!("{effective:?} {list:?}").contains("planted-s3cret"));
}

#[test]
fn a_password_on_the_command_line_is_refused_without_being_told() {
    let url = |text: &str| Some(DatabaseUrl::from(SecretString::from(text)));
    let flags =
        Overrides { database: url("postgres://u:planted-s3cret@h/d"), ..Overrides::default() };
    let error = Settings::load(&flags, &|_| None).unwrap_err().to_string();
    assert!(error.starts_with("--database holds a password"), "{error}");
    assert!(error.contains("_FILE"), "{error}");
    let flags = Overrides {
        keys_database: url("postgres://u@h/d?password=planted-s3cret"),
        ..Overrides::default()
    };
    let error = Settings::load(&flags, &|_| None).unwrap_err().to_string();
    assert!(error.starts_with("--keys-database holds a password"), "{error}");
    assert!(!error.contains("planted-s3cret"), "{error}");
}

#[test]
fn the_url_of_a_database_may_be_in_a_file_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("url");
    std::fs::write(&path, "postgres://u:planted-s3cret@h/d\n").unwrap();
    let path = path.to_str().unwrap();
    let effective = load(&Overrides::default(), &[("COUNTERSIGN_DATABASE_URL_FILE", path)]);
    assert!(matches!(effective.settings.database.metadata(), Ok(Location::Postgres(_))));
    let listed = effective.listed(Path::new(HERE)).unwrap();
    let url = listed.iter().find(|one| one.key == "database.url").unwrap();
    assert_eq!(url.from.to_string(), "variable COUNTERSIGN_DATABASE_URL_FILE");
    let both = |name: &str| match name {
        "COUNTERSIGN_DATABASE_URL" => Some("sqlite:a.db".into()),
        "COUNTERSIGN_DATABASE_URL_FILE" => Some(path.into()),
        _ => None,
    };
    let refused = Settings::load(&Overrides::default(), &both);
    assert!(matches!(refused, Err(ConfigError::TwoSecrets { .. })), "{refused:?}");
}

#[test]
fn keys_are_in_the_same_database_unless_another_is_named() {
    let of = |variables: &[(&str, &str)]| {
        let database = load(&Overrides::default(), variables).settings.database;
        (database.metadata().unwrap(), database.keys().unwrap())
    };
    assert_eq!(of(&[]), (Location::DataDir, None));
    let (one, two) = (
        ("COUNTERSIGN_DATABASE_URL", "sqlite:/a.db"),
        ("COUNTERSIGN_KEYS_DATABASE_URL", "sqlite:/a.db"),
    );
    assert_eq!(of(&[one]), (Location::Sqlite("/a.db".into()), None));
    assert_eq!(of(&[one, two]), (Location::Sqlite("/a.db".into()), None));
    assert_eq!(of(&[two]), (Location::DataDir, Some(Location::Sqlite("/a.db".into()))));
}

#[test]
fn a_path_that_is_no_text_is_refused_with_a_mend() {
    use std::os::unix::ffi::OsStringExt as _;
    let data_dir = Some(OsString::from_vec(vec![0xff]).into());
    let flags = Overrides { data_dir, ..Overrides::default() };
    let error = load(&flags, &[]).listed(Path::new(HERE)).unwrap_err();
    assert!(matches!(error, ConfigError::Unshowable { .. }), "{error}");
    assert!(error.to_string().ends_with("use paths that are UTF-8"), "{error}");
    assert!(Settings::load(&flags, &|_| None).is_ok());
}

#[test]
fn levels_of_the_log_follow_one_another() {
    let all = [Level::Error, Level::Warn, Level::Info, Level::Debug, Level::Trace];
    for pair in all.windows(2) {
        assert_eq!((pair[0].more(), pair[1].less()), (Some(pair[1]), Some(pair[0])));
    }
    assert_eq!((Level::Error.less(), Level::Trace.more()), (None, None));
    for level in all {
        assert_eq!(level.as_str().parse(), Ok(level));
    }
}
