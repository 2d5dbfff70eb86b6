//! `DELETE /v2/<gun>/_trust/tuf/`: remove every version of every role of one GUN.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use crate::app::App;
use crate::audit::{Change, Done};
use crate::error::ApiError;
use countersign_tuf::names::Gun;

/// 200 with an empty body, also when there was nothing.
pub(in crate::routes) async fn delete(
    app: &App,
    gun: &Gun,
    change: Change,
) -> Result<Response, ApiError> {
    let (trust, gun) = (Arc::clone(&app.trust), gun.clone());
    let deleted = async move {
        let existed = trust.delete(&gun).await.map_err(ApiError::Service)?;
        Ok(Done::Deleted { existed }.in_answer(StatusCode::OK.into_response()))
    };
    change.carry_out(deleted).await
}
