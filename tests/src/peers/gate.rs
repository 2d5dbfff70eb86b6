//! A gate between a client and a server: it passes everything on, and can hold one publish.
//!
//! With it a race has the same loser every time: the loser's publish is held, already built on the
//! old state, while somebody else publishes.
//! What never comes in: changing what passes.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::Response;
use http::{HeaderMap, Method, Uri};
use tokio::sync::Semaphore;

use super::front::{Front, pass_on};
use crate::wire::{Endpoint, Wire};

/// An open gate on a port of its own.
#[derive(Debug)]
pub struct Gate {
    front: Front,
    passage: Arc<Passage>,
}

impl Gate {
    /// Opens a gate before `server`, with a certificate made in `folder`.
    ///
    /// # Errors
    /// No port is free or the folder cannot be written.
    pub async fn open(folder: &Path, server: &Endpoint) -> Result<Self> {
        let passage = Arc::new(Passage {
            wire: Wire::to(server)?,
            holds: AtomicBool::new(false),
            arrived: Semaphore::new(0),
            released: Semaphore::new(0),
        });
        let router = Router::new()
            .fallback(pass)
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&passage));
        let front = Front::open(folder, "gate", router).await?;
        Ok(Self { front, passage })
    }

    /// Where clients come to.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        self.front.endpoint()
    }

    /// Holds the next publish until [`Gate::release`].
    pub fn hold_next_publish(&self) {
        self.passage.holds.store(true, Ordering::SeqCst);
    }

    /// Waits until the publish to be held is here.
    ///
    /// # Errors
    /// The gate is closed.
    pub async fn publish_arrived(&self) -> Result<()> {
        self.passage.arrived.acquire().await?.forget();
        Ok(())
    }

    /// Lets the held publish go on.
    pub fn release(&self) {
        self.passage.released.add_permits(1);
    }
}

#[derive(Debug)]
struct Passage {
    wire: Wire,
    holds: AtomicBool,
    arrived: Semaphore,
    released: Semaphore,
}

async fn pass(
    State(passage): State<Arc<Passage>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let is_publish = method == Method::POST && uri.path().ends_with("/_trust/tuf/");
    if is_publish && passage.holds.swap(false, Ordering::SeqCst) {
        passage.arrived.add_permits(1);
        if let Ok(permit) = passage.released.acquire().await {
            permit.forget();
        }
    }
    pass_on(&passage.wire, method, &uri, &headers, body).await
}
