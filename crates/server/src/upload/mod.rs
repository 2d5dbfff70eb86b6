//! A publish as it comes in: multipart to named, parsed parts, under limits.
//!
//! Source: server spec 1.6 (format, order of checks), contract section 2 (limits). Field names and
//! the parts' content types are ignored; the file name is the role.

mod body;

use std::error::Error;

use axum::body::Bytes;
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{DefaultBodyLimit, FromRequest as _, Multipart, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use bytes::BytesMut;

use crate::error::ApiError;
use crate::limits::Limits;
use body::{BodyFault, LimitedBody};
use countersign_trust::TrustError;
use countersign_tuf::metadata::{DocumentLimits, OverLimit, Size, Unreadable};
use countersign_tuf::names::RoleName;
use countersign_tuf::rules::UploadedPart;
use tokio::task::spawn_blocking;

/// The parts of an upload, in the order sent. The first bad part ends it.
///
/// # Errors
/// [`ApiError`] as spec 1.6 has it, 413 over a limit, 408 when the body comes too slowly.
pub(crate) async fn read(request: Request, limits: &Limits) -> Result<Vec<UploadedPart>, ApiError> {
    if announced_length(request.headers()).is_some_and(|length| length > limits.body_bytes) {
        return Err(ApiError::TooLarge("the body"));
    }
    let (head, body) = request.into_parts();
    let body = LimitedBody::new(body, limits);
    let outcome = read_parts(head, &body, limits).await;
    match &outcome {
        Ok(_) | Err(ApiError::BodyTooSlow) => {}
        Err(_) => body.discard(limits.part_bytes).await,
    }
    outcome
}

/// Reads and forgets the beginning of a body that nobody wants, under the limits of an upload.
pub(crate) async fn discard(request: Request, limits: &Limits) {
    LimitedBody::new(request.into_body(), limits).discard(limits.part_bytes).await;
}

fn announced_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn read_parts(
    mut head: Parts,
    body: &LimitedBody,
    limits: &Limits,
) -> Result<Vec<UploadedPart>, ApiError> {
    take_mixed_as_form_data(&mut head.headers);
    let mut request = Request::from_parts(head, body.to_body());
    DefaultBodyLimit::disable().apply(&mut request);
    let Ok(mut multipart) = Multipart::from_request(request, &()).await else {
        return Err(ApiError::MalformedUpload);
    };
    let mut parts = Vec::new();
    let mut document = limits.document;
    loop {
        body.expect_headers(limits.part_header_bytes);
        let Some(field) = multipart.next_field().await.map_err(unreadable)? else {
            return Ok(parts);
        };
        if parts.len() >= limits.parts {
            return Err(ApiError::TooLarge("the number of parts"));
        }
        if header_bytes(field.headers()) > limits.part_header_bytes {
            return Err(ApiError::TooLarge("the headers of a part"));
        }
        body.expect_content();
        let role = role_of(field.file_name())?;
        let content = read_content(field, limits).await?;
        let (part, size) = parse(role, content, document).await?;
        document.values = document.values.saturating_sub(size.values);
        parts.push(part);
    }
}

/// Reads the document of a part; a large one off the threads that serve requests.
async fn parse(
    role: RoleName,
    content: Bytes,
    limits: DocumentLimits,
) -> Result<(UploadedPart, Size), ApiError> {
    /// What takes about as long as two signatures that are verified.
    const LARGE: usize = 256 * 1024;
    let large = content.len() >= LARGE;
    let read = move || UploadedPart::parse_within(role, content, &limits).map_err(unreadable_part);
    if !large {
        return read();
    }
    match spawn_blocking(read).await {
        Ok(parsed) => parsed,
        Err(failed) => match failed.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(ApiError::Publish(TrustError::ShuttingDown)),
        },
    }
}

/// Notary takes `multipart/mixed` too; the reader behind this knows only the other name.
fn take_mixed_as_form_data(headers: &mut HeaderMap) {
    const MIXED: &str = "multipart/mixed";
    let form_data = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_at_checked(MIXED.len()))
        .filter(|(start, _)| start.eq_ignore_ascii_case(MIXED))
        .and_then(|(_, rest)| HeaderValue::try_from(format!("multipart/form-data{rest}")).ok());
    if let Some(form_data) = form_data {
        headers.insert(header::CONTENT_TYPE, form_data);
    }
}

/// Counted as they stand on the wire, with colon, blank and line end.
fn header_bytes(headers: &HeaderMap) -> u64 {
    const AROUND: usize = 4;
    let lines = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + AROUND);
    u64::try_from(lines.sum::<usize>()).unwrap_or(u64::MAX)
}

/// The role that a part is for: its file name, whole, without one `.json` at the end.
fn role_of(file_name: Option<&str>) -> Result<RoleName, ApiError> {
    let name = file_name.unwrap_or_default();
    let name = name.strip_suffix(".json").unwrap_or(name);
    if name.is_empty() {
        return Err(ApiError::NoFilename);
    }
    RoleName::parse(name).map_err(|_| ApiError::InvalidRole(name.to_owned()))
}

async fn read_content(mut field: Field<'_>, limits: &Limits) -> Result<Bytes, ApiError> {
    let mut content = BytesMut::new();
    while let Some(piece) = field.chunk().await.map_err(unreadable)? {
        let length = u64::try_from(content.len().saturating_add(piece.len())).unwrap_or(u64::MAX);
        if length > limits.part_bytes {
            return Err(ApiError::TooLarge("the size of a part"));
        }
        content.extend_from_slice(&piece);
    }
    Ok(content.freeze())
}

/// Nesting is a fault of the JSON; there is a depth at which its parser gives up by itself.
#[expect(clippy::needless_pass_by_value, reason = "the signature that map_err wants")]
fn unreadable_part(fault: Unreadable) -> ApiError {
    let Unreadable::OverLimit(over) = fault else { return ApiError::MalformedJson };
    match over {
        OverLimit::Depth => ApiError::MalformedJson,
        OverLimit::Keys => ApiError::TooLarge("the number of keys of a document"),
        OverLimit::Roles => ApiError::TooLarge("the number of roles of a document"),
        OverLimit::Signatures => ApiError::TooLarge("the number of signatures of a document"),
        OverLimit::Values => ApiError::TooLarge("the number of JSON values"),
    }
}

/// What stopped the reader: one of our limits, somewhere among its causes, or bad multipart.
#[expect(clippy::needless_pass_by_value, reason = "the signature that map_err wants")]
fn unreadable(error: MultipartError) -> ApiError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(error) = cause {
        match error.downcast_ref::<BodyFault>() {
            Some(BodyFault::TooLarge(limit)) => return ApiError::TooLarge(limit),
            Some(BodyFault::TooSlow) => return ApiError::BodyTooSlow,
            Some(BodyFault::Broken(_)) => return ApiError::MalformedUpload,
            None => cause = error.source(),
        }
    }
    ApiError::MalformedUpload
}

/// The parts of the body of a publish, in the order sent: multipart taken apart, and each document
/// measured and parsed, under the limits of a server. What is done with them is not decided here,
/// and who sent them is not asked.
///
/// # Errors
/// [`UnreadableUpload`] for what a server refuses before it judges anything.
pub async fn read_upload(
    request: Request,
    limits: &Limits,
) -> Result<Vec<UploadedPart>, UnreadableUpload> {
    read(request, limits).await.map_err(UnreadableUpload)
}

/// A body that no publish can be read from.
#[derive(Debug, thiserror::Error)]
#[error("the upload cannot be read: {0:?}")]
pub struct UnreadableUpload(ApiError);

#[cfg(test)]
mod tests;
