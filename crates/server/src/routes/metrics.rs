//! `GET /metrics`: what was counted and measured, for Prometheus.
//!
//! Source: server spec 1.4.

use axum::http::header;
use axum::response::{IntoResponse as _, Response};

use crate::app::App;

/// 200 and the text form 0.0.4 of all families.
pub(super) fn metrics(app: &App) -> Response {
    let content_type = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    if let Some(audit) = &app.audit {
        app.metrics.audit(audit.usage());
    }
    let text = app.metrics.render(app.trust.memory_use(), app.access.rules_state());
    (content_type, text).into_response()
}
