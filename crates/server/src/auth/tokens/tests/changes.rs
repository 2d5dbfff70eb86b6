//! Keys that change, and keys that cannot be read.

use axum::http::StatusCode;

use super::key_server::{Answer, KeyServer, keys_of};
use super::*;
use crate::auth::tokens::TokenKeysError;

fn load(issuer: IssuerSettings) -> Result<Arc<Tokens>, TokenKeysError> {
    Tokens::load(settings(issuer), Moved::new())
}

#[tokio::test]
async fn a_bundle_that_changes_is_taken_over_and_the_old_key_counts_no_more() {
    let (old, new) = (TokenService::new(), TokenService::new());
    let bundle = Bundle::of(&[&old]);
    let tokens = load(bundle.issuer()).unwrap();
    let (by_old, by_new) = (token(&old, &pull()), token(&new, &pull()));
    assert!(verdict(&tokens, &by_old).await.is_ok() && verdict(&tokens, &by_new).await.is_err());
    bundle.write(&[&old, &new]);
    tokens.look();
    assert!(verdict(&tokens, &by_old).await.is_ok() && verdict(&tokens, &by_new).await.is_ok());
    bundle.write(&[&new]);
    tokens.look();
    assert!(verdict(&tokens, &by_old).await.is_err() && verdict(&tokens, &by_new).await.is_ok());
}

#[tokio::test]
async fn a_bundle_that_cannot_be_read_leaves_the_keys_in_use_until_it_can() {
    let (old, new) = (TokenService::new(), TokenService::new());
    let bundle = Bundle::of(&[&old]);
    let tokens = load(bundle.issuer()).unwrap();
    for broken in ["", "garbage", "-----BEGIN CERTIFICATE-----\nAQ==\n-----END CERTIFICATE-----\n"]
    {
        std::fs::write(&bundle.path, broken).unwrap();
        tokens.look();
        assert!(verdict(&tokens, &token(&old, &pull())).await.is_ok(), "{broken:?}");
    }
    std::fs::remove_file(&bundle.path).unwrap();
    tokens.look();
    assert!(verdict(&tokens, &token(&old, &pull())).await.is_ok());
    bundle.write(&[&new]);
    tokens.look();
    assert!(verdict(&tokens, &token(&old, &pull())).await.is_err());
}

#[test]
fn files_that_are_no_keys_stop_the_start_with_their_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys");
    let with_bundle = || IssuerSettings { root_cert_bundle: Some(path.clone()), ..issuer() };
    let with_set = || IssuerSettings { jwks_file: Some(path.clone()), ..issuer() };
    let with_ca = || {
        let mut issuer = behind("https://127.0.0.1:1/");
        issuer.jwks_url.as_mut().unwrap().ca = Some(path.clone());
        issuer
    };
    let problem = |issuer: IssuerSettings| {
        let error = load(issuer).unwrap_err().to_string();
        assert!(error.contains("/keys") && error.lines().count() == 1, "{error}");
        error
    };
    assert!(problem(with_bundle()).contains("cannot be read"));
    std::fs::write(&path, "{}").unwrap();
    assert!(problem(with_bundle()).contains("has no certificate"));
    assert!(problem(with_set()).contains("no list `keys`"));
    assert!(problem(with_ca()).contains("no certificate in it"));
    std::fs::write(&path, TokenService::new().certificate_pem()).unwrap();
    assert!(load(with_bundle()).is_ok() && load(with_ca()).is_ok());
}

#[tokio::test]
async fn until_keys_are_fetched_their_tokens_are_answered_503_and_others_401() {
    let (signer, stranger) = (TokenService::new(), TokenService::new());
    let server = KeyServer::start(Answer::Status(StatusCode::INTERNAL_SERVER_ERROR)).await;
    let tokens = load(behind(&server.url)).unwrap();
    let by_kid = token_by_kid(&signer, &pull());
    for token in [&by_kid, &token_by_kid(&stranger, &pull())] {
        let fault = verdict(&tokens, token).await.unwrap_err();
        assert!(fault.contains("not all keys"), "{fault}");
    }
    assert!(verdict(&tokens, "e30.e30.AA").await.unwrap_err().contains("issuer"));
    server.set(keys_of(&[&signer]));
    tokens.fetchers[0].fetch_now(&tokens).await;
    assert_eq!(verdict(&tokens, &by_kid).await, Ok(()));
    let fault = verdict(&tokens, &token_by_kid(&stranger, &pull())).await.unwrap_err();
    assert!(fault.contains("none that is trusted"), "{fault}");
}

