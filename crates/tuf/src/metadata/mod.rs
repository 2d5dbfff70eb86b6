//! The documents: their outer form, their signed parts, and the raw bytes beside the parsed view.
//!
//! Nothing in here believes anything: reading checks shape and structure only. What a document
//! says counts once [`crate::verify`] has made it a `Verified` one.
//!
//! Source: server spec 3.1, 3.2.

mod draft;
mod file_meta;
mod key_map;
mod limits;
mod root;
mod snapshot;
mod targets;
mod timestamp;

use bytes::Bytes;
use serde_json::Value;

use crate::json::{JsonError, Object};
use crate::keys::{KeyId, SignatureMethod};
use crate::names::{RoleName, Version};
use crate::reason::{Reason, StructureFault};
use crate::time::Expires;

pub use draft::{Draft, DraftSignature};
pub use file_meta::FileMeta;
pub use limits::{DocumentLimits, MAX_DEPTH, OverLimit, Size};
pub use root::Root;
pub use snapshot::Snapshot;
pub use targets::{Delegation, Target, Targets};
pub use timestamp::Timestamp;

/// A document's outer form: the exact bytes, the signed part as a JSON value, the signatures.
#[derive(Clone, Debug)]
pub struct Envelope {
    raw: Bytes,
    signed: Value,
    signatures: Vec<Signature>,
    trailing: Option<u8>,
    claimed_version: i64,
}

/// One signature of a document, as stated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Which key is said to have made it.
    pub key_id: KeyId,
    /// How it is said to be made.
    pub method: SignatureMethod,
    /// The signature's bytes.
    pub bytes: Vec<u8>,
}

impl Envelope {
    /// Reads the outer form, and of the signed part just enough to know version, type and expiry.
    ///
    /// Bytes behind the JSON value are not refused here but by [`Envelope::refuse_trailing`]:
    /// Notary notices them later than a syntax error, and as another error.
    ///
    /// # Errors
    /// [`JsonError`] when the bytes do not begin with a JSON object of this form.
    pub fn parse(raw: Bytes) -> Result<Self, JsonError> {
        let mut values = serde_json::Deserializer::from_slice(&raw).into_iter::<Value>();
        let mut document = match values.next() {
            Some(Ok(value)) => value,
            Some(Err(_)) | None => return Err(JsonError::Syntax),
        };
        let rest = raw.get(values.byte_offset()..).unwrap_or_default();
        let trailing =
            rest.iter().copied().find(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
        let outer = Object::new(&document, "document", &["signatures", "signed"])?;
        let signatures =
            outer.list("signatures")?.iter().map(read_signature).collect::<Result<_, _>>()?;
        let claimed_version = match outer.get("signed") {
            Some(signed) => read_common(signed)?.1,
            None => 0,
        };
        let signed = document.get_mut("signed").map(Value::take).unwrap_or_default();
        Ok(Self { raw, signed, signatures, trailing, claimed_version })
    }

    /// Passes a document with nothing but white space behind it.
    ///
    /// # Errors
    /// [`JsonError::Trailing`] otherwise.
    pub fn refuse_trailing(&self) -> Result<&Self, JsonError> {
        match self.trailing {
            None => Ok(self),
            Some(byte) => Err(JsonError::Trailing(byte)),
        }
    }

    /// The exact bytes.
    #[must_use]
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// The version that the document states, unchecked; 0 when it states none.
    #[must_use]
    pub fn claimed_version(&self) -> i64 {
        self.claimed_version
    }

    pub(crate) fn signed(&self) -> &Value {
        &self.signed
    }

    pub(crate) fn signatures(&self) -> &[Signature] {
        &self.signatures
    }
}

/// A type of document.
pub trait Document: Sized {
    /// Reads the signed part of `role`'s document: its members, then the rules of its structure.
    ///
    /// # Errors
    /// [`Reason`] that names the first member or rule that is wrong.
    fn read(role: &RoleName, signed: &Value) -> Result<Self, Reason>;

    /// What every document states.
    fn header(&self) -> &Header;
}

/// What every document states of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its version.
    pub version: Version,
    /// When it expires.
    pub expires: Expires,
}

/// Members that [`Header`] is read from.
const HEADER_MEMBERS: [&str; 3] = ["_type", "expires", "version"];

impl Header {
    /// Reads the header and checks type and version, in this order.
    fn read(role: &RoleName, signed: &Value, expected: &'static str) -> Result<Self, Reason> {
        let (found, number, expires) = read_common(signed)?;
        let fault = |fault| Reason::Structure { role: role.clone(), fault };
        if found != expected {
            return Err(fault(StructureFault::Type { expected, found: found.to_owned() }));
        }
        if number < 1 {
            return Err(fault(StructureFault::Version));
        }
        let version = Version::new(number).ok_or(Reason::VersionTooHigh(number))?;
        Ok(Self { version, expires })
    }
}

fn read_common(signed: &Value) -> Result<(&str, i64, Expires), JsonError> {
    let object = Object::new(signed, "signed", &HEADER_MEMBERS)?;
    let kind = object.text("_type")?;
    let expires = match object.get("expires") {
        None => Expires::absent(),
        Some(value) => value
            .as_str()
            .and_then(Expires::parse)
            .ok_or_else(|| crate::json::wrong_type("expires", "an RFC 3339 time"))?,
    };
    Ok((kind, object.integer("version")?, expires))
}

fn read_signature(value: &Value) -> Result<Signature, JsonError> {
    let object = Object::new(value, "signature", &["keyid", "method", "sig"])?;
    Ok(Signature {
        key_id: KeyId::claimed(object.text("keyid")?),
        method: SignatureMethod::parse(object.text("method")?),
        bytes: object.base64("sig")?,
    })
}
