//! `GET /_countersign/ready`: whether this process should get requests.

use axum::response::Response;

use super::health;
use crate::app::App;
use crate::audit::Audit;

/// As health but for the clock; 503 also once shutdown has begun, and while nothing can be recorded
/// and so nothing is changed.
pub(super) async fn ready(app: &App) -> Response {
    if app.is_stopping() {
        return health::answer(&[("Shutdown", "the server is stopping")]);
    }
    if let Some(trouble) = app.audit.as_deref().and_then(Audit::trouble) {
        return health::answer(&[("Audit operational", &trouble)]);
    }
    health::reachable(&app.trust.health().await)
}
