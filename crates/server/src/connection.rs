//! One TCP connection: admitted under the connection limit, and cut when no byte moves.

use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready as ready_or_pending};
use std::time::Duration;

use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};

use crate::limits::Limits;

/// Admits connections up to the limit. One over it is closed before its handshake.
#[derive(Clone)]
pub(crate) struct Admission {
    places: Arc<Semaphore>,
    idle: Duration,
}

impl Admission {
    pub(crate) fn new(limits: &Limits) -> Self {
        let places = limits.connections.min(Semaphore::MAX_PERMITS);
        Self { places: Arc::new(Semaphore::new(places)), idle: limits.idle }
    }
}

impl<S> Accept<TcpStream, S> for Admission {
    type Stream = Connection;
    type Service = S;
    type Future = Ready<io::Result<(Connection, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return ready(Err(io::Error::other("the connection limit is reached")));
        };
        // Answers are small and written whole; waiting to fill a segment only delays them.
        let connection = stream.set_nodelay(true).map(|()| Connection {
            stream,
            idle: self.idle,
            moved: Instant::now(),
            deadline: Box::pin(tokio::time::sleep(self.idle)),
            _place: place,
        });
        ready(connection.map(|connection| (connection, service)))
    }
}

/// A connection that holds its place until it closes, and fails when it moves no byte in either
/// direction for the idle time: also a client that never reads its answer is let go.
pub(crate) struct Connection {
    stream: TcpStream,
    idle: Duration,
    /// When the last byte moved.
    moved: Instant,
    deadline: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl Connection {
    /// What came of a read or write: progress moves the deadline, waiting is bounded by it.
    fn watch<T>(
        &mut self,
        outcome: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.moved = Instant::now();
            return outcome;
        }
        // The timer is set again when it ends and not for every byte that moves.
        loop {
            ready_or_pending!(self.deadline.as_mut().poll(cx));
            let deadline = self.moved + self.idle;
            if self.deadline.deadline() >= deadline {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            self.deadline.as_mut().reset(deadline);
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.watch(outcome, cx)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watch(outcome, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.watch(outcome, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
