//! One log line for every request, and the ID that ties it to the answer.
//!
//! Never in here: bodies, tokens, paths. Route and code come from closed sets.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderName, Method, Request};
use axum::response::Response;
use countersign_access::Caller;
use tracing::Level;

use crate::arrival::Arrival;
use crate::error::Outcome;

/// The header with our ID of the request.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What ties other lines to a request.
pub(crate) fn span(arrival: &Arrival) -> tracing::Span {
    tracing::info_span!("request", request_id = arrival.id.as_str())
}

/// Names the request in its answer, as the log does.
pub(crate) fn name(arrival: &Arrival, response: &mut Response) {
    if let Some(id) = arrival.id.header() {
        response.headers_mut().insert(REQUEST_ID, id);
    }
}

/// The other end of the connection, with its port; or the address that a trusted proxy tells.
fn shown_remote(near: Option<SocketAddr>, address: Option<IpAddr>) -> Option<String> {
    let near = near.filter(|near| Some(near.ip()) == address);
    near.map(|near| near.to_string()).or_else(|| address.map(|address| address.to_string()))
}

/// Whom the token names, as far as a line has room for it.
fn shown_user(caller: &Caller) -> Option<&str> {
    const MAX_BYTES: usize = 255;
    let user = caller.token_user.as_deref()?;
    user.get(..user.floor_char_boundary(MAX_BYTES))
}

/// The line of one request.
pub(crate) struct Line<'a> {
    method: &'static str,
    arrival: &'a Arrival,
}

impl<'a> Line<'a> {
    pub(crate) fn of<B>(arrival: &'a Arrival, request: &Request<B>) -> Self {
        Self { method: known_method(request.method()), arrival }
    }

    /// Writes the line, once it is known what the answer is.
    pub(crate) fn write(&self, response: &Response) {
        // Most servers write no line for most requests, which then costs nothing.
        if !response.status().is_server_error() && !tracing::enabled!(Level::INFO) {
            return;
        }
        let Self { method, arrival: Arrival { route, peer, near, id, at } } = self;
        let outcome = response.extensions().get::<Outcome>();
        let user = response.extensions().get::<Caller>().and_then(shown_user);
        let (request_id, certificate) = (id.as_str(), peer.certificate.as_deref());
        let gun = route.gun().map(|gun| gun.as_str());
        let (role, route) = (route.role(), route.name().as_str());
        let status = response.status().as_u16();
        let code = outcome.map(|outcome| outcome.code);
        let cause = outcome.map(|outcome| outcome.cause.as_str());
        let duration_ms = u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX);
        let remote = shown_remote(*near, peer.address);
        let remote = remote.as_deref();
        if response.status().is_server_error() {
            tracing::error!(
                method,
                route,
                gun,
                role,
                status,
                code,
                cause,
                duration_ms,
                request_id,
                remote,
                user,
                certificate,
                "request failed"
            );
        } else {
            tracing::info!(
                method,
                route,
                gun,
                role,
                status,
                code,
                cause,
                duration_ms,
                request_id,
                remote,
                user,
                certificate,
                "request"
            );
        }
    }
}

/// The method, or `OTHER`: a client may send any word as one.
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::CONNECT => "CONNECT",
        Method::DELETE => "DELETE",
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::TRACE => "TRACE",
        _ => "OTHER",
    }
}
