//! `GET` and `POST /token`: the token service, where there is one.
//!
//! Source: the token specifications of docker/distribution (`token.md`, `oauth.md`).

mod answer;
mod basic;
mod form;
mod get;
mod post;

use std::borrow::Cow;

use axum::extract::Request;
use axum::http::Method;
use axum::response::{IntoResponse as _, Response};
use countersign_access::Caller;
use countersign_access::issue::{Audience, Grant, Rights, Scope, narrow};

use crate::app::App;
use crate::audit::Tried;
use crate::error::{ApiError, TokenFault};
use crate::peer::Peer;
use crate::token_service::{LoggedIn, TokenService};

/// The answer to a request of either kind.
pub(super) async fn answer(app: &App, request: Request, peer: &Peer) -> Response {
    let Some(service) = &app.token_service else { return ApiError::NoRoute.into_response() };
    let mut tried = Tried::default();
    let outcome = if request.method() == Method::POST {
        post::post(app, service, request, peer, &mut tried).await
    } else {
        let query = request.uri().query().unwrap_or_default();
        get::get(app, service, query, request.headers(), peer, &mut tried).await
    };
    app.metrics.count_token(outcome.as_ref().err());
    let mut answer = outcome.unwrap_or_else(TokenFault::into_response);
    answer.extensions_mut().insert(tried);
    answer
}

/// The values of the parameters called `name`, in their order.
fn values<'a>(parameters: &'a [(Cow<'_, str>, Cow<'_, str>)], name: &str) -> Vec<&'a str> {
    let named = parameters.iter().filter(|(key, _)| key == name);
    named.map(|(_, value)| value.as_ref()).collect()
}

/// The service that a token is asked for.
fn audience<'a>(service: &'a TokenService, asked: &[&str]) -> Result<&'a Audience, TokenFault> {
    let name = asked.first().ok_or(TokenFault::NoService)?;
    service.audience(name).ok_or(TokenFault::UnknownService)
}

/// What of `scopes` the caller gets.
fn granted(
    app: &App,
    scopes: &[&str],
    audience: &Audience,
    user: Option<&LoggedIn>,
    peer: &Peer,
) -> Result<Vec<Grant>, TokenFault> {
    let scopes = Scope::parse_all(scopes.iter().copied()).map_err(|_| TokenFault::TooManyScopes)?;
    let Some(rules) = app.access.rules() else {
        let rights = if user.is_some() { Rights::All } else { Rights::None };
        return Ok(narrow(&scopes, audience, rights));
    };
    let caller = Caller {
        token_user: user.map(|user| user.name.clone()),
        certificate: peer.certificate.clone(),
    };
    let rules = rules.in_use();
    let may = |action, resource: &_| rules.decide(&caller, action, resource).allowed;
    Ok(narrow(&scopes, audience, Rights::Ruled(&may)))
}

#[cfg(test)]
mod tests;
