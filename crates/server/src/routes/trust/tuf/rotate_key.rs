//! `POST /v2/<gun>/_trust/tuf/(snapshot|timestamp).key`: a new key for the next root to list.

use std::net::IpAddr;
use std::sync::Arc;

use axum::response::Response;

use super::get_key::key_response;
use crate::app::App;
use crate::audit::{Change, Done};
use crate::error::ApiError;
use countersign_tuf::names::{Gun, ServerRole};

/// 200 and the new key, without cache headers.
pub(in crate::routes) async fn rotate_key(
    app: &App,
    gun: &Gun,
    role: ServerRole,
    remote: Option<IpAddr>,
    change: Change,
) -> Result<Response, ApiError> {
    if let Some(key) = app.trust.pending_key(gun, role).await.map_err(ApiError::Service)? {
        return Ok(Done::GaveKey(key.id().clone()).in_answer(key_response(&key)));
    }
    app.key_budget.spend(remote)?;
    let (trust, gun) = (Arc::clone(&app.trust), gun.clone());
    let made = async move {
        let key = trust.make_key(&gun, role).await.map_err(ApiError::of_new_key)?;
        Ok(Done::GaveKey(key.id().clone()).in_answer(key_response(&key)))
    };
    change.carry_out(made).await
}
