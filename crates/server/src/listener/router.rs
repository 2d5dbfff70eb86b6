//! Any router over HTTP/2 and TLS, for services whose clients keep their connections: gRPC; and one
//! over plain HTTP beside it.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::middleware::map_request;
use axum_server::Handle;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;

use super::{ServeError, bound_requests, log_refused};
use crate::connection::Admission;
use crate::limits::Limits;
use crate::peer::Peer;
use crate::tls::{LiveTls, TlsAccept};

/// Whom a request that [`serve_router`] brings comes from; an extension of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visitor {
    /// Where it is.
    pub address: Option<IpAddr>,
    /// Whom its certificate names, `None` when that is nobody; or why what it has shown does not
    /// count any more.
    pub name: Result<Option<String>, String>,
}

/// Serves `router` on a bound listener until `shutdown` completes; then no new connection is taken,
/// and what is in flight may finish within `drain`.
///
/// Of the limits those of connections and heads hold. A connection may be idle for as long as its
/// client answers pings, which it is sent often enough to show within the idle time that it is
/// gone.
///
/// # Errors
/// [`ServeError`] when the listener fails.
pub async fn serve_router(
    listener: std::net::TcpListener,
    tls: LiveTls,
    router: Router,
    limits: &Limits,
    shutdown: impl Future<Output = ()> + Send + 'static,
    drain: Duration,
) -> Result<(), ServeError> {
    let handle: Handle<SocketAddr> = Handle::new();
    let mut server = axum_server::from_tcp(listener)
        .map_err(ServeError::Listen)?
        .handle(handle.clone())
        .accept_error_handler(log_refused);
    *server.http_builder() = Builder::new(TokioExecutor::new()).http2_only();
    bound_requests(server.http_builder(), limits);
    keep_alive(server.http_builder(), limits.idle);
    let acceptor = TlsAccept::new(Admission::new(limits), tls, limits.handshake);
    let service = router.layer(map_request(introduce));
    let service = service.into_make_service_with_connect_info::<SocketAddr>();
    let mut serving: Pin<Box<dyn Future<Output = io::Result<()>> + Send>> =
        Box::pin(server.acceptor(acceptor).serve(service));
    tokio::select! {
        ended = &mut serving => ended.map_err(ServeError::Listen),
        () = shutdown => {
            handle.graceful_shutdown(Some(drain));
            serving.await.map_err(ServeError::Listen)
        }
    }
}

/// Serves `router` over plain HTTP on a bound listener until `shutdown` completes, and then for at
/// most `drain`: for what holds no secret and belongs to whoever runs the machine.
///
/// # Errors
/// [`ServeError`] when the listener fails.
pub async fn serve_plain_router(
    listener: std::net::TcpListener,
    router: Router,
    limits: &Limits,
    shutdown: impl Future<Output = ()> + Send + 'static,
    drain: Duration,
) -> Result<(), ServeError> {
    let handle: Handle<SocketAddr> = Handle::new();
    let mut server = axum_server::from_tcp(listener)
        .map_err(ServeError::Listen)?
        .handle(handle.clone())
        .first_request_timeout(limits.first_request)
        .accept_error_handler(log_refused);
    bound_requests(server.http_builder(), limits);
    let service = router.into_make_service();
    let mut serving: Pin<Box<dyn Future<Output = io::Result<()>> + Send>> =
        Box::pin(server.acceptor(Admission::new(limits)).serve(service));
    tokio::select! {
        ended = &mut serving => ended.map_err(ServeError::Listen),
        () = shutdown => {
            handle.graceful_shutdown(Some(drain));
            serving.await.map_err(ServeError::Listen)
        }
    }
}

fn keep_alive(builder: &mut Builder<TokioExecutor>, idle: Duration) {
    let third = idle / 3;
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Some(third))
        .keep_alive_timeout(third);
}

async fn introduce(mut request: Request) -> Request {
    let near = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|near| near.0);
    let Peer { address, certificate, not_let_in, .. } = Peer::of(&request, near, 0);
    let name = match not_let_in {
        None => Ok(certificate),
        Some(why) => Err(why.to_string()),
    };
    request.extensions_mut().insert(Visitor { address, name });
    request
}
