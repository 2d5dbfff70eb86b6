//! gRPC as it is on the wire: calls by their paths, with bytes for messages, to any signer.
//!
//! What never comes in: our crates' opinion of messages, where a test has its own bytes.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use bytes::{Buf as _, BufMut as _, Bytes};
use futures_util::future::poll_fn;
use futures_util::{StreamExt as _, stream};
use http::uri::PathAndQuery;
use http_body_util::StreamBody;
use hyper::body::Frame;
use tonic::body::Body;
use tonic::client::{Grpc, GrpcService as _};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::MetadataValue;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Request, Status};

use crate::peers::certs::Pair;

/// How long a call may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection to the signer on this port of loopback, which is known by the certificates in `ca`;
/// the client shows `identity`, or nothing.
///
/// # Errors
/// A file cannot be read, or the connection is not made.
pub async fn connect(port: u16, ca: &Path, identity: Option<&Pair>) -> Result<Channel> {
    let mut tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(fs::read(ca)?))
        .domain_name("localhost");
    if let Some(pair) = identity {
        tls = tls.identity(Identity::from_pem(fs::read(&pair.certificate)?, fs::read(&pair.key)?));
    }
    let endpoint = Endpoint::from_shared(format!("https://localhost:{port}"))?;
    Ok(endpoint.tls_config(tls)?.timeout(PATIENCE).connect().await?)
}

/// One call: the bytes of its message, for those of the answer's.
///
/// # Errors
/// What the signer said instead.
pub async fn call(channel: &Channel, path: &str, message: Vec<u8>) -> Result<Vec<u8>, Status> {
    send(channel, path, Request::new(message)).await
}

/// The same, saying for which GUN and role it is, as a server of ours does.
///
/// # Errors
/// As [`call`].
pub async fn call_for(
    channel: &Channel,
    path: &str,
    message: Vec<u8>,
    (gun, role): (&str, &'static str),
) -> Result<Vec<u8>, Status> {
    let mut request = Request::new(message);
    let metadata = request.metadata_mut();
    metadata.insert_bin("countersign-gun-bin", MetadataValue::from_bytes(gun.as_bytes()));
    metadata.insert("countersign-role", MetadataValue::from_static(role));
    send(channel, path, request).await
}

async fn send(channel: &Channel, path: &str, request: Request<Vec<u8>>) -> Result<Vec<u8>, Status> {
    let path = path.parse::<PathAndQuery>().map_err(|error| Status::internal(error.to_string()))?;
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    grpc.unary(request, path, AsItIs).await.map(tonic::Response::into_inner)
}

/// A call whose message begins and does not go on. Ends when the signer ends it.
pub async fn stalled(channel: &Channel, path: &'static str, message: &[u8]) {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
    let begun = [&[0], length.as_slice(), message.split_at(message.len() / 2).0].concat();
    let pieces = stream::once(async { Ok::<_, Status>(Frame::data(Bytes::from(begun))) })
        .chain(stream::pending());
    let request = http::Request::post(path)
        .header("content-type", "application/grpc")
        .body(Body::new(StreamBody::new(pieces)));
    let mut channel = channel.clone();
    if let (Ok(request), Ok(())) = (request, poll_fn(|cx| channel.poll_ready(cx)).await) {
        channel.call(request).await.ok();
    }
}

/// Messages as bytes.
struct AsItIs;

impl Codec for AsItIs {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for AsItIs {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(Bytes::from(item));
        Ok(())
    }
}

impl Decoder for AsItIs {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut bytes = vec![0; buffer.remaining()];
        buffer.copy_to_slice(&mut bytes);
        Ok(Some(bytes))
    }
}
