//! The body of a `POST`: a short form.

use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::header;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::error::TokenFault;
use crate::limits::Limits;

/// The most bytes of a form: a hundred scopes with long names fit.
const MAX_BYTES: usize = 64 << 10;

const CONTENT_TYPE: &str = "application/x-www-form-urlencoded";

/// The whole body, wiped when dropped.
pub(super) async fn read(
    request: Request,
    limits: &Limits,
) -> Result<Zeroizing<Vec<u8>>, TokenFault> {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    let media_type = content_type
        .and_then(|value| value.to_str().ok()?.split(';').next())
        .is_some_and(|value| value.trim().eq_ignore_ascii_case(CONTENT_TYPE));
    if !media_type {
        return Err(TokenFault::NoForm);
    }
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > MAX_BYTES) {
        return Err(TokenFault::TooLarge);
    }
    match timeout(limits.body_pause, to_bytes(request.into_body(), MAX_BYTES)).await {
        Ok(Ok(bytes)) => Ok(Zeroizing::new(bytes.to_vec())),
        Ok(Err(_)) => Err(TokenFault::TooLarge),
        Err(_) => Err(TokenFault::TooSlow),
    }
}
