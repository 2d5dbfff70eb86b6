//! An HTTPS front on a port of its own: what a gate, an impostor and a liar have in common.
//!
//! What never comes in: what is done with a request.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use http::header::CONTENT_TYPE;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, StatusCode, Uri};

use super::certs::Authority;
use crate::wire::{Endpoint, Wire, install_provider};

/// A router that answers HTTPS until it is dropped.
#[derive(Debug)]
pub(super) struct Front {
    endpoint: Endpoint,
    handle: Handle<SocketAddr>,
}

impl Front {
    /// Serves `router` on a free port, with an authority called `name` made in `folder`.
    ///
    /// # Errors
    /// No port is free or the folder cannot be written.
    pub(super) async fn open(folder: &Path, name: &str, router: Router) -> Result<Self> {
        install_provider();
        let authority = Authority::create(folder, &format!("{name}'s CA"))?;
        let leaf = authority.leaf(name)?;
        let tls = RustlsConfig::from_pem_file(&leaf.certificate, &leaf.key).await?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let endpoint = Endpoint::new(listener.local_addr()?.port(), authority.certificate());
        let handle = Handle::new();
        let serving = axum_server::from_tcp_rustls(listener, tls)?
            .handle(handle.clone())
            .serve(router.into_make_service());
        // Ends with the handle, which this front owns.
        tokio::spawn(serving);
        Ok(Self { endpoint, handle })
    }

    /// Where clients come to.
    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.handle.shutdown();
    }
}

/// Sends a request on to the server behind, and gives back what it says.
pub(super) async fn pass_on(
    wire: &Wire,
    method: Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path_and_query().map_or(uri.path(), PathAndQuery::as_str);
    match wire.send(method, path, headers.get(CONTENT_TYPE), body.to_vec()).await {
        Ok(answer) => {
            let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
            (status, answer.body).into_response()
        }
        Err(error) => (StatusCode::BAD_GATEWAY, format!("{error:#}")).into_response(),
    }
}
