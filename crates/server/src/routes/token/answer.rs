//! A token as clients read it.

use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use chrono::SecondsFormat;
use countersign_access::issue::Grant;
use serde::Serialize;

use crate::token_service::Issued;
use crate::wire;

pub(super) struct Answer<'a> {
    pub(super) issued: &'a Issued,
    pub(super) refresh: Option<&'a str>,
    /// `None` where what was granted is not told beside the token.
    pub(super) grants: Option<&'a [Grant]>,
}

/// Older clients read `token`, newer ones and OAuth 2 `access_token`.
#[derive(Serialize)]
struct Body<'a> {
    token: &'a str,
    access_token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    expires_in: i64,
    issued_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
}

impl Answer<'_> {
    pub(super) fn into_response(self) -> Response {
        let token = self.issued.token.expose();
        let body = Body {
            token,
            access_token: token,
            token_type: self.grants.map(|_| "Bearer"),
            expires_in: self.issued.lifetime_seconds,
            issued_at: self.issued.at.to_rfc3339_opts(SecondsFormat::Secs, true),
            scope: self.grants.map(scope),
            refresh_token: self.refresh,
        };
        let headers = [
            (header::CONTENT_TYPE, "application/json; charset=utf-8"),
            (header::CACHE_CONTROL, "no-store"),
        ];
        (headers, wire::json(&body)).into_response()
    }
}

fn scope(grants: &[Grant]) -> String {
    let one = |grant: &Grant| {
        let Grant { kind, name, actions } = grant;
        format!("{kind}:{name}:{}", actions.join(","))
    };
    grants.iter().map(one).collect::<Vec<_>>().join(" ")
}
