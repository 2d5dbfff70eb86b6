//! What clients see.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, header};

use super::key_server::{Answer, KeyServer};
use super::*;
use crate::auth::Audience;
use crate::testing::{Answer as Reply, Captured, Whole, send};

pub(super) async fn ask(server: &Whole, method: Method, path: &str, token: Option<&str>) -> Reply {
    let mut request = Request::builder().method(method).uri(path).header(header::HOST, "h:4443");
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    send(&server.app, request.body(Body::empty()).unwrap()).await
}

fn challenge(reply: &Reply) -> &str {
    reply.header(header::WWW_AUTHENTICATE).unwrap()
}

fn on(kind: &str, name: &str, actions: &[&str]) -> Json {
    json!([{ "type": kind, "name": name, "actions": actions }])
}

/// The challenge for this scope, up to the error.
fn asked(scope: &str) -> String {
    format!("Bearer realm=\"{REALM}\",service=\"{SERVICE}\",scope=\"{scope}\"")
}

/// Every route that asks for a token: method, path, the right token's access, and the scope.
pub(super) fn routes() -> Vec<(Method, &'static str, Json, &'static str)> {
    let pull = || on("repository", "e/a", &["pull"]);
    let both = || on("repository", "e/a", &["pull", "push"]);
    let all = || on("repository", "e/a", &["*"]);
    let catalog = || on("registry", "catalog", &["*"]);
    vec![
        (Method::GET, "/v2/", catalog(), "registry:catalog:*"),
        (Method::GET, "/elsewhere", catalog(), "registry:catalog:*"),
        (Method::HEAD, "/v2/e/a/_trust/tuf/root.json", catalog(), "registry:catalog:*"),
        (Method::GET, "/v2/_trust/changefeed", catalog(), "registry:catalog:*"),
        (Method::GET, "/v2/e/a/_trust/changefeed", pull(), "repository:e/a:pull"),
        (Method::GET, "/v2/e/a/_trust/tuf/root.json", pull(), "repository:e/a:pull"),
        (Method::GET, "/v2/e/a/_trust/tuf/1.root.json", pull(), "repository:e/a:pull"),
        (Method::POST, "/v2/e/a/_trust/tuf/", both(), "repository:e/a:push,pull"),
        (Method::GET, "/v2/e/a/_trust/tuf/timestamp.key", both(), "repository:e/a:push,pull"),
        (Method::POST, "/v2/e/a/_trust/tuf/timestamp.key", all(), "repository:e/a:*"),
        (Method::DELETE, "/v2/e/a/_trust/tuf/", all(), "repository:e/a:*"),
    ]
}

/// Checklist rows C-150 to C-155 and C-161.
#[tokio::test]
async fn every_route_asks_for_its_own_rights_and_lets_pass_who_has_them() {
    let signer = TokenService::new();
    let (server, _) = guarded(&signer).await;
    for (method, path, access, scope) in routes() {
        let ask = async |token: Option<&str>| ask(&server, method.clone(), path, token).await;
        let none = ask(None).await;
        assert_eq!((none.status, challenge(&none)), (401, &*asked(scope)), "{method} {path}");
        let garbage = ask(Some("garbage")).await;
        let expected = format!("{},error=\"invalid_token\"", asked(scope));
        assert_eq!((garbage.status, challenge(&garbage)), (401, &*expected), "{method} {path}");
        let expected = format!("{},error=\"insufficient_scope\"", asked(scope));
        for lacking in [json!([]), on("repository", "e/b", &["*"])] {
            let token = token(&signer, &lacking);
            let reply = ask(Some(&token)).await;
            assert_eq!((reply.status, challenge(&reply)), (401, &*expected), "{method} {path}");
        }
        let token = token(&signer, &access);
        let good = ask(Some(&token)).await;
        assert_ne!(good.status, 401, "{method} {path}: {good:?}");
    }
}

