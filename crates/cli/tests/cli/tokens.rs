//! The real server with tokens of registries.

use std::fs;
use std::path::Path;

use countersign_forge::token_service::{CERTIFICATE_ENDS, TokenService};
use serde_json::{Value, json};

use crate::process::{DEADLINE, Server, countersign, empty_dir, refusal, run, start};

const OURS: &str = r#"
[server]
listen = "127.0.0.1:0"
[tls]
plain_http = true
[access]
realm = "https://auth.example.com/token"
service = "trust.example.com"
[[access.issuers]]
issuer = "auth.example.com"
root_cert_bundle = "auth.pem"
"#;

/// Notary's own configuration, asking for tokens.
const NOTARYS: &str = r#"{
  "server": { "http_addr": "127.0.0.1:0" },
  "trust_service": { "type": "local" },
  "storage": { "backend": "memory" },
  "logging": { "level": "info" },
  "auth": { "type": "token", "options": {
    "realm": "https://auth.example.com/token", "service": "trust.example.com",
    "issuer": "auth.example.com", "rootcertbundle": "auth.pem" } }
}"#;

fn trust(dir: &Path, services: &[&TokenService]) {
    let bundle: String = services.iter().map(|service| service.certificate_pem()).collect();
    fs::write(dir.join("auth.pem"), bundle).unwrap();
}

fn token(service: &TokenService, access: &Value) -> String {
    let claims = json!({
        "iss": "auth.example.com",
        "aud": "trust.example.com",
        "sub": "alice",
        "exp": CERTIFICATE_ENDS,
        "access": [access],
    });
    service.token(&json!({ "alg": "ES256", "jwk": service.jwk() }), &claims)
}

fn catalog() -> Value {
    json!({ "type": "registry", "name": "catalog", "actions": ["*"] })
}

/// Status and challenge of an answer over plain HTTP.
fn get(server: &Server, path: &str, token: Option<&str>) -> (u16, Option<String>) {
    let url = format!("http://{}{path}", server.address);
    rustls::crypto::ring::default_provider().install_default().ok();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().timeout(DEADLINE).build().unwrap();
        let mut request = client.get(url);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.unwrap();
        let challenge = answer.headers().get("www-authenticate");
        let challenge = challenge.map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), challenge)
    })
}

#[test]
fn tokens_are_asked_for_and_keys_roll_over_without_a_restart() {
    for (name, text) in [("ours.toml", OURS), ("notarys.json", NOTARYS)] {
        let dir = empty_dir();
        let (old, new) = (TokenService::new(), TokenService::new());
        fs::write(dir.path().join(name), text).unwrap();
        trust(dir.path(), &[&old]);
        let mut server = start(countersign(dir.path(), &["serve", "--config", name]));
        let (status, challenge) = get(&server, "/v2/", None);
        let expected = "Bearer realm=\"https://auth.example.com/token\",\
                        service=\"trust.example.com\",scope=\"registry:catalog:*\"";
        assert_eq!((status, challenge.as_deref()), (401, Some(expected)), "{name}");
        assert_eq!(get(&server, "/_notary_server/health", None).0, 200);
        let (by_old, by_new) = (token(&old, &catalog()), token(&new, &catalog()));
        let status = |server: &Server, token: &str| get(server, "/v2/", Some(token)).0;
        assert_eq!((status(&server, &by_old), status(&server, &by_new)), (200, 401), "{name}");
        trust(dir.path(), &[&old, &new]);
        server.wait_for_log("keys of tokens read again");
        assert_eq!((status(&server, &by_old), status(&server, &by_new)), (200, 200), "{name}");
        fs::write(dir.path().join("auth.pem"), "half-written").unwrap();
        server.wait_for_log("those in use stay");
        assert_eq!((status(&server, &by_old), status(&server, &by_new)), (200, 200), "{name}");
        trust(dir.path(), &[&new]);
        server.signal("HUP");
        server.wait_for_log("keys of tokens read again");
        assert_eq!((status(&server, &by_old), status(&server, &by_new)), (401, 200), "{name}");
        let said = server.stop().stdout;
        let line = "clients need a token of https://auth.example.com/token for trust.example.com";
        assert!(said.contains(line), "{said}");
    }
}

#[test]
fn a_refused_token_is_explained_in_the_log_and_shown_nowhere() {
    let dir = empty_dir();
    let (known, stranger) = (TokenService::new(), TokenService::new());
    fs::write(dir.path().join("ours.toml"), OURS).unwrap();
    trust(dir.path(), &[&known]);
    let mut command = countersign(dir.path(), &["serve", "--config", "ours.toml"]);
    command.args(["--log-level", "trace"]);
    let mut server = start(command);
    let (good, bad) = (token(&known, &catalog()), token(&stranger, &catalog()));
    assert_eq!(get(&server, "/v2/", Some(&good)).0, 200);
    assert_eq!(get(&server, "/v2/", Some(&bad)).0, 401);
    server.wait_for_log("none that is trusted for issuer auth.example.com");
    let ended = server.stop();
    for secret in [&good, &bad] {
        let signature = secret.rsplit('.').next().unwrap();
        assert!(!ended.stderr.contains(signature) && !ended.stdout.contains(signature));
    }
}

#[test]
fn keys_that_cannot_be_read_stop_the_start_and_config_check_says_so() {
    let dir = empty_dir();
    fs::write(dir.path().join("ours.toml"), OURS).unwrap();
    let check = || {
        for command in [["serve"].as_slice(), &["config", "check"]] {
            let mut command = countersign(dir.path(), command);
            command.args(["--config", "ours.toml"]);
            let (code, line) = refusal(command);
            assert_eq!(code, 7, "{line}");
            assert!(line.contains("auth.pem"), "{line}");
        }
    };
    check();
    fs::write(dir.path().join("auth.pem"), "no certificate").unwrap();
    check();
    trust(dir.path(), &[&TokenService::new()]);
    let checked = run(countersign(dir.path(), &["config", "check", "--config", "ours.toml"]));
    assert!(checked.stdout.contains("all is well"), "{}", checked.stderr);
}

#[test]
fn notarys_section_becomes_ours_with_its_rules() {
    let dir = empty_dir();
    fs::write(dir.path().join("notarys.json"), NOTARYS).unwrap();
    let convert = ["config", "convert", "--config", "notarys.json"];
    let converted = run(countersign(dir.path(), &convert)).stdout;
    assert!(converted.contains("like_notary = true"), "{converted}");
    fs::write(dir.path().join("converted.toml"), &converted).unwrap();
    let service = TokenService::new();
    trust(dir.path(), &[&service]);
    let server = start(countersign(dir.path(), &["serve", "--config", "converted.toml"]));
    assert_eq!(get(&server, "/v2/", Some(&token(&service, &catalog()))).0, 200);
    assert_eq!(get(&server, "/v2/", None).0, 401);
    server.stop();
}
