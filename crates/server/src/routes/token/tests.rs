//! Requests for tokens through the whole router. What clients ask and read is from the token
//! specifications of docker/distribution.

mod audited;
mod guesses;
mod oauth;
mod rules;
mod secrets;

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use countersign_access::issue::{Names, TokenKey};
use countersign_access::users::{Format, Password, PasswordHash, Users};
use countersign_trust::SystemClock;
use serde_json::{Value, json};

use super::*;
use crate::app::{App, Service};
use crate::limits::Limits;
use crate::testing::{Answer, BrokenStore, broken, broken_trust, get, now, send, settings};
use crate::token_service::{GuessLimits, TokenServiceSettings};

/// Hashes by bcrypt of cost 5, as published by Openwall.
const HASH: &str = "$2y$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK";
const OTHER_HASH: &str = "$2b$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui";
/// The password of [`HASH`].
const RIGHT: &str = "U*U*";

const NO_USER: &str = "{\"errors\":[{\"code\":\"UNAUTHORIZED\",\"message\":\"incorrect user name or password\",\"detail\":null}],\"error\":\"invalid_grant\",\"error_description\":\"incorrect user name or password\"}";

/// A server that gives out tokens, whose database panics when it is touched.
struct Issuing {
    app: App,
    service: Arc<TokenService>,
    /// The cost of each evaluation of bcrypt, in order.
    evaluated: Arc<Mutex<Vec<u32>>>,
}

fn users(lines: &[(&str, &str)]) -> Users {
    let text: String = lines.iter().map(|(name, hash)| format!("{name}:{hash}\n")).collect();
    Users::parse(&text, Format::Htpasswd).unwrap()
}

fn token_key() -> TokenKey {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap().pem();
    TokenKey::from_pem(key.serialize_pem().as_bytes(), certificate.as_bytes(), now()).unwrap()
}

fn issuing() -> Issuing {
    let count = |count| NonZeroU32::new(count).unwrap();
    let service_settings = TokenServiceSettings {
        issuer: "countersign".to_owned(),
        audiences: vec![
            Audience { name: "trust".to_owned(), names: Names::Guns },
            Audience {
                name: "registry".to_owned(),
                names: Names::Images { prefix: "registry.example/".to_owned() },
            },
        ],
        lifetime: TimeDelta::seconds(300),
        refresh_lifetime: TimeDelta::days(30),
        password_checks: NonZeroUsize::MIN,
        guesses: GuessLimits {
            per_address: count(50),
            per_user: count(20),
            window: Duration::from_secs(600),
        },
    };
    let evaluated = Arc::new(Mutex::new(Vec::new()));
    let evaluations = Arc::clone(&evaluated);
    let judge = move |hash: &PasswordHash, password: &Password| {
        evaluations.lock().unwrap().push(hash.cost());
        hash.fits(password)
    };
    let users = users(&[("alice", HASH), ("bob", OTHER_HASH)]);
    let service = TokenService::new(service_settings, token_key(), users, Arc::new(SystemClock))
        .judging_by(Arc::new(judge));
    let service = Arc::new(service);
    let trust = broken_trust(BrokenStore::Panics);
    let whole = Service { token_service: Some(Arc::clone(&service)), ..Service::open(trust) };
    let app = App::new(whole, settings(Limits::for_tests()));
    Issuing { app, service, evaluated }
}

impl Issuing {
    async fn ask(&self, query: &str, authorization: Option<&str>) -> Answer {
        let mut request = Request::builder().uri(format!("/token?{query}"));
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        send(&self.app, request.body(Body::empty()).unwrap()).await
    }

    async fn post(&self, form: &str) -> Answer {
        let request = Request::post("/token")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(form.to_owned()))
            .unwrap();
        send(&self.app, request).await
    }

    fn evaluated(&self) -> Vec<u32> {
        std::mem::take(&mut self.evaluated.lock().unwrap())
    }
}

fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
}

