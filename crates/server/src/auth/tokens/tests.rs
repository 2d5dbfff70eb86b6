//! Tokens at the router, and keys that change under it.

mod audited;
mod changes;
mod key_server;
mod remembered;
mod wire;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use countersign_access::token::Audiences;
use countersign_forge::token_service::TokenService;
use countersign_trust::Clock;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use super::{GivenBy, IssuerSettings, JwksUrl, Realm, TokenSettings, Tokens};
use crate::auth::Access;
use crate::testing;

const ISSUER: &str = "auth.example.com";
const SERVICE: &str = "trust.example.com";
const REALM: &str = "https://auth.example.com/token";

/// A clock that tests move.
pub(super) struct Moved(Mutex<DateTime<Utc>>);

impl Moved {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(DateTime::from_timestamp(1_800_000_000, 0).unwrap())))
    }

    fn by(&self, seconds: i64) {
        *self.0.lock().unwrap() += TimeDelta::seconds(seconds);
    }
}

impl Clock for Moved {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

/// An issuer without keys, by Notary's rules.
fn issuer() -> IssuerSettings {
    IssuerSettings {
        name: ISSUER.to_owned(),
        audiences: Audiences::Notary(SERVICE.to_owned()),
        root_cert_bundle: None,
        jwks_file: None,
        jwks_url: None,
    }
}

fn settings(issuer: IssuerSettings) -> TokenSettings {
    TokenSettings {
        realm: Realm::Url(REALM.to_owned()),
        given_by: GivenBy::Others,
        service: SERVICE.to_owned(),
        issuers: vec![issuer],
        cache_bytes: 1 << 20,
    }
}

/// A directory with a bundle that tests write.
struct Bundle {
    path: PathBuf,
    _dir: TempDir,
}

impl Bundle {
    fn of(signers: &[&TokenService]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let bundle = Self { path: dir.path().join("bundle.pem"), _dir: dir };
        bundle.write(signers);
        bundle
    }

    fn write(&self, signers: &[&TokenService]) {
        let text: String = signers.iter().map(|signer| signer.certificate_pem()).collect();
        std::fs::write(&self.path, text).unwrap();
    }

    fn issuer(&self) -> IssuerSettings {
        IssuerSettings { root_cert_bundle: Some(self.path.clone()), ..issuer() }
    }
}

/// An issuer whose keys are behind `url`.
fn behind(url: &str) -> IssuerSettings {
    IssuerSettings {
        audiences: Audiences::AnyOf(vec![SERVICE.to_owned()]),
        jwks_url: Some(JwksUrl {
            url: url.to_owned(),
            ca: None,
            refresh: Duration::from_secs(86_400),
        }),
        ..issuer()
    }
}

/// `pull` on `e/a`.
fn pull() -> Json {
    json!([{ "type": "repository", "name": "e/a", "actions": ["pull"] }])
}

/// A token with its key in the header and `access`, good for the first 100 seconds of tests'
/// clocks.
fn token(signer: &TokenService, access: &Json) -> String {
    signer.token(&json!({ "alg": "ES256", "jwk": signer.jwk() }), &claims(access))
}

/// The same, calling its key what the key set calls it.
fn token_by_kid(signer: &TokenService, access: &Json) -> String {
    signer.token(&json!({ "alg": "ES256", "kid": signer.kid() }), &claims(access))
}

fn claims(access: &Json) -> Json {
    json!({
        "iss": ISSUER,
        "aud": SERVICE,
        "sub": "alice",
        "exp": 1_800_000_100,
        "access": access,
    })
}

/// Whether `token` counts; a fault in words.
async fn verdict(tokens: &Arc<Tokens>, token: &str) -> Result<(), String> {
    tokens.verify(token).await.map(|_| ()).map_err(|fault| fault.to_string())
}

/// A server that takes the tokens of `signer`, and its clock.
async fn guarded(signer: &TokenService) -> (testing::Whole, Arc<Moved>) {
    guarded_by(settings(Bundle::of(&[signer]).issuer())).await
}

async fn guarded_by(settings: TokenSettings) -> (testing::Whole, Arc<Moved>) {
    let clock = Moved::new();
    let tokens = Tokens::load(settings, clock.clone()).unwrap();
    (testing::whole_with(Access::open().with_tokens(tokens)).await, clock)
}