#[tokio::test]
async fn push_and_pull_are_no_star_and_pull_is_no_push() {
    let signer = TokenService::new();
    let (server, _) = guarded(&signer).await;
    let status = async |method: Method, path: &str, actions: &[&str]| {
        let token = token(&signer, &on("repository", "e/a", actions));
        ask(&server, method, path, Some(&token)).await.status
    };
    let key = "/v2/e/a/_trust/tuf/timestamp.key";
    assert_eq!(status(Method::POST, key, &["push", "pull"]).await, 401);
    assert_eq!(status(Method::DELETE, "/v2/e/a/_trust/tuf/", &["push", "pull"]).await, 401);
    assert_eq!(status(Method::GET, key, &["pull"]).await, 401);
    assert_eq!(status(Method::GET, key, &["push"]).await, 401);
    assert_eq!(status(Method::POST, "/v2/e/a/_trust/tuf/", &["pull"]).await, 401);
    assert_eq!(status(Method::GET, key, &["*"]).await, 200);
    assert_eq!(status(Method::GET, "/v2/", &["*"]).await, 401);
}

/// Checklist row C-150.
#[tokio::test]
async fn the_body_of_a_refusal_names_what_is_missing() {
    let (server, _) = guarded(&TokenService::new()).await;
    let reply = ask(&server, Method::GET, "/v2/", None).await;
    assert_eq!(
        reply.text(),
        "{\"errors\":[{\"code\":\"UNAUTHORIZED\",\"message\":\"authentication required\",\
         \"detail\":[{\"Type\":\"registry\",\"Class\":\"\",\"Name\":\"catalog\",\
         \"Action\":\"*\"}]}]}\n"
    );
}

/// Checklist row C-017.
#[tokio::test]
async fn what_machines_ask_and_what_is_no_request_needs_no_token() {
    let (server, _) = guarded(&TokenService::new()).await;
    for (path, status) in [
        ("/_notary_server/health", 200),
        ("/metrics", 200),
        ("/_countersign/live", 200),
        ("/_countersign/ready", 200),
        ("/v2//", 301),
        ("/%", 400),
    ] {
        assert_eq!(ask(&server, Method::GET, path, None).await.status, status, "{path}");
    }
    assert_eq!(ask(&server, Method::PATCH, "/v2/", None).await.status, 405);
}

#[tokio::test]
async fn with_autoredirect_the_realm_is_on_the_host_that_was_asked() {
    let bundle = Bundle::of(&[&TokenService::new()]);
    let redirecting = TokenSettings { realm: Realm::ThisHost, ..settings(bundle.issuer()) };
    let (server, _) = guarded_by(redirecting).await;
    let reply = ask(&server, Method::GET, "/v2/", None).await;
    assert!(challenge(&reply).starts_with("Bearer realm=\"https://h:4443/auth/token\",service="));
    // As HTTP/2 names the host.
    let request = Request::builder().uri("https://two:1/v2/").body(Body::empty()).unwrap();
    let reply = send(&server.app, request).await;
    assert!(challenge(&reply).starts_with("Bearer realm=\"https://two:1/auth/token\",service="));
}

