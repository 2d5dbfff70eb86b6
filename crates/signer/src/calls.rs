//! What calls may use: time, memory, places.
//!
//! A message is held whole until its call ends. So short ones are as many as there are places for
//! calls, and only a few of all calls may have a long one; the others wait for one of them to end.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::StreamExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::refusal;

/// What all calls of a signer may use together, those for its health aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallLimits {
    /// How long one may take, the time in which its message comes included. Default 20 s.
    pub time: Duration,
    /// How many there may be at a time; the others wait. Default 4,096.
    pub calls: usize,
    /// Bytes of a message that every call may have. Default 64 KiB.
    pub short_bytes: usize,
    /// How many of them may have a longer message at a time. Default 16.
    pub long: usize,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self { time: Duration::from_secs(20), calls: 4_096, short_bytes: 64 << 10, long: 16 }
    }
}

/// The places of a signer.
#[derive(Clone)]
pub(crate) struct Places {
    limits: CallLimits,
    calls: Arc<Semaphore>,
    long: Arc<Semaphore>,
}

impl Places {
    pub(crate) fn new(limits: CallLimits) -> Self {
        let places = |most: usize| Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)));
        Self { limits, calls: places(limits.calls), long: places(limits.long) }
    }
}

/// Lets a call have its place and time.
pub(crate) async fn bound(State(places): State<Places>, request: Request, next: Next) -> Response {
    let call = async {
        // Nobody closes these semaphores.
        let _place = Arc::clone(&places.calls).acquire_owned().await.ok();
        // Held until the call ends, since the message is.
        let long = Arc::new(Mutex::new(None));
        next.run(request.map(|body| measured(body, &places, &long))).await
    };
    match timeout(places.limits.time, call).await {
        Ok(response) => response,
        Err(_) => refusal::late().into_http(),
    }
}

/// `body`, which waits for a place among the long ones once it is one.
fn measured(body: Body, places: &Places, long: &Arc<Mutex<Option<OwnedSemaphorePermit>>>) -> Body {
    let (places, long) = (places.clone(), Arc::clone(long));
    let mut read = 0_usize;
    let mut taken = false;
    Body::from_stream(body.into_data_stream().then(move |piece| {
        read = read.saturating_add(piece.as_ref().map_or(0, |piece| piece.len()));
        let takes = read > places.limits.short_bytes && !taken;
        taken |= takes;
        let place = takes.then(|| (Arc::clone(&places.long), Arc::clone(&long)));
        async move {
            if let Some((places, held)) = place {
                let place = places.acquire_owned().await.ok();
                *held.lock().unwrap_or_else(PoisonError::into_inner) = place;
            }
            piece
        }
    }))
}
