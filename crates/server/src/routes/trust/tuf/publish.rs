//! `POST /v2/<gun>/_trust/tuf/`: publish a set of metadata, all or nothing.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use crate::app::App;
use crate::audit::{Change, Done};
use crate::auth;
use crate::error::ApiError;
use crate::upload;
use countersign_access::Caller;
use countersign_tuf::names::Gun;
use countersign_tuf::rules::UploadedPart;

/// 200 with an empty body. Whom the rules keep from one of the roles, they keep from all of it.
pub(in crate::routes) async fn publish(
    app: &App,
    caller: &Caller,
    gun: &Gun,
    request: Request,
    change: Change,
) -> Result<Response, ApiError> {
    if let Err(too_often) = app.publish_rates.spend(gun) {
        upload::discard(request, &app.settings.limits).await;
        return Err(too_often);
    }
    let host = auth::host(request.headers(), request.uri()).to_owned();
    let parts = upload::read(request, &app.settings.limits).await?;
    app.access
        .admit_roles(caller, gun, &host, parts.iter().map(UploadedPart::role))
        .map_err(ApiError::Unauthorized)?;
    let (trust, gun) = (Arc::clone(&app.trust), gun.clone());
    let published = async move {
        let stored = trust.publish(&gun, parts).await.map_err(ApiError::Publish)?;
        Ok(Done::Published(stored.into()).in_answer(StatusCode::OK.into_response()))
    };
    change.carry_out(published).await
}
