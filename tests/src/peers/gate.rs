//! A gate between a client and a server: it passes everything on, and can hold one publish.
//!
//! With it a race has the same loser every time: the loser's publish is held, already built on the
//! old state, while somebody else publishes.
//! What never comes in: changing what passes.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, StatusCode, Uri};
use tokio::sync::Semaphore;

use super::certs::Authority;
use crate::wire::{Endpoint, Wire, install_provider};

/// An open gate on a port of its own.
#[derive(Debug)]
pub struct Gate {
    endpoint: Endpoint,
    handle: Handle<std::net::SocketAddr>,
    passage: Arc<Passage>,
}

impl Gate {
    /// Opens a gate before `server`, with a certificate made in `folder`.
    ///
    /// # Errors
    /// No port is free or the folder cannot be written.
    pub async fn open(folder: &Path, server: &Endpoint) -> Result<Self> {
        install_provider();
        let authority = Authority::create(folder, "gate's CA")?;
        let leaf = authority.leaf("gate")?;
        let tls = RustlsConfig::from_pem_file(&leaf.certificate, &leaf.key).await?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let endpoint = Endpoint::new(listener.local_addr()?.port(), authority.certificate());
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
        let handle = Handle::new();
        let serving = axum_server::from_tcp_rustls(listener, tls)?
            .handle(handle.clone())
            .serve(router.into_make_service());
        // Ends with the handle, which this gate owns.
        tokio::spawn(serving);
        Ok(Self { endpoint, handle, passage })
    }

    /// Where clients come to.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
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

impl Drop for Gate {
    fn drop(&mut self) {
        self.handle.shutdown();
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
    match passage.wire.send(method, uri.path(), headers.get(CONTENT_TYPE), body.to_vec()).await {
        Ok(answer) => {
            let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
            (status, answer.body).into_response()
        }
        Err(error) => (StatusCode::BAD_GATEWAY, format!("{error:#}")).into_response(),
    }
}
