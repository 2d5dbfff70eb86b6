//! Answers that tell the client to come back on another connection: each while the server stops, so
//! that clients that keep theirs open go elsewhere between two requests and lose none; and one to a
//! client whose certificate does not count any more.

use axum::http::{HeaderValue, Request, Version, header};
use axum::response::Response;
use axum_server::ConnectionShutdown;

use crate::app::App;

/// An extension of an answer that is the last on its connection.
#[derive(Clone, Copy)]
pub(crate) struct Last;

/// How a connection is told that it ends: `Connection: close` in HTTP/1, GOAWAY in HTTP/2.
pub(crate) enum Farewell {
    /// In the answer itself: a connection that just closed might lose the next request.
    Http1,
    /// To the connection, where there is one.
    Http2(Option<ConnectionShutdown>),
}

impl Farewell {
    /// Of the connection that `request` came by.
    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        if request.version() < Version::HTTP_2 {
            return Self::Http1;
        }
        Self::Http2(request.extensions().get().cloned())
    }

    /// Says it, if `response` is the last one.
    pub(crate) fn say(self, app: &App, response: &mut Response) {
        if !app.is_stopping() && response.extensions().get::<Last>().is_none() {
            return;
        }
        match self {
            Self::Http1 => {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(header::CONNECTION, close);
            }
            Self::Http2(Some(connection)) => connection.graceful_shutdown(),
            Self::Http2(None) => {}
        }
    }
}
