//! Answers that tell the client to come back on another connection: each while the server stops, so
//! that clients that keep theirs open go elsewhere between two requests and lose none; and one to a
//! client whose certificate does not count any more.

use axum::extract::Request;
use axum::http::{HeaderValue, Version, header};
use axum::response::Response;
use axum_server::ConnectionShutdown;

use crate::app::App;

/// An extension of an answer that is the last on its connection.
#[derive(Clone, Copy)]
pub(crate) struct Last;

/// Says farewell around the rest: `Connection: close` in HTTP/1, GOAWAY in HTTP/2.
pub(crate) async fn requests(
    app: &App,
    request: Request,
    next: impl AsyncFnOnce(Request) -> Response,
) -> Response {
    let version = request.version();
    let connection = request.extensions().get::<ConnectionShutdown>().cloned();
    let mut response = next(request).await;
    if !app.is_stopping() && response.extensions().get::<Last>().is_none() {
        return response;
    }
    if version < Version::HTTP_2 {
        // Said in the answer itself: a connection that just closed might lose the next request.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    } else if let Some(connection) = connection {
        connection.graceful_shutdown();
    }
    response
}
