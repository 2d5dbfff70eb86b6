//! What of an answer is compared, with everything left out that may differ.

use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use serde_json::{Value, json};

use crate::exchange::Reply;

/// One server's answer in comparable form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// `None`: the connection was dropped.
    pub(crate) status: Option<u16>,
    /// `code` of the error envelope.
    pub(crate) code: Option<String>,
    /// `message` of the error envelope.
    pub(crate) message: Option<String>,
    /// `detail` of the error envelope; `None` when it is not there.
    pub(crate) detail: Option<Value>,
    /// Of errors: the content type. Of redirects: where to.
    pub(crate) header: Option<String>,
    /// Whether there is a `Cache-Control`.
    pub(crate) cached: bool,
    /// What is compared of a body that is no error envelope.
    pub(crate) body: Value,
}

/// What a successful answer's body holds, and so how it is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Rows of the changefeed: without IDs and times.
    Changes,
    /// A document: its type and version.
    Document,
    /// A server-held key: its type.
    Key,
    /// Anything else: the body itself.
    Plain,
}

impl Outcome {
    pub(crate) fn of(reply: &Reply, content: Content) -> Self {
        let mut outcome = Self {
            status: None,
            code: None,
            message: None,
            detail: None,
            header: None,
            cached: false,
            body: Value::Null,
        };
        let Reply::Answer { status, headers, body } = reply else { return outcome };
        let header = |name| headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        outcome.status = Some(*status);
        outcome.cached = headers.contains_key(CACHE_CONTROL);
        let parsed = serde_json::from_slice(body).ok();
        match parsed.as_ref().and_then(envelope) {
            Some(error) => {
                let text = |name: &str| error.get(name).and_then(Value::as_str).map(str::to_owned);
                outcome.code = text("code");
                outcome.message = text("message");
                outcome.detail = error.get("detail").map(normalised);
                outcome.header = header(CONTENT_TYPE);
            }
            None => {
                outcome.header = header(LOCATION);
                outcome.body = summary(content, body, parsed);
            }
        }
        outcome
    }

    /// The `Msg` of a refused update; empty for any other answer.
    pub(crate) fn msg(&self) -> &str {
        self.refusal("/Error/Msg")
    }

    /// The kind of a refused update (`ErrBadRoot`); empty for any other answer.
    pub(crate) fn kind(&self) -> &str {
        self.refusal("/Name")
    }

    fn refusal(&self, pointer: &str) -> &str {
        let refused = self.status == Some(400) && self.is_code("INVALID_UPDATE");
        let detail = self.detail.as_ref().filter(|_| refused);
        detail.and_then(|detail| detail.pointer(pointer)?.as_str()).unwrap_or_default()
    }

    /// Whether the error's detail is an object with this member.
    pub(crate) fn detail_has(&self, member: &str) -> bool {
        self.detail.as_ref().is_some_and(|detail| detail.get(member).is_some())
    }

    /// The same with the blanks taken off that PostgreSQL puts into an empty digest of a change.
    pub(crate) fn without_padding(&self) -> Self {
        let mut trimmed = self.clone();
        let records = trimmed.body.get_mut("records").and_then(Value::as_array_mut);
        for record in records.into_iter().flatten() {
            if let Some(Value::String(digest)) = record.get_mut("SHA256") {
                *digest = digest.trim_end().to_owned();
            }
        }
        trimmed
    }

    pub(crate) fn is_ok(&self) -> bool {
        self.status == Some(200)
    }

    pub(crate) fn is_code(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    pub(crate) fn dropped(&self) -> bool {
        self.status.is_none()
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some(status) = self.status else { return f.write_str("dropped") };
        write!(f, "{status}")?;
        if let Some(code) = &self.code {
            write!(f, " {code}")?;
        }
        if let Some(detail) = &self.detail {
            write!(f, " {detail}")?;
        }
        if self.body != Value::Null {
            write!(f, " body {}", self.body)?;
        }
        if self.cached {
            f.write_str(" cached")?;
        }
        match &self.header {
            Some(header) if header != "application/json; charset=utf-8" => write!(f, " [{header}]"),
            _ => Ok(()),
        }
    }
}

/// The one element of an error envelope.
fn envelope(body: &Value) -> Option<&Value> {
    match body.get("errors")?.as_array()?.as_slice() {
        [only] => Some(only),
        _ => None,
    }
}

/// Where both digests of a document are wrong, Go names either of them.
const CHECKSUMS: [&str; 2] = ["sha256 checksum for ", "sha512 checksum for "];

/// `value` with hex numbers of 64 and 128 digits hidden: key IDs and digests differ with the
/// servers' keys.
fn normalised(value: &Value) -> Value {
    match value {
        Value::String(text) => {
            let text = hide_hex(text);
            let mismatch = CHECKSUMS.iter().find_map(|start| text.strip_prefix(start));
            match mismatch.and_then(|rest| rest.split_once(": expected")) {
                Some((of, _)) => json!(format!("a checksum for {of}")),
                None => json!(text),
            }
        }
        Value::Array(items) => items.iter().map(normalised).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, member)| (name.clone(), normalised(member))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn hide_hex(text: &str) -> String {
    let mut out = String::new();
    let mut run = String::new();
    for letter in text.chars().chain([' ']) {
        if letter.is_ascii_hexdigit() && !letter.is_ascii_uppercase() {
            run.push(letter);
            continue;
        }
        out.push_str(match run.len() {
            64 => "<hex64>",
            128 => "<hex128>",
            _ => &run,
        });
        run.clear();
        out.push(letter);
    }
    out.pop();
    out
}

fn summary(content: Content, body: &[u8], parsed: Option<Value>) -> Value {
    let Some(parsed) = parsed else {
        // Go stores and serves text that a strict reader refuses.
        let text = String::from_utf8_lossy(body);
        return if content == Content::Document { json!({"text": text}) } else { json!(text) };
    };
    let member = |pointer: &str| parsed.pointer(pointer).cloned().unwrap_or_default();
    match content {
        Content::Plain => parsed,
        Content::Key => {
            json!({"keytype": member("/keytype"), "private": member("/keyval/private")})
        }
        Content::Document => json!({"_type": member("/signed/_type"),
                                    "version": member("/signed/version")}),
        Content::Changes => {
            let mut changes = parsed.clone();
            let records = changes.get_mut("records").and_then(Value::as_array_mut);
            for record in records.into_iter().flatten() {
                forget_what_differs(record);
            }
            changes
        }
    }
}

/// Of IDs and times only their type is compared; of digests, whether there is one.
fn forget_what_differs(record: &mut Value) {
    let Some(members) = record.as_object_mut() else { return };
    for name in ["ID", "CreatedAt"] {
        if let Some(member @ Value::String(_)) = members.get_mut(name) {
            *member = json!("text");
        }
    }
    if let Some(Value::String(digest)) = members.get_mut("SHA256") {
        *digest = hide_hex(digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_runs_of_64_digits_are_hidden() {
        let digest = "ab".repeat(32);
        assert_eq!(hide_hex(&format!("expected {digest}")), "expected <hex64>");
        assert_eq!(hide_hex(&format!("{digest}0, dead")), format!("{digest}0, dead"));
        assert_eq!(hide_hex(""), "");
    }
}
