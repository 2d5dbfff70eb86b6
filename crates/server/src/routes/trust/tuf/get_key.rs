//! `GET /v2/<gun>/_trust/tuf/(snapshot|timestamp).key`: the public key that the server signs with.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

use crate::app::App;
use crate::audit::{Change, Done};
use crate::error::ApiError;
use crate::wire;
use countersign_tuf::keys::PublicKey;
use countersign_tuf::names::{Gun, ServerRole};

/// 200 and the key, without cache headers.
pub(in crate::routes) async fn get_key(
    app: &App,
    gun: &Gun,
    role: ServerRole,
    remote: Option<IpAddr>,
    change: Change,
) -> Result<Response, ApiError> {
    if let Some(key) = app.trust.existing_key(gun, role).await.map_err(ApiError::Service)? {
        return Ok(key_response(&key));
    }
    app.key_budget.spend(remote)?;
    let (trust, gun) = (Arc::clone(&app.trust), gun.clone());
    let made = async move {
        let key = trust.make_key(&gun, role).await.map_err(ApiError::Service)?;
        Ok(Done::GaveKey(key.id().clone()).in_answer(key_response(&key)))
    };
    change.carry_out(made).await
}

/// A key as Notary writes it: the public half before the private one, which is always null.
pub(super) fn key_response(key: &PublicKey) -> Response {
    let body = wire::json(&Key {
        keytype: key.key_type().as_str(),
        keyval: KeyValue { public: key.public_base64(), private: () },
    });
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

#[derive(Serialize)]
struct Key<'a> {
    keytype: &'a str,
    keyval: KeyValue,
}

#[derive(Serialize)]
struct KeyValue {
    public: String,
    private: (),
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;
    use countersign_tuf::keys::KeyType;

    /// Shape and order observed on the Go server.
    #[tokio::test]
    async fn a_key_is_written_as_notary_writes_it() {
        let response = key_response(&PublicKey::new(KeyType::Ed25519, vec![0xfb, 0xff]));
        assert!(!response.headers().contains_key(header::CACHE_CONTROL));
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        assert_eq!(body, r#"{"keytype":"ed25519","keyval":{"public":"+/8=","private":null}}"#);
    }
}
