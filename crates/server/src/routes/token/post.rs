//! `POST /token`: the same by OAuth 2, with a password or a refresh token in a form.

use axum::extract::Request;
use axum::response::Response;
use countersign_access::users::Password;

use super::answer::Answer;
use super::{audience, form, granted, values};
use crate::app::App;
use crate::audit::Tried;
use crate::error::TokenFault;
use crate::peer::Peer;
use crate::token_service::{LoggedIn, TokenService};

/// 200 and a token.
pub(in crate::routes) async fn post(
    app: &App,
    service: &TokenService,
    request: Request,
    peer: &Peer,
    tried: &mut Tried,
) -> Result<Response, TokenFault> {
    let body = form::read(request, &app.settings.limits).await?;
    let parameters: Vec<_> = form_urlencoded::parse(&body).collect();
    let first = |name| values(&parameters, name).first().copied();
    let audience = audience(service, &values(&parameters, "service"))?;
    let wants_refresh = first("access_type") == Some("offline");
    let (user, refresh): (LoggedIn, Option<String>) = match first("grant_type") {
        Some("password") => {
            let name = first("username").ok_or(TokenFault::NoCredentials)?.to_owned();
            let password = first("password").ok_or(TokenFault::NoCredentials)?.to_owned();
            tried.by(&name);
            let user = service.log_in(name, Password::new(password), peer).await?;
            let refresh = wants_refresh.then(|| service.issue_refresh(&user));
            (user, refresh.map(|token| token.expose().to_owned()))
        }
        Some("refresh_token") => {
            let token = first("refresh_token").ok_or(TokenFault::NoCredentials)?;
            let user = service.refreshed(token).ok_or(TokenFault::BadRefreshToken)?;
            // The same one, not a new one: it shall have an end.
            (user, wants_refresh.then(|| token.to_owned()))
        }
        _ => return Err(TokenFault::UnsupportedGrant),
    };
    let grants = granted(app, &values(&parameters, "scope"), audience, Some(&user), peer)?;
    let issued = service.issue(audience, Some(&user), &grants).ok_or(TokenFault::NoRandomness)?;
    Ok(Answer { issued: &issued, refresh: refresh.as_deref(), grants: Some(&grants) }
        .into_response())
}
