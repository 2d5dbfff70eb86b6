//! The URLs: one file per operation, each one call into trust.

mod health;
mod live;
mod metrics;
mod ping;
mod ready;
mod token;
mod trust;

pub(crate) use self::trust::tuf::get_role::CacheRules;

use std::any::Any;

use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use countersign_access::Caller;
use countersign_trust::SignatureCaller;
use countersign_tuf::gun_prefix::GunPrefix;
use percent_encoding::{CONTROLS, utf8_percent_encode};

use crate::app::App;
use crate::arrival::Arrival;
use crate::audit::Change;
use crate::error::ApiError;
use crate::farewell;
use crate::peer::Peer;
use crate::route::{Route, RouteName};
use crate::upload;

/// Sends a request to its operation.
pub(crate) async fn dispatch(app: &App, arrival: &Arrival, request: Request) -> Response {
    let Arrival { route, peer, .. } = arrival;
    if let Some(why) = &peer.not_let_in {
        let mut answer = ApiError::CertificateRefused(why.clone()).into_response();
        answer.extensions_mut().insert(farewell::Last);
        return answer;
    }
    let admitted = admit(app, route, request.headers(), request.uri(), peer).await;
    let caller = match admitted {
        Ok(caller) => caller,
        Err(refusal) => {
            if let ApiError::TooManyRequests { holder, .. } = &refusal {
                app.metrics.count_limited(*holder);
            }
            Box::pin(upload::discard(request, &app.settings.limits)).await;
            return refusal.into_response();
        }
    };
    let operation = operate(app, arrival, &caller, request);
    let outcome = signature_caller(&caller, peer).asks(operation).await;
    let mut answer = outcome.unwrap_or_else(ApiError::into_response);
    if caller.user().is_some() {
        answer.extensions_mut().insert(caller);
    }
    answer
}

/// Carries out what was asked for. All but reads are boxed: a future is as large as its largest
/// part, and every request would pay for the space that a publish takes.
async fn operate(
    app: &App,
    arrival: &Arrival,
    caller: &Caller,
    request: Request,
) -> Result<Response, ApiError> {
    let Arrival { route, peer, .. } = arrival;
    let remote = peer.address;
    let change = Change::of(app, &request, caller);
    match route {
        Route::BadEscape => Err(ApiError::BadEscape),
        Route::Changefeed(gun) => {
            Box::pin(trust::changefeed::changefeed(app, gun.as_ref(), request.uri().query())).await
        }
        Route::Delete(gun) => Box::pin(trust::tuf::delete::delete(app, gun, change)).await,
        Route::GetKey(gun, role) => {
            Box::pin(trust::tuf::get_key::get_key(app, gun, *role, remote, change)).await
        }
        Route::GetRole(gun, document) => {
            let audience = app.access.audience(peer, gun);
            trust::tuf::get_role::get_role(app, audience, gun, document, request.headers()).await
        }
        Route::GetToken | Route::PostToken => Ok(Box::pin(token::answer(app, request, peer)).await),
        Route::Health => Ok(Box::pin(health::health(app)).await),
        Route::Live => Ok(live::live()),
        Route::MethodNotAllowed => Ok(StatusCode::METHOD_NOT_ALLOWED.into_response()),
        Route::Metrics => Ok(metrics::metrics(app)),
        Route::Ping => Ok(ping::ping()),
        Route::Publish(gun) => {
            Box::pin(trust::tuf::publish::publish(app, caller, gun, request, change)).await
        }
        Route::Ready => Ok(Box::pin(ready::ready(app)).await),
        Route::Redirect(path) => Ok(redirect(path, request.uri().query())),
        Route::RotateKey(gun, role) => {
            Box::pin(trust::tuf::rotate_key::rotate_key(app, gun, *role, remote, change)).await
        }
        Route::Unknown => Err(ApiError::NoRoute),
        Route::UnusableGun { route, reason, .. } => Err(unusable_gun(*route, reason)),
    }
}

/// Whom what is signed meanwhile is signed for: the user, where he is known, and his address.
fn signature_caller(caller: &Caller, peer: &Peer) -> SignatureCaller {
    const MAX_BYTES: usize = 255;
    let user = caller.user().and_then(|user| user.get(..user.floor_char_boundary(MAX_BYTES)));
    SignatureCaller::client(user, peer.address)
}

/// The refusal of a GUN that begins with none of the configured prefixes: for everything but a
/// publish it is as if the route were not there (server spec 2.6).
fn outside_prefixes(app: &App, route: &Route) -> Option<ApiError> {
    let prefixes = &app.settings.gun_prefixes;
    let gun = route.gun()?;
    if prefixes.is_empty() || prefixes.iter().any(|prefix| prefix.admits(gun)) {
        return None;
    }
    if route.name() != RouteName::Publish {
        return Some(ApiError::NoRoute);
    }
    let prefixes: Vec<&str> = prefixes.iter().map(GunPrefix::as_str).collect();
    Some(ApiError::InvalidGun(format!("Require GUNs with prefix: [{}]", prefixes.join(" "))))
}

/// Whom a request comes from, if it may come at all.
async fn admit(
    app: &App,
    route: &Route,
    headers: &HeaderMap,
    uri: &Uri,
    peer: &Peer,
) -> Result<Caller, ApiError> {
    app.request_limits.admit_address(route, peer.address)?;
    if let Some(refusal) = outside_prefixes(app, route) {
        return Err(refusal);
    }
    let caller = app.access.admit(route, headers, uri, peer).await?;
    app.request_limits.admit_user(route, &caller)?;
    Ok(caller)
}

/// The answer in place of one that a panic prevented.
#[expect(clippy::needless_pass_by_value, reason = "what a panic leaves is owned")]
pub(crate) fn after_panic(payload: Box<dyn Any + Send + 'static>) -> Response {
    let message = payload
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    ApiError::Panicked(message).into_response()
}

/// To the clean path. Of the query only letters beyond ASCII are escaped, as Go does.
fn redirect(path: &str, query: Option<&str>) -> Response {
    let location = match query {
        Some(query) => format!("{path}?{}", utf8_percent_encode(query, CONTROLS)),
        None => path.to_owned(),
    };
    (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, location)]).into_response()
}

/// A GUN that cannot be stored: refused where something would be made, else simply not there.
fn unusable_gun(route: RouteName, reason: &str) -> ApiError {
    match route {
        RouteName::Publish | RouteName::RotateKey => ApiError::InvalidGun(reason.to_owned()),
        RouteName::Changefeed
        | RouteName::Delete
        | RouteName::GetKey
        | RouteName::GetRole
        | RouteName::GetRoleByDigest
        | RouteName::GetRoleByVersion
        | RouteName::Health
        | RouteName::Live
        | RouteName::Metrics
        | RouteName::Ping
        | RouteName::Ready
        | RouteName::Token
        | RouteName::Unknown => ApiError::NotFound,
    }
}

#[cfg(test)]
mod tests;
