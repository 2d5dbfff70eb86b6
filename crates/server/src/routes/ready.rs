//! `GET /_countersign/ready`: whether this process should get requests.

use axum::response::Response;

use super::health;
use crate::app::App;

/// As health but for the clock, and 503 once shutdown has begun.
pub(super) async fn ready(app: &App) -> Response {
    if app.is_stopping() {
        return health::answer(&[("Shutdown", "the server is stopping")]);
    }
    health::reachable(&app.trust.health().await)
}
