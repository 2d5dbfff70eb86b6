//! `GET /metrics`, for a listener of its own: who reads how much is signed needs no certificate that
//! lets him sign.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::signer::Signer;

/// The page alone.
pub fn metrics_router(signer: Arc<Signer>) -> Router {
    Router::new().route("/metrics", get(page)).with_state(signer)
}

async fn page(State(signer): State<Arc<Signer>>) -> Response {
    let content_type = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (content_type, signer.render_metrics()).into_response()
}
