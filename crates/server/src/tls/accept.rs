//! The handshake of one connection, after which each of its requests knows what its client has
//! shown.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::Request;
use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::Service;

use super::LiveTls;
use super::shown::Shown;

/// Takes connections over TLS that `inner` has admitted.
#[derive(Clone)]
pub(crate) struct TlsAccept<A> {
    inner: A,
    tls: LiveTls,
    handshake: Duration,
}

impl<A> TlsAccept<A> {
    /// With the configuration that is in place when a handshake begins; one that takes longer
    /// than `handshake` fails.
    pub(crate) fn new(inner: A, tls: LiveTls, handshake: Duration) -> Self {
        Self { inner, tls, handshake }
    }
}

impl<A, I, S> Accept<I, S> for TlsAccept<A>
where
    A: Accept<I, S>,
    A::Future: Send + 'static,
    A::Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A::Service: Send + 'static,
{
    type Stream = TlsStream<A::Stream>;
    type Service = WithShown<A::Service>;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, Self::Service)>> + Send>>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        let admitted = self.inner.accept(stream, service);
        let (tls, handshake) = (self.tls.clone(), self.handshake);
        Box::pin(async move {
            let (stream, service) = admitted.await?;
            let setup = tls.setup();
            let acceptor = TlsAcceptor::from(Arc::clone(&setup.config));
            let stream = timeout(handshake, acceptor.accept(stream))
                .await
                .map_err(|late| io::Error::new(io::ErrorKind::TimedOut, late))??;
            let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
            let chain = chain.iter().map(|one| one.clone().into_owned()).collect();
            let shown = Arc::new(Shown::new(tls, setup, chain));
            Ok((stream, WithShown { inner: service, shown }))
        })
    }
}

/// A connection's service that gives each request the connection's [`Shown`].
#[derive(Clone)]
pub(crate) struct WithShown<S> {
    inner: S,
    shown: Arc<Shown>,
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for WithShown<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        request.extensions_mut().insert(Arc::clone(&self.shown));
        self.inner.call(request)
    }
}
