//! What the section `[access]` may say of tokens.
#![cfg(test)]

use std::fs;
use std::path::Path;
use std::time::Duration;

use countersign_config::sections::access::{Access, Issuer};
use countersign_config::{ConfigError, Effective, Overrides};

/// What the file with this text says, and a refusal without the file's directory.
fn load(text: &str) -> Result<Effective, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.toml");
    fs::write(&path, text).unwrap();
    let flags = Overrides { config: Some(path), ..Overrides::default() };
    let refusal = |error: ConfigError| {
        let text = error.to_string();
        assert_eq!(text.lines().count(), 1, "{text}");
        text.replace(&format!("{}/", dir.path().display()), "")
    };
    Effective::load(&flags, &|_| None).map_err(refusal)
}

const WHOLE: &str = r#"
[access]
realm = "https://auth.example.com/token"
service = "trust.example.com"
token_cache_bytes = 0

[[access.issuers]]
issuer = "auth.example.com"
root_cert_bundle = "/auth.pem"
like_notary = true

[[access.issuers]]
issuer = "https://gitlab.example.com"
audiences = ["a", "b"]
jwks_file = "/keys.json"
jwks_url = "https://gitlab.example.com/jwks"
jwks_ca = "/ca.pem"
jwks_refresh_seconds = 10
"#;

fn whole() -> Access {
    let first = Issuer {
        issuer: "auth.example.com".to_owned(),
        root_cert_bundle: Some("/auth.pem".into()),
        like_notary: true,
        ..Issuer::default()
    };
    let second = Issuer {
        issuer: "https://gitlab.example.com".to_owned(),
        audiences: vec!["a".to_owned(), "b".to_owned()],
        jwks_file: Some("/keys.json".into()),
        jwks_url: Some("https://gitlab.example.com/jwks".parse().unwrap()),
        jwks_ca: Some("/ca.pem".into()),
        jwks_refresh: Duration::from_secs(10),
        ..Issuer::default()
    };
    Access {
        realm: Some("https://auth.example.com/token".to_owned()),
        service: Some("trust.example.com".to_owned()),
        issuers: vec![first, second],
        token_cache_bytes: 0,
        ..Access::default()
    }
}

#[test]
fn without_the_section_no_token_is_asked_for() {
    let access = load("").unwrap().settings.access;
    assert_eq!(access, Access::default());
    assert!(access.issuers.is_empty() && access.token_cache_bytes == 8 << 20);
    assert_eq!(Issuer::default().jwks_refresh, Duration::from_secs(300));
}

#[test]
fn every_key_of_the_section_arrives() {
    assert_eq!(load(WHOLE).unwrap().settings.access, whole());
}

#[test]
fn what_is_listed_of_it_can_be_read_back() {
    let listed = load(WHOLE).unwrap().listed(Path::new("/here")).unwrap();
    let of_access = listed.iter().filter(|one| one.key.starts_with("access."));
    let lines =
        of_access.filter_map(|one| Some(format!("{} = {}\n", one.key, one.value.as_ref()?)));
    let text: String = lines.collect();
    assert_eq!(load(&text).unwrap().settings.access, whole(), "{text}");
}

#[test]
fn relative_files_are_beside_the_file_of_settings() {
    let relative = WHOLE.replace("\"/auth.pem\"", "\"auth.pem\"").replace("/ca.pem", "ca.pem");
    let issuers = load(&relative).unwrap().settings.access.issuers;
    for file in [issuers[0].root_cert_bundle.as_ref(), issuers[1].jwks_ca.as_ref()] {
        assert!(file.unwrap().is_absolute(), "{file:?}");
    }
}

#[test]
fn an_unknown_key_of_an_issuer_is_refused_with_its_line_and_the_nearest_right_one() {
    let misspelt = WHOLE.replace("jwks_url", "jwsk_url");
    let expected = "c.toml:16:1: unknown key `access.issuers.jwsk_url`: did you mean \
                    `access.issuers.jwks_url`?";
    assert_eq!(load(&misspelt).unwrap_err(), expected);
    let unlike = WHOLE.replace("jwks_url", "wallpaper_colour");
    let error = load(&unlike).unwrap_err();
    assert!(error.contains("the keys of [[access.issuers]] are issuer, audiences"), "{error}");
    let error = load("[access]\nissuers = ['auth']\n").unwrap_err();
    assert!(error.contains("`access.issuers` is a list of tables"), "{error}");
    let error = load("[access]\nissuer = 'auth'\n").unwrap_err();
    assert!(error.contains("did you mean `access.issuers`?"), "{error}");
}

#[test]
fn half_of_it_is_refused_since_it_would_let_in_everybody_or_nobody() {
    let without = |line: &str| {
        let kept: Vec<&str> = WHOLE.lines().filter(|one| !one.starts_with(line)).collect();
        load(&kept.join("\n")).unwrap_err()
    };
    assert!(without("realm").contains("access.realm is not set"));
    assert!(without("service").contains("access.service is not set"));
    assert!(without("issuer =").contains("table 1: `issuer` is not set"));
    assert!(without("root_cert_bundle").contains("\"auth.example.com\" has no keys"));
    assert!(without("jwks_url").contains("`jwks_ca` goes with `jwks_url`"));
    for alone in ["realm = 'https://x'", "service = 'x'", "autoredirect = true"] {
        let error = load(&format!("[access]\n{alone}\n")).unwrap_err();
        assert!(error.contains("no token would be asked for"), "{alone}: {error}");
    }
    let redirected =
        WHOLE.replace("realm = \"https://auth.example.com/token\"", "autoredirect = true");
    assert!(load(&redirected).is_ok());
}

#[test]
fn what_does_not_fit_together_in_an_issuer_is_refused() {
    let with = |from: &str, to: &str| load(&WHOLE.replace(from, to)).unwrap_err();
    let twice = with("https://gitlab.example.com\"\na", "auth.example.com\"\na");
    assert!(twice.contains("table 2: \"auth.example.com\" is there twice"), "{twice}");
    let strict = with("audiences", "like_notary = true\naudiences");
    assert!(strict.contains("`like_notary` goes with"), "{strict}");
    let empty = with("[\"a\", \"b\"]", "[\"a\", \"\"]");
    assert!(empty.contains("an audience is empty"), "{empty}");
    let http = with("https://gitlab.example.com/jwks", "http://gitlab.example.com/jwks");
    assert!(http.starts_with("c.toml:16:12: access.issuers.jwks_url = "), "{http}");
    assert!(http.contains("begins with https://"), "{http}");
    let short = with("jwks_refresh_seconds = 10", "jwks_refresh_seconds = 9");
    assert!(short.contains("a whole number of seconds from 10 to 86400"), "{short}");
}
