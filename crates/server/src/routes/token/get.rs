//! `GET /token`: a token for whoever asks, with the rights of whom the `Authorization` names.

use axum::http::{HeaderMap, header};
use axum::response::Response;

use super::answer::Answer;
use super::{audience, basic, granted, values};
use crate::app::App;
use crate::audit::Tried;
use crate::error::TokenFault;
use crate::peer::Peer;
use crate::token_service::TokenService;

/// 200 and a token. Without credentials it is nobody's: `notary` asks so first, and sends its
/// credentials only once the trust server has refused such a token.
pub(in crate::routes) async fn get(
    app: &App,
    service: &TokenService,
    query: &str,
    headers: &HeaderMap,
    peer: &Peer,
    tried: &mut Tried,
) -> Result<Response, TokenFault> {
    let parameters: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
    let audience = audience(service, &values(&parameters, "service"))?;
    let user = match headers.get(header::AUTHORIZATION) {
        None => None,
        Some(value) => {
            let (name, password) = basic::credentials(value).ok_or(TokenFault::WrongCredentials)?;
            tried.by(&name);
            Some(service.log_in(name, password, peer).await?)
        }
    };
    let grants = granted(app, &values(&parameters, "scope"), audience, user.as_ref(), peer)?;
    let issued = service.issue(audience, user.as_ref(), &grants).ok_or(TokenFault::NoRandomness)?;
    let wants_refresh = values(&parameters, "offline_token").first() == Some(&"true");
    let refresh = user.filter(|_| wants_refresh).map(|user| service.issue_refresh(&user));
    let refresh = refresh.as_ref().map(|token| token.expose());
    Ok(Answer { issued: &issued, refresh, grants: None }.into_response())
}
