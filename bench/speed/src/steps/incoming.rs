//! The body of a publish as it comes in from a connection, read into its parts as the server does.

use std::convert::Infallible;

use anyhow::{Result, ensure};
use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use countersign_server::{Limits, read_upload};
use countersign_tests::upload;
use futures_util::stream;
use http::header::CONTENT_TYPE;
use tokio::runtime::{Builder, Runtime};

/// The length of a piece: what a record of TLS holds at most (RFC 8446, 5.1).
const PIECE: usize = 16 << 10;

/// A body that can be read again and again.
pub(super) struct Incoming {
    runtime: Runtime,
    pieces: Vec<Bytes>,
    limits: Limits,
}

impl Incoming {
    /// The upload of one document of targets.
    pub(super) fn new(targets: &Bytes) -> Result<Self> {
        let mut body = Bytes::from(upload::form(&[("targets".to_owned(), targets.to_vec())]));
        let mut pieces = Vec::new();
        while !body.is_empty() {
            pieces.push(body.split_to(PIECE.min(body.len())));
        }
        let runtime = Builder::new_current_thread().enable_time().build()?;
        Ok(Self { runtime, pieces, limits: Limits::default() })
    }

    /// Reads it, from the multipart to the parsed document.
    pub(super) fn read(&self) -> Result<()> {
        let pieces = self.pieces.clone().into_iter().map(Ok::<_, Infallible>);
        let body = Body::from_stream(stream::iter(pieces));
        let request = Request::post("/").header(CONTENT_TYPE, upload::CONTENT_TYPE).body(body)?;
        let parts = self.runtime.block_on(read_upload(request, &self.limits))?;
        ensure!(parts.len() == 1, "{} parts instead of one", parts.len());
        Ok(())
    }
}
