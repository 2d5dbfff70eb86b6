//! One log line for every request, and the ID that ties it to the answer.
//!
//! Never in here: bodies, tokens, paths. Route and code come from closed sets.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::response::Response;
use countersign_access::Caller;
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::app::App;
use crate::error::Outcome;
use crate::peer::Peer;
use crate::route::Route;

/// The header with our ID of the request. One that comes in is not looked at.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The ID of a request; an extension of it.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) Arc<str>);

/// Makes IDs that differ between requests and between processes.
pub(crate) struct RequestIds {
    process: u64,
    next: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new() -> Self {
        let mut process = [0; 8];
        // Without randomness IDs only repeat after a restart; nothing but log search needs them.
        if SystemRandom::new().fill(&mut process).is_err() {
            process = u64::from(std::process::id()).to_be_bytes();
        }
        Self { process: u64::from_be_bytes(process), next: AtomicU64::new(1) }
    }

    fn next(&self) -> String {
        format!("{:016x}-{}", self.process, self.next.fetch_add(1, Ordering::Relaxed))
    }
}

/// Around everything: finds the route, passes it on, and writes the line.
pub(crate) async fn requests(
    app: &App,
    mut request: Request,
    next: impl AsyncFnOnce(Request) -> Response,
) -> Response {
    let started = Instant::now();
    let request_id = app.request_ids.next();
    let route = app.route(request.method(), request.uri().path());
    let method = known_method(request.method());
    let remote = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0);
    let peer = Peer::of(&request, app.settings.trusted_hops);
    let remote = shown_remote(remote, peer.address);
    let certificate = peer.certificate.clone();
    request.extensions_mut().insert(route.clone());
    request.extensions_mut().insert(RequestId(request_id.as_str().into()));
    request.extensions_mut().insert(peer);

    let span = tracing::info_span!("request", request_id);
    let mut response = next(request).instrument(span).await;

    let certificate = certificate.as_deref();
    let line =
        Line { method, route: &route, request_id: &request_id, remote, certificate, started };
    line.write(&response);
    if let Ok(id) = HeaderValue::try_from(request_id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
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

struct Line<'a> {
    method: &'static str,
    route: &'a Route,
    request_id: &'a str,
    remote: Option<String>,
    certificate: Option<&'a str>,
    started: Instant,
}

impl Line<'_> {
    fn write(&self, response: &Response) {
        let outcome = response.extensions().get::<Outcome>();
        let Self { method, request_id, certificate, .. } = self;
        let user = response.extensions().get::<Caller>().and_then(shown_user);
        let route = self.route.name().as_str();
        let gun = self.route.gun().map(|gun| gun.as_str());
        let role = self.route.role();
        let status = response.status().as_u16();
        let code = outcome.map(|outcome| outcome.code);
        let cause = outcome.map(|outcome| outcome.cause.as_str());
        let duration_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let remote = self.remote.as_deref();
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
