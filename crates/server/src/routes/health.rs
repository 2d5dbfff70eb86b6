//! `GET /_notary_server/health`: whether the server can do its work.
//!
//! Source: server spec 1.4 (names of the checks, statuses).

use std::collections::BTreeMap;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use crate::app::App;
use crate::wire;
use countersign_trust::Health;

/// 200 and `{}`, or 503 and the checks that fail with what they say.
pub(super) async fn health(app: &App) -> Response {
    let health = app.trust.health().await;
    checked(&[
        ("DB operational", &health.database),
        ("Trust operational", &health.custody),
        ("Clock operational", &health.clock),
    ])
}

/// The answer of a process that may get requests as long as it reaches what it needs. Whatever its
/// clock reads, reads are answered; a publish that cannot be is told so.
pub(super) fn reachable(health: &Health) -> Response {
    checked(&[("DB operational", &health.database), ("Trust operational", &health.custody)])
}

fn checked(checks: &[(&str, &Result<(), String>)]) -> Response {
    let failed: Vec<(&str, &str)> = checks
        .iter()
        .filter_map(|(name, check)| check.as_ref().err().map(|error| (*name, error.as_str())))
        .collect();
    answer(&failed)
}

/// The answer for these failed checks.
pub(super) fn answer(failed: &[(&str, &str)]) -> Response {
    let status = if failed.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let checks: BTreeMap<&str, &str> = failed.iter().copied().collect();
    let content_type = [(header::CONTENT_TYPE, "application/json; charset=utf-8")];
    (status, content_type, wire::json(&checks)).into_response()
}
