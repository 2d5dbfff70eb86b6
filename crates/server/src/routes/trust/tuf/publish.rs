//! `POST /v2/<gun>/_trust/tuf/`: publish a set of metadata, all or nothing.

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use crate::app::App;
use crate::error::ApiError;
use crate::upload;
use countersign_tuf::names::Gun;

/// 200 with an empty body.
pub(in crate::routes) async fn publish(
    app: &App,
    gun: &Gun,
    request: Request,
) -> Result<Response, ApiError> {
    let parts = upload::read(request, &app.settings.limits).await?;
    app.trust.publish(gun, parts).await.map_err(ApiError::Publish)?;
    Ok(StatusCode::OK.into_response())
}