#[tokio::test]
async fn no_name_leaves_the_quotes_of_the_challenge() {
    let (server, _) = guarded(&TokenService::new()).await;
    for (sent, quoted) in [
        ("a%22,x%3D%22", r#"a\",x=\""#),
        ("a%0D%0AX:%20y", r"a\r\nX: y"),
        ("a%FFb", r"a\xffb"),
        ("a%00%7F", r"a\x00\x7f"),
        ("%E2%80%8B%C2%A0", r"\u200b\u00a0"),
        ("%EF%BF%BD", "\u{fffd}"),
    ] {
        let path = format!("/v2/{sent}/_trust/tuf/root.json");
        let reply = ask(&server, Method::GET, &path, None).await;
        let value = reply.headers.get(header::WWW_AUTHENTICATE).unwrap().as_bytes();
        let expected = asked(&format!("repository:{quoted}:pull"));
        assert_eq!(std::str::from_utf8(value).unwrap(), expected, "{sent}");
    }
}

#[tokio::test]
async fn while_keys_cannot_be_fetched_their_tokens_are_answered_503_to_try_again() {
    let signer = TokenService::new();
    let keys = KeyServer::start(Answer::Status(axum::http::StatusCode::BAD_GATEWAY)).await;
    let (server, _) = guarded_by(settings(behind(&keys.url))).await;
    let token = token_by_kid(&signer, &pull());
    let path = "/v2/e/a/_trust/tuf/root.json";
    let reply = ask(&server, Method::GET, path, Some(&token)).await;
    assert_eq!((reply.status, reply.header(header::RETRY_AFTER)), (503, Some("5")));
    assert_eq!(reply.header(header::WWW_AUTHENTICATE), None);
    assert!(reply.text().contains("\"code\":\"UNKNOWN\""), "{}", reply.text());
    assert_eq!(ask(&server, Method::GET, path, None).await.status, 401);
    assert_eq!(ask(&server, Method::GET, path, Some("x")).await.status, 401);
}

#[tokio::test]
async fn rules_narrow_what_a_token_allows_and_widen_nothing() {
    let signer = TokenService::new();
    let tokens = Tokens::load(settings(Bundle::of(&[&signer]).issuer()), Moved::new()).unwrap();
    let rules = "[[rules]]\nallow = ['pull']\nusers = ['alice']\nguns = ['e/a']\n\
                 [[rules]]\nallow = ['push']\nanyone = true\nguns = ['e/b']\n";
    let server = testing::whole_with(testing::access_under(rules).with_tokens(tokens)).await;
    let ask = async |path: &str, access: &Json| {
        ask(&server, Method::GET, path, Some(&token(&signer, access))).await
    };
    let document = "/v2/e/a/_trust/tuf/root.json";
    assert_eq!(ask(document, &pull()).await.status, 404);
    let key = "/v2/e/a/_trust/tuf/timestamp.key";
    let refused = ask(key, &on("repository", "e/a", &["*"])).await;
    let expected = format!("{},error=\"insufficient_scope\"", asked("repository:e/a:push,pull"));
    assert_eq!((refused.status, challenge(&refused)), (401, &*expected));
    let other = "/v2/e/b/_trust/tuf/timestamp.key";
    assert_eq!(ask(other, &pull()).await.status, 401);
    assert_eq!(ask(other, &on("repository", "e/b", &["push", "pull"])).await.status, 200);
}

#[tokio::test]
async fn the_log_names_the_user_of_a_token_that_is_let_pass() {
    let (captured, guard) = Captured::from(tracing::Level::INFO);
    let signer = TokenService::new();
    let (server, _) = guarded(&signer).await;
    let token = token(&signer, &pull());
    ask(&server, Method::GET, "/v2/e/a/_trust/tuf/root.json", Some(&token)).await;
    ask(&server, Method::GET, "/v2/e/b/_trust/tuf/root.json", Some(&token)).await;
    drop(guard);
    let lines = captured.requests();
    assert_eq!(
        (&lines[0]["fields"]["status"], &lines[0]["fields"]["user"]),
        (&json!(404), &json!("alice"))
    );
    assert_eq!(lines[1]["fields"]["status"], 401);
    assert!(lines[1]["fields"]["cause"].as_str().unwrap().contains("\"alice\""));
}

#[tokio::test]
async fn what_a_token_is_needed_for_is_no_business_of_shared_caches() {
    let signer = TokenService::new();
    let (server, _) = guarded(&signer).await;
    let gun = countersign_tuf::names::Gun::parse("e/a").unwrap();
    let audience = server.app.access.audience(&crate::peer::Peer::default(), &gun);
    assert_eq!(audience, Audience::Some);
}

#[test]
fn caches_may_share_what_anonymous_tokens_of_this_server_may_pull() {
    let rules = "[[rules]]\nallow = ['pull']\nanonymous = true\nguns = ['e/**']\n";
    let signer = TokenService::new();
    let bundle = Bundle::of(&[&signer]);
    let audience = |given_by, access: Access, gun| {
        let settings = TokenSettings { given_by, ..settings(bundle.issuer()) };
        let access = access.with_tokens(Tokens::load(settings, Moved::new()).unwrap());
        let gun = countersign_tuf::names::Gun::parse(gun).unwrap();
        access.audience(&crate::peer::Peer::default(), &gun)
    };
    let (own, others) = (GivenBy::ThisServer, GivenBy::Others);
    assert_eq!(audience(own, testing::access_under(rules), "e/a"), Audience::All);
    assert_eq!(audience(own, testing::access_under(rules), "f/a"), Audience::Some);
    assert_eq!(audience(own, Access::open(), "e/a"), Audience::Some);
    assert_eq!(audience(others, testing::access_under(rules), "e/a"), Audience::Some);
}
