//! The listener: accepts connections, bounds what each may use, and ends in good order.
//!
//! With `tls::accept`, `connection` and `farewell` all that knows axum-server. Never in here: routes.
//!
//! - `router` serves what is no route of ours.

mod router;

use std::convert::Infallible;
use std::future::{Future, ready};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use axum_server::Handle;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use thiserror::Error;
use tower::service_fn;

use crate::app::{App, ServerSettings, Service};
use crate::connection::Admission;
use crate::entrance::Entrance;
use crate::limits::Limits;
use crate::tls::{LiveTls, TlsAccept};
pub use router::{Visitor, serve_plain_router, serve_router};

/// Why the server stopped, or did not start.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The socket failed.
    #[error("the listening socket failed ({0}): check the address and that nothing else uses it")]
    Listen(#[source] io::Error),
}

/// What requests come in by.
#[derive(Clone)]
pub enum Transport {
    /// TLS. What is put in place of this configuration while the server runs holds for the
    /// handshakes that begin from then on.
    Tls(LiveTls),
    /// Plain HTTP, for a proxy in front that ends TLS: everyone on the way can read and change
    /// what is sent. The time for a handshake bounds nothing then.
    Plain,
}

/// How a server stops once it is asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopping {
    /// How long requests are still taken while ready answers 503 already, so that whoever asks it
    /// sends new ones elsewhere first.
    pub handover: Duration,
    /// How long what is in flight may take to finish after that; then it is cut.
    pub drain: Duration,
}

/// Serves `service` on a bound listener until `shutdown` completes.
///
/// Then ready answers 503, and each answer ends its connection; after the handover no new
/// connection is taken, and what is in flight may finish within the drain.
///
/// # Errors
/// [`ServeError`] when the listener fails.
pub async fn serve(
    listener: std::net::TcpListener,
    transport: Transport,
    service: Service,
    settings: ServerSettings,
    shutdown: impl Future<Output = ()> + Send + 'static,
    stopping: Stopping,
) -> Result<(), ServeError> {
    let limits = settings.limits.clone();
    let app = App::new(service, settings);
    let handle: Handle<SocketAddr> = Handle::new();
    let admission = Admission::new(&limits);
    let mut server = axum_server::from_tcp(listener)
        .map_err(ServeError::Listen)?
        .handle(handle.clone())
        .first_request_timeout(limits.first_request)
        .accept_error_handler(log_refused);
    bound_requests(server.http_builder(), &limits);
    let entered = app.clone();
    let service = service_fn(move |near: SocketAddr| {
        ready(Ok::<_, Infallible>(Entrance::of_connection(entered.clone(), near)))
    });
    let mut serving: Pin<Box<dyn Future<Output = io::Result<()>> + Send>> = match transport {
        Transport::Tls(tls) => {
            let acceptor = TlsAccept::new(admission, tls, limits.handshake);
            Box::pin(server.acceptor(acceptor).serve(service))
        }
        Transport::Plain => Box::pin(server.acceptor(admission).serve(service)),
    };
    tokio::select! {
        ended = &mut serving => ended.map_err(ServeError::Listen),
        () = shutdown => {
            app.begin_shutdown();
            tokio::select! {
                ended = &mut serving => return ended.map_err(ServeError::Listen),
                () = tokio::time::sleep(stopping.handover) => {}
            }
            handle.graceful_shutdown(Some(stopping.drain));
            serving.await.map_err(ServeError::Listen)
        }
    }
}

fn log_refused(peer: Option<&SocketAddr>, error: &io::Error) {
    let refused = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match peer {
        Some(peer) if matches!(refused, Some(rustls::Error::InvalidCertificate(_))) => {
            tracing::info!(%peer, %error, "a client's certificate is refused");
        }
        Some(peer) => tracing::debug!(%peer, %error, "connection refused"),
        None => tracing::warn!(%error, "cannot accept connections for now"),
    }
}

/// Bounds for each connection. HTTP/1: the time for the headers, which is the idle time too.
/// HTTP/2: streams, and how many resets are taken before the connection is closed. Both: headers.
fn bound_requests(builder: &mut Builder<TokioExecutor>, limits: &Limits) {
    const PENDING_RESETS: usize = 20;
    const LOCAL_RESETS: usize = 100;
    let head_bytes = limits.head_bytes.max(Limits::LEAST_HEAD_BYTES);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.idle)
        .max_buf_size(usize::try_from(head_bytes).unwrap_or(usize::MAX));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(head_bytes)
        .max_pending_accept_reset_streams(PENDING_RESETS)
        .max_local_error_reset_streams(LOCAL_RESETS);
}

#[cfg(test)]
mod tests;
