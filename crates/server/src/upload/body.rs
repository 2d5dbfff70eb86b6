//! The body of an upload, read piece by piece under its limits.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use futures_util::{Stream, StreamExt as _};
use thiserror::Error;
use tokio::time::{Instant, Sleep};

use crate::limits::Limits;

/// Why no further piece of a body is read.
#[derive(Debug, Error)]
pub(super) enum BodyFault {
    /// The connection failed.
    #[error("the body cannot be read")]
    Broken(#[source] axum::Error),
    /// Over a limit; names it.
    #[error("over the limit on {0}")]
    TooLarge(&'static str),
    /// A piece, or the whole, took too long.
    #[error("the body arrived too slowly")]
    TooSlow,
}

/// A body that can be handed to the multipart reader and, when that has failed, be read on.
///
/// The lock is held for one poll at most, never while a piece is waited for.
#[derive(Clone)]
pub(super) struct LimitedBody(Arc<Mutex<Reader>>);

struct Reader {
    pieces: BodyDataStream,
    /// Bytes that may still come.
    left: u64,
    /// The bound on what comes before the headers of the present part end; `None` within content,
    /// which has a limit of its own.
    headers: Option<HeaderBound>,
    /// The multipart reader collects whatever is there before it looks at any of it. After each
    /// piece it is told once that there is nothing, so that it holds only what it needs.
    rest: bool,
    pause: Duration,
    deadline: Instant,
    timer: Pin<Box<Sleep>>,
}

/// Headers may begin anywhere in the first piece; all that comes after it belongs to them for as
/// long as they have not ended.
#[derive(Clone, Copy)]
enum HeaderBound {
    BeforeFirstPiece { limit: u64 },
    After { left: u64 },
}

impl LimitedBody {
    pub(super) fn new(body: Body, limits: &Limits) -> Self {
        let now = Instant::now();
        Self(Arc::new(Mutex::new(Reader {
            pieces: body.into_data_stream(),
            left: limits.body_bytes,
            headers: None,
            rest: false,
            pause: limits.body_pause,
            deadline: now + limits.body_time,
            timer: Box::pin(tokio::time::sleep(limits.body_pause.min(limits.body_time))),
        })))
    }

    /// The pieces, as a body again.
    pub(super) fn to_body(&self) -> Body {
        Body::from_stream(self.clone())
    }

    /// From here on headers are expected: about `limit` bytes at most, and never more than one
    /// piece beyond, are kept until they end.
    pub(super) fn expect_headers(&self, limit: u64) {
        self.reader().headers = Some(HeaderBound::BeforeFirstPiece { limit });
    }

    /// From here on content is expected.
    pub(super) fn expect_content(&self) {
        self.reader().headers = None;
    }

    /// Reads and forgets at most `most` bytes. A client that is still sending when the connection
    /// closes may never see its answer.
    pub(super) async fn discard(mut self, most: u64) {
        {
            let mut reader = self.reader();
            reader.headers = None;
            reader.left = reader.left.min(most);
        }
        while let Some(Ok(_)) = self.next().await {}
    }

    fn reader(&self) -> MutexGuard<'_, Reader> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stream for LimitedBody {
    type Item = Result<Bytes, BodyFault>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.reader().poll_piece(cx)
    }
}

impl Reader {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyFault>>> {
        if std::mem::take(&mut self.rest) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if matches!(self.headers, Some(HeaderBound::After { left: 0 })) {
            return Poll::Ready(Some(Err(BodyFault::TooLarge("the headers of a part"))));
        }
        match self.pieces.poll_next_unpin(cx) {
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(BodyFault::Broken(error)))),
            Poll::Ready(Some(Ok(piece))) => Poll::Ready(Some(self.account(piece))),
            Poll::Pending => self.timer.as_mut().poll(cx).map(|()| Some(Err(BodyFault::TooSlow))),
        }
    }

    fn account(&mut self, piece: Bytes) -> Result<Bytes, BodyFault> {
        let now = Instant::now();
        if now >= self.deadline {
            return Err(BodyFault::TooSlow);
        }
        self.timer.as_mut().reset(self.deadline.min(now + self.pause));
        let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        self.left = self.left.checked_sub(length).ok_or(BodyFault::TooLarge("the body"))?;
        self.headers = self.headers.map(|bound| match bound {
            HeaderBound::BeforeFirstPiece { limit } => HeaderBound::After { left: limit },
            HeaderBound::After { left } => HeaderBound::After { left: left.saturating_sub(length) },
        });
        self.rest = true;
        Ok(piece)
    }
}
