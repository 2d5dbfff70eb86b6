//! `GET /_countersign/live`: whether the process answers at all. It touches no storage.

use axum::http::header;
use axum::response::{IntoResponse as _, Response};

/// 200 and `{}`.
pub(super) fn live() -> Response {
    ([(header::CONTENT_TYPE, "application/json; charset=utf-8")], "{}").into_response()
}
