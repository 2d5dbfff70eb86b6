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
use crate::auth::Denial;
use crate::error::ApiError;
use crate::farewell;
use crate::peer::Peer;
use crate::route::{Route, RouteName};
use crate::upload;

/// Sends a request to its operation; `admitted` says whether it may come at all, if that is known.
pub(crate) async fn dispatch(
    app: &App,
    arrival: &Arrival,
    admitted: Option<Result<Caller, ApiError>>,
    request: Request,
) -> Response {
    let Arrival { route, peer, .. } = arrival;
    if let Some(why) = &peer.not_let_in {
        let mut answer = ApiError::CertificateRefused(why.clone()).into_response();
        answer.extensions_mut().insert(farewell::Last);
        return answer;
    }
    let admitted = match admitted {
        Some(admitted) => admitted,
        None => admit(app, route, request.headers(), request.uri(), peer).await,
    };
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
    admit_from(app, route, peer)?;
    let caller = app.access.admit(route, headers, uri, peer).await?;
    app.request_limits.admit_user(route, &caller)?;
    Ok(caller)
}

/// The same where nobody has to be waited for to tell it: no token is asked for.
pub(crate) fn admit_at_once<B>(
    app: &App,
    arrival: &Arrival,
    request: &axum::http::Request<B>,
) -> Option<Result<Caller, ApiError>> {
    let Arrival { route, peer, .. } = arrival;
    if peer.not_let_in.is_some() || app.access.tokens().is_some() {
        return None;
    }
    Some(admit_from(app, route, peer).and_then(|()| {
        let (headers, uri) = (request.headers(), request.uri());
        let caller = app.access.admit_tokenless(route, headers, uri, peer).map_err(Denial::from)?;
        app.request_limits.admit_user(route, &caller)?;
        Ok(caller)
    }))
}

/// Whether there may be a request from this address to this route.
fn admit_from(app: &App, route: &Route, peer: &Peer) -> Result<(), ApiError> {
    app.request_limits.admit_address(route, peer.address)?;
    outside_prefixes(app, route).map_or(Ok(()), Err)
}

/// The answer to a read where the document is in memory, known to be what counts, and nothing has
/// to be signed.
pub(crate) fn read_at_once(app: &App, arrival: &Arrival, request: &HeaderMap) -> Option<Response> {
    let Arrival { route: Route::GetRole(gun, document), peer, .. } = arrival else { return None };
    let audience = app.access.audience(peer, gun);
    trust::tuf::get_role::get_role_at_once(app, audience, gun, document, request)
}

/// The answer to a read where the database has only to say which document counts. `None`: more has
/// to be done for it, or it is no such read.
pub(crate) async fn read_by_lead(
    app: &App,
    arrival: &Arrival,
    request: &HeaderMap,
) -> Option<Response> {
    let Arrival { route: Route::GetRole(gun, document), peer, .. } = arrival else { return None };
    let audience = app.access.audience(peer, gun);
    let read = trust::tuf::get_role::get_role_by_lead(app, audience, gun, document, request).await;
    read.map(|read| read.unwrap_or_else(ApiError::into_response))
}

/// The answer in place of one that a panic prevented.
pub(crate) fn after_panic(payload: Box<dyn Any + Send + 'static>) -> Response {
    panicked(payload).into_response()
}

/// The refusal in place of what a panic prevented.
#[expect(clippy::needless_pass_by_value, reason = "what a panic leaves is owned")]
pub(crate) fn panicked(payload: Box<dyn Any + Send + 'static>) -> ApiError {
    let message = payload
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    ApiError::Panicked(message)
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
