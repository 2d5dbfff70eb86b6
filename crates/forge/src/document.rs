//! One signed document as it travels: the text of `signed` and the signatures over it.

use serde_json::Value;

use crate::canonical;
use crate::key::Key;

/// A document: the text of its `signed` member and its signatures.
///
/// `signed` is text, not a value, so that a fault may write what no value can hold (a member
/// twice, `1e3`, whitespace).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The JSON text of the `signed` member.
    pub signed: String,
    /// The elements of the `signatures` member.
    pub signatures: Vec<Value>,
    /// What travels instead of the two members above, for faults outside them.
    pub bytes_instead: Option<Vec<u8>>,
}

impl Document {
    /// A document without signatures.
    #[must_use]
    pub fn unsigned(signed: &Value) -> Self {
        Self { signed: signed.to_string(), signatures: Vec::new(), bytes_instead: None }
    }

    /// `signed` as a value; null when the text is no JSON.
    #[must_use]
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.signed).unwrap_or_default()
    }

    /// The version it states; 0 when it states none.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.value().get("version").and_then(Value::as_u64).unwrap_or(0)
    }

    /// The message that its signatures cover.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        canonical::to_bytes(&self.value())
    }

    /// Changes `signed`. The signatures stay, and no longer fit.
    pub fn edit(&mut self, change: impl FnOnce(&mut Value)) {
        self.bytes_instead = None;
        let mut value = self.value();
        change(&mut value);
        self.signed = value.to_string();
    }

    /// Replaces all signatures by one of each of `keys`.
    pub fn sign<'a>(&mut self, keys: impl IntoIterator<Item = &'a Key>) {
        let message = self.message();
        self.signatures = keys.into_iter().map(|key| key.signature(&message)).collect();
    }

    /// The bytes as a client writes them: no whitespace, `signed` first.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        if let Some(bytes) = &self.bytes_instead {
            return bytes.clone();
        }
        let signatures = Value::Array(self.signatures.clone());
        format!(r#"{{"signed":{},"signatures":{signatures}}}"#, self.signed).into_bytes()
    }
}
