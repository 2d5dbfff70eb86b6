//! Tokens in their compact form, good and damaged.

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::keys::Key;

/// A token that is not signed yet: header and claims as the text that will be signed.
#[derive(Clone, Debug)]
pub(crate) struct Jws {
    pub(crate) header: Map<String, Value>,
    pub(crate) claims: Map<String, Value>,
}

impl Jws {
    /// One with these claims, for `key`, which its header does not name.
    pub(crate) fn of(key: &Key, claims: &Value) -> Self {
        let mut header = Map::new();
        header.insert("typ".to_owned(), "JWT".into());
        header.insert("alg".to_owned(), key.kind.algorithm().into());
        Self { header, claims: claims.as_object().cloned().unwrap_or_default() }
    }

    /// The same with a member of the header set.
    pub(crate) fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    /// The same without a member of the header.
    pub(crate) fn without_header(mut self, name: &str) -> Self {
        self.header.remove(name);
        self
    }

    /// The same naming `key` by its ID.
    pub(crate) fn kid(self, key: &Key) -> Self {
        self.header("kid", key.id())
    }

    /// The same with a claim set.
    pub(crate) fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// The same without a claim.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// The text that is signed.
    pub(crate) fn signed_text(&self) -> String {
        let text = |map: &Map<String, Value>| base64url(Value::from(map.clone()).to_string());
        format!("{}.{}", text(&self.header), text(&self.claims))
    }

    /// The whole token.
    pub(crate) fn sign(&self, key: &Key) -> Result<String> {
        sign_text(&self.signed_text(), key)
    }

    /// The whole token, with a signature of any bytes.
    pub(crate) fn with_signature(&self, signature: &[u8]) -> String {
        format!("{}.{}", self.signed_text(), base64url(signature))
    }

    /// The whole token whose claims are this text, whatever it is.
    pub(crate) fn sign_claims(&self, claims: &str, key: &Key) -> Result<String> {
        let header = base64url(Value::from(self.header.clone()).to_string());
        sign_text(&format!("{header}.{}", base64url(claims)), key)
    }

    /// The whole token whose header is this text, whatever it is.
    pub(crate) fn sign_header(&self, header: &str, key: &Key) -> Result<String> {
        let claims = base64url(Value::from(self.claims.clone()).to_string());
        sign_text(&format!("{}.{claims}", base64url(header)), key)
    }

    /// The whole token in base64 with padding, signed over the padded text.
    pub(crate) fn sign_padded(&self, key: &Key) -> Result<String> {
        let padded = |part: &str| format!("{part}{}", "=".repeat((4 - part.len() % 4) % 4));
        let text = self.signed_text().split('.').map(padded).collect::<Vec<_>>().join(".");
        let signature = base64url(key.sign(text.as_bytes())?);
        Ok(format!("{text}.{}", padded(&signature)))
    }
}

/// Appends the signature to a text of two parts.
fn sign_text(text: &str, key: &Key) -> Result<String> {
    Ok(format!("{text}.{}", base64url(key.sign(text.as_bytes())?)))
}

/// As the parts of a token are written.
pub(crate) fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The three parts of a token.
pub(crate) fn cut(token: &str) -> [&str; 3] {
    let mut parts = token.splitn(3, '.');
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}
