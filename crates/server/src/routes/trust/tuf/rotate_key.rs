//! `POST /v2/<gun>/_trust/tuf/(snapshot|timestamp).key`: a new key for the next root to list.

use std::net::IpAddr;

use axum::response::Response;

use super::get_key::key_response;
use crate::app::App;
use crate::error::ApiError;
use countersign_tuf::names::{Gun, ServerRole};

/// 200 and the new key, without cache headers.
pub(in crate::routes) async fn rotate_key(
    app: &App,
    gun: &Gun,
    role: ServerRole,
    remote: Option<IpAddr>,
) -> Result<Response, ApiError> {
    if let Some(key) = app.trust.pending_key(gun, role).await.map_err(ApiError::Service)? {
        return Ok(key_response(&key));
    }
    app.key_budget.spend(remote)?;
    let key = app.trust.rotate_key(gun, role).await.map_err(ApiError::of_new_key)?;
    Ok(key_response(&key))
}
