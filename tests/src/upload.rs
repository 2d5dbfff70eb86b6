//! Publishes without a client: forged collections for a running server, and the bodies that carry
//! them.
//!
//! What never comes in: what the server must say to them.

use anyhow::{Result, ensure};
use chrono::{DateTime, Utc};
use countersign_forge::repository::{Repository, ServerKeys};
use http::{HeaderValue, Method};
use serde_json::Value;

use crate::wire::{Answer, Wire};

/// The content type of [`form`].
pub const CONTENT_TYPE: &str = "multipart/form-data; boundary=edge";

/// The seed of forged collections.
const SEED: u64 = 11;

/// A collection that was never published, with the timestamp key that the server offers for it;
/// its owner holds the snapshot key.
///
/// # Errors
/// The server offers no key.
pub async fn collection(wire: &Wire, gun: &str) -> Result<Repository> {
    let timestamp = server_key(wire, gun, "timestamp").await?;
    Ok(Repository::new(gun, SEED, now(), &ServerKeys { timestamp, snapshot: None }))
}

/// The same with the snapshot key in the server's hands.
///
/// # Errors
/// The server does not offer both keys.
pub async fn collection_with_server_snapshot(wire: &Wire, gun: &str) -> Result<Repository> {
    let timestamp = server_key(wire, gun, "timestamp").await?;
    let snapshot = Some(server_key(wire, gun, "snapshot").await?);
    Ok(Repository::new(gun, SEED, now(), &ServerKeys { timestamp, snapshot }))
}

/// The machine's clock, which the servers under test run on.
#[expect(clippy::disallowed_methods, reason = "a test of a real process")]
#[must_use]
pub fn now() -> DateTime<Utc> {
    Utc::now()
}

/// The public key that the server offers for a role of a GUN.
///
/// # Errors
/// It offers none.
pub async fn server_key(wire: &Wire, gun: &str, role: &str) -> Result<Value> {
    let answer = wire.document(gun, &format!("{role}.key")).await?;
    ensure!(answer.status == 200, "no key: {answer:?}");
    Ok(serde_json::from_slice(&answer.body)?)
}

/// Publishes parts (role name and bytes) to a GUN.
///
/// # Errors
/// No answer came.
pub async fn publish(wire: &Wire, gun: &str, parts: &[(String, Vec<u8>)]) -> Result<Answer> {
    let content_type = HeaderValue::from_static(CONTENT_TYPE);
    wire.send(Method::POST, &publish_path(gun), Some(&content_type), form(parts)).await
}

/// Where a GUN is published.
#[must_use]
pub fn publish_path(gun: &str) -> String {
    format!("/v2/{gun}/_trust/tuf/")
}

/// Parts (role name and bytes) as the body of a publish.
#[must_use]
pub fn form(parts: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (role, bytes) in parts {
        let disposition = format!("form-data; name=\"files\"; filename=\"{role}\"");
        body.extend(part(disposition.as_bytes(), bytes));
    }
    body.extend(b"--edge--\r\n");
    body
}

/// One part with a `Content-Disposition` of these bytes.
#[must_use]
pub fn part(disposition: &[u8], bytes: &[u8]) -> Vec<u8> {
    [b"--edge\r\nContent-Disposition: ", disposition, b"\r\n\r\n", bytes, b"\r\n"].concat()
}
