//! `DELETE /v2/<gun>/_trust/tuf/`: remove every version of every role of one GUN.

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use crate::app::App;
use crate::error::ApiError;
use countersign_tuf::names::Gun;

/// 200 with an empty body, also when there was nothing.
pub(in crate::routes) async fn delete(app: &App, gun: &Gun) -> Result<Response, ApiError> {
    app.trust.delete(gun).await.map_err(ApiError::Service)?;
    Ok(StatusCode::OK.into_response())
}
