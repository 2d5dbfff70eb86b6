//! `GET /v2/`: what clients ask first. It touches no storage.

use axum::response::{IntoResponse as _, Response};

/// 200 and `{}`, as plain text.
pub(super) fn ping() -> Response {
    "{}".into_response()
}