fn body(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

/// The claims of the token in an answer.
fn claims(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let token = body(answer)["token"].as_str().unwrap().to_owned();
    let claims = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
}

fn repository(name: &str, actions: &[&str]) -> Value {
    json!({ "type": "repository", "name": name, "actions": actions })
}

#[tokio::test]
async fn without_a_token_service_its_path_is_as_unknown_as_any() {
    let app = broken(BrokenStore::Panics);
    let unknown = get(&app, "/elsewhere").await;
    for path in ["/token", "/token?service=trust"] {
        let answer = get(&app, path).await;
        assert_eq!((answer.status, &answer.body), (404, &unknown.body), "{path}");
        let posted = send(&app, Request::post(path).body(Body::empty()).unwrap()).await;
        assert_eq!((posted.status, &posted.body), (404, &unknown.body), "{path}");
    }
}

/// `notary` asks so first, and takes a 401 here for the last word.
#[tokio::test]
async fn nobody_gets_a_token_without_rights() {
    let server = issuing();
    let scope = "scope=repository%3Ae%2Fa%3Apull%2Cpush&scope=registry:catalog:*";
    let answer = server.ask(&format!("service=trust&{scope}&offline_token=true"), None).await;
    let claims = claims(&answer);
    assert_eq!((&claims["sub"], &claims["access"]), (&json!(""), &json!([])));
    assert_eq!(body(&answer)["refresh_token"], Value::Null);
    assert_eq!(server.evaluated(), [0; 0]);
}

#[tokio::test]
async fn a_user_gets_what_it_asks_for_where_there_are_no_rules() {
    let server = issuing();
    let query = "account=alice&service=trust&client_id=docker\
                 &scope=repository:e/a:pull,push+repository:e/b:*&scope=registry:catalog:*";
    let answer = server.ask(query, Some(&basic("alice", RIGHT))).await;
    let claims = claims(&answer);
    assert_eq!(claims["iss"], "countersign");
    assert_eq!(claims["sub"], "alice");
    assert_eq!(claims["aud"], "trust");
    let catalog = json!({ "type": "registry", "name": "catalog", "actions": ["*"] });
    let access = [repository("e/a", &["pull", "push"]), repository("e/b", &["*"]), catalog];
    assert_eq!(claims["access"], json!(access));
    let lifetime = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    let answered = body(&answer);
    assert_eq!((lifetime, &answered["expires_in"]), (300, &json!(300)));
    assert_eq!(answered["token"], answered["access_token"]);
    let issued_at = answered["issued_at"].as_str().unwrap();
    let issued_at = chrono::DateTime::parse_from_rfc3339(issued_at).unwrap();
    assert_eq!(claims["iat"], issued_at.timestamp());
    assert_eq!(answer.header(axum::http::header::CACHE_CONTROL), Some("no-store"));
    assert_eq!(server.evaluated(), [5]);
}

#[tokio::test]
async fn plugins_and_unknown_actions_are_never_granted() {
    let server = issuing();
    let query = "service=registry&scope=repository(plugin):a:pull,push&scope=repository:a:pull,fly";
    let answer = server.ask(query, Some(&basic("alice", RIGHT))).await;
    assert_eq!(claims(&answer)["access"], json!([repository("a", &["pull"])]));
    assert_eq!(claims(&answer)["aud"], "registry");
}

#[tokio::test]
async fn wrong_credentials_are_refused_alike_whoever_is_named() {
    let server = issuing();
    for (name, password) in [
        ("alice", "wrong"),
        ("alice", ""),
        ("bob", RIGHT),
        ("nobody", RIGHT),
        ("nobody", ""),
        ("", ""),
        ("alice", &"x".repeat(73)),
    ] {
        let query = "service=trust&scope=repository:e/a:pull&account=alice";
        let answer = server.ask(query, Some(&basic(name, password))).await;
        assert_eq!((answer.status, answer.text()), (401, NO_USER), "{name}");
        assert_eq!(server.evaluated(), [5], "{name}: as many as for a right one");
    }
    for odd in ["Basic !", "Bearer abc", "alice", "Basic YWxpY2U="] {
        let answer = server.ask("service=trust", Some(odd)).await;
        assert_eq!((answer.status, answer.text()), (401, NO_USER), "{odd}");
    }
}

#[tokio::test]
async fn a_service_that_is_not_configured_gets_no_tokens() {
    let server = issuing();
    let authorization = basic("alice", RIGHT);
    for query in ["service=other", "service=", "scope=repository:e/a:pull", "service=TRUST"] {
        for authorization in [None, Some(authorization.as_str())] {
            let answer = server.ask(query, authorization).await;
            assert_eq!(answer.status, 400, "{query}");
            assert!(answer.text().contains("service"), "{query}: {}", answer.text());
            assert!(!answer.text().contains("other"), "what was asked is not repeated");
        }
    }
    assert_eq!(server.evaluated(), [0; 0]);
}

#[tokio::test]
async fn more_scopes_than_a_token_holds_are_refused() {
    let server = issuing();
    let scopes = "scope=repository:a:pull&".repeat(101);
    let answer = server.ask(&format!("{scopes}service=trust"), None).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
}
