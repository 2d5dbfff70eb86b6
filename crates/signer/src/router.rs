//! The services as one router.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use countersign_custody::remote::MAX_MESSAGE_BYTES;
use countersign_custody::remote::protocol::key_management_server::KeyManagementServer;
use countersign_custody::remote::protocol::signer_server::SignerServer;
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};
use tonic::{Code, Status};
use tonic_health::pb::health_server::HealthServer;
use tower::ServiceExt as _;

use crate::calls::{CallLimits, Places, bound};
use crate::health::HealthService;
use crate::key_management::KeyManagement;
use crate::metrics;
use crate::refusal;
use crate::signer::Signer;
use crate::signing::Signing;

/// All services over `signer`, for whoever brings the requests, each with its
/// [`Caller`](crate::Caller).
///
/// Connections are not bounded here.
pub fn router(signer: Arc<Signer>, limits: CallLimits) -> Router {
    let keys = KeyManagementServer::new(KeyManagement(Arc::clone(&signer)))
        .max_decoding_message_size(MAX_MESSAGE_BYTES);
    let signing = SignerServer::new(Signing(Arc::clone(&signer)))
        .max_decoding_message_size(MAX_MESSAGE_BYTES);
    let health = HealthServer::new(HealthService(Arc::clone(&signer)));
    let body = |request: Request| request.map(tonic::body::Body::new);
    Router::new()
        .route_service("/proto.KeyManagement/{*method}", keys.map_request(body))
        .route_service("/proto.Signer/{*method}", signing.map_request(body))
        .layer(from_fn_with_state(Places::new(limits), bound))
        .route_service("/grpc.health.v1.Health/{*method}", health.map_request(body))
        .fallback(unknown_service)
        .layer(from_fn_with_state(Arc::clone(&signer), gate))
        .layer(from_fn_with_state(signer, metrics::calls))
}

/// Lets through what is gRPC, from whom may ask.
async fn gate(State(signer): State<Arc<Signer>>, request: Request, next: Next) -> Response {
    if request.method() != Method::POST {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let kind = request.headers().get(CONTENT_TYPE);
    if !kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc")) {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    if let Err(refused) = signer.terms().clients.admit(request.extensions()) {
        return refused.into_http();
    }
    let response = next.run(request).await;
    // Nothing here has this code; the library gives it to a message that is too long.
    let too_long = response.headers().get("grpc-status").is_some_and(|code| code == "11");
    debug_assert_eq!(Code::OutOfRange as i32, 11);
    if too_long { refusal::too_long().into_http() } else { response }
}

async fn unknown_service(request: Request) -> Response<Body> {
    let path = request.uri().path().trim_start_matches('/');
    let service = path.rsplit_once('/').map_or(path, |(service, _)| service);
    Status::unimplemented(format!("unknown service {service}")).into_http()
}