#[tokio::test]
async fn a_new_key_is_fetched_when_a_token_names_it_and_the_old_one_ends_with_the_set() {
    let (old, new) = (TokenService::new(), TokenService::new());
    let server = KeyServer::start(keys_of(&[&old])).await;
    let tokens = load(behind(&server.url)).unwrap();
    assert_eq!(verdict(&tokens, &token_by_kid(&old, &pull())).await, Ok(()));
    assert_eq!(server.asked(), 1);
    server.set(keys_of(&[&new]));
    // Within the pause nobody is asked.
    assert!(verdict(&tokens, &token_by_kid(&new, &pull())).await.is_err());
    assert_eq!(server.asked(), 1);
    tokens.fetchers[0].forget_when().await;
    assert_eq!(verdict(&tokens, &token_by_kid(&new, &pull())).await, Ok(()));
    assert_eq!(server.asked(), 2);
    assert!(verdict(&tokens, &token_by_kid(&old, &pull())).await.is_err());
}

#[tokio::test]
async fn any_number_of_tokens_by_strangers_cause_one_fetch() {
    let server = KeyServer::start(keys_of(&[&TokenService::new()])).await;
    let tokens = load(behind(&server.url)).unwrap();
    let strangers: Vec<TokenService> = (0..20).map(|_| TokenService::new()).collect();
    let asking = strangers.iter().map(|stranger| {
        let (tokens, token) = (Arc::clone(&tokens), token_by_kid(stranger, &pull()));
        async move { verdict(&tokens, &token).await }
    });
    let verdicts = futures_util::future::join_all(asking).await;
    assert!(verdicts.iter().all(Result::is_err));
    assert_eq!(server.asked(), 1);
}

#[tokio::test]
async fn what_cannot_be_fetched_leaves_the_keys_in_use_and_calls_no_key_unknown() {
    let (signer, stranger) = (TokenService::new(), TokenService::new());
    let elsewhere = KeyServer::start(keys_of(&[&stranger])).await;
    let server = KeyServer::start(keys_of(&[&signer])).await;
    let tokens = load(behind(&server.url)).unwrap();
    tokens.fetchers[0].fetch_now(&tokens).await;
    let endless = format!("{{\"keys\":[]}}{}", " ".repeat(600 << 10));
    for answer in [
        Answer::Status(StatusCode::SERVICE_UNAVAILABLE),
        Answer::Status(StatusCode::NO_CONTENT),
        Answer::RedirectTo(elsewhere.url.clone()),
        Answer::Body("<html>".to_owned()),
        Answer::Body(String::new()),
        Answer::Body(endless),
    ] {
        server.set(answer);
        tokens.fetchers[0].fetch_now(&tokens).await;
        assert_eq!(verdict(&tokens, &token_by_kid(&signer, &pull())).await, Ok(()));
        let fault = verdict(&tokens, &token_by_kid(&stranger, &pull())).await.unwrap_err();
        assert!(fault.contains("not all keys"), "{fault}");
        server.set(keys_of(&[&signer]));
        tokens.fetchers[0].fetch_now(&tokens).await;
        let fault = verdict(&tokens, &token_by_kid(&stranger, &pull())).await.unwrap_err();
        assert!(fault.contains("none that is trusted"), "{fault}");
    }
    assert_eq!(elsewhere.asked(), 0);
}

#[tokio::test]
async fn keys_over_tls_come_from_a_server_with_a_certificate_by_the_named_authority_only() {
    let signer = TokenService::new();
    let keys = KeyServer::start_tls(keys_of(&[&signer]));
    let other = KeyServer::start_tls(keys_of(&[&signer]));
    let by = async |ca: Option<PathBuf>| {
        let mut issuer = behind(&keys.server.url);
        issuer.jwks_url.as_mut().unwrap().ca = ca;
        let tokens = load(issuer).unwrap();
        verdict(&tokens, &token_by_kid(&signer, &pull())).await
    };
    assert_eq!(by(Some(keys.ca.clone())).await, Ok(()));
    for ca in [Some(other.ca.clone()), None] {
        let fault = by(ca).await.unwrap_err();
        assert!(fault.contains("not all keys"), "{fault}");
    }
    assert_eq!(keys.server.asked(), 1);
}

#[tokio::test]
async fn keeping_fetches_at_once_and_again_when_it_is_asked_to() {
    let (old, new) = (TokenService::new(), TokenService::new());
    let server = KeyServer::start(keys_of(&[&old])).await;
    let tokens = load(behind(&server.url)).unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let kept = Arc::clone(&tokens);
    let keeping = tokio::spawn(async move {
        kept.keep(async {
            stopped.await.ok();
        })
        .await;
    });
    let has = |signer: &TokenService| {
        let token = token_by_kid(signer, &pull());
        let tokens = Arc::clone(&tokens);
        async move {
            while tokens.judge.load().verify(&token, tokens.clock.now()).is_err() {
                tokio::task::yield_now().await;
            }
        }
    };
    let within = Duration::from_secs(30);
    tokio::time::timeout(within, has(&old)).await.unwrap();
    server.set(keys_of(&[&new]));
    tokens.reread();
    tokio::time::timeout(within, has(&new)).await.unwrap();
    drop(stop);
    tokio::time::timeout(within, keeping).await.unwrap().unwrap();
}
