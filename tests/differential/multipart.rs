//! Bodies of publishes, in the form of Go's multipart writer, and oddities of that form.

use http::Method;

use crate::exchange::Call;

pub(crate) const BOUNDARY: &str = "689e6360c1a24f0e8b7d5c3a";

/// A publish of `parts` (role and bytes) to `gun`, as the clients send it.
pub(crate) fn publish(gun: &str, parts: &[(String, Vec<u8>)]) -> Call {
    body(gun, form(parts))
}

/// A multipart POST with the given body.
pub(crate) fn body(gun: &str, body: Vec<u8>) -> Call {
    Call {
        method: Method::POST,
        target: format!("/v2/{gun}/_trust/tuf/"),
        content_type: Some(format!("multipart/form-data; boundary={BOUNDARY}")),
        body,
    }
}

/// The body that holds `parts`.
pub(crate) fn form(parts: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (role, bytes) in parts {
        let disposition = format!(r#"form-data; name="files"; filename="{role}""#);
        out.extend(part(&disposition, bytes));
    }
    out.extend(format!("--{BOUNDARY}--\r\n").bytes());
    out
}

/// One part with a `Content-Disposition` of the given text.
pub(crate) fn part(disposition: &str, bytes: &[u8]) -> Vec<u8> {
    let mut out = format!(
        "--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\
         Content-Type: application/octet-stream\r\n\r\n"
    )
    .into_bytes();
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
    out
}
